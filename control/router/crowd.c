// SPDX-License-Identifier: BSD-3-Clause
// Crowds: several routes of one prefix, table and metric, of which the kernel takes the one that
// it lists first, or chooses by the packet (tos, IPv6 source prefix, router preference). Which one
// that is, only the kernel knows: the prefix is the kernel's, until one alone is left.
#include <errno.h>

#include "base/mem.h"
#include "control/router/router_private.h"

#define HEADS (1u << 10)

static struct crowd **head(const struct router *r, const struct route_key *k)
{
	uint64_t rank = (uint64_t)k->preference << 32 | k->metric;

	return &r->crowd_heads[router_hash(r, &k->prefix, sizeof(k->prefix), rank) & (HEADS - 1)];
}

static bool same_key(const struct route_key *a, const struct route_key *b)
{
	return a->preference == b->preference && a->metric == b->metric &&
	       !memcmp(&a->prefix, &b->prefix, sizeof(a->prefix));
}

struct crowd *crowd_find(const struct router *r, const struct route_key *k)
{
	struct crowd *c = r->n_crowds ? *head(r, k) : NULL;

	while (c && !same_key(&c->key, k))
		c = c->next;
	return c;
}

struct crowd *crowd_get(struct router *r, const struct route_key *k)
{
	struct crowd *c = crowd_find(r, k);

	if (c)
		return c;
	if (!r->crowd_heads)
		r->crowd_heads = mem_zalloc(HEADS * sizeof(*r->crowd_heads), 0);
	c = r->crowd_heads ? mem_zalloc(sizeof(*c), 0) : NULL;
	if (!c)
		return NULL;
	c->key = *k;
	c->next = *head(r, k);
	*head(r, k) = c;
	r->n_crowds++;
	return c;
}

static void dirty(struct router *r, struct crowd *c)
{
	if (c->is_dirty)
		return;
	c->is_dirty = true;
	c->next_dirty = r->dirty_crowds;
	r->dirty_crowds = c;
}

static uint32_t place_of(const struct crowd *c, const struct set *s, uint8_t tos, bool has_source)
{
	uint32_t k = 0;

	while (k < c->n && (c->alternatives[k].set != s || c->alternatives[k].tos != tos ||
				   c->alternatives[k].has_source != has_source))
		k++;
	return k;
}

// Takes over no reference of the caller's.
void crowd_set(struct router *r, struct crowd *c, struct set *s, uint8_t tos, bool has_source)
{
	uint32_t k = place_of(c, s, tos, has_source);

	dirty(r, c);
	if (k < c->n) {
		c->alternatives[k].generation = r->generation[NL_ROUTE];
		return;
	}
	if (c->n == c->max) {
		uint32_t max = MAX(2 * c->max, 4);
		struct alternative *more = mem_zalloc(max * sizeof(*more), 0);

		if (!more) { // then it is not forgotten that there is one more
			c->is_short = true;
			r->stats.refused++;
			return;
		}
		if (c->n)
			memcpy(more, c->alternatives, c->n * sizeof(*more));
		mem_free(c->alternatives);
		c->alternatives = more;
		c->max = max;
	}
	s->n_refs++;
	c->alternatives[c->n++] = (struct alternative){s, r->generation[NL_ROUTE], tos, has_source};
}

static void drop(struct router *r, struct crowd *c, uint32_t k)
{
	set_unref(r, c->alternatives[k].set);
	c->alternatives[k] = c->alternatives[--c->n];
	dirty(r, c);
}

bool crowd_remove(
	struct router *r, struct crowd *c, const struct set *s, uint8_t tos, bool has_source)
{
	uint32_t k = place_of(c, s, tos, has_source);

	if (k == c->n)
		return false;
	drop(r, c, k);
	return true;
}

// -- what becomes of the prefix -----------------------------------------------------------
static struct set *outcome(struct router *r, const struct crowd *c)
{
	unsigned f = family_index(c->key.prefix.addr.family);
	bool all_local = true;

