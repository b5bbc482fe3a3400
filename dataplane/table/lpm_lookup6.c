// SPDX-License-Identifier: BSD-3-Clause
// The workers' side of an LPM table, IPv6.
#include "dataplane/table/lpm_lookup.h"

// All ones for 0, of numbers below 2^31. Without a branch: which way that would go is anybody's
// guess.
static fast_inline uint32_t is_none(uint32_t v)
{
	return (uint32_t)((int32_t)(v - 1) >> 31);
}

static fast_inline uint64_t is_child(uint32_t value)
{
	return (LPM_CHILD - 1 - value) >> 31;
}

static fast_inline void prefetch6(char *base, uint32_t ref)
{
	__builtin_prefetch(lpm_at(base, ref));
	__builtin_prefetch((char *)lpm_at(base, ref) + LPM_LINE); // most leaves
}

// What a block says of an address: a next hop, or a child. Not a branch in it.
static fast_inline uint32_t value6(const void *block, const uint8_t *addr, const struct kind k)
{
	const struct lpm_tail *tail = lpm_tail(block, true);
	uint32_t leaf = leaf_at(block, tail, addr[tail->depth]);

	leaf &= k.same(addr, (const uint8_t *)block + LPM_TAIL4, tail->depth);
	return leaf | (is_none(leaf) & atomic_load_explicit(&tail->leaf[0], memory_order_relaxed));
}

static fast_inline uint64_t load_be64(const uint8_t *p)
{
	uint64_t v = load64(p);

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	v = __builtin_bswap64(v);
#endif
	return v;
}

// The addresses of a burst that are not done: their numbers and blocks.
struct left6 {
	unsigned n;
	uint8_t lane[FIB_BURST];
	uint32_t ref[FIB_BURST];
};

// What the root says. `left` is who must go on.
static fast_inline void begin6(const struct lpm_root *root, char *base, const uint8_t (*addrs)[16],
	fib_nexthop_t *nh, unsigned n, unsigned bits, struct left6 *left)
{
	left->n = 0;
#pragma GCC unroll 4
	for (unsigned i = 0; i < n; i++) {
		uint64_t first = load_be64(addrs[i]);
		uint32_t entry = atomic_load_explicit(
				 &root->entry[first >> (64 - bits)], memory_order_acquire),
			 direct = (uint32_t)((int32_t)entry >> 31);

		nh[i] = entry & direct & 0xffff;
		left->lane[left->n] = (uint8_t)i;
		left->ref[left->n] = entry;
		left->n += direct + 1;
	}
}

// The first blocks by the indexes, where these have them.
static fast_inline void indexed6(const struct lpm_root *root, char *base,
	const uint8_t (*addrs)[16], struct left6 *left, const struct kind k)
{
	struct lpm_index *x[2] = {
		atomic_load_explicit(&root->index[0], memory_order_acquire),
		atomic_load_explicit(&root->index[1], memory_order_acquire),
	};
	uint64_t hash[2][FIB_BURST];

#pragma GCC unroll 2
	for (unsigned j = 0; j < left->n; j++) {
		uint64_t high = load_be64(addrs[left->lane[j]]);

		for (unsigned w = 0; w < 2; w++) {
			hash[w][j] = lpm_index_hash(LPM_INDEX_KEY6(high, w));
			__builtin_prefetch((const void *)lpm_index_bucket(x[w], hash[w][j]));
		}
	}
#pragma GCC unroll 2
	for (unsigned j = 0; j < left->n; j++) {
		uint32_t ref = left->ref[j], found;

		found = k.probe(lpm_index_bucket(x[0], hash[0][j]), lpm_index_tag(hash[0][j]));
		ref = found | (ref & is_none(found));
		found = k.probe(lpm_index_bucket(x[1], hash[1][j]), lpm_index_tag(hash[1][j]));
		ref = found | (ref & is_none(found));
		left->ref[j] = ref;
		prefetch6(base, ref);
	}
}

// The levels after the first block, for those of the left whose bit is set.
static fast_inline void below6(char *base, const uint8_t (*addrs)[16], fib_nexthop_t *nh,
	struct left6 *left, uint64_t deeper, const struct kind k)
{
	while (deeper) {
		for (uint64_t now = deeper; now; now &= now - 1) {
			unsigned j = (unsigned)__builtin_ctzll(now), i = left->lane[j];

			left->ref[j] = child_at(lpm_at(base, left->ref[j]), true, nh[i]);
			prefetch6(base, left->ref[j]);
		}
		for (uint64_t now = deeper; now; now &= now - 1) {
			unsigned j = (unsigned)__builtin_ctzll(now), i = left->lane[j];

			nh[i] = value6(lpm_at(base, left->ref[j]), addrs[i], k);
			deeper ^= (is_child(nh[i]) ^ 1) << j;
		}
	}
}

