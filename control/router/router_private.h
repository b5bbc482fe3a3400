// SPDX-License-Identifier: BSD-3-Clause
// Private to control/router: the objects of the router and who calls whom.
//
//	router.c      creation, dispatch of records, router_step()
//	interfaces.c  links, addresses, netconf, ports: interfaces and what may be done with them
//	reasons.c     rules, policy, and why an interface is not accelerated
//	hops.c        (interface, gateway) -> adjacency
//	sets.c        what a route leads to: its hops as a whole, with one number for the FIB
//	objects.c     the kernel's nexthop objects and groups
//	routes.c      route records -> changes of the RIB
//	crowd.c       routes that only the kernel can choose between
//	install.c     RIB -> FIB, local prefixes, routes that are parked or doomed
//	neighbours.c  neighbours and their host routes; order.c: their order by address
//	walk.c        what is there
//
// Events change interfaces and objects at once and doom sets at once (what the kernel has removed
// by itself). All else is found out by passes that router_step() drives, each over a table in
// pages: hops follow interfaces, sets follow hops and objects, the RIB follows sets, host routes
// follow the FIB. A pass that is asked for again while it runs starts again when it is through.
#pragma once

#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include "control/rib.h"
#include "control/router/router.h"
#include "dataplane/table/fib.h"
#include "dataplane/table/neigh.h"
#include "dataplane/table/nexthop.h"

#define FAMILIES  2
#define NO_NUMBER UINT32_MAX

static inline unsigned family_index(uint8_t family)
{
	return family == AF_INET6;
}

static inline unsigned address_bits(uint8_t family)
{
	return family == AF_INET ? 32 : 128;
}

// -- interfaces -----------------------------------------------------------------------
struct netconf {
	int8_t forwarding, rp_filter, ignore_linkdown; // -1 = not known
	uint32_t generation;
};

struct address {
	struct ip_prefix prefix;
	uint32_t generation;
};

struct interface {
	int32_t ifindex;
	uint32_t generation;
	bool is_known; // the link is there; else only what others said of its number
	bool is_kept;  // interface_gc() waits
	struct nl_link link;
	struct netconf conf[FAMILIES];
	struct address *addresses;
	uint32_t n_addresses, max_addresses;
	uint32_t n_addresses4;
	char policy_in[FAMILIES][ROUTER_REASON_SIZE], policy_out[FAMILIES][ROUTER_REASON_SIZE];
	struct router_port port; // PORT_NONE = none
	uint32_t number;         // of neigh.h
	uint32_t n_hops;
	uint32_t n_neighbours;
	struct neighbour *neighbours;
	bool is_emptying; // its neighbours are to go
	bool can_send;    // neigh.h was told that it is up
	// In this event, for sets_doom() and objects_lose_interfaces():
	bool is_down_now, has_lost_carrier, is_gone_now, has_lost_address;
	struct router_interface told; // as users of the router saw it last
	bool was_told;
};

struct interface *interface_find(const struct router *, int32_t ifindex);
struct interface *interface_get(struct router *, int32_t ifindex); // made if need be; or NULL
void interface_gc(struct router *, struct interface *);            // unless somebody needs it
uint32_t interface_number(struct router *, struct interface *);    // or NO_NUMBER
bool interface_is_usable(const struct router *, const struct interface *); // hops may leave by it
bool interface_is_dead(const struct router *, const struct interface *, uint8_t family);
struct interface *interface_of_number(const struct router *, uint32_t number);
void interface_refresh(struct router *, struct interface *); // after a change: neigh.h, users
void interfaces_refresh(struct router *);                    // all
void interfaces_apply_link(struct router *, const struct nl_link *);
void interfaces_apply_address(struct router *, const struct nl_address *);
void interfaces_apply_netconf(struct router *, const struct nl_netconf *);
void interfaces_sweep(struct router *, enum nl_kind);
void interfaces_free(struct router *);

// reasons.c
void rules_apply(struct router *, const struct nl_rule *);
void rules_sweep(struct router *);
void interface_tell(const struct router *, const struct interface *, struct router_interface *);

