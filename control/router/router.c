// SPDX-License-Identifier: BSD-3-Clause
// The router as a whole: its tables, which record goes where, and what is done when there is time.
#include "control/router/router.h"

#include <errno.h>
#include <sys/random.h>

#include "base/mem.h"
#include "control/router/router_private.h"

#define BUDGET 4096 // of one step: about a millisecond

// -- values -----------------------------------------------------------------------------
// Keyed where others choose what is hashed: 64x64 -> 128-bit products, folded.
uint64_t router_hash(const struct router *r, const void *data, size_t size, uint64_t seed)
{
	const uint8_t *p = data;
	uint64_t h = r->secret ^ seed * 0x9e3779b97f4a7c15;

	for (; size; size -= MIN(size, 8), p += 8) {
		uint64_t w = 0;
		__uint128_t m;

		memcpy(&w, p, MIN(size, 8));
		m = (__uint128_t)(h ^ w) * 0xd6e8feb86659fd93;
		h = (uint64_t)m ^ (uint64_t)(m >> 64);
	}
	return h ^ h >> 32;
}

struct ip_addr addr_canonical(const struct ip_addr *a)
{
	struct ip_addr out = {0};

	if (a->family != AF_INET && a->family != AF_INET6)
		return out;
	out.family = a->family;
	memcpy(out.b, a->b, a->family == AF_INET ? 4 : 16);
	return out;
}

bool addr_equal(const struct ip_addr *a, const struct ip_addr *b)
{
	return a->family == b->family &&
	       (!a->family || !memcmp(a->b, b->b, a->family == AF_INET ? 4 : 16));
}

bool prefix_contains(const struct ip_prefix *p, const struct ip_addr *a)
{
	unsigned bytes = p->len / 8, bits = p->len % 8;

	return p->addr.family == a->family && !memcmp(p->addr.b, a->b, bytes) &&
	       (!bits || !((p->addr.b[bytes] ^ a->b[bytes]) & 0xff00 >> bits & 0xff));
}

bool prefix_is_canonical(const struct ip_prefix *p)
{
	unsigned n = p->addr.family == AF_INET ? 4 : 16, byte = p->len / 8;

	if (p->len > n * 8 || (byte < n && p->addr.b[byte] & 0xff >> p->len % 8))
		return false;
	for (byte++; byte < n; byte++)
		if (p->addr.b[byte])
			return false;
	return true;
}

// -- creation ---------------------------------------------------------------------------
// What the kernel alone does, and FIB entries for what admission never takes: a race costs a
// detour and not an error.
static int add_fixed(struct router *r)
{
	static const char *const prefixes[] = {"224.0.0.0/3", "ff00::/8", "fe80::/10"};
	int err;

	for (unsigned k = NEXTHOP_EXCEPTION; k < N_NEXTHOP_KINDS; k++) {
		err = nexthop_add(r->nexthops, (enum nexthop_kind)k, 0, &r->verdict[k]);
		if (err)
			return err;
	}
	for (unsigned k = 0; k < ARRAY_SIZE(prefixes); k++) {
		struct ip_prefix p;

		prefix_parse(prefixes[k], &p);
		err = fib_set(r->fib, &p, r->verdict[NEXTHOP_EXCEPTION]);
		if (err < 0)
			return err;
	}
	for (unsigned f = 0; f < FAMILIES; f++) {
		uint8_t family = f ? AF_INET6 : AF_INET;
		struct set key = {.family = family, .type = RTN_LOCAL, .table = SET_LOCAL};

		r->local[f] = set_get(r, &key);
		if (!r->local[f])
			return -ENOMEM;
		for (unsigned k = 0; k < N_SET_TABLES; k++) {
			key = (struct set){.family = family, .type = RTN_THROW, .is_left = true};
			key.table = (uint8_t)k;
			r->fallback[f][k] = set_get(r, &key);
			if (!r->fallback[f][k])
				return -ENOMEM;
			r->n_left--; // counted where a crowd is, not for being there
		}
	}
	r->last_set = NULL;
	return 0;
}

