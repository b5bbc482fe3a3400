// SPDX-License-Identifier: BSD-3-Clause
// Private to fdb*.c: the layout that fdb.h hides.
//
// A table is an array of buckets, one cache line of eight 64-bit slots each. The 60-bit key is
// mixed by a keyed bijection into a 60-bit hash; its upper bits choose the bucket and its lower
// bits are stored in the slot, which together with the bucket's number is the whole hash: the
// match is exact, key and value fit one atomic word, and no reader can see half an entry.
//
//	63 LOCAL | 62 STICKY | 61 STATIC | 60 SEEN | 59 VALID | 58 ALT | 57 OVERFLOW |
//	56..port_bits: low bits of the hash | port_bits-1..0: port
//
// An entry lives in its home bucket or, with ALT set, in its second bucket, which lies less than
// 4 KiB behind home (the same page, mostly). OVERFLOW is not the entry's: of those at home in this
// bucket, some whose hash chooses this lane (fdb_overflow_lane) lives in its second bucket. Only
// then does a lookup of such a key read a second line.
//
// The bucket is hash * n_buckets / 2^64: n_buckets is a power of two, so these are the hash's upper
// bits, and entries keep their order when the table grows: moving them is two sequential streams.
//
// How readers never miss an entry: entries only ever move in the direction in which readers
// search, home -> second bucket -> next table, and the copy is stored before the original is
// cleared. A reader that finds the original cleared therefore finds the copy. Slots are stored
// with release and loaded with acquire; OVERFLOW is loaded after the bucket's slots, and `next`
// after the table's buckets. A burst takes OVERFLOW from the slot that it loads last, which is
// another one when the entry was found but has moved by then: `evictions` tells that it may.
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

#include "base/rcu.h"
#include "dataplane/table/fdb.h"

#define SLOTS 8 // per bucket

#define SLOT_OVERFLOW (1ull << 57)
#define SLOT_ALT      (1ull << 58)
#define SLOT_VALID    (1ull << 59)
#define SLOT_SEEN     (1ull << 60)
#define SLOT_STATIC   (1ull << 61)
#define SLOT_STICKY   (1ull << 62)
#define SLOT_LOCAL    (1ull << 63)
#define SLOT_FIELDS   (SLOT_SEEN | SLOT_STATIC | SLOT_STICKY | SLOT_LOCAL)

#define SLOT_FLAGS_SHIFT 61 // down to a hit's flags >> 16
#define HASH_SHIFT       57 // the hash's stored bits end below this
#define ALT_SHIFT        20 // bits of the hash that choose the distance to the second bucket
#define ALT_WINDOW       64 // buckets
#define OVERFLOW_SHIFT   28 // bits of the hash that choose the lane with its OVERFLOW

static_assert(SLOT_STATIC >> SLOT_FLAGS_SHIFT << 16 == FDB_STATIC, "flags of slot and hit");
static_assert(SLOT_STICKY >> SLOT_FLAGS_SHIFT << 16 == FDB_STICKY, "flags of slot and hit");
static_assert(SLOT_LOCAL >> SLOT_FLAGS_SHIFT << 16 == FDB_LOCAL, "flags of slot and hit");

typedef _Atomic uint64_t slot_t;

struct fdb_table {
	slot_t *slots; // n_buckets * SLOTS
	uint32_t n_buckets;
	uint32_t alt_mask;                // distance to the second bucket = 1 + (bits & alt_mask)
	_Atomic(struct fdb_table *) next; // entries not found here may be there; NULL = not growing
	_Atomic uint32_t evictions;       // moves to a second bucket, twice; odd while one goes on

	// Control's own.
	struct rcu_retired retired;
	uint8_t *stamp;     // per slot: the ageing pass that last found it SEEN
	uint8_t *displaced; // per bucket: entries at home here that live in their second bucket
	size_t n_entries;
	size_t n_displaced;
	size_t bytes; // of the block at `slots`, which holds all three arrays
};

