// SPDX-License-Identifier: BSD-3-Clause
// Neighbours. A connected prefix is the adjacency of its link, by which nothing can be sent; each
// valid neighbour whose longest match is that prefix of its own interface has a host route of its
// own in the FIB (and not in the RIB, which is what the kernel has).
#include <errno.h>
#include <linux/neighbour.h>

#include "base/mem.h"
#include "control/router/router_private.h"

// linux/neighbour.h does not have it.
#define VALID (NUD_PERMANENT | NUD_NOARP | NUD_REACHABLE | NUD_PROBE | NUD_STALE | NUD_DELAY)

// Of a step's budget.
#define EVALUATION 16
#define REMOVAL    16

#define NEAR 65536

static uint32_t *near(const struct router *r, const struct ip_addr *a)
{
	unsigned f = family_index(a->family);
	uint32_t bits = (uint32_t)a->b[0] << 8 | a->b[1];

	if (f) { // the first 32 bits, folded
		bits ^= (uint32_t)a->b[2] << 8 | a->b[3];
		bits ^= (uint32_t)a->b[3] << 4;
	}
	return &r->near[f][bits % NEAR];
}

static struct ip_prefix host_prefix(const struct ip_addr *a)
{
	return (struct ip_prefix){*a, (uint8_t)address_bits(a->family)};
}

// -- host routes ----------------------------------------------------------------------------
// The longest match without host routes of neighbours: next hop, and the length.
static fib_nexthop_t match(const struct router *r, const struct ip_addr *a, uint8_t *len)
{
	struct ip_prefix p = host_prefix(a);
	unsigned f = family_index(a->family);
	struct rib_route own;
	fib_nexthop_t nexthop;

	*len = p.len;
	if (rib_find(r->rib, RIB_COUNTS, &p, &own, 1))
		return own.nexthop;
	for (unsigned bits = p.len; bits-- > 0;) {
		p.addr.b[bits / 8] &= (uint8_t) ~(0x80 >> bits % 8);
		p.len = (uint8_t)bits;
		if (!r->n_of_length[f][bits] || fib_find(r->fib, &p, &nexthop))
			continue;
		*len = p.len;
		return nexthop;
	}
	*len = 0;
	return FIB_NO_ROUTE;
}

static void forget_host(struct router *r, struct neighbour *n)
{
	r->n_hosts[family_index(n->addr.family)]--;
	hop_put(r, n->host);
	n->host = NULL;
}

static void put_host(struct router *r, struct neighbour *n)
{
	struct ip_prefix p = host_prefix(&n->addr);
	unsigned f = family_index(n->addr.family);
	uint32_t number;

	n->host = hop_get(r, n->interface->ifindex, &n->addr, n->addr.family);
	number = n->host ? hop_nexthop(r, n->host) : 0;
	if (!number || fib_set(r->fib, &p, number) < 0) {
		hop_put(r, n->host);
		n->host = NULL;
		r->stats.refused++; // the link's adjacency stands: the kernel forwards
		return;
	}
	r->n_hosts[f]++;
	r->leave_changed |= r->n_left;
	// It took the place of one by another interface, if there was one.
	for (struct neighbour *o = order_next(&r->order[f], &n->addr, INT32_MIN);
		o && addr_equal(&o->addr, &n->addr);
		o = order_next(&r->order[f], &o->addr, o->interface->ifindex))
		if (o != n && o->host)
			forget_host(r, o);
}

// What the kernel has for the address takes its place again.
static void take_host(struct router *r, struct neighbour *n)
{
	struct ip_prefix p = host_prefix(&n->addr);
	struct rib_route own;
	int result;

	if (rib_find(r->rib, RIB_COUNTS, &p, &own, 1))
		result = fib_set(r->fib, &p, own.nexthop);
	else
		result = fib_remove(r->fib, &p);
	if (result < 0 && result != -ENOENT)
		routes_refused(r, p.addr.family); // tried again after the next dump of routes
	else
		forget_host(r, n);
}

static void evaluate(struct router *r, struct neighbour *n)
{
	const struct set *s = set_of(r, match(r, &n->addr, &n->match_len));
	bool is_link_local =
		n->addr.family == AF_INET6 && n->addr.b[0] == 0xfe && (n->addr.b[1] & 0xc0) == 0x80;
	bool is_wanted =
		n->is_valid && !is_link_local && s && s->connected == n->interface->ifindex;

	if (is_wanted && !n->host)
		put_host(r, n);
	else if (!is_wanted && n->host)
		take_host(r, n);
}

