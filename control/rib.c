// SPDX-License-Identifier: BSD-3-Clause
// Changes go in batches: what a change means for its prefix is worked out first, the FIB is asked
// for the whole batch, and then each change is committed or given up. A prefix is in a batch at
// most once (its first candidate is marked): a second change of it ends the batch before.
// What does not concern the best route is done at once.
#include "control/rib_private.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "dataplane/table/nexthop.h"

#define DEFAULT_ROUTES4 (4u << 20)
#define DEFAULT_ROUTES6 (2u << 20)
#define AHEAD           32 // changes whose cache misses overlap

static_assert(NEXTHOP_MAX <= UINT16_MAX, "a candidate stores 16 bits");

// -- creation -----------------------------------------------------------------------
int rib_create(struct rib **out, const struct rib_config *c)
{
	uint32_t max4 = c->max_routes4 ? c->max_routes4 : DEFAULT_ROUTES4;
	uint32_t max6 = c->max_routes6 ? c->max_routes6 : DEFAULT_ROUTES6;
	uint64_t secret[2];
	struct rib *r;
	int err;

	if (max4 > RIB_MAX_ROUTES || max6 > RIB_MAX_ROUTES)
		return -EINVAL;
	if (c->hash_secret)
		memcpy(secret, c->hash_secret, sizeof(secret));
	else if (getrandom(secret, sizeof(secret), 0) != sizeof(secret))
		return -errno;
	r = mem_zalloc(sizeof(*r), 0);
	if (!r)
		return -ENOMEM;
	r->install = c->install;
	r->arg = c->arg;
	r->nexthops = c->nexthops;
	err = store_init(&r->store[0], AF_INET, max4, secret);
	if (err)
		goto undo_rib;
	err = store_init(&r->store[1], AF_INET6, max6, secret);
	if (err)
		goto undo_store;
	*out = r;
	return 0;

undo_store:
	store_fini(&r->store[0]);
undo_rib:
	mem_free(r);
	return err;
}

void rib_destroy(struct rib *r)
{
	if (!r)
		return;
	for (unsigned f = 0; f < 2; f++) {
		struct store *s = &r->store[f];

		for (uint32_t i = 1; i < s->end; i++)
			if (candidate_at(s, i)->prefix_len != FREE_LENGTH)
				nexthop_put(r->nexthops, candidate_at(s, i)->nexthop);
		store_fini(s);
	}
	mem_free(r);
}

// -- small things -----------------------------------------------------------------------
static bool host_bits_clear(const uint8_t *addr, unsigned len, unsigned size)
{
	unsigned byte = len / 8;

	if (byte < size && addr[byte] & 0xff >> len % 8)
		return false;
	for (byte++; byte < size; byte++)
		if (addr[byte])
			return false;
	return true;
}

struct store *rib_store_of(const struct rib *r, const struct ip_prefix *p)
{
	struct store *s = (struct store *)&r->store[p->addr.family == AF_INET6];

	if (p->addr.family != s->family || p->len > s->addr_size * 8 ||
		!host_bits_clear(p->addr.b, p->len, s->addr_size))
		return NULL;
	return s;
}

static uint64_t rank_of(const struct candidate *c)
{
	return (uint64_t)c->preference << 40 | (uint64_t)c->metric << 8 | c->protocol;
}

static uint64_t rank(const struct rib_route *r)
{
	return (uint64_t)r->preference << 40 | (uint64_t)r->metric << 8 | r->protocol;
}

static void drop(struct rib *r, struct store *s, uint32_t i)
{
	struct candidate *c = candidate_at(s, i);

	nexthop_put(r->nexthops, c->nexthop);
	r->n_table[c->table][s == &r->store[1]]--;
	store_free(s, i);
}

// -- the batch --------------------------------------------------------------------------
// Takes the chosen ones out of a prefix's list; what stays keeps its order.
static void commit_purge(struct rib *r, struct store *s, uint32_t first)
{
	uint32_t next, kept = NO_CANDIDATE, last = NO_CANDIDATE, gone = NO_CANDIDATE;

	for (uint32_t i = first; i; i = next) {
		struct candidate *c = candidate_at(s, i);

		next = c->next;
		if (rib_is_chosen(r, s, c)) {
			c->next = gone;
			gone = i;
			continue;
		}
		if (last)
			candidate_at(s, last)->next = i;
		else
			kept = i;
		last = i;
	}
	if (last)
		candidate_at(s, last)->next = NO_CANDIDATE;
	if (!kept)
		store_unlink(s, first);
	else if (kept != first)
		store_replace(s, first, kept);
	for (; gone; gone = next) {
		next = candidate_at(s, gone)->next;
		drop(r, s, gone);
		r->n_purged[s == &r->store[1]]++;
	}
}

