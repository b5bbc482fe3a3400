// SPDX-License-Identifier: BSD-3-Clause
// Routes and nexthop objects of the naive kernel, and its dumps.
#include "tests/unit/router_kernel.h"

#include <linux/rtnetlink.h>
#include <string.h>

#include "base/compiler.h"

static bool pick_hop(struct kernel *k, struct k_hop *h)
{
	h->ifindex = 1 + (int)k_pick(k, K_LINKS);
	h->gateway = k_pick(k, 5) ? 1 + k_pick(k, 3) : 0;
	h->weight = (uint16_t)(1 + k_pick(k, 3));
	return k_is_up(k, h->ifindex);
}

void k_operate_object(struct kernel *k)
{
	unsigned id = 1 + k_pick(k, K_OBJECTS), g = k_pick(k, K_GROUPS);
	struct k_object *b = &k->objects[id], *group = &k->groups[g];

	if (k_pick(k, 3)) {
		if (b->exists && k_pick(k, 2) == 0) {
			k_remove_object(k, id);
			k_say_object(k, id, NL_GONE);
			return;
		}
		struct k_hop hop;

		if (!pick_hop(k, &hop))
			return;
		if (!b->exists)
			*b = (struct k_object){.family = k_pick(k, 2)};
		b->hop = hop;
		b->hop.weight = 1;
		b->exists = true;
		k_say_object(k, id, NL_SET);
		return;
	}
	if (group->exists && k_pick(k, 2) == 0) {
		k_remove_object(k, 11 + g);
		k_say_object(k, 11 + g, NL_GONE);
		return;
	}
	group->n_members = 0;
	for (unsigned m = 1; m <= K_OBJECTS && group->n_members < K_HOPS; m++)
		if (k->objects[m].exists && k_pick(k, 2))
			group->members[group->n_members++] = m;
	if (!group->n_members) { // not a change that the kernel would make
		if (group->exists) {
			k_remove_object(k, 11 + g);
			k_say_object(k, 11 + g, NL_GONE);
		}
		return;
	}
	group->exists = true;
	k_say_object(k, 11 + g, NL_SET);
}

static bool object_fits(const struct kernel *k, uint32_t id, unsigned family)
{
	const struct k_object *g = &k->groups[id > 10 ? id - 11 : 0];

	if (id <= 10)
		return k->objects[id].exists && k->objects[id].family >= family;
	for (unsigned m = 0; m < g->n_members; m++)
		if (k->objects[g->members[m]].family < family)
			return false;
	return g->exists;
}

static bool pick_route(struct kernel *k, struct k_route *r)
{
	static const uint8_t types[] = {
		RTN_BLACKHOLE, RTN_UNREACHABLE, RTN_PROHIBIT, RTN_THROW, RTN_LOCAL};
	unsigned what = k_pick(k, 32);

	memset(r, 0, sizeof(*r));
	r->exists = true;
	r->family = k_pick(k, 2);
	r->prefix = k_pick(k, K_PREFIXES);
	r->table = what == 0 ? RT_TABLE_DEFAULT : RT_TABLE_MAIN;
	r->metric = 10 * k_pick(k, 3);
	r->protocol = (uint8_t)(k_pick(k, 8) ? RTPROT_STATIC : RTPROT_BGP);
	r->type = RTN_UNICAST;
	r->mtu = k_pick(k, 32) == 0 ? 1400 : 0;
	if (what == 1 && !r->family)
		r->tos = (uint8_t)(8 << k_pick(k, 2));
	if (what == 1 && r->family)
		r->has_source = true;
	if (what < 7 && what > 1) {
		r->type = types[what - 2];
		if (r->type != RTN_LOCAL)
			return true;
		r->table = RT_TABLE_LOCAL;
		r->metric = 0;
		if (k_pick(k, 2))
			r->prefix = 4; // a host
	}
	if (what >= 26 && r->type == RTN_UNICAST) {
		r->object = k_pick(k, 2) ? 1 + k_pick(k, K_OBJECTS) : 11 + k_pick(k, K_GROUPS);
		return object_fits(k, r->object, r->family);
	}
	r->n_hops = r->type == RTN_LOCAL || k_pick(k, 3) ? 1 : 1 + k_pick(k, K_HOPS);
	for (unsigned h = 0; h < r->n_hops; h++) {
		if (!pick_hop(k, &r->hops[h]))
			return false;
		if (r->type == RTN_LOCAL || r->table == RT_TABLE_LOCAL)
			r->hops[h].gateway = 0;
		// IPv6 has each hop once, and a route of several has gateways only.
		for (unsigned g = 0; g < h && r->family; g++)
			if (r->hops[g].ifindex == r->hops[h].ifindex)
				return false;
		if (r->family && r->n_hops > 1 && !r->hops[h].gateway)
			return false;
		if (r->n_hops > 1 && r->family)
			r->hops[h].weight = 1;
	}
	if (!r->family && r->type == RTN_UNICAST && k_pick(k, 8) == 0)
		r->source = 1 + (int)k_pick(k, K_LINKS);
	if (r->source && !k->links[r->source].has_address[0])
		r->source = 0;
	return true;
}

// IPv6: one route with several hops, if both have gateways.
static bool has_gateways(const struct k_route *r)
{
	for (unsigned h = 0; h < r->n_hops; h++)
		if (!r->hops[h].gateway)
			return false;
	return r->n_hops && !r->object && r->type == RTN_UNICAST && !r->has_source &&
	       r->table != RT_TABLE_DEFAULT;
}

