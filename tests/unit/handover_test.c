// SPDX-License-Identifier: BSD-3-Clause
// The queue of batches from the mirror's thread to control.
#include "tests/unit/test.h"

#include <poll.h>
#include <pthread.h>
#include <string.h>

#include "base/mem.h"
#include "control/netlink/handover.h"

static struct handover *h;

static int setup(void **state)
{
	return handover_create(&h);
}

static int teardown(void **state)
{
	handover_destroy(h);
	return 0;
}

static bool put(uint8_t byte, size_t size)
{
	struct handover_batch *b = handover_open(h);

	assert_non_null(b);
	assert_int_equal(b->size, 0);
	memset(b->bytes, byte, size);
	b->size = size;
	return handover_put(h);
}

static bool is_readable(void)
{
	return poll(&(struct pollfd){.fd = handover_fd(h), .events = POLLIN}, 1, 0) == 1;
}

static void small_batches_become_one(void **state)
{
	const struct handover_batch *b;

	assert_null(handover_take(h));
	assert_false(is_readable());
	assert_true(handover_put(h)); // nothing
	assert_false(is_readable());
	for (uint8_t i = 0; i < 10; i++)
		assert_true(put(i, 100));
	assert_true(is_readable());
	assert_int_equal(handover_waiting(h), 1);
	b = handover_take(h);
	assert_non_null(b);
	assert_int_equal(b->size, 1000);
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(b->bytes[i], i / 100);
	assert_false(is_readable());
	assert_null(handover_take(h));
}

static void order_is_kept_over_many(void **state)
{
	uint8_t next = 0;
	const struct handover_batch *b;

	for (unsigned i = 0; i < 100; i++)
		assert_true(put((uint8_t)i, i % 3 ? 40000 : 20000));
	while ((b = handover_take(h)))
		for (size_t at = 0; at < b->size; at += 20000)
			if (b->bytes[at] != next - 1)
				assert_int_equal(b->bytes[at], next++);
	assert_int_equal(next, 100);
	assert_false(is_readable());
}

static void no_memory_is_told(void **state)
{
	mem_fail_at(1);
	assert_null(handover_open(h));
	mem_fail_at(0);
	assert_true(put(1, 10));
}

// -- a full queue ---------------------------------------------------------------------

#define N_BATCHES (3 * HANDOVER_MAX_BATCHES)

static bool ended_well;

static void *fill(void *arg)
{
	ended_well = true;
	for (unsigned i = 0; i < N_BATCHES && ended_well; i++)
		ended_well = put((uint8_t)i, HANDOVER_BATCH_SIZE);
	return NULL;
}

static void wait_until_full(void)
{
	for (unsigned i = 0; i < 10000 && handover_waiting(h) < HANDOVER_MAX_BATCHES; i++)
		poll(NULL, 0, 1);
	assert_int_equal(handover_waiting(h), HANDOVER_MAX_BATCHES);
}

static void full_queue_holds_the_thread_up(void **state)
{
	pthread_t thread;
	unsigned n = 0;

	assert_int_equal(pthread_create(&thread, NULL, fill, NULL), 0);
	wait_until_full();
	while (n < N_BATCHES) {
		const struct handover_batch *b;

		assert_true(handover_waiting(h) <= HANDOVER_MAX_BATCHES);
		assert_int_equal(
			poll(&(struct pollfd){.fd = handover_fd(h), .events = POLLIN}, 1, 10000),
			1);
		b = handover_take(h);
		assert_non_null(b);
		assert_int_equal(b->bytes[HANDOVER_BATCH_SIZE - 1], (uint8_t)n++);
	}
	pthread_join(thread, NULL);
	assert_true(ended_well);
	assert_false(handover_take(h) != NULL);
}

static void closing_frees_the_thread(void **state)
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, fill, NULL), 0);
	wait_until_full();
	handover_close(h);
	pthread_join(thread, NULL);
	assert_false(ended_well);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(small_batches_become_one, setup, teardown),
		cmocka_unit_test_setup_teardown(order_is_kept_over_many, setup, teardown),
		cmocka_unit_test_setup_teardown(no_memory_is_told, setup, teardown),
		cmocka_unit_test_setup_teardown(full_queue_holds_the_thread_up, setup, teardown),
		cmocka_unit_test_setup_teardown(closing_frees_the_thread, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
