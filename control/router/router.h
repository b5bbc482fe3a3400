// SPDX-License-Identifier: BSD-3-Clause
// The router: what the kernel routes by (control/netlink/change.h), turned into what the workers
// forward by: RIB, FIB, next hops, neighbours, and what admission leaves to the kernel.
//
// Which table: the local, main and default tables together make the one FIB. Interfaces in a VRF,
// and everything that other rules decide, stay with the kernel, and router_interface says so.
//
// Left to the kernel as well, prefix by prefix: routes by tos or IPv6 source, several of one metric
// that only the kernel can choose between, those of the default table, throw, encapsulation, an MTU
// below that of the interface, and all whose hops leave by an interface that is not ours, or has a
// reason against going out by it. A route with some such hops is left as a whole.
//
// Control thread only. No call blocks; each stays far below 2 ms, and what takes longer is left to
// router_step().
#pragma once

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/net.h"
#include "control/netlink/change.h"

struct fib;
struct neigh;
struct nexthops;
struct rib;
struct router;

#define ROUTER_REASON_SIZE 128

// What the router tells others. Calls come from router_apply(), router_step() and the set
// functions.
struct router_sink {
	// A prefix of the local table came or went: packets to it are never taken from the kernel.
	// Negative errno: the router tries again in router_step().
	int (*local)(void *arg, const struct ip_prefix *, bool is_there);
	// Destinations that were the kernel's may be ours now: forget what was left to it.
	void (*leave_changed)(void *arg);
	// Something that the snapshot holds of this interface changed (see router_interface).
	void (*interface_changed)(void *arg, int ifindex);
	void *arg;
};

struct router_config {
	struct router_sink sink;
	uint32_t max_routes4, max_routes6; // 0 = defaults of fib.h
	uint32_t max_neighbours;           // 0 = default of neigh.h
};

int router_create(struct router **out, const struct router_config *);
void router_destroy(struct router *); // no reader may be left; NULL is fine

// -- what the workers read: for the snapshot; they live as long as the router -----------------
const struct fib *router_fib(const struct router *);
const struct nexthops *router_nexthops(const struct router *);
const struct neigh *router_neigh(const struct router *);

// -- what is told to it ----------------------------------------------------------------------
void router_apply(struct router *, const struct nl_change *);
// True once every kind was dumped completely (NL_END) and nothing of it waits for router_step().
bool router_is_complete(const struct router *);

// A route or its removal did not get into the tables (limit, no memory): the family is not taken
// from the kernel any more, and says why. A new dump of routes that fits ends that: ask the mirror
// for one when there may be room again.
bool router_needs_dump(const struct router *);

// Many at once: routes that follow each other go to the FIB together. `size`: bytes of records.
void router_apply_batch(struct router *, const struct nl_change *first, size_t size);

// True while there is more to do: call again in the next turn of the loop.
bool router_step(struct router *);

// The routed port that stands on the interface; NULL = none any more. Packets may leave by it
// whenever the interface is up; whether packets are taken from it is
// router_interface.is_accelerated.
struct router_port {
	port_id_t port;
	struct mac mac;
	uint32_t mtu;
};
int router_set_port(struct router *, int ifindex, const struct router_port *);

// Why the kernel must forward what comes in by (in) or leaves by (out) this interface; "" = no
// reason. family: AF_INET, AF_INET6, 0 = both. ifindex 0: of all. From control/policy.
void router_set_policy(struct router *, int ifindex, int family, const char *in, const char *out);

// -- what is there ------------------------------------------------------------------------------
struct router_interface {
	int ifindex;
	char name[IFNAMSIZ];
	port_id_t port; // PORT_NONE = no routed port
	struct mac mac;
	uint32_t mtu;
	bool is_up;
	bool forwarding4, forwarding6; // the kernel's sysctls
	uint8_t rp_filter; // of IPv4: 0 off, 1 strict, 2 loose; the greater of all's and its own
	bool is_accelerated4, is_accelerated6; // packets of that family are taken from it
	char reason[ROUTER_REASON_SIZE];       // why not (one of them)
};
bool router_interface(const struct router *, int ifindex, struct router_interface *out);
// The next one by ifindex, after `after` (0: the first); false: there is none.
bool router_next_interface(const struct router *, int after, struct router_interface *out);

// What becomes of packets to an address: the FIB's longest match.
#define ROUTER_MAX_HOPS 64
struct router_hop {
	int ifindex; // 0 = none
	struct ip_addr gateway;
	uint32_t weight;
	bool is_resolved; // the neighbour's MAC is known and the interface is up
	struct mac mac;
};
struct router_route {
	struct ip_prefix prefix;
	uint32_t table;
	uint8_t protocol;
	uint32_t metric;
	const char *action; // "forward", "kernel", "local", "blackhole", "unreachable", "prohibit"
	unsigned n_hops;    // of "forward"
	struct router_hop hops[ROUTER_MAX_HOPS];
};
int router_get(const struct router *, const struct ip_addr *, struct router_route *out); // -ENOENT

// One page of a walk over the candidates of the RIB, as rib_walk(). is_best[i]: in the FIB.
#define ROUTER_WALK_END UINT64_MAX
size_t router_walk(const struct router *, uint64_t *cursor, struct router_route *out, bool *is_best,
	size_t max);

struct router_neighbour {
	int ifindex;
	struct ip_addr addr;
	uint16_t nud;
	struct mac mac;
	uint32_t n_holds; // next hops that go by it
};
#define ROUTER_NEIGH_WALK_END UINT32_MAX
size_t router_walk_neigh(
	const struct router *, uint32_t *cursor, struct router_neighbour *out, size_t max);

// Neighbours that packets were sent by since the last such walk, and whose answers the kernel does
// not know to be recent (NUD_STALE): the caller asks the kernel to see to them, which it does not
// do by itself for traffic that it does not see. One page of a walk as above.
void router_walk_used(struct router *, uint32_t *cursor, unsigned max,
	void (*visit)(void *arg, int ifindex, const struct ip_addr *), void *arg);

struct router_stats {
	uint64_t routes4, routes6, max_routes4, max_routes6; // in the RIB
	uint64_t fib4, fib6;
	uint64_t neighbours, next_hops, groups;
	uint64_t refused;   // changes that a limit or want of memory kept out; the kernel forwards
			    // these
	uint64_t resyncs;   // dumps that came after the first
	uint64_t corrected; // routes that a resync or the auditor changed
};
void router_stats(const struct router *, struct router_stats *);
