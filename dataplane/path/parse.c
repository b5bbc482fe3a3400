// SPDX-License-Identifier: BSD-3-Clause
// Bytes -> packet fields. The headers that matter here stand in the first frame
// of a chain: drivers put at least the first 128 bytes of a longer packet there.
#include "dataplane/path/path.h"

#include <string.h>

#include "dataplane/path/checksum.h"
#include "dataplane/path/ethernet.h"
#include "dataplane/path/segment.h"

void parse(struct worker *w, struct burst *b)
{
	const uint32_t longest = b->n ? b->in->max_bytes + 2 * VLAN_TAG_SIZE : 0;
	const bool unfinished = b->n && b->in->caps & PORT_RX_UNFINISHED;
	unsigned n = 0;

	for (unsigned i = 0; i < b->n; i++) {
		struct packet *p = b->packet[i];

		if (unlikely(p->len < ETHERNET_HEADER_SIZE)) {
			packet_drop(w, p, DROP_parse_runt);
			continue;
		}
		if (unlikely(p->total_len > longest && p->gso_type == GSO_NONE)) {
			packet_drop(w, p, DROP_parse_oversize);
			continue;
		}
		b->dst[n] = fdb_key_in_frame(0, p->data);
		b->src[n] = fdb_key_in_frame(0, p->data + 6);
		p->ethertype = load_be16(p->data + 12);
		p->tci = 0;
		p->l3_offset = ETHERNET_HEADER_SIZE;
		if (p->ethertype == ETHERTYPE_VLAN &&
			likely(p->len >= ETHERNET_HEADER_SIZE + VLAN_TAG_SIZE)) {
			p->flags |= PACKET_TAGGED;
			p->tci = load_be16(p->data + 14);
			p->ethertype = load_be16(p->data + 16);
			p->l3_offset += VLAN_TAG_SIZE;
		}
		if ((unlikely(p->flags & PACKET_CSUM) && !checksum_request_valid(p)) ||
			(unlikely(p->gso_type != GSO_NONE) && !segment_request_valid(p))) {
			packet_drop(w, p, DROP_parse_bad_offload);
			continue;
		}
		if (unfinished)
			checksum_find_unfinished(p);
		b->packet[n++] = p;
	}
	b->n = n;
}
