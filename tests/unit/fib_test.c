// SPDX-License-Identifier: BSD-3-Clause
#include "tests/unit/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/rcu.h"
#include "tests/unit/fib_twin.h"
#include "tests/unit/fib_whitebox.h"

static struct ip_prefix prefix(const char *text)
{
	struct ip_prefix p;

	assert_true(prefix_parse(text, &p));
	return p;
}

static int set(struct fib *f, const char *text, fib_nexthop_t nexthop)
{
	struct ip_prefix p = prefix(text);

	return fib_set(f, &p, nexthop);
}

static int take(struct fib *f, const char *text)
{
	struct ip_prefix p = prefix(text);

	return fib_remove(f, &p);
}

static fib_nexthop_t look(const struct fib *f, const char *text)
{
	fib_nexthop_t nh = 0xeeeeeeee, again;
	struct ip_prefix matched;
	struct ip_addr a;

	assert_true(ip_parse(text, &a));
	if (a.family == AF_INET) {
		uint32_t v = (uint32_t)a.b[0] << 24 | a.b[1] << 16 | a.b[2] << 8 | a.b[3];

		fib_lookup4_bulk(f, &v, &nh, 1);
	} else {
		fib_lookup6_bulk(f, (const uint8_t(*)[16])a.b, &nh, 1);
	}
	if (fib_match(f, &a, &matched, &again) == -ENOENT)
		again = FIB_NO_ROUTE;
	assert_int_equal(nh, again);
	return nh;
}

static struct fib *make(void)
{
	struct fib *f;

	assert_int_equal(fib_create(&f, NULL), 0);
	return f;
}

static void bad_input(void **state)
{
	struct fib_config c = {.max_routes4 = FIB_MAX_ROUTES + 1};
	struct ip_prefix p = prefix("10.0.0.0/8");
	struct fib_stats s;
	struct fib *f;

	assert_int_equal(fib_create(&f, &c), -EINVAL);
	fib_destroy(NULL);
	f = make();
	assert_int_equal(fib_set(f, &p, 0), -EINVAL);
	assert_int_equal(fib_set(f, &p, FIB_MAX_NEXTHOP + 1), -ENOSPC);
	assert_int_equal(fib_set(f, &p, UINT32_MAX), -ENOSPC);
	assert_int_equal(fib_remove(f, &p), -ENOENT);
	p.len = 33;
	assert_int_equal(fib_set(f, &p, 1), -EINVAL);
	assert_int_equal(fib_remove(f, &p), -EINVAL);
	p.len = 6; // 10 = 000010|10
	assert_int_equal(fib_set(f, &p, 1), -EINVAL);
	p = prefix("10.0.0.128/25");
	p.len = 24;
	assert_int_equal(fib_set(f, &p, 1), -EINVAL);
	p.addr.family = 0;
	assert_int_equal(fib_set(f, &p, 1), -EINVAL);
	p = prefix("2001:db8::1/128");
	p.len = 129;
	assert_int_equal(fib_set(f, &p, 1), -EINVAL);
	p.len = 127;
	assert_int_equal(fib_set(f, &p, 1), -EINVAL);
	assert_int_equal(fib_set_limit(f, AF_INET, 0), -EINVAL);
	assert_int_equal(fib_set_limit(f, AF_UNIX, 1), -EINVAL);
	assert_int_equal(look(f, "10.0.0.1"), FIB_NO_ROUTE);
	fib_stats(f, AF_INET, &s);
	assert_int_equal(s.routes, 0);
	assert_int_equal(s.full, 2);
	fib_destroy(f);
}

