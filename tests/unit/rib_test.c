// SPDX-License-Identifier: BSD-3-Clause
#include "tests/unit/test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "base/mem.h"
#include "base/rcu.h"
#include "control/rib_private.h"
#include "dataplane/table/nexthop.h"
#include "tests/unit/rib_twin.h"

static const uint64_t secret[2] = {0x9ae16a3b2f90404f, 0xc949c7defd414d75};

// A FIB that counts, and refuses when told to.
struct fib {
	size_t n, calls;
	int refuse;
	struct rib_best last;
};

static void install(void *arg, uint16_t table, struct rib_best *best, size_t n)
{
	struct fib *f = arg;

	f->calls++;
	f->n += n;
	f->last = best[n - 1];
	for (size_t i = 0; i < n; i++)
		best[i].result = f->refuse;
}

struct world {
	struct fib fib;
	struct nexthops *nexthops;
	struct rib *rib;
	uint32_t hop[3];
};

static void make(struct world *w, uint32_t max4)
{
	struct nexthop_config nc = {0};
	struct rib_config c = {
		.install = install, .arg = &w->fib, .max_routes4 = max4, .hash_secret = secret};

	*w = (struct world){0};
	assert_int_equal(nexthops_create(&w->nexthops, NULL, &nc), 0);
	c.nexthops = w->nexthops;
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(nexthop_add(w->nexthops, NEXTHOP_ADJACENCY, i + 1, &w->hop[i]), 0);
	assert_int_equal(rib_create(&w->rib, &c), 0);
}

static void unmake(struct world *w)
{
	struct nexthop_entry e;

	rib_destroy(w->rib);
	for (unsigned i = 0; i < 3; i++) { // every hold was put
		assert_int_equal(nexthop_find(w->nexthops, w->hop[i], &e), 0);
		assert_int_equal(e.n_holds, 1);
	}
	nexthops_destroy(w->nexthops);
}

static struct rib_route route(const char *prefix, uint32_t metric, uint32_t nexthop)
{
	struct rib_route r = {.metric = metric, .nexthop = nexthop, .protocol = 4};

	assert_true(prefix_parse(prefix, &r.prefix));
	return r;
}

// IPv4 /24 of many; the second octet onwards counts.
static struct rib_route nth(uint32_t i, uint32_t nexthop)
{
	struct rib_route r = {.nexthop = nexthop, .protocol = 186};

	r.prefix.addr.family = AF_INET;
	r.prefix.addr.b[0] = (uint8_t)(1 + (i >> 16));
	r.prefix.addr.b[1] = (uint8_t)(i >> 8);
	r.prefix.addr.b[2] = (uint8_t)i;
	r.prefix.len = 24;
	return r;
}

static void edges(void **state)
{
	static const char *const prefixes[] = {"0.0.0.0/0", "::/0", "255.255.255.255/32",
		"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128", "0.0.0.0/32", "::/128", "10.0.0.0/8",
		"10.0.0.0/9", "128.0.0.0/1", "8000::/1"};
	struct rib_route r, got[2];
	struct world w;

	make(&w, 0);
	for (unsigned i = 0; i < ARRAY_SIZE(prefixes); i++) {
		r = route(prefixes[i], 0, w.hop[i % 3]);
		assert_int_equal(rib_remove(w.rib, &r), -ENOENT);
		assert_int_equal(rib_set(w.rib, &r), 0);
		assert_int_equal(w.fib.n, i + 1);
		assert_int_equal(rib_set(w.rib, &r), 0); // a duplicate: nothing for the FIB
		assert_int_equal(w.fib.n, i + 1);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(prefixes); i++) {
		r = route(prefixes[i], 0, w.hop[i % 3]);
		assert_int_equal(rib_find(w.rib, 0, &r.prefix, got, 2), 1);
		assert_memory_equal(&got[0].prefix, &r.prefix, sizeof(r.prefix));
		assert_int_equal(got[0].nexthop, r.nexthop);
		assert_int_equal(got[0].protocol, r.protocol);
		r.metric = 1; // another candidate
		assert_int_equal(rib_remove(w.rib, &r), -ENOENT);
		r.metric = 0;
		r.table = 1; // another table
		assert_int_equal(rib_remove(w.rib, &r), -ENOENT);
		r.table = 0;
		assert_int_equal(rib_remove(w.rib, &r), 0);
		assert_int_equal(w.fib.last.nexthop, 0);
		assert_int_equal(rib_remove(w.rib, &r), -ENOENT);
	}
	unmake(&w);
}

