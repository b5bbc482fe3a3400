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

// A burst on its way. `want` is what match_mask leaves of the slot looked for, `slot` what the
// home bucket offers for it; `otherwise` says by its bit SLOTS + lane which lane that is when none
// holds `want`.
struct probes {
	cache_aligned uint64_t want[FDB_BURST];
	cache_aligned uint32_t otherwise[FDB_BURST];
	cache_aligned uint64_t slot[FDB_BURST];
	cache_aligned slot_t *bucket[FDB_BURST];
};

// What became of it: bit i for key i.
struct verdicts {
	uint64_t missed;
	uint64_t overflown; // missed, and perhaps in the second bucket
	uint64_t elsewhere; // missed, or not on the ingress port
	uint64_t unmarked;  // without SEEN
};

// The three steps that exist per kind of CPU: hash all keys; which lane of a bucket holds `want`
// (when none does the one that tells whether to look further); compare all slots found. The others
// are the same for all.
struct kind {
	void (*hash)(struct probes *, const struct fdb_mix *, const struct fdb_layout *,
		const struct fdb_table *, const fdb_key_t *, unsigned n);
	unsigned (*match)(const slot_t *, uint64_t want, uint64_t mask, unsigned otherwise);
	struct verdicts (*judge)(const struct probes *, const struct fdb_layout *,
		port_id_t ingress, fdb_hit_t *, unsigned n, bool source);
};

static fast_inline fdb_hit_t hit_of(const struct fdb_layout *l, uint64_t slot)
{
	return (fdb_hit_t)(slot >> SLOT_FLAGS_SHIFT << 16 | (slot & l->port_mask));
}

// -- without vectors, and the twin that the vector versions are tested against ------
static fast_inline void hash_scalar(struct probes *p, const struct fdb_mix *mix,
	const struct fdb_layout *l, const struct fdb_table *t, const fdb_key_t *keys, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		uint64_t hash = fdb_hash(mix, keys[i]);

		p->bucket[i] = t->slots + (size_t)fdb_home(hash, t->n_buckets) * SLOTS;
		p->want[i] = fdb_stored(l, hash) | SLOT_VALID;
		p->otherwise[i] = 1u << (SLOTS + fdb_overflow_lane(hash));
	}
}

// The first of the lanes found (bits 0..7), or else the other one.
static fast_inline unsigned lane_of(unsigned found, unsigned otherwise)
{
	return (unsigned)__builtin_ctz(found | otherwise) % SLOTS;
}

static fast_inline unsigned match_scalar(
	const slot_t *bucket, uint64_t want, uint64_t mask, unsigned otherwise)
{
	unsigned found = 0;

	for (unsigned i = 0; i < SLOTS; i++)
		found |= (unsigned)((slot_load(&bucket[i]) & mask) == want) << i;
	return lane_of(found, otherwise);
}

static fast_inline struct verdicts judge_scalar(const struct probes *p, const struct fdb_layout *l,
	port_id_t ingress, fdb_hit_t *hits, unsigned n, bool source)
{
	struct verdicts v = {0};

	for (unsigned i = 0; i < n; i++) {
		uint64_t slot = p->slot[i];
		bool miss = (slot & l->match_mask) != p->want[i];

		hits[i] = hit_of(l, slot) | (miss ? FDB_MISS : 0);
		v.missed |= (uint64_t)miss << i;
		v.overflown |= (uint64_t)(miss && slot & SLOT_OVERFLOW) << i;
		v.elsewhere |= (uint64_t)(miss || (slot & l->port_mask) != ingress) << i;
		v.unmarked |= (uint64_t) !(slot & SLOT_SEEN) << i;
	}
	return v;
}

static unsigned scan_scalar(const slot_t *bucket, uint64_t want, uint64_t mask)
{
	unsigned found = 0;

	for (unsigned i = 0; i < SLOTS; i++) {
		uint64_t slot = atomic_load_explicit(&bucket[i], memory_order_relaxed);

		found |= (unsigned)((slot & mask) == want) << i;
		found |= (unsigned)!(slot & SLOT_VALID) << (SLOTS + i);
	}
	return found;
}

#if defined(__x86_64__) && !defined(SCALAR_ONLY)
#define AVX2   __attribute__((target("avx2,bmi")))
#define AVX512 __attribute__((target("avx512f,avx512dq,avx512vl,avx512bw,avx2,bmi,bmi2,popcnt")))

