// SPDX-License-Identifier: BSD-3-Clause
// A naive kernel: arrays of links, addresses, routes, nexthop objects and neighbours, changed as
// Linux changes them, with the records that it would send (and without those that it would not).
#pragma once

#include "tests/unit/router_world.h"

#define K_LINKS      5 // ifindex 1 ..
#define K_ROUTES     600
#define K_PREFIXES   16 // per family
#define K_NEIGHBOURS 5  // per link and family: .1 .. .4 of its network, and one that all may have
#define K_OBJECTS    6  // ids 1 ..
#define K_GROUPS     3  // ids 11 ..
#define K_HOPS       3

struct k_link {
	bool exists, is_up, has_carrier, has_policy;
	bool ignores_linkdown[2];
	port_id_t port;
	bool has_address[2]; // 10.N.0.254/16, 10.N.9.9/16
};

struct k_neighbour {
	bool exists, is_valid;
	unsigned mac;
};

struct k_hop {
	int ifindex;
	unsigned gateway; // number of the neighbour on that link + 1; 0 = none
	uint16_t weight;
	unsigned family; // of the gateway, in an answer
};

struct k_route {
	bool exists;
	unsigned family; // 0 = IPv4, 1 = IPv6, everywhere here
	unsigned prefix;
	uint32_t table, metric, object, mtu;
	uint8_t type, tos, protocol;
	bool has_source; // IPv6
	int source;      // IPv4: 10.N.0.254 as preferred source; 0 = none
	int position;    // among those of one metric
	unsigned n_hops;
	struct k_hop hops[K_HOPS];
};

struct k_object {
	bool exists, is_blackhole;
	unsigned family;
	struct k_hop hop;
	unsigned n_members; // of a group
	uint32_t members[K_HOPS];
};

struct kernel {
	struct world *w;
	struct operations *o;
	bool is_lossy; // nobody hears what happens
	struct k_link links[K_LINKS + 1];
	struct k_neighbour neighbours[K_LINKS + 1][2][K_NEIGHBOURS];
	struct k_object objects[K_OBJECTS + 1], groups[K_GROUPS];
	struct k_route routes[K_ROUTES];
	// Of a key with several routes one was replaced: which one, only a dump says.
	bool is_tainted[2][K_PREFIXES];
};

struct ip_prefix k_prefix(unsigned family, unsigned number);
struct ip_addr k_neighbour_addr(int ifindex, unsigned family, unsigned k);

void k_make(struct kernel *, struct world *, struct operations *);
void k_operate(struct kernel *); // one random operation
void k_dump(struct kernel *);    // of all kinds, complete
void k_dump_routes(struct kernel *, bool is_complete);

// The kernel's way for an address.
struct k_answer {
	uint8_t type; // RTN_*; RTN_UNSPEC = no route
	unsigned n_hops;
	struct k_hop hops[K_HOPS];
	bool is_multi;
	bool is_plain; // the fast path has to know it
};
struct k_answer k_lookup(const struct kernel *, unsigned family, const struct ip_addr *);
bool k_is_local(const struct kernel *, const struct ip_prefix *);

// -- between its files -----------------------------------------------------------------
void k_say_route(const struct kernel *k, const struct k_route *r, enum nl_verb verb,
	bool is_replace, bool is_append);
void k_say_object(const struct kernel *k, uint32_t id, enum nl_verb verb);
void k_say_link(const struct kernel *k, int i, enum nl_verb verb);
void k_say_conf(const struct kernel *k, int i);
void k_say_address(const struct kernel *k, int i, unsigned n, enum nl_verb verb);
void k_say_neighbour(const struct kernel *k, int i, unsigned f, unsigned n, enum nl_verb verb);
bool k_is_up(const struct kernel *k, int i);
void k_remove_object(struct kernel *k, uint32_t id);
struct k_route *k_new_route(struct kernel *k);
bool k_same_key(const struct k_route *a, const struct k_route *b);
unsigned k_pick(struct kernel *k, unsigned below);
void k_operate_link(struct kernel *k);
void k_operate_neighbour(struct kernel *k);
void k_operate_object(struct kernel *k);
void k_operate_route(struct kernel *k);
