// SPDX-License-Identifier: BSD-3-Clause
// To the egress ports' queues. The only place that copies packets: a flooded
// packet is copied for every egress port but the last.
#include "dataplane/path/path.h"

#include <string.h>

#include "dataplane/path/checksum.h"
#include "dataplane/path/ethernet.h"
#include "dataplane/path/segment.h"

// Moves the MAC addresses by one tag and lets every offset follow.
static fast_inline void tag_pop(struct packet *p)
{
	memmove(p->data + VLAN_TAG_SIZE, p->data, 12);
	p->data += VLAN_TAG_SIZE;
	p->len -= VLAN_TAG_SIZE;
	p->total_len -= VLAN_TAG_SIZE;
	p->l3_offset -= VLAN_TAG_SIZE;
	p->csum_start -= VLAN_TAG_SIZE;
	p->hdr_len -= VLAN_TAG_SIZE;
	p->flags &= (uint8_t)~PACKET_TAGGED;
}

static fast_inline void tag_push(struct packet *p, uint16_t tci)
{
	p->data -= VLAN_TAG_SIZE;
	memmove(p->data, p->data + VLAN_TAG_SIZE, 12);
	store_be16(p->data + 12, ETHERTYPE_VLAN);
	store_be16(p->data + 14, tci);
	p->len += VLAN_TAG_SIZE;
	p->total_len += VLAN_TAG_SIZE;
	p->l3_offset += VLAN_TAG_SIZE;
	p->csum_start += VLAN_TAG_SIZE;
	p->hdr_len += VLAN_TAG_SIZE;
	p->flags |= PACKET_TAGGED;
}

// The tag that the egress port wants (IEEE 802.1Q 6.9.2); priority bits are kept.
static fast_inline void retag(struct packet *p, bool untagged)
{
	if (untagged) {
		if (p->flags & PACKET_TAGGED)
			tag_pop(p);
	} else if (!(p->flags & PACKET_TAGGED)) {
		tag_push(p, p->vlan);
	} else if (unlikely(TCI_VID(p->tci) != p->vlan)) {
		store_be16(p->data + 14, (p->tci & TCI_PCP_DEI) | p->vlan);
	}
}

static fast_inline bool fits(const struct packet *p, const struct snapshot_port *out)
{
	uint32_t longest = out->max_bytes + VLAN_TAG_SIZE;

	if (likely(p->gso_type == GSO_NONE))
		return p->total_len <= longest;
	return (uint32_t)p->hdr_len + p->gso_size <= longest;
}

static fast_inline void push(
	struct worker *w, const struct snapshot *s, struct packet *p, port_id_t egress)
{
	struct txq *q = w->txq[egress];

	if (q->n == 0)
		w->dirty[w->n_dirty++] = egress;
	q->packet[q->n++] = p;
	if (unlikely(q->n == TXQ_SIZE))
		tx_port(w, s, egress);
}

// Queues n packets that need nothing done to them: the count is written once.
static fast_inline void push_run(struct worker *w, const struct snapshot *s,
	struct packet *const *packets, unsigned n, port_id_t egress)
{
	struct txq *q = w->txq[egress];
	unsigned at = q->n;

	if (unlikely(at + n >= TXQ_SIZE)) {
		for (unsigned i = 0; i < n; i++)
			push(w, s, packets[i], egress);
		return;
	}
	if (at == 0)
		w->dirty[w->n_dirty++] = egress;
	for (unsigned i = 0; i < n; i++)
		q->packet[at + i] = packets[i];
	q->n = (uint16_t)(at + n);
}

static void complete(struct worker *w, struct packet *p, port_id_t egress)
{
	checksum_complete(p);
	counter_add(&w->counters[egress].csum_completed, 1);
}

static fast_inline uint32_t gso_cap(uint8_t gso_type)
{
	return gso_type == GSO_UDP ? PORT_TX_USO : PORT_TX_TSO;
}

// Segments p and queues the segments. Returns how many packets were queued.
static unsigned push_segments(
	struct worker *w, const struct snapshot *s, struct packet *p, port_id_t egress)
{
	struct packet *out[SEGMENTS_MAX];
	struct port_counters *c = &w->counters[p->in_port];
	bool no_frame;
	unsigned n = segment(&w->cache, p, out, SEGMENTS_MAX, &no_frame);

	if (!n) {
		packet_drop(w, p, no_frame ? DROP_output_no_frame : DROP_output_segment);
		return 0;
	}
	counter_add(&c->segments, n - 1);
	packet_free(&w->cache, p);
	for (unsigned i = 0; i < n; i++) {
		if (!(s->port[egress].caps & PORT_TX_CSUM))
			complete(w, out[i], egress);
		push(w, s, out[i], egress);
	}
	return n;
}

