// SPDX-License-Identifier: BSD-3-Clause
// The dataplane as control sees it.
#include "dataplane/dataplane.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/mem.h"

#define DEFAULT_FRAMES 131072

struct dataplane {
	struct packet_pool *pool;
	struct snapshot *published; // read by workers
	uint64_t generation;
	int event_fd;
	unsigned n_workers;
	struct worker *worker[WORKERS_MAX];
	unsigned next_drained; // fairness of dataplane_events()
};

static void free_snapshot(struct rcu_retired *r)
{
	snapshot_free(container_of(r, struct snapshot, retired));
}

int dataplane_create(struct dataplane **out, const struct dataplane_config *c)
{
	unsigned n_workers = c->n_workers ? c->n_workers : 1;
	struct dataplane *dp;
	int err;

	if (n_workers > WORKERS_MAX)
		return -EINVAL;
	dp = mem_zalloc(sizeof(*dp), CACHE_LINE);
	if (!dp)
		return -ENOMEM;
	dp->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	err = dp->event_fd < 0 ? -errno : 0;
	if (!err)
		err = packet_pool_create_without(
			&dp->pool, c->n_frames ? c->n_frames : DEFAULT_FRAMES, c->without_memory);
	if (!err) {
		dp->published = snapshot_new(0, n_workers);
		err = dp->published ? 0 : -ENOMEM;
	}
	for (; !err && dp->n_workers < n_workers; dp->n_workers++) {
		struct worker *w = mem_zalloc(sizeof(*w), CACHE_LINE);

		if (!w) {
			err = -ENOMEM;
			break;
		}
		err = worker_init(w, dp, dp->n_workers, dp->pool, &dp->published);
		if (err) {
			mem_free(w);
			break;
		}
		atomic_store(&w->mode, (int)c->mode);
		dp->worker[dp->n_workers] = w;
	}
	if (err) {
		dataplane_destroy(dp);
		return err;
	}
	*out = dp;
	return 0;
}

void dataplane_destroy(struct dataplane *dp)
{
	if (!dp)
		return;
	if (!dataplane_stop(dp))
		return; // the worker may still touch all of it
	for (unsigned i = 0; i < dp->n_workers; i++) {
		worker_fini(dp->worker[i]);
		mem_free(dp->worker[i]);
	}
	snapshot_free(dp->published);
	packet_pool_destroy(dp->pool);
	if (dp->event_fd >= 0)
		close(dp->event_fd);
	mem_free(dp);
}

int dataplane_start(struct dataplane *dp)
{
	for (unsigned i = 0; i < dp->n_workers; i++) {
		int err = worker_start(dp->worker[i]);

		if (err) {
			dataplane_stop(dp);
			return err;
		}
	}
	return 0;
}

bool dataplane_stop(struct dataplane *dp)
{
	bool stopped = true;

	for (unsigned i = 0; i < dp->n_workers; i++)
		stopped &= worker_stop(dp->worker[i]);
	return stopped;
}

struct packet_pool *dataplane_pool(struct dataplane *dp)
{
	return dp->pool;
}

unsigned dataplane_n_workers(const struct dataplane *dp)
{
	return dp->n_workers;
}

struct worker *dataplane_worker(struct dataplane *dp, unsigned index)
{
	return dp->worker[index];
}

int dataplane_add_port(struct dataplane *dp, port_id_t port)
{
	for (unsigned i = 0; i < dp->n_workers; i++) {
		int err = worker_add_port(dp->worker[i], port);

		if (err)
			return err;
	}
	return 0;
}

uint64_t dataplane_publish(struct dataplane *dp, struct snapshot *s)
{
	struct snapshot *old = dp->published;

	s->generation = ++dp->generation;
	rcu_publish_ptr(&dp->published, s);
	rcu_retire(&old->retired, free_snapshot);
	for (unsigned i = 0; i < dp->n_workers; i++)
		worker_wake(dp->worker[i]);
	return s->generation;
}

// A port on its way out, until no worker can touch it.
struct leaving {
	struct rcu_retired retired;
	struct port *port;
	void (*closed)(void *);
	void *arg;
};

static void close_leaving(struct rcu_retired *r)
{
	struct leaving *l = container_of(r, struct leaving, retired);

	port_close(l->port);
	if (l->closed)
		l->closed(l->arg);
	mem_free(l);
}

int dataplane_retire_port(
	struct dataplane *dp, struct port *port, void (*closed)(void *), void *arg)
{
	struct leaving *l = mem_zalloc(sizeof(*l), 0);

	if (!l)
		return -ENOMEM;
	l->port = port;
	l->closed = closed;
	l->arg = arg;
	rcu_retire(&l->retired, close_leaving);
	return 0;
}

int dataplane_event_fd(const struct dataplane *dp)
{
	return dp->event_fd;
}

void dataplane_notify(struct dataplane *dp)
{
	uint64_t one = 1;

	if (write(dp->event_fd, &one, sizeof(one)) < 0) {
		// Its counter is full: control wakes anyway.
	}
}

unsigned dataplane_events(struct dataplane *dp, struct event *out, unsigned max)
{
	uint64_t drained;
	unsigned n = 0;

	if (read(dp->event_fd, &drained, sizeof(drained)) < 0) {
		// None since the last time; a ring may still hold some.
	}
	for (unsigned i = 0; i < dp->n_workers; i++) {
		struct worker *w = dp->worker[(dp->next_drained + i) % dp->n_workers];

		n += ring_pop_bulk(&w->events, &out[n], max - n, sizeof(*out));
	}
	dp->next_drained++;
	if (n == max)
		dataplane_notify(dp); // perhaps more: come back in the next loop
	return n;
}

void dataplane_counters(
	const struct dataplane *dp, int worker, port_id_t port, struct port_counters *out)
{
	*out = (struct port_counters){0};
	for (unsigned i = 0; i < dp->n_workers; i++)
		if (worker < 0 || (unsigned)worker == i)
			port_counters_add(out, &dp->worker[i]->counters[port]);
}

void dataplane_counters_forget(struct dataplane *dp, port_id_t port)
{
	for (unsigned i = 0; i < dp->n_workers; i++)
		dp->worker[i]->counters[port] = (struct port_counters){0};
}
