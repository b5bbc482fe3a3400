// SPDX-License-Identifier: BSD-3-Clause
// Forwarding information base: IPv4 and IPv6 prefix -> next hop index, longest match. One object
// is one routing table (VRF); it costs memory in proportion to its routes.
//
// Readers: any worker on its RCU read side, whole bursts at a time.
// Writer:  the control thread only.
// A lookup beside changes gives, for each address, the answer before or after some change that
//          went on meanwhile, never a mixture: the longest match of one state of the table.
// Memory:  nothing that is returned points into the table. What is replaced goes to rcu_retire()
//          and is used again after a grace period: control must call rcu_reclaim() now and then.
// Errors:  on -ENOMEM, -ENOSPC or -EINVAL the table is as it was. No call blocks.
//
// What an index means (an adjacency, an ECMP group) is the caller's business. It is below
// FIB_MAX_NEXTHOP so that workers' entries have two bytes; 0 is "no route". Small ones first: in
// large IPv4 tables those below 255 are found fastest.
#pragma once

#include <stdbool.h>

#include "base/compiler.h"
#include "base/net.h"

#define FIB_BURST       64     // most addresses of a bulk call
#define FIB_NO_ROUTE    0      // no prefix matches
#define FIB_MAX_NEXTHOP 0xfeff // largest index; above: -ENOSPC
#define FIB_MAX_ROUTES  (64u << 20)

typedef uint32_t fib_nexthop_t;

struct fib;

// -- worker side, n <= FIB_BURST -----------------------------------------------
// IPv4 addresses as numbers (first byte highest), IPv6 addresses as in the packet.
void fib_lookup4_bulk(const struct fib *, const uint32_t *addrs, fib_nexthop_t *, unsigned n);
void fib_lookup6_bulk(const struct fib *, const uint8_t (*addrs)[16], fib_nexthop_t *, unsigned n);

// -- control side: 0 or negative errno ------------------------------------------
struct fib_config {
	uint32_t max_routes4; // 0 = 2M; at most FIB_MAX_ROUTES
	uint32_t max_routes6; // 0 = 1M
};

int fib_create(struct fib **out, const struct fib_config *); // -EINVAL, -ENOMEM. NULL = defaults
void fib_destroy(struct fib *);                              // no reader may be left; NULL is fine

enum fib_changed {
	FIB_ADDED,
	FIB_REPLACED, // there was another next hop
	FIB_SAME,     // nothing to do
	FIB_REMOVED,
};

// enum fib_changed, or -EINVAL for a prefix that is not canonical (unknown family, length out of
// range, host bits set) or next hop 0, -ENOSPC for a next hop above FIB_MAX_NEXTHOP or a new
// prefix at the limit, -ENOMEM. Replacing needs no room below the limit.
int fib_set(struct fib *, const struct ip_prefix *, fib_nexthop_t);
int fib_remove(struct fib *, const struct ip_prefix *); // FIB_REMOVED, or -ENOENT, -EINVAL, -ENOMEM

// Many at once, several times faster than one by one when prefixes are neighbours. Each change is
// made or not by itself, and its `result` says so as fib_set() and fib_remove() would. Changes of
// one prefix happen in their order; others in any. Returns how many failed.
struct fib_change {
	struct ip_prefix prefix;
	fib_nexthop_t nexthop; // 0 = remove
	int result;
};
size_t fib_change_bulk(struct fib *, struct fib_change *, size_t n);

int fib_find(const struct fib *, const struct ip_prefix *, fib_nexthop_t *); // exactly; -ENOENT

// The longest match with its prefix, from control's own record of the routes. -ENOENT, -EINVAL.
int fib_match(const struct fib *, const struct ip_addr *, struct ip_prefix *, fib_nexthop_t *);

// One page of a walk over a family's routes in order of (address, length): those behind *after
// (NULL: from the start), up to `max`. Returns how many; fewer than `max`: that was the end.
struct fib_route {
	struct ip_prefix prefix;
	fib_nexthop_t nexthop;
};
size_t fib_walk(const struct fib *, int family, const struct ip_prefix *after,
	struct fib_route *out, size_t max);

int fib_set_limit(struct fib *, int family, uint32_t max_routes); // below the count: no new ones

struct fib_stats {
	uint64_t routes, max_routes;
	uint64_t workers_bytes; // what workers read, free space in it included
	uint64_t control_bytes; // control's record of the routes
	uint64_t blocks;        // in use by workers
	uint64_t retired;       // replaced, waiting for the end of a grace period
	uint64_t full;          // changes refused at a limit
	uint64_t no_memory;     // changes refused for want of memory
};
void fib_stats(const struct fib *, int family, struct fib_stats *);
