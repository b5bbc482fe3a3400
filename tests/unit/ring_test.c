// SPDX-License-Identifier: BSD-3-Clause
#include "tests/unit/test.h"

#include <assert.h>
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

static void *produce_bulk(void *arg)
{
	struct record rec[50];

	for (uint64_t i = 0; i < N;) {
		uint32_t n = (uint32_t)MIN(1 + i * 7 % 50, N - i), sent;

		for (uint32_t k = 0; k < n; k++)
			rec[k] = (struct record){i + k, ~(i + k)};
		sent = ring_push_bulk(arg, rec, n, sizeof(rec[0]));
		assert(sent <= n);
		i += sent;
		if (!sent)
			sched_yield();
	}
	return NULL;
}

// Batches of any size against a ring that they wrap around, and one end of single records.
static void batches_keep_order(void **state)
{
	struct record rec[40];
	pthread_t t;
	struct ring r;

	for (unsigned kind = 0; kind < 3; kind++) {
		assert_int_equal(ring_init(&r, 64, sizeof(rec[0])), 0);
		pthread_create(&t, NULL, kind == 1 ? produce : produce_bulk, &r);
		for (uint64_t i = 0; i < N;) {
			uint32_t want = 1 + (uint32_t)(i * 5 % 40), n;

			if (kind == 2)
				n = ring_pop(&r, rec, sizeof(rec[0]));
			else
				n = ring_pop_bulk(&r, rec, want, sizeof(rec[0]));
			assert_true(n <= want);
			if (!n)
				sched_yield();
			for (uint32_t k = 0; k < n; k++, i++) {
				assert_int_equal(rec[k].a, i);
				assert_int_equal(rec[k].b, ~i);
			}
		}
		pthread_join(t, NULL);
		assert_true(ring_empty(&r));
		ring_fini(&r);
	}
	// Full: what does not fit is not taken.
	assert_int_equal(ring_init(&r, 16, sizeof(rec[0])), 0);
	assert_int_equal(ring_push_bulk(&r, rec, 10, sizeof(rec[0])), 10);
	assert_int_equal(ring_push_bulk(&r, rec, 10, sizeof(rec[0])), 6);
	assert_int_equal(ring_push_bulk(&r, rec, 10, sizeof(rec[0])), 0);
	assert_int_equal(ring_pop_bulk(&r, rec, 20, sizeof(rec[0])), 16);
	assert_int_equal(ring_pop_bulk(&r, rec, 20, sizeof(rec[0])), 0);
	ring_fini(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_bad_sizes),
		cmocka_unit_test(full_and_empty),
		cmocka_unit_test(two_threads_keep_order),
		cmocka_unit_test(batches_keep_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
