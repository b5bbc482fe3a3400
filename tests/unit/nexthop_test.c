// SPDX-License-Identifier: BSD-3-Clause
#include "tests/unit/test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#include "base/mem.h"
#include "base/rcu.h"
#include "dataplane/table/neigh.h"
#include "dataplane/table/nexthop_table.h"
#include "tests/unit/nexthop_twin.h"

static struct nexthops *make(struct neigh *neigh, uint32_t max, uint32_t members, uint32_t buckets)
{
	struct nexthop_config c = {max, members, buckets};
	struct nexthops *t;

	assert_int_equal(nexthops_create(&t, neigh, &c), 0);
	return t;
}

static nexthop_hit_t resolve(const struct nexthops *t, uint32_t index, uint32_t hash)
{
	nexthop_hit_t hit;

	nexthop_resolve_bulk(t, &index, &hash, &hit, 1);
	return hit;
}

static void edges(void **state)
{
	struct nexthop_config bad = {.max_nexthops = NEXTHOP_MAX + 1};
	struct nexthop_entry e;
	struct nexthops *t;
	uint32_t i, last = 0;
	struct nexthop_stats s;

	assert_int_equal(nexthops_create(&t, NULL, &bad), -EINVAL);
	bad = (struct nexthop_config){.max_members = NEXTHOP_MEMBERS + 1};
	assert_int_equal(nexthops_create(&t, NULL, &bad), -EINVAL);
	nexthops_destroy(NULL);
	t = make(NULL, 0, 0, 0);
	assert_int_equal(resolve(t, 0, 0), 0);
	assert_int_equal(resolve(t, 0xffff, 0), 0);
	assert_int_equal(resolve(t, 12345678, 0), 0); // never given by a FIB, but no fault
	assert_int_equal(nexthop_find(t, 0, &e), -ENOENT);
	assert_int_equal(nexthop_find(t, UINT32_MAX, &e), -ENOENT);
	assert_int_equal(nexthop_hold(t, UINT32_MAX), -ENOENT);
	assert_int_equal(nexthop_set(t, 1, NEXTHOP_LOCAL, 0), -ENOENT);
	assert_int_equal(nexthop_add(t, NEXTHOP_NONE, 0, &i), -EINVAL);
	assert_int_equal(nexthop_add(t, N_NEXTHOP_KINDS, 0, &i), -EINVAL);
	assert_int_equal(nexthop_add(t, NEXTHOP_ADJACENCY, 0, &i), -EINVAL);
	assert_int_equal(nexthop_add(t, NEXTHOP_ADJACENCY, NEIGH_MAX + 1, &i), -EINVAL);
	assert_int_equal(nexthop_add(t, NEXTHOP_BLACKHOLE, 1, &i), -EINVAL);
	for (unsigned k = NEXTHOP_EXCEPTION; k < N_NEXTHOP_KINDS; k++) {
		assert_int_equal(nexthop_add(t, k, 0, &i), 0);
		assert_int_equal(nexthop_hit_kind(resolve(t, i, 0)), k);
		assert_int_equal(nexthop_hit_adjacency(resolve(t, i, 0)), 0);
	}
	while (!nexthop_add(t, NEXTHOP_ADJACENCY, NEIGH_MAX, &i)) // to the last number
		last = i;
	assert_int_equal(last, NEXTHOP_MAX);
	assert_int_equal(nexthop_hit_adjacency(resolve(t, last, 0)), NEIGH_MAX);
	assert_int_equal(nexthop_hit_kind(resolve(t, last, 0)), NEXTHOP_ADJACENCY);
	nexthop_stats(t, &s);
	assert_int_equal(s.entries, NEXTHOP_MAX);
	assert_int_equal(s.full, 1);
	// A number that was given up keeps its content for a grace period and is free after it.
	nexthop_put(t, last);
	assert_int_equal(nexthop_find(t, last, &e), -ENOENT);
	assert_int_equal(nexthop_hold(t, last), -ENOENT);
	assert_int_equal(resolve(t, last, 0), NEXTHOP_ADJACENCY << 24 | NEIGH_MAX);
	assert_int_equal(nexthop_add(t, NEXTHOP_LOCAL, 0, &i), -ENOSPC);
	rcu_barrier_reclaim();
	assert_int_equal(resolve(t, last, 0), 0);
	assert_int_equal(nexthop_add(t, NEXTHOP_LOCAL, 0, &i), 0);
	assert_int_equal(i, last);
	nexthops_destroy(t);
}

