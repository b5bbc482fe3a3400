// SPDX-License-Identifier: BSD-3-Clause
// The control thread's event loop: descriptors, timers, signals and jobs.
//
// One thread. Everything that is watched is embedded in its owner's struct and
// must outlive the watch; unwatching is legal at any time, also within the own
// callback and for others of the same turn. No callback may block or take
// longer than 2 ms: what is long is a job that does a piece per turn.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"

struct loop;

struct loop_io {
	int fd;
	void (*ready)(struct loop_io *io, uint32_t events); // EPOLLIN, EPOLLOUT, EPOLLHUP, EPOLLERR
	bool watched;                                       // the loop's own
};

struct loop_timer {
	void (*fire)(struct loop_timer *timer); // it is no longer set; may set itself again
	uint64_t at_ns;                         // the loop's own from here on
	struct loop_timer *next;
	bool set;
};

// Work in pieces: step() runs once per turn, after the descriptors, until it returns false.
struct loop_job {
	bool (*step)(struct loop_job *job);
	struct loop_job *next; // the loop's own
	bool active;
};

// 0 or negative errno. Make it before other threads: they inherit the blocked signals.
int loop_create(struct loop **out);
void loop_destroy(struct loop *loop); // watches need not be removed before

// Watch io->fd for `events` (level triggered), or change what is watched; 0 = only EPOLLHUP
// and EPOLLERR, which are always reported. 0 or negative errno.
int loop_watch(struct loop *loop, struct loop_io *io, uint32_t events);
void loop_unwatch(struct loop *loop, struct loop_io *io); // before closing the fd

// Once, in delay_ns by base/clock.h; setting it again moves it.
void loop_timer_set(struct loop *loop, struct loop_timer *timer, uint64_t delay_ns);
void loop_timer_cancel(struct loop *loop, struct loop_timer *timer);

void loop_job_start(struct loop *loop, struct loop_job *job); // no effect if it is active
void loop_job_cancel(struct loop *loop, struct loop_job *job);

// Block the signal in the calling thread and have it delivered as a callback.
int loop_signal(struct loop *loop, int signo, void (*fn)(void *arg, int signo), void *arg);

// One turn: wait at most max_wait_ms (-1: as long as it takes) and run what is due.
// 0 or negative errno.
int loop_run_once(struct loop *loop, int max_wait_ms);
int loop_run(struct loop *loop); // until loop_stop()
void loop_stop(struct loop *loop);