	if (c->n == 1 && !c->is_uncertain && !c->is_short && !is_special(c->key.preference))
		return c->alternatives[0].set;
	for (uint32_t k = 0; k < c->n; k++)
		all_local &= c->alternatives[k].set->kind == NEXTHOP_LOCAL;
	if (all_local && c->n && !c->is_short && c->key.preference == PREFER_LOCAL)
		return r->local[f];
	if (c->key.preference <= PREFER_LOCAL)
		return r->fallback[f][SET_LOCAL];
	return r->fallback[f][c->key.preference == PREFER_DEFAULT ? SET_DEFAULT : SET_MAIN];
}

static void forget(struct router *r, struct crowd *c)
{
	struct crowd **link = head(r, &c->key);

	while (*link != c)
		link = &(*link)->next;
	*link = c->next;
	while (c->n)
		set_unref(r, c->alternatives[--c->n].set);
	mem_free(c->alternatives);
	mem_free(c);
	r->n_crowds--;
}

// Setting in one table and then removing in the other, so that the prefix is never without.
static void settle(struct router *r, struct crowd *c)
{
	struct set *s = c->n || c->is_short ? outcome(r, c) : NULL;
	int place = s ? install_place(r, &c->key.prefix, s) : RIB_COUNTS;
	struct rib_change changes[2] = {
		{.route = routes_rib(r, &c->key, s)}, {.route = routes_rib(r, &c->key, NULL)}};

	changes[0].is_removal = !s;
	changes[0].route.table = (uint16_t)place;
	changes[1].is_removal = true;
	changes[1].route.table = place == RIB_COUNTS ? RIB_PARKED : RIB_COUNTS;
	rib_change_bulk(r->rib, &changes[0], 1);
	if (!changes[0].result || (!s && changes[0].result == -ENOENT))
		rib_change_bulk(r->rib, &changes[1], 1);
	else
		routes_refused(r, c->key.prefix.addr.family);
	for (unsigned k = 0; k < 2; k++)
		if (changes[k].was && (!s || changes[k].was != s->nexthop))
			set_gc(r, set_of(r, changes[k].was));
	if (!s || (c->n == 1 && s == c->alternatives[0].set))
		forget(r, c);
}

static void drop_doomed(struct router *r)
{
	r->has_doomed_crowds = false;
	for (uint32_t h = 0; h < HEADS && r->n_crowds; h++)
		for (struct crowd *c = r->crowd_heads[h]; c; c = c->next)
			for (uint32_t k = c->n; k-- > 0;)
				if (c->alternatives[k].set->state == SET_DOOMED)
					drop(r, c, k);
}

void crowds_settle(struct router *r)
{
	if (r->has_doomed_crowds)
		drop_doomed(r);
	while (r->dirty_crowds) {
		struct crowd *c = r->dirty_crowds;

		r->dirty_crowds = c->next_dirty;
		c->is_dirty = false;
		settle(r, c);
	}
}

// What the dump did not name is gone, and which ones are there is known again.
void crowds_sweep(struct router *r)
{
	for (uint32_t h = 0; h < HEADS && r->n_crowds; h++)
		for (struct crowd *c = r->crowd_heads[h]; c; c = c->next) {
			for (uint32_t k = c->n; k-- > 0;)
				if (c->alternatives[k].generation != r->generation[NL_ROUTE])
					drop(r, c, k);
			if (c->is_uncertain || c->is_short)
				dirty(r, c);
			c->is_uncertain = c->is_short = false;
		}
	crowds_settle(r);
}

void crowds_free(struct router *r)
{
	for (uint32_t h = 0; h < HEADS && r->n_crowds; h++)
		while (r->crowd_heads[h])
			forget(r, r->crowd_heads[h]);
	mem_free(r->crowd_heads);
}