static fast_inline void lookup6(const struct lpm_root *root, char *base, const uint8_t (*addrs)[16],
	fib_nexthop_t *nh, unsigned n, const struct kind k)
{
	struct left6 left;
	uint64_t deeper = 0;

	if (likely(root->bits == 16)) {
		begin6(root, base, addrs, nh, n, 16, &left);
		indexed6(root, base, addrs, &left, k);
	} else {
		begin6(root, base, addrs, nh, n, 8, &left);
	}
#pragma GCC unroll 2
	for (unsigned j = 0; j < left.n; j++) {
		unsigned i = left.lane[j];

		nh[i] = value6(lpm_at(base, left.ref[j]), addrs[i], k);
		deeper |= is_child(nh[i]) << j;
	}
	below6(base, addrs, nh, &left, deeper, k);
}

// -- one function per kind of CPU -------------------------------------------------------------
void lpm_lookup6_scalar(const struct lpm_root *root, char *base, const uint8_t (*addrs)[16],
	fib_nexthop_t *nh, unsigned n)
{
	lookup6(root, base, addrs, nh, n, kind_scalar);
}

#if defined(__x86_64__)
BMI2 void lpm_lookup6_bmi2(const struct lpm_root *root, char *base, const uint8_t (*addrs)[16],
	fib_nexthop_t *nh, unsigned n)
{
	lookup6(root, base, addrs, nh, n, kind_bmi2);
}

#ifndef NO_GATHER
AVX512 void lpm_lookup6_avx512(const struct lpm_root *root, char *base, const uint8_t (*addrs)[16],
	fib_nexthop_t *nh, unsigned n)
{
	lookup6(root, base, addrs, nh, n, kind_avx512);
}

// -- eight addresses at a time -----------------------------------------------------------------
// The steps of lookup6() with the first or last eight bytes of eight addresses in a vector. A
// vector load of aligned words is not atomic to the language; the machine loads each word whole.
// No gathers: each is a loop of the CPU's own, three times as slow as loads and inserts.
//
// Tried, and worse: the 32-bit index only for those whom the 40-bit index does not know (they wait
// twice, 23.5 instead of 17.5 cycles among 10k); a fixed number of second blocks without a branch
// (three of four bursts have one or two, but four of them cost more than the wrong guesses); lanes
// that are left moved together (the next step's loads then span two stores).
#define VECTOR                                                                                     \
	__attribute__((target("sse4.1,popcnt,bmi,bmi2,avx512f,avx512bw,avx512dq,"                  \
			      "avx512vpopcntdq")))

// Of lanes that are done already the address is ::, and nothing counts.
struct burst6 {
	cache_aligned uint64_t high[FIB_BURST]; // in memory order
	cache_aligned uint64_t low[FIB_BURST];
	cache_aligned uint64_t ref[FIB_BURST];
	cache_aligned uint64_t bucket[LPM_N_INDEXES][FIB_BURST]; // pointers
	cache_aligned uint64_t tag[LPM_N_INDEXES][FIB_BURST];    // in the upper half
	uint64_t left; // lanes that the root had no next hop for
};

VECTOR static fast_inline __m512i be64(__m512i v)
{
	const __m512i swap = _mm512_broadcast_i32x4(
		_mm_set_epi8(8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));

	return _mm512_shuffle_epi8(v, swap);
}

// The root's entries of four addresses.
VECTOR static fast_inline __m128i entries6(
	const struct lpm_root *root, const uint8_t (*addrs)[16], unsigned n)
{
	uint32_t e[4];

#pragma GCC unroll 4
	for (unsigned k = 0; k < 4; k++)
		e[k] = k < n ? atomic_load_explicit(&root->entry[addrs[k][0] << 8 | addrs[k][1]],
				       memory_order_acquire)
			     : LPM_DIRECT;
	return _mm_set_epi32((int)e[3], (int)e[2], (int)e[1], (int)e[0]);
}

VECTOR static fast_inline void store6(fib_nexthop_t *nh, unsigned n, __m256i v)
{
	if (n >= 8)
		_mm256_storeu_si256((void *)nh, v);
	else
		_mm512_mask_storeu_epi32(nh, (__mmask16)((1u << n) - 1), _mm512_castsi256_si512(v));
}

