// SPDX-License-Identifier: BSD-3-Clause
// The FIB beside rte_lpm, rte_fib, rte_lpm6 and rte_fib6 with the same routes and keys.
#include "tests/bench/table_bench_fib.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/rcu.h"
#include "tests/bench/table_bench.h"

#define N_KEYS     (1u << 20) // per round
#define MAX_ROUNDS 11
#define N_SETS     5
#define N_SLICES   64

static uint64_t sink;

#define WORDS_OF_LINE (CACHE_LINE / sizeof(uint64_t))

struct bench_memory {
	uint64_t *word;
	uint64_t n_lines;
};

static unsigned rounds(const struct bench_options *o)
{
	return o->quick ? 7 : MAX_ROUNDS;
}

static double our_lookups(const struct fib *f, const struct bench_keys *k, uint64_t *sum)
{
	uint64_t start = clock_cycles();

	for (size_t i = 0; i < k->n; i += BENCH_BURST) {
		fib_nexthop_t nh[BENCH_BURST];

		if (k->keys4)
			fib_lookup4_bulk(f, &k->keys4[i], nh, BENCH_BURST);
		else
			fib_lookup6_bulk(f, (const uint8_t(*)[16])k->keys6[i], nh, BENCH_BURST);
		*sum += nh[i / BENCH_BURST % BENCH_BURST];
	}
	return (double)(clock_cycles() - start) / (double)k->n;
}

// What no lookup can go below: the keys are read, and of memory as large as the table, on pages as
// large, one word in a line that the key alone chooses.
static double limit_lookups(const struct bench_memory *m, const struct bench_keys *k, uint64_t *sum)
{
	uint64_t start = clock_cycles();

	for (size_t i = 0; i < k->n; i += BENCH_BURST) {
		uint64_t burst = 0;

		for (size_t j = i; j < i + BENCH_BURST; j++) {
			uint64_t key[2];

			memcpy(key, k->keys6[j], sizeof(key));
			key[0] = (key[0] ^ key[1] << 1) * 0x9e3779b97f4a7c15;
			burst += m->word[((key[0] >> 32) * m->n_lines >> 32) * WORDS_OF_LINE];
		}
		*sum += burst;
	}
	return (double)(clock_cycles() - start) / (double)k->n;
}

// One round: the keys in order, in slices, of which the median counts: on a shared machine a round
// that is interrupted measures the others.
static double lookups(const struct fib *f, struct fib_peer *peer, const struct bench_memory *limit,
	const struct bench_keys *k, uint64_t *sum)
{
	const size_t n = k->n / N_SLICES;
	double cycles[N_SLICES];

	for (size_t i = 0; i < N_SLICES; i++) {
		struct bench_keys slice = {
			k->keys4 ? k->keys4 + i * n : NULL, k->keys6 ? k->keys6 + i * n : NULL, n};

		cycles[i] = peer    ? fib_peer_lookups(peer, &slice, sum)
			    : limit ? limit_lookups(limit, &slice, sum)
				    : our_lookups(f, &slice, sum);
	}
	return bench_median(cycles, N_SLICES);
}

static struct fib *load(const struct fib_route *r, size_t n, double *seconds)
{
	struct fib_change *c = calloc(n, sizeof(*c));
	uint64_t start;
	struct fib *f;

	if (!c || fib_create(&f, NULL))
		abort();
	for (size_t i = 0; i < n; i++)
		c[i] = (struct fib_change){r[i].prefix, r[i].nexthop, 0};
	start = clock_now_ns();
	if (fib_change_bulk(f, c, n))
		abort();
	*seconds = (double)(clock_now_ns() - start) / 1e9;
	free(c);
	rcu_barrier_reclaim();
	return f;
}

static struct fib *loaded(const struct fib_route *r, size_t n)
{
	double seconds;

	return load(r, n, &seconds);
}

// -- lookups -------------------------------------------------------------------------
struct set {
	const char *name;
	enum key_kind kind;
	size_t n_destinations;
	bool quick; // in quick runs too
};

