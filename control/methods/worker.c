// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <time.h>

#include "base/clock.h"
#include "control/methods/methods.h"

static_assert((int)RPC_WORKER_MODE_POLL == WORKER_POLL &&
		      (int)RPC_WORKER_MODE_ADAPTIVE == WORKER_ADAPTIVE &&
		      (int)RPC_WORKER_MODE_INTERRUPT == WORKER_INTERRUPT,
	"one order of modes");

static uint64_t cpu_time(const struct worker *w)
{
	struct timespec t;
	clockid_t clock;

	if (!w->running || pthread_getcpuclockid(w->thread, &clock) || clock_gettime(clock, &t))
		return 0;
	return (uint64_t)t.tv_sec * NS_PER_SEC + (uint64_t)t.tv_nsec;
}

static enum rpc_worker_state state_of(const struct control *c, const struct worker *w)
{
	if (c->worker_watch[w->index].is_stalled)
		return RPC_WORKER_STATE_STALLED;
	return worker_is_asleep(w) ? RPC_WORKER_STATE_SLEEPING : RPC_WORKER_STATE_POLLING;
}

// The ports whose queues it receives from, and what it counted on all.
static int fill_ports(const struct control *c, const struct worker *w, struct rpc_worker *out)
{
	struct port_counters n;

	for (unsigned i = 0; i < c->model->n_ports; i++) {
		const struct model_port *p = c->model->by_name[i];
		bool is_served = false;

		dataplane_counters(c->dp, (int)w->index, p->id, &n);
		out->rx_packets += n.rx_packets;
		out->tx_packets += n.tx_packets;
		for (unsigned q = 0; p->port && q < p->port->n_queues; q++)
			is_served |= (p->id + q) % c->model->n_workers == w->index;
		if (is_served) {
			struct rpc_port_name *name = rpc_port_name_array_append(&out->ports);

			if (!name)
				return -ENOMEM;
			memcpy(name->text, p->set.name, sizeof(name->text));
		}
	}
	return 0;
}

int rpc_worker_list(struct rpc_call *call, const struct rpc_worker_list_params *params,
	struct rpc_worker_list_result *result)
{
	const struct control *c = call->ctx;
	int err = 0;

	for (unsigned i = 0; !err && i < c->model->n_workers; i++) {
		const struct worker *w = dataplane_worker(c->dp, i);
		struct rpc_worker *out = rpc_worker_array_append(&result->workers);

		if (!out)
			return -ENOMEM;
		out->worker = i;
		out->tid = (uint32_t)worker_tid(w);
		out->mode = (enum rpc_worker_mode)atomic_load(&w->mode);
		out->state = state_of(c, w);
		out->loops = counter_read(&w->stats.loops);
		out->wakeups = counter_read(&w->stats.sleeps);
		out->cpu_time = cpu_time(w);
		err = fill_ports(c, w, out);
	}
	return err;
}

int rpc_worker_set(struct rpc_call *call, const struct rpc_worker_set_params *params,
	struct rpc_worker_set_result *result)
{
	struct control *c = call->ctx;

	if (params->has_worker && params->worker >= c->model->n_workers)
		return rpc_error(call, -ENOENT,
			"worker %u: there is no such worker; they are numbered 0 to %u",
			params->worker, c->model->n_workers - 1);
	for (unsigned i = 0; i < c->model->n_workers; i++) {
		struct worker *w = dataplane_worker(c->dp, i);

		if (params->has_worker && params->worker != i)
			continue;
		atomic_store(&w->mode, (int)params->mode);
		worker_wake(w);
	}
	return 0;
}
