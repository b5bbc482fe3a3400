// SPDX-License-Identifier: BSD-3-Clause
// Route records -> changes of the RIB. They are queued, so that routes that follow each other go to
// RIB and FIB together; what the RIB answers tells whether a route took the place of another one or
// stands beside it (crowd.c).
#include <errno.h>

#include "control/router/router_private.h"

// -- keys -------------------------------------------------------------------------------
struct rib_route routes_rib(const struct router *r, const struct route_key *k, const struct set *s)
{
	return (struct rib_route){
		.prefix = k->prefix,
		.table = s ? (uint16_t)install_place(r, &k->prefix, s) : RIB_COUNTS,
		.preference = k->preference,
		.metric = k->metric,
		.nexthop = s ? s->nexthop : 0,
	};
}

static bool key_of(const struct nl_route *n, struct route_key *k, uint8_t *table)
{
	const struct ip_addr *a = &n->prefix.addr;

	if ((a->family != AF_INET && a->family != AF_INET6) || !prefix_is_canonical(&n->prefix))
		return false;
	// Never taken from the kernel: see the fixed prefixes of router_create().
	if (n->flags & RTM_F_CLONED || n->type == RTN_MULTICAST)
		return false;
	if (a->family == AF_INET && a->b[0] >= 224 && n->prefix.len >= 3)
		return false;
	if (a->family == AF_INET6 && n->prefix.len >= 8 && a->b[0] == 0xff)
		return false;
	if (a->family == AF_INET6 && n->prefix.len >= 10 && a->b[0] == 0xfe &&
		(a->b[1] & 0xc0) == 0x80)
		return false;
	memset(k, 0, sizeof(*k));
	k->prefix.addr.family = a->family;
	memcpy(k->prefix.addr.b, a->b, a->family == AF_INET ? 4 : 16);
	k->prefix.len = n->prefix.len;
	k->metric = n->metric;
	switch (n->table) {
	case RT_TABLE_LOCAL:
		k->preference = PREFER_LOCAL;
		*table = SET_LOCAL;
		break;
	case RT_TABLE_MAIN:
		k->preference = PREFER_MAIN;
		*table = SET_MAIN;
		break;
	case RT_TABLE_DEFAULT:
		k->preference = PREFER_DEFAULT;
		*table = SET_DEFAULT;
		break;
	default:
		return false;
	}
	// A route for some packets only leaves the others to less specific ones, past those of
	// other metrics: before all of them.
	if (n->tos || n->has_source) {
		k->preference = *table == SET_LOCAL ? PREFER_LOCAL_SPECIAL : PREFER_MAIN_SPECIAL;
		k->metric = 0;
	}
	return true;
}

union set_key {
	struct set set;
	uint8_t room[sizeof(struct set) + NL_MAX_HOPS * sizeof(struct set_hop)];
};

static void set_key_of(const struct nl_route *n, uint8_t table, union set_key *k)
{
	struct set *s = &k->set;
	unsigned n_hops = n->nexthop ? 0 : MIN(n->n_hops, NL_MAX_HOPS);

	memset(s, 0, sizeof(*s));
	s->family = n->prefix.addr.family;
	s->type = n->type;
	s->protocol = n->protocol;
	s->table = table;
	s->object = n->nexthop;
	s->mtu = n->mtu;
	s->source = addr_canonical(&n->source);
	// What the default table says counts where main has nothing, which the longest match of
	// the two together does not tell.
	s->is_left = n->is_cut || n->has_source || n->tos || n->n_hops > NL_MAX_HOPS ||
		     table == SET_DEFAULT || (n->type == RTN_UNICAST && !n->nexthop && !n->n_hops);
	s->n_hops = (uint16_t)n_hops;
	for (unsigned i = 0; i < n_hops; i++) {
		const struct nl_hop *h = &n->hops[i];

		s->hops[i] = (struct set_hop){h->ifindex, addr_canonical(&h->gateway),
			MAX(h->weight, 1), h->has_encap, NULL};
	}
}

// What cannot have a set of its own is the kernel's.
static struct set *set_for(struct router *r, const struct set *key)
{
	struct set *s = set_get(r, key);

