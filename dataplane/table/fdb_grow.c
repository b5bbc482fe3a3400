// SPDX-License-Identifier: BSD-3-Clause
// The forwarding database's tables: where an entry is put, and how a table grows under readers.
//
// Growing happens in small pieces, carried by insertions and by fdb_age(): the new table is zeroed
// (which also takes its page faults), published as the old one's `next`, receives all insertions
// from then on, and gets the old one's entries bucket by bucket. An empty old table is retired.
#include <errno.h>
#include <string.h>

#include "dataplane/table/fdb_table.h"

#include "base/mem.h"

#define ZERO_PER_INSERT    (32u << 10) // bytes
#define ZERO_PER_WORK      2048 // bytes of zeroing that cost about as much as one bucket moved
#define BUCKETS_PER_INSERT 4

// -- one table --------------------------------------------------------------------
struct fdb_table *fdb_table_new(uint32_t n_buckets)
{
	struct fdb_table *t = mem_zalloc(sizeof(*t), CACHE_LINE);
	size_t n = n_buckets;

	if (!t)
		return NULL;
	t->bytes = n * SLOTS * sizeof(slot_t) + n * SLOTS + n;
	t->slots = mem_alloc(t->bytes, CACHE_LINE);
	if (!t->slots) {
		mem_free(t);
		return NULL;
	}
	t->stamp = (uint8_t *)(t->slots + n * SLOTS);
	t->displaced = t->stamp + n * SLOTS;
	t->n_buckets = n_buckets;
	t->alt_mask = ALT_WINDOW - 1;
	while (t->alt_mask >= n_buckets / 2)
		t->alt_mask >>= 1;
	return t;
}

void fdb_table_free(struct fdb_table *t)
{
	if (!t)
		return;
	mem_free((void *)t->slots);
	mem_free(t);
}

static void release_table(struct rcu_retired *r)
{
	fdb_table_free(container_of(r, struct fdb_table, retired));
}

struct fdb_table *fdb_newest(const struct fdb *f)
{
	struct fdb_table *t = atomic_load_explicit(&f->table, memory_order_relaxed);
	struct fdb_table *next = atomic_load_explicit(&t->next, memory_order_relaxed);

	return next ? next : t;
}

// -- slots ------------------------------------------------------------------------
// A slot whose entry is not SEEN may be marked by a worker at any time, so that control changes it
// by atomic read-modify-write; all others are control's alone.
static void fill_slot(struct fdb_table *t, uint32_t slot, uint64_t value)
{
	uint64_t old = atomic_load_explicit(&t->slots[slot], memory_order_relaxed);

	atomic_store_explicit(&t->slots[slot], value | (old & SLOT_OVERFLOW), memory_order_release);
}

// Returns what was there.
static uint64_t empty_slot(struct fdb_table *t, uint32_t slot)
{
	uint64_t old = atomic_load_explicit(&t->slots[slot], memory_order_relaxed);

	if (!(old & SLOT_SEEN))
		return atomic_fetch_and_explicit(
			&t->slots[slot], SLOT_OVERFLOW, memory_order_release);
	atomic_store_explicit(&t->slots[slot], old & SLOT_OVERFLOW, memory_order_release);
	return old;
}

// The lanes where nothing is: bits 0..7.
static unsigned free_lanes(const struct fdb *f, const struct fdb_table *t, uint32_t bucket)
{
	return f->ops->scan(&t->slots[(size_t)bucket * SLOTS], 0, 0) >> SLOTS;
}

static int free_lane(const struct fdb *f, const struct fdb_table *t, uint32_t bucket)
{
	unsigned lanes = free_lanes(f, t, bucket);

	return lanes ? __builtin_ctz(lanes) : -1;
}

static void count_displaced(struct fdb_table *t, uint32_t home, uint64_t hash)
{
	slot_t *s = &t->slots[(size_t)home * SLOTS + fdb_overflow_lane(hash)];

	t->n_displaced++;
	t->displaced[home]++;
	if (!(slot_load(s) & SLOT_OVERFLOW))
		atomic_fetch_or_explicit(s, SLOT_OVERFLOW, memory_order_release);
}

// The marks go with the last of the bucket's entries: they are not counted by lane.
static void uncount_displaced(struct fdb_table *t, uint32_t home)
{
	slot_t *s = &t->slots[(size_t)home * SLOTS];

	t->n_displaced--;
	if (--t->displaced[home])
		return;
	for (unsigned i = 0; i < SLOTS; i++)
		if (slot_load(&s[i]) & SLOT_OVERFLOW)
			atomic_fetch_and_explicit(&s[i], ~SLOT_OVERFLOW, memory_order_release);
}

uint64_t fdb_clear_slot(struct fdb *f, struct fdb_table *t, uint32_t slot)
{
	uint64_t old = empty_slot(t, slot);

	if (old & SLOT_ALT)
		uncount_displaced(t, fdb_slot_home(f, t, slot / SLOTS, old));
	t->n_entries--;
	return old;
}

