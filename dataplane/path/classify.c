// SPDX-License-Identifier: BSD-3-Clause
// Who may come in, and into which VLAN: the port's state (IEEE 802.1Q 8.4), the
// addresses that no bridge forwards (8.6.3), ingress classification and
// filtering (6.9.1, 8.6.2). As in Linux's vlan-filtering bridge a frame with the
// VID of a VLAN that the port carries untagged is admitted, and an 802.1ad tag
// is payload.
#include "dataplane/path/path.h"

#include "dataplane/path/ethernet.h"

// 01-80-C2-00-00-00 .. -0F.
static fast_inline bool is_reserved(fdb_key_t dst)
{
	return unlikely(dst >> 20 == 0x0180c200000ull);
}

static void drop_reserved(struct worker *w, struct burst *b, unsigned i)
{
	struct packet *p = b->packet[i];
	bool bpdu = (b->dst[i] >> 16 & 0x0f) == 0;

	if (!bpdu || !(b->in->flags & PORT_BPDU_GUARD)) {
		packet_drop(w, p, DROP_classify_reserved);
		return;
	}
	worker_post(w, &(struct event){.type = EVENT_BPDU, .port = b->in_port});
	packet_drop(w, p, DROP_classify_bpdu_guard);
}

void classify(struct worker *w, const struct snapshot *s, struct burst *b)
{
	const struct snapshot_port *in = b->in;
	const struct vlan_table *vlans = s->vlans;
	unsigned n = 0;

	for (unsigned i = 0; i < b->n; i++) {
		struct packet *p = b->packet[i];
		vlan_id_t vlan = TCI_VID(p->tci);

		if (unlikely(key_is_group(b->src[i]) || !b->src[i])) {
			packet_drop(w, p, DROP_classify_source_invalid);
			continue;
		}
		if (is_reserved(b->dst[i])) {
			drop_reserved(w, b, i);
			continue;
		}
		if (unlikely(in->state < PORT_LEARNING)) {
			packet_drop(w, p, DROP_classify_port_state);
			continue;
		}
		if (!vlan) {
			vlan = in->pvid; // untagged, or a priority tag
			if (unlikely(!vlan)) {
				packet_drop(w, p, DROP_classify_untagged);
				continue;
			}
		} else if (unlikely(!vlan_has(vlan_members(vlans, vlan), b->in_port))) {
			packet_drop(w, p, DROP_classify_vlan);
			continue;
		}
		p->vlan = vlan;
		b->packet[n] = p;
		b->dst[n] = b->dst[i] | (fdb_key_t)vlan << 4;
		b->src[n] = b->src[i] | (fdb_key_t)vlan << 4;
		n++;
	}
	b->n = n;
}