// -- hops -----------------------------------------------------------------------------
struct hop {
	struct hop *next; // in the hash
	struct interface *interface;
	struct ip_addr addr; // all zero: the link itself
	uint32_t adjacency;  // 0 = none could be had
	uint32_t nexthop;    // 0 = nobody wanted a number yet
	uint32_t at;         // in r->hops
	uint32_t n_users;
};

struct hop *hop_get(
	struct router *, int32_t ifindex, const struct ip_addr *gateway, uint8_t family);
void hop_put(struct router *, struct hop *);
uint32_t hop_nexthop(struct router *, struct hop *); // its number, or 0
bool hop_is_usable(const struct router *, const struct hop *);
bool hop_is_link(const struct hop *);
bool hops_step(struct router *, unsigned *budget);

// -- sets -----------------------------------------------------------------------------
enum set_table { SET_LOCAL, SET_MAIN, SET_DEFAULT, N_SET_TABLES };

enum set_state {
	SET_LIVE,
	SET_DEAD,   // no hop is alive: its routes do not count now
	SET_DOOMED, // the kernel has removed its routes
};

struct set_hop {
	int32_t ifindex;
	struct ip_addr gateway;
	uint16_t weight;
	bool has_encap;
	struct hop *hop; // NULL: could not be had
};

struct set {
	struct set *next;
	uint64_t hash;
	uint32_t nexthop; // the number for RIB and FIB
	uint32_t object;  // 0 = the hops here
	uint32_t mtu;
	uint32_t n_refs; // but for RIB's
	struct ip_addr source;
	uint8_t family, type, protocol;
	uint8_t table;     // enum set_table
	bool is_left;      // the kernel's, whatever its hops
	bool is_group;     // its number is that of a group
	bool is_hashed;    // new routes may share it
	int32_t connected; // the interface whose link alone it leads to, or 0
	uint8_t state;     // enum set_state
	uint8_t kind; // enum nexthop_kind that workers find; a group of hops is NEXTHOP_ADJACENCY
	uint64_t outcome; // of a group: hash of its members
	uint16_t n_hops;
	struct set_hop hops[];
};

// The set of a route, with a reference; NULL: it could not be had.
struct set *set_get(struct router *, const struct set *key);
struct set *set_find(struct router *, const struct set *key); // not made if it is not there
bool set_is(const struct set *, const struct set *key);
void set_unref(struct router *, struct set *);
void set_gc(struct router *, struct set *); // unless somebody needs it
struct set *set_of(const struct router *, uint32_t nexthop);
bool sets_step(struct router *, unsigned *budget);
void sets_doom(struct router *); // by the marks on interfaces and objects
void sets_doom_source(struct router *, const struct ip_addr *);
void sets_free(struct router *);

// What a set leads to now. Members go to r->members.
struct outcome {
	bool is_left, has_dead, is_blackhole;
	struct hop *hop; // the last one
	unsigned n;
};
void outcome_add(struct router *, struct outcome *, const struct set *, struct hop *,
	uint8_t family, uint32_t weight);

// -- objects --------------------------------------------------------------------------
struct member {
	uint32_t id;
	uint16_t weight;
};

struct object {
	struct object *next;
	uint32_t id;
	uint32_t generation;
	uint8_t family;
	bool is_there;
	bool is_group, is_blackhole, is_left;
	bool is_doomed;            // for sets_doom()
	uint32_t n_sets, n_groups; // that name it
	struct hop *hop;
	int32_t ifindex;
	struct member *members;
	uint32_t n_members;
};

struct object *object_find(const struct router *, uint32_t id);
struct object *object_get(struct router *, uint32_t id); // a place for it at least; or NULL
void object_gc(struct router *, struct object *);
void object_collect(struct router *, const struct object *, const struct set *, struct outcome *);
void objects_apply(struct router *, const struct nl_nexthop *);
void objects_lose_interfaces(struct router *); // marked as down or gone
void objects_sweep(struct router *);
void objects_free(struct router *);

// -- routes ---------------------------------------------------------------------------
// RIB tables: routes that count, and those that do not for now (dead, or hidden by a wide prefix
// of the local table).
enum { RIB_COUNTS, RIB_PARKED };

