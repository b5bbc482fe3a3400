// SPDX-License-Identifier: BSD-3-Clause
// The workers' side of an LPM table: a burst goes level by level, so that the cache misses of its
// addresses overlap; what is known is in `nh` from the first pass on.
#include "dataplane/table/lpm_lookup.h"

// -- IPv4 -------------------------------------------------------------------------------
// Byte `at` of an address, 0 = the last one.
static fast_inline uint8_t byte4(uint32_t addr, unsigned at)
{
	return (uint8_t)(addr >> 8 * at);
}

// The level below pages, which is the last one, of the few addresses that have one.
static fast_inline uint32_t last_level4(
	char *base, const struct lpm_page *page, uint32_t addr, uint32_t leaf)
{
	const void *block =
		lpm_at(base, atomic_load_explicit(&page->child[leaf & 0xff], memory_order_acquire));
	const struct lpm_tail *tail = lpm_tail(block, false);

	return inherited(tail, leaf_at(block, tail, byte4(addr, 0)));
}

// With a wide root: all entries of the root, which the cache holds, then all leaves, so that the
// misses of the whole burst overlap. Without a branch per address: an entry with a next hop leads
// to the empty block, and what is read there does not count.
static fast_inline void lookup4_wide(const struct lpm_root *root, char *base, const uint32_t *addrs,
	fib_nexthop_t *nh, unsigned n)
{
	const _Atomic uint32_t *entry = root->entry;
	uint32_t page[FIB_BURST];
	uint64_t deeper = 0;

#pragma GCC unroll 4
	for (unsigned i = 0; i < n; i++)
		page[i] = atomic_load_explicit(
			&entry[addrs[i] >> (32 - LPM_ROOT4_BITS)], memory_order_acquire);
#pragma GCC unroll 4
	for (unsigned i = 0; i < n; i++) {
		uint32_t e = page[i], direct = (uint32_t)((int32_t)e >> 31), leaf;
		const struct lpm_page *p = lpm_at(base, e & ~direct);

		leaf = atomic_load_explicit(
			&p->leaf[addrs[i] >> 8 & (LPM_PAGE_SLOTS - 1)], memory_order_acquire);
		nh[i] = (leaf & ~direct) | (e & direct & 0xffff);
		deeper |= (uint64_t)((LPM_CHILD - 1 - nh[i]) >> 31) << i;
	}
	for (; deeper; deeper &= deeper - 1) {
		unsigned i = (unsigned)__builtin_ctzll(deeper);

		nh[i] = last_level4(base, lpm_at(base, page[i]), addrs[i], nh[i]);
	}
}

// With a root of 8 bits, in small tables.
static fast_inline void lookup4_narrow(const struct lpm_root *root, char *base,
	const uint32_t *addrs, fib_nexthop_t *nh, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		uint32_t entry =
			atomic_load_explicit(&root->entry[addrs[i] >> 24], memory_order_acquire);
		const void *block = lpm_at(base, entry);
		unsigned at = 2;
		uint32_t leaf;

		if (entry & LPM_DIRECT) {
			nh[i] = (uint16_t)entry;
			continue;
		}
		for (;; at--) {
			leaf = leaf_at(block, lpm_tail(block, false), byte4(addrs[i], at));
			if (leaf < LPM_CHILD)
				break;
			block = lpm_at(base, child_at(block, false, leaf));
		}
		nh[i] = inherited(lpm_tail(block, false), leaf);
	}
}

static fast_inline const struct lpm_flat *flat_of(const struct lpm_root *root)
{
	return atomic_load_explicit(&root->flat, memory_order_acquire);
}

// An address whose /24 has not its answer in a byte.
static fast_inline uint32_t below_flat(
	const struct lpm_root *root, char *base, uint32_t addr, const struct kind k)
{
	struct lpm_index *x = atomic_load_explicit(&root->index[0], memory_order_acquire);
	uint64_t hash = lpm_index_hash(LPM_INDEX_KEY4(addr));
	uint32_t nh, ref = k.probe(lpm_index_bucket(x, hash), lpm_index_tag(hash));
	const void *block = lpm_at(base, ref);

	if (unlikely(!ref)) {
		lookup4_wide(root, base, &addr, &nh, 1);
		return nh;
	}
	return inherited(
		lpm_tail(block, false), leaf_at(block, lpm_tail(block, false), byte4(addr, 0)));
}

