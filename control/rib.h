// SPDX-License-Identifier: BSD-3-Clause
// Routing information base: every route that control was told of. For each prefix of each table
// (VRF) it keeps all candidates, and sees to it that the FIB has the best one.
//
// Candidates of a prefix differ in their rank: preference, then metric, then protocol; the lowest
// is the best. Setting a candidate of a rank that is there replaces its next hop.
//
// Control thread only; workers read the FIB, never this. A next hop is held (nexthop_hold()) for
// as long as a candidate names it.
// Errors: what fails changes neither the RIB nor the FIB, and its result says why. In particular a
//         FIB that is full refuses the route, and the caller must see to its packets otherwise.
// Bounds: nothing here walks all routes at once; sweep, flush and walk go in pages.
// Memory: 24 bytes a candidate of IPv4 (36 of IPv6) and 4 a prefix for the hash, in blocks of some
//         MiB that are touched as they fill, used again, and given back by rib_destroy() only.
#pragma once

#include "base/compiler.h"
#include "base/net.h"

#define RIB_MAX_TABLES 4096 // table numbers are below this
#define RIB_MAX_ROUTES (16u << 20)

struct nexthops;
struct rib;

struct rib_route {
	struct ip_prefix prefix;
	uint16_t table;
	uint8_t preference; // 0 .. 255: of the source, say local before main before default table
	uint8_t protocol;   // RTPROT_*
	uint32_t metric;
	uint32_t nexthop; // dataplane/table/nexthop.h
};

// How the best routes get to the FIBs.
struct rib_best {
	struct ip_prefix prefix;
	uint32_t nexthop; // 0 = no route any more
	int result;       // for the callee to set: negative errno, then nothing changed; else done
};
// All of one table; a prefix comes at most once in a call.
typedef void (*rib_install)(void *arg, uint16_t table, struct rib_best *, size_t n);

struct rib_config {
	rib_install install;
	void *arg;
	struct nexthops *nexthops;
	uint32_t max_routes4;        // candidates in all; 0 = 4M; at most RIB_MAX_ROUTES
	uint32_t max_routes6;        // 0 = 2M
	const uint64_t *hash_secret; // 2 words for tests; NULL = from getrandom()
};
int rib_create(struct rib **out, const struct rib_config *); // -EINVAL, -ENOMEM, getrandom's
void rib_destroy(struct rib *); // puts the next hops, leaves the FIBs alone; NULL is fine

// -- changes ------------------------------------------------------------------------------
// -EINVAL: unknown family, length out of range, host bits set, table number too large. To set:
// -ENOENT: no such next hop; -ENOSPC at the limit; -ENOMEM; install's. To remove (the next hop is
// not looked at): -ENOENT; install's.
int rib_set(struct rib *, const struct rib_route *);
int rib_remove(struct rib *, const struct rib_route *);

// Many at once, much faster. They take effect in their order; each fails or not by itself, and
// `result` tells. Returns how many failed.
struct rib_change {
	struct rib_route route;
	bool is_removal;
	int result;
	uint32_t was; // set by the call: the next hop that a candidate of this rank had; 0 = none
	bool was_current; // and it had been set since the resync began that is not swept yet
};
size_t rib_change_bulk(struct rib *, struct rib_change *, size_t n);

// Chooses routes; each field may be "any".
struct rib_filter {
	uint8_t family;   // 0 = any
	int32_t table;    // RIB_ANY = any
	int32_t protocol; // RIB_ANY = any
	int32_t preference;
};
#define RIB_ANY    (-1)
#define RIB_FILTER ((struct rib_filter){0, RIB_ANY, RIB_ANY, RIB_ANY})

// Resync without emptying: rib_begin_resync(), then set all that a fresh dump has (removals are
// fine too), then rib_sweep() until it returns 0: routes of the filter that were not set since are
// gone, and nothing else was touched. Beginning again starts anew, also before the sweep has ended.
// Each call of rib_sweep() looks at no more than `max` candidates. 1 = there is more to do;
// negative errno of install: call again, nothing is lost; -EINVAL when no resync was begun.
void rib_begin_resync(struct rib *, const struct rib_filter *);
int rib_sweep(struct rib *, uint32_t max);

// Removes what the filter chooses, in steps: *cursor is 0 at first. Returns as rib_sweep().
int rib_flush(struct rib *, const struct rib_filter *, uint64_t *cursor, uint32_t max);

// -- what is there --------------------------------------------------------------------------
// The candidates of a prefix (of which table and prefix count), the best first; returns how many
// there are, of which up to `max` are stored.
size_t rib_find(const struct rib *, uint16_t table, const struct ip_prefix *, struct rib_route *,
	size_t max);

struct rib_entry {
	struct rib_route route;
	bool is_best;
};
// One page of a walk: up to `max` routes, in no useful order; returns how many. *cursor is 0 at
// first and RIB_WALK_END after the last page; a page may be short, or empty, before the end.
#define RIB_WALK_END UINT64_MAX
size_t rib_walk(const struct rib *, const struct rib_filter *, uint64_t *cursor, struct rib_entry *,
	size_t max);

struct rib_stats {
	uint64_t routes, max_routes; // candidates
	uint64_t prefixes;
	uint64_t memory_bytes;
	uint64_t full;    // refused at the limit
	uint64_t refused; // by install
	uint64_t swept;   // removed by sweeps
};
void rib_stats(const struct rib *, uint8_t family, struct rib_stats *);
size_t rib_count(const struct rib *, uint16_t table, uint8_t family); // candidates
