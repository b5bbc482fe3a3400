// SPDX-License-Identifier: BSD-3-Clause
// Workers resolve next hops without pause while control changes them in place, changes the members
// of groups, and gives up numbers that are used again. Each route is of a class, and everything
// that it may lead to has an adjacency of that class: a worker must find such a one, never none.
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "base/rcu.h"
#include "dataplane/table/nexthop.h"

#define N_READERS 3
#define N_CLASSES 16
#define N_SINGLES 24 // of each class
#define LIMIT     900

struct class
{
	uint32_t single[N_SINGLES];
	uint32_t route; // the number that the "FIB" has: a group or one of its own
	bool is_group;
};

static struct nexthops *table;
static struct class classes[N_CLASSES];
static _Atomic uint32_t fib[N_CLASSES];
static _Atomic bool stop;
static _Atomic uint64_t n_resolved, n_kinds[2];

static unsigned next_random(uint64_t *state)
{
	*state += 0x9e3779b97f4a7c15;
	return (unsigned)((*state ^ *state >> 31) * 0xbf58476d1ce4e5b9 >> 33);
}

static void *read_on(void *arg)
{
	uint64_t state = (uintptr_t)arg, n = 0, low = 0;

	rcu_reader_register();
	while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
		uint32_t index[NEXTHOP_BURST], hash[NEXTHOP_BURST];
		unsigned class[NEXTHOP_BURST], burst = 1 + next_random(&state) % NEXTHOP_BURST;
		nexthop_hit_t hits[NEXTHOP_BURST];

		for (unsigned i = 0; i < burst; i++) {
			class[i] = next_random(&state) % N_CLASSES;
			index[i] = atomic_load_explicit(&fib[class[i]], memory_order_acquire);
			hash[i] = next_random(&state) << 1;
		}
		nexthop_resolve_bulk(table, index, hash, hits, burst);
		for (unsigned i = 0; i < burst; i++) {
			uint32_t a = nexthop_hit_adjacency(hits[i]);

			low += a < 1 << 16;
			if (nexthop_hit_kind(hits[i]) == NEXTHOP_ADJACENCY &&
				a % N_CLASSES == class[i])
				continue;
			fprintf(stderr, "class %u by %u: hit %08x\n", class[i], index[i], hits[i]);
			abort();
		}
		n += burst;
		rcu_quiescent();
	}
	rcu_reader_unregister();
	atomic_fetch_add(&n_resolved, n);
	atomic_fetch_add(&n_kinds[0], low);
	atomic_fetch_add(&n_kinds[1], n - low);
	return NULL;
}

static uint32_t new_adjacency(unsigned class, uint64_t *state)
{
	return (1 + next_random(state) % 60000) * N_CLASSES + class;
}

// Some of the class's single ones, often so many that the group gets more buckets.
static unsigned pick_members(struct class *c, struct nexthop_member *m, uint64_t *state)
{
	unsigned n = 1 + next_random(state) % N_SINGLES;

	for (unsigned i = 0; i < n; i++)
		m[i] = (struct nexthop_member){
			c->single[next_random(state) % N_SINGLES], 1 + next_random(state) % 100};
	return n;
}

static void change(uint64_t *state)
{
	unsigned class = next_random(state) % N_CLASSES, what = next_random(state) % 100;
	struct class *c = &classes[class];
	struct nexthop_member m[N_SINGLES];
	uint32_t *single = &c->single[next_random(state) % N_SINGLES], fresh, old = c->route;

	if (what < 35) { // in place
		if (nexthop_set(table, *single, NEXTHOP_ADJACENCY, new_adjacency(class, state)))
			abort();
	} else if (what < 70) {
		if (c->is_group && nexthop_group_set(table, c->route, m, pick_members(c, m, state)))
			abort();
	} else if (what < 85) { // a single one under another number; groups may hold the old one
		if (nexthop_add(table, NEXTHOP_ADJACENCY, new_adjacency(class, state), &fresh))
			return; // too many wait for reuse
		nexthop_put(table, *single);
		*single = fresh;
	} else { // another number for the route
		bool is_group = next_random(state) & 1;
		int err = is_group ? nexthop_group_add(table, m, pick_members(c, m, state), &fresh)
				   : nexthop_add(table, NEXTHOP_ADJACENCY,
					     new_adjacency(class, state), &fresh);

		if (err)
			return;
		atomic_store_explicit(&fib[class], fresh, memory_order_release);
		c->route = fresh;
		c->is_group = is_group;
		nexthop_put(table, old);
	}
}

int main(int argc, char **argv)
{
	unsigned seconds = argc > 1 ? (unsigned)atoi(argv[1]) : 5;
	const char *replay = getenv("NEXTHOP_SEED");
	uint64_t state = replay ? strtoull(replay, NULL, 0) : clock_now_ns();
	uint64_t end = clock_now_ns() + seconds * NS_PER_SEC, n = 0;
	struct nexthop_config c = {.max_nexthops = LIMIT};
	pthread_t readers[N_READERS];
	struct nexthop_stats s;

	printf("NEXTHOP_SEED=%llu\n", (unsigned long long)state);
	if (nexthops_create(&table, NULL, &c))
		abort();
	for (unsigned k = 0; k < N_CLASSES; k++) {
		for (unsigned i = 0; i <= N_SINGLES; i++)
			if (nexthop_add(table, NEXTHOP_ADJACENCY, new_adjacency(k, &state),
				    i < N_SINGLES ? &classes[k].single[i] : &classes[k].route))
				abort();
		atomic_store(&fib[k], classes[k].route);
	}
	for (uintptr_t i = 0; i < N_READERS; i++)
		pthread_create(&readers[i], NULL, read_on, (void *)(i + 1));
	while (clock_now_ns() < end) {
		for (unsigned i = 0; i < 200; i++)
			change(&state);
		n += 200;
		rcu_reclaim(0);
	}
	atomic_store(&stop, true);
	for (unsigned i = 0; i < N_READERS; i++)
		pthread_join(readers[i], NULL);
	nexthop_stats(table, &s);
	rcu_barrier_reclaim();
	nexthops_destroy(table);
	printf("%llu changes, %llu refused, %llu buckets moved, %llu resolved\n",
		(unsigned long long)n, (unsigned long long)s.full,
		(unsigned long long)s.buckets_moved, (unsigned long long)n_resolved);
	return n_kinds[0] && n_kinds[1] && s.buckets_moved ? 0 : 1;
}