// -- records --------------------------------------------------------------------------------
static struct neighbour *make(struct router *r, struct interface *i, const struct ip_addr *a)
{
	unsigned f = family_index(a->family);
	struct neighbour *n;

	if (!r->near[f])
		r->near[f] = mem_zalloc(NEAR * sizeof(*r->near[f]), 0);
	n = r->near[f] ? mem_zalloc(sizeof(*n), 0) : NULL;
	if (!n)
		return NULL;
	n->interface = i;
	n->addr = *a;
	n->next = i->neighbours;
	if (i->neighbours)
		i->neighbours->before = n;
	i->neighbours = n;
	i->n_neighbours++;
	r->n_neighbours[f]++;
	++*near(r, a);
	order_insert(&r->order[f], n);
	return n;
}

// False: its host route could not be taken back yet.
static bool drop(struct router *r, struct neighbour *n)
{
	struct interface *i = n->interface;

	n->is_valid = false;
	if (n->host)
		take_host(r, n);
	neigh_remove(r->neigh, (uint16_t)i->number, &n->addr);
	if (n->host) {
		n->is_gone = true;
		return false;
	}
	order_remove(&r->order[family_index(n->addr.family)], n);
	--*near(r, &n->addr);
	if (n->next)
		n->next->before = n->before;
	if (n->before)
		n->before->next = n->next;
	else
		i->neighbours = n->next;
	i->n_neighbours--;
	r->n_neighbours[family_index(n->addr.family)]--;
	mem_free(n);
	interface_gc(r, i);
	return true;
}

static void empty(struct router *r, struct interface *i, unsigned *budget)
{
	struct neighbour *n = i->neighbours, *next;

	i->is_emptying = n;
	for (; n && *budget; n = next) {
		next = n->next;
		*budget -= MIN(*budget, REMOVAL);
		if (!next) // the interface may go with its last one
			i->is_emptying = false;
		drop(r, n);
	}
}

void neighbours_of_gone(struct router *r, struct interface *i)
{
	i->is_emptying = i->neighbours;
	r->has_emptying |= i->is_emptying;
}

static bool is_unicast(const struct nl_neigh *n)
{
	return n->has_mac && !mac_is_zero(n->mac) && !mac_is_group(n->mac);
}

// The kernel has entries for these (NUD_NOARP) when it sends to them; routes never lead by them.
static bool is_multicast(const struct ip_addr *a)
{
	return a->family == AF_INET ? (a->b[0] & 0xf0) == 0xe0 : a->b[0] == 0xff;
}

void neighbours_apply(struct router *r, const struct nl_neigh *c)
{
	struct ip_addr a = addr_canonical(&c->addr);
	unsigned all = UINT32_MAX;
	struct interface *i;
	struct neighbour *n;
	uint32_t number;
	bool is_new;

	if (is_multicast(&a))
		return;
	i = c->change.verb == NL_SET ? interface_get(r, c->ifindex) : interface_find(r, c->ifindex);
	if (!i || !a.family) {
		r->stats.refused += c->change.verb == NL_SET;
		return;
	}
	n = order_find(&r->order[family_index(a.family)], &a, c->ifindex);
	if (c->change.verb == NL_GONE) {
		if (n)
			drop(r, n);
		return;
	}
	if (i->is_emptying) { // the number is another interface's now
		i->n_hops++;  // to stay
		empty(r, i, &all);
		i->n_hops--;
		n = NULL;
	}
	is_new = !n;
	number = interface_number(r, i);
	if (is_new)
		n = number == NO_NUMBER ? NULL : make(r, i, &a);
	if (!n) {
		r->stats.refused++;
		interface_gc(r, i);
		return;
	}
	n->generation = r->generation[NL_NEIGH];
	n->is_gone = false;
	if (neigh_update(r->neigh, (uint16_t)number, &a, c->nud, c->has_mac ? &c->mac : NULL)) {
		r->stats.refused++; // no neighbour has such an address, or the table is full
		drop(r, n);
		return;
	}
	if (!is_new && n->is_valid == (c->nud & VALID && is_unicast(c)))
		return;
	n->is_valid = c->nud & VALID && is_unicast(c);
	evaluate(r, n);
}