static void bad_input(void **state)
{
	struct rib_config c = {.install = install, .max_routes4 = RIB_MAX_ROUTES + 1};
	struct rib_route r;
	struct world w;
	struct rib *none;

	assert_int_equal(rib_create(&none, &c), -EINVAL);
	c = (struct rib_config){.max_routes6 = RIB_MAX_ROUTES + 1};
	assert_int_equal(rib_create(&none, &c), -EINVAL);
	rib_destroy(NULL);
	make(&w, 0);
	r = route("10.0.0.0/8", 0, 0);
	assert_int_equal(rib_set(w.rib, &r), -ENOENT); // no next hop
	r.nexthop = w.hop[2] + 1;
	assert_int_equal(rib_set(w.rib, &r), -ENOENT); // unknown
	r.nexthop = UINT32_MAX;
	assert_int_equal(rib_set(w.rib, &r), -ENOENT);
	r.nexthop = 65536 + w.hop[0];
	assert_int_equal(rib_set(w.rib, &r), -ENOENT);
	r.nexthop = w.hop[0];
	r.prefix.addr.b[3] = 1; // host bits
	assert_int_equal(rib_set(w.rib, &r), -EINVAL);
	r = route("10.0.0.0/8", 0, w.hop[0]);
	r.prefix.len = 33;
	assert_int_equal(rib_set(w.rib, &r), -EINVAL);
	r.prefix.len = 255;
	assert_int_equal(rib_remove(w.rib, &r), -EINVAL);
	r = route("2001:db8::/32", 0, w.hop[0]);
	r.prefix.len = 129;
	assert_int_equal(rib_set(w.rib, &r), -EINVAL);
	r.prefix.len = 31; // 2001:db8 has bit 29 set, and 31 does not cut it
	assert_int_equal(rib_set(w.rib, &r), 0);
	assert_int_equal(rib_remove(w.rib, &r), 0);
	r.prefix.len = 28;
	assert_int_equal(rib_set(w.rib, &r), -EINVAL);
	r.prefix.addr.family = 77;
	assert_int_equal(rib_set(w.rib, &r), -EINVAL);
	r = route("10.0.0.0/8", 0, w.hop[0]);
	r.table = RIB_MAX_TABLES;
	assert_int_equal(rib_set(w.rib, &r), -EINVAL);
	assert_int_equal(rib_count(w.rib, RIB_MAX_TABLES, AF_INET), 0);
	assert_int_equal(w.fib.n, 2);
	assert_int_equal(rib_sweep(w.rib, 10), -EINVAL);
	unmake(&w);
}

static void limit(void **state)
{
	struct rib_route r, got;
	struct rib_stats s;
	struct world w;

	make(&w, 10);
	for (unsigned i = 0; i < 10; i++) {
		r = nth(i, w.hop[0]);
		assert_int_equal(rib_set(w.rib, &r), 0);
	}
	r = nth(10, w.hop[0]);
	assert_int_equal(rib_set(w.rib, &r), -ENOSPC);
	assert_int_equal(rib_find(w.rib, 0, &r.prefix, NULL, 0), 0);
	r = nth(3, w.hop[0]);
	r.metric = 9;
	assert_int_equal(rib_set(w.rib, &r), -ENOSPC);
	for (unsigned i = 0; i < 10; i++) { // what is there stays, and may change
		r = nth(i, w.hop[1]);
		assert_int_equal(rib_set(w.rib, &r), 0);
		assert_int_equal(rib_find(w.rib, 0, &r.prefix, &got, 1), 1);
		assert_int_equal(got.nexthop, w.hop[1]);
	}
	rib_stats(w.rib, AF_INET, &s);
	assert_int_equal(s.full, 2);
	assert_int_equal(s.routes, 10);
	r = route("::/0", 0, w.hop[0]); // the families' limits are their own
	assert_int_equal(rib_set(w.rib, &r), 0);
	w.fib.refuse = -ENOSPC; // now the FIB is full
	r = nth(3, w.hop[2]);
	assert_int_equal(rib_set(w.rib, &r), -ENOSPC);
	r = nth(4, 0);
	assert_int_equal(rib_remove(w.rib, &r), -ENOSPC);
	w.fib.refuse = 0;
	assert_int_equal(rib_find(w.rib, 0, &r.prefix, &got, 1), 1);
	r = nth(3, 0);
	assert_int_equal(rib_find(w.rib, 0, &r.prefix, &got, 1), 1);
	assert_int_equal(got.nexthop, w.hop[1]);
	rib_stats(w.rib, AF_INET, &s);
	assert_int_equal(s.refused, 2);
	unmake(&w);
}

