// SPDX-License-Identifier: BSD-3-Clause
// The kernel's nexthop objects and groups. A route that names one follows whatever it becomes; when
// it is removed the kernel removes its routes without a word, and takes it out of its groups.
#include "base/mem.h"
#include "control/router/router_private.h"

#define HEADS (1u << 12)

static struct object **head(const struct router *r, uint32_t id)
{
	return &r->object_heads[router_hash(r, &id, sizeof(id), 7) & (HEADS - 1)];
}

struct object *object_find(const struct router *r, uint32_t id)
{
	struct object *o = r->object_heads ? *head(r, id) : NULL;

	while (o && o->id != id)
		o = o->next;
	return o;
}

struct object *object_get(struct router *r, uint32_t id)
{
	struct object *o = object_find(r, id);

	if (o)
		return o;
	if (!r->object_heads)
		r->object_heads = mem_zalloc(HEADS * sizeof(*r->object_heads), 0);
	o = r->object_heads ? mem_zalloc(sizeof(*o), 0) : NULL;
	if (!o)
		return NULL;
	o->id = id;
	o->next = *head(r, id);
	*head(r, id) = o;
	r->n_objects++;
	return o;
}

void object_gc(struct router *r, struct object *o)
{
	struct object **link = head(r, o->id);

	if (o->is_there || o->n_sets || o->n_groups || r->keep_objects)
		return;
	while (*link != o)
		link = &(*link)->next;
	*link = o->next;
	r->n_objects--;
	mem_free(o->members);
	mem_free(o);
}

// -- what it leads to ---------------------------------------------------------------------
static void collect_one(struct router *r, const struct object *o, const struct set *s,
	struct outcome *out, uint16_t weight)
{
	if (!o || !o->is_there || o->is_left || o->is_group)
		out->is_left = true;
	else if (o->is_blackhole)
		out->is_blackhole = true;
	else
		outcome_add(r, out, s, o->hop, o->family ? o->family : s->family, weight);
}

void object_collect(
	struct router *r, const struct object *o, const struct set *s, struct outcome *out)
{
	if (!o || !o->is_there || !o->is_group) {
		collect_one(r, o, s, out, 1);
		return;
	}
	out->is_left |= o->is_left;
	for (uint32_t k = 0; k < o->n_members; k++)
		collect_one(r, object_find(r, o->members[k].id), s, out, o->members[k].weight);
	if (out->is_blackhole && o->n_members > 1) { // the kernel allows none beside it
		out->is_blackhole = false;
		out->is_left = true;
	}
}

// -- changes ------------------------------------------------------------------------------
static void clear(struct router *r, struct object *o)
{
	struct member *members = o->members;
	uint32_t n = o->n_members;

	o->is_there = false;
	o->members = NULL;
	o->n_members = 0;
	hop_put(r, o->hop);
	o->hop = NULL;
	o->n_sets++; // not to go while its members do
	for (uint32_t k = 0; k < n; k++) {
		struct object *m = object_find(r, members[k].id);

		m->n_groups--;
		object_gc(r, m);
	}
	o->n_sets--;
	mem_free(members);
}

// Takes those that are not there any more out of a group; false: none is left.
static bool thin(struct router *r, struct object *g)
{
	uint32_t n = 0;

	for (uint32_t k = 0; k < g->n_members; k++) {
		struct object *m = object_find(r, g->members[k].id);

		if (m->is_doomed) {
			m->n_groups--; // it goes in finish()
			continue;
		}
		g->members[n++] = g->members[k];
	}
	g->n_members = n;
	return n;
}

// All that is marked as doomed goes: out of groups, and groups without members with it.
static void finish(struct router *r, bool any_in_group)
{
	r->keep_objects = true; // until the lists are walked
	for (uint32_t h = 0; h < HEADS && any_in_group; h++)
		for (struct object *g = r->object_heads[h]; g; g = g->next)
			if (g->is_there && g->is_group && !g->is_doomed && g->n_members)
				g->is_doomed = !thin(r, g);
	sets_doom(r);
	for (uint32_t h = 0; h < HEADS; h++)
		for (struct object *o = r->object_heads[h], *next; o; o = next) {
			next = o->next;
			if (!o->is_doomed)
				continue;
			o->is_doomed = false;
			clear(r, o);
		}
	r->keep_objects = false;
	for (uint32_t h = 0; h < HEADS; h++)
		for (struct object *o = r->object_heads[h], *next; o; o = next) {
			next = o->next;
			object_gc(r, o);
		}
	pass_want(&r->set_pass);
}

