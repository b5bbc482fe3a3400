// SPDX-License-Identifier: BSD-3-Clause
// The IPv6 side of the search for the transport header (RFC 8200 4).
#include "dataplane/path/transport.h"

#include "dataplane/path/checksum.h"

#define EXTENSIONS_MAX 8 // more than any real packet has; a bound for hostile ones

enum {
	EXTENSION_HOP_BY_HOP = 0,
	EXTENSION_ROUTING = 43,
	EXTENSION_DESTINATION = 60,
};

enum {
	ROUTING_SOURCE = 0,  // RFC 2460, deprecated
	ROUTING_MOBILE = 2,  // RFC 6275
	ROUTING_SEGMENT = 4, // RFC 8754
};

// The destination that the pseudo header counts is the final one (RFC 8200 8.1): while
// segments are left it stands in the routing header of `len` bytes. NULL when it has none.
static const uint8_t *final_destination(const uint8_t *routing, uint32_t len)
{
	if (len < 8 + 16)
		return NULL;
	switch (routing[2]) {
	case ROUTING_SOURCE:
	case ROUTING_MOBILE:
		return routing + 8 + (len - 8) / 16 * 16 - 16;
	case ROUTING_SEGMENT:
		return routing + 8;
	}
	return NULL;
}

bool transport_find_ipv6(const struct packet *p, struct transport *t)
{
	const uint8_t *ip = p->data + p->l3_offset;
	uint32_t at = p->l3_offset + IPV6_HEADER_SIZE;
	const uint8_t *dst = ip + 24;
	uint8_t next;

	if (at > p->len || ip[0] >> 4 != 6)
		return false;
	next = ip[6];
	for (unsigned i = 0; next == EXTENSION_HOP_BY_HOP || next == EXTENSION_ROUTING ||
			     next == EXTENSION_DESTINATION;
		i++) {
		const uint8_t *h = p->data + at;
		uint32_t len;

		if (i == EXTENSIONS_MAX || at + 8 > p->len)
			return false;
		len = (h[1] + 1u) * 8;
		if (at + len > p->len)
			return false;
		if (next == EXTENSION_ROUTING && h[3]) {
			dst = final_destination(h, len);
			if (!dst)
				return false;
		}
		next = h[0];
		at += len;
	}
	if (next != PROTOCOL_TCP && next != PROTOCOL_UDP)
		return false;
	if (at + (next == PROTOCOL_TCP ? TCP_HEADER_SIZE : UDP_HEADER_SIZE) > p->len)
		return false;
	t->protocol = next;
	t->offset = (uint16_t)at;
	t->ipv6 = true;
	t->ip_len = IPV6_HEADER_SIZE + load_be16(ip + 4);
	t->addresses = checksum_fold(checksum_add(checksum_add(0, ip + 8, 16), dst, 16));
	return true;
}
