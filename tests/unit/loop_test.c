// SPDX-License-Identifier: BSD-3-Clause
#include "tests/unit/test.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "control/loop.h"

static struct loop *loop;
static char order[64];

static void note(char c)
{
	size_t n = strlen(order);

	assert_true(n + 1 < sizeof(order));
	order[n] = c;
}

static int setup(void **state)
{
	memset(order, 0, sizeof(order));
	return loop_create(&loop);
}

static int teardown(void **state)
{
	clock_unfreeze();
	loop_destroy(loop);
	return 0;
}

struct named_timer {
	struct loop_timer timer;
	char name;
	int again; // set itself for "at once" so many times
};

static void timer_fires(struct loop_timer *timer)
{
	struct named_timer *t = container_of(timer, struct named_timer, timer);

	note(t->name);
	if (t->again--)
		loop_timer_set(loop, timer, 0);
}

static void timers(void **state)
{
	struct named_timer a = {{timer_fires}, 'a', 0}, b = {{timer_fires}, 'b', 0},
			   c = {{timer_fires}, 'c', 0}, d = {{timer_fires}, 'd', 0};

	clock_freeze();
	loop_timer_set(loop, &c.timer, 30 * NS_PER_MS);
	loop_timer_set(loop, &a.timer, 10 * NS_PER_MS);
	loop_timer_set(loop, &b.timer, 20 * NS_PER_MS);
	loop_timer_set(loop, &d.timer, 5 * NS_PER_MS);
	loop_timer_cancel(loop, &d.timer);
	loop_timer_cancel(loop, &d.timer);
	loop_run_once(loop, 0);
	assert_string_equal(order, "");
	clock_warp_ns(10 * NS_PER_MS);
	loop_run_once(loop, 0);
	assert_string_equal(order, "a");
	loop_timer_set(loop, &b.timer, 50 * NS_PER_MS); // moved behind c
	clock_warp_ns(100 * NS_PER_MS);
	loop_run_once(loop, 0);
	assert_string_equal(order, "acb");
}

// A timer that sets itself for at once must not hold the turn.
static void timer_at_once(void **state)
{
	struct named_timer a = {{timer_fires}, 'a', 2};

	clock_freeze();
	loop_timer_set(loop, &a.timer, 0);
	loop_run_once(loop, 0);
	assert_string_equal(order, "a");
	loop_run_once(loop, 0);
	loop_run_once(loop, 0);
	loop_run_once(loop, 0);
	assert_string_equal(order, "aaa");
}

static void timer_wakes(void **state)
{
	struct named_timer a = {{timer_fires}, 'a', 0};
	uint64_t start = clock_now_ns();

	loop_timer_set(loop, &a.timer, 5 * NS_PER_MS);
	loop_run_once(loop, -1);
	assert_string_equal(order, "a");
	assert_true(clock_now_ns() - start >= 5 * NS_PER_MS);
}

struct named_io {
	struct loop_io io;
	char name;
	struct loop_io *other; // is unwatched by this one
};

static void io_ready(struct loop_io *io, uint32_t events)
{
	struct named_io *n = container_of(io, struct named_io, io);

	note(n->name);
	assert_true(events & EPOLLIN);
	if (n->other)
		loop_unwatch(loop, n->other);
}

static void descriptors(void **state)
{
	struct named_io a = {{eventfd(1, 0), io_ready}, 'a', NULL};

	assert_int_equal(loop_watch(loop, &a.io, EPOLLIN), 0);
	loop_run_once(loop, -1);
	loop_run_once(loop, -1);
	assert_string_equal(order, "aa");
	assert_int_equal(loop_watch(loop, &a.io, 0), 0);
	loop_run_once(loop, 0);
	assert_string_equal(order, "aa");
	loop_unwatch(loop, &a.io);
	loop_unwatch(loop, &a.io);
	close(a.io.fd);
	assert_true(loop_watch(loop, &a.io, EPOLLIN) < 0);
	assert_false(a.io.watched);
}

// Both are ready in one turn, whichever runs first removes the other.
static void unwatch_within_turn(void **state)
{
	struct named_io a = {{eventfd(1, 0), io_ready}, 'x', NULL};
	struct named_io b = {{eventfd(1, 0), io_ready}, 'x', &a.io};

	a.other = &b.io;
	loop_watch(loop, &a.io, EPOLLIN);
	loop_watch(loop, &b.io, EPOLLIN);
	loop_run_once(loop, -1);
	assert_string_equal(order, "x");
	loop_unwatch(loop, &a.io);
	loop_unwatch(loop, &b.io);
	close(a.io.fd);
	close(b.io.fd);
}

struct named_job {
	struct loop_job job;
	char name;
	int left;
	struct loop_job *cancels;
};

static bool job_step(struct loop_job *job)
{
	struct named_job *j = container_of(job, struct named_job, job);

	note(j->name);
	if (j->cancels)
		loop_job_cancel(loop, j->cancels);
	return --j->left > 0;
}

static void jobs(void **state)
{
	struct named_job a = {{job_step}, 'a', 2, NULL}, b = {{job_step}, 'b', 1, NULL};
	struct named_job c = {{job_step}, 'c', 9, &a.job};

	loop_job_start(loop, &a.job);
	loop_job_start(loop, &b.job);
	loop_job_start(loop, &b.job);
	loop_run_once(loop, -1); // does not wait while there are jobs
	assert_string_equal(order, "ba");
	loop_job_start(loop, &c.job); // runs first, and cancels a
	loop_run_once(loop, -1);
	assert_string_equal(order, "bac");
	loop_job_cancel(loop, &c.job);
	loop_run_once(loop, 0);
	assert_string_equal(order, "bac");
}

static void on_signal(void *arg, int signo)
{
	note(signo == SIGHUP ? 'h' : 'u');
	loop_stop(arg);
}

static void signals(void **state)
{
	assert_int_equal(loop_signal(loop, SIGHUP, on_signal, loop), 0);
	assert_int_equal(loop_signal(loop, SIGUSR1, on_signal, loop), 0);
	assert_int_equal(loop_signal(loop, 0, on_signal, loop), -EINVAL);
	raise(SIGHUP);
	assert_int_equal(loop_run(loop), 0);
	assert_string_equal(order, "h");
	raise(SIGUSR1);
	assert_int_equal(loop_run(loop), 0);
	assert_string_equal(order, "hu");
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(timers),
		T(timer_at_once),
		T(timer_wakes),
		T(descriptors),
		T(unwatch_within_turn),
		T(jobs),
		T(signals),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
