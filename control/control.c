// SPDX-License-Identifier: BSD-3-Clause
#include "control/control.h"

#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "dataplane/port/probe.h"

#define RECLAIM_NS     (2 * NS_PER_MS)
#define WORKER_LOOK_NS NS_PER_SEC
#define CLOSE_WAIT_NS  (2 * NS_PER_SEC)

static void reclaim(struct loop_io *io, uint32_t what)
{
	uint64_t until = clock_now_ns() + RECLAIM_NS;

	// One at a time: to close a port takes the kernel some tens of milliseconds. What remains
	// makes the descriptor readable again.
	while (rcu_reclaim(1) && clock_now_ns() < until)
		continue;
}

static void look_at_workers(struct loop_timer *timer)
{
	struct control *c = container_of(timer, struct control, worker_timer);

	for (unsigned i = 0; i < dataplane_n_workers(c->dp); i++) {
		const struct worker *w = dataplane_worker(c->dp, i);
		struct worker_watch *watch = &c->worker_watch[i];
		uint64_t loops = counter_read(&w->stats.loops);
		bool is_busy = w->running && (!worker_is_asleep(w) || worker_is_called(w));
		bool stalled = is_busy && watch->is_busy && loops == watch->loops;

		if (stalled != watch->is_stalled)
			log_warn("worker %u %s", i,
				stalled ? "has not completed a loop for a second" : "goes on");
		*watch = (struct worker_watch){
			.loops = loops, .is_busy = is_busy, .is_stalled = stalled};
	}
	loop_timer_set(c->loop, &c->worker_timer, WORKER_LOOK_NS);
}

// The kinds of pages that the user forbade. This also asks for them while they are free.
static unsigned without_memory(void)
{
	struct probe_result hugetlb, thp;

	probe_result(PROBE_HUGETLB, &hugetlb);
	probe_result(PROBE_THP, &thp);
	return (unsigned)hugetlb.forced_off << POOL_HUGETLB | (unsigned)thp.forced_off << POOL_THP;
}

static int make_parts(struct control *c, const struct control_config *config)
{
	struct dataplane_config dataplane = config->dataplane;
	int err;

	dataplane.without_memory = without_memory();
	err = dataplane_create(&c->dp, &dataplane);
	if (!err)
		err = model_create(&c->model, dataplane_n_workers(c->dp));
	if (!err)
		err = fdb_create(
			&c->fdb, &(struct fdb_config){.max_entries = c->model->bridge.fdb_max,
					 .max_ports = PORT_MAX,
					 .ageing_ns = c->model->bridge.ageing_time * NS_PER_SEC});
	if (err)
		return err;
	publish_init(&c->publish, c);
	routing_init(&c->routing, c);
	return events_init(&c->events, c);
}

int control_create(struct control **out)
{
	struct control *c = mem_zalloc(sizeof(*c), CACHE_LINE);
	int err = c ? loop_create(&c->loop) : -ENOMEM;

	if (err) {
		log_error("cannot start: %s", strerror(-err));
		mem_free(c);
		return err;
	}
	c->started_at = clock_now_ns();
	*out = c;
	return 0;
}

int control_setup(struct control *c, const struct control_config *config)
{
	int err = make_parts(c, config);

	if (!err) {
		c->reclaim_io = (struct loop_io){.fd = rcu_reclaim_fd(), .ready = reclaim};
		err = c->reclaim_io.fd < 0 ? c->reclaim_io.fd
					   : loop_watch(c->loop, &c->reclaim_io, EPOLLIN);
	}
	if (err) {
		log_error("cannot start: %s", strerror(-err));
		return err;
	}
	c->worker_timer.fire = look_at_workers;
	loop_timer_set(c->loop, &c->worker_timer, WORKER_LOOK_NS);
	return attach_init(&c->attach, c, &config->attach);
}

void control_close_ports(struct control *c)
{
	uint64_t until = clock_now_ns() + CLOSE_WAIT_NS;

	routing_quiesce(c);
	while (c->model && c->model->n_ports)
		attach_remove(c, c->model->by_name[c->model->n_ports - 1]);
	if (!attach_is_idle(c))
		publish_now(c);
	while (!attach_is_idle(c) && clock_now_ns() < until) {
		poll(&(struct pollfd){.fd = rcu_reclaim_fd(), .events = POLLIN}, 1, 10);
		rcu_reclaim(0);
	}
	if (!attach_is_idle(c))
		log_warn("a worker does not answer; the kernel closes the remaining ports");
}

void control_destroy(struct control *c)
{
	if (!c)
		return;
	rcu_barrier_reclaim(); // no reader is left
	routing_fini(&c->routing);
	attach_fini(&c->attach);
	events_fini(&c->events);
	dataplane_destroy(c->dp);
	fdb_destroy(c->fdb);
	model_destroy(c->model);
	loop_destroy(c->loop);
	mem_free(c);
}
