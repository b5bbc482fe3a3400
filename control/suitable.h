// SPDX-License-Identifier: BSD-3-Clause
// Which of the kernel's interfaces could be routed ports: for 'port add all --routed'.
// Control thread only.
#pragma once

#include "control/model.h"

// Calls visit() for each interface of our namespace but loopback, by number. reason: why it is
// unsuitable, a sentence's end ("is down"); "" = suitable. 0 or negative errno.
int suitable_interfaces(const struct model *,
	void (*visit)(void *arg, const char *netdev, const char *reason), void *arg);