VECTOR static fast_inline void root6(const struct lpm_root *root, const uint8_t (*addrs)[16],
	fib_nexthop_t *nh, unsigned i, unsigned n, struct burst6 *p)
{
	const __m512i even = _mm512_set_epi64(14, 12, 10, 8, 6, 4, 2, 0),
		      one = _mm512_set1_epi64(1);
	unsigned words = n >= 8 ? 0xffff : (1u << 2 * n) - 1;
	const uint64_t *from = (const void *)addrs[i];
	__m512i a = _mm512_maskz_loadu_epi64((__mmask8)words, from);
	__m512i b = _mm512_maskz_loadu_epi64((__mmask8)(words >> 8), from + 8);
	__m512i low = _mm512_permutex2var_epi64(a, _mm512_or_si512(even, one), b);
	__m512i high = _mm512_permutex2var_epi64(a, even, b), entry;
	__mmask8 left;
	__m256i e = _mm256_castsi128_si256(entries6(root, &addrs[i], n));

	e = _mm256_inserti128_si256(e, entries6(root, &addrs[i + 4], n > 4 ? n - 4 : 0), 1);
	entry = _mm512_cvtepi32_epi64(e);
	left = _mm512_cmpge_epi64_mask(entry, _mm512_setzero_si512());
	store6(&nh[i], n, _mm256_and_si256(e, _mm256_set1_epi32(0xffff)));
	_mm512_store_si512(&p->high[i], _mm512_maskz_mov_epi64(left, high));
	_mm512_store_si512(&p->low[i], low);
	_mm512_store_si512(&p->ref[i], _mm512_maskz_mov_epi64(left, entry));
	p->left |= (uint64_t)left << i;
}

VECTOR static fast_inline void hash6(const struct lpm_root *root, unsigned n, struct burst6 *p)
{
	const __m512i factor = _mm512_set1_epi64((long long)lpm_index_hash(1));
	struct lpm_index *x[LPM_N_INDEXES];
	__m512i slots[LPM_N_INDEXES];
	__m128i shift[LPM_N_INDEXES];

	for (unsigned w = 0; w < LPM_N_INDEXES; w++) {
		x[w] = atomic_load_explicit(&root->index[w], memory_order_acquire);
		shift[w] = _mm_cvtsi32_si128((int)x[w]->shift);
		slots[w] = _mm512_set1_epi64((long long)(uintptr_t)x[w]->slot);
	}
	for (unsigned j = 0; j < n; j += 8) {
		__m512i high = be64(_mm512_load_si512(&p->high[j]));

		if (!(uint8_t)(p->left >> j))
			continue;
#pragma GCC unroll 2
		for (unsigned w = 0; w < LPM_N_INDEXES; w++) {
			__m512i key = _mm512_and_si512(
				high, _mm512_set1_epi64((long long)LPM_INDEX_KEY6(~0ull, w)));
			__m512i hash = _mm512_mullo_epi64(key, factor);
			__m512i at = _mm512_slli_epi64(_mm512_srl_epi64(hash, shift[w]), 6);

			_mm512_store_si512(&p->bucket[w][j], _mm512_add_epi64(at, slots[w]));
			_mm512_store_si512(&p->tag[w][j],
				_mm512_and_si512(_mm512_slli_epi64(hash, 8),
					_mm512_set1_epi64((long long)(~0ull << 32))));
		}
#pragma GCC unroll 8
		for (unsigned k = 0; k < 8; k++)
			for (unsigned w = 0; w < LPM_N_INDEXES; w++)
				__builtin_prefetch((const void *)(uintptr_t)p->bucket[w][j + k]);
	}
}

// The reference that the bucket has for the tag, or 0, in the lowest word. An empty slot passes
// for one with the tag 0, whose reference then may be missed.
VECTOR static fast_inline __m128i probe6(const uint64_t *bucket, const uint64_t *tag)
{
	__m512i words = _mm512_load_si512((const void *)(uintptr_t)*bucket), x;

	x = _mm512_xor_si512(words, _mm512_set1_epi64((long long)*tag));
	return _mm512_castsi512_si128(_mm512_maskz_compress_epi64(
		_mm512_cmplt_epu64_mask(x, _mm512_set1_epi64(1ll << 32)), x));
}

VECTOR static fast_inline __m256i probe6x4(const uint64_t *bucket, const uint64_t *tag)
{
	__m128i a = _mm_unpacklo_epi64(probe6(bucket, tag), probe6(bucket + 1, tag + 1));
	__m128i b = _mm_unpacklo_epi64(probe6(bucket + 2, tag + 2), probe6(bucket + 3, tag + 3));

	return _mm256_inserti128_si256(_mm256_castsi128_si256(a), b, 1);
}