static fast_inline void lookup4_flat(const struct lpm_root *root, const struct lpm_flat *flat,
	char *base, const uint32_t *addrs, fib_nexthop_t *nh, unsigned n, const struct kind k)
{
	uint64_t deeper = 0;

#pragma GCC unroll 4
	for (unsigned i = 0; i < n; i++) {
		nh[i] = atomic_load_explicit(&flat->leaf[addrs[i] >> 8], memory_order_acquire);
		deeper |= (uint64_t)(nh[i] == LPM_FLAT_DEEPER) << i;
	}
	for (; deeper; deeper &= deeper - 1) {
		unsigned i = (unsigned)__builtin_ctzll(deeper);

		nh[i] = below_flat(root, base, addrs[i], k);
	}
}

static fast_inline void lookup4(const struct lpm_root *root, char *base, const uint32_t *addrs,
	fib_nexthop_t *nh, unsigned n, const struct kind k)
{
	const struct lpm_flat *flat = flat_of(root);

	if (flat)
		lookup4_flat(root, flat, base, addrs, nh, n, k);
	else if (likely(root->bits > 8))
		lookup4_wide(root, base, addrs, nh, n);
	else
		lookup4_narrow(root, base, addrs, nh, n);
}

// -- one pair of functions per kind of CPU ---------------------------------------------------
static void lookup4_scalar(const struct lpm_root *root, char *base, const uint32_t *addrs,
	fib_nexthop_t *nh, unsigned n)
{
	lookup4(root, base, addrs, nh, n, kind_scalar);
}

static const struct lpm_ops ops_scalar = {"scalar", lookup4_scalar, lpm_lookup6_scalar};

#if defined(__x86_64__)
BMI2 static void lookup4_bmi2(const struct lpm_root *root, char *base, const uint32_t *addrs,
	fib_nexthop_t *nh, unsigned n)
{
	lookup4(root, base, addrs, nh, n, kind_bmi2);
}

static const struct lpm_ops ops_bmi2 = {"bmi2", lookup4_bmi2, lpm_lookup6_bmi2};

#ifndef NO_GATHER
// Lanes i..i+15 of a burst of n.
static fast_inline __mmask16 lanes(unsigned i, unsigned n)
{
	return (__mmask16)(n - i >= 16 ? 0xffff : (1u << (n - i)) - 1);
}

// Four leaves, in the low halves of the lanes.
AVX512 static fast_inline __m128i four_leaves(char *base, const uint32_t *at)
{
	const _Atomic uint16_t *leaf = (const void *)base;
	__m128i v = _mm_setzero_si128();

	v = _mm_insert_epi16(v, atomic_load_explicit(&leaf[at[0]], memory_order_acquire), 0);
	v = _mm_insert_epi16(v, atomic_load_explicit(&leaf[at[1]], memory_order_acquire), 2);
	v = _mm_insert_epi16(v, atomic_load_explicit(&leaf[at[2]], memory_order_acquire), 4);
	return _mm_insert_epi16(v, atomic_load_explicit(&leaf[at[3]], memory_order_acquire), 6);
}

AVX512 static fast_inline __m512i sixteen_leaves(char *base, const uint32_t *at)
{
	__m512i v = _mm512_castsi128_si512(four_leaves(base, at));

	v = _mm512_inserti32x4(v, four_leaves(base, at + 4), 1);
	v = _mm512_inserti32x4(v, four_leaves(base, at + 8), 2);
	return _mm512_inserti32x4(v, four_leaves(base, at + 12), 3);
}

// Sixteen addresses at a time: all entries of the root, which the cache holds, then all leaves, so
// that the misses of the whole burst overlap. A gather of leaves would be a loop of the CPU's own
// of which no lane is done before the slowest.
AVX512 static fast_inline void lookup4_gather(const struct lpm_root *root, char *base,
	const uint32_t *addrs, fib_nexthop_t *nh, unsigned n)
{
	const __m512i child = _mm512_set1_epi32(LPM_CHILD), low = _mm512_set1_epi32(0xffff),
		      slots = _mm512_set1_epi32(LPM_PAGE_SLOTS - 1);
	cache_aligned uint32_t page[FIB_BURST], at[FIB_BURST];
	uint64_t deeper = 0;

	for (unsigned i = 0; i < n; i += 16) {
		__mmask16 some = lanes(i, n), paged;
		__m512i a = _mm512_maskz_loadu_epi32(some, &addrs[i]), e, slot;

		e = _mm512_mask_i32gather_epi32(_mm512_setzero_si512(), some,
			_mm512_srli_epi32(a, 32 - LPM_ROOT4_BITS), (const void *)root->entry, 4);
		paged = _mm512_cmpge_epi32_mask(e, _mm512_setzero_si512());
		slot = _mm512_and_si512(_mm512_srli_epi32(a, 8), slots);
		_mm512_store_si512(&page[i], e);
		_mm512_store_si512(
			&at[i], _mm512_maskz_add_epi32(paged, _mm512_slli_epi32(e, 2), slot));
	}
	for (unsigned i = 0; i < n; i += 16) {
		__m512i e = _mm512_load_si512(&page[i]), v = sixteen_leaves(base, &at[i]);
		__mmask16 some = lanes(i, n);

		v = _mm512_mask_and_epi32(
			v, _mm512_cmplt_epi32_mask(e, _mm512_setzero_si512()), e, low);
		_mm512_mask_storeu_epi32(&nh[i], some, v);
		deeper |= (uint64_t)_mm512_mask_cmpge_epu32_mask(some, v, child) << i;
	}
	for (; deeper; deeper &= deeper - 1) {
		unsigned i = (unsigned)__builtin_ctzll(deeper);

		nh[i] = last_level4(base, lpm_at(base, page[i]), addrs[i], nh[i]);
	}
}

