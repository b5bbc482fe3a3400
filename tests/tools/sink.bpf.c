// SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause)
// The sink of framegen: tc ingress, counts and drops frames of the generator, known by the first
// four bytes of their source MAC; everything else passes.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

#include "tests/tools/sink.h"

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sink_counts);
} counts SEC(".maps");

SEC("tc")
int sink(struct __sk_buff *skb)
{
	const struct ethhdr *eth = (void *)(long)skb->data;
	struct sink_counts *c;
	__u32 key = 0;

	if ((void *)(eth + 1) > (void *)(long)skb->data_end)
		return TC_ACT_UNSPEC;
	if (eth->h_source[0] != 0x02 || eth->h_source[1] != 0x67 || eth->h_source[2] != 0x65 ||
		eth->h_source[3] != 0x6e)
		return TC_ACT_UNSPEC;
	c = bpf_map_lookup_elem(&counts, &key);
	if (!c)
		return TC_ACT_UNSPEC;
	c->frames++;
	c->bytes += skb->len;
	return TC_ACT_SHOT;
}

char _license[] SEC("license") = "Dual BSD/GPL";
