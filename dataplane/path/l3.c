// SPDX-License-Identifier: BSD-3-Clause
// The router. A burst is parted by address family, then each part goes through sweeps: headers,
// routes, next hops, neighbours; each starts the loads of the next one for all packets. The header
// sweep takes what is plain at first sight and asks l3_check.c about the rest.
//
// A packet for the kernel (exception) is left as it was received: nothing is written to a packet
// before it is sure to be forwarded.
#include "dataplane/path/l3.h"

#include "dataplane/exception.h"
#include "dataplane/path/checksum.h"
#include "dataplane/path/flow_hash.h"

#define PORTS_SIZE 4 // what a plain packet has behind its IP header at least

static void judge(struct l3_run *run, unsigned i, int verdict)
{
	if (verdict & L3_DROP)
		burst_refuse(run->b, i, (enum drop_reason)(verdict & ~L3_DROP));
	else
		l3_except(run, i, (enum exception_reason)verdict);
}

// Parts the burst. What is not plainly ours to forward is the kernel's.
static void part(struct l3_run *run, struct lane *ip4, struct lane *ip6)
{
	const struct burst *b = run->b;
	const uint64_t own = mac_to_u64(b->in->mac) << 16;
	const bool takes4 = b->in->flags & PORT_TAKES_IPV4 && run->s->fib;
	const bool takes6 = b->in->flags & PORT_TAKES_IPV6 && run->s->fib;
	unsigned n4 = 0, n6 = 0;
	uint64_t odd = 0;

	for (unsigned i = 0; i < b->n; i++) {
		const struct packet *p = b->packet[i];
		bool mine = b->dst[i] == own && !(p->flags & PACKET_TAGGED);
		bool is4 = mine & takes4 & (p->ethertype == ETHERTYPE_IPV4);
		bool is6 = mine & takes6 & (p->ethertype == ETHERTYPE_IPV6);

		ip4->at[n4] = ip6->at[n6] = (uint8_t)i;
		n4 += is4;
		n6 += is6;
		odd |= (uint64_t) !(is4 | is6) << i;
	}
	ip4->n = n4;
	ip6->n = n6;
	for (; unlikely(odd); odd &= odd - 1) {
		unsigned i = (unsigned)__builtin_ctzll(odd);
		const struct packet *p = b->packet[i];
		bool is_ip = b->dst[i] == own && !(p->flags & PACKET_TAGGED) &&
			     (p->ethertype == ETHERTYPE_IPV4 || p->ethertype == ETHERTYPE_IPV6);

		l3_except(run, i, is_ip ? EXCEPTION_not_taken : EXCEPTION_not_ip);
	}
}

// -- headers ------------------------------------------------------------------------------
// Whether a packet whose IP header says ip_len needs a closer look. Bytes behind the IP packet, as
// Ethernet pads, are common; they are cut off when it leaves.
static fast_inline bool is_odd_length(const struct packet *p, uint32_t ip_len)
{
	uint32_t there = p->total_len - ETHERNET_HEADER_SIZE;

	return (ip_len > there) | (p->gso_type != GSO_NONE) |
	       ((ip_len != there) & (((p->n_frames ^ 1) | p->flags) != 0));
}

// Reads the headers and leaves in the lane what passes. Returns which of these need a check of
// their source.
static uint64_t read_headers4(struct l3_run *run, struct lane *lane)
{
	const bool checks_all = run->b->in->rp_filter != RP_FILTER_OFF;
	const uint64_t secret = run->s->flow_secret;
	uint64_t suspects = 0;
	unsigned m = 0;

	for (unsigned k = 0; k < lane->n; k++) {
		unsigned i = lane->at[k];
		const struct packet *p = run->b->packet[i];
		const uint8_t *ip = p->data + ETHERNET_HEADER_SIZE;
		struct l3_found f;
		uint64_t w0, w1, sum;
		uint32_t dst, src, ports;
		bool odd = p->len < ETHERNET_HEADER_SIZE + IPV4_HEADER_SIZE + PORTS_SIZE;

		if (likely(!odd)) {
			memcpy(&w0, ip, sizeof(w0));
			memcpy(&w1, ip + 8, sizeof(w1));
			memcpy(&dst, ip + 16, sizeof(dst));
			memcpy(&ports, ip + 20, sizeof(ports));
			sum = (w0 & UINT32_MAX) + (w0 >> 32) + (w1 & UINT32_MAX) + (w1 >> 32) + dst;
			src = (uint32_t)(w1 >> 32);
			f.size = __builtin_bswap16((uint16_t)(w0 >> 16));
			odd = ((uint8_t)w0 != 0x45) | (checksum_fold(sum) != UINT16_MAX) |
			      (f.size < IPV4_HEADER_SIZE) | is_odd_length(p, f.size) |
			      ((uint8_t)w1 <= 1) | is_martian4((uint8_t)src) |
			      is_martian4((uint8_t)dst);
			f.src = __builtin_bswap32(src);
			f.dst = __builtin_bswap32(dst);
			f.hash = flow_hash(src | (uint64_t)dst << 32,
				flow_within((uint8_t)(w1 >> 8),
					w0 >> 48 & __builtin_bswap16(IPV4_FRAGMENT), ports),
				secret);
		}
		if (unlikely(odd)) {
			int verdict = l3_check4(p, secret, &f);

			if (verdict != L3_PASS) {
				judge(run, i, verdict);
				continue;
			}
		}
		lane->at[m] = (uint8_t)i;
		lane->src4[m] = f.src;
		lane->dst4[m] = f.dst;
		lane->size[m] = f.size;
		lane->hash[m] = f.hash;
		suspects |= (uint64_t)(checks_all | !snapshot_is_stranger(run->s, f.src)) << m;
		m++;
	}
	lane->n = m;
	return suspects;
}