static void holds_adjacencies(void **state)
{
	const uint64_t secret[2] = {1, 3};
	struct neigh_config nc = {.hash_secret = secret};
	struct ip_addr a = {AF_INET, {10, 0, 0, 1}}, b = {AF_INET, {10, 0, 0, 2}};
	struct nexthop_member m;
	uint32_t one, two, i, g;
	struct neigh_entry e;
	struct nexthops *t;
	struct neigh *neigh;

	assert_int_equal(neigh_create(&neigh, &nc), 0);
	t = make(neigh, 0, 0, 0);
	assert_int_equal(neigh_hold(neigh, 1, &a, &one), 0);
	assert_int_equal(neigh_hold(neigh, 1, &b, &two), 0);
	assert_int_equal(nexthop_add(t, NEXTHOP_ADJACENCY, one, &i), 0);
	neigh_put(neigh, one); // the next hop's hold remains
	neigh_find(neigh, 1, &a, &e);
	assert_int_equal(e.n_holds, 1);
	assert_int_equal(nexthop_set(t, i, NEXTHOP_ADJACENCY, one), 0);
	assert_int_equal(nexthop_set(t, i, NEXTHOP_ADJACENCY, two), 0);
	assert_int_equal(neigh_find(neigh, 1, &a, &e), -ENOENT);
	neigh_put(neigh, two);
	m = (struct nexthop_member){i, 1};
	assert_int_equal(nexthop_group_add(t, &m, 1, &g), 0);
	nexthop_put(t, i); // the group's hold remains
	assert_int_equal(resolve(t, g, 0), NEXTHOP_ADJACENCY << 24 | two);
	nexthop_put(t, g);
	assert_int_equal(neigh_find(neigh, 1, &b, &e), -ENOENT);
	assert_int_equal(neigh_hold(neigh, 1, &b, &two), 0);
	assert_int_equal(nexthop_add(t, NEXTHOP_ADJACENCY, two, &i), 0);
	nexthops_destroy(t); // during the grace period; puts what is held
	neigh_find(neigh, 1, &b, &e);
	assert_int_equal(e.n_holds, 1);
	neigh_destroy(neigh);
	rcu_barrier_reclaim();
}

// What a number may lead to, whatever the hash.
static void all_hits(void **state)
{
	struct nexthop_member m[3] = {{0, 1}, {0, 2}, {0, 5}};
	struct nexthops *t = make(NULL, 0, 0, 0);
	nexthop_hit_t hit[64];
	unsigned n, total = 0, seen[3] = {0};
	uint32_t i, g;

	assert_int_equal(nexthop_hits(t, 0, 0, hit, 64), 1); // no route: NEXTHOP_NONE
	assert_int_equal(hit[0], 0);
	assert_int_equal(nexthop_add(t, NEXTHOP_LOCAL, 0, &i), 0);
	assert_int_equal(nexthop_hits(t, i, 0, hit, 64), 1);
	assert_int_equal(nexthop_hit_kind(hit[0]), NEXTHOP_LOCAL);
	assert_int_equal(nexthop_hits(t, i, 1, hit, 64), 0);
	for (unsigned k = 0; k < 3; k++)
		assert_int_equal(nexthop_add(t, NEXTHOP_ADJACENCY, 10 + k, &m[k].index), 0);
	assert_int_equal(nexthop_group_add(t, m, 3, &g), 0);
	for (; (n = nexthop_hits(t, g, total, hit, 50)); total += n)
		for (unsigned k = 0; k < n; k++)
			seen[nexthop_hit_adjacency(hit[k]) - 10]++;
	assert_int_equal(total, 256);
	for (unsigned k = 0; k < 3; k++)
		assert_int_equal(seen[k], 256 * m[k].weight / 8);
	nexthops_destroy(t);
}

