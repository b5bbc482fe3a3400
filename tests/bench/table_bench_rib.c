// SPDX-License-Identifier: BSD-3-Clause
// The routing information base (its share of a bulk load: the FIB here only takes note), next hops
// and adjacencies.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/rcu.h"
#include "control/rib.h"
#include "dataplane/table/neigh.h"
#include "dataplane/table/nexthop.h"
#include "tests/bench/table_bench.h"

#define N_ROUTES  1000000
#define MESSAGE   300 // routes that come at once: as many as fit a netlink dump's buffer
#define BURST     32
#define N_PACKETS (1u << 18) // per round
#define ROUNDS    9

static const uint64_t secret[2] = {0x9ae16a3b2f90404f, 0xc949c7defd414d75};
static uint64_t sink;

// -- routes ---------------------------------------------------------------------------------
struct world {
	struct nexthops *nexthops;
	uint32_t hop[64];
	struct rib *rib;
	uint64_t installed;
};

static void install(void *arg, uint16_t table, struct rib_best *best, size_t n)
{
	struct world *w = arg;

	for (size_t i = 0; i < n; i++)
		w->installed += best[i].prefix.len;
}

static void open_world(struct world *w)
{
	struct nexthop_config nc = {0};
	struct rib_config c = {.install = install, .arg = w, .hash_secret = secret};

	*w = (struct world){0};
	if (nexthops_create(&w->nexthops, NULL, &nc))
		abort();
	for (unsigned i = 0; i < ARRAY_SIZE(w->hop); i++)
		if (nexthop_add(w->nexthops, NEXTHOP_ADJACENCY, i + 1, &w->hop[i]))
			abort();
	c.nexthops = w->nexthops;
	if (rib_create(&w->rib, &c))
		abort();
}

static void close_world(struct world *w)
{
	rib_destroy(w->rib);
	nexthops_destroy(w->nexthops);
}

// As the global table has them: 60 % /24, most others shorter; in order, as the kernel dumps.
// IPv6: half /48, most others shorter, in the order of their announcement.
static struct rib_change *make_routes(const struct world *w, uint8_t family, size_t n)
{
	struct rib_change *c = mem_zalloc(n * sizeof(*c), 0);
	uint64_t at = 0x01000000ull << 32, seed = 0x5eed;

	for (size_t i = 0; i < n; i++) {
		struct rib_route *r = &c[i].route;
		uint64_t x = bench_rand(&seed), addr, len;

		if (family == AF_INET) {
			len = x % 10 < 6 ? 24 : 16 + x / 16 % 9;
			at += 1ull << (64 - len);
			at += (x >> 32 & 3) << 40;
		} else {
			len = x % 10 < 5 ? 48 : 29 + x / 16 % 20;
			at = 0x2000000000000000 | (bench_rand(&seed) >> 3);
		}
		addr = __builtin_bswap64(at & ~0ull << (64 - len));
		r->prefix.addr.family = family;
		r->prefix.len = (uint8_t)len;
		memcpy(r->prefix.addr.b, &addr, family == AF_INET ? 4 : 8);
		r->protocol = 186;
		r->metric = 20;
		r->nexthop = w->hop[x >> 40 & 63];
	}
	return c;
}

// Of this thread: these rows last long enough to be interrupted by others.
static uint64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * NS_PER_SEC + (uint64_t)t.tv_nsec;
}

// Milliseconds.
static double set_all(struct rib *r, struct rib_change *c, size_t n)
{
	uint64_t start = cpu_ns();

	for (size_t i = 0; i < n; i += MESSAGE)
		sink += rib_change_bulk(r, c + i, MIN(n - i, MESSAGE));
	return (double)(cpu_ns() - start) / 1e6;
}

