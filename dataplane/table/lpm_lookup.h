// SPDX-License-Identifier: BSD-3-Clause
// Private to lpm_lookup*.c: the steps of a lookup that both families share, and what exists per
// kind of CPU.
#pragma once

#include <string.h>

#include "dataplane/table/lpm.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

// ThreadSanitizer does not see that a gather acquires what it loads: it gets the other twins.
#if defined(__SANITIZE_THREAD__)
#define NO_GATHER
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define NO_GATHER
#endif
#endif

// Masks for the first n bytes of an address, as two words in memory order.
static const uint8_t byte_mask[32] = {
	255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 0};

static fast_inline uint64_t load64(const void *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

// The value of a slot.
static fast_inline uint32_t leaf_at(const void *block, const struct lpm_tail *tail, uint8_t slot)
{
	unsigned word = slot >> 6;
	uint64_t begun = ((const uint64_t *)block)[word] << (~slot & 63);
	unsigned run = tail->before[word] + (unsigned)__builtin_popcountll(begun);

	return atomic_load_explicit(&tail->leaf[run], memory_order_relaxed);
}

static fast_inline uint32_t inherited(const struct lpm_tail *tail, uint32_t leaf)
{
	uint32_t inherit = atomic_load_explicit(&tail->leaf[0], memory_order_relaxed);

	return leaf ? leaf : inherit;
}

static fast_inline uint32_t child_at(const void *block, bool ip6, uint32_t leaf)
{
	return atomic_load_explicit(lpm_child(block, ip6, leaf & 0xff), memory_order_acquire);
}

// The steps that exist per kind of CPU.
struct kind {
	// All ones if the address has the block's prefix, of `depth` bytes, else 0.
	uint32_t (*same)(const uint8_t *addr, const uint8_t *prefix, unsigned depth);
	uint32_t (*probe)(const _Atomic uint64_t *bucket, uint32_t tag); // reference or 0
};

static fast_inline uint32_t same_scalar(const uint8_t *addr, const uint8_t *prefix, unsigned depth)
{
	const uint8_t *mask = &byte_mask[16 - depth];

	return -(uint32_t) !(((load64(addr) ^ load64(prefix)) & load64(mask)) |
			     ((load64(addr + 8) ^ load64(prefix + 8)) & load64(mask + 8)));
}

static fast_inline uint32_t probe_scalar(const _Atomic uint64_t *bucket, uint32_t tag)
{
	uint32_t ref = 0;

	for (unsigned i = 0; i < LPM_INDEX_SLOTS; i++) {
		uint64_t word = atomic_load_explicit(&bucket[i], memory_order_acquire);

		// Both, because a key may move meanwhile, and no tag is not the tag 0.
		ref = word >> 32 == tag && (uint32_t)word ? (uint32_t)word : ref;
	}
	return ref;
}

static const struct kind kind_scalar = {same_scalar, probe_scalar};

#if defined(__x86_64__)
#define BMI2   __attribute__((target("sse4.1,popcnt,bmi,bmi2")))
#define AVX512 __attribute__((target("sse4.1,popcnt,bmi,bmi2,avx512f,avx512bw,avx512dq")))

BMI2 static fast_inline uint32_t same_sse(
	const uint8_t *addr, const uint8_t *prefix, unsigned depth)
{
	__m128i a = _mm_loadu_si128((const void *)addr), p = _mm_loadu_si128((const void *)prefix),
		m = _mm_loadu_si128((const void *)&byte_mask[16 - depth]);

	return -(uint32_t)_mm_testz_si128(_mm_xor_si128(a, p), m);
}

static const struct kind kind_bmi2 = {same_sse, probe_scalar};

#ifndef NO_GATHER
// A vector load of eight slots is not one atomic load to the language; the machine loads each
// aligned 64-bit lane whole, and tag and reference are taken from the same load.
AVX512 static fast_inline uint32_t probe_avx512(const _Atomic uint64_t *bucket, uint32_t tag)
{
	__m512i words = _mm512_load_si512((const void *)bucket);
	__mmask16 tags = _mm512_mask_cmpeq_epi32_mask(0xaaaa, words, _mm512_set1_epi32((int)tag));

	return (uint32_t)_mm_cvtsi128_si32(_mm512_castsi512_si128(
		_mm512_maskz_compress_epi32(_kshiftri_mask16(tags, 1), words)));
}

static const struct kind kind_avx512 = {same_sse, probe_avx512};
#endif
#endif

// -- IPv6: lpm_lookup6.c --------------------------------------------------------------------
#define LOOKUP6(name)                                                                              \
	void lpm_lookup6_##name(const struct lpm_root *, char *base, const uint8_t(*)[16],         \
		fib_nexthop_t *, unsigned n)
LOOKUP6(scalar);
LOOKUP6(bmi2);
LOOKUP6(avx512);
LOOKUP6(vector);
#undef LOOKUP6