static const struct set sets[N_SETS] = {
	{"1k hot", KEYS_HITS, 1000, true},
	{"10k hot", KEYS_HITS, 10000},
	{"1M destinations", KEYS_HITS, 1000000, true},
	{"uniform", KEYS_UNIFORM, 0, true},
	{"Zipf", KEYS_ZIPF, 1000000},
};

static void lookup_row(const struct bench_options *o, const char *name, const struct fib *f,
	struct fib_peer *const *peers, const enum fib_peer_kind *kinds, unsigned n_peers,
	const struct bench_memory *limit, const struct bench_keys *keys, double target, bool hot)
{
	double ours[MAX_ROUNDS], theirs[3][MAX_ROUNDS], least[MAX_ROUNDS];
	struct bench_row row = {name, 0, "cycles", .better = BENCH_LOWER};
	uint64_t sum = 0, same;
	char text[128];

	for (unsigned r = 0; r < rounds(o); r++) {
		sum = 0;
		ours[r] = lookups(f, NULL, NULL, keys, &sum);
		same = 0;
		least[r] = limit ? lookups(NULL, NULL, limit, keys, &same) : 0;
		sink += same;
		for (unsigned p = 0; p < n_peers; p++) {
			same = 0;
			theirs[p][r] = peers[p] ? lookups(NULL, peers[p], NULL, keys, &same) : 0;
			if (peers[p] && same != sum)
				fprintf(stderr, "%s: %s gives other next hops\n", name,
					fib_peer_name[kinds[p]]);
		}
	}
	sink += sum;
	row.value = bench_median(ours, rounds(o));
	for (unsigned p = 0; p < n_peers; p++) {
		double m = peers[p] ? bench_median(theirs[p], rounds(o)) : 0;

		if (m > 0 && (!row.peer || m < row.peer_value)) {
			row.peer = fib_peer_name[kinds[p]];
			row.peer_value = m;
			row.target = hot ? (m + 2) / m : target;
		}
	}
	bench_report(o, &row);
	if (!limit)
		return;
	snprintf(text, sizeof(text), "%s, beside the limit", name);
	bench_report(o, &(struct bench_row){text, row.value, "cycles", "keys and one line",
				bench_median(least, rounds(o)), .better = BENCH_LOWER});
}

// Memory as large as the table that workers read.
static struct bench_memory memory_like(const struct fib *f, int family)
{
	struct bench_memory m;
	struct fib_stats s;

	fib_stats(f, family, &s);
	m.n_lines = s.workers_bytes / CACHE_LINE;
	m.word = mem_alloc(m.n_lines * CACHE_LINE, CACHE_LINE);
	if (!m.word)
		abort();
	for (uint64_t i = 0; i < m.n_lines * WORDS_OF_LINE; i++)
		m.word[i] = i;
	return m;
}