static void commit(struct rib *r, struct store *s, const struct rib_pending *p)
{
	struct candidate *first = candidate_at(s, p->first);

	switch (p->what) {
	case RIB_NEW_PREFIX: // linked already
		break;
	case RIB_NEW_BEST:
		store_replace(s, p->first, p->candidate);
		candidate_at(s, p->candidate)->next = p->first;
		break;
	case RIB_OTHER_NEXTHOP:
		nexthop_put(r->nexthops, first->nexthop);
		first->nexthop = (uint16_t)p->nexthop;
		first->generation = r->generation;
		break;
	case RIB_REMOVE_BEST:
		if (first->next)
			store_replace(s, p->first, first->next);
		else
			store_unlink(s, p->first);
		drop(r, s, p->first);
		break;
	case RIB_PURGE:
		commit_purge(r, s, p->first);
		break;
	}
}

static void give_up(struct rib *r, struct store *s, const struct rib_pending *p)
{
	switch (p->what) {
	case RIB_NEW_PREFIX:
		store_unlink(s, p->first);
		drop(r, s, p->first);
		break;
	case RIB_NEW_BEST:
		drop(r, s, p->candidate);
		break;
	case RIB_OTHER_NEXTHOP:
		nexthop_put(r->nexthops, p->nexthop);
		break;
	case RIB_REMOVE_BEST:
	case RIB_PURGE:
		break;
	}
}

// The FIB is to have this next hop for the prefix, 0 = none any more; if it has it already there
// is nothing to ask.
void rib_batch_add(struct rib *r, struct store *s, const struct rib_pending *p, uint32_t nexthop)
{
	struct candidate *c = candidate_at(s, p->first);
	struct rib_best *b = &r->best[r->n_pending];

	if (c->nexthop == nexthop && p->what != RIB_NEW_PREFIX) {
		commit(r, s, p);
		return;
	}
	c->is_pending = 1;
	r->batch_store = s;
	r->batch_table = c->table;
	r->pending[r->n_pending] = *p;
	*b = (struct rib_best){
		.prefix = {.addr.family = s->family, .len = c->prefix_len}, .nexthop = nexthop};
	if (s->addr_size == 4)
		memcpy(b->prefix.addr.b, c->addr, 4);
	else
		memcpy(b->prefix.addr.b, c->addr, 16);
	r->n_pending++;
}

void rib_batch_end(struct rib *r)
{
	struct store *s = r->batch_store;

	if (!r->n_pending)
		return;
	r->install(r->arg, r->batch_table, r->best, r->n_pending);
	for (unsigned i = 0; i < r->n_pending; i++) {
		const struct rib_pending *p = &r->pending[i];
		int result = MIN(r->best[i].result, 0);

		candidate_at(s, p->first)->is_pending = 0;
		if (result) {
			give_up(r, s, p);
			r->n_refused[s == &r->store[1]]++;
			r->batch_error = result;
		} else {
			commit(r, s, p);
		}
		if (p->result)
			*p->result = result;
	}
	r->n_pending = 0;
}

// Room in the batch, and nothing of another table or family in it.
void rib_batch_ready(struct rib *r, const struct store *s, uint16_t table)
{
	if (r->n_pending == RIB_BATCH ||
		(r->n_pending && (r->batch_store != s || r->batch_table != table)))
		rib_batch_end(r);
}

// The first candidate of a prefix, not waiting for install.
static uint32_t settled_first(struct rib *r, const struct store *s, uint64_t hash,
	const uint8_t *addr, uint8_t len, uint16_t table)
{
	uint32_t first = store_find(s, hash, addr, len, table);

	if (!first || !candidate_at(s, first)->is_pending)
		return first;
	rib_batch_end(r);
	return store_find(s, hash, addr, len, table);
}

// -- one change ---------------------------------------------------------------------------
// A candidate that nothing leads to yet, with its hold on the next hop.
static uint32_t make(struct rib *r, struct store *s, const struct rib_route *route, int *err)
{
	struct candidate *c;
	uint32_t i;

	*err = nexthop_hold(r->nexthops, route->nexthop);
	if (*err)
		return NO_CANDIDATE;
	i = store_new(s, err);
	if (!i && *err == -ENOSPC && r->n_pending) { // what waits for the FIB may make room
		rib_batch_end(r);
		i = store_new(s, err);
	}
	if (!i) {
		r->n_full[s == &r->store[1]] += *err == -ENOSPC;
		nexthop_put(r->nexthops, route->nexthop);
		return NO_CANDIDATE;
	}
	c = candidate_at(s, i);
	*c = (struct candidate){
		.metric = route->metric,
		.table = route->table,
		.nexthop = (uint16_t)route->nexthop,
		.prefix_len = route->prefix.len,
		.protocol = route->protocol,
		.preference = route->preference,
		.generation = r->generation,
	};
	if (s->addr_size == 4)
		memcpy(c->addr, route->prefix.addr.b, 4);
	else
		memcpy(c->addr, route->prefix.addr.b, 16);
	r->n_table[route->table][s == &r->store[1]]++;
	return i;
}

// Sets a candidate that is there.
static int set_nexthop(
	struct rib *r, struct store *s, uint32_t first, uint32_t i, uint32_t nexthop, int *result)
{
	struct candidate *c = candidate_at(s, i);
	struct rib_pending p = {
		.what = RIB_OTHER_NEXTHOP, .first = first, .nexthop = nexthop, .result = result};
	int err;