// A vector load of eight slots is not one atomic load to the language; the machine loads
// each aligned 64-bit lane whole, and in program order. The lane found is loaded again by
// slot_load() and judged by that, so that what a reader returns is always one atomic value.
AVX2 static fast_inline unsigned match_avx2(
	const slot_t *bucket, uint64_t want, uint64_t mask, unsigned otherwise)
{
	const __m256i *v = (const __m256i *)bucket;
	__m256i m = _mm256_set1_epi64x((long long)mask), w = _mm256_set1_epi64x((long long)want);
	__m256i lo = _mm256_cmpeq_epi64(_mm256_and_si256(_mm256_load_si256(v), m), w);
	__m256i hi = _mm256_cmpeq_epi64(_mm256_and_si256(_mm256_load_si256(v + 1), m), w);
	unsigned bits = (unsigned)_mm256_movemask_pd(_mm256_castsi256_pd(lo)) |
			(unsigned)_mm256_movemask_pd(_mm256_castsi256_pd(hi)) << 4;

	return lane_of(bits, otherwise);
}

AVX512 static fast_inline unsigned match_avx512(
	const slot_t *bucket, uint64_t want, uint64_t mask, unsigned otherwise)
{
	__m512i v = _mm512_and_si512(
		_mm512_load_si512((const void *)bucket), _mm512_set1_epi64((long long)mask));
	unsigned bits = _mm512_cmpeq_epi64_mask(v, _mm512_set1_epi64((long long)want));

	return lane_of(bits, otherwise);
}

AVX512 static unsigned scan_avx512(const slot_t *bucket, uint64_t want, uint64_t mask)
{
	__m512i v = _mm512_load_si512((const void *)bucket);
	unsigned match =
		_mm512_cmpeq_epi64_mask(_mm512_and_si512(v, _mm512_set1_epi64((long long)mask)),
			_mm512_set1_epi64((long long)want));
	unsigned empty = _mm512_testn_epi64_mask(v, _mm512_set1_epi64((long long)SLOT_VALID));

	return match | empty << SLOTS;
}

// As the moving of one entry (fdb_grow.c) does, each copy stands before its original goes. Plain
// stores will do: what is SEEN, and what is empty, no worker writes.
AVX512 static unsigned move_avx512(slot_t *from, slot_t *to, uint64_t upper_bit)
{
	const __m512i overflow = _mm512_set1_epi64((long long)SLOT_OVERFLOW),
		      valid = _mm512_set1_epi64((long long)SLOT_VALID),
		      wanted = _mm512_set1_epi64((long long)(SLOT_VALID | SLOT_SEEN)),
		      kind = _mm512_set1_epi64((long long)(SLOT_VALID | SLOT_SEEN | SLOT_ALT));
	__m512i v = _mm512_load_si512((const void *)from);
	__m512i bare = _mm512_andnot_si512(overflow, v);
	unsigned all = _mm512_cmpeq_epi64_mask(_mm512_and_si512(v, kind), wanted);
	unsigned upper = _mm512_test_epi64_mask(v, _mm512_set1_epi64((long long)upper_bit));
	unsigned moved = 0;

	for (unsigned half = 0; half < 2; half++) {
		unsigned some = all & (half ? upper : ~upper), n = (unsigned)_mm_popcnt_u32(some);
		__m512i old = _mm512_load_si512((const void *)&to[half * SLOTS]), copy;
		unsigned free =
			_mm512_testn_epi64_mask(old, _mm512_set1_epi64((long long)SLOT_VALID));
		unsigned lanes = _pdep_u32((1u << n) - 1, free);

		if ((unsigned)_mm_popcnt_u32(free) < n)
			continue;
		copy = _mm512_maskz_compress_epi64((__mmask8)some, bare);
		copy = _mm512_maskz_expand_epi64((__mmask8)lanes, copy);
		copy = _mm512_or_si512(copy, _mm512_and_si512(old, overflow));
		_mm512_mask_store_epi64((void *)&to[half * SLOTS], (__mmask8)lanes, copy);
		moved |= some;
	}
	atomic_thread_fence(memory_order_release);
	_mm512_mask_store_epi64((void *)from, (__mmask8)moved, _mm512_and_si512(v, overflow));
	return moved | (_mm512_test_epi64_mask(v, valid) & ~moved) << SLOTS;
}

// Lanes i..i+7 of a burst of n.
static fast_inline __mmask8 lanes(unsigned i, unsigned n)
{
	return (__mmask8)(n - i >= 8 ? 0xff : (1u << (n - i)) - 1);
}