	if (s)
		return s;
	r->stats.refused++;
	s = key->type == RTN_LOCAL && key->table == SET_LOCAL
		    ? r->local[family_index(key->family)]
		    : r->fallback[family_index(key->family)][key->table];
	s->n_refs++;
	return s;
}

// -- the queue ----------------------------------------------------------------------------
static void push(struct router *r, struct queued *q, const struct rib_route *route, bool is_removal)
{
	r->changes[r->n_changes++] = (struct rib_change){.route = *route, .is_removal = is_removal};
	q->n++;
}

// Each key is in the queue at most once: what it is answered is of its own doing then.
static void make_room(struct router *r, const struct route_key *k)
{
	uint64_t bit = router_hash(r, k, sizeof(*k), 3) % QUEUE_BITS, mask = 1ull << bit % 64;

	if (r->n_queued == QUEUE || r->is_queued[bit / 64] & mask)
		routes_flush(r);
	r->is_queued[bit / 64] |= mask;
}

// Takes over the caller's reference.
static struct queued *enqueue(
	struct router *r, const struct route_key *k, struct set *s, bool is_removal)
{
	struct queued *q = &r->queue[r->n_queued++];
	struct rib_route route = routes_rib(r, k, is_removal ? NULL : s), other = route;

	*q = (struct queued){.key = *k, .set = s, .is_removal = is_removal, .first = r->n_changes};
	other.table = route.table == RIB_COUNTS ? RIB_PARKED : RIB_COUNTS;
	push(r, q, &route, is_removal);
	if (other.table == RIB_COUNTS || r->n_parking ||
		rib_count(r->rib, RIB_PARKED, k->prefix.addr.family))
		push(r, q, &other, true);
	if (route.table == RIB_PARKED)
		r->n_parking++;
	return q;
}

void routes_refused(struct router *r, uint8_t family)
{
	unsigned f = family_index(family);

	r->stats.refused++;
	r->was_refused[f] = true;
	if (r->is_full[f])
		return;
	r->is_full[f] = true;
	interfaces_refresh(r);
}

// Of a crowd: what was there before, and what came. Both stay.
static struct crowd *begin_crowd(
	struct router *r, const struct route_key *k, struct set *was, struct set *fresh)
{
	struct crowd *c = crowd_get(r, k);

	if (!c) {
		routes_refused(r, k->prefix.addr.family);
		return NULL;
	}
	crowd_set(r, c, was, 0, false);
	if (fresh)
		crowd_set(r, c, fresh, 0, false);
	return c;
}

static bool is_stand_in(const struct router *r, const struct set *s)
{
	unsigned f = family_index(s->family);

	return s == r->local[f] || s == r->fallback[f][s->table];
}

// Whether the kernel's removal of another route says nothing of the one that is there.
static bool was_removed_before(const struct router *r, const struct set *gone)
{
	const struct object *o = gone->object ? object_find(r, gone->object) : NULL;

	if (gone->object)
		return !o || !o->is_there;
	for (unsigned i = 0; i < gone->n_hops; i++) {
		const struct interface *f = interface_find(r, gone->hops[i].ifindex);

		if (f && f->is_known && f->link.flags & IFF_UP)
			return false;
	}
	return gone->n_hops;
}

// The kernel has removed another route than the one that is there. If the interface's end or the
// object's said so already that is well; else something was missed, and the kernel decides.
static void protect(
	struct router *r, const struct route_key *k, struct set *was, const struct set *gone)
{
	struct crowd *c;

	if (was_removed_before(r, gone))
		return;
	c = begin_crowd(r, k, was, NULL);
	if (c)
		c->is_uncertain = true;
}

static void conclude_removal(struct router *r, const struct queued *q, struct set *was)
{
	struct rib_change back = {.route = routes_rib(r, &q->key, was)};

	if (was == q->set || was->state == SET_DOOMED || is_stand_in(r, was))
		return;
	rib_change_bulk(r->rib, &back, 1);
	if (back.result)
		routes_refused(r, q->key.prefix.addr.family);
	else
		protect(r, &q->key, was, q->set);
}

