// SPDX-License-Identifier: BSD-3-Clause
// Private to nexthop*.c: the layout that nexthop.h hides.
//
// A number's word, read by workers at once: the hit (kind and adjacency) in the upper half and
// zero in the lowest 6 bits; or, of a group, the address of its buckets, which are aligned to 64
// bytes, and in these 6 bits the number of buckets as a power of two. A bucket holds the number of
// a member, so a member's change needs no look at the groups that have it.
#pragma once

#include <stdatomic.h>

#include "base/rcu.h"
#include "dataplane/table/nexthop.h"
#include "dataplane/table/slots.h"

#define N_WORDS         65536 // every 16-bit number, so that no lookup leaves the array
#define BUCKETS_MIN     256   // of a group
#define BUCKETS_EACH    32    // at least, per member: a share is off by less than 1/32
#define WORD_LOG2_MASK  63ull
#define DEFAULT_MEMBERS 256
#define DEFAULT_BUCKETS (16u << 20)

// Of a group; the buckets follow one cache line behind it.
struct buckets {
	struct rcu_retired retired;
	uint32_t n;
	uint8_t log2;
} cache_aligned;

static_assert(sizeof(struct buckets) == CACHE_LINE, "the buckets must be aligned");

static fast_inline _Atomic uint16_t *buckets_of(struct buckets *b)
{
	return (_Atomic uint16_t *)(b + 1);
}

struct info {
	uint32_t n_holds; // 0 = not there
	uint32_t adjacency;
	uint8_t kind; // NEXTHOP_NONE for groups
	uint32_t n_members;
	struct buckets *buckets; // NULL = not a group; stay until the number is free
	struct nexthop_member *members;
};

struct nexthops {
	_Atomic uint64_t *words; // N_WORDS, read by workers

	// Control's own.
	struct info *info; // by number, zero when it was never used
	struct neigh *neigh;
	struct slots *slots;
	uint16_t *position; // scratch: by number, 1 + where it stands among a group's members
	uint32_t *share;    // scratch: 3 * max_members
	uint32_t max_nexthops, max_members, max_buckets;
	uint32_t n_buckets; // of groups that are there
	uint32_t n_groups;
	struct nexthop_stats stats;
};

static inline bool nexthop_is_there(const struct nexthops *t, uint32_t index)
{
	return index && index < slots_end(t->slots) && t->info[index].n_holds;
}

// nexthop_group.c: gives up the members of a group that nobody holds any more.
void nexthop_group_drop(struct nexthops *, struct info *);
