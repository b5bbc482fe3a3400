// SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause)
// Makes an interface what an 802.1Q device of VLAN 10 on top of it would be, for kernels
// without such devices: all that leaves gets the tag, which travels beside the frame with offloads
// left as they are, and from what comes in it is taken; frames of other VLANs do not come in.
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define VLAN 10

// tc egress
SEC("tc")
int vlan_device_out(struct __sk_buff *skb)
{
	return bpf_skb_vlan_push(skb, bpf_htons(0x8100), VLAN) ? TC_ACT_SHOT : TC_ACT_OK;
}

// tc ingress
SEC("classifier")
int vlan_device_in(struct __sk_buff *skb)
{
	if (!skb->vlan_present || (skb->vlan_tci & 0xfff) != VLAN)
		return TC_ACT_SHOT;
	return bpf_skb_vlan_pop(skb) ? TC_ACT_SHOT : TC_ACT_OK;
}

char _license[] SEC("license") = "Dual BSD/GPL";
