// SPDX-License-Identifier: BSD-3-Clause
// Next hops: the number that a route names -> one adjacency, a verdict, or a weighted ECMP group
// of these.
//
// Readers: any worker, inside a burst, by nexthop_resolve_bulk().
// Writer:  control only. A next hop changes in place: one store, and every route that names it
//          and every group that has it as a member follows.
// Life:    counted. Who adds one holds it; routes and groups hold what they name. When the last
//          lets go, a number stays as it was for the grace period and only then is free again.
// Groups:  a flow's hash chooses one of a group's buckets, and the bucket names the member. Shares
//          of buckets follow the weights (by largest remainders, at least one each). A change of
//          members hands over the fewest buckets that reach the new shares: those of lost members
//          and what others have too much, nothing else. So with equal weights, losing one of n
//          moves 1/n of the flows, gaining one moves 1/(n+1), and no other flow. A group that
//          outgrows its buckets gets twice as many, each halved in place, which moves no flow.
// Bounds:  no call blocks; memory is bounded by max_nexthops, max_members and max_buckets.
#pragma once

#include <stdbool.h>

#include "base/compiler.h"

#define NEXTHOP_MAX     65534 // numbers 1 .. NEXTHOP_MAX; 0 = no route
#define NEXTHOP_MEMBERS 1024  // most members of a group that may be configured

enum nexthop_kind {
	NEXTHOP_NONE,        // no route
	NEXTHOP_ADJACENCY,   // forward by that adjacency (which may say exception)
	NEXTHOP_EXCEPTION,   // the kernel forwards it: leaves by an interface that is not ours, ...
	NEXTHOP_LOCAL,       // for the router itself: to the kernel, not metered
	NEXTHOP_BLACKHOLE,   // drop without a word
	NEXTHOP_UNREACHABLE, // the kernel answers: no such host (EHOSTUNREACH)
	NEXTHOP_PROHIBIT,    // the kernel answers: administratively prohibited (EACCES)
	N_NEXTHOP_KINDS,
};

// What a worker gets: the kind above 24 bits of adjacency (0 but for NEXTHOP_ADJACENCY).
typedef uint32_t nexthop_hit_t;

static fast_inline enum nexthop_kind nexthop_hit_kind(nexthop_hit_t h)
{
	return (enum nexthop_kind)(h >> 24);
}

static fast_inline uint32_t nexthop_hit_adjacency(nexthop_hit_t h)
{
	return h & 0xffffff;
}

struct nexthops;

// -- worker side --------------------------------------------------------------------
#define NEXTHOP_BURST 64
// index[i] as the FIB gave it, hash[i] of the packet's flow: all its bits alike good, the upper
// ones are used. n <= NEXTHOP_BURST.
void nexthop_resolve_bulk(const struct nexthops *, const uint32_t *index, const uint32_t *hash,
	nexthop_hit_t *hits, unsigned n);

// All that a number may lead to, whatever the hash: up to n hits from the `first` on, of a group as
// often as there are buckets. Returns how many; 0: there are no more. For what is rare.
unsigned nexthop_hits(
	const struct nexthops *, uint32_t index, unsigned first, nexthop_hit_t *hits, unsigned n);

// -- control side: 0 or negative errno ------------------------------------------------
struct neigh;
struct nexthop_config {
	uint32_t max_nexthops; // 0 = NEXTHOP_MAX
	uint32_t max_members;  // of a group, 0 = 256; at most NEXTHOP_MEMBERS
	uint32_t max_buckets;  // of all groups, 2 bytes each; 0 = 16M
};
// Adjacencies are held in `neigh`; NULL: the caller sees to their life (tests).
int nexthops_create(struct nexthops **out, struct neigh *, const struct nexthop_config *);
void nexthops_destroy(struct nexthops *); // no reader may be left; NULL is fine

// -EINVAL; -ENOSPC at the limit. The adjacency must be held by the caller.
int nexthop_add(struct nexthops *, enum nexthop_kind, uint32_t adjacency, uint32_t *index);
// -EINVAL; -ENOENT: no such next hop, or a group.
int nexthop_set(struct nexthops *, uint32_t index, enum nexthop_kind, uint32_t adjacency);

struct nexthop_member {
	uint32_t index;  // not a group
	uint32_t weight; // 1 .. 65535
};
// A member named twice counts with both weights. -EINVAL; -ENOENT: a member that is none; -ENOSPC
// at a limit; -ENOMEM. On error nothing has changed.
int nexthop_group_add(
	struct nexthops *, const struct nexthop_member *, unsigned n, uint32_t *index);
int nexthop_group_set(struct nexthops *, uint32_t index, const struct nexthop_member *, unsigned n);

int nexthop_hold(struct nexthops *, uint32_t index); // -ENOENT when there is none
void nexthop_put(struct nexthops *, uint32_t index); // held by the caller

struct nexthop_entry {
	uint32_t index;
	bool is_group;
	enum nexthop_kind kind; // not of a group
	uint32_t adjacency;
	uint32_t n_holds;
	uint32_t n_members, n_buckets; // of a group
};
int nexthop_find(const struct nexthops *, uint32_t index, struct nexthop_entry *out); // -ENOENT
// The members with the weights as given, and the buckets that each has (may be NULL). Returns how
// many there are, at most max_members; 0 for what is no group.
unsigned nexthop_group_members(const struct nexthops *, uint32_t index, struct nexthop_member *out,
	uint32_t *n_buckets, unsigned max);

struct nexthop_stats {
	uint64_t entries, max_entries, groups; // entries: also those that wait for reuse
	uint64_t buckets, max_buckets, memory_bytes;
	uint64_t full;          // refused at a limit
	uint64_t buckets_moved; // handed from one member to another by changes of groups
};
void nexthop_stats(const struct nexthops *, struct nexthop_stats *);
