// SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause)
// A sender whose VLAN tag travels beside the frame, in the kernel's metadata, as that of an
// 802.1Q device does; for kernels without such devices. tc egress: a packet whose mark has bit 16
// set gets the low 16 bits as its tag (the priority and the VLAN).
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

SEC("tc")
int vlan_push(struct __sk_buff *skb)
{
	if (skb->mark & (1 << 16))
		bpf_skb_vlan_push(skb, bpf_htons(0x8100), skb->mark & 0xffff);
	return TC_ACT_OK;
}

char _license[] SEC("license") = "Dual BSD/GPL";
