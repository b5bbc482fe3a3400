// SPDX-License-Identifier: BSD-3-Clause
// The router. A burst is parted by address family, then each part goes through sweeps: headers,
// routes, next hops, neighbours; each starts the loads of the next one for all packets. The header
// sweep takes what is plain at first sight and asks l3_check.c about the rest.
//
// A packet for the kernel (exception) is left as it was received: nothing is written to a packet
// before it is sure to be forwarded.
#include "dataplane/path/l3.h"

#include <string.h>

#include "dataplane/exception.h"
#include "dataplane/path/ethernet.h"

// -- families -----------------------------------------------------------------------------
// What is not plainly ours to forward is the kernel's. Without a branch per packet: nobody can
// guess which family is next.
static void part(struct l3_run *run, struct lane *ip4, struct lane *ip6, bool takes4, bool takes6)
{
	const struct burst *b = run->b;
	const uint64_t own = mac_to_u64(b->in->mac) << 16;
	uint64_t odd = 0;
	unsigned n4 = 0, n6 = 0;

	for (unsigned i = 0; i < b->n; i++) {
		const struct packet *p = b->packet[i];
		unsigned is_mine = (b->dst[i] == own) & !(p->flags & PACKET_TAGGED);
		unsigned is4 = is_mine & takes4 & (p->ethertype == ETHERTYPE_IPV4);
		unsigned is6 = is_mine & takes6 & (p->ethertype == ETHERTYPE_IPV6);

		ip4->at[n4] = ip6->at[n6] = (uint8_t)i;
		n4 += is4;
		n6 += is6;
		odd |= (uint64_t)((is4 | is6) ^ 1) << i;
	}
	ip4->n = n4;
	ip6->n = n6;
	for (; unlikely(odd); odd &= odd - 1) {
		unsigned i = (unsigned)__builtin_ctzll(odd);
		const struct packet *p = b->packet[i];
		bool is_ip = p->ethertype == ETHERTYPE_IPV4 || p->ethertype == ETHERTYPE_IPV6;

		if (b->dst[i] != own || p->flags & PACKET_TAGGED || !is_ip)
			l3_except(run, i, EXCEPTION_not_ip);
		else
			l3_except(run, i, EXCEPTION_not_taken);
	}
}

// All of the burst.
static fast_inline void take_all(struct lane *lane, unsigned n)
{
	static const uint8_t every[BURST_MAX] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
		15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35,
		36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56,
		57, 58, 59, 60, 61, 62, 63};

	lane->n = n;
	memcpy(lane->at, every, sizeof(every));
}

// Parts the burst by family and reads the headers. Most bursts are of one family: that of the
// first packet is tried for all.
static void part_and_read(struct l3_run *run, struct lane *ip4, struct lane *ip6)
{
	const struct burst *b = run->b;
	const uint16_t type = b->packet[0]->ethertype;
	const bool takes4 = b->in->flags & PORT_TAKES_IPV4 && run->s->fib;
	const bool takes6 = b->in->flags & PORT_TAKES_IPV6 && run->s->fib;

	ip4->n = ip6->n = 0;
	if (likely(type == ETHERTYPE_IPV4 && takes4)) {
		take_all(ip4, b->n);
		if (likely(l3_read4(run, ip4)))
			return;
	} else if (type == ETHERTYPE_IPV6 && takes6) {
		take_all(ip6, b->n);
		if (likely(l3_read6(run, ip6)))
			return;
	}
	part(run, ip4, ip6, takes4, takes6);
	if (ip4->n)
		l3_read4(run, ip4);
	if (ip6->n)
		l3_read6(run, ip6);
}

// -- rewrite ------------------------------------------------------------------------------
// Cuts off what follows the first n bytes of a chain: n is not more than there is.
static void trim(struct packet_cache *cache, struct packet *p, uint32_t n)
{
	struct packet *last = p;
	uint16_t n_frames = 1;

	p->total_len = n;
	while (n > last->len) {
		n -= last->len;
		last = last->next;
		n_frames++;
	}
	last->len = (uint16_t)n;
	p->n_frames = n_frames;
	if (last->next)
		packet_free(cache, last->next);
	last->next = NULL;
}

static void shift_offsets(struct packet *p, struct rewrite r)
{
	uint16_t by = (uint16_t)(rewrite_length(r) - ETHERNET_HEADER_SIZE);

	p->l3_offset += by;
	p->csum_start += by;
	p->hdr_len += by;
	p->flags |= PACKET_TAGGED;
	p->tci = rewrite_vlan(r);
}