// Preferences: table after table, and in each first the routes by which only the kernel can choose.
enum {
	PREFER_LOCAL_SPECIAL,
	PREFER_LOCAL,
	PREFER_MAIN_SPECIAL,
	PREFER_MAIN,
	PREFER_DEFAULT,
};

static inline bool is_special(uint8_t preference)
{
	return preference == PREFER_LOCAL_SPECIAL || preference == PREFER_MAIN_SPECIAL;
}

struct route_key {
	struct ip_prefix prefix;
	uint8_t preference;
	uint32_t metric;
};

#define QUEUE      512
#define QUEUE_BITS 65536 // of a filter: few keys are taken for another one
struct queued {
	struct route_key key;
	struct set *set; // of a removal: what is to be there
	bool is_removal, is_replace;
	uint32_t first; // of its changes
	uint8_t n;
};

void routes_apply(struct router *, const struct nl_route *);
void routes_begin(struct router *);
void routes_end(struct router *);
void routes_flush(struct router *);
bool routes_step(struct router *); // the sweep
void routes_refused(struct router *, uint8_t family);
struct rib_route routes_rib(const struct router *, const struct route_key *, const struct set *);

// crowd.c
struct alternative {
	struct set *set;
	uint32_t generation;
	uint8_t tos;
	bool has_source;
};

struct crowd {
	struct crowd *next, *next_dirty;
	struct route_key key;
	struct alternative *alternatives;
	uint32_t n, max;
	bool is_uncertain; // some are there no more, and nobody said which
	bool is_short;     // for want of memory not all are here
	bool is_dirty;
};

struct crowd *crowd_find(const struct router *, const struct route_key *);
struct crowd *crowd_get(struct router *, const struct route_key *);
void crowd_set(struct router *, struct crowd *, struct set *, uint8_t tos, bool has_source);
bool crowd_remove(
	struct router *, struct crowd *, const struct set *, uint8_t tos, bool has_source);
void crowds_settle(struct router *);
void crowds_sweep(struct router *);
void crowds_free(struct router *);

// install.c
struct local {
	struct local *next;
	struct ip_prefix prefix;
	bool is_there, is_told, is_waiting;
};

void install(void *arg, uint16_t table, struct rib_best *, size_t n);
int install_place(const struct router *, const struct ip_prefix *, const struct set *);
bool rib_pass_step(struct router *);
bool locals_step(struct router *);
void locals_free(struct router *);

// -- neighbours -------------------------------------------------------------------------
struct neighbour {
	struct neighbour *left, *right; // order.c
	uint32_t priority;
	struct interface *interface;
	struct ip_addr addr;
	uint32_t generation;
	bool is_valid, is_gone;
	uint8_t match_len;               // of the prefix that it was last seen under
	struct hop *host;                // of its host route in the FIB; NULL = none
	struct neighbour *next, *before; // of its interface
};

struct order {
	struct neighbour *root;
	uint64_t random;
};
// Keys: address, then ifindex. order_next(): the first one behind; ifindex INT32_MIN: the first of
// the address.
void order_insert(struct order *, struct neighbour *);
void order_remove(struct order *, struct neighbour *);
struct neighbour *order_next(const struct order *, const struct ip_addr *, int32_t ifindex);
struct neighbour *order_find(const struct order *, const struct ip_addr *, int32_t ifindex);

struct range {
	struct ip_prefix prefix;
	bool is_all; // also those under a longer prefix
	struct ip_addr at;
	int32_t at_ifindex;
};
#define RANGES 32

void neighbours_apply(struct router *, const struct nl_neigh *);
void neighbours_sweep(struct router *); // what the dump did not name

void neighbours_of_gone(struct router *, struct interface *);
// The FIB has changed at this prefix: host routes below may have to follow.
void neighbours_follow(struct router *, const struct ip_prefix *);
void neighbours_follow_all(struct router *);
bool neighbours_step(struct router *, unsigned *budget);
void neighbours_free(struct router *);

// -- the router -------------------------------------------------------------------------
struct rule {
	struct nl_rule rule;
	uint32_t generation;
};

