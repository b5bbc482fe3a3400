// SPDX-License-Identifier: BSD-3-Clause
// Sets: all that a route says but where it leads from and which of several it is. Routes with the
// same hops share one, and so one number in the FIB; what becomes of the hops is written there.
//
// A set of one hop is a next hop, one of several is a group. It is forwarded by when each hop that
// is alive can be: where one cannot, the kernel forwards for all of them, as it alone can.
#include "base/mem.h"
#include "control/router/router_private.h"

#define HEADS   (1u << 14)
#define NUMBERS (NEXTHOP_MAX + 1u)
#define EACH    8 // of a step's budget

// -- keys -------------------------------------------------------------------------------
static uint64_t hash_of(const struct router *r, const struct set *k)
{
	struct {
		uint32_t object, mtu, ifindex, n;
		uint8_t what[8];
		struct ip_addr gateway, source;
		uint8_t pad[6];
	} words;

	memset(&words, 0, sizeof(words));
	words.object = k->object;
	words.mtu = k->mtu;
	words.n = k->n_hops;
	words.what[0] = k->family;
	words.what[1] = k->type;
	words.what[2] = k->protocol;
	words.what[3] = k->table;
	words.what[4] = k->is_left;
	words.source = k->source;
	if (k->n_hops) {
		words.ifindex = (uint32_t)k->hops[0].ifindex;
		words.gateway = k->hops[0].gateway;
	}
	if (k->n_hops > 1) { // the second one tells most apart
		words.what[5] = k->hops[1].gateway.b[3];
		words.what[6] = k->hops[1].gateway.b[15];
		words.what[7] = (uint8_t)k->hops[1].ifindex;
	}
	return router_hash(r, &words, sizeof(words), 0);
}

static bool same_hop(const struct set_hop *a, const struct set_hop *b)
{
	return a->ifindex == b->ifindex && a->weight == b->weight && a->has_encap == b->has_encap &&
	       addr_equal(&a->gateway, &b->gateway);
}

bool set_is(const struct set *a, const struct set *b)
{
	if (a->object != b->object || a->mtu != b->mtu || a->family != b->family ||
		a->type != b->type || a->protocol != b->protocol || a->table != b->table ||
		a->is_left != b->is_left || a->n_hops != b->n_hops ||
		!addr_equal(&a->source, &b->source))
		return false;
	for (unsigned k = 0; k < a->n_hops; k++)
		if (!same_hop(&a->hops[k], &b->hops[k]))
			return false;
	return true;
}

struct set *set_of(const struct router *r, uint32_t nexthop)
{
	return nexthop < NUMBERS ? r->sets[nexthop] : NULL;
}

// -- outcome ----------------------------------------------------------------------------
void outcome_add(struct router *r, struct outcome *o, const struct set *s, struct hop *h,
	uint8_t family, uint32_t weight)
{
	if (h && interface_is_dead(r, h->interface, family)) {
		o->has_dead = true;
		return;
	}
	// A route may say a shorter MTU than the interface has; adjacencies do not.
	if (!h || !hop_is_usable(r, h) || (s->mtu && s->mtu < h->interface->told.mtu) ||
		o->n == ARRAY_SIZE(r->members)) {
		o->is_left = true;
		return;
	}
	r->members[o->n] = (struct nexthop_member){0, weight};
	if (s->is_group) {
		r->members[o->n].index = hop_nexthop(r, h);
		o->is_left |= !r->members[o->n].index;
	}
	o->hop = h;
	o->n++;
}

static enum nexthop_kind verdict_of(uint8_t type)
{
	switch (type) {
	case RTN_LOCAL:
	case RTN_BROADCAST:
	case RTN_ANYCAST:
		return NEXTHOP_LOCAL;
	case RTN_BLACKHOLE:
		return NEXTHOP_BLACKHOLE;
	case RTN_UNREACHABLE:
		return NEXTHOP_UNREACHABLE;
	case RTN_PROHIBIT:
		return NEXTHOP_PROHIBIT;
	default: // throw: what the next table says, the kernel knows
		return NEXTHOP_EXCEPTION;
	}
}

static enum nexthop_kind judge(struct router *r, const struct set *s, struct outcome *o)
{
	if (s->is_left)
		return NEXTHOP_EXCEPTION;
	if (s->type != RTN_UNICAST)
		return verdict_of(s->type);
	if (s->object) {
		object_collect(r, object_find(r, s->object), s, o);
	} else {
		for (unsigned k = 0; k < s->n_hops; k++) {
			const struct set_hop *h = &s->hops[k];

			o->is_left |= h->has_encap;
			outcome_add(r, o, s, h->hop, s->family, h->weight);
		}
	}
	if (o->is_blackhole)
		return NEXTHOP_BLACKHOLE;
	return o->n && !o->is_left ? NEXTHOP_ADJACENCY : NEXTHOP_EXCEPTION;
}

static int tell_group(struct router *r, struct set *s, const struct nexthop_member *m, unsigned n)
{
	uint64_t hash = router_hash(r, m, n * sizeof(*m), n);
	int err;

	if (hash == s->outcome)
		return 0;
	err = nexthop_group_set(r->nexthops, s->nexthop, m, n);
	s->outcome = err ? 0 : hash;
	return err;
}

