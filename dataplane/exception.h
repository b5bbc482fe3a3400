// SPDX-License-Identifier: BSD-3-Clause
// The way of single packets from the workers to the kernel.
#pragma once

#include <stdbool.h>

#include "base/net.h"
#include "dataplane/exception_reason.h"
#include "dataplane/packet.h"

struct exception;

// Worker: hands over a packet as it was received. False: no room, or over the port's rate; the
// packet stays the caller's.
bool exception_push(struct exception *, unsigned worker, struct packet *, port_id_t in_port,
	enum exception_reason);