static fast_inline void send_on(struct worker *w, struct packet *p, struct rewrite r, uint32_t size,
	uint32_t hop, uint16_t ethertype, bool is_plain)
{
	uint8_t *ip = p->data + ETHERNET_HEADER_SIZE;
	unsigned length = rewrite_length(r);

	if (!is_plain && (p->n_frames != 1 || p->gso_type != GSO_NONE)) {
		if (p->gso_type == GSO_NONE)
			trim(&w->cache, p, ETHERNET_HEADER_SIZE + size);
		p->len += (uint16_t)(length - ETHERNET_HEADER_SIZE);
		p->total_len += length - ETHERNET_HEADER_SIZE;
	} else {
		p->len = (uint16_t)(length + size);
		p->total_len = length + size;
	}
	memcpy(ip + (ethertype == ETHERTYPE_IPV4 ? 8 : 4), &hop, sizeof(hop));
	p->data = rewrite_apply(r, ip, ethertype);
	p->vlan = rewrite_vlan(r);
	if (unlikely(length != ETHERNET_HEADER_SIZE))
		shift_offsets(p, r);
}

// -- next hops ----------------------------------------------------------------------------
// Why a packet is not forwarded by the next hop that was found.
static int refusal(const struct burst *b, nexthop_hit_t hit, struct rewrite r)
{
	switch (nexthop_hit_kind(hit)) {
	case NEXTHOP_ADJACENCY:
		if (!rewrite_can_forward(r))
			return EXCEPTION_no_neighbour;
		return rewrite_port(r) == b->in_port ? EXCEPTION_redirect : EXCEPTION_too_big;
	case NEXTHOP_EXCEPTION:
		return EXCEPTION_leave;
	case NEXTHOP_LOCAL:
		return EXCEPTION_local;
	case NEXTHOP_BLACKHOLE:
		return L3_DROP | DROP_l3_blackhole;
	case NEXTHOP_PROHIBIT:
		return EXCEPTION_prohibit;
	default:
		return EXCEPTION_unreachable;
	}
}

static fast_inline void send_all(struct worker *w, struct l3_run *run, const struct lane *lane,
	uint16_t ethertype, bool is_plain)
{
	const struct adjacency *lines = neigh_lines(run->s->neigh);
	_Atomic uint8_t *used = neigh_used(run->s->neigh);
	struct burst *b = run->b;
	const unsigned n = lane->n;

	for (unsigned k = 0; k < n; k++) {
		unsigned i = lane->at[k];
		// What is no adjacency has line 0, whose MTU is 0 like that of all that is not
		// resolved.
		struct rewrite r = adjacency_read(&lines[nexthop_hit_adjacency(lane->hit[k])]);
		uint32_t cannot = lane->size[k] > rewrite_mtu(r);

		cannot |= rewrite_port(r) == b->in_port;
		if (unlikely(cannot)) {
			l3_judge(run, i, refusal(b, lane->hit[k], r));
			continue;
		}
		neigh_mark_used(used, nexthop_hit_adjacency(lane->hit[k]));
		b->egress[i] = rewrite_port(r);
		send_on(w, b->packet[i], r, lane->size[k], lane->hop[k], ethertype, is_plain);
	}
}

static fast_inline void forward(
	struct worker *w, struct l3_run *run, struct lane *lane, uint16_t ethertype)
{
	const struct adjacency *lines = neigh_lines(run->s->neigh);

	nexthop_resolve_bulk(run->s->nexthops, lane->next, lane->hash, lane->hit, lane->n);
	for (unsigned k = 0; k < lane->n; k++)
		__builtin_prefetch(&lines[nexthop_hit_adjacency(lane->hit[k])]);
	if (likely(lane->is_plain))
		send_all(w, run, lane, ethertype, true);
	else
		send_all(w, run, lane, ethertype, false);
}

// -- the kernel's -------------------------------------------------------------------------
static void except(
	struct worker *w, const struct l3_run *run, struct packet *p, enum exception_reason reason)
{
	struct exception *e = run->s->exception;

	if (e && exception_push(e, w->index, p, run->b->in_port, reason, w->now))
		counter_add(&run->b->counters->exception[reason], 1);
	else
		packet_drop(w, p, DROP_exception_full);
}

// Sees to those that go no further, and closes the gaps.
static void settle(struct worker *w, struct l3_run *run)
{
	struct burst *b = run->b;
	unsigned n = 0;

	for (unsigned i = 0; i < b->n; i++) {
		if (b->refused >> i & 1) {
			packet_drop(w, b->packet[i], b->reason[i]);
		} else if (run->excepted >> i & 1) {
			except(w, run, b->packet[i], b->reason[i]);
		} else {
			b->packet[n] = b->packet[i];
			b->egress[n] = b->egress[i];
			n++;
		}
	}
	b->n = n;
	b->refused = 0;
}

void l3(struct worker *w, const struct snapshot *s, struct burst *b)
{
	struct l3_run run = {.s = s, .b = b};
	struct lane ip4, ip6;

	part_and_read(&run, &ip4, &ip6);
	if (ip4.n) {
		l3_check_sources(&run, &ip4);
		fib_lookup4_bulk(s->fib, ip4.dst4, ip4.next, ip4.n);
		forward(w, &run, &ip4, ETHERTYPE_IPV4);
	}
	if (ip6.n) {
		fib_lookup6_bulk(s->fib, ip6.dst6, ip6.next, ip6.n);
		forward(w, &run, &ip6, ETHERTYPE_IPV6);
	}
	if (unlikely(b->refused | run.excepted))
		settle(w, &run);
}