static void lookup_rows(const struct bench_options *o, bool ip6, size_t n, const char *size)
{
	static const enum fib_peer_kind kinds4[] = {PEER_LPM, PEER_FIB, PEER_FIB_4B},
					kinds6[] = {PEER_LPM6, PEER_FIB6};
	const enum fib_peer_kind *kinds = ip6 ? kinds6 : kinds4;
	unsigned n_peers = ip6 ? 2 : o->quick ? 2 : 3;
	struct fib_peer *peers[3] = {0};
	struct fib_route *routes = NULL;
	struct bench_memory memory = {0};
	struct fib *f = NULL;
	struct fib_stats s;
	char name[80];

	for (unsigned i = 0; i < N_SETS; i++) {
		struct bench_keys keys;

		snprintf(name, sizeof(name), "fib%d lookup, %s routes, %s", ip6 ? 6 : 4, size,
			sets[i].name);
		if (!table_bench_wants(o, name) || (o->quick && !sets[i].quick))
			continue;
		if (!routes) {
			routes = bench_routes(n, ip6, 0x5eed);
			f = loaded(routes, n);
			for (unsigned p = 0; p < n_peers; p++)
				peers[p] = fib_peer_new(kinds[p], routes, n);
			if (ip6)
				memory = memory_like(f, AF_INET6);
		}
		keys = bench_keys(
			routes, n, ip6, sets[i].kind, sets[i].n_destinations, N_KEYS, 0xfeed + i);
		lookup_row(o, name, f, peers, kinds, n_peers,
			ip6 && sets[i].kind != KEYS_UNIFORM ? &memory : NULL, &keys,
			ip6           ? 0.4
			: n >= 500000 ? 0.8
				      : 0, // small tables have hot sets only
			!ip6 && i < 2);
		bench_keys_free(&keys);
	}
	snprintf(name, sizeof(name), "fib%d memory, %s routes, workers", ip6 ? 6 : 4, size);
	if (table_bench_wants(o, name)) {
		if (!routes) {
			routes = bench_routes(n, ip6, 0x5eed);
			f = loaded(routes, n);
		}
		fib_stats(f, ip6 ? AF_INET6 : AF_INET, &s);
		bench_report(o, &(struct bench_row){name, (double)s.workers_bytes / 1048576, "MiB",
					.target = ip6         ? 0
						  : n > 10000 ? 40
							      : 4,
					.better = BENCH_LOWER});
		snprintf(name, sizeof(name), "fib%d memory, %s routes, control", ip6 ? 6 : 4, size);
		bench_report(
			o, &(struct bench_row){name, (double)s.control_bytes / (double)n,
				   "bytes/route", .target = ip6 ? 0 : 64, .better = BENCH_LOWER});
	}
	for (unsigned p = 0; p < n_peers; p++)
		fib_peer_free(peers[p]);
	fib_destroy(f);
	mem_free(memory.word);
	free(routes);
}

static void empty_row(const struct bench_options *o)
{
	const char *name = "fib memory, empty table, both families, all";
	uint64_t bytes = 0;
	struct fib_stats s;
	struct fib *f;

	if (!table_bench_wants(o, name))
		return;
	if (fib_create(&f, NULL))
		abort();
	for (int i = 0; i < 2; i++) {
		fib_stats(f, i ? AF_INET6 : AF_INET, &s);
		bytes += s.workers_bytes + s.control_bytes;
	}
	bench_report(o, &(struct bench_row){name, (double)bytes / 1024, "KiB", .target = 64,
				.better = BENCH_LOWER});
	fib_destroy(f);
}

// -- changes ------------------------------------------------------------------------------
static void load_row(const struct bench_options *o, bool ip6, size_t n, const char *size)
{
	double bulk[7], ordered[7];
	struct fib_route *routes, *order;
	char name[80];

	snprintf(name, sizeof(name), "fib%d bulk load of %s", ip6 ? 6 : 4, size);
	if (!table_bench_wants(o, name))
		return;
	routes = bench_routes(n, ip6, 0x5eed);
	order = malloc(n * sizeof(*order));
	for (unsigned r = 0; r < 7; r++) {
		struct fib *f = load(routes, n, &bulk[r]);

		fib_walk(f, ip6 ? AF_INET6 : AF_INET, NULL, order, n);
		fib_destroy(f);
		fib_destroy(load(order, n, &ordered[r]));
	}
	snprintf(name, sizeof(name), "fib%d bulk load of %s, any order", ip6 ? 6 : 4, size);
	bench_report(o, &(struct bench_row){name, bench_median(bulk, 7), "s",
				.target = ip6 ? 0 : 0.3, .better = BENCH_LOWER});
	snprintf(name, sizeof(name), "fib%d bulk load of %s, in order", ip6 ? 6 : 4, size);
	bench_report(o, &(struct bench_row){name, bench_median(ordered, 7), "s",
				.target = ip6 ? 0 : 0.3, .better = BENCH_LOWER});
	free(routes);
	free(order);
}

// A worker that looks up without pause.
struct reader {
	const struct fib *fib;
	struct bench_keys keys;
	_Atomic bool stop;
	_Atomic uint64_t bursts;
};

