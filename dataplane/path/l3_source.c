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

void l3_check_sources(struct l3_run *run, const struct lane *lane, uint64_t suspects)
{
	const struct adjacency *lines = neigh_lines(run->s->neigh);
	uint32_t src[BURST_MAX], hash[BURST_MAX];
	fib_nexthop_t next[BURST_MAX], failed = FIB_NO_ROUTE;
	nexthop_hit_t hit[BURST_MAX];
	uint8_t at[BURST_MAX];
	unsigned n = 0;

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
		enum nexthop_kind kind = nexthop_hit_kind(hit[k]);

		if (unlikely(kind == NEXTHOP_LOCAL)) {
			l3_except(run, at[k], EXCEPTION_martian);
			continue;
		}
		if (run->b->in->rp_filter == RP_FILTER_OFF ||
			likely(kind == NEXTHOP_ADJACENCY &&
				(run->b->in->rp_filter == RP_FILTER_LOOSE ||
					leaves_by(lines, hit[k], run->b->in_port))))
			continue;
		if (kind == NEXTHOP_ADJACENCY && next[k] != failed) {
			if (some_member_leaves_by(run, lines, next[k]))
				continue;
			failed = next[k];
		}
		l3_except(run, at[k], EXCEPTION_rp_filter);
	}
}
