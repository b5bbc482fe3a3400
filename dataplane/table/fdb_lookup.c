// SPDX-License-Identifier: BSD-3-Clause
// The workers' side of the forwarding database: a burst is hashed and its home buckets are
// prefetched in one pass, compared in the next. What is left after that (entries in second
// buckets, a table that is growing) is few, and is collected without a branch per key.
#include "dataplane/table/fdb_table.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

// ThreadSanitizer takes a vector load for a race with the slots' stores: it gets the scalar twin.
#if defined(__SANITIZE_THREAD__)
#define SCALAR_ONLY
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SCALAR_ONLY
#endif
#endif

struct probes {
	uint64_t want[FDB_BURST]; // what match_mask leaves of the slot looked for
	uint32_t home[FDB_BURST];
};

// Which lane of a bucket holds `want`; any lane when none does (the caller verifies).
typedef unsigned (*match_fn)(const slot_t *bucket, uint64_t want, uint64_t mask);

// Without vectors, and the twin that the vector versions are tested against.
static fast_inline unsigned match_scalar(const slot_t *bucket, uint64_t want, uint64_t mask)
{
	unsigned lane = 0;

	for (unsigned i = 0; i < SLOTS; i++)
		lane = (slot_load(&bucket[i]) & mask) == want ? i : lane;
	return lane;
}

#if defined(__x86_64__) && !defined(SCALAR_ONLY)
#define AVX2   __attribute__((target("avx2,bmi")))
#define AVX512 __attribute__((target("avx512f,avx512dq,avx512vl,avx512bw,avx2,bmi,bmi2")))

// A vector load of eight slots is not one atomic load to the language; the machine loads
// each aligned 64-bit lane whole, and in program order. The lane found is loaded again by
// slot_load() and verified, so that what a reader returns is always one atomic value.
AVX2 static fast_inline unsigned match_avx2(const slot_t *bucket, uint64_t want, uint64_t mask)
{
	const __m256i *v = (const __m256i *)bucket;
	__m256i m = _mm256_set1_epi64x((long long)mask), w = _mm256_set1_epi64x((long long)want);
	__m256i lo = _mm256_cmpeq_epi64(_mm256_and_si256(_mm256_load_si256(v), m), w);
	__m256i hi = _mm256_cmpeq_epi64(_mm256_and_si256(_mm256_load_si256(v + 1), m), w);
	unsigned bits = (unsigned)_mm256_movemask_pd(_mm256_castsi256_pd(lo)) |
			(unsigned)_mm256_movemask_pd(_mm256_castsi256_pd(hi)) << 4;

	return (unsigned)__builtin_ctz(bits | 1u << (SLOTS - 1));
}

AVX512 static fast_inline unsigned match_avx512(const slot_t *bucket, uint64_t want, uint64_t mask)
{
	__m512i v = _mm512_and_si512(
		_mm512_load_si512((const void *)bucket), _mm512_set1_epi64((long long)mask));
	unsigned bits = _mm512_cmpeq_epi64_mask(v, _mm512_set1_epi64((long long)want));

	return (unsigned)__builtin_ctz(bits | 1u << (SLOTS - 1));
}
#endif

static fast_inline fdb_hit_t hit_of(const struct fdb_layout *l, uint64_t slot)
{
	return (fdb_hit_t)(slot >> SLOT_FLAGS_SHIFT) << 16 | (fdb_hit_t)(slot & l->port_mask);
}

static fast_inline void hash_and_prefetch(const struct fdb *f, const struct fdb_table *t,
	const fdb_key_t *keys, struct probes *p, unsigned n)
{
	const slot_t *slots = t->slots;
	uint32_t n_buckets = t->n_buckets;

	for (unsigned i = 0; i < n; i++) {
		uint64_t hash = fdb_hash(&f->mix, keys[i]);
		uint32_t home = fdb_home(hash, n_buckets);

		__builtin_prefetch((const void *)&slots[(size_t)home * SLOTS]);
		p->home[i] = home;
		p->want[i] = fdb_stored(&f->layout, hash) | SLOT_VALID;
	}
}

// A source's entry is its own proof of life. Compare-and-swap, because control may have given the
// slot to another entry since; losing against it only loses a mark.
static void mark_seen(slot_t *s, uint64_t slot)
{
	atomic_compare_exchange_strong_explicit(
		s, &slot, slot | SLOT_SEEN, memory_order_relaxed, memory_order_relaxed);
}

