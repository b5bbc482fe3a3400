// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// tc ingress on a switched port's netdev: nothing but the reserved group
// addresses reaches the host's own stack. While XDP diverts the frames this
// program sees none; when the daemon dies it is what remains.
#include "bpf/vmlinux.h"

#include <bpf/bpf_helpers.h>

#include "bpf/reserved.h"
#include "bpf/shared.h"

SEC("tc")
int garuda_guard(struct __sk_buff *skb)
{
	__u8 *data = (__u8 *)(long)skb->data;
	__u8 *end = (__u8 *)(long)skb->data_end;

	if (data + 6 > end || !is_reserved(data))
		return TC_ACT_SHOT;
	return TC_ACT_UNSPEC;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
