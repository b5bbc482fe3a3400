// SPDX-License-Identifier: BSD-3-Clause
// Forwarding database: what passes over the whole table. Flushing, ageing, walking.
//
// Ageing: workers set SEEN in the slot of a source. Once per period a pass over the table clears it
// and notes the pass's number in control's own byte for that slot; the time at which each of the
// last 256 passes ended is known, so the byte is a time. An entry goes when a pass finds its mark
// clear and its time too old. A hot entry costs workers one store per period.
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "dataplane/table/fdb_table.h"

#define PERIODS_PER_AGEING 20
#define PERIOD_WITHOUT     (15 * NS_PER_SEC) // when ageing is off
#define PERIOD_MIN         NS_PER_MS
#define STAMPS_KEPT        240  // older ones are kept at this age, lest the byte wrap
#define BUCKETS_PER_AGE    8192 // work of one fdb_age(): some 0.3 ms

static struct fdb_table *first_table(const struct fdb *f)
{
	return atomic_load_explicit(&f->table, memory_order_relaxed);
}

static struct fdb_table *next_table(const struct fdb_table *t)
{
	return atomic_load_explicit(&t->next, memory_order_relaxed);
}

// -- filters ------------------------------------------------------------------------
// A filter, except for its VLAN, as one comparison of a slot.
struct slot_filter {
	uint64_t mask, value;
	vlan_id_t vlan;
};

static struct slot_filter compile(const struct fdb *f, const struct fdb_filter *filter)
{
	struct slot_filter s = {SLOT_VALID, SLOT_VALID, filter->vlan};

	if (filter->port != PORT_NONE) {
		s.mask |= f->layout.port_mask;
		s.value |= filter->port & f->layout.port_mask;
	}
	s.mask |= (uint64_t)(filter->flags_mask & FDB_FLAGS) >> 16 << SLOT_FLAGS_SHIFT;
	s.value |= (uint64_t)(filter->flags_value & FDB_FLAGS) >> 16 << SLOT_FLAGS_SHIFT;
	return s;
}

// Entries that the filter can choose at most.
static size_t at_most(const struct fdb *f, const struct fdb_filter *filter)
{
	size_t n = f->n_entries;

	if (filter->port != PORT_NONE)
		n = MIN(n, fdb_count_port(f, filter->port));
	if (filter->vlan)
		n = MIN(n, fdb_count_vlan(f, filter->vlan));
	return n;
}

// -- flushing -----------------------------------------------------------------------
static bool on_vlan(const struct fdb *f, const struct fdb_table *t, uint32_t at, vlan_id_t vlan)
{
	uint64_t slot = slot_load(&t->slots[at]);
	uint32_t home = fdb_slot_home(f, t, at / SLOTS, slot);

	return fdb_key_vlan(fdb_unhash(&f->mix, fdb_slot_hash(f, t, home, slot))) == vlan;
}

size_t fdb_flush(struct fdb *f, const struct fdb_filter *filter)
{
	struct slot_filter want = compile(f, filter);
	bool more = at_most(f, filter);
	size_t n = 0;

	for (struct fdb_table *t = first_table(f); t && more; t = next_table(t)) {
		uint32_t n_slots = t->n_buckets * SLOTS;

		for (uint32_t i = 0; i < n_slots && more; i++) {
			if ((slot_load(&t->slots[i]) & want.mask) != want.value)
				continue;
			if (want.vlan && !on_vlan(f, t, i, want.vlan))
				continue;
			fdb_drop_entry(f, t, i);
			more = at_most(f, filter);
			n++;
		}
	}
	f->stats.removed += n;
	return n;
}

// -- ageing -------------------------------------------------------------------------
static uint64_t period(const struct fdb *f)
{
	if (!f->ageing_ns)
		return PERIOD_WITHOUT;
	return MAX(f->ageing_ns / PERIODS_PER_AGEING, PERIOD_MIN);
}

static void age_slot(struct fdb *f, struct fdb_table *t, uint32_t at)
{
	uint64_t slot = slot_load(&t->slots[at]), end;

	if (!(slot & SLOT_VALID))
		return;
	if (slot & SLOT_SEEN) {
		atomic_fetch_and_explicit(&t->slots[at], ~SLOT_SEEN, memory_order_relaxed);
		t->stamp[at] = f->pass;
		return;
	}
	if ((uint8_t)(f->pass - t->stamp[at]) > STAMPS_KEPT)
		t->stamp[at] = (uint8_t)(f->pass - STAMPS_KEPT);
	if (!f->ageing_ns || slot & SLOT_STATIC || t->stamp[at] == f->pass)
		return;
	end = f->pass_end_ns[t->stamp[at]];
	if (f->pass_start_ns >= end && f->pass_start_ns - end >= f->ageing_ns) {
		fdb_drop_entry(f, t, at);
		f->stats.aged++;
	}
}

bool fdb_age(struct fdb *f, uint64_t now_ns)
{
	struct fdb_table *t;
	uint32_t end;

	// Ageing waits for growing, which is soon done, so that it has one table to pass over.
	if (fdb_grow_step(f, BUCKETS_PER_AGE / 2))
		return true;
	if (!f->pass_running) {
		if (f->pass_ever && now_ns - f->pass_start_ns < period(f))
			return false;
		f->pass_ever = f->pass_running = true;
		f->pass_start_ns = now_ns;
		f->pass_at = 0;
		f->pass++;
	}
	t = first_table(f);
	end = MIN(t->n_buckets - f->pass_at, BUCKETS_PER_AGE) + f->pass_at;
	for (uint32_t i = f->pass_at * SLOTS; i < end * SLOTS; i++)
		age_slot(f, t, i);
	f->pass_at = end;
	f->pass_end_ns[f->pass] = now_ns;
	f->pass_running = end < t->n_buckets;
	return f->pass_running;
}