// The keyed bijection of 60-bit keys, which stand in the 60 high bits: multiply, fold, multiply.
// One multiplication alone would leave arithmetic progressions of MACs in clusters.
struct fdb_mix {
	uint64_t xor, mul1, mul2; // mul*: odd
	uint64_t inv1, inv2;      // their inverses modulo 2^64
};

struct fdb_layout {
	uint64_t port_mask;
	uint64_t match_mask; // VALID, ALT and the hash's stored bits
	uint32_t port_bits;
};

// The lookups for one kind of CPU.
struct fdb_ops {
	const char *name;
	void (*lookup)(const struct fdb *, const fdb_key_t *, fdb_hit_t *, unsigned n);
	uint64_t (*source)(struct fdb *, const fdb_key_t *, port_id_t, fdb_hit_t *, unsigned n);
	uint64_t (*both)(struct fdb *, const fdb_key_t *src, port_id_t, fdb_hit_t *,
		const fdb_key_t *dst, fdb_hit_t *, unsigned n);
	// Control: the lanes of a bucket that hold `want` (bits 0..7), and those that are free
	// (bits 8..15). Without a branch, so that the misses of consecutive calls overlap.
	unsigned (*scan)(const slot_t *bucket, uint64_t want, uint64_t mask);
	// Control, NULL where there is none: moves entries of a bucket that are at home and SEEN to
	// the first of two buckets, or, those with `upper_bit`, to the second, if there is room
	// for all of that kind. Returns the lanes that moved
	// (bits 0..7), and those of entries that are left (bits 8..15).
	unsigned (*move)(slot_t *from, slot_t *to, uint64_t upper_bit);
};

struct fdb {
	// Workers read these two lines only; `table` changes when a table has grown.
	cache_aligned _Atomic(struct fdb_table *) table;
	const struct fdb_ops *ops;
	struct fdb_mix mix;
	struct fdb_layout layout;

	// Control's own from here on.
	cache_aligned uint32_t max_entries;
	uint32_t max_ports;
	size_t n_entries;
	uint32_t *counts;                               // one block for the next four
	uint32_t *n_port, *n_port_learned, *port_limit; // by port
	uint32_t *n_vlan;                               // by VLAN
	struct fdb_stats stats;

	// Growing: `fresh` is zeroed in steps, then published as table->next, then filled.
	struct fdb_table *fresh;
	size_t zeroed;        // bytes of `fresh`
	uint32_t migrate_at;  // bucket of `table`
	size_t retry_grow_at; // entries at which to ask for memory again

	// Ageing, see fdb_scan.c.
	uint64_t ageing_ns;
	uint64_t pass_start_ns;
	uint64_t pass_end_ns[256]; // by the pass's low 8 bits
	uint32_t pass_at;          // bucket
	uint8_t pass;
	bool pass_running;
	bool pass_ever;
};

// -- hash -----------------------------------------------------------------------
static fast_inline uint64_t fdb_hash(const struct fdb_mix *m, fdb_key_t key)
{
	uint64_t x = (key ^ m->xor) * m->mul1;

	x ^= x >> 32 & ~15ull;
	return x * m->mul2;
}

static inline fdb_key_t fdb_unhash(const struct fdb_mix *m, uint64_t hash)
{
	uint64_t x = hash * m->inv2;

	x ^= x >> 32 & ~15ull;
	return (x * m->inv1) ^ m->xor ;
}

static fast_inline uint32_t fdb_home(uint64_t hash, uint32_t n_buckets)
{
	return (hash >> 32) * n_buckets >> 32;
}

// The hash part of a slot.
static fast_inline uint64_t fdb_stored(const struct fdb_layout *l, uint64_t hash)
{
	return (hash >> 4 << l->port_bits) & ((1ull << HASH_SHIFT) - 1) & ~l->port_mask;
}