// -- placing ----------------------------------------------------------------------
static void count_eviction(struct fdb_table *t)
{
	uint32_t n = atomic_load_explicit(&t->evictions, memory_order_relaxed);

	atomic_store_explicit(&t->evictions, n + 1, memory_order_release);
}

// Make a free lane in a full bucket by moving one of its entries on to that one's second bucket.
static int evict(struct fdb *f, struct fdb_table *t, uint32_t bucket)
{
	for (int i = 0; i < SLOTS; i++) {
		uint32_t from = bucket * SLOTS + (uint32_t)i, to, alt;
		uint64_t slot = slot_load(&t->slots[from]), hash;
		int lane;

		if (slot & SLOT_ALT || t->displaced[bucket] == UINT8_MAX)
			continue;
		hash = fdb_slot_hash(f, t, bucket, slot);
		alt = fdb_alt(bucket, hash, t->n_buckets, t->alt_mask);
		lane = free_lane(f, t, alt);
		if (lane < 0)
			continue;
		to = alt * SLOTS + (uint32_t)lane;
		t->stamp[to] = t->stamp[from];
		fill_slot(t, to, (slot & ~SLOT_OVERFLOW) | SLOT_ALT);
		count_displaced(t, bucket, hash);
		count_eviction(t);
		if (empty_slot(t, from) & ~slot & SLOT_SEEN) // marked since it was copied
			atomic_fetch_or_explicit(&t->slots[to], SLOT_SEEN, memory_order_relaxed);
		count_eviction(t);
		return i;
	}
	return -1;
}

// Put an entry (its flags, SEEN and port in `fields`) into a free slot of its home bucket. Its
// stamp is not set: it means something only after the first pass of ageing that finds the entry.
void fdb_place_at(
	struct fdb *f, struct fdb_table *t, uint32_t free_slot, uint64_t hash, uint64_t fields)
{
	fill_slot(t, free_slot, fdb_stored(&f->layout, hash) | SLOT_VALID | fields);
	t->n_entries++;
}

// Put an entry where there is room, and say where. -ENOSPC: both its buckets are full and so are
// those where their entries could go.
static int place_in(
	struct fdb *f, struct fdb_table *t, uint64_t hash, uint64_t fields, uint32_t *slot)
{
	uint32_t home = fdb_home(hash, t->n_buckets), bucket = home;
	uint32_t alt = fdb_alt(home, hash, t->n_buckets, t->alt_mask);
	int lane = free_lane(f, t, home);

	if (lane < 0)
		lane = free_lane(f, t, bucket = alt);
	if (lane < 0)
		lane = evict(f, t, bucket = home);
	if (lane < 0)
		lane = evict(f, t, bucket = alt);
	if (lane < 0 || (bucket != home && t->displaced[home] == UINT8_MAX))
		return -ENOSPC;
	*slot = bucket * SLOTS + (uint32_t)lane;
	if (bucket == home) {
		fdb_place_at(f, t, *slot, hash, fields);
		return 0;
	}
	fdb_place_at(f, t, *slot, hash, fields | SLOT_ALT);
	count_displaced(t, home, hash);
	return 0;
}

// -- growing ----------------------------------------------------------------------
static int begin(struct fdb *f, const struct fdb_table *t)
{
	f->fresh = fdb_table_new(2 * t->n_buckets); // move_bucket() relies on that
	if (!f->fresh) {
		// Ask again when a 64th of the table has been filled besides.
		f->retry_grow_at = f->n_entries + t->n_buckets / 8 + 1;
		return -ENOMEM;
	}
	f->zeroed = 0;
	return 0;
}

// Zero up to `bytes` of the fresh table; publish it when that was the last.
static void prepare(struct fdb *f, struct fdb_table *t, size_t bytes)
{
	struct fdb_table *fresh = f->fresh;
	size_t n = MIN(bytes, fresh->bytes - f->zeroed);

	memset((char *)fresh->slots + f->zeroed, 0, n);
	f->zeroed += n;
	if (f->zeroed < fresh->bytes)
		return;
	f->migrate_at = 0;
	f->fresh = NULL;
	f->stats.grown++;
	atomic_store_explicit(&t->next, fresh, memory_order_release);
}

// Most entries of a bucket in one go, by the CPU's vectors. They are SEEN, so that their stamps
// mean nothing and need not go with them. Returns the lanes of those that are left.
static unsigned move_most(
	struct fdb *f, struct fdb_table *t, struct fdb_table *next, uint32_t bucket)
{
	size_t from = (size_t)bucket * SLOTS;
	unsigned did, n;

	if (!f->ops->move)
		return ~free_lanes(f, t, bucket) & ((1u << SLOTS) - 1);
	did = f->ops->move(
		&t->slots[from], &next->slots[2 * from], fdb_upper_bit(&f->layout, t->n_buckets));
	n = (unsigned)__builtin_popcount(did & ((1u << SLOTS) - 1));
	t->n_entries -= n;
	next->n_entries += n;
	return did >> SLOTS;
}