int router_create(struct router **out, const struct router_config *c)
{
	struct fib_config fc = {c->max_routes4, c->max_routes6};
	struct nexthop_config nc = {.max_nexthops = FIB_MAX_NEXTHOP, .max_members = NL_MAX_HOPS};
	struct neigh_config gc = {.max_entries = c->max_neighbours};
	struct router *r = mem_zalloc(sizeof(*r), 0);
	struct rib_config rc = {.install = install, .arg = r};
	int err = -ENOMEM;

	if (!r)
		return -ENOMEM;
	r->sink = c->sink;
	if (getrandom(&r->secret, sizeof(r->secret), 0) != sizeof(r->secret)) {
		err = -errno;
		goto undo;
	}
	for (unsigned f = 0; f < FAMILIES; f++) {
		r->order[f].random = r->secret;
		r->all[f] = (struct netconf){-1, -1, -1, 0};
	}
	// What does not count for now takes a place in the RIB too.
	rc.max_routes4 = c->max_routes4 ? MIN(2 * c->max_routes4, RIB_MAX_ROUTES) : 0;
	rc.max_routes6 = c->max_routes6 ? MIN(2 * c->max_routes6, RIB_MAX_ROUTES) : 0;
	r->sets = mem_zalloc((NEXTHOP_MAX + 1) * sizeof(*r->sets), 0);
	r->set_heads = mem_zalloc((1 << 14) * sizeof(*r->set_heads), 0);
	if (!r->sets || !r->set_heads)
		goto undo;
	err = fib_create(&r->fib, &fc);
	if (err)
		goto undo;
	err = neigh_create(&r->neigh, &gc);
	if (err)
		goto undo;
	err = nexthops_create(&r->nexthops, r->neigh, &nc);
	if (err)
		goto undo;
	rc.nexthops = r->nexthops;
	err = rib_create(&r->rib, &rc);
	if (err)
		goto undo;
	err = add_fixed(r);
	if (err)
		goto undo;
	*out = r;
	return 0;

undo:
	router_destroy(r);
	return err;
}

void router_destroy(struct router *r)
{
	if (!r)
		return;
	for (uint32_t k = 0; k < r->n_queued; k++)
		set_unref(r, r->queue[k].set);
	crowds_free(r);
	rib_destroy(r->rib);
	sets_free(r);
	objects_free(r);
	neighbours_free(r);
	mem_free(r->hop_heads);
	mem_free(r->hops);
	locals_free(r);
	interfaces_free(r);
	mem_free(r->rules);
	fib_destroy(r->fib);
	nexthops_destroy(r->nexthops);
	neigh_destroy(r->neigh);
	mem_free(r);
}

const struct fib *router_fib(const struct router *r)
{
	return r->fib;
}

const struct nexthops *router_nexthops(const struct router *r)
{
	return r->nexthops;
}

const struct neigh *router_neigh(const struct router *r)
{
	return r->neigh;
}

// -- records ----------------------------------------------------------------------------
void router_pass_hops(struct router *r)
{
	pass_want(&r->hop_pass);
	pass_want(&r->set_pass);
}

static void begin(struct router *r, enum nl_kind kind)
{
	r->generation[kind]++;
	r->is_dumping[kind] = true;
	if (kind == NL_ROUTE)
		routes_begin(r);
	else if (kind == NL_NEIGH)
		r->neighbour_sweep = (struct pass){0};
}

static void end(struct router *r, enum nl_kind kind)
{
	if (!r->is_dumping[kind])
		return;
	r->is_dumping[kind] = false;
	r->stats.resyncs += kind == NL_ROUTE && r->n_dumps[kind];
	r->n_dumps[kind]++;
	switch (kind) {
	case NL_LINK:
	case NL_ADDRESS:
	case NL_NETCONF:
		interfaces_sweep(r, kind);
		break;
	case NL_NEIGH:
		neighbours_sweep(r);
		break;
	case NL_ROUTE:
		routes_end(r);
		break;
	case NL_NEXTHOP:
		objects_sweep(r);
		break;
	case NL_RULE:
		rules_sweep(r);
		break;
	default:
		break;
	}
}

static void apply_dump(struct router *r, const struct nl_change *c)
{
	if (c->verb == NL_BEGIN)
		begin(r, c->kind);
	else if (c->verb == NL_END)
		end(r, c->kind);
	else // what follows is another dump: no sweep by this one
		r->is_dumping[c->kind] = false;
	if (c->verb == NL_BROKEN && c->kind == NL_ROUTE)
		r->is_resyncing = false;
}