static void load_rows(const struct bench_options *o, uint8_t family, const char *name, size_t n)
{
	double load[ROUNDS], again[ROUNDS], sweep[ROUNDS], change[ROUNDS], remove[ROUNDS];
	unsigned rounds = o->quick ? 7 : ROUNDS;
	struct rib_filter all = RIB_FILTER;
	struct rib_stats s = {0};
	struct rib_change *c;
	double longest = 0;
	struct world w;
	char row[64];

	snprintf(row, sizeof(row), "rib %s", name);
	if (!table_bench_wants(o, row))
		return;
	for (unsigned k = 0; k < rounds; k++) {
		uint64_t start, before;
		int more;

		open_world(&w);
		c = make_routes(&w, family, n);
		load[k] = set_all(w.rib, c, n);
		rib_stats(w.rib, family, &s);
		rib_begin_resync(w.rib, &all);
		again[k] = set_all(w.rib, c, n);
		start = cpu_ns();
		do {
			before = cpu_ns();
			more = rib_sweep(w.rib, 16384);
			longest = MAX(longest, (double)(cpu_ns() - before) / 1e6);
		} while (more);
		sweep[k] = (double)(cpu_ns() - start) / 1e6;
		for (size_t i = 0; i < n; i++)
			c[i].route.nexthop = w.hop[i % 64];
		change[k] = set_all(w.rib, c, n);
		for (size_t i = 0; i < n; i++)
			c[i].is_removal = true;
		remove[k] = set_all(w.rib, c, n);
		mem_free(c);
		close_world(&w);
	}
	snprintf(row, sizeof(row), "rib %s, bulk load of 1M, without the FIB", name);
	bench_report(o, &(struct bench_row){row, bench_median(load, rounds), "ms"});
	snprintf(row, sizeof(row), "rib %s, resync of 1M: dump", name);
	bench_report(o, &(struct bench_row){row, bench_median(again, rounds), "ms"});
	snprintf(row, sizeof(row), "rib %s, resync of 1M: sweep", name);
	bench_report(o, &(struct bench_row){row, bench_median(sweep, rounds), "ms"});
	snprintf(row, sizeof(row), "rib %s, sweep, longest step of 16384", name);
	bench_report(o, &(struct bench_row){row, longest, "ms"});
	snprintf(row, sizeof(row), "rib %s, other next hops for 1M", name);
	bench_report(o, &(struct bench_row){row, bench_median(change, rounds), "ms"});
	snprintf(row, sizeof(row), "rib %s, removal of 1M", name);
	bench_report(o, &(struct bench_row){row, bench_median(remove, rounds), "ms"});
	snprintf(row, sizeof(row), "rib %s, memory", name);
	bench_report(o, &(struct bench_row){row, (double)s.memory_bytes / (double)s.routes,
				"bytes/route", .target = 64, .better = BENCH_LOWER});
}

// -- next hops --------------------------------------------------------------------------------
struct packets {
	uint32_t *index, *hash;
};

static double resolve(const struct nexthops *t, const struct packets *p)
{
	uint64_t start = clock_cycles();

	for (size_t i = 0; i < N_PACKETS; i += BURST) {
		nexthop_hit_t hits[BURST];

		nexthop_resolve_bulk(t, p->index + i, p->hash + i, hits, BURST);
		sink += hits[i / BURST % BURST];
	}
	return (double)(clock_cycles() - start) / N_PACKETS;
}

// And what a worker does with it: read the adjacency, write the header.
static double resolve_and_rewrite(
	const struct nexthops *t, const struct adjacency *lines, const struct packets *p)
{
	static uint8_t frames[BURST][128];
	uint64_t start = clock_cycles();

	for (size_t i = 0; i < N_PACKETS; i += BURST) {
		nexthop_hit_t hits[BURST];

		nexthop_resolve_bulk(t, p->index + i, p->hash + i, hits, BURST);
		for (unsigned k = 0; k < BURST; k++)
			__builtin_prefetch(&lines[nexthop_hit_adjacency(hits[k])]);
		for (unsigned k = 0; k < BURST; k++) {
			struct rewrite r = adjacency_read(&lines[nexthop_hit_adjacency(hits[k])]);

			if (rewrite_can_forward(r))
				sink += *rewrite_apply(r, frames[k] + 64, 0x0800) + rewrite_port(r);
		}
	}
	return (double)(clock_cycles() - start) / N_PACKETS;
}

