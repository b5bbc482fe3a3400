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
	return dst >> 20 == 0x0180c200000ull;
}

static enum drop_reason refuse_reserved(struct worker *w, const struct burst *b, unsigned i)
{
	bool bpdu = (b->dst[i] >> 16 & 0x0f) == 0;

	if (!bpdu || !(b->in->flags & PORT_BPDU_GUARD))
		return DROP_classify_reserved;
	worker_post(w, &(struct event){.type = EVENT_BPDU, .port = b->in_port}, 1);
	return DROP_classify_bpdu_guard;
}

// Why a packet that is not plainly welcome is refused, or -1.
static int check(struct worker *w, const struct snapshot *s, const struct burst *b, unsigned i)
{
	vlan_id_t vlan = TCI_VID(b->packet[i]->tci);

	if (key_is_group(b->src[i]) || !b->src[i])
		return DROP_classify_source_invalid;
	if (is_reserved(b->dst[i]))
		return (int)refuse_reserved(w, b, i);
	if (b->in->state < PORT_LEARNING)
		return DROP_classify_port_state;
	if (!vlan) // untagged, or a priority tag
		return b->in->pvid ? -1 : (int)DROP_classify_untagged;
	return vlan_has(vlan_members(s->vlans, vlan), b->in_port) ? -1 : (int)DROP_classify_vlan;
}

void classify(struct worker *w, const struct snapshot *s, struct burst *b)
{
	const vlan_id_t pvid = b->n ? b->in->pvid : 0;
	const bool closed = b->n && (b->in->state < PORT_LEARNING || !pvid);

	for (unsigned i = 0; i < b->n; i++) {
		struct packet *p = b->packet[i];
		vlan_id_t vlan = TCI_VID(p->tci);

		vlan = vlan ? vlan : pvid;
		// The PVID's VLAN always has the port as a member.
		if (unlikely(closed || vlan != pvid || key_is_group(b->src[i]) || !b->src[i] ||
			     is_reserved(b->dst[i]))) {
			int reason = check(w, s, b, i);

			if (reason >= 0) {
				burst_refuse(b, i, (enum drop_reason)reason);
				continue;
			}
		}
		p->vlan = vlan;
		b->dst[i] |= (fdb_key_t)vlan << 4;
		b->src[i] |= (fdb_key_t)vlan << 4;
	}
	burst_settle(w, b);
}