static void apply(struct router *r, const struct nl_change *c)
{
	if (c->kind >= N_NL_KINDS || c->verb > NL_BROKEN)
		return;
	if (c->kind == NL_ROUTE && c->verb <= NL_GONE) {
		routes_apply(r, (const struct nl_route *)c);
		return;
	}
	routes_flush(r); // in the order of the records
	if (c->verb > NL_GONE) {
		apply_dump(r, c);
		return;
	}
	switch (c->kind) {
	case NL_LINK:
		interfaces_apply_link(r, (const struct nl_link *)c);
		break;
	case NL_ADDRESS:
		interfaces_apply_address(r, (const struct nl_address *)c);
		break;
	case NL_NEIGH:
		neighbours_apply(r, (const struct nl_neigh *)c);
		break;
	case NL_NEXTHOP:
		objects_apply(r, (const struct nl_nexthop *)c);
		break;
	case NL_RULE:
		rules_apply(r, (const struct nl_rule *)c);
		break;
	case NL_NETCONF:
		interfaces_apply_netconf(r, (const struct nl_netconf *)c);
		break;
	default:
		break;
	}
}

static void tell_leave(struct router *r)
{
	if (!r->leave_changed)
		return;
	r->leave_changed = false;
	r->sink.leave_changed(r->sink.arg);
}

void router_apply(struct router *r, const struct nl_change *c)
{
	apply(r, c);
	routes_flush(r);
	tell_leave(r);
}

void router_apply_batch(struct router *r, const struct nl_change *first, size_t size)
{
	const uint8_t *p = (const uint8_t *)first, *end = p + size;

	while (p < end) {
		const struct nl_change *c = (const struct nl_change *)p;

		if (c->size < sizeof(*c) || c->size > (size_t)(end - p))
			break;
		apply(r, c);
		p += c->size;
	}
	routes_flush(r);
	tell_leave(r);
}

// -- what is left for later -----------------------------------------------------------------
static bool has_work(const struct router *r)
{
	return r->is_sweeping || r->has_doomed_crowds || r->has_emptying || r->n_ranges ||
	       r->hop_pass.is_wanted || r->hop_pass.is_running || r->set_pass.is_wanted ||
	       r->set_pass.is_running || r->neighbour_sweep.is_wanted ||
	       r->neighbour_sweep.is_running ||
	       (!r->is_resyncing && (r->rib_pass.is_wanted || r->rib_pass.is_running));
}

bool router_is_complete(const struct router *r)
{
	return r->is_synchronized && !has_work(r) && !r->n_untold;
}

// Hops before sets before routes before host routes: each follows what comes before it.
bool router_step(struct router *r)
{
	unsigned budget = BUDGET;
	bool more = neigh_step(r->neigh);

	if (r->has_doomed_crowds)
		routes_flush(r);
	if (r->n_untold)
		locals_step(r);
	if (!hops_step(r, &budget) && budget && !sets_step(r, &budget) && budget) {
		if (routes_step(r) || rib_pass_step(r))
			budget = 0;
		else
			neighbours_step(r, &budget);
	}
	more |= has_work(r);
	if (!more && !r->is_synchronized) {
		bool all = true;

		for (unsigned k = 0; k < N_NL_KINDS; k++)
			all &= r->n_dumps[k] > 0;
		if (all) {
			r->is_synchronized = true;
			interfaces_refresh(r);
		}
	}
	tell_leave(r);
	return more;
}

bool router_needs_dump(const struct router *r)
{
	return (r->is_full[0] || r->is_full[1]) && !r->is_resyncing;
}

void router_stats(const struct router *r, struct router_stats *out)
{
	struct rib_stats rib[FAMILIES];
	struct nexthop_stats nexthops;
	struct fib_stats fib[FAMILIES];

	*out = r->stats;
	for (unsigned f = 0; f < FAMILIES; f++) {
		rib_stats(r->rib, f ? AF_INET6 : AF_INET, &rib[f]);
		fib_stats(r->fib, f ? AF_INET6 : AF_INET, &fib[f]);
	}
	nexthop_stats(r->nexthops, &nexthops);
	out->routes4 = rib[0].routes;
	out->routes6 = rib[1].routes;
	out->max_routes4 = rib[0].max_routes;
	out->max_routes6 = rib[1].max_routes;
	out->fib4 = fib[0].routes;
	out->fib6 = fib[1].routes;
	out->neighbours = r->n_neighbours[0] + r->n_neighbours[1];
	out->next_hops = nexthops.entries;
	out->groups = nexthops.groups;
	out->corrected += r->n_dumps[NL_ROUTE] > 1 ? rib[0].swept + rib[1].swept : 0;
}
