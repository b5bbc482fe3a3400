// SPDX-License-Identifier: BSD-3-Clause
// What the handlers share. Each file here holds one noun's handlers, declared by
// schemas/rpc_gen.h; they know parameters and results, never JSON.
#pragma once

#include "control/control.h"

// The port of that name, or NULL after saying that there is none; *err is set then.
struct model_port *method_port(struct rpc_call *, const char *name, int *err);

// Since the last stats.clear; worker -1 = the sum of all.
void method_counters(
	const struct control *, const struct model_port *, int worker, struct port_counters *out);

// Packets that the kernel lost, since the last stats.clear; not by worker.
void method_losses(const struct model_port *, struct port_stats *out);

// Sums over the reasons, ours and the kernel's.
uint64_t method_drops(const struct port_counters *);
uint64_t method_kernel_drops(const struct port_stats *);

// What settings contradict each other; has_vlans: the caller named VLANs. 0, or an error said.
int method_check_port(struct rpc_call *, const struct port_settings *, bool has_vlans);
uint32_t method_learn_limit(uint32_t fdb_limit); // as fdb_set_port_limit() takes it