static void *look_up(void *arg)
{
	struct reader *r = arg;
	uint64_t sum = 0;
	size_t i = 0;

	rcu_reader_register();
	while (!atomic_load_explicit(&r->stop, memory_order_relaxed)) {
		struct bench_keys some = r->keys;

		some.keys4 = some.keys4 ? &some.keys4[i] : NULL;
		some.keys6 = some.keys6 ? &some.keys6[i] : NULL;
		some.n = 4 * BENCH_BURST;
		our_lookups(r->fib, &some, &sum);
		i = (i + some.n) % r->keys.n;
		atomic_fetch_add_explicit(&r->bursts, 4, memory_order_relaxed);
		rcu_quiescent();
	}
	rcu_reader_unregister();
	return (void *)(uintptr_t)(sum & 1);
}

// Time that this thread had the CPU: on a shared machine the wall clock measures the others.
static uint64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * NS_PER_SEC + (uint64_t)t.tv_nsec;
}

static void change_one(struct fib *f, const struct fib_route *r, bool add)
{
	if (add)
		fib_set(f, &r->prefix, r->nexthop);
	else
		fib_remove(f, &r->prefix);
}

// The longest call in ms, and afterwards nothing has changed.
static double longest_change(struct fib *f, const struct fib_route *routes, size_t n)
{
	double worst = 0;

	for (size_t i = 0; i < 2 * n; i++) {
		uint64_t start = cpu_ns();

		change_one(f, &routes[i % n], i < n);
		worst = MAX(worst, (double)(cpu_ns() - start) / 1e6);
		if (i % 256 == 0)
			rcu_reclaim(0);
	}
	return worst;
}

// Add and remove one by one, as fast as control can, beside a worker at full rate. The peer's
// changes run beside the same worker.
static void change_row(const struct bench_options *o, bool ip6, size_t n, const char *size)
{
	enum fib_peer_kind kind = ip6 ? PEER_FIB6 : PEER_FIB;
	double rate[7], theirs[7], worst, seconds;
	const size_t n_changes = o->quick ? 40000 : 100000;
	struct fib_route *routes;
	struct fib_peer *peer;
	struct reader reader = {0};
	struct fib *f;
	char name[80];
	pthread_t t;

	snprintf(name, sizeof(name), "fib%d single changes, %s routes", ip6 ? 6 : 4, size);
	if (!table_bench_wants(o, name))
		return;
	routes = bench_routes(n + n_changes, ip6, 0x5eed);
	reader.fib = f = load(routes, n, &seconds);
	peer = fib_peer_new(kind, routes, n);
	reader.keys = bench_keys(routes, n, ip6, KEYS_HITS, 1000000, N_KEYS, 0xfeed);
	pthread_create(&t, NULL, look_up, &reader);
	for (unsigned r = 0; r < 7; r++) {
		uint64_t start = cpu_ns();

		for (size_t i = 0; i < 2 * n_changes; i++) {
			change_one(f, &routes[n + i % n_changes], i < n_changes);
			if (i % 256 == 0)
				rcu_reclaim(0);
		}
		rate[r] = 2e3 * (double)n_changes / (double)(cpu_ns() - start);
		start = cpu_ns();
		for (size_t i = 0; peer && i < n_changes / 2; i++)
			fib_peer_change(peer, &routes[n + i % (n_changes / 4)], i < n_changes / 4);
		theirs[r] = 0.5e3 * (double)n_changes / (double)(cpu_ns() - start);
	}
	worst = longest_change(f, &routes[n], n_changes);
	atomic_store(&reader.stop, true);
	pthread_join(t, NULL);
	bench_report(o, &(struct bench_row){name, bench_median(rate, 7), "M/s",
				.target = ip6 ? 0.5 : 1, .better = BENCH_HIGHER});
	if (peer) {
		snprintf(name, sizeof(name), "fib%d single changes, %s routes, against peer",
			ip6 ? 6 : 4, size);
		bench_report(o, &(struct bench_row){name, bench_median(rate, 7), "M/s",
					fib_peer_name[kind], bench_median(theirs, 7)});
	}
	snprintf(name, sizeof(name), "fib%d single changes, longest call", ip6 ? 6 : 4);
	bench_report(o, &(struct bench_row){name, worst, "ms", .target = 2, .better = BENCH_LOWER});
	rcu_barrier_reclaim();
	fib_peer_free(peer);
	fib_destroy(f);
	bench_keys_free(&reader.keys);
	free(routes);
}

