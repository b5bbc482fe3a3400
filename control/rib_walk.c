// SPDX-License-Identifier: BSD-3-Clause
// What passes over all routes, in pages: sweep, flush, walk. A cursor is the family in its upper
// half and the number of a candidate in its lower.
//
// Generations: a candidate has that of its last setting. Beginning a resync starts a new one, and
// the sweep, when it is through, has left none but the new: the stale ones of its scope are gone,
// the others were brought up to date. So when a resync begins, all are of one generation, or of
// those since the last finished one when resyncs were begun again; 8 bits tell these apart.
#include "control/rib_private.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

static bool filter_has(const struct rib_filter *f, const struct candidate *c)
{
	return (f->table == RIB_ANY || f->table == c->table) &&
	       (f->protocol == RIB_ANY || f->protocol == c->protocol) &&
	       (f->preference == RIB_ANY || f->preference == c->preference);
}

bool rib_is_chosen(const struct rib *r, const struct store *s, const struct candidate *c)
{
	return (!r->purge.family || r->purge.family == s->family) && filter_has(&r->purge, c) &&
	       !(r->purge_keeps_current && c->generation == r->generation);
}

// The place at a cursor, moved on to the next family when this one is done or not wanted (0 = both
// are). NULL behind the last.
static const struct store *place(const struct rib *r, uint8_t wanted, uint64_t *cursor, uint32_t *i)
{
	for (uint64_t family = *cursor >> 32; family < 2; family++) {
		const struct store *s = &r->store[family];

		*i = family == *cursor >> 32 ? MAX((uint32_t)*cursor, 1) : 1;
		if ((!wanted || wanted == s->family) && *i < s->end) {
			*cursor = family << 32 | *i;
			return s;
		}
	}
	return NULL;
}

// -- purge ----------------------------------------------------------------------------
// Removes what is chosen of the prefix that this chosen candidate belongs to.
static void purge_prefix(struct rib *r, struct store *s, const struct candidate *c)
{
	struct rib_pending p = {.what = RIB_PURGE};
	uint32_t best;

	rib_batch_ready(r, s, c->table);
	if (c->prefix_len == FREE_LENGTH) // by the batch that has just ended
		return;
	p.first = best = store_first_of(s, c);
	if (candidate_at(s, best)->is_pending) // by another one of the prefix
		return;
	while (best && rib_is_chosen(r, s, candidate_at(s, best)))
		best = candidate_at(s, best)->next;
	rib_batch_add(r, s, &p, best ? candidate_at(s, best)->nexthop : 0);
}

static int purge(struct rib *r, uint8_t family, uint64_t *cursor, uint32_t max)
{
	while (max) {
		uint32_t i, stop;
		struct store *s = (struct store *)place(r, family, cursor, &i);

		if (!s)
			return 0;
		r->batch_error = 0;
		stop = MIN(s->end, i + MIN(max, RIB_BATCH));
		max -= stop - i;
		for (; i < stop; i++) {
			struct candidate *c = candidate_at(s, i);

			if (c->prefix_len != FREE_LENGTH && rib_is_chosen(r, s, c))
				purge_prefix(r, s, c);
		}
		rib_batch_end(r);
		if (r->batch_error) // some are still there: from here again
			return r->batch_error;
		*cursor = (*cursor & ~0xffffffffull) | stop;
	}
	return 1;
}

int rib_flush(struct rib *r, const struct rib_filter *f, uint64_t *cursor, uint32_t max)
{
	r->purge = *f;
	r->purge_keeps_current = false;
	return purge(r, f->family, cursor, max);
}

// -- resync -----------------------------------------------------------------------------
static void renew_all(struct rib *r)
{
	for (unsigned f = 0; f < 2; f++)
		for (uint32_t i = 1; i < r->store[f].end; i++)
			candidate_at(&r->store[f], i)->generation = r->generation;
}

