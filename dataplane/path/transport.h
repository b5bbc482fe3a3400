// SPDX-License-Identifier: BSD-3-Clause
// Where the TCP or UDP header of a packet stands, and the sum of its pseudo
// header: what checksums and segmentation have in common. A bounds-checked
// cursor over the first frame; pure; any thread that owns the packet.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/packet.h"
#include "dataplane/path/ethernet.h"

#define PROTOCOL_TCP 6
#define PROTOCOL_UDP 17

#define IPV4_HEADER_SIZE    20     // without options
#define IPV4_FRAGMENT       0x3fff // MF and the offset
#define IPV6_HEADER_SIZE    40
#define TCP_HEADER_SIZE     20 // without options
#define UDP_HEADER_SIZE     8
#define TCP_CHECKSUM_OFFSET 16
#define UDP_CHECKSUM_OFFSET 6

struct transport {
	uint16_t offset;  // of the header, from `data`
	uint8_t protocol; // PROTOCOL_TCP or PROTOCOL_UDP
	bool ipv6;
	uint32_t ip_len;    // bytes from the IP header on, by the IP header's own account
	uint64_t addresses; // sum of both, not folded
};

// For IPv6, whose extension headers take a loop. See transport_find().
bool transport_find_ipv6(const struct packet *, struct transport *);

// TCP or UDP over IPv4, or over IPv6 behind hop-by-hop, destination and routing
// headers. False for all else, for fragments, and when the fixed part of the TCP
// or UDP header is not wholly in the first frame. p->ethertype and p->l3_offset
// must be set. Whether ip_len agrees with the packet is for the caller to judge.
static fast_inline bool transport_find(const struct packet *p, struct transport *t)
{
	const uint8_t *ip = p->data + p->l3_offset;
	uint32_t src, dst;

	if (p->ethertype != ETHERTYPE_IPV4)
		return p->ethertype == ETHERTYPE_IPV6 && transport_find_ipv6(p, t);
	if (unlikely(p->l3_offset + IPV4_HEADER_SIZE > p->len) || unlikely(ip[0] >> 4 != 4))
		return false;
	if (unlikely(load_be16(ip + 6) & IPV4_FRAGMENT))
		return false;
	t->protocol = ip[9];
	if (t->protocol != PROTOCOL_TCP && t->protocol != PROTOCOL_UDP)
		return false;
	t->offset = p->l3_offset + (ip[0] & 15) * 4;
	if (unlikely((ip[0] & 15) < IPV4_HEADER_SIZE / 4) ||
		unlikely(t->offset +
				 (t->protocol == PROTOCOL_TCP ? TCP_HEADER_SIZE : UDP_HEADER_SIZE) >
			 p->len))
		return false;
	memcpy(&src, ip + 12, sizeof(src));
	memcpy(&dst, ip + 16, sizeof(dst));
	t->ipv6 = false;
	t->ip_len = load_be16(ip + 2);
	t->addresses = (uint64_t)src + dst;
	return true;
}

static fast_inline uint16_t transport_checksum_offset(const struct transport *t)
{
	return t->protocol == PROTOCOL_TCP ? TCP_CHECKSUM_OFFSET : UDP_CHECKSUM_OFFSET;
}

// Sum of the pseudo header (RFC 9293 3.1, RFC 8200 8.1) of a packet with `n`
// bytes of transport header and payload; for checksum_fold().
static fast_inline uint64_t transport_pseudo_sum(const struct transport *t, uint32_t n)
{
	// Two 16-bit numbers in network order. The length of IPv6 has 32 bits there,
	// of which the upper ones are zero: no payload is longer than 65535.
	return t->addresses + __builtin_bswap16((uint16_t)n) + ((uint64_t)t->protocol << 8);
}
