// SPDX-License-Identifier: BSD-3-Clause
// Workers look up without pause while control learns, moves, removes, ages and makes the table
// grow. Of three sets of keys the first is always there (its ports change), the second never, and
// the third comes and goes. A lookup must find all of the first on a port that was theirs, none of
// the second, and of the third nothing that was never said.
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/rcu.h"
#include "dataplane/table/fdb_table.h"

#define N_STEADY  600
#define N_CHANGE  3000
#define N_READERS 3
#define N_PORTS   16 // a key is always on a port that equals it modulo 4

static struct fdb *_Atomic table; // replaced now and then, so that each one grows from the start
static _Atomic bool stop;
static _Atomic uint64_t n_lookups, n_found;

static fdb_key_t steady(unsigned i)
{
	return fdb_key(1, mac_from_u64(0x020000000001ull + i));
}

static fdb_key_t changing(unsigned i)
{
	return fdb_key(2, mac_from_u64(0x020000000001ull + i));
}

static fdb_key_t absent(unsigned i)
{
	return fdb_key(3, mac_from_u64(0x020000000001ull + i));
}

static void fail(const char *what, fdb_key_t key, fdb_hit_t hit)
{
	fprintf(stderr, "%s: key %016llx, hit %08x\n", what, (unsigned long long)key, hit);
	abort();
}

static unsigned next_random(uint64_t *state)
{
	*state += 0x9e3779b97f4a7c15;
	return (unsigned)((*state ^ *state >> 31) * 0xbf58476d1ce4e5b9 >> 33);
}

static void check(unsigned set, unsigned i, fdb_key_t key, fdb_hit_t hit)
{
	if (hit == FDB_MISS ? set == 0 : set == 2)
		fail(hit == FDB_MISS ? "missed" : "found what never was", key, hit);
	if (hit != FDB_MISS && (fdb_hit_port(hit) >= N_PORTS || fdb_hit_port(hit) % 4 != i % 4))
		fail("wrong port", key, hit);
	if (hit != FDB_MISS && hit & FDB_FLAGS & ~FDB_STATIC)
		fail("wrong flags", key, hit);
}

static void *read_on(void *arg)
{
	uint64_t state = (uintptr_t)arg, found = 0, n = 0;
	const struct fdb_ops *ops[3], *o;
	unsigned n_ops = 0;

	while ((o = fdb_ops_nth(n_ops)))
		ops[n_ops++] = o;
	rcu_reader_register();
	while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
		struct fdb *f = atomic_load_explicit(&table, memory_order_acquire);
		unsigned burst = 1 + next_random(&state) % FDB_BURST, set[FDB_BURST],
			 which[FDB_BURST];
		fdb_hit_t hits[FDB_BURST];
		fdb_key_t keys[FDB_BURST];
		fdb_hit_t other[FDB_BURST];

		for (unsigned i = 0; i < burst; i++) {
			set[i] = next_random(&state) % 3;
			which[i] = next_random(&state) % (set[i] ? N_CHANGE : N_STEADY);
			keys[i] = set[i] == 0   ? steady(which[i])
				  : set[i] == 1 ? changing(which[i])
						: absent(which[i]);
		}
		o = ops[next_random(&state) % n_ops];
		switch (next_random(&state) % 3) {
		case 0:
			o->lookup(f, keys, hits, burst);
			break;
		case 1:
			o->source(f, keys, next_random(&state) % N_PORTS, hits, burst);
			break;
		default: // the same keys as destinations
			o->both(f, keys, next_random(&state) % N_PORTS, other, keys, hits, burst);
			for (unsigned i = 0; i < burst; i++)
				check(set[i], which[i], keys[i], other[i]);
		}
		for (unsigned i = 0; i < burst; i++) {
			check(set[i], which[i], keys[i], hits[i]);
			found += hits[i] != FDB_MISS;
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

static port_id_t port_for(unsigned i, uint64_t *state)
{
	return (port_id_t)(next_random(state) % (N_PORTS / 4) * 4 + i % 4);
}

static struct fdb *begin(uint64_t *state)
{
	struct fdb_config c = {.max_ports = N_PORTS, .ageing_ns = NS_PER_SEC};
	struct fdb *f;

	if (fdb_create(&f, &c))
		abort();
	for (unsigned i = 0; i < N_STEADY; i++)
		if (fdb_add(f, steady(i), port_for(i, state), FDB_STATIC))
			abort();
	return f;
}

static void change(struct fdb *f, uint64_t *now, uint64_t *state)
{
	unsigned what = next_random(state) % 1000, i = next_random(state) % N_CHANGE;
	struct fdb_filter flush = FDB_DYNAMIC;

	if (what < 600)
		fdb_learn(f, changing(i), port_for(i, state), NULL);
	else if (what < 800)
		fdb_remove(f, changing(i));
	else if (what < 990)
		fdb_add(f, steady(i % N_STEADY), port_for(i % N_STEADY, state), FDB_STATIC);
	else if (what < 999)
		fdb_age(f, *now += NS_PER_MS);
	else if (i < 300) {
		flush.port = port_for(i, state);
		fdb_flush(f, &flush);
	}
}

struct old {
	struct rcu_retired retired;
	struct fdb *fdb;
};

static void release(struct rcu_retired *r)
{
	struct old *o = container_of(r, struct old, retired);

	fdb_destroy(o->fdb);
	free(o);
}

int main(int argc, char **argv)
{
	unsigned seconds = argc > 1 ? (unsigned)atoi(argv[1]) : 5;
	const char *replay = getenv("FDB_SEED");
	uint64_t state = replay ? strtoull(replay, NULL, 0) : clock_now_ns();
	uint64_t end = clock_now_ns() + seconds * NS_PER_SEC, now = NS_PER_SEC, n = 0, grown = 0;
	pthread_t readers[N_READERS];
	struct fdb_stats s;
	struct fdb *f;

	printf("FDB_SEED=%llu\n", (unsigned long long)state);
	f = begin(&state);
	atomic_store(&table, f);
	for (uintptr_t i = 0; i < N_READERS; i++)
		pthread_create(&readers[i], NULL, read_on, (void *)(i + 1));
	while (clock_now_ns() < end) {
		for (unsigned i = 0; i < 20000; i++)
			change(f, &now, &state);
		n += 20000;
		rcu_reclaim(0);
		if (next_random(&state) % 4 == 0) {
			struct old *o = calloc(1, sizeof(*o));

			fdb_stats(f, &s);
			grown += s.grown;
			o->fdb = f;
			f = begin(&state);
			atomic_store_explicit(&table, f, memory_order_release);
			rcu_retire(&o->retired, release);
		}
	}
	atomic_store(&stop, true);
	for (unsigned i = 0; i < N_READERS; i++)
		pthread_join(readers[i], NULL);
	fdb_stats(f, &s);
	rcu_barrier_reclaim();
	fdb_destroy(f);
	printf("%llu changes, grown %llu times, %llu lookups, %llu found\n", (unsigned long long)n,
		(unsigned long long)(grown + s.grown), (unsigned long long)n_lookups,
		(unsigned long long)n_found);
	return n_found && n_found < n_lookups && grown ? 0 : 1;
}