// A search for the keys of `left`, which were not found at home in `t`: second buckets, then the
// next table, if there is one. Few keys come here, so it is the same code for every CPU.
// Returns the keys found on port `ingress`, having marked them (PORT_NONE: no marks).
static __attribute__((noinline)) uint64_t search_on(const struct fdb *f, const struct fdb_table *t,
	const fdb_key_t *keys, port_id_t ingress, fdb_hit_t *hits, uint64_t left)
{
	const struct fdb_layout *l = &f->layout;
	bool first = true; // in the first table home has been searched
	uint64_t here = 0;

	for (; t && left; t = atomic_load_explicit(&t->next, memory_order_acquire), first = false) {
		for (uint64_t todo = left; todo; todo &= todo - 1) {
			unsigned i = (unsigned)__builtin_ctzll(todo);
			uint64_t hash = fdb_hash(&f->mix, keys[i]);
			uint32_t home = fdb_home(hash, t->n_buckets);
			uint64_t slot, want = fdb_stored(l, hash) | SLOT_VALID;
			slot_t *s, *bucket = &t->slots[(size_t)home * SLOTS];

			s = &bucket[match_scalar(bucket, want, l->match_mask)];
			slot = slot_load(s);
			if (first || (slot & l->match_mask) != want) {
				if (!(slot_load(&bucket[0]) & SLOT_OVERFLOW))
					continue;
				want |= SLOT_ALT;
				home = fdb_alt(home, hash, t->n_buckets, t->alt_mask);
				bucket = &t->slots[(size_t)home * SLOTS];
				s = &bucket[match_scalar(bucket, want, l->match_mask)];
				slot = slot_load(s);
				if ((slot & l->match_mask) != want)
					continue;
			}
			left &= ~(1ull << i);
			hits[i] = hit_of(l, slot);
			if (fdb_hit_port(hits[i]) != ingress)
				continue;
			here |= 1ull << i;
			if (!(slot & SLOT_SEEN))
				mark_seen(s, slot);
		}
	}
	return here;
}

// Inlined with constant `match` and `source` into one function per CPU kind and side.
static fast_inline uint64_t bulk(const struct fdb *f, const fdb_key_t *keys, port_id_t ingress,
	fdb_hit_t *hits, unsigned n, match_fn match, bool source)
{
	const struct fdb_table *t = atomic_load_explicit(&f->table, memory_order_acquire);
	const struct fdb_layout l = f->layout;
	uint64_t missed = 0, overflown = 0, unknown = 0, todo;
	struct probes p;

	hash_and_prefetch(f, t, keys, &p, n);
	for (unsigned i = 0; i < n; i++) {
		slot_t *bucket = &t->slots[(size_t)p.home[i] * SLOTS];
		slot_t *s = &bucket[match(bucket, p.want[i], l.match_mask)];
		uint64_t slot = slot_load(s);
		bool hit = (slot & l.match_mask) == p.want[i];
		uint64_t overflow = slot_load(&bucket[0]) & SLOT_OVERFLOW;

		hits[i] = hit ? hit_of(&l, slot) : FDB_MISS;
		missed |= (uint64_t)!hit << i;
		overflown |= (uint64_t)(overflow != 0) << i;
		if (source) {
			bool here = hit && (slot & l.port_mask) == ingress;

			unknown |= (uint64_t)!here << i;
			if (unlikely(here && !(slot & SLOT_SEEN)))
				mark_seen(s, slot);
		}
	}
	if (likely(!missed))
		return unknown;
	todo = atomic_load_explicit(&t->next, memory_order_acquire) ? missed : missed & overflown;
	if (todo)
		unknown &= ~search_on(f, t, keys, source ? ingress : PORT_NONE, hits, todo);
	return unknown;
}

static void lookup_scalar(const struct fdb *f, const fdb_key_t *keys, fdb_hit_t *hits, unsigned n)
{
	bulk(f, keys, PORT_NONE, hits, n, match_scalar, false);
}

static uint64_t source_scalar(
	struct fdb *f, const fdb_key_t *keys, port_id_t ingress, fdb_hit_t *hits, unsigned n)
{
	return bulk(f, keys, ingress, hits, n, match_scalar, true);
}

static const struct fdb_ops ops_scalar = {"scalar", lookup_scalar, source_scalar};

#if defined(__x86_64__) && !defined(SCALAR_ONLY)
AVX2 static void lookup_avx2(
	const struct fdb *f, const fdb_key_t *keys, fdb_hit_t *hits, unsigned n)
{
	bulk(f, keys, PORT_NONE, hits, n, match_avx2, false);
}

AVX2 static uint64_t source_avx2(
	struct fdb *f, const fdb_key_t *keys, port_id_t ingress, fdb_hit_t *hits, unsigned n)
{
	return bulk(f, keys, ingress, hits, n, match_avx2, true);
}

AVX512 static void lookup_avx512(
	const struct fdb *f, const fdb_key_t *keys, fdb_hit_t *hits, unsigned n)
{
	bulk(f, keys, PORT_NONE, hits, n, match_avx512, false);
}

AVX512 static uint64_t source_avx512(
	struct fdb *f, const fdb_key_t *keys, port_id_t ingress, fdb_hit_t *hits, unsigned n)
{
	return bulk(f, keys, ingress, hits, n, match_avx512, true);
}

static const struct fdb_ops ops_avx2 = {"avx2", lookup_avx2, source_avx2};
static const struct fdb_ops ops_avx512 = {"avx512", lookup_avx512, source_avx512};
#endif

const struct fdb_ops *fdb_ops_nth(unsigned nth)
{
	const struct fdb_ops *ops[3] = {&ops_scalar};
	unsigned n = 1;

#if defined(__x86_64__) && !defined(SCALAR_ONLY)
	if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi"))
		ops[n++] = &ops_avx2;
	if (n == 2 && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
		__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("bmi2"))
		ops[n++] = &ops_avx512;
#endif
	return nth < n ? ops[nth] : NULL;
}

void fdb_lookup_bulk(const struct fdb *f, const fdb_key_t *keys, fdb_hit_t *hits, unsigned n)
{
	f->ops->lookup(f, keys, hits, n);
}

uint64_t fdb_source_bulk(
	struct fdb *f, const fdb_key_t *keys, port_id_t ingress, fdb_hit_t *hits, unsigned n)
{
	return f->ops->source(f, keys, ingress, hits, n);
}
