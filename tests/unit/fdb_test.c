// SPDX-License-Identifier: BSD-3-Clause
#include "tests/unit/test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/rcu.h"
#include "dataplane/table/fdb_table.h"
#include "tests/unit/fdb_twin.h"

static const uint64_t secret[3] = {0x123456789abcdef1, 0xfedcba9876543211, 0x0f1e2d3c4b5a6979};

static struct fdb *make(uint32_t max_entries, uint32_t max_ports)
{
	struct fdb_config c = {max_entries, max_ports, 300 * NS_PER_SEC, secret};
	struct fdb *f;

	assert_int_equal(fdb_create(&f, &c), 0);
	return f;
}

static fdb_key_t nth(uint64_t i)
{
	return fdb_key(1 + i % 4000, mac_from_u64(0x020000000000 | (i + 1)));
}

static fdb_hit_t look(const struct fdb *f, fdb_key_t key)
{
	fdb_hit_t hit;

	fdb_lookup_bulk(f, &key, &hit, 1);
	return hit;
}

static void keys(void **state)
{
	const uint8_t frame[14] = {2, 0, 0, 0, 0, 1, 0x0a, 0x1b, 0x2c, 0x3d, 0x4e, 0x5f, 8, 0};
	struct mac src = {{0x0a, 0x1b, 0x2c, 0x3d, 0x4e, 0x5f}};

	assert_int_equal(fdb_key_in_frame(4094, frame + 6), fdb_key(4094, src));
	assert_int_equal(fdb_key(4094, src), 0x0a1b2c3d4e5fffe0);
	assert_true(mac_equal(fdb_key_mac(fdb_key(5, src)), src));
	assert_int_equal(fdb_key_vlan(fdb_key(5, src)), 5);
}

static void bad_input(void **state)
{
	struct fdb_config c = {.max_ports = FDB_MAX_PORTS + 1};
	struct fdb *f;
	struct mac group = {{1, 0, 0x5e, 0, 0, 1}}, zero = {0}, good = {{2, 0, 0, 0, 0, 1}};

	assert_int_equal(fdb_create(&f, &c), -EINVAL);
	c = (struct fdb_config){.max_entries = FDB_MAX_ENTRIES + 1};
	assert_int_equal(fdb_create(&f, &c), -EINVAL);
	fdb_destroy(NULL);
	f = make(100, 5);
	assert_int_equal(fdb_learn(f, fdb_key(1, group), 0, NULL), -EINVAL);
	assert_int_equal(fdb_learn(f, fdb_key(1, zero), 0, NULL), -EINVAL);
	assert_int_equal(fdb_learn(f, fdb_key(0, good), 0, NULL), -EINVAL);
	assert_int_equal(fdb_learn(f, fdb_key(4095, good), 0, NULL), -EINVAL);
	assert_int_equal(fdb_learn(f, fdb_key(1, good), 5, NULL), -EINVAL);
	assert_int_equal(fdb_add(f, fdb_key(1, good), 0, 1), -EINVAL);
	assert_int_equal(fdb_remove(f, fdb_key(1, good)), -ENOENT);
	assert_int_equal(fdb_set_limit(f, 0), -EINVAL);
	assert_int_equal(fdb_set_port_limit(f, 5, 1), -EINVAL);
	assert_int_equal(fdb_count_port(f, 9), 0);
	assert_int_equal(fdb_count_vlan(f, 9999), 0);
	assert_int_equal(look(f, fdb_key(1, group)), FDB_MISS);
	assert_int_equal(fdb_count(f), 0);
	fdb_destroy(f);
}

static void learns_moves_and_refuses(void **state)
{
	struct fdb *f = make(100, 4);
	port_id_t old = 99;

	assert_int_equal(fdb_learn(f, nth(1), 1, &old), FDB_NEW);
	assert_int_equal(look(f, nth(1)), 1);
	assert_int_equal(fdb_learn(f, nth(1), 1, &old), FDB_REFRESHED);
	assert_int_equal(old, 99);
	assert_int_equal(fdb_learn(f, nth(1), 2, &old), FDB_MOVED);
	assert_int_equal(old, 1);
	assert_int_equal(look(f, nth(1)), 2);
	assert_int_equal(fdb_add(f, nth(1), 3, FDB_LOCAL), 0);
	assert_int_equal(look(f, nth(1)), 3 | FDB_LOCAL | FDB_STATIC);
	assert_int_equal(fdb_learn(f, nth(1), 2, &old), FDB_REFUSED);
	assert_int_equal(old, 3);
	assert_int_equal(fdb_add(f, nth(2), 0, FDB_STICKY), 0);
	assert_int_equal(fdb_learn(f, nth(2), 2, &old), FDB_REFUSED);
	assert_int_equal(look(f, nth(2)), 0 | FDB_STICKY);
	assert_int_equal(fdb_remove(f, nth(2)), 0);
	assert_int_equal(look(f, nth(2)), FDB_MISS);
	fdb_destroy(f);
}