	if (c->nexthop == nexthop) {
		c->generation = r->generation;
		return 0;
	}
	err = nexthop_hold(r->nexthops, nexthop);
	if (err)
		return err;
	if (i == first) {
		rib_batch_add(r, s, &p, nexthop);
		return 0;
	}
	nexthop_put(r->nexthops, c->nexthop);
	c->nexthop = (uint16_t)nexthop;
	c->generation = r->generation;
	return 0;
}

// What a candidate of the change's rank was before.
static void tell_was(const struct rib *r, const struct candidate *c, struct rib_change *change)
{
	change->was = c->nexthop;
	change->was_current = r->is_resyncing && c->generation == r->generation;
}

static int set(struct rib *r, struct store *s, uint64_t hash, struct rib_change *change)
{
	const struct rib_route *route = &change->route;
	uint32_t first =
		settled_first(r, s, hash, route->prefix.addr.b, route->prefix.len, route->table);
	uint32_t i, before = NO_CANDIDATE, after = first;
	struct rib_pending p = {.first = first, .result = &change->result};
	int err;

	while (after && rank_of(candidate_at(s, after)) < rank(route)) {
		before = after;
		after = candidate_at(s, after)->next;
	}
	if (after && rank_of(candidate_at(s, after)) == rank(route)) {
		tell_was(r, candidate_at(s, after), change);
		return set_nexthop(r, s, first, after, route->nexthop, &change->result);
	}
	i = make(r, s, route, &err);
	if (!i)
		return err;
	if (before) {
		candidate_at(s, i)->next = after;
		candidate_at(s, before)->next = i;
		return 0;
	}
	p.candidate = i;
	p.what = first ? RIB_NEW_BEST : RIB_NEW_PREFIX;
	if (!first) {
		p.first = i;
		store_link(s, hash, i);
	}
	rib_batch_add(r, s, &p, route->nexthop);
	return 0;
}

static int take_away(struct rib *r, struct store *s, uint64_t hash, struct rib_change *change)
{
	const struct rib_route *route = &change->route;
	uint32_t first =
		settled_first(r, s, hash, route->prefix.addr.b, route->prefix.len, route->table);
	struct rib_pending p = {.what = RIB_REMOVE_BEST, .first = first, .result = &change->result};
	uint32_t i = first, before = NO_CANDIDATE, next;

	while (i && rank_of(candidate_at(s, i)) != rank(route)) {
		before = i;
		i = candidate_at(s, i)->next;
	}
	if (!i)
		return -ENOENT;
	tell_was(r, candidate_at(s, i), change);
	next = candidate_at(s, i)->next;
	if (before) {
		candidate_at(s, before)->next = next;
		drop(r, s, i);
		return 0;
	}
	rib_batch_add(r, s, &p, next ? candidate_at(s, next)->nexthop : 0);
	return 0;
}

size_t rib_change_bulk(struct rib *r, struct rib_change *changes, size_t n)
{
	size_t failed = 0;

	for (size_t at = 0; at < n; at += AHEAD) {
		unsigned some = (unsigned)MIN(n - at, AHEAD);
		struct rib_change *c = &changes[at];
		struct store *stores[AHEAD];
		uint32_t firsts[AHEAD];
		uint64_t hash[AHEAD];

		for (unsigned i = 0; i < some; i++) {
			const struct rib_route *route = &c[i].route;

			stores[i] = route->table < RIB_MAX_TABLES ? rib_store_of(r, &route->prefix)
								  : NULL;
			if (!stores[i])
				continue;
			hash[i] = store_hash(
				stores[i], route->prefix.addr.b, route->prefix.len, route->table);
			__builtin_prefetch(store_head(stores[i], hash[i]), 1);
		}
		for (unsigned i = 0; i < some; i++) {
			uint32_t first = stores[i] ? *store_head(stores[i], hash[i]) : 0;

			firsts[i] = first;
			if (first)
				__builtin_prefetch(candidate_at(stores[i], first));
		}
		for (unsigned i = 0; i < some; i++) // and the second of the chain
			if (firsts[i])
				__builtin_prefetch(candidate_at(
					stores[i], candidate_at(stores[i], firsts[i])->next_hash));
		for (unsigned i = 0; i < some; i++) {
			if (!stores[i]) {
				c[i].result = -EINVAL;
				continue;
			}
			rib_batch_ready(r, stores[i], c[i].route.table);
			c[i].was = 0;
			c[i].was_current = false;
			c[i].result =
				(c[i].is_removal ? take_away : set)(r, stores[i], hash[i], &c[i]);
		}
	}
	rib_batch_end(r);
	for (size_t i = 0; i < n; i++)
		failed += changes[i].result < 0;
	return failed;
}

int rib_set(struct rib *r, const struct rib_route *route)
{
	struct rib_change c = {.route = *route};

	rib_change_bulk(r, &c, 1);
	return c.result;
}

int rib_remove(struct rib *r, const struct rib_route *route)
{
	struct rib_change c = {.route = *route, .is_removal = true};

	rib_change_bulk(r, &c, 1);
	return c.result;
}