// Eight bytes of the array, in the lower half.
AVX512 static fast_inline __m128i eight_bytes(const _Atomic uint8_t *leaf, const uint32_t *addrs)
{
	__m128i v =
		_mm_cvtsi32_si128(atomic_load_explicit(&leaf[addrs[0] >> 8], memory_order_acquire));

#define INSERT(k)                                                                                  \
	_mm_insert_epi8(v, atomic_load_explicit(&leaf[addrs[k] >> 8], memory_order_acquire), k)
	v = INSERT(1);
	v = INSERT(2);
	v = INSERT(3);
	v = INSERT(4);
	v = INSERT(5);
	v = INSERT(6);
	return INSERT(7);
#undef INSERT
}

AVX512 static fast_inline void lookup4_bytes(const struct lpm_root *root,
	const struct lpm_flat *flat, char *base, const uint32_t *addrs, fib_nexthop_t *nh,
	unsigned n)
{
	const __m512i deep = _mm512_set1_epi32(LPM_FLAT_DEEPER);
	uint64_t deeper = 0;

	for (unsigned i = 0; i < (n & ~15u); i += 16) {
		__m128i v = _mm_unpacklo_epi64(
			eight_bytes(flat->leaf, &addrs[i]), eight_bytes(flat->leaf, &addrs[i + 8]));
		__m512i wide = _mm512_cvtepu8_epi32(v);

		_mm512_storeu_si512(&nh[i], wide);
		deeper |= (uint64_t)_mm512_cmpeq_epi32_mask(wide, deep) << i;
	}
	for (unsigned i = n & ~15u; i < n; i++) {
		nh[i] = atomic_load_explicit(&flat->leaf[addrs[i] >> 8], memory_order_acquire);
		deeper |= (uint64_t)(nh[i] == LPM_FLAT_DEEPER) << i;
	}
	for (; deeper; deeper &= deeper - 1) {
		unsigned i = (unsigned)__builtin_ctzll(deeper);

		nh[i] = below_flat(root, base, addrs[i], kind_avx512);
	}
}

AVX512 static void lookup4_avx512(const struct lpm_root *root, char *base, const uint32_t *addrs,
	fib_nexthop_t *nh, unsigned n)
{
	const struct lpm_flat *flat = flat_of(root);

	if (flat)
		lookup4_bytes(root, flat, base, addrs, nh, n);
	else if (likely(root->bits > 8))
		lookup4_gather(root, base, addrs, nh, n);
	else
		lookup4_narrow(root, base, addrs, nh, n);
}

static const struct lpm_ops ops_avx512 = {"avx512", lookup4_avx512, lpm_lookup6_avx512};
static const struct lpm_ops ops_vector = {"avx512 vpopcnt", lookup4_avx512, lpm_lookup6_vector};
#endif
#endif

const struct lpm_ops *lpm_ops_nth(unsigned nth)
{
	const struct lpm_ops *ops[4] = {&ops_scalar};
	unsigned n = 1;

#if defined(__x86_64__)
	if (__builtin_cpu_supports("popcnt") && __builtin_cpu_supports("bmi2"))
		ops[n++] = &ops_bmi2;
#ifndef NO_GATHER
	if (n == 2 && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq"))
		ops[n++] = &ops_avx512;
	if (n == 3 && __builtin_cpu_supports("avx512vpopcntdq"))
		ops[n++] = &ops_vector;
#endif
#endif
	return nth < n ? ops[nth] : NULL;
}
