// SPDX-License-Identifier: BSD-3-Clause
// A router with a kernel that a test plays: makes records, and sees what workers would do.
#pragma once

#include "control/router/router.h"
#include "tests/unit/operations.h"

#define WORLD_LOCALS 64

struct world {
	struct router *router;
	struct ip_prefix locals[WORLD_LOCALS]; // as admission was told
	unsigned n_locals;
	int refuse_local; // negative errno for the sink to return
	unsigned n_leave, n_changed;
};

void world_make(struct world *, const struct router_config *); // NULL = defaults
void world_free(struct world *);
void world_dumped(struct world *); // every kind was dumped: empty, but for the kernel's rules
void world_settle(struct world *); // router_step() until there is no more
bool world_knows_local(const struct world *, const struct ip_prefix *);
bool world_has_local(const struct world *, const char *prefix);

struct ip_addr addr(const char *text);     // "" = none
struct ip_prefix prefix(const char *text); // host bits as they are
struct mac mac(unsigned n);

// -- records; verb is NL_SET or NL_GONE ------------------------------------------------
void tell(struct world *, enum nl_kind, enum nl_verb); // NL_BEGIN, NL_END, NL_BROKEN
#define LINK_UP   0x11043 // up, broadcast, running, multicast, lower up
#define LINK_DOWN 0x1002
#define LINK_IDLE 0x1003 // up without carrier
struct nl_link link_record(int ifindex, uint32_t flags);
void tell_link(struct world *, enum nl_verb, int ifindex, uint32_t flags);
void tell_address(struct world *, enum nl_verb, int ifindex, const char *prefix);
void tell_neigh(struct world *, enum nl_verb, int ifindex, const char *addr, uint16_t nud,
	unsigned mac_number); // 0 = none
void tell_forwarding(struct world *, uint8_t family, int ifindex, int forwarding);
void tell_rule(struct world *, enum nl_verb, uint8_t family, uint32_t priority, uint32_t table);
void tell_object(struct world *, enum nl_verb, uint32_t id, int ifindex, const char *gateway);
void tell_group(struct world *, uint32_t id, unsigned n, const struct nl_nexthop_member *);
int set_port(struct world *, int ifindex, port_id_t);

// A route record with room for its hops; main table, unicast, protocol static.
struct route_record {
	union {
		struct nl_route route;
		uint8_t room[sizeof(struct nl_route) + NL_MAX_HOPS * sizeof(struct nl_hop)];
	};
};
void route_record(struct route_record *, const char *prefix);
void route_hop(struct route_record *, int ifindex, const char *gateway, uint16_t weight);
void tell_route(struct world *, enum nl_verb, struct route_record *);
// The usual one: by one hop.
void tell_via(struct world *, enum nl_verb, const char *prefix, int ifindex, const char *gateway);

// -- what workers do ---------------------------------------------------------------------
// The FIB's answer for one hash: "kernel", "none", "local", "drop", "unreachable", "prohibit",
// "link" (no neighbour), or "forward" with port and MAC.
struct seen {
	const char *what;
	port_id_t port;
	struct mac mac;
};
struct seen look(const struct world *, const struct ip_addr *, uint32_t hash);
// Asserts: forwarded to mac(n) by that port; or what.
#define assert_forward(w, to, port, n) assert_int_equal(seen_as(w, to), (port) << 16 | (n))
#define assert_seen(w, to, as)         assert_string_equal(seen_what(w, to), as)
unsigned seen_as(const struct world *, const char *to); // port << 16 | mac number, or ~0
const char *seen_what(const struct world *, const char *to);

enum { ETH1 = 1, ETH2, ETH3, ETH4, DOCKER = 9 };
// eth1 .. eth4 with ports of their number, 10.N.0.0/16 and fd00:N::/32 connected, a gateway .1 with
// MAC 10 * N on each; and docker0 without a port, 172.17.0.0/16.
void world_usual(struct world *, const struct router_config *);
