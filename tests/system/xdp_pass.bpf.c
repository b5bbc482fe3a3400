// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// A foreign XDP program, in the way of a port's own.
#include "bpf/vmlinux.h"

#include <bpf/bpf_helpers.h>

SEC("xdp")
int foreign_xdp(struct xdp_md *ctx)
{
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
