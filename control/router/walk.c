// SPDX-License-Identifier: BSD-3-Clause
// What is there: routes with their hops, and neighbours, for people to read.
#include <errno.h>

#include <linux/neighbour.h>

#include "control/router/router_private.h"

static const char *action_of(const struct set *s)
{
	static const char *const names[N_NEXTHOP_KINDS] = {
		[NEXTHOP_NONE] = "kernel",
		[NEXTHOP_ADJACENCY] = "forward",
		[NEXTHOP_EXCEPTION] = "kernel",
		[NEXTHOP_LOCAL] = "local",
		[NEXTHOP_BLACKHOLE] = "blackhole",
		[NEXTHOP_UNREACHABLE] = "unreachable",
		[NEXTHOP_PROHIBIT] = "prohibit",
	};

	return names[s->kind];
}

static void add_hop(const struct router *r, struct router_route *out, int32_t ifindex,
	const struct ip_addr *gateway, uint32_t weight, const struct hop *hop)
{
	struct router_hop *h = &out->hops[out->n_hops];
	struct neigh_entry e;

	if (out->n_hops == ROUTER_MAX_HOPS)
		return;
	out->n_hops++;
	*h = (struct router_hop){.ifindex = ifindex, .gateway = *gateway, .weight = weight};
	if (!hop || hop->interface->number == NO_NUMBER ||
		neigh_find(r->neigh, (uint16_t)hop->interface->number, &hop->addr, &e))
		return;
	h->mac = e.mac;
	h->is_resolved =
		hop->interface->can_send && hop_is_usable(r, hop) && e.is_known &&
		rewrite_can_forward(adjacency_read(&neigh_lines(r->neigh)[hop->adjacency]));
}

static void add_object(
	const struct router *r, struct router_route *out, const struct object *o, uint32_t weight)
{
	static const struct ip_addr none;

	if (o && o->hop)
		add_hop(r, out, o->ifindex, hop_is_link(o->hop) ? &none : &o->hop->addr, weight,
			o->hop);
}

static void tell_hops(const struct router *r, const struct set *s, struct router_route *out)
{
	const struct object *o = s->object ? object_find(r, s->object) : NULL;

	for (uint32_t k = 0; o && k < o->n_members; k++)
		add_object(r, out, object_find(r, o->members[k].id), o->members[k].weight);
	if (o && !o->is_group)
		add_object(r, out, o, 1);
	for (unsigned k = 0; k < s->n_hops; k++) {
		const struct set_hop *h = &s->hops[k];

		if (h->hop && interface_is_dead(r, h->hop->interface, s->family))
			continue;
		add_hop(r, out, h->ifindex, &h->gateway, h->weight, h->hop);
	}
}

static void tell(const struct router *r, const struct rib_route *route, struct router_route *out)
{
	static const uint32_t tables[] = {
		[PREFER_LOCAL_SPECIAL] = RT_TABLE_LOCAL,
		[PREFER_LOCAL] = RT_TABLE_LOCAL,
		[PREFER_MAIN_SPECIAL] = RT_TABLE_MAIN,
		[PREFER_MAIN] = RT_TABLE_MAIN,
		[PREFER_DEFAULT] = RT_TABLE_DEFAULT,
	};
	const struct set *s = set_of(r, route->nexthop);

	out->prefix = route->prefix;
	out->table = tables[route->preference];
	out->protocol = s->protocol;
	out->metric = route->metric;
	out->action = action_of(s);
	out->n_hops = 0;
	if (s->kind == NEXTHOP_ADJACENCY)
		tell_hops(r, s, out);
}

// A neighbour's host route is no candidate: it stands for the connected prefix.
static void tell_host(const struct router *r, const struct neighbour *n, struct router_route *out)
{
	static const struct ip_addr none;

	*out = (struct router_route){
		.prefix = {n->addr, (uint8_t)address_bits(n->addr.family)},
		.table = RT_TABLE_MAIN,
		.protocol = RTPROT_KERNEL,
		.action = "forward",
	};
	add_hop(r, out, n->interface->ifindex, &none, 1, n->host);
}

int router_get(const struct router *r, const struct ip_addr *to, struct router_route *out)
{
	struct ip_addr a = addr_canonical(to);
	struct ip_prefix p;
	struct rib_route best;
	fib_nexthop_t nexthop;
	int err = fib_match(r->fib, &a, &p, &nexthop);

	if (err)
		return err;
	for (struct neighbour *n = order_next(&r->order[family_index(a.family)], &a, INT32_MIN);
		n && addr_equal(&n->addr, &a);
		n = order_next(&r->order[family_index(a.family)], &a, n->interface->ifindex))
		if (n->host) {
			tell_host(r, n, out);
			return 0;
		}
	if (rib_find(r->rib, RIB_COUNTS, &p, &best, 1)) {
		tell(r, &best, out);
		return 0;
	}
	*out = (struct router_route){.prefix = p, .action = "kernel"}; // a fixed one
	return 0;
}

size_t router_walk(const struct router *r, uint64_t *cursor, struct router_route *out,
	bool *is_best, size_t max)
{
	static const struct rib_filter all = RIB_FILTER;
	struct rib_entry page[64];
	size_t n = rib_walk(r->rib, &all, cursor, page, MIN(max, ARRAY_SIZE(page)));

	for (size_t i = 0; i < n; i++) {
		tell(r, &page[i].route, &out[i]);
		is_best[i] = page[i].is_best && page[i].route.table == RIB_COUNTS;
	}
	if (*cursor == RIB_WALK_END)
		*cursor = ROUTER_WALK_END;
	return n;
}

size_t router_walk_neigh(
	const struct router *r, uint32_t *cursor, struct router_neighbour *out, size_t max)
{
	struct neigh_entry page[64];
	size_t n = neigh_walk(
		r->neigh, NEIGH_MAX_INTERFACES, cursor, page, MIN(max, ARRAY_SIZE(page)));
	size_t kept = 0;

	for (size_t i = 0; i < n; i++) {
		const struct neigh_entry *e = &page[i];
		const struct interface *f = interface_of_number(r, e->interface);
		static const struct ip_addr link4 = {.family = AF_INET},
					    link6 = {.family = AF_INET6};

		if (!f || addr_equal(&e->addr, &link4) || addr_equal(&e->addr, &link6))
			continue; // the link itself
		out[kept++] =
			(struct router_neighbour){f->ifindex, e->addr, e->nud, e->mac, e->n_holds};
	}
	if (*cursor == NEIGH_WALK_END)
		*cursor = ROUTER_NEIGH_WALK_END;
	return kept;
}

void router_walk_used(struct router *r, uint32_t *cursor, unsigned max,
	void (*visit)(void *arg, int ifindex, const struct ip_addr *), void *arg)
{
	struct neigh_entry page[64];
	size_t n = neigh_walk(
		r->neigh, NEIGH_MAX_INTERFACES, cursor, page, MIN(max, ARRAY_SIZE(page)));

	for (size_t i = 0; i < n; i++) {
		const struct interface *f = interface_of_number(r, page[i].interface);

		if (neigh_take_used(r->neigh, page[i].adjacency) && f && page[i].is_known &&
			page[i].nud == NUD_STALE)
			visit(arg, f->ifindex, &page[i].addr);
	}
	if (*cursor == NEIGH_WALK_END)
		*cursor = ROUTER_NEIGH_WALK_END;
}
