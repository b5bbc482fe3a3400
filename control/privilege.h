// SPDX-License-Identifier: BSD-3-Clause
// Whether this process may do what a kind of port needs: asked when a port is
// added, so that the daemon itself starts without privilege.
#pragma once

#include "schemas/rpc_gen.h"

// 0, or -EPERM with a sentence that names what is missing and how to get it.
int privilege_check(enum rpc_port_kind, const char *port, char *error);
