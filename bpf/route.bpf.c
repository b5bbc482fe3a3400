// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// XDP on a routed port's netdev, which stays the kernel's own interface. Taken is only what is
// certainly transit that the kernel would forward by its destination: untagged unicast IPv4 or IPv6
// to the interface's MAC, without options, of a family that control switched on, to an address that
// is neither this machine's nor left to the kernel. All else passes, and so does everything while
// the worker does not look at the queue: a routed port fails open.
//
// Two programs, as in admit.bpf.c: the first also sees a VLAN tag that the sender's kernel keeps
// beside the frame.
#include "bpf/vmlinux.h"

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "bpf/queue.h"

#define IPV4_HEADER_SIZE 20
#define IPV6_HEADER_SIZE 40
#define ETHERTYPE_IPV4   0x0800
#define ETHERTYPE_IPV6   0x86dd
#define ETHERTYPE_VLAN   0x8100
#define ETHERTYPE_QINQ   0x88a8
#define NEXT_HOP_BY_HOP  0
#define NEXT_ICMPV6      58
#define FAMILY_IPV4      2
#define FAMILY_IPV6      10

const volatile __u64 stall_ns; // a frame that waits longer for the worker is stale
const volatile __u64 let_ns;   // how often a stalled queue is given a frame, to wake its worker

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, ADMIT_QUEUES_MAX);
	__type(key, __u32);
	__type(value, struct route_passed);
} passed SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct route_interface);
} interface SEC(".maps");

// The rest belongs to the daemon, one for all ports: dataplane/port/admission.c makes them.
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct route_shared);
} shared SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, struct route_key4);
	__type(value, __u8);
} local4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, struct route_key6);
	__type(value, __u8);
} local6 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1);
	__type(key, struct route_left_key);
	__type(value, struct route_left);
} left SEC(".maps");

// Whether the destination was left to the kernel.
static __always_inline int is_left(const struct route_shared *s, struct route_left_key *key)
{
	const struct route_left *l;

	if (s->left_generation != s->generation)
		return 0;
	l = bpf_map_lookup_elem(&left, key);
	return l && l->generation == s->generation && l->until > bpf_ktime_get_coarse_ns();
}

// 0/8, 127/8, and 224/3 with the broadcast address: neither from nor to them is routed.
static __always_inline int is_odd4(__u32 addr)
{
	__u32 first = bpf_ntohl(addr) >> 24;

	return first == 0 || first == 127 || first >= 224;
}

// fe80::/10, ff00::/8, and all that begins with eight zero bytes: ::, ::1, mapped IPv4.
static __always_inline int is_odd6(const __u32 *addr)
{
	__u32 first = bpf_ntohl(addr[0]);

	return first >> 24 == 0xff || first >> 22 == 0xfe80 >> 6 || !(addr[0] | addr[1]);
}

static __always_inline int judge4(const struct route_shared *s, const __u8 *ip, const __u8 *end)
{
	struct route_left_key left_key = {.family = FAMILY_IPV4};
	struct route_key4 key = {.prefix_len = 32};
	__u32 src, dst;

	if (ip + IPV4_HEADER_SIZE > end || ip[0] != 0x45 || ip[8] <= 1)
		return ROUTE_PASS_HEADER;
	__builtin_memcpy(&src, ip + 12, sizeof(src));
	__builtin_memcpy(&dst, ip + 16, sizeof(dst));
	if (is_odd4(src) || is_odd4(dst) || bpf_ntohl(dst) >> 16 == 0xa9fe) // 169.254/16
		return ROUTE_PASS_ADDRESS;
	left_key.addr[0] = dst;
	if (is_left(s, &left_key))
		return ROUTE_PASS_LEFT;
	__builtin_memcpy(key.addr, &dst, sizeof(dst));
	return bpf_map_lookup_elem(&local4, &key) ? ROUTE_PASS_LOCAL : N_ROUTE_PASSES;
}

static __always_inline int is_neighbour_discovery(const __u8 *ip, const __u8 *end)
{
	if (ip[6] != NEXT_ICMPV6)
		return 0;
	if (ip + IPV6_HEADER_SIZE + 1 > end)
		return 1; // so that the kernel judges it
	return ip[IPV6_HEADER_SIZE] >= 133 && ip[IPV6_HEADER_SIZE] <= 137;
}