// Queues a packet that has its egress tag. Returns how many packets were queued.
static fast_inline unsigned enqueue(
	struct worker *w, const struct snapshot *s, struct packet *p, port_id_t egress)
{
	uint32_t caps = s->port[egress].caps;

	if (unlikely(p->gso_type != GSO_NONE) && !(caps & gso_cap(p->gso_type)))
		return push_segments(w, s, p, egress);
	if (unlikely(p->flags & PACKET_CSUM) && !(caps & PORT_TX_CSUM))
		complete(w, p, egress);
	push(w, s, p, egress);
	return 1;
}

// Tags and queues for one egress port. Returns how many packets were queued.
static fast_inline unsigned send_to(struct worker *w, const struct snapshot *s, struct packet *p,
	port_id_t egress, bool untagged)
{
	retag(p, untagged);
	if (unlikely(!fits(p, &s->port[egress]))) {
		packet_drop(w, p, DROP_output_mtu);
		return 0;
	}
	return enqueue(w, s, p, egress);
}

// Whether a unicast from this burst may leave by a port: the reason against it, or -1.
static int egress_refusal(
	const struct snapshot *s, const struct burst *b, fdb_hit_t hit, vlan_id_t vlan)
{
	port_id_t egress = fdb_hit_port(hit);

	if (hit & FDB_LOCAL)
		return DROP_l2_to_switch;
	if (egress == b->in_port)
		return DROP_l2_same_port;
	if (egress >= s->n_ports || !(s->port[egress].flags & PORT_EGRESS))
		return DROP_output_port_gone;
	if (s->port[egress].flags & b->in->flags & PORT_ISOLATED)
		return DROP_l2_isolated;
	if (!vlan_has(vlan_members(s->vlans, vlan), egress))
		return DROP_output_vlan;
	return -1;
}

// What was decided for one egress port and VLAN, good for the rest of the burst.
struct decision {
	fdb_hit_t hit; // FDB_MISS: none yet
	vlan_id_t vlan;
	bool untagged;
	int refusal;
	uint32_t longest; // of an untagged frame
};

#define DECISIONS 8 // by the low bits of the port: most bursts go to a few ports

static void decide(const struct snapshot *s, const struct burst *b, struct decision *d,
	fdb_hit_t hit, vlan_id_t vlan)
{
	d->hit = hit;
	d->vlan = vlan;
	d->refusal = egress_refusal(s, b, hit, vlan);
	if (d->refusal >= 0)
		return;
	d->untagged = vlan_has(vlan_untagged(s->vlans, vlan), fdb_hit_port(hit));
	d->longest = s->port[fdb_hit_port(hit)].max_bytes + VLAN_TAG_SIZE;
}

// From untagged to untagged port, with nothing left to do.
static fast_inline bool is_plain(const struct packet *p, const struct decision *d)
{
	return !(p->flags | p->gso_type) && p->total_len <= d->longest && p->vlan == d->vlan;
}

// Packet i, and those behind it that go the same plain way. Returns how many it saw to; adds
// those that were queued.
static fast_inline unsigned unicast(struct worker *w, const struct snapshot *s, struct burst *b,
	unsigned i, struct decision *decisions, unsigned *queued)
{
	struct packet *p = b->packet[i];
	fdb_hit_t hit = b->hit[i];
	struct decision *d = &decisions[hit % DECISIONS];
	unsigned end = i + 1;

	if (unlikely(d->hit != hit || d->vlan != p->vlan))
		decide(s, b, d, hit, p->vlan);
	if (unlikely(d->refusal >= 0)) {
		packet_drop(w, p, (enum drop_reason)d->refusal);
		return 1;
	}
	if (unlikely(!d->untagged || !is_plain(p, d))) {
		*queued += send_to(w, s, p, fdb_hit_port(hit), d->untagged);
		return 1;
	}
	while (end < b->n && b->hit[end] == hit && is_plain(b->packet[end], d))
		end++;
	push_run(w, s, &b->packet[i], end - i, fdb_hit_port(hit));
	*queued += end - i;
	return end - i;
}

// The VLAN's members that take this class, never the ingress port. Returns how many.
static unsigned flood_ports(
	const struct snapshot *s, const struct burst *b, unsigned i, port_id_t *ports)
{
	vlan_id_t vlan = b->packet[i]->vlan;
	const uint64_t *members = vlan_members(s->vlans, vlan);
	const uint64_t *takes = s->flood[key_bum_class(b->dst[i])];
	unsigned n = 0;

	if (s->vlans->flags[vlan] & VLAN_NO_FLOOD)
		return 0;
	for (unsigned word = 0; word < s->vlans->words; word++) {
		uint64_t set = members[word] & takes[word];

		if (b->in->flags & PORT_ISOLATED)
			set &= ~s->isolated[word];
		if (word == b->in_port / 64)
			set &= ~(1ull << (b->in_port % 64));
		for (; set; set &= set - 1)
			ports[n++] = (port_id_t)(word * 64 + (unsigned)__builtin_ctzll(set));
	}
	return n;
}