static void limits(void **state)
{
	struct fdb *f = make(10, 2);
	struct fdb_stats s;

	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(fdb_learn(f, nth(i), i & 1, NULL), FDB_NEW);
	assert_int_equal(fdb_learn(f, nth(10), 0, NULL), -ENOSPC);
	assert_int_equal(fdb_add(f, nth(10), 0, FDB_STATIC), -ENOSPC);
	assert_int_equal(fdb_learn(f, nth(3), 0, NULL), FDB_MOVED);
	assert_int_equal(fdb_set_limit(f, 12), 0);
	assert_int_equal(fdb_set_port_limit(f, 1, 4), 0);
	assert_int_equal(fdb_learn(f, nth(10), 1, NULL), -EDQUOT);
	assert_int_equal(fdb_learn(f, nth(0), 1, NULL), -EDQUOT);
	assert_int_equal(look(f, nth(0)), 0);
	assert_int_equal(fdb_add(f, nth(10), 1, FDB_STATIC), 0);
	fdb_stats(f, &s);
	assert_int_equal(s.entries, 11);
	assert_int_equal(s.full, 2);
	assert_int_equal(s.port_full, 2);
	assert_int_equal(s.learned, 10);
	fdb_destroy(f);
}

static void all_there(const struct fdb *f, uint64_t n, uint64_t from)
{
	fdb_key_t k[FDB_BURST];
	fdb_hit_t h[FDB_BURST];

	for (uint64_t i = from; i < n; i += FDB_BURST) {
		unsigned c = MIN(n - i, FDB_BURST);

		for (unsigned j = 0; j < c; j++)
			k[j] = nth(i + j);
		fdb_lookup_bulk(f, k, h, c);
		for (unsigned j = 0; j < c; j++)
			if (h[j] != (i + j) % 1000)
				fail_msg("entry %llu of %llu: %x", (unsigned long long)(i + j),
					(unsigned long long)n, h[j]);
	}
}

static void grows_to_a_million(void **state)
{
	const uint64_t n = 1200000;
	struct fdb *f = make((uint32_t)n, 0);
	struct fdb_filter port7 = {.port = 7};
	struct fdb_stats s;

	for (uint64_t i = 0; i < n; i++) {
		if (fdb_learn(f, nth(i), i % 1000, NULL) != FDB_NEW)
			fail_msg("learning entry %llu", (unsigned long long)i);
		if (i % 65536 == 12345)
			all_there(f, i + 1, i > 100000 ? i - 100000 : 0);
	}
	while (fdb_age(f, 1))
		;
	rcu_barrier_reclaim();
	all_there(f, n, 0);
	fdb_stats(f, &s);
	assert_true(s.grown >= 4);
	assert_true(s.memory_bytes < 20 * n);
	assert_int_equal(fdb_flush(f, &port7), n / 1000);
	assert_int_equal(fdb_count(f), n - n / 1000);
	assert_int_equal(fdb_flush(f, &FDB_ANY), n - n / 1000);
	assert_int_equal(fdb_count(f), 0);
	fdb_stats(f, &s);
	assert_int_equal(s.displaced, 0);
	fdb_destroy(f);
}

static void ages(void **state)
{
	struct fdb *f = make(100, 2);
	uint64_t now = 1000 * NS_PER_SEC, gone[3] = {0};
	fdb_key_t k[3] = {nth(1), nth(2), nth(3)};
	struct fdb_entry e;
	fdb_hit_t h;

	while (fdb_age(f, now))
		;
	now += 7 * NS_PER_SEC;
	fdb_learn(f, k[0], 0, NULL);
	fdb_learn(f, k[1], 0, NULL);
	fdb_add(f, k[2], 0, FDB_STATIC);
	for (unsigned s = 1; s <= 800; s++) {
		now += NS_PER_SEC;
		while (fdb_age(f, now))
			;
		if (s == 200)
			assert_int_equal(fdb_source_bulk(f, &k[1], 0, &h, 1), 0);
		if (s == 210) // of another port: no sign of life
			assert_int_equal(fdb_source_bulk(f, &k[1], 1, &h, 1), 1);
		for (unsigned i = 0; i < 3; i++)
			if (!gone[i] && fdb_find(f, k[i], now, &e))
				gone[i] = s;
		if (!gone[0]) {
			assert_int_equal(fdb_find(f, k[0], now, &e), 0);
			assert_in_range(e.age_ns / NS_PER_SEC, s < 16 ? 0 : s - 16, s);
		}
	}
	assert_in_range(gone[0], 300, 337);
	assert_in_range(gone[1], 500, 537);
	assert_int_equal(gone[2], 0);
	fdb_set_ageing(f, 0);
	fdb_learn(f, k[0], 1, NULL);
	for (unsigned s = 0; s < 6000; s += 15) { // more than 255 passes
		now += 15 * NS_PER_SEC;
		fdb_age(f, now);
	}
	assert_int_equal(fdb_find(f, k[0], now, &e), 0);
	assert_true(e.age_ns > 3000 * NS_PER_SEC);
	fdb_set_ageing(f, NS_PER_SEC);
	for (unsigned i = 0; i < 30; i++)
		while (fdb_age(f, now += NS_PER_SEC / 20))
			;
	assert_int_equal(fdb_find(f, k[0], now, &e), -ENOENT);
	fdb_destroy(f);
}