static void load(struct world *w, uint32_t n, uint32_t nexthop)
{
	static struct rib_change c[500];

	for (uint32_t i = 0; i < n; i += 500) {
		unsigned some = MIN(n - i, 500);

		for (unsigned k = 0; k < some; k++)
			c[k] = (struct rib_change){.route = nth(i + k, nexthop)};
		assert_int_equal(rib_change_bulk(w->rib, c, some), 0);
	}
}

static void a_million_and_resyncs(void **state)
{
	const uint32_t n = 1000000;
	struct rib_filter bgp = RIB_FILTER;
	struct rib_route own, r;
	struct rib_stats s;
	struct world w;
	uint64_t cursor = 0;

	make(&w, 0);
	bgp.protocol = 186;
	own = route("0.0.0.0/0", 0, w.hop[2]);
	assert_int_equal(rib_set(w.rib, &own), 0);
	load(&w, n, w.hop[0]);
	assert_int_equal(w.fib.n, n + 1);
	assert_true(w.fib.calls < n / 100);
	rib_stats(w.rib, AF_INET, &s);
	printf("%.1f bytes a route\n", (double)s.memory_bytes / n);
	assert_true(s.memory_bytes < 40ull * n);
	// The same again: the FIB hears nothing. Then only a part: the rest goes, one by one.
	rib_begin_resync(w.rib, &bgp);
	load(&w, n, w.hop[0]);
	while (rib_sweep(w.rib, 5000))
		;
	assert_int_equal(w.fib.n, n + 1);
	rib_begin_resync(w.rib, &bgp);
	load(&w, n - 1000, w.hop[0]);
	rib_begin_resync(w.rib, &bgp); // begun again
	load(&w, n - 2000, w.hop[0]);
	while (rib_sweep(w.rib, 5000))
		;
	assert_int_equal(w.fib.n, n + 1 + 2000);
	assert_int_equal(rib_count(w.rib, 0, AF_INET), n - 2000 + 1);
	rib_stats(w.rib, AF_INET, &s);
	assert_int_equal(s.swept, 2000);
	for (unsigned i = 0; i < 600; i++) // more than a generation's 8 bits tell
		rib_begin_resync(w.rib, &bgp);
	load(&w, 1000, w.hop[1]);
	while (rib_sweep(w.rib, 100000))
		;
	assert_int_equal(rib_count(w.rib, 0, AF_INET), 1001);
	r = nth(999, 0);
	assert_int_equal(rib_find(w.rib, 0, &r.prefix, &r, 1), 1);
	assert_int_equal(r.nexthop, w.hop[1]);
	while (rib_flush(w.rib, &bgp, &cursor, 100))
		;
	assert_int_equal(rib_count(w.rib, 0, AF_INET), 1);
	assert_int_equal(rib_find(w.rib, 0, &own.prefix, &r, 1), 1);
	unmake(&w);
}

// Generations have 8 bits: what 255 resyncs of others passed over is still known as old.
static void tells_old_from_new(void **state)
{
	struct rib_filter bgp = RIB_FILTER, all = RIB_FILTER;
	struct rib_route own;
	struct world w;

	make(&w, 0);
	bgp.protocol = 186;
	bgp.family = AF_INET6;
	own = route("10.0.0.0/8", 0, w.hop[2]);
	for (unsigned n = 250; n < 260; n++) {
		assert_int_equal(rib_set(w.rib, &own), 0);
		for (unsigned i = 0; i < n; i++) {
			rib_begin_resync(w.rib, &bgp);
			while (rib_sweep(w.rib, 1))
				;
		}
		assert_int_equal(rib_count(w.rib, 0, AF_INET), 1);
		rib_begin_resync(w.rib, &all);
		while (rib_sweep(w.rib, 10))
			;
		assert_int_equal(rib_count(w.rib, 0, AF_INET), 0);
	}
	unmake(&w);
}