// -- groups: figures -----------------------------------------------------------------------
#define N_FLOWS 100000

static uint32_t flow_hash(uint32_t i)
{
	uint64_t x = (i + 1) * 0x9e3779b97f4a7c15ull;

	return (uint32_t)((x ^ x >> 31) * 0xbf58476d1ce4e5b9 >> 32);
}

static void flows(const struct nexthops *t, uint32_t group, uint32_t *adjacency)
{
	for (uint32_t i = 0; i < N_FLOWS; i++)
		adjacency[i] = nexthop_hit_adjacency(resolve(t, group, flow_hash(i)));
}

// Of flows whose member stays: the share that moved. Of all flows: the share that moved.
static void moved(const char *what, const uint32_t *before, const uint32_t *after, unsigned n_stay,
	double least, double most)
{
	unsigned all = 0, needless = 0;

	for (unsigned i = 0; i < N_FLOWS; i++) {
		all += before[i] != after[i];
		// from one that stays to one that was there too
		needless += before[i] != after[i] && before[i] <= n_stay && after[i] <= n_stay;
	}
	printf("%s: %.2f %% of the flows moved, %.2f %% between members that stay\n", what,
		all * 100.0 / N_FLOWS, needless * 100.0 / N_FLOWS);
	assert_true(all >= N_FLOWS * least && all <= N_FLOWS * most);
	assert_int_equal(needless, 0);
}

static void keeps_flows(void **state)
{
	static uint32_t before[N_FLOWS], after[N_FLOWS], again[N_FLOWS];
	const unsigned sizes[] = {2, 3, 8, 16, 64, 255};
	struct nexthops *t = make(NULL, 0, 0, 0);
	struct nexthop_member m[257];
	char what[64];
	uint32_t g;

	for (unsigned i = 0; i < 257; i++) {
		m[i].weight = 1;
		assert_int_equal(nexthop_add(t, NEXTHOP_ADJACENCY, i + 1, &m[i].index), 0);
	}
	for (unsigned k = 0; k < ARRAY_SIZE(sizes); k++) {
		unsigned n = sizes[k];

		assert_int_equal(nexthop_group_add(t, m, n, &g), 0);
		flows(t, g, before);
		assert_int_equal(nexthop_group_set(t, g, m, n), 0);
		flows(t, g, after);
		assert_memory_equal(before, after, sizeof(before));
		assert_int_equal(nexthop_group_set(t, g, m, n - 1), 0); // loses the last one
		flows(t, g, after);
		snprintf(what, sizeof(what), "%u members, one lost (1/n = %.2f %%)", n, 100.0 / n);
		moved(what, before, after, n - 1, 0.85 / n, 1.15 / n);
		assert_int_equal(nexthop_group_set(t, g, m, n), 0); // and gets it back
		flows(t, g, again);
		snprintf(
			what, sizeof(what), "%u members, one gained (1/n = %.2f %%)", n, 100.0 / n);
		moved(what, after, again, n - 1, 0.85 / n, 1.15 / n);
		assert_int_equal(nexthop_group_set(t, g, m, n + 1), 0); // perhaps more buckets
		flows(t, g, after);
		snprintf(what, sizeof(what), "%u members, one more", n);
		moved(what, again, after, n, 0.8 / (n + 1), 1.2 / (n + 1));
		nexthop_put(t, g);
	}
	nexthops_destroy(t);
}