// Tells the workers; returns what they were told. A group that has no room is the kernel's; if not
// even that can be said, what workers have cannot be trusted.
static enum nexthop_kind tell(
	struct router *r, struct set *s, enum nexthop_kind kind, const struct outcome *o)
{
	struct nexthop_member verdict = {r->verdict[kind], 1};
	struct nexthop_entry e;

	if (!s->is_group) {
		uint32_t adjacency = kind == NEXTHOP_ADJACENCY ? o->hop->adjacency : 0;

		if (!nexthop_find(r->nexthops, s->nexthop, &e) &&
			(e.kind != kind || e.adjacency != adjacency))
			nexthop_set(r->nexthops, s->nexthop, kind, adjacency);
		return kind;
	}
	if (kind == NEXTHOP_ADJACENCY) {
		if (!tell_group(r, s, r->members, o->n))
			return kind;
		r->stats.refused++;
		verdict.index = r->verdict[NEXTHOP_EXCEPTION];
		kind = NEXTHOP_EXCEPTION;
	}
	if (tell_group(r, s, &verdict, 1))
		routes_refused(r, s->family);
	return kind;
}

static void refresh(struct router *r, struct set *s, bool is_new)
{
	struct outcome o = {0};
	enum set_state state = SET_LIVE;
	enum nexthop_kind kind;
	struct nexthop_entry e;
	int32_t connected = 0;

	if (s->state == SET_DOOMED)
		return;
	kind = judge(r, s, &o);
	if (kind == NEXTHOP_EXCEPTION && !o.n && o.has_dead && !o.is_left)
		state = SET_DEAD;
	kind = tell(r, s, kind, &o);
	if (kind == NEXTHOP_ADJACENCY && !s->is_group && hop_is_link(o.hop))
		connected = o.hop->interface->ifindex;
	if (!is_new) {
		r->leave_changed |= s->kind == NEXTHOP_EXCEPTION && kind != NEXTHOP_EXCEPTION;
		if (s->connected != connected)
			neighbours_follow_all(r);
	}
	s->connected = connected;
	r->n_left += (kind == NEXTHOP_EXCEPTION) - (s->kind == NEXTHOP_EXCEPTION);
	s->kind = (uint8_t)kind;
	if (s->state == state)
		return;
	s->state = (uint8_t)state;
	if (!nexthop_find(r->nexthops, s->nexthop, &e) && e.n_holds > 1)
		pass_want(&r->rib_pass);
}

// -- life -------------------------------------------------------------------------------
static void unhash(struct router *r, struct set *s)
{
	struct set **link = &r->set_heads[s->hash & (HEADS - 1)];

	if (r->last_set == s)
		r->last_set = NULL;
	if (!s->is_hashed)
		return;
	while (*link != s)
		link = &(*link)->next;
	*link = s->next;
	s->is_hashed = false;
}

static void destroy(struct router *r, struct set *s)
{
	struct object *o = s->object ? object_find(r, s->object) : NULL;

	unhash(r, s);
	if (s->nexthop) {
		r->sets[s->nexthop] = NULL;
		nexthop_put(r->nexthops, s->nexthop);
	}
	for (unsigned k = 0; k < s->n_hops; k++)
		hop_put(r, s->hops[k].hop);
	if (o) {
		o->n_sets--;
		object_gc(r, o);
	}
	r->n_sets--;
	r->n_left -= s->kind == NEXTHOP_EXCEPTION;
	r->n_multi6 -= s->family == AF_INET6 && s->n_hops > 1;
	mem_free(s);
}

void set_gc(struct router *r, struct set *s)
{
	struct nexthop_entry e;

	if (!s || s->n_refs || nexthop_find(r->nexthops, s->nexthop, &e) || e.n_holds > 1)
		return;
	destroy(r, s);
}

void set_unref(struct router *r, struct set *s)
{
	s->n_refs--;
	set_gc(r, s);
}

static struct set *make(struct router *r, const struct set *key, uint64_t hash)
{
	size_t size = sizeof(*key) + key->n_hops * sizeof(key->hops[0]);
	struct nexthop_member verdict = {r->verdict[NEXTHOP_EXCEPTION], 1};
	struct object *o = NULL;
	struct set *s = mem_zalloc(size, 0);
	int err;