void fdb_set_ageing(struct fdb *f, uint64_t ageing_ns)
{
	f->ageing_ns = ageing_ns;
}

// -- walking ------------------------------------------------------------------------
// The walk goes by rising hash, which is an entry's own and not its place's: it stays right while
// entries move and tables grow. What it does piece by piece is an interval of hashes, those at home
// in one bucket of the newest table.
struct page {
	const struct fdb *f;
	struct slot_filter want;
	uint64_t first, last; // the interval: both included
	uint64_t now_ns;
	struct fdb_entry *out; // while in here .key holds the hash
	size_t n, max;
	size_t fixed; // so many belong to earlier intervals
	bool cut;     // not all of the interval went into the page
};

static uint64_t age_of(
	const struct fdb *f, const struct fdb_table *t, uint32_t at, uint64_t slot, uint64_t now_ns)
{
	uint64_t seen = f->pass_end_ns[t->stamp[at]];

	return slot & SLOT_SEEN || seen > now_ns ? 0 : now_ns - seen;
}

static void offer(struct page *p, const struct fdb_table *t, uint32_t at)
{
	const struct fdb *f = p->f;
	uint64_t slot = slot_load(&t->slots[at]), hash;
	size_t i;

	if ((slot & p->want.mask) != p->want.value)
		return;
	hash = fdb_slot_hash(f, t, fdb_slot_home(f, t, at / SLOTS, slot), slot);
	if (hash < p->first || hash > p->last)
		return;
	if (p->want.vlan && fdb_key_vlan(fdb_unhash(&f->mix, hash)) != p->want.vlan)
		return;
	// Keep the lowest hashes of the interval, in order, as far as the page has room.
	if (p->n == p->max) {
		p->cut = true;
		if (p->n == p->fixed || p->out[p->n - 1].key < hash)
			return;
		p->n--;
	}
	for (i = p->n++; i > p->fixed && p->out[i - 1].key > hash; i--)
		p->out[i] = p->out[i - 1];
	p->out[i] = (struct fdb_entry){
		.key = hash,
		.port = (port_id_t)(slot & f->layout.port_mask),
		.flags = (uint32_t)(slot >> SLOT_FLAGS_SHIFT) << 16,
		.age_ns = age_of(f, t, at, slot, p->now_ns),
	};
}

static void offer_home(struct page *p, const struct fdb_table *t, uint32_t home)
{
	for (uint32_t at = home * SLOTS; at < (home + 1) * SLOTS; at++)
		if (!(slot_load(&t->slots[at]) & SLOT_ALT))
			offer(p, t, at);
	if (!t->displaced[home])
		return;
	for (uint32_t d = 1; d <= t->alt_mask + 1; d++) {
		uint32_t bucket = (home + d) % t->n_buckets;

		for (uint32_t at = bucket * SLOTS; at < (bucket + 1) * SLOTS; at++) {
			uint64_t slot = slot_load(&t->slots[at]);

			if (slot & SLOT_ALT && fdb_slot_home(p->f, t, bucket, slot) == home)
				offer(p, t, at);
		}
	}
}

static void walk_interval(struct page *p)
{
	for (const struct fdb_table *t = first_table(p->f); t; t = next_table(t)) {
		uint32_t end = fdb_home(p->last, t->n_buckets);

		for (uint32_t b = fdb_home(p->first, t->n_buckets); b <= end; b++)
			offer_home(p, t, b);
	}
}

#define BUCKETS_PER_PAGE 16384

size_t fdb_walk(const struct fdb *f, const struct fdb_filter *filter, uint64_t *cursor,
	uint64_t now_ns, struct fdb_entry *out, size_t max)
{
	const struct fdb_table *newest = fdb_newest(f);
	struct page p = {f, compile(f, filter), .now_ns = now_ns, .out = out, .max = max};
	unsigned buckets = BUCKETS_PER_PAGE;

	if (!at_most(f, filter))
		*cursor = FDB_WALK_END;
	while (*cursor != FDB_WALK_END && p.n < max && buckets--) {
		uint32_t bucket = fdb_home(*cursor, newest->n_buckets);
		uint64_t beyond = fdb_bucket_start((uint64_t)bucket + 1, newest->n_buckets);

		p.first = *cursor;
		p.last = beyond > UINT32_MAX ? UINT64_MAX : (beyond << 32) - 1;
		p.fixed = p.n;
		walk_interval(&p);
		// A hash has four zero bits at the end, so none is UINT64_MAX.
		*cursor = p.last == UINT64_MAX ? FDB_WALK_END : p.last + 1;
		if (p.cut)
			*cursor = p.out[p.n - 1].key + 1;
	}
	for (size_t i = 0; i < p.n; i++)
		out[i].key = fdb_unhash(&f->mix, out[i].key);
	return p.n;
}

int fdb_find(const struct fdb *f, fdb_key_t key, uint64_t now_ns, struct fdb_entry *out)
{
	struct fdb_place at = fdb_locate(f, fdb_hash(&f->mix, key));
	uint64_t slot;

	if (key & 15 || !at.table)
		return -ENOENT;
	slot = slot_load(&at.table->slots[at.slot]);
	*out = (struct fdb_entry){
		.key = key,
		.port = (port_id_t)(slot & f->layout.port_mask),
		.flags = (uint32_t)(slot >> SLOT_FLAGS_SHIFT) << 16,
		.age_ns = age_of(f, at.table, at.slot, slot, now_ns),
	};
	return 0;
}
