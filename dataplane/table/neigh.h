// SPDX-License-Identifier: BSD-3-Clause
// Neighbours: (interface, IPv4 or IPv6 address) -> adjacency (dataplane/table/adjacency.h).
//
// Readers: workers come with the number of an adjacency, which the next-hop table gave them, and
//          read its line. They never search: every neighbour that packets go to directly has a
//          host route of its own.
// Writer:  control only. It says what it knows of interfaces and neighbours in any order; the
//          lines follow, in place. An adjacency forwards when its interface is up and the
//          neighbour is in a state of NUD_VALID (reachable, stale, delay, probe, permanent, noarp)
//          with a unicast MAC; else packets for it are the kernel's (exception), and workers
//          find its port there for the check of sources (rp_filter). A connected prefix is the
//          adjacency of the address that no neighbour has: 0.0.0.0 or ::, which can only be held.
// Life:    an adjacency is there while a next hop holds it or the kernel has the neighbour. Its
//          number is used again one grace period after it has gone; till then workers find
//          exception there.
// Bounds:  no call blocks; each takes far less than 2 ms. A change of an interface with many
//          neighbours is finished by neigh_step().
#pragma once

#include "dataplane/table/adjacency.h"

#define NEIGH_MAX            (1u << 20)
#define NEIGH_MAX_INTERFACES 4096 // interface numbers are below this

struct neigh;

// -- worker side --------------------------------------------------------------------
// The lines, for the life of the table. Line 0 is always exception.
const struct adjacency *neigh_lines(const struct neigh *);

// By adjacency: packets were sent by it since control last looked (neigh_take_used()). Any worker
// may set it; look before writing, so that the line stays shared.
_Atomic uint8_t *neigh_used(const struct neigh *);

static fast_inline void neigh_mark_used(_Atomic uint8_t *used, uint32_t adjacency)
{
	if (unlikely(!atomic_load_explicit(&used[adjacency], memory_order_relaxed)))
		atomic_store_explicit(&used[adjacency], 1, memory_order_relaxed);
}

// -- control side: 0 or negative errno ------------------------------------------------
struct neigh_config {
	uint32_t max_entries;        // 0 = 64k; at most NEIGH_MAX
	const uint64_t *hash_secret; // 2 words for tests; NULL = from getrandom()
};
int neigh_create(struct neigh **out, const struct neigh_config *); // -EINVAL, -ENOMEM, getrandom's
void neigh_destroy(struct neigh *); // no reader and no next-hop table may be left; NULL is fine

struct neigh_interface {
	port_id_t port;
	bool is_tagged; // frames carry `vlan` as an 802.1Q tag (a VLAN interface of a routed port)
	vlan_id_t vlan; // 0 = none; the VLAN of an SVI
	uint16_t mtu;   // longest IP packet
	struct mac mac; // source of what is sent
};
// A new, changed or (NULL) lost interface. -EINVAL. When neigh_step() has returned false, no worker
// finds the old port after the next grace period.
int neigh_set_interface(struct neigh *, uint16_t interface, const struct neigh_interface *);
bool neigh_step(struct neigh *); // true while there is more to do

// A next hop's hold on the adjacency, which is made if need be. -EINVAL; -ENOSPC at the limit.
int neigh_hold(struct neigh *, uint16_t interface, const struct ip_addr *, uint32_t *adjacency);
void neigh_hold_more(struct neigh *, uint32_t adjacency); // held already
void neigh_put(struct neigh *, uint32_t adjacency);

// What the kernel says of a neighbour: its state, of NUD_*, and MAC (NULL = none known).
// -EINVAL; -ENOSPC at the limit, then nothing has changed.
int neigh_update(struct neigh *, uint16_t interface, const struct ip_addr *, uint16_t nud,
	const struct mac *);
bool neigh_take_used(struct neigh *, uint32_t adjacency);                     // and forgets it
int neigh_remove(struct neigh *, uint16_t interface, const struct ip_addr *); // -ENOENT

struct neigh_entry {
	uint16_t interface;
	struct ip_addr addr;
	uint32_t adjacency;
	uint32_t n_holds; // next hops
	bool is_known;    // to the kernel; else the next two are zero
	uint16_t nud;
	struct mac mac;
};
int neigh_find(const struct neigh *, uint16_t interface, const struct ip_addr *,
	struct neigh_entry *out); // -ENOENT
// One page of a walk, as fdb_walk(); interface NEIGH_MAX_INTERFACES = of all.
#define NEIGH_WALK_END UINT32_MAX
size_t neigh_walk(const struct neigh *, uint16_t interface, uint32_t *cursor,
	struct neigh_entry *out, size_t max);

struct neigh_stats {
	uint64_t entries, max_entries, memory_bytes; // entries: also those that wait for reuse
	uint64_t full;                               // refused at the limit
	uint64_t writes;                             // of lines
};
void neigh_stats(const struct neigh *, struct neigh_stats *);