// One that no group and no set names is simply forgotten.
static void lose(struct router *r, struct object *o)
{
	if (!o->n_sets && !o->n_groups) {
		clear(r, o);
		object_gc(r, o);
		return;
	}
	o->is_doomed = true;
	finish(r, o->n_groups);
}

static bool fill_group(struct router *r, struct object *o, const struct nl_nexthop *n)
{
	if (!n->n_members)
		return false;
	o->members = mem_zalloc(n->n_members * sizeof(*o->members), 0);
	if (!o->members)
		return false;
	for (uint32_t k = 0; k < n->n_members; k++) {
		struct object *m = object_get(r, n->members[k].id);

		if (!m)
			return false;
		o->members[k] = (struct member){n->members[k].id, MAX(n->members[k].weight, 1)};
		o->n_members++;
		m->n_groups++;
	}
	return true;
}

static void set(struct router *r, const struct nl_nexthop *n)
{
	struct object *o = object_find(r, n->id), old;
	bool is_known = o && o->is_there;

	if (is_known && o->is_group != n->is_group) { // the kernel has removed it meanwhile
		lose(r, o);
		is_known = false;
	}
	o = object_get(r, n->id);
	if (!o) {
		r->stats.refused++; // its routes are the kernel's
		return;
	}
	old = *o;
	o->generation = r->generation[NL_NEXTHOP];
	o->is_there = true;
	o->family = n->family;
	o->is_group = n->is_group;
	o->is_blackhole = n->is_blackhole;
	o->is_left = n->is_fdb || n->is_cut || n->hop.has_encap;
	o->hop = NULL;
	o->ifindex = n->is_group || n->is_blackhole ? 0 : n->hop.ifindex;
	o->members = NULL;
	o->n_members = 0;
	if (n->is_group) {
		o->is_left |= !fill_group(r, o, n);
	} else if (!n->is_blackhole) {
		o->hop = hop_get(r, n->hop.ifindex, &n->hop.gateway,
			n->family == AF_INET6 ? AF_INET6 : AF_INET);
		o->is_left |= !o->hop;
	}
	hop_put(r, old.hop); // after the new one: it may be the same
	for (uint32_t k = 0; k < old.n_members; k++) {
		struct object *m = object_find(r, old.members[k].id);

		m->n_groups--;
		object_gc(r, m);
	}
	mem_free(old.members);
	if (o->n_sets || o->n_groups)
		pass_want(&r->set_pass);
}

void objects_apply(struct router *r, const struct nl_nexthop *n)
{
	struct object *o;

	if (n->change.verb == NL_SET) {
		if (n->id)
			set(r, n);
		return;
	}
	o = object_find(r, n->id);
	if (o && o->is_there)
		lose(r, o);
}

// nexthop_flush_dev(): also for want of a carrier.
void objects_lose_interfaces(struct router *r)
{
	bool any = false;

	for (uint32_t h = 0; h < HEADS && r->object_heads; h++)
		for (struct object *o = r->object_heads[h]; o; o = o->next) {
			const struct interface *i =
				o->is_there && o->ifindex ? interface_find(r, o->ifindex) : NULL;

			if (i && (i->is_down_now || i->has_lost_carrier || i->is_gone_now))
				any = o->is_doomed = true;
		}
	if (any)
		finish(r, true);
}

void objects_sweep(struct router *r)
{
	bool any = false;

	for (uint32_t h = 0; h < HEADS && r->object_heads; h++)
		for (struct object *o = r->object_heads[h]; o; o = o->next)
			if (o->is_there && o->generation != r->generation[NL_NEXTHOP])
				any = o->is_doomed = true;
	if (any)
		finish(r, true);
}

void objects_free(struct router *r)
{
	for (uint32_t h = 0; h < HEADS && r->object_heads; h++)
		while (r->object_heads[h]) {
			struct object *o = r->object_heads[h];

			r->object_heads[h] = o->next;
			hop_put(r, o->hop);
			mem_free(o->members);
			mem_free(o);
		}
	mem_free(r->object_heads);
}