// -- readers beside a writer ------------------------------------------------------------
struct writer {
	struct fib *fib; // NULL: the same pace on other memory
	const struct fib_route *routes;
	uint64_t *elsewhere;
	size_t n;
	_Atomic bool stop;
};

static void *change(void *arg)
{
	struct writer *w = arg;
	uint64_t next = clock_now_ns(), state = 77;

	while (!atomic_load_explicit(&w->stop, memory_order_relaxed)) {
		for (unsigned i = 0; i < 100; i++) {
			uint64_t k = bench_rand(&state) % w->n;

			if (w->fib)
				fib_set(w->fib, &w->routes[k].prefix,
					1 + (fib_nexthop_t)(bench_rand(&state) % 64));
			else
				w->elsewhere[k]++;
		}
		rcu_reclaim(0);
		next += NS_PER_MS; // 100 every millisecond
		while (clock_now_ns() < next)
			;
	}
	return NULL;
}

static void writer_row(const struct bench_options *o, bool ip6, size_t n, const char *size)
{
	double with[MAX_ROUNDS], without[MAX_ROUNDS], seconds;
	struct bench_keys keys, few;
	struct fib_route *routes;
	uint64_t *other;
	struct fib *f;
	char name[80];

	snprintf(name, sizeof(name), "fib%d lookup, %s routes, beside 100k changes/s", ip6 ? 6 : 4,
		size);
	if (!table_bench_wants(o, name))
		return;
	routes = bench_routes(n, ip6, 0x5eed);
	f = load(routes, n, &seconds);
	keys = bench_keys(routes, n, ip6, KEYS_HITS, 1000000, N_KEYS, 0xfeed);
	few = keys;
	few.n /= 4;
	other = calloc(n, sizeof(*other));
	rcu_reader_register();
	for (unsigned r = 0; r < 2 * rounds(o); r++) {
		struct writer w = {r & 1 ? f : NULL, routes, other, n, false};
		uint64_t sum = 0;
		pthread_t t;

		pthread_create(&t, NULL, change, &w);
		lookups(f, NULL, NULL, &few, &sum);
		rcu_quiescent();
		(r & 1 ? with : without)[r / 2] = lookups(f, NULL, NULL, &keys, &sum);
		rcu_quiescent();
		atomic_store(&w.stop, true);
		pthread_join(t, NULL);
		sink += sum;
	}
	rcu_reader_unregister();
	bench_report(
		o, &(struct bench_row){name, bench_median(with, rounds(o)), "cycles",
			   "busy elsewhere", bench_median(without, rounds(o)), 1.1, BENCH_LOWER});
	rcu_barrier_reclaim();
	fib_destroy(f);
	bench_keys_free(&keys);
	free(other);
	free(routes);
}

void bench_fib(const struct bench_options *o)
{
	empty_row(o);
	if (!o->quick) {
		lookup_rows(o, false, 10000, "10k");
		lookup_rows(o, false, 500000, "500k");
		lookup_rows(o, true, 10000, "10k");
		lookup_rows(o, true, 500000, "500k");
	}
	lookup_rows(o, false, 1000000, "1M");
	lookup_rows(o, true, 200000, "200k");
	load_row(o, false, 1000000, "1M");
	if (!o->quick)
		load_row(o, true, 200000, "200k");
	change_row(o, false, o->quick ? 200000 : 1000000, o->quick ? "200k" : "1M");
	change_row(o, true, o->quick ? 50000 : 200000, o->quick ? "50k" : "200k");
	writer_row(o, false, 1000000, "1M");
	if (!o->quick)
		writer_row(o, true, 200000, "200k");
	if (sink == 1)
		puts(""); // the results were used
}