static bool merge(struct k_route *to, const struct k_route *from)
{
	if (to->mtu || from->mtu || to->n_hops + from->n_hops > K_HOPS)
		return false;
	for (unsigned h = 0; h < to->n_hops; h++)
		for (unsigned g = 0; g < from->n_hops; g++)
			if (to->hops[h].ifindex == from->hops[g].ifindex)
				return false;
	for (unsigned g = 0; g < from->n_hops; g++)
		to->hops[to->n_hops++] = from->hops[g];
	to->protocol = from->protocol;
	return true;
}

void k_operate_route(struct kernel *k)
{
	struct k_route r, *first = NULL, *at = NULL;
	unsigned n_same = 0, what = k_pick(k, 8);
	int low = 0, high = 0;

	if (what < 3) { // delete
		at = &k->routes[k_pick(k, K_ROUTES)];
		for (unsigned n = 0; n < K_ROUTES && !at->exists; n++)
			at = &k->routes[(unsigned)(at - k->routes + 1) % K_ROUTES];
		if (!at->exists)
			return;
		at->exists = false;
		if (at->family && at->n_hops > 1 && k_pick(k, 2)) { // one hop
			r = *at;
			r.n_hops = 1;
			r.hops[0] = at->hops[--at->n_hops];
			at->exists = true;
			k_say_route(k, &r, NL_GONE, false, false);
			return;
		}
		k_say_route(k, at, NL_GONE, false, false);
		return;
	}
	if (!pick_route(k, &r))
		return;
	for (unsigned n = 0; n < K_ROUTES; n++)
		if (k_same_key(&k->routes[n], &r)) {
			n_same++;
			if (!first || k->routes[n].position < first->position)
				first = &k->routes[n];
			low = MIN(low, k->routes[n].position);
			high = MAX(high, k->routes[n].position);
			if (k->routes[n].type == r.type && k->routes[n].protocol == r.protocol &&
				k->routes[n].object == r.object && k->routes[n].mtu == r.mtu &&
				k->routes[n].source == r.source &&
				k->routes[n].n_hops == r.n_hops &&
				!memcmp(k->routes[n].hops, r.hops, sizeof(r.hops)))
				return; // EEXIST
		}
	if (first && what == 3) { // replace
		if (r.family && n_same > 1)
			return;
		k->is_tainted[r.family][r.prefix] |= n_same > 1 || r.tos || r.has_source;
		r.position = first->position;
		*first = r;
		k_say_route(k, first, NL_SET, true, false);
		return;
	}
	if (first && what < 6) // exists
		return;
	if (first && r.family && n_same == 1 && has_gateways(first) && has_gateways(&r)) {
		if (merge(first, &r))
			k_say_route(k, k_pick(k, 2) ? first : &r, NL_SET, false, true);
		return;
	}
	at = k_new_route(k);
	if (!at || (first && r.family && what == 6))
		return;
	r.position = what == 6 ? low - 1 : high + 1;
	*at = r;
	k_say_route(k, at, NL_SET, false, what == 7 && r.family && first);
}

// -- dumps --------------------------------------------------------------------------------------
void k_dump_routes(struct kernel *k, bool is_complete)
{
	tell(k->w, NL_ROUTE, NL_BEGIN);
	for (unsigned n = 0; n < K_ROUTES; n++)
		if (k->routes[n].exists && (is_complete || k_pick(k, 2)))
			k_say_route(k, &k->routes[n], NL_SET, false, false);
	tell(k->w, NL_ROUTE, is_complete ? NL_END : NL_BROKEN);
	if (is_complete)
		memset(k->is_tainted, 0, sizeof(k->is_tainted));
}

static void dump_kind(struct kernel *k, enum nl_kind kind)
{
	tell(k->w, kind, NL_BEGIN);
	for (int i = 1; i <= K_LINKS; i++) {
		const struct k_link *l = &k->links[i];

		if (kind == NL_LINK && l->exists)
			k_say_link(k, i, NL_SET);
		if (kind == NL_NETCONF && l->exists)
			k_say_conf(k, i);
		for (unsigned a = 0; a < 2 && kind == NL_ADDRESS; a++)
			if (l->has_address[a])
				k_say_address(k, i, a, NL_SET);
		for (unsigned n = 0; n < 2 * K_NEIGHBOURS && kind == NL_NEIGH; n++)
			if (k->neighbours[i][n % 2][n / 2].exists)
				k_say_neighbour(k, i, n % 2, n / 2, NL_SET);
	}
	for (uint32_t id = 1; id < 11 + K_GROUPS && kind == NL_NEXTHOP; id++)
		if (id <= K_OBJECTS ? k->objects[id].exists : id > 10 && k->groups[id - 11].exists)
			k_say_object(k, id, NL_SET);
	tell(k->w, kind, NL_END);
}

void k_dump(struct kernel *k)
{
	dump_kind(k, NL_LINK);
	dump_kind(k, NL_ADDRESS);
	dump_kind(k, NL_NETCONF);
	dump_kind(k, NL_NEIGH);
	dump_kind(k, NL_NEXTHOP);
	k_dump_routes(k, true);
}

void k_operate(struct kernel *k)
{
	unsigned what = k_pick(k, 64);

	if (what < 5)
		k_operate_link(k);
	else if (what < 24)
		k_operate_neighbour(k);
	else if (what < 30)
		k_operate_object(k);
	else
		k_operate_route(k);
}
