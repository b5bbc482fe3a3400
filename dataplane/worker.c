// SPDX-License-Identifier: BSD-3-Clause
// The loop, and when to sleep.
//
// Two epoll sets: `syscall_epoll` holds the queues that cost a system call to
// ask (TAP), so that one call tells which of them have packets; `epoll` holds
// everything that ends a sleep: the other queues, the wake-up eventfd and the first
// set itself. A queue that keeps the worker awake leaves that set until the next sleep:
// whoever sends to a watched socket pays for the notice (8 % of its rate on veth).
#include "dataplane/worker.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "dataplane/dataplane.h"
#include "dataplane/path/path.h"

#define SPIN_MAX_NS     (50 * 1000)
#define SPIN_START_NS   (5 * 1000)
#define SYSCALL_POLL_NS (20 * 1000) // a busy worker asks silent TAPs this often
#define EPOLL_BATCH     64
#define STOP_WAIT_S     2
#define AWAKE_LOOPS     32 // busy loops without a sleep after which notices are not worth it
#define WAKE_KEY        UINT64_MAX
#define SYSCALL_SET_KEY (UINT64_MAX - 1)

static int epoll_add(int set, int fd, uint64_t key)
{
	struct epoll_event e = {.events = EPOLLIN, .data.u64 = key};

	return epoll_ctl(set, EPOLL_CTL_ADD, fd, &e) && errno != EEXIST ? -errno : 0;
}

int worker_init(struct worker *w, struct dataplane *dp, unsigned index, struct packet_pool *pool,
	struct snapshot **published)
{
	int err = -ENOMEM;

	w->dataplane = dp;
	w->index = index;
	w->published = published;
	w->spin_ns = SPIN_START_NS;
	w->epoll_fd = w->syscall_epoll_fd = w->wake_fd = -1;
	packet_cache_init(&w->cache, pool);
	w->counters = mem_zalloc(PORT_MAX * sizeof(*w->counters), CACHE_LINE);
	w->txq = mem_zalloc(PORT_MAX * sizeof(struct txq *), CACHE_LINE);
	w->storm = mem_zalloc(PORT_MAX * sizeof(*w->storm), CACHE_LINE);
	w->watched = mem_zalloc(PORT_MAX * sizeof(*w->watched), CACHE_LINE);
	if (!w->counters || !w->txq || !w->storm || !w->watched)
		goto err;
	err = ring_init(&w->events, EVENT_RING_SIZE, sizeof(struct event));
	if (err)
		goto err;
	w->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	w->syscall_epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	w->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (w->epoll_fd < 0 || w->syscall_epoll_fd < 0 || w->wake_fd < 0) {
		err = -errno;
		goto err;
	}
	err = epoll_add(w->epoll_fd, w->wake_fd, WAKE_KEY);
	if (!err)
		err = epoll_add(w->epoll_fd, w->syscall_epoll_fd, SYSCALL_SET_KEY);
	if (err)
		goto err;
	return 0;

err:
	worker_fini(w);
	return err;
}

void worker_fini(struct worker *w)
{
	packet_cache_flush(&w->cache);
	for (unsigned i = 0; w->txq && i < PORT_MAX; i++)
		mem_free(w->txq[i]);
	mem_free(w->txq);
	mem_free(w->counters);
	mem_free(w->storm);
	mem_free(w->watched);
	ring_fini(&w->events);
	for (int *fd = (int[]){w->epoll_fd, w->syscall_epoll_fd, w->wake_fd, -2}; *fd != -2; fd++)
		if (*fd >= 0)
			close(*fd);
	w->txq = NULL;
}

int worker_add_port(struct worker *w, port_id_t port)
{
	if (!w->txq[port])
		w->txq[port] = mem_zalloc(sizeof(struct txq), CACHE_LINE);
	return w->txq[port] ? 0 : -ENOMEM;
}

void worker_wake(struct worker *w)
{
	uint64_t one = 1;

	if (write(w->wake_fd, &one, sizeof(one)) < 0) {
		// Its counter is full: the worker wakes anyway.
	}
}

void worker_post(struct worker *w, const struct event *e, unsigned n)
{
	unsigned posted = ring_push_bulk(&w->events, e, n, sizeof(*e));

	w->events_posted |= posted > 0;
	if (posted < n)
		counter_add(&w->stats.events_lost, n - posted);
}

// Queues that came with a new snapshot, or left, join an epoll set. Closed descriptors have left
// by themselves.
static void watch_queues(struct worker *w, const struct snapshot *s)
{
	const struct snapshot_worker *sw = &s->worker[w->index];

	for (unsigned i = 0; i < sw->n_rx; i++) {
		struct port_queue *q = sw->rx[i];
		uint32_t *serial = &w->watched[q->port][q->index];

		if (q->fd < 0 || *serial == q->serial || q->error_told)
			continue;
		*serial = q->serial;
		q->ready = true; // what arrived before is not announced again
		epoll_add(q->caps & PORT_RX_SYSCALL ? w->syscall_epoll_fd : w->epoll_fd, q->fd,
			(uint64_t)q->port << 16 | q->index);
	}
	w->watched_generation = s->generation;
	w->has_unwatched = false;
}

static void unwatch(struct worker *w, struct port_queue *q)
{
	uint32_t *serial = &w->watched[q->port][q->index];

	if (*serial != q->serial)
		return;
	*serial = 0;
	w->has_unwatched = true;
	epoll_ctl(w->epoll_fd, EPOLL_CTL_DEL, q->fd, NULL);
}

static struct port_queue *find_queue(const struct worker *w, const struct snapshot *s, uint64_t key)
{
	const struct snapshot_worker *sw = &s->worker[w->index];

