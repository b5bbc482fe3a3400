// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// tc ingress on the exception TAP: what Garuda writes there goes to the ingress of the interface
// that it came in on, as if the kernel had received it there. Which one, says the outer VLAN tag,
// which the kernel has taken off the frame before it comes here. Nothing else comes in by this
// device.
#include "bpf/vmlinux.h"

#include <bpf/bpf_helpers.h>

#include "bpf/shared.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, EXCEPTION_VLANS);
	__type(key, __u32);
	__type(value, __u32);
} interfaces SEC(".maps");

SEC("tc")
int garuda_exception(struct __sk_buff *skb)
{
	__u32 vlan = skb->vlan_tci & (EXCEPTION_VLANS - 1);
	const __u32 *ifindex = bpf_map_lookup_elem(&interfaces, &vlan);

	if (!skb->vlan_present || !ifindex || !*ifindex || bpf_skb_vlan_pop(skb))
		return TC_ACT_SHOT;
	return (int)bpf_redirect(*ifindex, BPF_F_INGRESS);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
