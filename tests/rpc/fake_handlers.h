// SPDX-License-Identifier: BSD-3-Clause
// What the fake handlers saw and have.
#pragma once

#include "schemas/rpc_gen.h"

struct fake {
	unsigned n_calls;               // of handlers that change something, and of port.*
	struct rpc_port_add_params add; // the last
	struct rpc_port ports[64];
	unsigned n_ports;
};

extern struct fake fake;

void fake_reset(void);