// -- after routes -----------------------------------------------------------------------------
static void follow(struct router *r, const struct ip_prefix *p, bool is_all)
{
	struct range *g = r->ranges;

	while (g < &r->ranges[r->n_ranges] && memcmp(&g->prefix, p, sizeof(*p)))
		g++;
	if (g == &r->ranges[RANGES]) {
		r->n_ranges = 0;
		neighbours_follow_all(r);
		return;
	}
	if (g == &r->ranges[r->n_ranges])
		*g = r->ranges[r->n_ranges++] = (struct range){.prefix = *p};
	g->is_all |= is_all;
	g->at = p->addr;
	g->at_ifindex = INT32_MIN;
}

void neighbours_follow(struct router *r, const struct ip_prefix *p)
{
	unsigned f = family_index(p->addr.family);
	struct neighbour *n;

	if (!r->n_neighbours[f] || (p->len >= (f ? 32 : 16) && !*near(r, &p->addr)))
		return;
	n = order_next(&r->order[f], &p->addr, INT32_MIN);
	if (!n || !prefix_contains(p, &n->addr))
		return;
	// The FIB has the kernel's own route of that address now.
	for (; p->len == address_bits(p->addr.family) && n && addr_equal(&n->addr, &p->addr);
		n = order_next(&r->order[f], &n->addr, n->interface->ifindex))
		if (n->host)
			forget_host(r, n);
	follow(r, p, false);
}

void neighbours_follow_all(struct router *r)
{
	struct ip_prefix all4 = {.addr = {.family = AF_INET}},
			 all6 = {.addr = {.family = AF_INET6}};

	if (r->n_neighbours[0])
		follow(r, &all4, true);
	if (r->n_neighbours[1])
		follow(r, &all6, true);
}

static void follow_step(struct router *r, struct range *g, unsigned *budget)
{
	struct order *o = &r->order[family_index(g->prefix.addr.family)];
	struct neighbour *n;

	while (*budget) {
		n = order_next(o, &g->at, g->at_ifindex);
		if (!n || !prefix_contains(&g->prefix, &n->addr)) {
			*g = r->ranges[--r->n_ranges];
			return;
		}
		g->at = n->addr;
		g->at_ifindex = n->interface->ifindex;
		*budget -= 1;
		if (n->is_gone) {
			drop(r, n);
		} else if (g->is_all || n->match_len <= g->prefix.len) {
			*budget -= MIN(*budget, EVALUATION);
			evaluate(r, n);
		}
	}
}

// -- passes -----------------------------------------------------------------------------------
void neighbours_sweep(struct router *r)
{
	for (unsigned f = 0; f < FAMILIES; f++) {
		r->swept_to[f] = (struct ip_addr){.family = f ? AF_INET6 : AF_INET};
		r->swept_ifindex[f] = INT32_MIN;
	}
	pass_want(&r->neighbour_sweep);
}

static void sweep_step(struct router *r, unsigned *budget)
{
	for (unsigned f = 0; f < FAMILIES; f++) {
		struct neighbour *n;

		while (*budget &&
			(n = order_next(&r->order[f], &r->swept_to[f], r->swept_ifindex[f]))) {
			r->swept_to[f] = n->addr;
			r->swept_ifindex[f] = n->interface->ifindex;
			*budget -= 1;
			if (n->generation != r->generation[NL_NEIGH]) {
				*budget -= MIN(*budget, REMOVAL);
				drop(r, n);
			}
		}
	}
	r->neighbour_sweep.is_running = !*budget;
}

static void empty_step(struct router *r, unsigned *budget)
{
	r->has_emptying = false;
	for (uint32_t k = r->n_interfaces; k-- > 0;) {
		if (r->interfaces[k]->is_emptying)
			empty(r, r->interfaces[k], budget);
		// The interface may be gone with its last neighbour.
		r->has_emptying |= k < r->n_interfaces && r->interfaces[k]->is_emptying;
	}
}

bool neighbours_step(struct router *r, unsigned *budget)
{
	if (r->has_emptying)
		empty_step(r, budget);
	if (*budget && pass_runs(&r->neighbour_sweep, 0))
		sweep_step(r, budget);
	while (r->n_ranges && *budget)
		follow_step(r, &r->ranges[r->n_ranges - 1], budget);
	return r->has_emptying || r->n_ranges || r->neighbour_sweep.is_running ||
	       r->neighbour_sweep.is_wanted;
}

void neighbours_free(struct router *r)
{
	for (uint32_t k = 0; k < r->n_interfaces; k++)
		for (struct neighbour *n = r->interfaces[k]->neighbours, *next; n; n = next) {
			next = n->next;
			hop_put(r, n->host);
			mem_free(n);
		}
	mem_free(r->near[0]);
	mem_free(r->near[1]);
}
