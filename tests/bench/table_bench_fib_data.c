// SPDX-License-Identifier: BSD-3-Clause
// Tables as the Internet has them: most prefixes are the more specific parts of a few thousand
// allocations, neighbours of each other, and some allocations have hundreds of them.
#include <arpa/inet.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rcu.h"
#include "tests/bench/bench.h"
#include "tests/bench/table_bench_fib.h"

#define N_NEXTHOPS 64

// Shares of the lengths in 1/10000.
struct share {
	uint8_t len;
	uint16_t share;
};

static const struct share shares4[] = {
	{24, 6030},
	{23, 1080},
	{22, 1170},
	{21, 520},
	{20, 440},
	{19, 255},
	{18, 145},
	{17, 80},
	{16, 135},
	{15, 20},
	{14, 12},
	{13, 6},
	{12, 4},
	{11, 2},
	{10, 1},
	{8, 1},
	{25, 5},
	{26, 5},
	{27, 5},
	{28, 5},
	{29, 25},
	{30, 5},
	{32, 49},
};

static const struct share shares6[] = {
	{48, 4700},
	{32, 1250},
	{44, 850},
	{40, 750},
	{36, 480},
	{33, 280},
	{34, 180},
	{35, 120},
	{38, 150},
	{42, 200},
	{45, 130},
	{46, 260},
	{47, 160},
	{29, 170},
	{30, 30},
	{28, 20},
	{24, 5},
	{20, 5},
	{56, 60},
	{64, 130},
	{128, 70},
};

static uint8_t pick_len(bool ip6, uint64_t *state)
{
	const struct share *s = ip6 ? shares6 : shares4;
	size_t n = ip6 ? ARRAY_SIZE(shares6) : ARRAY_SIZE(shares4);
	unsigned r = (unsigned)(bench_rand(state) % 10000);

	for (size_t i = 0; i < n; i++) {
		if (r < s[i].share)
			return s[i].len;
		r -= s[i].share;
	}
	return s[0].len;
}

// A random number that is always the same for k.
static uint64_t mixed(uint64_t k)
{
	k = (k + 0x9e3779b97f4a7c15) * 0xbf58476d1ce4e5b9;
	k = (k ^ k >> 29) * 0x94d049bb133111eb;
	return k ^ k >> 32;
}

// Small numbers are far more likely: some allocations are cut in many pieces.
static uint64_t skewed(uint64_t n, uint64_t *state)
{
	double u = (double)(bench_rand(state) >> 11) / 9007199254740992.0;

	return (uint64_t)(u * u * (double)n);
}

#define N_ALLOCATIONS4 48000 // of /16
#define N_ALLOCATIONS6 60000 // of /32

// The upper 64 bits of an address in an allocation.
static uint64_t address(bool ip6, unsigned len, uint64_t *cursor, uint64_t *state)
{
	static const uint16_t registries[] = {0x2001, 0x2400, 0x2402, 0x2404, 0x2406, 0x2407,
		0x2408, 0x240e, 0x2600, 0x2602, 0x2604, 0x2605, 0x2606, 0x2607, 0x2620, 0x2800,
		0x2801, 0x2803, 0x2804, 0x2806, 0x2a00, 0x2a01, 0x2a02, 0x2a03, 0x2a04, 0x2a05,
		0x2a06, 0x2a07, 0x2a09, 0x2a0a, 0x2a0b, 0x2a0c, 0x2a0d, 0x2a0e, 0x2a0f, 0x2a10,
		0x2c0f};
	uint64_t k = skewed(ip6 ? N_ALLOCATIONS6 : N_ALLOCATIONS4, state), within;
	unsigned at = ip6 ? 32 : 16, below = len > at ? MIN(len - at, 16u) : 0;
	uint64_t top, rest = bench_rand(state);

	if (!ip6)
		top = (1 + mixed(k) % 223) << 24 | (mixed(k) >> 8 & 0xff) << 16;
	else
		top = (uint64_t)registries[mixed(k) % ARRAY_SIZE(registries)] << 16 |
		      (mixed(k) >> 16 & 0xfff8);
	// Seven of ten are neighbours of the one before in this allocation.
	if (bench_rand(state) % 10 < 7)
		within = ++cursor[k];
	else
		within = cursor[k] = rest >> 40;
	within &= (1u << below) - 1;
	if (!ip6)
		return (top | (below ? within << (16 - below) : 0) | (rest & 0xff)) << 32;
	return top << 32 | (below ? within << (32 - below) : 0) | (rest & 0xffff);
}