static unsigned flood(struct worker *w, const struct snapshot *s, struct burst *b, unsigned i)
{
	struct packet *p = b->packet[i];
	const uint64_t *untagged = vlan_untagged(s->vlans, p->vlan);
	port_id_t ports[PORT_MAX];
	unsigned n = flood_ports(s, b, i, ports);
	unsigned queued = 0;

	if (!n) {
		packet_drop(w, p, DROP_l2_no_egress);
		return 0;
	}
	counter_add(&b->counters->flooded, 1);
	counter_add(&b->counters->copies, n - 1);
	for (unsigned k = 0; k + 1 < n; k++) {
		struct packet *copy = packet_copy(&w->cache, p);

		if (copy)
			queued += send_to(w, s, copy, ports[k], vlan_has(untagged, ports[k]));
		else
			counter_add(&b->counters->drop[DROP_output_no_frame], 1);
	}
	return queued + send_to(w, s, p, ports[n - 1], vlan_has(untagged, ports[n - 1]));
}

void output(struct worker *w, const struct snapshot *s, struct burst *b)
{
	struct decision decisions[DECISIONS];
	unsigned queued = 0;

	if (!b->n)
		return;
	for (unsigned k = 0; k < DECISIONS; k++)
		decisions[k].hit = FDB_MISS;
	for (unsigned i = 0; i < b->n;) {
		if (likely(b->hit[i] != FDB_MISS))
			i += unicast(w, s, b, i, decisions, &queued);
		else
			queued += flood(w, s, b, i++);
	}
	counter_add(&b->counters->forwarded, queued);
}

// -- routed -----------------------------------------------------------------------------
// The packet has its header, and l3 has compared its length with the MTU of the route. What is
// left: the port may have gone, or its MTU may have changed.
static fast_inline bool is_plain_routed(const struct packet *p, uint32_t longest)
{
	return !(p->flags | p->gso_type) && p->total_len <= longest;
}

static unsigned routed_unusual(
	struct worker *w, const struct snapshot *s, struct packet *p, port_id_t egress)
{
	if (egress >= s->n_ports || !(s->port[egress].flags & PORT_ROUTED_EGRESS)) {
		packet_drop(w, p, DROP_output_port_gone);
		return 0;
	}
	if (!fits(p, &s->port[egress])) {
		packet_drop(w, p, DROP_output_mtu);
		return 0;
	}
	return enqueue(w, s, p, egress);
}

// The longest packet that needs nothing more done to leave by the port; 0: none may.
static fast_inline uint32_t longest_routed(const struct snapshot *s, port_id_t egress)
{
	if (unlikely(egress >= s->n_ports || !(s->port[egress].flags & PORT_ROUTED_EGRESS)))
		return 0;
	return s->port[egress].max_bytes + VLAN_TAG_SIZE;
}

// All packets leave by one port: a run of plain ones at a time.
static unsigned routed_one_way(struct worker *w, const struct snapshot *s, struct burst *b)
{
	const port_id_t egress = b->egress[0];
	const uint32_t longest = longest_routed(s, egress);
	unsigned queued = 0;

	for (unsigned i = 0; i < b->n;) {
		unsigned end = i;

		while (end < b->n && likely(is_plain_routed(b->packet[end], longest)))
			end++;
		if (end > i)
			push_run(w, s, &b->packet[i], end - i, egress);
		queued += end - i;
		if (end < b->n)
			queued += routed_unusual(w, s, b->packet[end++], egress);
		i = end;
	}
	return queued;
}

// By several: there are no runs to speak of, and looking for them is a guess that fails.
static unsigned routed_many_ways(struct worker *w, const struct snapshot *s, struct burst *b)
{
	unsigned queued = 0;

	for (unsigned i = 0; i < b->n; i++) {
		port_id_t egress = b->egress[i];

		if (likely(is_plain_routed(b->packet[i], longest_routed(s, egress)))) {
			push(w, s, b->packet[i], egress);
			queued++;
		} else {
			queued += routed_unusual(w, s, b->packet[i], egress);
		}
	}
	return queued;
}

void output_routed(struct worker *w, const struct snapshot *s, struct burst *b)
{
	unsigned differ = 0, queued;

	if (!b->n)
		return;
	for (unsigned i = 1; i < b->n; i++)
		differ |= b->egress[i] ^ b->egress[0];
	queued = differ ? routed_many_ways(w, s, b) : routed_one_way(w, s, b);
	counter_add(&b->counters->forwarded, queued);
}