// Every allocation fails once: an error, and all is as before.
static void survives_lack_of_memory(void **state)
{
	struct nexthop_config nc = {0};
	struct rib_config c = {.install = install, .hash_secret = secret};
	struct rib_route r, got;
	unsigned failures = 0;
	struct world w;
	struct rib *none = NULL;

	for (uint64_t at = 1; at <= 7; at++) {
		mem_fail_at(at);
		assert_int_equal(rib_create(&none, &c), -ENOMEM);
		assert_null(none);
	}
	mem_fail_at(0);
	assert_int_equal(nexthops_create(&w.nexthops, NULL, &nc), 0);
	c.nexthops = w.nexthops;
	assert_int_equal(rib_create(&none, &c), 0);
	assert_int_equal(mem_alloc_count(), 8 + 7); // none was left out
	rib_destroy(none);
	nexthops_destroy(w.nexthops);
	make(&w, 0);
	for (uint32_t i = 0; i < 300000; i++) { // more than a block of each kind
		struct rib_stats before, after;
		int err;

		r = nth(i, w.hop[0]);
		rib_stats(w.rib, AF_INET, &before);
		mem_fail_at(1);
		err = rib_set(w.rib, &r);
		mem_fail_at(0);
		if (!err)
			continue;
		failures++;
		assert_int_equal(err, -ENOMEM);
		rib_stats(w.rib, AF_INET, &after);
		assert_memory_equal(&before, &after, sizeof(before));
		assert_int_equal(w.fib.n, i);
		assert_int_equal(rib_find(w.rib, 0, &r.prefix, NULL, 0), 0);
		assert_int_equal(rib_set(w.rib, &r), 0);
	}
	assert_int_equal(failures, 2);
	for (uint32_t i = 0; i < 300000; i++) { // chains that could not be shortened are right
		r = nth(i, w.hop[0]);
		assert_int_equal(rib_find(w.rib, 0, &r.prefix, &got, 1), 1);
		assert_int_equal(got.nexthop, w.hop[0]);
	}
	unmake(&w);
}

static void same_as_twin(uint64_t seed, size_t operations, uint32_t max_routes)
{
	struct operations o = {.state = seed, .left = operations};
	struct rib_twin_totals t;

	printf("RIB_SEED=%llu, %zu operations, at most %u routes: ", (unsigned long long)seed,
		operations, max_routes);
	fflush(stdout);
	t = rib_twin_run(&o, max_routes);
	printf("%llu changes, %llu installs, %llu refused, %llu full, %llu swept, at most %llu\n",
		(unsigned long long)t.changes, (unsigned long long)t.installs,
		(unsigned long long)t.refused, (unsigned long long)t.full,
		(unsigned long long)t.swept, (unsigned long long)t.most_routes);
	assert_true(t.refused && t.installs > t.refused && t.swept && t.most_routes > 100);
	assert_true(!max_routes || t.full);
}

static void behaves_like_its_twin(void **state)
{
	const char *replay = getenv("RIB_SEED"), *how_many = getenv("RIB_OPERATIONS");
	size_t operations = how_many ? strtoull(how_many, NULL, 0) : 20000;
	uint64_t fresh = replay ? strtoull(replay, NULL, 0) : (uint64_t)time(NULL);

	if (!replay)
		same_as_twin(1, operations, 0);
	if (!replay)
		same_as_twin(2, operations, 500);
	same_as_twin(fresh, operations, 0);
	same_as_twin(fresh, operations, 300);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(edges),
		cmocka_unit_test(bad_input),
		cmocka_unit_test(limit),
		cmocka_unit_test(a_million_and_resyncs),
		cmocka_unit_test(tells_old_from_new),
		cmocka_unit_test(survives_lack_of_memory),
		cmocka_unit_test(behaves_like_its_twin),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
