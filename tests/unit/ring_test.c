// SPDX-License-Identifier: BSD-3-Clause
#include "tests/unit/test.h"

#include <pthread.h>
#include <sched.h>

#include "base/ring.h"

struct record {
	uint64_t a, b;
};

static void refuses_bad_sizes(void **state)
{
	struct ring r;

	assert_int_equal(ring_init(&r, 0, 8), -EINVAL);
	assert_int_equal(ring_init(&r, 3, 8), -EINVAL);
	assert_int_equal(ring_init(&r, 4, 0), -EINVAL);
	mem_fail_at(1);
	assert_int_equal(ring_init(&r, 4, 8), -ENOMEM);
	mem_fail_at(0);
}

static void full_and_empty(void **state)
{
	struct record rec = {0};
	struct ring r;

	assert_int_equal(ring_init(&r, 4, sizeof(rec)), 0);
	assert_false(ring_pop(&r, &rec, sizeof(rec)));
	for (uint64_t turn = 0; turn < 10; turn++) {
		for (uint64_t i = 0; i < 4; i++)
			assert_true(ring_push(&r, &(struct record){i, turn}, sizeof(rec)));
		assert_false(ring_push(&r, &rec, sizeof(rec)));
		for (uint64_t i = 0; i < 4; i++) {
			assert_true(ring_pop(&r, &rec, sizeof(rec)));
			assert_int_equal(rec.a, i);
			assert_int_equal(rec.b, turn);
		}
		assert_true(ring_empty(&r));
	}
	ring_fini(&r);
}

#define N 300000ull

static void *produce(void *arg)
{
	for (uint64_t i = 0; i < N;)
		if (ring_push(arg, &(struct record){i, ~i}, sizeof(struct record)))
			i++;
		else
			sched_yield();
	return NULL;
}

static void two_threads_keep_order(void **state)
{
	struct record rec;
	pthread_t t;
	struct ring r;

	assert_int_equal(ring_init(&r, 64, sizeof(rec)), 0);
	pthread_create(&t, NULL, produce, &r);
	for (uint64_t i = 0; i < N;) {
		if (!ring_pop(&r, &rec, sizeof(rec))) {
			sched_yield();
			continue;
		}
		assert_int_equal(rec.a, i);
		assert_int_equal(rec.b, ~i);
		i++;
	}
	pthread_join(t, NULL);
	ring_fini(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_bad_sizes),
		cmocka_unit_test(full_and_empty),
		cmocka_unit_test(two_threads_keep_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