AVX512 static fast_inline void hash_avx512(struct probes *p, const struct fdb_mix *mix,
	const struct fdb_layout *l, const struct fdb_table *t, const fdb_key_t *keys, unsigned n)
{
	const __m512i xor = _mm512_set1_epi64((long long)mix->xor),
		      mul1 = _mm512_set1_epi64((long long)mix->mul1),
		      mul2 = _mm512_set1_epi64((long long)mix->mul2),
		      fold = _mm512_set1_epi64(~15ll), n_buckets = _mm512_set1_epi64(t->n_buckets),
		      base = _mm512_set1_epi64((long long)(uintptr_t)t->slots),
		      stored = _mm512_set1_epi64((long long)(l->match_mask & ~SLOT_ALT)),
		      valid = _mm512_set1_epi64((long long)SLOT_VALID),
		      lane = _mm512_set1_epi64(SLOTS - 1), first = _mm512_set1_epi64(1 << SLOTS);
	const __m128i shift = _mm_cvtsi32_si128((int)l->port_bits);

	for (unsigned i = 0; i < n; i += 8) {
		__m512i x = _mm512_maskz_loadu_epi64(lanes(i, n), &keys[i]), home;

		x = _mm512_mullo_epi64(_mm512_xor_si512(x, xor), mul1);
		x = _mm512_xor_si512(x, _mm512_and_si512(_mm512_srli_epi64(x, 32), fold));
		x = _mm512_mullo_epi64(x, mul2);
		home = _mm512_mul_epu32(_mm512_srli_epi64(x, 32), n_buckets);
		home = _mm512_slli_epi64(_mm512_srli_epi64(home, 32), 6);
		_mm512_store_si512((void *)&p->bucket[i], _mm512_add_epi64(base, home));
		_mm256_store_si256((void *)&p->otherwise[i],
			_mm512_cvtepi64_epi32(_mm512_sllv_epi64(first,
				_mm512_and_si512(_mm512_srli_epi64(x, OVERFLOW_SHIFT), lane))));
		x = _mm512_sll_epi64(_mm512_srli_epi64(x, 4), shift);
		_mm512_store_si512(
			(void *)&p->want[i], _mm512_or_si512(valid, _mm512_and_si512(x, stored)));
	}
}

AVX512 static fast_inline struct verdicts judge_avx512(const struct probes *p,
	const struct fdb_layout *l, port_id_t ingress, fdb_hit_t *hits, unsigned n, bool source)
{
	const __m512i match = _mm512_set1_epi64((long long)l->match_mask),
		      ports = _mm512_set1_epi64((long long)l->port_mask),
		      here = _mm512_set1_epi64(ingress),
		      seen = _mm512_set1_epi64((long long)SLOT_SEEN),
		      overflow = _mm512_set1_epi64((long long)SLOT_OVERFLOW);
	struct verdicts v = {0};

	for (unsigned i = 0; i < n; i += 8) {
		__mmask8 some = lanes(i, n), miss;
		__m512i slot = _mm512_maskz_load_epi64(some, &p->slot[i]);
		__m512i port = _mm512_and_si512(slot, ports);
		__m512i flags = _mm512_slli_epi64(_mm512_srli_epi64(slot, SLOT_FLAGS_SHIFT), 16);
		__m256i hit = _mm512_cvtepi64_epi32(_mm512_or_si512(flags, port));

		miss = _mm512_mask_cmpneq_epi64_mask(some, _mm512_and_si512(slot, match),
			_mm512_maskz_load_epi64(some, &p->want[i]));
		hit = _mm256_mask_set1_epi32(hit, miss, -1);
		_mm256_mask_storeu_epi32(&hits[i], some, hit);
		v.missed |= (uint64_t)miss << i;
		v.overflown |= (uint64_t)_mm512_mask_test_epi64_mask(miss, slot, overflow) << i;
		if (!source)
			continue;
		v.elsewhere |= (uint64_t)_mm512_mask_cmpneq_epi64_mask(some, port, here) << i;
		v.unmarked |= (uint64_t)_mm512_mask_testn_epi64_mask(some, slot, seen) << i;
	}
	v.elsewhere |= v.missed;
	return v;
}
#endif

// -- the way of a burst ---------------------------------------------------------------
// A source's entry is its own proof of life. Compare-and-swap, because control may have given the
// slot to another entry since; losing against it only loses a mark.
static void mark_seen(slot_t *s, uint64_t slot)
{
	atomic_compare_exchange_strong_explicit(
		s, &slot, slot | SLOT_SEEN, memory_order_relaxed, memory_order_relaxed);
}

