// SPDX-License-Identifier: BSD-3-Clause
// Bytes -> packet fields. The headers that matter here stand in the first frame
// of a chain: drivers put at least the first 128 bytes of a longer packet there.
#include "dataplane/path/path.h"

#include <string.h>

#include "dataplane/path/checksum.h"
#include "dataplane/path/ethernet.h"
#include "dataplane/path/segment.h"

// A tag, an offload request or a bad length. Returns the reason to drop it, or -1.
static int parse_unusual(struct packet *p, uint32_t longest)
{
	if (p->len < ETHERNET_HEADER_SIZE)
		return DROP_parse_runt;
	if (p->total_len > longest && p->gso_type == GSO_NONE)
		return DROP_parse_oversize;
	if (p->ethertype == ETHERTYPE_VLAN && p->len >= ETHERNET_HEADER_SIZE + VLAN_TAG_SIZE) {
		p->flags |= PACKET_TAGGED;
		p->tci = load_be16(p->data + 14);
		p->ethertype = load_be16(p->data + 16);
		p->l3_offset += VLAN_TAG_SIZE;
	}
	if (p->flags & PACKET_CSUM && !checksum_request_valid(p))
		return DROP_parse_bad_offload;
	if (p->gso_type != GSO_NONE && !segment_request_valid(p))
		return DROP_parse_bad_offload;
	return -1;
}

void parse(struct worker *w, struct burst *b)
{
	const uint32_t longest = b->n ? b->in->max_bytes + 2 * VLAN_TAG_SIZE : 0;
	const bool unfinished = b->n && b->in->caps & PORT_RX_UNFINISHED;

	for (unsigned i = 0; i < b->n; i++) {
		struct packet *p = b->packet[i];
		// A frame is longer than these loads, whatever the packet's length is.
		uint64_t dst = load_be64(p->data), src = load_be64(p->data + 6);

		b->dst[i] = dst & ~0xffffull;
		b->src[i] = src & ~0xffffull;
		p->tci = 0;
		p->ethertype = (uint16_t)src;
		p->l3_offset = ETHERNET_HEADER_SIZE;
		if (unlikely((uint16_t)src == ETHERTYPE_VLAN || p->flags || p->gso_type ||
			     p->len < ETHERNET_HEADER_SIZE || p->total_len > longest)) {
			int reason = parse_unusual(p, longest);

			if (reason >= 0) {
				burst_refuse(b, i, (enum drop_reason)reason);
				continue;
			}
		}
		if (unfinished)
			checksum_find_unfinished(p);
	}
	burst_settle(w, b);
}
