// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What the XDP programs of switched and routed ports have in common: the sockets of the receive
// queues, and how a frame gets to one.
#pragma once

#include "bpf/vmlinux.h"

#include <bpf/bpf_helpers.h>

#include "bpf/shared.h"

#define ETHERNET_HEADER_SIZE 14

extern int bpf_xdp_metadata_rx_vlan_tag(
	const struct xdp_md *ctx, __be16 *vlan_proto, __u16 *vlan_tci) __ksym __weak;

struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, ADMIT_QUEUES_MAX);
	__type(key, __u32);
	__type(value, __u32);
} sockets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, ADMIT_QUEUES_MAX);
	__type(key, __u32);
	__type(value, struct admit_watch);
} watches SEC(".maps");

// To the queue's socket, unless its worker stands still: a frame that waits longer than stall_ns
// for it is stale, and what comes then is refused, but for one in let_ns, which wakes a worker that
// missed the one before. `refused`: what becomes of a frame that no socket takes.
static __always_inline int hand_over(
	struct xdp_md *ctx, struct admit_watch *w, __u64 stall_ns, __u64 let_ns, int refused)
{
	__u64 now = bpf_ktime_get_coarse_ns();
	__u64 first = w->first_pending;

	if (!first) {
		w->first_pending = now;
	} else if (now - first > stall_ns && now > first) {
		if (now - w->let_through < let_ns) {
			w->stalled++;
			return refused;
		}
		w->let_through = now;
	}
	if (bpf_redirect_map(&sockets, ctx->rx_queue_index, refused) != refused)
		return XDP_REDIRECT;
	w->first_pending = 0; // nobody owes anything
	w->unserved++;
	return refused;
}