static void conclude_set(struct router *r, const struct queued *q, struct set *was, bool is_fresh)
{
	bool is_resync = r->is_resyncing && r->n_dumps[NL_ROUTE];

	if (was == q->set)
		return;
	if (!was) {
		r->stats.corrected += is_resync && !r->is_sweeping;
		return;
	}
	// While a dump is read: what it has not named is no longer there, or will be named.
	if (!q->is_replace && was->state != SET_DOOMED && (!r->is_resyncing || is_fresh))
		begin_crowd(r, &q->key, was, q->set);
	else
		r->stats.corrected += is_resync && !is_fresh;
}

static void conclude(struct router *r, const struct queued *q)
{
	const struct rib_change *c = &r->changes[q->first];
	struct set *was = NULL;
	bool is_fresh = false;

	for (unsigned i = 0; i < q->n; i++) {
		if (c[i].result < 0 && !(c[i].is_removal && c[i].result == -ENOENT))
			routes_refused(r, q->key.prefix.addr.family);
		if (c[i].was) {
			was = set_of(r, c[i].was);
			is_fresh = c[i].was_current;
		}
	}
	if (!q->is_removal)
		conclude_set(r, q, was, is_fresh);
	else if (was)
		conclude_removal(r, q, was);
	if (was != q->set)
		set_gc(r, was);
}

void routes_flush(struct router *r)
{
	uint32_t n = r->n_queued;

	if (n) {
		rib_change_bulk(r->rib, r->changes, r->n_changes);
		r->n_queued = 0;
		r->n_changes = 0;
		r->n_parking = 0;
		memset(r->is_queued, 0, sizeof(r->is_queued));
		for (uint32_t i = 0; i < n; i++)
			conclude(r, &r->queue[i]);
		for (uint32_t i = 0; i < n; i++)
			set_unref(r, r->queue[i].set);
	}
	crowds_settle(r);
}

// -- records ------------------------------------------------------------------------------
// The candidate of a key as the RIB has it now.
static struct set *current(struct router *r, const struct route_key *k)
{
	struct rib_route found[64];

	routes_flush(r);
	make_room(r, k);
	for (uint16_t table = RIB_COUNTS; table <= RIB_PARKED; table++) {
		size_t n = rib_find(r->rib, table, &k->prefix, found, ARRAY_SIZE(found));

		for (size_t i = 0; i < MIN(n, ARRAY_SIZE(found)); i++)
			if (found[i].preference == k->preference && found[i].metric == k->metric)
				return set_of(r, found[i].nexthop);
	}
	return NULL;
}

static bool is_hop_in(const struct set_hop *h, const struct set *s)
{
	for (unsigned i = 0; i < s->n_hops; i++)
		if (s->hops[i].ifindex == h->ifindex &&
			addr_equal(&s->hops[i].gateway, &h->gateway))
			return true;
	return false;
}

static bool has_gateways(const struct set *s)
{
	for (unsigned i = 0; i < s->n_hops; i++)
		if (!s->hops[i].gateway.family)
			return false;
	return s->n_hops && s->type == RTN_UNICAST && !s->is_left && !s->object;
}

// IPv6: the hops of the route that is there, and those of the record. False: it is no such route.
static bool unite(struct router *r, const struct route_key *k, union set_key *key)
{
	const struct set *was = current(r, k);
	union set_key both;

	if (!was || !has_gateways(was) || !has_gateways(&key->set) ||
		was->n_hops + key->set.n_hops > NL_MAX_HOPS)
		return false;
	memcpy(&both, was, sizeof(*was) + was->n_hops * sizeof(was->hops[0]));
	both.set.protocol = key->set.protocol;
	for (unsigned i = 0; i < key->set.n_hops; i++)
		if (!is_hop_in(&key->set.hops[i], was))
			both.set.hops[both.set.n_hops++] = key->set.hops[i];
	*key = both;
	return true;
}

// IPv6: what is left of a route when these hops go, in whatever order the kernel names them; false:
// they are another route's.
static bool subtract(const struct set *was, const struct set *gone, union set_key *left)
{
	if (!was || was->n_hops < 2 || was->object || !gone->n_hops)
		return false;
	for (unsigned i = 0; i < gone->n_hops; i++)
		if (!is_hop_in(&gone->hops[i], was))
			return false;
	memcpy(&left->set, was, sizeof(*was));
	left->set.n_hops = 0;
	for (unsigned i = 0; i < was->n_hops; i++)
		if (!is_hop_in(&was->hops[i], gone))
			left->set.hops[left->set.n_hops++] = was->hops[i];
	return true;
}

