// SPDX-License-Identifier: BSD-3-Clause
// Timers are a sorted list: there are a few dozen (one per purpose, none per
// packet, client or route), so that a heap would not pay.
#include "control/loop.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

#define N_EVENTS 64

struct signal_slot {
	void (*fn)(void *arg, int signo);
	void *arg;
};

struct loop {
	int epoll_fd;
	bool stopped;
	struct epoll_event events[N_EVENTS]; // of the present turn
	int n_events;
	struct loop_timer *timers; // soonest first
	struct loop_job *jobs;
	struct loop_job *next_job; // where run_jobs() goes on; kept right by loop_job_cancel()
	struct loop_io signal_io;
	sigset_t signals;
	struct signal_slot slots[NSIG];
};

int loop_create(struct loop **out)
{
	struct loop *loop = mem_zalloc(sizeof(*loop), 0);

	if (!loop)
		return -ENOMEM;
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll_fd < 0) {
		int err = -errno;

		mem_free(loop);
		return err;
	}
	loop->signal_io.fd = -1;
	sigemptyset(&loop->signals);
	*out = loop;
	return 0;
}

void loop_destroy(struct loop *loop)
{
	if (!loop)
		return;
	if (loop->signal_io.fd >= 0)
		close(loop->signal_io.fd);
	close(loop->epoll_fd);
	mem_free(loop);
}

// -- descriptors --------------------------------------------------------------

int loop_watch(struct loop *loop, struct loop_io *io, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.ptr = io};

	if (epoll_ctl(loop->epoll_fd, io->watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, io->fd, &ev))
		return -errno;
	io->watched = true;
	return 0;
}

void loop_unwatch(struct loop *loop, struct loop_io *io)
{
	if (!io->watched)
		return;
	epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, io->fd, NULL);
	io->watched = false;
	// The owner may be freed next: what this turn still holds of it must go.
	for (int i = 0; i < loop->n_events; i++) {
		if (loop->events[i].data.ptr == io)
			loop->events[i].data.ptr = NULL;
	}
}

// -- timers -------------------------------------------------------------------

void loop_timer_cancel(struct loop *loop, struct loop_timer *timer)
{
	struct loop_timer **p = &loop->timers;

	if (!timer->set)
		return;
	while (*p != timer)
		p = &(*p)->next;
	*p = timer->next;
	timer->set = false;
}

void loop_timer_set(struct loop *loop, struct loop_timer *timer, uint64_t delay_ns)
{
	struct loop_timer **p = &loop->timers;

	loop_timer_cancel(loop, timer);
	timer->at_ns = clock_now_ns() + delay_ns;
	while (*p && (*p)->at_ns <= timer->at_ns)
		p = &(*p)->next;
	timer->next = *p;
	timer->set = true;
	*p = timer;
}

// As many as are due now: what they set for "at once" waits for the next turn.
static void run_timers(struct loop *loop)
{
	uint64_t now = clock_now_ns();
	unsigned n_due = 0;

	for (struct loop_timer *t = loop->timers; t && t->at_ns <= now; t = t->next)
		n_due++;
	while (n_due-- && loop->timers && loop->timers->at_ns <= now) {
		struct loop_timer *timer = loop->timers;

		loop->timers = timer->next;
		timer->set = false;
		timer->fire(timer);
	}
}

// -- jobs ---------------------------------------------------------------------

void loop_job_start(struct loop *loop, struct loop_job *job)
{
	if (job->active)
		return;
	job->active = true;
	job->next = loop->jobs;
	loop->jobs = job;
}

void loop_job_cancel(struct loop *loop, struct loop_job *job)
{
	struct loop_job **p = &loop->jobs;

	if (!job->active)
		return;
	while (*p != job)
		p = &(*p)->next;
	*p = job->next;
	if (loop->next_job == job)
		loop->next_job = job->next;
	job->active = false;
}

static void run_jobs(struct loop *loop)
{
	struct loop_job *job = loop->jobs;

	while (job) {
		loop->next_job = job->next;
		// A job that frees itself has cancelled itself and returns true.
		if (!job->step(job))
			loop_job_cancel(loop, job);
		job = loop->next_job;
	}
}

// -- signals ------------------------------------------------------------------

static void signal_ready(struct loop_io *io, uint32_t events)
{
	struct loop *loop = container_of(io, struct loop, signal_io);
	struct signalfd_siginfo info;

	while (read(io->fd, &info, sizeof(info)) == sizeof(info)) {
		struct signal_slot *slot = &loop->slots[info.ssi_signo % NSIG];

		if (slot->fn)
			slot->fn(slot->arg, (int)info.ssi_signo);
	}
}

int loop_signal(struct loop *loop, int signo, void (*fn)(void *arg, int signo), void *arg)
{
	sigset_t one;
	int fd;

	if (signo <= 0 || signo >= NSIG)
		return -EINVAL;
	sigemptyset(&one);
	sigaddset(&one, signo);
	sigaddset(&loop->signals, signo);
	fd = signalfd(loop->signal_io.fd, &loop->signals, SFD_NONBLOCK | SFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (sigprocmask(SIG_BLOCK, &one, NULL))
		return -errno;
	loop->slots[signo] = (struct signal_slot){fn, arg};
	loop->signal_io.fd = fd;
	loop->signal_io.ready = signal_ready;
	return loop_watch(loop, &loop->signal_io, EPOLLIN);
}

// -- turns --------------------------------------------------------------------

// Milliseconds to the first timer, rounded up so that it is due when we wake.
static int time_to_wait(struct loop *loop, int max_wait_ms)
{
	uint64_t now, ms;

	if (loop->jobs)
		return 0;
	if (!loop->timers)
		return max_wait_ms;
	now = clock_now_ns();
	if (loop->timers->at_ns <= now)
		return 0;
	ms = (loop->timers->at_ns - now + NS_PER_MS - 1) / NS_PER_MS;
	if (max_wait_ms >= 0 && ms > (uint64_t)max_wait_ms)
		return max_wait_ms;
	return ms > INT_MAX ? INT_MAX : (int)ms;
}

int loop_run_once(struct loop *loop, int max_wait_ms)
{
	int n = epoll_wait(loop->epoll_fd, loop->events, N_EVENTS, time_to_wait(loop, max_wait_ms));

	if (n < 0 && errno != EINTR)
		return -errno;
	loop->n_events = MAX(n, 0);
	for (int i = 0; i < loop->n_events; i++) {
		struct loop_io *io = loop->events[i].data.ptr;

		if (io)
			io->ready(io, loop->events[i].events);
	}
	loop->n_events = 0;
	run_timers(loop);
	run_jobs(loop);
	return 0;
}

int loop_run(struct loop *loop)
{
	int err = 0;

	loop->stopped = false;
	while (!loop->stopped && !err)
		err = loop_run_once(loop, -1);
	return err;
}

void loop_stop(struct loop *loop)
{
	loop->stopped = true;
}