static void follows_weights(void **state)
{
	static const uint32_t weights[][5] = {{1, 1, 1}, {1, 2, 3, 4}, {1, 10, 100}, {1, 1000},
		{7, 7, 7, 7, 7}, {65535, 65535, 1}};
	static uint32_t hit[N_FLOWS];
	struct nexthops *t = make(NULL, 0, 0, 0);
	struct nexthop_member m[5];
	uint32_t g;

	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(nexthop_add(t, NEXTHOP_ADJACENCY, i + 1, &m[i].index), 0);
	for (unsigned w = 0; w < ARRAY_SIZE(weights); w++) {
		unsigned n = 0, sum = 0, count[5] = {0};
		double worst = 0;

		for (; n < 5 && weights[w][n]; n++)
			sum += m[n].weight = weights[w][n];
		assert_int_equal(nexthop_group_add(t, m, n, &g), 0);
		flows(t, g, hit);
		for (unsigned i = 0; i < N_FLOWS; i++)
			count[hit[i] - 1]++;
		for (unsigned i = 0; i < n; i++) {
			double off = (double)count[i] / N_FLOWS - (double)weights[w][i] / sum;

			assert_true(count[i]);
			worst = MAX(worst, off < 0 ? -off : off);
		}
		printf("weights %u:%u:%u:%u:%u: a member's share of flows is off by at most %.2f "
		       "%% of all\n",
			weights[w][0], weights[w][1], weights[w][2], weights[w][3], weights[w][4],
			worst * 100);
		assert_true(worst < 0.008); // one bucket of 256, and chance
		nexthop_put(t, g);
	}
	nexthops_destroy(t);
}

static void limits_of_groups(void **state)
{
	struct nexthops *t = make(NULL, 100, 4, 600);
	struct nexthop_member m[6] = {{0}};
	struct nexthop_stats s;
	uint32_t g, g2, i;

	assert_int_equal(nexthop_group_add(t, m, 0, &g), -EINVAL);
	assert_int_equal(nexthop_group_add(t, m, 1, &g), -EINVAL); // weight 0
	for (i = 0; i < 6; i++) {
		m[i].weight = 1;
		if (i < 4)
			assert_int_equal(nexthop_group_add(t, m, i + 1, &g), -ENOENT);
		assert_int_equal(nexthop_add(t, NEXTHOP_ADJACENCY, i + 1, &m[i].index), 0);
	}
	assert_int_equal(nexthop_group_add(t, m, 5, &g), -ENOSPC); // members
	assert_int_equal(nexthop_group_add(t, m, 4, &g), 0);
	assert_int_equal(nexthop_group_add(t, m, 2, &g2), 0);
	assert_int_equal(nexthop_group_add(t, m, 2, &i), -ENOSPC); // buckets
	m[1].index = g;
	assert_int_equal(nexthop_group_set(t, g2, m, 2), -ENOENT); // a group is no member
	assert_int_equal(nexthop_group_set(t, m[0].index, m, 1), -ENOENT);
	assert_int_equal(nexthop_set(t, g, NEXTHOP_LOCAL, 0), -ENOENT);
	m[1] = m[0];
	assert_int_equal(nexthop_group_set(t, g2, m, 2), 0); // twice the same is one
	assert_int_equal(nexthop_group_members(t, g2, m, NULL, 6), 1);
	assert_int_equal(m[0].weight, 2);
	nexthop_stats(t, &s);
	assert_int_equal(s.full, 2);
	assert_int_equal(s.buckets, 512);
	nexthop_put(t, g);
	m[0].weight = 65536;
	assert_int_equal(nexthop_group_add(t, m, 1, &g), -EINVAL);
	m[0].weight = 65535;
	assert_int_equal(nexthop_group_add(t, m, 1, &g), 0);
	nexthops_destroy(t);
	rcu_barrier_reclaim();
}