static void remove_of_crowd(struct router *r, struct crowd *c, const struct nl_route *n,
	const struct set *s, const struct set *key)
{
	union set_key left;

	if (s && crowd_remove(r, c, s, n->tos, n->has_source))
		return;
	for (uint32_t k = 0; k < c->n && key->family == AF_INET6; k++) {
		struct set *was = c->alternatives[k].set, *other;

		if (c->alternatives[k].has_source != n->has_source || !subtract(was, key, &left))
			continue;
		if (left.set.n_hops) {
			other = set_for(r, &left.set);
			crowd_set(r, c, other, n->tos, n->has_source);
			set_unref(r, other);
		}
		crowd_remove(r, c, was, n->tos, n->has_source);
		return;
	}
}

static void remove_route(struct router *r, const struct nl_route *n, const struct route_key *k,
	const union set_key *key)
{
	struct crowd *c = crowd_find(r, k);
	struct set *s = set_find(r, &key->set), *was = NULL;
	bool is_6 = k->prefix.addr.family == AF_INET6;
	union set_key left;

	if (!c && (!s || (is_6 && r->n_multi6)))
		was = current(r, k);
	if (c) {
		remove_of_crowd(r, c, n, s, &key->set);
	} else if (is_special(k->preference)) {
		// It was never there.
	} else if (is_6 && subtract(was, &key->set, &left) && left.set.n_hops) {
		enqueue(r, k, set_for(r, &left.set), false)->is_replace = true;
	} else if (was && (was->state == SET_DOOMED || is_stand_in(r, was) ||
				  (is_6 && subtract(was, &key->set, &left)))) {
		was->n_refs++;
		enqueue(r, k, was, true);
	} else if (s) {
		enqueue(r, k, s, true);
		return; // with its reference
	} else if (was) {
		protect(r, k, was, &key->set);
	}
	if (s)
		set_unref(r, s);
}

void routes_apply(struct router *r, const struct nl_route *n)
{
	bool is_replace = n->is_replace;
	struct route_key k;
	union set_key key;
	struct crowd *c;
	uint8_t table;
	struct set *s;

	if (!key_of(n, &k, &table))
		return;
	set_key_of(n, table, &key);
	make_room(r, &k); // what is queued of this key may make it a crowd
	if (n->change.verb == NL_GONE) {
		remove_route(r, n, &k, &key);
		return;
	}
	c = crowd_find(r, &k);
	if (n->is_append && k.prefix.addr.family == AF_INET6 && !c && unite(r, &k, &key))
		is_replace = true;
	s = set_for(r, &key.set);
	if (!c && is_special(k.preference))
		c = crowd_get(r, &k);
	if (c) {
		c->is_uncertain |= is_replace;
		crowd_set(r, c, s, n->tos, n->has_source);
		set_unref(r, s);
	} else if (is_special(k.preference)) {
		routes_refused(r, k.prefix.addr.family);
		set_unref(r, s);
	} else {
		enqueue(r, &k, s, false)->is_replace = is_replace;
	}
}

// -- dumps --------------------------------------------------------------------------------
void routes_begin(struct router *r)
{
	static const struct rib_filter all = RIB_FILTER;

	routes_flush(r);
	rib_begin_resync(r->rib, &all);
	r->is_resyncing = true;
	r->is_sweeping = false;
	r->was_refused[0] = r->was_refused[1] = false;
}

void routes_end(struct router *r)
{
	if (!r->is_resyncing)
		return;
	routes_flush(r);
	crowds_sweep(r);
	r->is_sweeping = true;
}

#define SWEEP 4096

bool routes_step(struct router *r)
{
	int more;

	if (!r->is_sweeping)
		return false;
	more = rib_sweep(r->rib, SWEEP);
	if (more == 1)
		return true;
	if (more < 0) { // the FIB refused: what it has is stale. Another dump will tell.
		routes_refused(r, AF_INET);
		routes_refused(r, AF_INET6);
	}
	r->is_sweeping = r->is_resyncing = false;
	pass_want(&r->set_pass); // sets that no route names any more
	for (unsigned f = 0; f < FAMILIES; f++)
		r->is_full[f] = r->was_refused[f];
	interfaces_refresh(r);
	return false;
}