// A pass over a table in pages.
struct pass {
	bool is_wanted, is_running;
	uint64_t at;
};

struct router {
	struct router_sink sink;
	struct fib *fib;
	struct nexthops *nexthops;
	struct neigh *neigh;
	struct rib *rib;

	uint32_t generation[N_NL_KINDS];
	bool is_dumping[N_NL_KINDS], was_dumped[N_NL_KINDS];
	bool is_synchronized; // all were dumped, and nothing waited then
	uint32_t n_dumps[N_NL_KINDS];

	struct interface **interfaces; // by ifindex
	uint32_t n_interfaces, max_interfaces;
	struct interface *of_number[NEIGH_MAX_INTERFACES];
	uint32_t next_number;
	struct netconf all[FAMILIES];
	struct rule *rules;
	uint32_t n_rules, max_rules;
	char policy_in[FAMILIES][ROUTER_REASON_SIZE], policy_out[FAMILIES][ROUTER_REASON_SIZE];

	struct hop **hop_heads;
	struct hop **hops; // for the pass
	uint32_t n_hops, max_hops;
	struct set **sets;                            // by number
	struct set **set_heads;                       // hash
	struct set *last_set;                         // of set_get()
	struct set *fallback[FAMILIES][N_SET_TABLES]; // the kernel's
	struct set *local[FAMILIES];
	uint32_t n_sets, n_multi6;
	uint32_t n_left;                   // sets that are the kernel's for now
	uint32_t verdict[N_NEXTHOP_KINDS]; // next hops for groups
	struct nexthop_member members[NL_MAX_HOPS * 2];
	struct object **object_heads;
	uint32_t n_objects;
	bool keep_objects; // object_gc() waits

	struct queued queue[QUEUE];
	struct rib_change changes[2 * QUEUE];
	uint32_t n_queued, n_changes, n_parking;
	uint64_t is_queued[QUEUE_BITS / 64];
	bool is_resyncing, is_sweeping; // routes: from NL_BEGIN until swept; since NL_END
	bool was_refused[FAMILIES];     // since NL_BEGIN
	bool is_full[FAMILIES];       // the FIB is not as it should be: the family is the kernel's
	struct rib_change moves[512]; // of the pass over the RIB
	struct fib_change fib_changes[256];
	struct crowd **crowd_heads;
	struct crowd *dirty_crowds;
	uint32_t n_crowds;
	bool has_doomed_crowds;

	struct local **local_heads;
	uint32_t n_locals, n_untold;
	struct ip_prefix *wide[FAMILIES]; // prefixes of the local table that are no host's
	uint32_t n_wide[FAMILIES], max_wide[FAMILIES];
	uint32_t n_of_length[FAMILIES][129]; // prefixes in the FIB

	struct order order[FAMILIES];
	uint32_t n_neighbours[FAMILIES], n_hosts[FAMILIES];
	uint32_t *near[FAMILIES]; // neighbours by their first bits
	struct range ranges[RANGES];
	uint32_t n_ranges;

	struct ip_addr swept_to[FAMILIES]; // neighbours
	int32_t swept_ifindex[FAMILIES];
	struct pass hop_pass, set_pass, rib_pass, neighbour_sweep;
	bool has_emptying;
	bool leave_changed;
	struct router_stats stats;
	uint64_t secret;
};

static inline void pass_want(struct pass *p)
{
	p->is_wanted = true;
}
// Whether there is something to do; begins at `start` what has been asked for.
static inline bool pass_runs(struct pass *p, uint64_t start)
{
	if (!p->is_running && p->is_wanted)
		*p = (struct pass){.is_running = true, .at = start};
	return p->is_running;
}
void router_pass_hops(struct router *); // interfaces have changed: hops, then sets
uint64_t router_hash(const struct router *, const void *, size_t, uint64_t seed);
// Family 0, AF_INET with the rest zero, or AF_INET6.
struct ip_addr addr_canonical(const struct ip_addr *);
bool addr_equal(const struct ip_addr *, const struct ip_addr *);
bool prefix_contains(const struct ip_prefix *, const struct ip_addr *);
bool prefix_is_canonical(const struct ip_prefix *);