static fast_inline uint32_t fdb_alt(uint32_t home, uint64_t hash, uint32_t n_buckets, uint32_t mask)
{
	uint32_t b = home + 1 + (hash >> ALT_SHIFT & mask);

	return b >= n_buckets ? b - n_buckets : b;
}

// The bit of a slot that tells which half of a bucket's entries it belongs to; n_buckets is a power
// of two, and not less than what makes the bit one that is stored.
static inline uint64_t fdb_upper_bit(const struct fdb_layout *l, uint32_t n_buckets)
{
	return 1ull << ((unsigned)__builtin_clz(n_buckets) + 32 - 4 + l->port_bits);
}

static fast_inline unsigned fdb_overflow_lane(uint64_t hash)
{
	return hash >> OVERFLOW_SHIFT & (SLOTS - 1);
}

// The home bucket and the whole hash of the entry in a slot.
static inline uint32_t fdb_slot_home(
	const struct fdb *f, const struct fdb_table *t, uint32_t bucket, uint64_t slot)
{
	uint32_t back;

	if (!(slot & SLOT_ALT))
		return bucket;
	back = 1 + (slot >> (f->layout.port_bits + ALT_SHIFT - 4) & t->alt_mask);
	return bucket >= back ? bucket - back : bucket + t->n_buckets - back;
}

// Lowest upper half of a hash that belongs to this bucket or a later one.
static inline uint64_t fdb_bucket_start(uint64_t bucket, uint32_t n_buckets)
{
	return bucket << 32 >> __builtin_ctz(n_buckets);
}

// The hash of the entry in a slot, given the lowest one of its home bucket.
static inline uint64_t fdb_hash_from(const struct fdb *f, uint64_t first, uint64_t slot)
{
	unsigned bits = HASH_SHIFT - f->layout.port_bits + 4; // known low bits of the hash
	uint64_t low = (slot & ((1ull << HASH_SHIFT) - 1)) >> f->layout.port_bits << 4;
	uint64_t hash = (first & ~((1ull << bits) - 1)) | low;

	return hash < first ? hash + (1ull << bits) : hash;
}

static inline uint64_t fdb_slot_hash(
	const struct fdb *f, const struct fdb_table *t, uint32_t home, uint64_t slot)
{
	return fdb_hash_from(f, fdb_bucket_start(home, t->n_buckets) << 32, slot);
}

static fast_inline uint64_t slot_load(const slot_t *s)
{
	return atomic_load_explicit(s, memory_order_acquire);
}

// -- between fdb*.c, control side -------------------------------------------------
// What this CPU can do, the plainest (the scalar twin) first; NULL after the last. Tests try all.
const struct fdb_ops *fdb_ops_nth(unsigned nth);

#define NO_SLOT UINT32_MAX
struct fdb_place {
	struct fdb_table *table; // where the entry is, or else the newest
	uint32_t slot;           // index in table->slots, NO_SLOT = not found
	uint32_t free_slot;      // if not found: a free one in its home bucket, or NO_SLOT
};
struct fdb_place fdb_locate(const struct fdb *, uint64_t hash);

// Remove the entry in a slot and all counts of it.
void fdb_drop_entry(struct fdb *, struct fdb_table *, uint32_t slot);

// fdb_grow.c
struct fdb_table *fdb_table_new(uint32_t n_buckets); // not zeroed yet
void fdb_table_free(struct fdb_table *);
struct fdb_table *fdb_newest(const struct fdb *);
int fdb_place_new(struct fdb *, uint64_t hash, uint64_t fields); // grows if need be, or -ENOSPC
void fdb_place_at(
	struct fdb *, struct fdb_table *, uint32_t free_slot, uint64_t hash, uint64_t fields);
uint64_t fdb_clear_slot(struct fdb *, struct fdb_table *, uint32_t slot); // returns what was there
bool fdb_make_room(struct fdb *);                // before an insertion: grow if it is time
bool fdb_grow_step(struct fdb *, unsigned work); // in buckets; true while there is more to do