static void edges(void **state)
{
	struct fib *f = make();

	assert_int_equal(look(f, "255.255.255.255"), FIB_NO_ROUTE);
	assert_int_equal(set(f, "0.0.0.0/0", 1), FIB_ADDED);
	assert_int_equal(set(f, "0.0.0.0/0", 1), FIB_SAME);
	assert_int_equal(look(f, "0.0.0.0"), 1);
	assert_int_equal(look(f, "255.255.255.255"), 1);
	assert_int_equal(set(f, "255.255.255.255/32", FIB_MAX_NEXTHOP), FIB_ADDED);
	assert_int_equal(set(f, "0.0.0.0/32", 2), FIB_ADDED);
	assert_int_equal(set(f, "0.0.0.0/1", 3), FIB_ADDED);
	assert_int_equal(look(f, "255.255.255.255"), FIB_MAX_NEXTHOP);
	assert_int_equal(look(f, "255.255.255.254"), 1);
	assert_int_equal(look(f, "0.0.0.0"), 2);
	assert_int_equal(look(f, "0.0.0.1"), 3);
	assert_int_equal(look(f, "127.255.255.255"), 3);
	assert_int_equal(look(f, "128.0.0.0"), 1);
	assert_int_equal(set(f, "0.0.0.0/1", 4), FIB_REPLACED);
	assert_int_equal(look(f, "0.0.0.1"), 4);
	assert_int_equal(take(f, "0.0.0.0/0"), FIB_REMOVED);
	assert_int_equal(take(f, "0.0.0.0/0"), -ENOENT);
	assert_int_equal(look(f, "128.0.0.0"), FIB_NO_ROUTE);
	assert_int_equal(look(f, "0.0.0.0"), 2);
	assert_int_equal(take(f, "0.0.0.0/32"), FIB_REMOVED);
	assert_int_equal(look(f, "0.0.0.0"), 4);

	assert_int_equal(set(f, "::/0", 1), FIB_ADDED);
	assert_int_equal(look(f, "::"), 1);
	assert_int_equal(set(f, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128", 2), FIB_ADDED);
	assert_int_equal(look(f, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), 2);
	assert_int_equal(look(f, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe"), 1);
	assert_int_equal(look(f, "ffff:fffe:ffff:ffff:ffff:ffff:ffff:ffff"), 1);
	assert_int_equal(set(f, "ffff:ffff:ffff::/48", 3), FIB_ADDED);
	assert_int_equal(look(f, "ffff:ffff:ffff:fff0:ffff:ffff:ffff:ffff"), 3);
	assert_int_equal(look(f, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), 2);
	assert_int_equal(take(f, "::/0"), FIB_REMOVED);
	assert_int_equal(look(f, "::"), FIB_NO_ROUTE);
	assert_int_equal(look(f, "ffff:ffff:ffff:fff0::"), 3);
	fib_check(f, false);
	fib_check(f, true);
	fib_destroy(f);
}

static void limits(void **state)
{
	struct fib_config c = {.max_routes4 = 2, .max_routes6 = 1};
	struct fib_change change[4] = {
		{prefix("10.0.0.0/24"), 7, 0},
		{prefix("10.0.1.0/24"), 8, 0},
		{prefix("10.0.2.0/24"), 9, 0},
		{prefix("10.0.1.0/24"), 0, 0},
	};
	struct fib_stats s;
	struct fib *f;

	assert_int_equal(fib_create(&f, &c), 0);
	assert_int_equal(set(f, "10.0.0.0/8", 1), FIB_ADDED);
	assert_int_equal(set(f, "10.1.0.0/16", 2), FIB_ADDED);
	assert_int_equal(set(f, "10.2.0.0/16", 3), -ENOSPC);
	assert_int_equal(look(f, "10.2.0.1"), 1);
	assert_int_equal(set(f, "10.1.0.0/16", 4), FIB_REPLACED);
	assert_int_equal(set(f, "2001:db8::/32", 4), FIB_ADDED);
	assert_int_equal(set(f, "2001:db9::/32", 4), -ENOSPC);
	assert_int_equal(take(f, "10.1.0.0/16"), FIB_REMOVED);
	assert_int_equal(fib_change_bulk(f, change, 4), 3);
	assert_int_equal(change[0].result, FIB_ADDED);
	assert_int_equal(change[1].result, -ENOSPC);
	assert_int_equal(change[2].result, -ENOSPC);
	assert_int_equal(change[3].result, -ENOENT);
	fib_stats(f, AF_INET, &s);
	assert_int_equal(s.routes, 2);
	assert_int_equal(s.full, 3);
	assert_int_equal(fib_set_limit(f, AF_INET, 3), 0);
	assert_int_equal(set(f, "10.2.0.0/16", 3), FIB_ADDED);
	fib_destroy(f);
}

static void empty_tables_are_small(void **state)
{
	struct fib *f = make();
	struct fib_stats s;

	for (int i = 0; i < 2; i++) {
		fib_stats(f, i ? AF_INET6 : AF_INET, &s);
		assert_true(s.workers_bytes + s.control_bytes <= 64 << 10);
	}
	assert_int_equal(set(f, "10.0.0.0/8", 1), FIB_ADDED);
	assert_int_equal(set(f, "2001:db8::/48", 1), FIB_ADDED);
	for (int i = 0; i < 2; i++) {
		fib_stats(f, i ? AF_INET6 : AF_INET, &s);
		assert_true(s.workers_bytes + s.control_bytes <= 64 << 10);
	}
	fib_destroy(f);
}

// A reader that was on its way to a block while a node came to stand above it, and that has an
// address which is not of this block any more, must not see what the block inherits later.
static void late_readers_see_one_state(void **state)
{
	struct fib *f = make();
	const struct lpm *t = fib_lpm(f, true);
	const struct lpm_node *node;
	const struct lpm_tail *tail;

	assert_int_equal(set(f, "2001:d00::/24", 1), FIB_ADDED);
	assert_int_equal(set(f, "2001:db8:1:2::/64", 2), FIB_ADDED);
	node = t->top; // what stood there before was replaced
	while (node->depth < 7) {
		assert_true(node->n_children);
		node = lpm_children(node)[0];
	}
	tail = lpm_tail(lpm_at(t->base, node->ref), true);
	assert_int_equal(tail->leaf[0], 1); // for 2001:db8:9::1, too
	assert_int_equal(set(f, "2001:db8:9::/48", 3), FIB_ADDED);
	assert_int_equal(take(f, "2001:d00::/24"), FIB_REMOVED);
	assert_int_equal(look(f, "2001:db8:9::1"), 3);
	assert_int_equal(tail->leaf[0], 1); // was there before; 0 never was
	fib_destroy(f);
}

// -- generated tables --------------------------------------------------------------------
static uint32_t next_random(struct twin_input *in)
{
	in->state += 0x9e3779b97f4a7c15;
	return (uint32_t)((in->state ^ in->state >> 31) * 0xbf58476d1ce4e5b9 >> 32);
}

// Different for each i below 65536.
static struct ip_prefix nth(uint64_t i, bool ip6)
{
	struct twin_input in = {.state = i * 77};
	struct ip_prefix p = {.addr.family = ip6 ? AF_INET6 : AF_INET};
	uint32_t r = next_random(&in);

	if (ip6) {
		p.addr.b[0] = 0x20;
		p.addr.b[1] = r & 3;
		p.addr.b[2] = r >> 2 & 15;
		p.addr.b[3] = r >> 6 & 15;
		p.addr.b[4] = (uint8_t)(i >> 8);
		p.addr.b[5] = (uint8_t)i;
		p.len = 48;
		if (r >> 28 == 0)
			p.len = 128, p.addr.b[9] = (uint8_t)(i >> 16), p.addr.b[15] = 1;
		return p;
	}
	p.addr.b[0] = 1 + r % 32;
	p.addr.b[1] = (uint8_t)(i >> 8);
	p.addr.b[2] = (uint8_t)i;
	p.addr.b[3] = r >> 28 == 0;
	p.len = r >> 28 == 0 ? 32 : 24;
	return p;
}

// Everything that goes in comes out again, and so does the memory.
static void returns_memory(void **state)
{
	struct fib_change *c = calloc(30000, sizeof(*c));
	struct fib *f = make();
	struct fib_stats s, first = {0};

	for (unsigned round = 0; round < 4; round++) {
		for (int ip6 = 0; ip6 < 2; ip6++) {
			int family = ip6 ? AF_INET6 : AF_INET;

			for (unsigned i = 0; i < 30000; i++)
				c[i] = (struct fib_change){nth(i, ip6), 1 + i % 100, 0};
			assert_int_equal(fib_change_bulk(f, c, 30000), 0);
			for (unsigned i = 0; i < 30000; i++)
				fib_set(f, &c[i].prefix, 1 + (i + round) % 100);
			rcu_barrier_reclaim();
			fib_check(f, ip6);
			fib_stats(f, family, &s);
			assert_int_equal(s.retired, 0);
			if (round == 1 && ip6 == 1)
				first = s;
			else if (ip6 == 1 && round > 1)
				assert_true(s.workers_bytes <=
					    first.workers_bytes + first.workers_bytes / 8);
			for (unsigned i = 0; i < 30000; i++)
				c[i] = (struct fib_change){nth(i, ip6), 0, 0};
			fib_change_bulk(f, c, 30000);
			rcu_barrier_reclaim();
			fib_stats(f, family, &s);
			assert_int_equal(s.routes, 0);
			assert_int_equal(s.blocks, 0);
			assert_int_equal(s.retired, 0);
			assert_true(s.workers_bytes <= 4 << 20);
		}
	}
	fib_destroy(f);
	free(c);
}

static bool there(const struct fib *f, unsigned n, bool ip6)
{
	for (unsigned i = 0; i < n; i++) {
		struct ip_prefix p = nth(i, ip6);
		fib_nexthop_t nh;

		if (fib_find(f, &p, &nh))
			return false;
	}
	return true;
}

// Every allocation of a life fails once; each time the table is as it was, and the change
// succeeds afterwards.
static void survives_lack_of_memory(void **state)
{
	uint64_t failures = 0;
	struct fib *f;

	for (uint64_t at = 1; at <= 11; at++) {
		mem_fail_at(at);
		f = NULL;
		assert_int_equal(fib_create(&f, NULL), -ENOMEM);
		assert_null(f);
	}
	mem_fail_at(0);
	for (int ip6 = 0; ip6 < 2; ip6++) {
		f = make();
		for (unsigned i = 0; i < 320; i++) {
			struct ip_prefix p = nth(i, ip6);

			for (uint64_t at = 1;; at++) {
				uint32_t routes = fib_lpm(f, ip6)->n_routes;
				int got;

				mem_fail_at(at);
				got = fib_set(f, &p, 1 + i % 7);
				if (got >= 0) {
					mem_fail_at(0);
					break;
				}
				failures++;
				mem_fail_at(0);
				assert_int_equal(got, -ENOMEM);
				assert_int_equal(fib_lpm(f, ip6)->n_routes, routes);
				fib_check(f, ip6);
				assert_true(there(f, i, ip6));
				assert_false(i && there(f, i + 1, ip6));
			}
		}
		for (unsigned i = 320; i-- > 0;) {
			struct ip_prefix p = nth(i, ip6);

			for (uint64_t at = 1;; at++) {
				int got;

				mem_fail_at(at);
				got = fib_remove(f, &p);
				mem_fail_at(0);
				if (got != -ENOMEM)
					break;
				failures++;
				fib_check(f, ip6);
				assert_true(there(f, i + 1, ip6));
			}
			rcu_reclaim(0);
		}
		assert_int_equal(fib_lpm(f, ip6)->n_routes, 0);
		fib_destroy(f);
	}
	assert_true(failures > 1500);
}

static void bulk_survives_lack_of_memory(void **state)
{
	struct fib_change c[320];

	for (uint64_t at = 1; at < 400; at += at < 60 ? 1 : 13) {
		for (int ip6 = 0; ip6 < 2; ip6++) {
			struct fib *f = make();
			size_t failed, missing = 0;

			for (unsigned i = 0; i < 320; i++)
				c[i] = (struct fib_change){nth(i, ip6), 1 + i % 7, 0};
			mem_fail_at(at);
			failed = fib_change_bulk(f, c, 320);
			mem_fail_at(0);
			fib_check(f, ip6);
			for (unsigned i = 0; i < 320; i++) {
				fib_nexthop_t nh;
				int got = fib_find(f, &c[i].prefix, &nh);

				missing += got != 0;
				assert_true(c[i].result >= 0 ? got == 0 : c[i].result == -ENOMEM);
			}
			assert_true(missing <= failed);
			fib_destroy(f);
		}
	}
}

// -- the twin -----------------------------------------------------------------------
static bool more_random(struct twin_input *in)
{
	return in->size-- > 0;
}

static void same_as_twin(uint64_t seed, size_t operations, bool ip6)
{
	struct twin_input in = {next_random, more_random, seed, NULL, operations};
	struct twin_totals t;

	printf("FIB_SEED=%llu, %zu operations, %s: ", (unsigned long long)seed, operations,
		ip6 ? "IPv6" : "IPv4");
	fflush(stdout);
	t = fib_twin_run(&in, ip6);
	printf("%llu changes, %llu lookups (%llu hits), at most %llu routes, root widened %llu and "
	       "narrowed %llu times, %llu arrays\n",
		(unsigned long long)t.changes, (unsigned long long)t.lookups,
		(unsigned long long)t.hits, (unsigned long long)t.most_routes,
		(unsigned long long)t.wide, (unsigned long long)t.narrow,
		(unsigned long long)t.flat);
	assert_true(ip6 || t.flat || !TWIN_HAS_FLAT);
	assert_true(t.hits && t.hits < t.lookups && t.wide && t.narrow);
}

static void behaves_like_its_twin(void **state)
{
	const char *replay = getenv("FIB_SEED"), *how_many = getenv("FIB_OPERATIONS");
	size_t operations = how_many ? strtoull(how_many, NULL, 0) : 6000;
	uint64_t fresh = replay ? strtoull(replay, NULL, 0) : (uint64_t)time(NULL);

	for (int ip6 = 0; ip6 < 2; ip6++) {
		if (!replay)
			for (uint64_t seed = 1; seed <= 2; seed++)
				same_as_twin(seed, operations, ip6);
		same_as_twin(fresh, operations, ip6);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_input),
		cmocka_unit_test(edges),
		cmocka_unit_test(limits),
		cmocka_unit_test(empty_tables_are_small),
		cmocka_unit_test(late_readers_see_one_state),
		cmocka_unit_test(returns_memory),
		cmocka_unit_test(survives_lack_of_memory),
		cmocka_unit_test(bulk_survives_lack_of_memory),
		cmocka_unit_test(behaves_like_its_twin),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