// Every allocation fails once; what was in the table stays, and learning goes on.
static void survives_lack_of_memory(void **state)
{
	struct fdb_config c = {2000, 2, 0, secret};
	unsigned failures;
	struct fdb *f = NULL;

	for (uint64_t at = 1; at <= 3; at++) {
		mem_fail_at(at);
		assert_int_equal(fdb_create(&f, &c), -ENOMEM);
		assert_null(f);
	}
	for (uint64_t at = 1; at < 20; at++) {
		mem_fail_at(0);
		f = make(c.max_entries, c.max_ports);
		mem_fail_at(at);
		for (uint64_t i = 0; i < c.max_entries; i++) {
			int got = fdb_learn(f, nth(i), i & 1, NULL);

			if (got < 0) { // no room and no memory: all else is as it was
				assert_int_equal(got, -ENOSPC);
				assert_int_equal(look(f, nth(i)), FDB_MISS);
				assert_int_equal(fdb_count(f), i);
				got = fdb_learn(f, nth(i), i & 1, NULL);
			}
			assert_int_equal(got, FDB_NEW);
		}
		for (uint64_t i = 0; i < c.max_entries; i++)
			assert_int_equal(look(f, nth(i)), i & 1);
		assert_int_equal(fdb_count(f), c.max_entries);
		fdb_destroy(f);
	}
	mem_fail_at(0);
	f = make(c.max_entries, c.max_ports);
	for (uint64_t i = failures = 0; i < 200; i++) {
		uint64_t before = fdb_count(f);

		mem_fail_at(1);
		if (fdb_learn(f, nth(i), i & 1, NULL) == FDB_NEW)
			continue;
		assert_int_equal(fdb_count(f), before);
		for (uint64_t j = 0; j < before; j++)
			assert_int_equal(look(f, nth(j)), j & 1);
		assert_int_equal(look(f, nth(i)), FDB_MISS);
		failures++;
		mem_fail_at(0);
		assert_int_equal(fdb_learn(f, nth(i), i & 1, NULL), FDB_NEW);
	}
	mem_fail_at(0);
	assert_true(failures > 0);
	fdb_destroy(f);
}

static void tables_differ_in_hash(void **state)
{
	struct fdb_config c = {.max_ports = 2};
	struct fdb *a, *b;

	assert_int_equal(fdb_create(&a, &c), 0);
	assert_int_equal(fdb_create(&b, &c), 0);
	assert_int_not_equal(a->mix.mul1, b->mix.mul1);
	for (uint64_t i = 0; i < 1000; i++)
		assert_int_equal(fdb_unhash(&a->mix, fdb_hash(&a->mix, nth(i))), nth(i));
	fdb_destroy(a);
	fdb_destroy(b);
}

// -- the twin -----------------------------------------------------------------------
static uint32_t next_random(struct twin_input *in)
{
	in->state += 0x9e3779b97f4a7c15;
	return (uint32_t)((in->state ^ in->state >> 31) * 0xbf58476d1ce4e5b9 >> 32);
}

static bool more_random(struct twin_input *in)
{
	return in->size-- > 0;
}

static void same_as_twin(uint64_t seed, size_t operations, uint32_t max_ports)
{
	struct twin_input in = {next_random, more_random, seed, NULL, operations};
	struct twin_totals t;

	printf("FDB_SEED=%llu, %zu operations, max_ports %u: ", (unsigned long long)seed,
		operations, max_ports);
	fflush(stdout);
	t = fdb_twin_run(&in, max_ports, seed);
	printf("%llu lookups (%llu hits), grown %llu times, at most %llu entries, %llu displaced, "
	       "%llu moved, %llu aged\n",
		(unsigned long long)t.lookups, (unsigned long long)t.hits,
		(unsigned long long)t.grown, (unsigned long long)t.most_entries,
		(unsigned long long)t.displaced, (unsigned long long)t.moved,
		(unsigned long long)t.aged);
	assert_true(t.hits && t.hits < t.lookups && t.moved && t.aged && t.displaced);
	assert_true(max_ports > 2 || t.grown);
}

static void behaves_like_its_twin(void **state)
{
	const char *replay = getenv("FDB_SEED"), *how_many = getenv("FDB_OPERATIONS");
	size_t operations = how_many ? strtoull(how_many, NULL, 0) : 50000;
	uint64_t fresh = replay ? strtoull(replay, NULL, 0) : (uint64_t)time(NULL);

	if (!replay)
		for (uint64_t seed = 1; seed <= 2; seed++)
			same_as_twin(seed, operations, seed & 1 ? 2 : 8);
	for (uint32_t ports = 2; ports <= 8; ports *= 2)
		same_as_twin(fresh, operations, ports);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys),
		cmocka_unit_test(bad_input),
		cmocka_unit_test(learns_moves_and_refuses),
		cmocka_unit_test(limits),
		cmocka_unit_test(grows_to_a_million),
		cmocka_unit_test(ages),
		cmocka_unit_test(survives_lack_of_memory),
		cmocka_unit_test(tables_differ_in_hash),
		cmocka_unit_test(behaves_like_its_twin),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
