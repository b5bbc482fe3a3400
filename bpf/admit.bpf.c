// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// XDP on a switched port's netdev: every frame goes to Garuda's socket, but for
// the reserved group addresses, which stay with the netdev. A frame that no
// socket takes is dropped: a switched port fails closed. So is what comes while
// the worker does not look at the queue any more (stopped, or hung): frames must not
// be delivered long after they were sent. A stalled queue is given a frame now and
// then all the same, which wakes a worker that missed the one before.
//
// Two programs: the first also puts back the VLAN tag that the sender's kernel
// keeps beside the frame (veth), which takes a device-bound program and Linux
// 6.8; the second is for devices that keep no such tag, and for generic XDP.
#include "bpf/vmlinux.h"

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "bpf/queue.h"
#include "bpf/reserved.h"

#define MAC_PAIR_SIZE 12
#define VLAN_TAG_SIZE 4

const volatile __u8 bpdu_guard; // BPDUs go to the socket, for the worker to see them
const volatile __u64 stall_ns;  // a frame that waits longer for the worker is stale

static __always_inline int stays_with_netdev(const __u8 *data)
{
	if (!is_reserved(data))
		return 0;
	return !(bpdu_guard && data[5] == 0);
}

// Makes room behind the MAC addresses and writes the tag there. 0, or negative.
static __always_inline int put_tag(struct xdp_md *ctx, __be16 proto, __u16 tci)
{
	__u32 macs[MAC_PAIR_SIZE / 4];
	__u8 *data, *end;

	if (bpf_xdp_adjust_head(ctx, -VLAN_TAG_SIZE))
		return -1;
	data = (__u8 *)(long)ctx->data;
	end = (__u8 *)(long)ctx->data_end;
	if (data + MAC_PAIR_SIZE + VLAN_TAG_SIZE > end)
		return -1;
	__builtin_memcpy(macs, data + VLAN_TAG_SIZE, MAC_PAIR_SIZE);
	__builtin_memcpy(data, macs, MAC_PAIR_SIZE);
	*(__be16 *)(data + MAC_PAIR_SIZE) = proto;
	*(__be16 *)(data + MAC_PAIR_SIZE + 2) = bpf_htons(tci);
	return 0;
}

static __always_inline int count_malformed(struct admit_watch *w)
{
	w->malformed++;
	return XDP_DROP;
}

static __always_inline int admit(struct xdp_md *ctx, int puts_tags)
{
	__u8 *data = (__u8 *)(long)ctx->data;
	__u8 *end = (__u8 *)(long)ctx->data_end;
	__u32 queue = ctx->rx_queue_index;
	struct admit_watch *w = bpf_map_lookup_elem(&watches, &queue);
	__be16 proto;
	__u16 tci;

	if (!w)
		return XDP_DROP;
	if (data + ETHERNET_HEADER_SIZE > end)
		return count_malformed(w);
	if (stays_with_netdev(data))
		return XDP_PASS;
	if (puts_tags && !bpf_xdp_metadata_rx_vlan_tag(ctx, &proto, &tci) &&
		put_tag(ctx, proto, tci))
		return count_malformed(w);
	return hand_over(ctx, w, stall_ns, stall_ns, XDP_DROP);
}

SEC("xdp.frags")
int garuda_admit(struct xdp_md *ctx)
{
	return admit(ctx, 1);
}

SEC("xdp.frags")
int garuda_admit_as_is(struct xdp_md *ctx)
{
	return admit(ctx, 0);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