// Look in one bucket for one key.
static bool try_bucket(const struct fdb_layout *l, slot_t *bucket, uint64_t want, port_id_t ingress,
	fdb_hit_t *hit)
{
	slot_t *s = &bucket[match_scalar(bucket, want, l->match_mask, 1u << SLOTS)];
	uint64_t slot = slot_load(s);

	if ((slot & l->match_mask) != want)
		return false;
	*hit = hit_of(l, slot);
	if (fdb_hit_port(*hit) == ingress && !(slot & SLOT_SEEN))
		mark_seen(s, slot);
	return true;
}

// A search for the keys of `left`, which were not found at home in `t`: those of `overflown` in
// their second buckets, then all in the next table, if there is one. Few keys come here, so it is
// the same code for every CPU.
// Returns the keys found on port `ingress`, having marked them (PORT_NONE: no marks).
static __attribute__((noinline)) uint64_t search_on(const struct fdb *f, const struct fdb_table *t,
	const fdb_key_t *keys, port_id_t ingress, fdb_hit_t *hits, uint64_t left,
	uint64_t overflown)
{
	const struct fdb_layout *l = &f->layout;
	bool first = true; // in the first table home has been searched
	uint64_t here = 0, todo = overflown;

	for (;; first = false, todo = left) {
		for (; todo; todo &= todo - 1) {
			unsigned i = (unsigned)__builtin_ctzll(todo);
			uint64_t hash = fdb_hash(&f->mix, keys[i]);
			uint64_t want = fdb_stored(l, hash) | SLOT_VALID;
			uint32_t home = fdb_home(hash, t->n_buckets);
			slot_t *bucket = t->slots + (size_t)home * SLOTS;

			if (first || !try_bucket(l, bucket, want, ingress, &hits[i])) {
				if (!(slot_load(&bucket[fdb_overflow_lane(hash)]) & SLOT_OVERFLOW))
					continue;
				home = fdb_alt(home, hash, t->n_buckets, t->alt_mask);
				bucket = t->slots + (size_t)home * SLOTS;
				if (!try_bucket(l, bucket, want | SLOT_ALT, ingress, &hits[i]))
					continue;
			}
			left &= ~(1ull << i);
			here |= (uint64_t)(fdb_hit_port(hits[i]) == ingress) << i;
		}
		t = atomic_load_explicit(&t->next, memory_order_acquire);
		if (!t || !left)
			return here;
	}
}

// First half: hash, and fetch the home buckets.
static fast_inline void begin(const struct fdb *f, const struct fdb_table *t, struct probes *p,
	const fdb_key_t *keys, unsigned n, const struct kind k)
{
	const struct fdb_layout l = f->layout;
	const struct fdb_mix mix = f->mix;

	k.hash(p, &mix, &l, t, keys, n);
	for (unsigned i = 0; i < n; i++)
		__builtin_prefetch((const void *)p->bucket[i]);
}

// Second half: compare. Inlined with a constant kind and `source`.
static fast_inline uint64_t finish(const struct fdb *f, const struct fdb_table *t, struct probes *p,
	const fdb_key_t *keys, port_id_t ingress, fdb_hit_t *hits, unsigned n, const struct kind k,
	bool source)
{
	uint32_t evictions = atomic_load_explicit(&t->evictions, memory_order_acquire);
	const struct fdb_layout l = f->layout;
	struct verdicts v;

	for (unsigned i = 0; i < n; i++) {
		slot_t *bucket = p->bucket[i];

		p->slot[i] = slot_load(
			&bucket[k.match(bucket, p->want[i], l.match_mask, p->otherwise[i])]);
	}
	v = k.judge(p, &l, ingress, hits, n, source);
	if (source) {
		uint64_t todo = v.unmarked & ~v.elsewhere;

		for (; unlikely(todo); todo &= todo - 1) {
			unsigned i = (unsigned)__builtin_ctzll(todo);
			slot_t *bucket = p->bucket[i];

			mark_seen(
				&bucket[k.match(bucket, p->want[i], l.match_mask, p->otherwise[i])],
				p->slot[i]);
		}
	}
	if (unlikely(v.missed)) {
		// An entry found that moved to its second bucket before its slot was loaded has
		// left a slot that says nothing about it.
		if (unlikely(evictions & 1 || evictions != atomic_load_explicit(&t->evictions,
								   memory_order_relaxed)))
			v.overflown = v.missed;
		if (v.overflown || atomic_load_explicit(&t->next, memory_order_acquire))
			v.elsewhere &= ~search_on(f, t, keys, source ? ingress : PORT_NONE, hits,
				v.missed, v.overflown);
	}
	return v.elsewhere;
}