void rib_begin_resync(struct rib *r, const struct rib_filter *f)
{
	if ((uint8_t)(r->generation + 1) == r->oldest) {
		renew_all(r); // 255 resyncs were begun and none finished
		r->oldest = r->generation;
	}
	r->generation++;
	r->is_resyncing = true;
	r->scope = *f;
	r->swept_to = 0;
}

// Those outside of the scope, up to where the sweep has come.
static void renew_others(struct rib *r, uint64_t from, uint64_t to)
{
	for (unsigned f = 0; f < 2; f++) {
		struct store *s = &r->store[f];
		uint64_t base = (uint64_t)f << 32;
		uint32_t i = from > base ? (uint32_t)MIN(from - base, s->end) : 1;
		uint32_t end = to > base ? (uint32_t)MIN(to - base, s->end) : 0;

		for (; i < end; i++)
			candidate_at(s, i)->generation = r->generation;
	}
}

int rib_sweep(struct rib *r, uint32_t max)
{
	uint64_t from = r->swept_to;
	int more;

	if (!r->is_resyncing)
		return -EINVAL;
	r->purge = r->scope;
	r->purge_keeps_current = true;
	r->n_purged[0] = r->n_purged[1] = 0;
	more = purge(r, 0, &r->swept_to, max); // also those that are to be renewed
	r->n_swept[0] += r->n_purged[0];
	r->n_swept[1] += r->n_purged[1];
	renew_others(r, from, more ? r->swept_to : UINT64_MAX);
	if (!more) {
		r->is_resyncing = false;
		r->oldest = r->generation;
	}
	return more;
}

// -- what is there ----------------------------------------------------------------------
static void tell(const struct store *s, const struct candidate *c, struct rib_route *out)
{
	*out = (struct rib_route){
		.prefix = {.addr = {.family = s->family}, .len = c->prefix_len},
		.table = c->table,
		.preference = c->preference,
		.protocol = c->protocol,
		.metric = c->metric,
		.nexthop = c->nexthop,
	};
	memcpy(out->prefix.addr.b, c->addr, s->addr_size);
}

size_t rib_find(const struct rib *r, uint16_t table, const struct ip_prefix *p,
	struct rib_route *out, size_t max)
{
	const struct store *s = rib_store_of(r, p);
	size_t n = 0;
	uint32_t i;

	if (!s)
		return 0;
	i = store_find(s, store_hash(s, p->addr.b, p->len, table), p->addr.b, p->len, table);
	for (; i; i = candidate_at(s, i)->next, n++)
		if (n < max)
			tell(s, candidate_at(s, i), &out[n]);
	return n;
}

size_t rib_walk(const struct rib *r, const struct rib_filter *f, uint64_t *cursor,
	struct rib_entry *out, size_t max)
{
	const struct store *s;
	uint32_t i, looked = 0;
	size_t n = 0;

	while ((s = place(r, f->family, cursor, &i))) {
		for (; i < s->end; i++, looked++) {
			const struct candidate *c = candidate_at(s, i);

			if (n == max || looked == BLOCK_SIZE) {
				*cursor = (*cursor & ~0xffffffffull) | i;
				return n;
			}
			if (c->prefix_len == FREE_LENGTH || !filter_has(f, c))
				continue;
			tell(s, c, &out[n].route);
			out[n++].is_best = store_first_of(s, c) == i;
		}
		*cursor = (*cursor & ~0xffffffffull) | i;
	}
	*cursor = RIB_WALK_END;
	return n;
}

void rib_stats(const struct rib *r, uint8_t family, struct rib_stats *out)
{
	unsigned f = family == AF_INET6;
	const struct store *s = &r->store[f];

	*out = (struct rib_stats){
		.routes = s->n,
		.max_routes = s->max,
		.prefixes = s->n_prefixes,
		.memory_bytes = store_bytes(s),
		.full = r->n_full[f],
		.refused = r->n_refused[f],
		.swept = r->n_swept[f],
	};
}

size_t rib_count(const struct rib *r, uint16_t table, uint8_t family)
{
	return table < RIB_MAX_TABLES ? r->n_table[table][family == AF_INET6] : 0;
}