	if (!s)
		return NULL;
	memcpy(s, key, size);
	s->hash = hash;
	s->n_refs = 1;
	s->is_hashed = false;
	s->nexthop = 0;
	s->outcome = 0;
	s->connected = 0;
	s->state = SET_LIVE;
	s->kind = NEXTHOP_EXCEPTION;
	r->n_sets++;
	r->n_left++;
	r->n_multi6 += s->family == AF_INET6 && s->n_hops > 1;
	for (unsigned k = 0; k < s->n_hops; k++)
		s->hops[k].hop = NULL;
	if (s->object) {
		s->object = 0;
		o = object_get(r, key->object);
		if (!o)
			goto undo;
		s->object = key->object;
		o->n_sets++;
	}
	for (unsigned k = 0; k < s->n_hops && s->type == RTN_UNICAST; k++)
		s->hops[k].hop = hop_get(r, s->hops[k].ifindex, &s->hops[k].gateway, s->family);
	// Of an object that is not known yet nobody knows whether it is a group.
	s->is_group = s->n_hops > 1 || (o && (!o->is_there || o->is_group));
	if (s->is_group)
		err = nexthop_group_add(r->nexthops, &verdict, 1, &s->nexthop);
	else
		err = nexthop_add(r->nexthops, NEXTHOP_EXCEPTION, 0, &s->nexthop);
	if (err) {
		s->nexthop = 0;
		goto undo;
	}
	r->sets[s->nexthop] = s;
	s->next = r->set_heads[hash & (HEADS - 1)];
	r->set_heads[hash & (HEADS - 1)] = s;
	s->is_hashed = true;
	refresh(r, s, true);
	return s;

undo:
	destroy(r, s);
	return NULL;
}

static struct set *find(struct router *r, const struct set *key, uint64_t *hash)
{
	struct set *s = r->last_set;

	if (s && set_is(s, key))
		return s;
	*hash = hash_of(r, key);
	for (s = r->set_heads[*hash & (HEADS - 1)]; s; s = s->next)
		if (s->hash == *hash && set_is(s, key))
			break;
	if (s)
		r->last_set = s;
	return s;
}

struct set *set_find(struct router *r, const struct set *key)
{
	uint64_t hash;
	struct set *s = find(r, key, &hash);

	if (s)
		s->n_refs++;
	return s;
}

struct set *set_get(struct router *r, const struct set *key)
{
	uint64_t hash;
	struct set *s = find(r, key, &hash);

	if (s)
		s->n_refs++;
	else
		r->last_set = s = make(r, key, hash);
	return s;
}

// -- passes -----------------------------------------------------------------------------
bool sets_step(struct router *r, unsigned *budget)
{
	struct pass *p = &r->set_pass;

	if (!pass_runs(p, 1))
		return false;
	for (unsigned empty = 0; p->at < NUMBERS && *budget; p->at++) {
		struct set *s = r->sets[p->at];

		if (s) {
			*budget -= MIN(*budget, EACH);
			refresh(r, s, false);
			set_gc(r, s);
		} else if (++empty % 64 == 0) {
			*budget -= 1;
		}
	}
	p->is_running = p->at < NUMBERS;
	return p->is_running || p->is_wanted;
}

// -- what the kernel removed by itself ----------------------------------------------------
static void doom(struct router *r, struct set *s)
{
	struct outcome none = {0};

	unhash(r, s);
	tell(r, s, NEXTHOP_EXCEPTION, &none);
	s->state = SET_DOOMED;
	s->connected = 0;
	r->n_left += s->kind != NEXTHOP_EXCEPTION;
	s->kind = NEXTHOP_EXCEPTION;
	r->has_doomed_crowds |= s->n_refs;
	pass_want(&r->rib_pass);
	set_gc(r, s);
}

// fib_sync_down_dev() and fib6_ifdown(). The kernel tells of what it removes of IPv6, except by
// chance; of IPv4, of nothing. A local route stays while its address does.
static bool has_lost_hops(const struct router *r, const struct set *s)
{
	bool is_4 = s->family == AF_INET, concerns = false;
	bool is_own = s->type == RTN_LOCAL || (!is_4 && s->type == RTN_ANYCAST);
	unsigned n_lost = 0;

	if (s->type != RTN_UNICAST && verdict_of(s->type) != NEXTHOP_LOCAL)
		return false;
	for (unsigned k = 0; k < s->n_hops; k++) {
		const struct interface *i = interface_find(r, s->hops[k].ifindex);

		if (!i)
			continue;
		if (is_4 && i->is_gone_now)
			return true; // also when others are left
		if (i->is_gone_now || (is_4 && i->has_lost_address)) {
			concerns = true;
			n_lost++;
		} else if (!is_own && i->is_known && !(i->link.flags & IFF_UP)) {
			concerns |= i->is_down_now;
			n_lost++;
		}
	}
	return concerns && n_lost == s->n_hops;
}

void sets_doom(struct router *r)
{
	for (uint32_t n = 1; r->n_sets && n < NUMBERS; n++) {
		struct set *s = r->sets[n];
		const struct object *o;

		if (!s || s->state == SET_DOOMED)
			continue;
		o = s->object ? object_find(r, s->object) : NULL;
		if (o ? o->is_doomed : has_lost_hops(r, s))
			doom(r, s);
	}
}

void sets_doom_source(struct router *r, const struct ip_addr *a)
{
	for (uint32_t n = 1; r->n_sets && n < NUMBERS; n++) {
		struct set *s = r->sets[n];

		if (s && s->state != SET_DOOMED && s->source.family == AF_INET &&
			addr_equal(&s->source, a))
			doom(r, s);
	}
}

void sets_free(struct router *r)
{
	for (uint32_t n = 1; r->sets && n < NUMBERS; n++)
		if (r->sets[n])
			destroy(r, r->sets[n]);
	mem_free(r->sets);
	mem_free(r->set_heads);
}