static struct neigh *make_neighbours(unsigned n)
{
	struct neigh_interface is = {.port = 1, .mtu = 1500, .mac = {{2, 0, 0, 0, 0, 1}}};
	struct neigh_config c = {.hash_secret = secret};
	struct neigh *t;

	if (neigh_create(&t, &c) || neigh_set_interface(t, 1, &is))
		abort();
	for (unsigned i = 0; i < n; i++) {
		struct ip_addr a = {
			AF_INET, {10, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i}};
		struct mac mac = mac_from_u64(0x020000000000 | (i + 1));

		a.b[3] |= 1; // pairs share one, none is a network address
		if (neigh_update(t, 1, &a, 0x02, &mac))
			abort();
	}
	return t;
}

static void resolve_rows(
	const struct bench_options *o, unsigned n_hops, unsigned n_groups, unsigned n_members)
{
	double plain[ROUNDS], whole[ROUNDS];
	unsigned rounds = o->quick ? 7 : ROUNDS, n = n_hops;
	struct nexthop_config nc = {0};
	struct nexthop_member m[256];
	uint64_t seed = 0x5eed;
	uint32_t *numbers = mem_alloc((n_hops + n_groups) * sizeof(*numbers), 0);
	struct packets p = {mem_alloc(N_PACKETS * sizeof(uint32_t), 0),
		mem_alloc(N_PACKETS * sizeof(uint32_t), 0)};
	struct nexthops *t;
	struct neigh *neigh;
	char row[64];

	if (n_groups)
		snprintf(row, sizeof(row), "next hop, %u groups of %u", n_groups, n_members);
	else
		snprintf(row, sizeof(row), "next hop, %u single ones", n_hops);
	if (!table_bench_wants(o, row))
		goto out;
	neigh = make_neighbours(n_hops);
	if (nexthops_create(&t, neigh, &nc))
		abort();
	for (unsigned i = 0; i < n_hops; i++)
		if (nexthop_add(t, NEXTHOP_ADJACENCY, 1 + i / 2, &numbers[i]))
			abort();
	for (unsigned i = 0; i < n_groups; i++) {
		for (unsigned k = 0; k < n_members; k++)
			m[k] = (struct nexthop_member){numbers[(i + k * 7) % n_hops], 1 + k % 3};
		if (nexthop_group_add(t, m, n_members, &numbers[n++]))
			abort();
	}
	for (unsigned i = 0; i < N_PACKETS; i++) {
		uint32_t which = (uint32_t)(bench_rand(&seed) >> 32);

		p.index[i] = numbers[n_groups ? n_hops + which % n_groups : which % n_hops];
		p.hash[i] = (uint32_t)(bench_rand(&seed) >> 32);
	}
	for (unsigned k = 0; k < rounds; k++) {
		plain[k] = resolve(t, &p);
		whole[k] = resolve_and_rewrite(t, neigh_lines(neigh), &p);
	}
	bench_report(o, &(struct bench_row){row, bench_median(plain, rounds), "cycles/pkt"});
	strcat(row, ", and rewrite");
	bench_report(o, &(struct bench_row){row, bench_median(whole, rounds), "cycles/pkt"});
	nexthops_destroy(t);
	neigh_destroy(neigh);
	rcu_barrier_reclaim();
out:
	mem_free(numbers);
	mem_free(p.index);
	mem_free(p.hash);
}

void bench_rib(const struct bench_options *o)
{
	load_rows(o, AF_INET, "IPv4", N_ROUTES);
	load_rows(o, AF_INET6, "IPv6", N_ROUTES);
	resolve_rows(o, 16, 0, 0);
	resolve_rows(o, 32000, 0, 0);
	resolve_rows(o, 16, 16, 4);
	resolve_rows(o, 1000, 1000, 8);
	resolve_rows(o, 256, 100, 256);
	if (sink == 1)
		puts(""); // the results were used
}
