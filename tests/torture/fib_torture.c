// SPDX-License-Identifier: BSD-3-Clause
// Workers look up without pause while control adds, replaces and removes routes of both families,
// one by one and in bulk, and while the root of the table changes its size. What a lookup may find
// is known for each address at all times:
//
//	covered addresses: every one has a route at every time, but which one changes: control adds
//	the longer prefix before it removes the shorter one, and the other way round. A reader that
//	saw a mixture of two states would find no route. And each next hop says for which set of
//	addresses it is.
//	addresses in the gap: never a route.
#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/rcu.h"
#include "tests/unit/fib_whitebox.h"

#define N_SETS    48
#define N_READERS 3
#define N_LENS    6

static struct fib *_Atomic table;
static _Atomic bool stop;
static _Atomic uint64_t n_lookups, n_found;

static unsigned next_random(uint64_t *state)
{
	*state += 0x9e3779b97f4a7c15;
	return (unsigned)((*state ^ *state >> 31) * 0xbf58476d1ce4e5b9 >> 33);
}

// Set i lives under a prefix of its own, and has these lengths at its choice. Some share their
// first byte or the first two, so that they meet in nodes and blocks.
// Every second two IPv6 sets share 32 bits, so that nodes come to stand above others and go.
static const uint8_t lens[3][N_LENS] = {
	{13, 16, 19, 24, 27, 32}, {20, 32, 45, 48, 64, 128}, {36, 40, 45, 48, 64, 128}};

static bool is_paired(unsigned set)
{
	return set & 2;
}

static void address_of(bool ip6, unsigned set, bool gap, uint8_t *b)
{
	memset(b, 0, 16);
	if (ip6) {
		b[0] = 0x20;
		b[1] = (uint8_t)(set / 4 % 3 | 0x80 * gap);
		b[2] = (uint8_t)((set & (is_paired(set) ? 14 : 15)) << 4);
		b[3] = (uint8_t)(set / 16);
		memset(b + 4, (int)(set * 0x37), 12);
		return;
	}
	b[0] = (uint8_t)(10 + set % 4 + 128 * gap);
	b[1] = (uint8_t)(set / 4 << 4 | 5);
	b[2] = (uint8_t)(set * 37);
	b[3] = (uint8_t)(set * 11);
}

static struct ip_prefix prefix_of(bool ip6, unsigned set, unsigned nth)
{
	struct ip_prefix p = {.addr.family = ip6 ? AF_INET6 : AF_INET,
		.len = lens[ip6 ? 1 + is_paired(set) : 0][nth]};

	address_of(ip6, set, false, p.addr.b);
	for (unsigned i = 0; i < 16; i++)
		p.addr.b[i] &= 8 * i >= p.len ? 0 : (uint8_t)(0xff00 >> MIN(p.len - 8 * i, 8u));
	return p;
}

// A next hop of the set: set + 1 modulo 64. Most are small enough for the array of the /24s.
static fib_nexthop_t nexthop_of(unsigned set, uint64_t *state)
{
	return set + 1 + next_random(state) % (next_random(state) % 16 ? 3 : 900) * 64;
}

static void check(bool ip6, unsigned set, bool gap, fib_nexthop_t nh)
{
	if (gap ? nh == FIB_NO_ROUTE : nh != FIB_NO_ROUTE && nh % 64 == set + 1)
		return;
	fprintf(stderr, "IPv%d set %u%s: next hop %u\n", ip6 ? 6 : 4, set, gap ? " gap" : "", nh);
	abort();
}

static void *read_on(void *arg)
{
	uint64_t state = (uintptr_t)arg, found = 0, n = 0;
	const struct lpm_ops *ops[4], *o;
	unsigned n_ops = 0;

	while ((o = lpm_ops_nth(n_ops)))
		ops[n_ops++] = o;
	rcu_reader_register();
	while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
		struct fib *f = atomic_load_explicit(&table, memory_order_acquire);
		unsigned burst = 1 + next_random(&state) % FIB_BURST, set[FIB_BURST];
		bool ip6 = next_random(&state) & 1, gap[FIB_BURST];
		const struct lpm *t = fib_lpm(f, ip6);
		struct lpm_root *root = atomic_load_explicit(&t->root, memory_order_acquire);
		uint8_t addrs[FIB_BURST][16];
		uint32_t addrs4[FIB_BURST];
		fib_nexthop_t nh[FIB_BURST];

		for (unsigned i = 0; i < burst; i++) {
			set[i] = next_random(&state) % N_SETS;
			gap[i] = next_random(&state) % 8 == 0;
			address_of(ip6, set[i], gap[i], addrs[i]);
			addrs4[i] = (uint32_t)addrs[i][0] << 24 | addrs[i][1] << 16 |
				    addrs[i][2] << 8 | addrs[i][3];
		}
		o = ops[next_random(&state) % n_ops];
		if (ip6)
			o->lookup6(root, t->base, (const uint8_t(*)[16])addrs, nh, burst);
		else
			o->lookup4(root, t->base, addrs4, nh, burst);
		for (unsigned i = 0; i < burst; i++) {
			check(ip6, set[i], gap[i], nh[i]);
			found += !gap[i];
		}
		n += burst;
		rcu_quiescent();
		if (next_random(&state) % 1024 == 0) {
			rcu_offline();
			rcu_online();
		}
	}
	rcu_reader_unregister();
	atomic_fetch_add(&n_lookups, n);
	atomic_fetch_add(&n_found, found);
	return NULL;
}

