// SPDX-License-Identifier: BSD-3-Clause
// The port kinds, each defined in the file of its name. For port.c only.
#pragma once

#include "dataplane/port/port.h"

extern const struct port_ops port_ops_af_xdp;
extern const struct port_ops port_ops_tap;
extern const struct port_ops port_ops_memory;