static __always_inline int judge6(const struct route_shared *s, const __u8 *ip, const __u8 *end)
{
	struct route_left_key left_key = {.family = FAMILY_IPV6};
	struct route_key6 key = {.prefix_len = 128};
	__u32 src[4];

	if (ip + IPV6_HEADER_SIZE > end || ip[0] >> 4 != 6 || ip[7] <= 1 ||
		ip[6] == NEXT_HOP_BY_HOP || is_neighbour_discovery(ip, end))
		return ROUTE_PASS_HEADER;
	__builtin_memcpy(src, ip + 8, sizeof(src));
	__builtin_memcpy(left_key.addr, ip + 24, sizeof(left_key.addr));
	if (is_odd6(src) || is_odd6(left_key.addr))
		return ROUTE_PASS_ADDRESS;
	if (is_left(s, &left_key))
		return ROUTE_PASS_LEFT;
	__builtin_memcpy(key.addr, left_key.addr, sizeof(key.addr));
	return bpf_map_lookup_elem(&local6, &key) ? ROUTE_PASS_LOCAL : N_ROUTE_PASSES;
}

// N_ROUTE_PASSES: ours; else why not.
static __always_inline int judge(struct xdp_md *ctx, int sees_tags)
{
	const __u8 *data = (const __u8 *)(long)ctx->data;
	const __u8 *end = (const __u8 *)(long)ctx->data_end;
	__u32 zero = 0;
	const struct route_interface *own = bpf_map_lookup_elem(&interface, &zero);
	const struct route_shared *s = bpf_map_lookup_elem(&shared, &zero);
	__u32 accelerate;
	__be16 type, proto;
	__u16 tci;
	int verdict;

	if (!own || !s || data + ETHERNET_HEADER_SIZE > end)
		return ROUTE_PASS_HEADER;
	accelerate = *(const volatile __u32 *)&own->accelerate;
	if (!accelerate || *(const volatile __u32 *)s->owner & ROUTE_OWNER_DIED)
		return ROUTE_PASS_OFF;
	if (((*(const __u64 *)data ^ own->mac) & bpf_cpu_to_be64(~0xffffull)) != 0)
		return ROUTE_PASS_MAC;
	type = *(const __be16 *)(data + 12);
	if (type == bpf_htons(ETHERTYPE_VLAN) || type == bpf_htons(ETHERTYPE_QINQ))
		return ROUTE_PASS_TAGGED;
	if (sees_tags && !bpf_xdp_metadata_rx_vlan_tag(ctx, &proto, &tci))
		return ROUTE_PASS_TAGGED;
	if (type == bpf_htons(ETHERTYPE_IPV4)) {
		if (!(accelerate & ROUTE_ACCELERATE4))
			return ROUTE_PASS_OFF;
		verdict = judge4(s, data + ETHERNET_HEADER_SIZE, end);
	} else if (type == bpf_htons(ETHERTYPE_IPV6)) {
		if (!(accelerate & ROUTE_ACCELERATE6))
			return ROUTE_PASS_OFF;
		verdict = judge6(s, data + ETHERNET_HEADER_SIZE, end);
	} else {
		return ROUTE_PASS_NOT_IP;
	}
	return verdict;
}

static __always_inline int route(struct xdp_md *ctx, int sees_tags)
{
	__u32 queue = ctx->rx_queue_index;
	struct admit_watch *w = bpf_map_lookup_elem(&watches, &queue);
	struct route_passed *p = bpf_map_lookup_elem(&passed, &queue);
	int verdict;

	if (!w || !p)
		return XDP_PASS;
	verdict = judge(ctx, sees_tags);
	if (verdict < 0 || verdict >= N_ROUTE_PASSES)
		return hand_over(ctx, w, stall_ns, let_ns, XDP_PASS);
	p->n[verdict]++;
	return XDP_PASS;
}

SEC("xdp.frags")
int garuda_route(struct xdp_md *ctx)
{
	return route(ctx, 1);
}

SEC("xdp.frags")
int garuda_route_as_is(struct xdp_md *ctx)
{
	return route(ctx, 0);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