// Every allocation fails once: an error, and all is as before.
static void survives_lack_of_memory(void **state)
{
	static uint32_t before[N_FLOWS], after[N_FLOWS];
	struct nexthop_config c = {0};
	struct nexthop_member m[20];
	struct nexthop_entry old, now;
	struct nexthop_stats s, s2;
	struct nexthops *t = NULL;
	uint32_t g;

	for (uint64_t at = 1; at <= 8; at++) {
		mem_fail_at(at);
		assert_int_equal(nexthops_create(&t, NULL, &c), -ENOMEM);
		assert_null(t);
	}
	mem_fail_at(0);
	t = make(NULL, 0, 0, 0);
	assert_int_equal(mem_alloc_count(), 8); // none was left out
	for (unsigned i = 0; i < 20; i++) {
		m[i].weight = i + 1;
		assert_int_equal(nexthop_add(t, NEXTHOP_ADJACENCY, i + 1, &m[i].index), 0);
	}
	nexthop_stats(t, &s);
	for (uint64_t at = 1; at <= 2; at++) {
		mem_fail_at(at);
		assert_int_equal(nexthop_group_add(t, m, 3, &g), -ENOMEM);
		nexthop_stats(t, &s2);
		assert_memory_equal(&s, &s2, sizeof(s));
	}
	mem_fail_at(0);
	assert_int_equal(nexthop_group_add(t, m, 3, &g), 0);
	assert_int_equal(mem_alloc_count(), 2);
	flows(t, g, before);
	for (uint64_t at = 1; at <= 2; at++) { // 20 members need more buckets
		nexthop_find(t, m[0].index, &old);
		mem_fail_at(at);
		assert_int_equal(nexthop_group_set(t, g, m, 20), -ENOMEM);
		flows(t, g, after);
		assert_memory_equal(before, after, sizeof(before));
		nexthop_find(t, m[0].index, &now);
		assert_int_equal(now.n_holds, old.n_holds);
	}
	mem_fail_at(0);
	assert_int_equal(nexthop_group_set(t, g, m, 20), 0);
	assert_int_equal(mem_alloc_count(), 2);
	nexthops_destroy(t);
	rcu_barrier_reclaim();
}

static void same_as_twin(uint64_t seed, size_t operations, uint32_t max)
{
	struct operations o = {.state = seed, .left = operations};
	struct nexthop_twin_totals t;

	printf("NEXTHOP_SEED=%llu, %zu operations, at most %u: ", (unsigned long long)seed,
		operations, max);
	fflush(stdout);
	t = nexthop_twin_run(&o, max);
	printf("%llu changes, %llu resolved, %llu at a limit, %llu buckets moved, grown %llu "
	       "times, "
	       "%llu numbers reused\n",
		(unsigned long long)t.changes, (unsigned long long)t.resolved,
		(unsigned long long)t.full, (unsigned long long)t.moved,
		(unsigned long long)t.grown, (unsigned long long)t.reused);
	assert_true(t.full && t.moved && t.grown && t.reused);
}

static void behaves_like_its_twin(void **state)
{
	const char *replay = getenv("NEXTHOP_SEED"), *how_many = getenv("NEXTHOP_OPERATIONS");
	size_t operations = how_many ? strtoull(how_many, NULL, 0) : 20000;
	uint64_t fresh = replay ? strtoull(replay, NULL, 0) : (uint64_t)time(NULL);

	if (!replay)
		same_as_twin(1, operations, 100);
	if (!replay)
		same_as_twin(2, operations, 30);
	same_as_twin(fresh, operations, 100);
	same_as_twin(fresh, operations, 40);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(edges),
		cmocka_unit_test(holds_adjacencies),
		cmocka_unit_test(all_hits),
		cmocka_unit_test(keeps_flows),
		cmocka_unit_test(follows_weights),
		cmocka_unit_test(limits_of_groups),
		cmocka_unit_test(survives_lack_of_memory),
		cmocka_unit_test(behaves_like_its_twin),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