// The entries at home in a bucket go to two neighbours. What is free there is read once for all of
// them: a branch that nobody can foretell would cost more than moving an entry does.
static void move_bucket(struct fdb *f, struct fdb_table *t, struct fdb_table *next, uint32_t bucket)
{
	const uint64_t keep = SLOT_FIELDS | f->layout.port_mask;
	unsigned left = move_most(f, t, next, bucket), free[2];
	bool known = false; // free[]

	for (; left; left &= left - 1) {
		uint32_t from = bucket * SLOTS + (uint32_t)__builtin_ctz(left), to;
		uint64_t slot = slot_load(&t->slots[from]);
		uint64_t hash = fdb_slot_hash(f, t, fdb_slot_home(f, t, bucket, slot), slot);
		uint32_t home = fdb_home(hash, next->n_buckets);

		if (!known) {
			free[0] = free_lanes(f, next, 2 * bucket);
			free[1] = free_lanes(f, next, 2 * bucket + 1);
			known = true;
		}
		if (likely(!(slot & SLOT_ALT) && free[home & 1])) {
			to = home * SLOTS + (uint32_t)__builtin_ctz(free[home & 1]);
			free[home & 1] &= free[home & 1] - 1;
			fdb_place_at(f, next, to, hash, slot & keep);
		} else {
			if (place_in(f, next, hash, slot & keep, &to))
				continue; // stays for the next turn; readers search both tables
			known = false;
		}
		next->stamp[to] = t->stamp[from];
		if (fdb_clear_slot(f, t, from) & ~slot & SLOT_SEEN) // marked since it was copied
			atomic_fetch_or_explicit(&next->slots[to], SLOT_SEEN, memory_order_relaxed);
	}
}

static void retire(struct fdb *f, struct fdb_table *t, struct fdb_table *next)
{
	// The pass of ageing goes on at about the same entry. Second buckets make the order
	// inexact, and visiting an entry twice does no harm, so step back by more than the window.
	uint32_t at = (uint32_t)((uint64_t)f->pass_at * next->n_buckets / t->n_buckets);

	f->pass_at = at > 4 * ALT_WINDOW ? at - 4 * ALT_WINDOW : 0;
	atomic_store_explicit(&f->table, next, memory_order_release);
	rcu_retire(&t->retired, release_table);
}

bool fdb_grow_step(struct fdb *f, unsigned work)
{
	struct fdb_table *t = atomic_load_explicit(&f->table, memory_order_relaxed);
	struct fdb_table *next = atomic_load_explicit(&t->next, memory_order_relaxed);

	if (f->fresh) {
		prepare(f, t, (size_t)work * ZERO_PER_WORK);
		return true;
	}
	if (!next)
		return false;
	while (work-- && t->n_entries && f->migrate_at < t->n_buckets)
		move_bucket(f, t, next, f->migrate_at++);
	if (!t->n_entries) {
		retire(f, t, next);
		return false;
	}
	if (f->migrate_at == t->n_buckets)
		f->migrate_at = 0;
	return true;
}

// Three quarters full is where lookups still nearly always end in the home bucket.
bool fdb_make_room(struct fdb *f)
{
	struct fdb_table *t = atomic_load_explicit(&f->table, memory_order_relaxed);

	if (f->fresh)
		prepare(f, t, ZERO_PER_INSERT);
	else if (atomic_load_explicit(&t->next, memory_order_relaxed))
		fdb_grow_step(f, BUCKETS_PER_INSERT);
	else if (t->n_entries >= (size_t)t->n_buckets * SLOTS / 4 * 3 &&
		 t->n_entries >= f->retry_grow_at)
		begin(f, t);
	else
		return false;
	return true;
}

// No place was found. Whatever it costs now: it happens to a table of normal size about once in
// a thousand fillings.
static int grow_now(struct fdb *f)
{
	struct fdb_table *t = atomic_load_explicit(&f->table, memory_order_relaxed);

	if (atomic_load_explicit(&t->next, memory_order_relaxed)) {
		fdb_grow_step(f, t->n_buckets);
		t = atomic_load_explicit(&f->table, memory_order_relaxed);
		if (atomic_load_explicit(&t->next, memory_order_relaxed))
			return -ENOSPC;
	}
	if (!f->fresh && begin(f, t))
		return -ENOSPC;
	prepare(f, t, f->fresh->bytes);
	return 0;
}

int fdb_place_new(struct fdb *f, uint64_t hash, uint64_t fields)
{
	uint32_t slot;
	int err = place_in(f, fdb_newest(f), hash, fields, &slot);

	if (err && !grow_now(f))
		err = place_in(f, fdb_newest(f), hash, fields, &slot);
	return err;
}