static void put(uint8_t *b, uint64_t v)
{
	for (unsigned i = 0; i < 8; i++)
		b[i] = (uint8_t)(v >> (56 - 8 * i));
}

static uint64_t get(const uint8_t *b)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < 8; i++)
		v = v << 8 | b[i];
	return v;
}

static uint64_t high_bits(unsigned n)
{
	return n ? ~0ull << (64 - n) : 0;
}

static void mask(struct ip_prefix *p)
{
	put(p->addr.b, get(p->addr.b) & high_bits(MIN(p->len, 64u)));
	put(p->addr.b + 8, get(p->addr.b + 8) & high_bits(p->len > 64 ? p->len - 64u : 0));
}

struct fib_route *bench_routes(size_t n, bool ip6, uint64_t seed)
{
	struct fib_route *r = calloc(n, sizeof(*r));
	uint64_t *cursor = calloc(MAX(N_ALLOCATIONS4, N_ALLOCATIONS6), sizeof(*cursor));
	uint64_t state = seed;
	struct fib *seen; // so that all are different
	size_t i = 0;

	if (!r || !cursor || fib_create(&seen, NULL))
		abort();
	while (i < n) {
		struct ip_prefix *p = &r[i].prefix;

		memset(p, 0, sizeof(*p));
		p->addr.family = ip6 ? AF_INET6 : AF_INET;
		p->len = pick_len(ip6, &state);
		put(p->addr.b, address(ip6, p->len, cursor, &state));
		if (p->len == 128)
			put(p->addr.b + 8, bench_rand(&state) & 3 ? bench_rand(&state) & 0xff
								  : bench_rand(&state));
		mask(p);
		r[i].nexthop = 1 + (fib_nexthop_t)(bench_rand(&state) % N_NEXTHOPS);
		if (fib_set(seen, p, 1) == FIB_ADDED)
			i++;
		rcu_reclaim(1);
	}
	fib_destroy(seen);
	rcu_barrier_reclaim();
	free(cursor);
	return r;
}

// -- keys ---------------------------------------------------------------------------------
static void random_in(const struct ip_prefix *p, uint8_t *b, uint64_t *state)
{
	uint64_t high = get(p->addr.b), low = get(p->addr.b + 8);

	put(b, high | (bench_rand(state) & ~high_bits(MIN(p->len, 64u))));
	put(b + 8, low | (bench_rand(state) & ~high_bits(p->len > 64 ? p->len - 64u : 0)));
}

// Rank 0..n-1 with probability proportional to 1/(rank + 1), nearly.
static size_t zipf(size_t n, uint64_t *state)
{
	double u = (double)(bench_rand(state) >> 11) / 9007199254740992.0;

	return MIN((size_t)exp(u * log((double)n + 1)) - 1, n - 1);
}

struct bench_keys bench_keys(const struct fib_route *r, size_t n_routes, bool ip6,
	enum key_kind kind, size_t n_destinations, size_t n_keys, uint64_t seed)
{
	uint8_t(*all)[16] = malloc(MAX(n_destinations, 1u) * 16);
	struct bench_keys k = {.n = n_keys};
	uint64_t state = seed;

	k.keys4 = ip6 ? NULL : mem_alloc(n_keys * sizeof(*k.keys4), CACHE_LINE);
	k.keys6 = ip6 ? mem_alloc(n_keys * sizeof(*k.keys6), CACHE_LINE) : NULL;
	if (!all || (!k.keys4 && !k.keys6))
		abort();
	for (size_t i = 0; i < n_destinations; i++)
		random_in(&r[bench_rand(&state) % n_routes].prefix, all[i], &state);
	for (size_t i = 0; i < n_keys; i++) {
		uint8_t b[16];

		if (kind == KEYS_UNIFORM) {
			put(b, bench_rand(&state));
			put(b + 8, bench_rand(&state));
			if (ip6)
				b[0] = (uint8_t)(0x20 | b[0] >> 3);
		} else {
			memcpy(b,
				all[kind == KEYS_ZIPF ? zipf(n_destinations, &state)
						      : bench_rand(&state) % n_destinations],
				16);
		}
		if (ip6)
			memcpy(k.keys6[i], b, 16);
		else
			k.keys4[i] = (uint32_t)(get(b) >> 32);
	}
	free(all);
	return k;
}

void bench_keys_free(struct bench_keys *k)
{
	mem_free(k->keys4);
	mem_free(k->keys6);
}
