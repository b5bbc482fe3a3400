// SPDX-License-Identifier: BSD-3-Clause
#include "tests/unit/test.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/rcu.h"

struct object {
	struct rcu_retired retired;
	int value; // 1 while alive, poisoned on release
};

static struct object *published;
static _Atomic int stop, pause_reader, paused;
static int released;

static void release(struct rcu_retired *r)
{
	struct object *o = container_of(r, struct object, retired);

	o->value = -1;
	free(o);
	released++;
}

static struct object *object_new(void)
{
	struct object *o = calloc(1, sizeof(*o));

	o->value = 1;
	return o;
}

static void *reader(void *arg)
{
	long bad = 0;

	rcu_reader_register();
	while (!atomic_load(&stop)) {
		struct object *o = rcu_read_ptr(&published);

		bad += o->value != 1;
		while (atomic_load(
			&pause_reader)) { // holds its pointer, like a worker in a debugger
			atomic_store(&paused, 1);
			usleep(100);
		}
		bad += o->value != 1;
		rcu_quiescent();
	}
	rcu_reader_unregister();
	return (void *)bad;
}

static void replace(void)
{
	struct object *old = published;

	rcu_publish_ptr(&published, object_new());
	rcu_retire(&old->retired, release);
}

static void readers_never_see_released_memory(void **state)
{
	struct pollfd pfd = {.fd = rcu_reclaim_fd(), .events = POLLIN};
	pthread_t t[2];
	void *bad;

	published = object_new();
	for (int i = 0; i < 2; i++)
		pthread_create(&t[i], NULL, reader, NULL);
	for (int i = 0; i < 20000; i++) {
		replace();
		if (i % 64 == 0)
			rcu_reclaim(0);
	}

	// A reader that stands still delays the release, never the writer.
	atomic_store(&pause_reader, 1);
	while (!atomic_load(&paused))
		usleep(100);
	rcu_reclaim(0);
	replace();
	replace();
	usleep(20000);
	assert_true(released < 20002);
	atomic_store(&pause_reader, 0);
	while (released < 20002) {
		assert_int_equal(poll(&pfd, 1, 10000), 1);
		rcu_reclaim(1);
	}

	atomic_store(&stop, 1);
	for (int i = 0; i < 2; i++) {
		pthread_join(t[i], &bad);
		assert_null(bad);
	}
	rcu_retire(&published->retired, release);
	rcu_barrier_reclaim();
	assert_int_equal(released, 20003);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(readers_never_see_released_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
