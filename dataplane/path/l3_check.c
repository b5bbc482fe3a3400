// SPDX-License-Identifier: BSD-3-Clause
// The checks of an IP header one by one, for what l3_headers.c does not take at first sight.
// In the order of Linux's ip_rcv() and ip6_rcv(), because a packet is dropped here only when the
// kernel would drop it without an answer; what it might answer is its own to judge.
#include "dataplane/path/l3.h"

#include "dataplane/path/checksum.h"
#include "dataplane/path/flow_hash.h"

#define IPV6_NEXT_HOP_BY_HOP 0

// What both families ask of the packet's length by its IP header (ip_len) once that is read.
static int check_length(const struct packet *p, uint32_t ip_len)
{
	uint32_t there = p->total_len - p->l3_offset;

	if (p->gso_type != GSO_NONE)
		return ip_len == there ? L3_PASS : (int)EXCEPTION_header;
	if (ip_len > there)
		return L3_DROP | DROP_l3_truncated;
	if (p->flags & PACKET_CSUM &&
		(uint32_t)p->csum_start + p->csum_offset + sizeof(uint16_t) > p->l3_offset + ip_len)
		return L3_DROP | DROP_l3_offload;
	return L3_PASS;
}

// A header of n bytes is not in the first frame: no packet, or one in odd pieces.
static int too_short(const struct packet *p, uint32_t n)
{
	return p->total_len - p->l3_offset < n ? L3_DROP | (int)DROP_l3_truncated
					       : (int)EXCEPTION_header;
}

static uint32_t size_for_mtu(const struct packet *p, uint32_t ip_len)
{
	if (p->gso_type == GSO_NONE)
		return ip_len;
	return MIN(ip_len, (uint32_t)p->hdr_len - p->l3_offset + p->gso_size);
}

// The ports, if there are any. `at`: from the packet's start.
static uint32_t ports_at(const struct packet *p, uint32_t at)
{
	uint32_t ports = 0;

	if (at + sizeof(ports) <= p->len)
		memcpy(&ports, p->data + at, sizeof(ports));
	return ports;
}

int l3_check4(const struct packet *p, uint32_t secret, struct l3_found *f)
{
	const uint8_t *ip = p->data + p->l3_offset;
	uint32_t size, total, src, dst, word;
	int verdict;

	if (p->len < p->l3_offset + IPV4_HEADER_SIZE)
		return too_short(p, IPV4_HEADER_SIZE);
	size = (ip[0] & 15) * 4u;
	if (ip[0] >> 4 != 4 || size < IPV4_HEADER_SIZE)
		return L3_DROP | DROP_l3_header;
	if (p->len < p->l3_offset + size)
		return too_short(p, size);
	if (checksum_fold(checksum_add(0, ip, size)) != UINT16_MAX)
		return L3_DROP | DROP_l3_checksum;
	total = load_be16(ip + 2);
	verdict = check_length(p, total);
	if (verdict != L3_PASS)
		return verdict;
	if (total < size)
		return L3_DROP | DROP_l3_header;
	if (size > IPV4_HEADER_SIZE)
		return EXCEPTION_options;
	if (is_martian4(ip[12]) || is_martian4(ip[16]))
		return EXCEPTION_martian;
	if (ip[8] <= 1)
		return EXCEPTION_ttl;
	memcpy(&src, ip + 12, sizeof(src));
	memcpy(&dst, ip + 16, sizeof(dst));
	f->src = __builtin_bswap32(src);
	f->dst = __builtin_bswap32(dst);
	f->size = size_for_mtu(p, total);
	memcpy(&word, ip + 8, sizeof(word));
	f->hop = next_hop4(word);
	f->hash = flow_hash4(secret, src, dst, ip[9], ports_at(p, p->l3_offset + IPV4_HEADER_SIZE),
		load_be16(ip + 6) & IPV4_FRAGMENT);
	return L3_PASS;
}

int l3_check6(const struct packet *p, uint32_t secret, struct l3_found *f)
{
	const uint8_t *ip = p->data + p->l3_offset;
	uint32_t total, word;
	int verdict;

	if (p->len < p->l3_offset + IPV6_HEADER_SIZE)
		return too_short(p, IPV6_HEADER_SIZE);
	if (ip[0] >> 4 != 6)
		return L3_DROP | DROP_l3_header;
	if (ip[6] == IPV6_NEXT_HOP_BY_HOP)
		return EXCEPTION_options;
	total = IPV6_HEADER_SIZE + load_be16(ip + 4);
	verdict = check_length(p, total);
	if (verdict != L3_PASS)
		return verdict;
	if (is_martian6(load_be16(ip + 8)) || is_martian6(load_be16(ip + 24)))
		return EXCEPTION_martian;
	if (ip[7] <= 1)
		return EXCEPTION_ttl;
	f->size = size_for_mtu(p, total);
	memcpy(&word, ip + 4, sizeof(word));
	f->hop = next_hop6(word);
	f->hash = flow_hash6(
		secret, flow_fold6(ip + 8), ip[6], ports_at(p, p->l3_offset + IPV6_HEADER_SIZE));
	return L3_PASS;
}