VECTOR static fast_inline __m512i probe6x8(const uint64_t *bucket, const uint64_t *tag)
{
	return _mm512_inserti64x4(
		_mm512_castsi256_si512(probe6x4(bucket, tag)), probe6x4(bucket + 4, tag + 4), 1);
}

VECTOR static fast_inline void index6(char *base, unsigned n, struct burst6 *p)
{
	for (unsigned j = 0; j < n; j += 8) {
		__m512i ref = _mm512_load_si512(&p->ref[j]);

		if (!(uint8_t)(p->left >> j))
			continue;
#pragma GCC unroll 2
		for (unsigned w = 0; w < LPM_N_INDEXES; w++) {
			__m512i found = probe6x8(&p->bucket[w][j], &p->tag[w][j]);

			ref = _mm512_mask_mov_epi64(
				ref, _mm512_test_epi64_mask(found, found), found);
		}
		_mm512_store_si512(&p->ref[j], ref);
#pragma GCC unroll 8
		for (unsigned k = 0; k < 8; k++)
			prefetch6(base, (uint32_t)p->ref[j + k]);
	}
}

// The first lines of eight blocks by columns: four words of bits, prefix, tail.
struct heads6 {
	__m512i bits[4], high, low, tail;
};

VECTOR static fast_inline struct heads6 heads6(char *base, const uint64_t *ref)
{
#define LINE(k)          _mm512_load_si512(lpm_at(base, (uint32_t)ref[k]))
#define LANES(a, b, how) _mm512_shuffle_i64x2(a, b, how)
	__m512i l0 = LINE(0), l1 = LINE(1), l2 = LINE(2), l3 = LINE(3), l4 = LINE(4), l5 = LINE(5),
		l6 = LINE(6), l7 = LINE(7);
	__m512i e0 = _mm512_unpacklo_epi64(l0, l1), o0 = _mm512_unpackhi_epi64(l0, l1);
	__m512i e1 = _mm512_unpacklo_epi64(l2, l3), o1 = _mm512_unpackhi_epi64(l2, l3);
	__m512i e2 = _mm512_unpacklo_epi64(l4, l5), o2 = _mm512_unpackhi_epi64(l4, l5);
	__m512i e3 = _mm512_unpacklo_epi64(l6, l7), o3 = _mm512_unpackhi_epi64(l6, l7);
	__m512i e01 = LANES(e0, e1, 0x44), e23 = LANES(e2, e3, 0x44);
	__m512i o01 = LANES(o0, o1, 0x44), o23 = LANES(o2, o3, 0x44);
	__m512i f01 = LANES(e0, e1, 0xee), f23 = LANES(e2, e3, 0xee);
	struct heads6 h;

	h.bits[0] = LANES(e01, e23, 0x88);
	h.bits[1] = LANES(o01, o23, 0x88);
	h.bits[2] = LANES(e01, e23, 0xdd);
	h.bits[3] = LANES(o01, o23, 0xdd);
	h.high = LANES(f01, f23, 0x88);
	h.low = LANES(LANES(o0, o1, 0xaa), LANES(o2, o3, 0xaa), 0x88);
	h.tail = LANES(f01, f23, 0xdd);
	return h;
#undef LANES
#undef LINE
}

// Leaves by their offsets from the arena's start, as words.
VECTOR static fast_inline __m512i leaves6(const char *base, const uint64_t *at)
{
	__m128i v = _mm_setzero_si128();

#define INSERT(k)                                                                                  \
	_mm_insert_epi16(v,                                                                        \
		atomic_load_explicit((const _Atomic uint16_t *)(const void *)(base + at[k]),       \
			memory_order_acquire),                                                     \
		k)
	v = INSERT(0);
	v = INSERT(1);
	v = INSERT(2);
	v = INSERT(3);
	v = INSERT(4);
	v = INSERT(5);
	v = INSERT(6);
	v = INSERT(7);
#undef INSERT
	return _mm512_cvtepu16_epi64(v);
}