// -- control -----------------------------------------------------------------------------
static uint8_t present[2][N_SETS]; // bit k: the set's k-th prefix is there

static void set_route(struct fib *f, bool ip6, unsigned set, unsigned nth, uint64_t *state)
{
	struct ip_prefix p = prefix_of(ip6, set, nth);

	if (fib_set(f, &p, nexthop_of(set, state)) < 0)
		abort();
	present[ip6][set] |= (uint8_t)(1u << nth);
}

// Add one of a set's prefixes, or take one away when another remains.
static void change(struct fib *f, uint64_t *state)
{
	unsigned set = next_random(state) % N_SETS, nth = next_random(state) % N_LENS;
	bool ip6 = next_random(state) & 1;
	uint8_t rest = present[ip6][set] & (uint8_t) ~(1u << nth);
	struct ip_prefix p = prefix_of(ip6, set, nth);

	if (next_random(state) & 1 || !rest) {
		set_route(f, ip6, set, nth, state);
	} else if (present[ip6][set] & 1u << nth) {
		if (fib_remove(f, &p) != FIB_REMOVED)
			abort();
		present[ip6][set] = rest;
	}
}

// Several hundred routes in the same first bytes come or go: blocks grow, the root widens.
static void crowd(struct fib *f, bool ip6, bool come)
{
	static struct fib_change c[600];

	for (unsigned i = 0; i < 600; i++) {
		struct ip_prefix p = {.addr.family = ip6 ? AF_INET6 : AF_INET};

		p.addr.b[0] = ip6 ? 0x20 : 10 + i % 4;
		p.addr.b[1] = (uint8_t)(ip6 ? i % 3 : i / 4 % 4 << 4 | 8);
		p.addr.b[2] = (uint8_t)(i / 16);
		if (ip6) {
			p.addr.b[1] |= 0x40;
			p.addr.b[5] = (uint8_t)i;
		}
		p.len = ip6 ? 48 : 24;
		c[i] = (struct fib_change){p, come ? 63 : 0, 0};
	}
	fib_change_bulk(f, c, 600);
}

static struct fib *begin(uint64_t *state)
{
	struct fib *f;

	if (fib_create(&f, NULL))
		abort();
	memset(present, 0, sizeof(present));
	for (int ip6 = 0; ip6 < 2; ip6++)
		for (unsigned set = 0; set < N_SETS; set++)
			set_route(f, ip6, set, next_random(state) % N_LENS, state);
	return f;
}

struct old {
	struct rcu_retired retired;
	struct fib *fib;
};

static void release(struct rcu_retired *r)
{
	struct old *o = container_of(r, struct old, retired);

	fib_destroy(o->fib);
	free(o);
}

int main(int argc, char **argv)
{
	unsigned seconds = argc > 1 ? (unsigned)atoi(argv[1]) : 5;
	const char *replay = getenv("FIB_SEED");
	uint64_t state = replay ? strtoull(replay, NULL, 0) : clock_now_ns();
	uint64_t end = clock_now_ns() + seconds * NS_PER_SEC, n = 0, widened = 0, flat = 0;
	pthread_t readers[N_READERS];
	struct fib *f;

	printf("FIB_SEED=%llu\n", (unsigned long long)state);
	f = begin(&state);
	atomic_store(&table, f);
	for (uintptr_t i = 0; i < N_READERS; i++)
		pthread_create(&readers[i], NULL, read_on, (void *)(i + 1));
	while (clock_now_ns() < end) {
		bool ip6 = next_random(&state) & 1;
		unsigned bits = atomic_load(&fib_lpm(f, ip6)->root)->bits;

		for (unsigned i = 0; i < 2000; i++) {
			change(f, &state);
			if (i % 64 == 0)
				rcu_reclaim(0);
		}
		n += 2000;
		flat += atomic_load(&atomic_load(&fib_lpm(f, false)->root)->flat) != NULL;
		fib_lpm(f, false)->flat_above = next_random(&state) & 3 ? 0 : 1u << 20;
		crowd(f, ip6, next_random(&state) & 1);
		widened += atomic_load(&fib_lpm(f, ip6)->root)->bits > bits;
		fib_check(f, ip6);
		if (next_random(&state) % 16 == 0) {
			struct old *o = calloc(1, sizeof(*o));

			o->fib = f;
			f = begin(&state);
			atomic_store_explicit(&table, f, memory_order_release);
			rcu_retire(&o->retired, release);
		}
	}
	atomic_store(&stop, true);
	for (unsigned i = 0; i < N_READERS; i++)
		pthread_join(readers[i], NULL);
	rcu_barrier_reclaim();
	fib_destroy(f);
	rcu_barrier_reclaim();
	printf("%llu changes, root widened %llu times, array of /24s seen %llu times, %llu "
	       "lookups, "
	       "%llu found\n",
		(unsigned long long)n, (unsigned long long)widened, (unsigned long long)flat,
		(unsigned long long)n_lookups, (unsigned long long)n_found);
	return n_found && n_found < n_lookups && widened && flat ? 0 : 1;
}