static fast_inline uint64_t bulk(const struct fdb *f, const fdb_key_t *keys, port_id_t ingress,
	fdb_hit_t *hits, unsigned n, const struct kind k, bool source)
{
	const struct fdb_table *t = atomic_load_explicit(&f->table, memory_order_acquire);
	struct probes p;

	begin(f, t, &p, keys, n, k);
	return finish(f, t, &p, keys, ingress, hits, n, k, source);
}

// Sources and destinations: the buckets of the ones arrive while the others are compared.
static fast_inline uint64_t both(const struct fdb *f, const fdb_key_t *src, port_id_t ingress,
	fdb_hit_t *src_hits, const fdb_key_t *dst, fdb_hit_t *dst_hits, unsigned n,
	const struct kind k)
{
	const struct fdb_table *t = atomic_load_explicit(&f->table, memory_order_acquire);
	struct probes p, q;
	uint64_t news;

	begin(f, t, &p, src, n, k);
	begin(f, t, &q, dst, n, k);
	news = finish(f, t, &p, src, ingress, src_hits, n, k, true);
	finish(f, t, &q, dst, PORT_NONE, dst_hits, n, k, false);
	return news;
}

static const struct kind kind_scalar = {hash_scalar, match_scalar, judge_scalar};

static void lookup_scalar(const struct fdb *f, const fdb_key_t *keys, fdb_hit_t *hits, unsigned n)
{
	bulk(f, keys, PORT_NONE, hits, n, kind_scalar, false);
}

static uint64_t source_scalar(
	struct fdb *f, const fdb_key_t *keys, port_id_t ingress, fdb_hit_t *hits, unsigned n)
{
	return bulk(f, keys, ingress, hits, n, kind_scalar, true);
}

static uint64_t both_scalar(struct fdb *f, const fdb_key_t *src, port_id_t ingress,
	fdb_hit_t *src_hits, const fdb_key_t *dst, fdb_hit_t *dst_hits, unsigned n)
{
	return both(f, src, ingress, src_hits, dst, dst_hits, n, kind_scalar);
}

static const struct fdb_ops ops_scalar = {
	"scalar", lookup_scalar, source_scalar, both_scalar, scan_scalar, NULL};

#if defined(__x86_64__) && !defined(SCALAR_ONLY)
static const struct kind kind_avx2 = {hash_scalar, match_avx2, judge_scalar};
static const struct kind kind_avx512 = {hash_avx512, match_avx512, judge_avx512};

AVX2 static void lookup_avx2(
	const struct fdb *f, const fdb_key_t *keys, fdb_hit_t *hits, unsigned n)
{
	bulk(f, keys, PORT_NONE, hits, n, kind_avx2, false);
}

AVX2 static uint64_t source_avx2(
	struct fdb *f, const fdb_key_t *keys, port_id_t ingress, fdb_hit_t *hits, unsigned n)
{
	return bulk(f, keys, ingress, hits, n, kind_avx2, true);
}

AVX2 static uint64_t both_avx2(struct fdb *f, const fdb_key_t *src, port_id_t ingress,
	fdb_hit_t *src_hits, const fdb_key_t *dst, fdb_hit_t *dst_hits, unsigned n)
{
	return both(f, src, ingress, src_hits, dst, dst_hits, n, kind_avx2);
}

AVX512 static void lookup_avx512(
	const struct fdb *f, const fdb_key_t *keys, fdb_hit_t *hits, unsigned n)
{
	bulk(f, keys, PORT_NONE, hits, n, kind_avx512, false);
}

AVX512 static uint64_t source_avx512(
	struct fdb *f, const fdb_key_t *keys, port_id_t ingress, fdb_hit_t *hits, unsigned n)
{
	return bulk(f, keys, ingress, hits, n, kind_avx512, true);
}

AVX512 static uint64_t both_avx512(struct fdb *f, const fdb_key_t *src, port_id_t ingress,
	fdb_hit_t *src_hits, const fdb_key_t *dst, fdb_hit_t *dst_hits, unsigned n)
{
	return both(f, src, ingress, src_hits, dst, dst_hits, n, kind_avx512);
}

static const struct fdb_ops ops_avx2 = {
	"avx2", lookup_avx2, source_avx2, both_avx2, scan_scalar, NULL};
static const struct fdb_ops ops_avx512 = {
	"avx512", lookup_avx512, source_avx512, both_avx512, scan_avx512, move_avx512};
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

uint64_t fdb_both_bulk(struct fdb *f, const fdb_key_t *src, port_id_t ingress, fdb_hit_t *src_hits,
	const fdb_key_t *dst, fdb_hit_t *dst_hits, unsigned n)
{
	return f->ops->both(f, src, ingress, src_hits, dst, dst_hits, n);
}