static void read_headers6(struct l3_run *run, struct lane *lane)
{
	const uint64_t secret = run->s->flow_secret;
	unsigned m = 0;

	for (unsigned k = 0; k < lane->n; k++) {
		unsigned i = lane->at[k];
		const struct packet *p = run->b->packet[i];
		const uint8_t *ip = p->data + ETHERNET_HEADER_SIZE;
		struct l3_found f;
		uint64_t w0;
		uint32_t ports;
		bool odd = p->len < ETHERNET_HEADER_SIZE + IPV6_HEADER_SIZE + PORTS_SIZE;

		if (likely(!odd)) {
			uint8_t next, limit;

			memcpy(&w0, ip, sizeof(w0));
			memcpy(&ports, ip + IPV6_HEADER_SIZE, sizeof(ports));
			next = (uint8_t)(w0 >> 48);
			limit = (uint8_t)(w0 >> 56);
			f.size = IPV6_HEADER_SIZE + __builtin_bswap16((uint16_t)(w0 >> 32));
			odd = ((w0 & 0xf0) != 0x60) | !next | (limit <= 1) |
			      is_odd_length(p, f.size) | is_martian6(load_be16(ip + 8)) |
			      is_martian6(load_be16(ip + 24));
			f.hash = flow_hash(flow_fold6(ip + 8),
				flow_within(next, next == PROTOCOL_FRAGMENT, ports), secret);
		}
		if (unlikely(odd)) {
			int verdict = l3_check6(p, secret, &f);

			if (verdict != L3_PASS) {
				judge(run, i, verdict);
				continue;
			}
		}
		lane->at[m] = (uint8_t)i;
		memcpy(lane->dst6[m], ip + 24, 16);
		lane->size[m] = f.size;
		lane->hash[m] = f.hash;
		m++;
	}
	lane->n = m;
}

// -- rewrite ------------------------------------------------------------------------------
// One hop less. The header's sum follows by RFC 1624: the 16-bit word that holds the TTL lost
// 0x0100, so the sum gains it; the result is what a sum over all of the header gives, never 0xffff.
static fast_inline void decrement_ttl(uint8_t *ip)
{
	uint16_t sum;
	uint32_t wide;

	memcpy(&sum, ip + 10, sizeof(sum));
	wide = (uint32_t)sum + __builtin_bswap16(0x0100);
	sum = (uint16_t)(wide + (wide >= UINT16_MAX));
	memcpy(ip + 10, &sum, sizeof(sum));
	ip[8]--;
}

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
	uint16_t ethertype)
{
	uint8_t *ip = p->data + ETHERNET_HEADER_SIZE;
	unsigned length = rewrite_length(r);

	if (unlikely(p->n_frames != 1 || p->gso_type != GSO_NONE)) {
		if (p->gso_type == GSO_NONE)
			trim(&w->cache, p, ETHERNET_HEADER_SIZE + size);
		p->len += (uint16_t)(length - ETHERNET_HEADER_SIZE);
		p->total_len += length - ETHERNET_HEADER_SIZE;
	} else {
		p->len = (uint16_t)(length + size);
		p->total_len = length + size;
	}
	if (ethertype == ETHERTYPE_IPV4)
		decrement_ttl(ip);
	else
		ip[7]--;
	p->data = rewrite_apply(r, ip, ethertype);
	p->vlan = rewrite_vlan(r);
	if (unlikely(length != ETHERNET_HEADER_SIZE))
		shift_offsets(p, r);
}

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

static fast_inline void forward(
	struct worker *w, struct l3_run *run, struct lane *lane, uint16_t ethertype)
{
	const struct adjacency *lines = neigh_lines(run->s->neigh);
	struct burst *b = run->b;

	nexthop_resolve_bulk(run->s->nexthops, lane->next, lane->hash, lane->hit, lane->n);
	for (unsigned k = 0; k < lane->n; k++)
		__builtin_prefetch(&lines[nexthop_hit_adjacency(lane->hit[k])]);
	for (unsigned k = 0; k < lane->n; k++) {
		unsigned i = lane->at[k];
		// What is no adjacency has line 0, which never forwards.
		struct rewrite r = adjacency_read(&lines[nexthop_hit_adjacency(lane->hit[k])]);

		if (unlikely(!rewrite_can_forward(r) | (rewrite_port(r) == b->in_port) |
			     (lane->size[k] > rewrite_mtu(r)) | (run->excepted >> i & 1))) {
			if (!(run->excepted >> i & 1))
				judge(run, i, refusal(b, lane->hit[k], r));
			continue;
		}
		b->egress[i] = rewrite_port(r);
		send_on(w, b->packet[i], r, lane->size[k], ethertype);
	}
}

// -- the kernel's -------------------------------------------------------------------------
static void except(
	struct worker *w, const struct l3_run *run, struct packet *p, enum exception_reason reason)
{
	struct exception *e = run->s->exception;

	if (e && exception_push(e, w->index, p, run->b->in_port, reason))
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

	part(&run, &ip4, &ip6);
	if (ip4.n) {
		uint64_t suspects = read_headers4(&run, &ip4);

		if (suspects)
			l3_check_sources(&run, &ip4, suspects);
	}
	if (ip4.n) {
		fib_lookup4_bulk(s->fib, ip4.dst4, ip4.next, ip4.n);
		forward(w, &run, &ip4, ETHERTYPE_IPV4);
	}
	if (ip6.n)
		read_headers6(&run, &ip6);
	if (ip6.n) {
		fib_lookup6_bulk(s->fib, ip6.dst6, ip6.next, ip6.n);
		forward(w, &run, &ip6, ETHERTYPE_IPV6);
	}
	if (unlikely(b->refused | run.excepted))
		settle(w, &run);
}