// value6() for eight. Counts are in bits: of 64 and more nothing is left of a shifted word.
VECTOR static fast_inline __m512i values6(char *base, const struct burst6 *p, unsigned j)
{
	const __m512i ones = _mm512_set1_epi64(-1), byte = _mm512_set1_epi64(0xff);
	__m512i high = _mm512_load_si512(&p->high[j]), low = _mm512_load_si512(&p->low[j]);
	struct heads6 h = heads6(base, &p->ref[j]);
	__m512i depth = _mm512_and_si512(_mm512_srli_epi64(h.tail, 37), _mm512_set1_epi64(0x78));
	__m512i more = _mm512_sub_epi64(depth, _mm512_set1_epi64(64)), slot, word, bits, run, v;
	__m512i differ =
		_mm512_andnot_si512(_mm512_sllv_epi64(ones, depth), _mm512_xor_si512(high, h.high));
	cache_aligned uint64_t at[8];
	__mmask8 same;

	slot = _mm512_and_si512(
		_mm512_or_si512(_mm512_srlv_epi64(high, depth), _mm512_srlv_epi64(low, more)),
		byte);
	more = _mm512_max_epi64(more, _mm512_setzero_si512());
	differ = _mm512_or_si512(differ,
		_mm512_andnot_si512(_mm512_sllv_epi64(ones, more), _mm512_xor_si512(low, h.low)));
	same = _mm512_testn_epi64_mask(differ, differ);

	word = _mm512_srli_epi64(slot, 6);
	bits = _mm512_mask_mov_epi64(
		h.bits[0], _mm512_cmpeq_epi64_mask(word, _mm512_set1_epi64(1)), h.bits[1]);
	bits = _mm512_mask_mov_epi64(
		bits, _mm512_cmpeq_epi64_mask(word, _mm512_set1_epi64(2)), h.bits[2]);
	bits = _mm512_mask_mov_epi64(
		bits, _mm512_cmpeq_epi64_mask(word, _mm512_set1_epi64(3)), h.bits[3]);
	bits = _mm512_sllv_epi64(bits, _mm512_andnot_si512(slot, _mm512_set1_epi64(63)));
	run = _mm512_and_si512(_mm512_srlv_epi64(h.tail, _mm512_slli_epi64(word, 3)), byte);
	run = _mm512_add_epi64(run, _mm512_popcnt_epi64(bits));
	v = _mm512_add_epi64(_mm512_slli_epi64(_mm512_load_si512(&p->ref[j]), 3),
		_mm512_set1_epi64(LPM_TAIL6 + offsetof(struct lpm_tail, leaf)));
	_mm512_store_si512(at, _mm512_add_epi64(v, _mm512_add_epi64(run, run)));
	v = _mm512_maskz_mov_epi64(same, leaves6(base, at));
	return _mm512_mask_srli_epi64(v, _mm512_testn_epi64_mask(v, v), h.tail, 48);
}

VECTOR static void below6_lanes(char *base, const uint8_t (*addrs)[16], fib_nexthop_t *nh,
	const uint64_t *ref, uint64_t deeper)
{
	struct left6 left;

	for (uint64_t now = deeper; now; now &= now - 1) {
		unsigned i = (unsigned)__builtin_ctzll(now);

		left.lane[i] = (uint8_t)i;
		left.ref[i] = (uint32_t)ref[i];
	}
	below6(base, addrs, nh, &left, deeper, kind_avx512);
}

VECTOR void lpm_lookup6_vector(const struct lpm_root *root, char *base, const uint8_t (*addrs)[16],
	fib_nexthop_t *nh, unsigned n)
{
	uint64_t deeper = 0;
	struct burst6 p;
	unsigned i = 0;

	if (unlikely(root->bits != 16)) {
		lookup6(root, base, addrs, nh, n, kind_avx512);
		return;
	}
	p.left = 0;
	for (; i + 8 <= n; i += 8)
		root6(root, addrs, nh, i, 8, &p);
	if (i < n)
		root6(root, addrs, nh, i, n - i, &p);
	if (!p.left)
		return;
	hash6(root, n, &p);
	index6(base, n, &p);
	for (i = 0; i < n; i += 8) {
		__mmask8 left = (__mmask8)(p.left >> i);
		__m512i v;

		if (!left)
			continue;
		v = values6(base, &p, i);
		deeper |= (uint64_t)_mm512_mask_cmpge_epu64_mask(
				  left, v, _mm512_set1_epi64(LPM_CHILD))
			  << i;
		if (likely(left == 0xff))
			_mm256_storeu_si256((void *)&nh[i], _mm512_cvtepi64_epi32(v));
		else
			_mm512_mask_storeu_epi32(
				&nh[i], left, _mm512_castsi256_si512(_mm512_cvtepi64_epi32(v)));
	}
	if (deeper)
		below6_lanes(base, addrs, nh, p.ref, deeper);
}
#endif
#endif
