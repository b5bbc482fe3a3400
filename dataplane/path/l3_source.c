// SPDX-License-Identifier: BSD-3-Clause
// The check of IPv4 sources, as fib_validate_source() in Linux: never one of the router's own
// addresses; with rp_filter a route must lead back, by the ingress port itself (strict) or by any
// (loose). What cannot be proved here is the kernel's to decide. IPv6 has no such check.
#include "dataplane/path/l3.h"

#define GROUP_BUCKETS_MAX 4096 // that are looked through for the ingress port

static bool leaves_by(const struct adjacency *lines, nexthop_hit_t hit, port_id_t port)
{
	struct rewrite r = adjacency_read(&lines[nexthop_hit_adjacency(hit)]);

	return rewrite_has_port(r) && rewrite_port(r) == port;
}

// The hash chose a member that leaves elsewhere: any other one will do (RFC 3704 2.3).
static bool some_member_leaves_by(
	const struct l3_run *run, const struct adjacency *lines, fib_nexthop_t next)
{
	nexthop_hit_t hit[NEXTHOP_BURST], last = 0;
	unsigned n;

	for (unsigned at = 0; at < GROUP_BUCKETS_MAX; at += n) {
		n = nexthop_hits(run->s->nexthops, next, at, hit, NEXTHOP_BURST);
		if (!n)
			return false;
		for (unsigned k = 0; k < n; k++) {
			if (hit[k] != last && leaves_by(lines, hit[k], run->b->in_port))
				return true;
			last = hit[k];
		}
	}
	return false;
}

// Packets of the lane whose source must be looked up, by bit.
static uint64_t suspects_of(const struct l3_run *run, const struct lane *lane)
{
	uint64_t suspects = 0;
	uint8_t all_strangers = 1;

	if (run->b->in->rp_filter != RP_FILTER_OFF)
		return lane->n ? ~0ull >> (BURST_MAX - lane->n) : 0;
	for (unsigned k = 0; k < lane->n; k++)
		all_strangers &= snapshot_is_stranger(run->s, lane->src4[k]);
	if (likely(all_strangers))
		return 0;
	for (unsigned k = 0; k < lane->n; k++)
		suspects |= (uint64_t)!snapshot_is_stranger(run->s, lane->src4[k]) << k;
	return suspects;
}

// Takes those out of the lane that are the kernel's by now.
static void leave_out_excepted(const struct l3_run *run, struct lane *lane)
{
	unsigned m = 0;

	for (unsigned k = 0; k < lane->n; k++) {
		if (run->excepted >> lane->at[k] & 1)
			continue;
		lane->at[m] = lane->at[k];
		lane->hash[m] = lane->hash[k];
		lane->size[m] = lane->size[k];
		lane->hop[m] = lane->hop[k];
		lane->dst4[m] = lane->dst4[k];
		m++;
	}
	lane->n = m;
}

// The verdict on a source that `hit` leads back to: L3_PASS or an exception reason.
static fast_inline int judge_source(
	const struct l3_run *run, const struct adjacency *lines, nexthop_hit_t hit)
{
	enum nexthop_kind kind = nexthop_hit_kind(hit);
	uint8_t mode = run->b->in->rp_filter;

	if (unlikely(kind == NEXTHOP_LOCAL))
		return EXCEPTION_martian;
	if (mode == RP_FILTER_OFF)
		return L3_PASS;
	if (kind != NEXTHOP_ADJACENCY)
		return EXCEPTION_rp_filter;
	if (mode == RP_FILTER_LOOSE || leaves_by(lines, hit, run->b->in_port))
		return L3_PASS;
	return EXCEPTION_rp_filter;
}

void l3_check_sources(struct l3_run *run, struct lane *lane)
{
	const struct adjacency *lines = neigh_lines(run->s->neigh);
	uint32_t src[BURST_MAX], hash[BURST_MAX];
	fib_nexthop_t next[BURST_MAX], failed = FIB_NO_ROUTE;
	nexthop_hit_t hit[BURST_MAX];
	uint8_t at[BURST_MAX];
	uint64_t suspects = suspects_of(run, lane);
	unsigned n = 0;

	if (!suspects)
		return;
	for (; suspects; suspects &= suspects - 1, n++) {
		unsigned k = (unsigned)__builtin_ctzll(suspects);

		at[n] = lane->at[k];
		src[n] = lane->src4[k];
		hash[n] = lane->hash[k];
	}
	fib_lookup4_bulk(run->s->fib, src, next, n);
	nexthop_resolve_bulk(run->s->nexthops, next, hash, hit, n);
	if (run->b->in->rp_filter == RP_FILTER_STRICT)
		for (unsigned k = 0; k < n; k++)
			__builtin_prefetch(&lines[nexthop_hit_adjacency(hit[k])]);
	for (unsigned k = 0; k < n; k++) {
		int verdict = judge_source(run, lines, hit[k]);

		if (likely(verdict == L3_PASS))
			continue;
		if (nexthop_hit_kind(hit[k]) == NEXTHOP_ADJACENCY && next[k] != failed) {
			if (some_member_leaves_by(run, lines, next[k]))
				continue;
			failed = next[k];
		}
		l3_except(run, at[k], (enum exception_reason)verdict);
	}
	if (unlikely(run->excepted))
		leave_out_excepted(run, lane);
}