	for (unsigned i = 0; i < sw->n_rx; i++)
		if (((uint64_t)sw->rx[i]->port << 16 | sw->rx[i]->index) == key)
			return sw->rx[i];
	return NULL;
}

// Asks which of the queues that cost a system call have packets.
static void poll_syscall_queues(struct worker *w, const struct snapshot *s)
{
	struct epoll_event e[EPOLL_BATCH];
	int n = epoll_wait(w->syscall_epoll_fd, e, EPOLL_BATCH, 0);

	for (int i = 0; i < n; i++) {
		struct port_queue *q = find_queue(w, s, e[i].data.u64);

		if (q)
			q->ready = true;
	}
	w->next_syscall_poll = w->now + SYSCALL_POLL_NS;
}

static void report_error(struct worker *w, struct port_queue *q)
{
	if (q->error_told)
		return;
	q->error_told = true;
	epoll_ctl(q->caps & PORT_RX_SYSCALL ? w->syscall_epoll_fd : w->epoll_fd, EPOLL_CTL_DEL,
		q->fd, NULL);
	worker_post(w,
		&(struct event){.type = EVENT_PORT_ERROR, .port = q->port, .error = q->error}, 1);
}

unsigned worker_run_once(struct worker *w)
{
	const struct snapshot *s = rcu_read_ptr(w->published);
	const struct snapshot_worker *sw = &s->worker[w->index];
	bool asks = false; // some queue costs a system call and is silent
	unsigned n = 0;

	w->now = clock_now_ns();
	if (unlikely(s->generation != w->watched_generation))
		watch_queues(w, s);
	for (unsigned i = 0; i < sw->n_rx; i++) {
		struct port_queue *q = sw->rx[i];
		unsigned got;

		if (q->caps & PORT_RX_SYSCALL && !q->ready) {
			asks = true;
			continue;
		}
		got = pipeline_run(w, s, q);
		n += got;
		if (got && w->busy_loops > AWAKE_LOOPS && !(q->caps & PORT_RX_SYSCALL))
			unwatch(w, q);
		if (unlikely(q->error))
			report_error(w, q);
	}
	tx(w, s);
	if (asks && (n == 0 || w->now >= w->next_syscall_poll))
		poll_syscall_queues(w, s);
	if (unlikely(w->events_posted)) {
		w->events_posted = false;
		dataplane_notify(w->dataplane);
	}
	counter_add(&w->stats.loops, 1);
	if (n) {
		w->busy_loops++;
		counter_add(&w->stats.packets, n);
	}
	return n;
}

// Offline from RCU, until a queue, control or a signal has something.
static void sleep_until_woken(struct worker *w)
{
	struct epoll_event e[EPOLL_BATCH];
	uint64_t drained;
	int n;

	counter_add(&w->stats.sleeps, 1);
	if (w->has_unwatched)
		watch_queues(w, rcu_read_ptr(w->published));
	w->busy_loops = 0;
	rcu_offline();
	atomic_store_explicit(&w->asleep, true, memory_order_relaxed);
	n = epoll_wait(w->epoll_fd, e, EPOLL_BATCH, -1);
	atomic_store_explicit(&w->asleep, false, memory_order_relaxed);
	rcu_online();
	for (int i = 0; i < n; i++)
		if (e[i].data.u64 == WAKE_KEY && read(w->wake_fd, &drained, sizeof(drained)) < 0) {
			// Nothing to drain: another wake-up was read with it.
		}
}

// Spinning pays when packets come again within the spell: the spell doubles
// after a sleep that was shorter, and shrinks after a long one.
static void adapt_spin(struct worker *w, uint64_t slept)
{
	if (slept < SPIN_MAX_NS)
		w->spin_ns = MIN(w->spin_ns * 2 + 1000, SPIN_MAX_NS);
	else
		w->spin_ns /= 2;
}

static void rest(struct worker *w)
{
	enum worker_mode mode = atomic_load_explicit(&w->mode, memory_order_relaxed);
	uint64_t now;

	if (mode == WORKER_POLL)
		return;
	now = clock_now_ns();
	if (!w->idle_since)
		w->idle_since = now;
	if (mode == WORKER_ADAPTIVE && now - w->idle_since < w->spin_ns)
		return;
	sleep_until_woken(w);
	if (mode == WORKER_ADAPTIVE)
		adapt_spin(w, clock_now_ns() - now);
	w->idle_since = 0;
}

static void *worker_main(void *arg)
{
	struct worker *w = arg;

	atomic_store_explicit(&w->tid, (int)gettid(), memory_order_relaxed);
	rcu_reader_register();
	while (!atomic_load_explicit(&w->stop, memory_order_relaxed)) {
		unsigned n = worker_run_once(w);

		rcu_quiescent();
		if (n)
			w->idle_since = 0;
		else
			rest(w);
	}
	rcu_reader_unregister();
	return NULL;
}

int worker_start(struct worker *w)
{
	int err;

	atomic_store(&w->stop, false);
	err = -pthread_create(&w->thread, NULL, worker_main, w);
	if (!err) {
		char name[16];

		snprintf(name, sizeof(name), "worker-%u", w->index);
		pthread_setname_np(w->thread, name);
	}
	w->running = !err;
	return err;
}

bool worker_stop(struct worker *w)
{
	struct timespec until;

	if (!w->running)
		return true;
	atomic_store(&w->stop, true);
	worker_wake(w);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += STOP_WAIT_S;
	w->running = pthread_timedjoin_np(w->thread, NULL, &until) != 0;
	return !w->running;
}

bool worker_is_called(const struct worker *w)
{
	return poll(&(struct pollfd){.fd = w->epoll_fd, .events = POLLIN}, 1, 0) > 0;
}
