// SPDX-License-Identifier: BSD-3-Clause
// Counters are never reset where workers write them: a clear remembers the
// reading, and later readings are differences.
#include <errno.h>

#include "control/methods/methods.h"

// Losses that the kernel counts, as drop reasons of their own.
static const struct {
	const char *name, *text;
	size_t offset;
} losses[] = {
	{"kernel_ring_full", "the port's receive ring was full: the worker came too late",
		offsetof(struct port_stats, kernel_ring_full)},
	{"kernel_no_frame", "there was no free frame to receive into",
		offsetof(struct port_stats, kernel_fill_empty)},
	{"kernel_invalid",
		"the kernel could not hand the frame over, most often because it is too long",
		offsetof(struct port_stats, kernel_invalid)},
	{"kernel_no_socket",
		"came in on a receive queue that has no socket: the netdev's number of queues was "
		"changed; remove the port and add it again",
		offsetof(struct port_stats, kernel_no_socket)},
	{"kernel_stalled", "came while the worker had not looked at the port for half a second",
		offsetof(struct port_stats, kernel_stalled)},
};

static uint64_t loss(const struct port_stats *s, unsigned i)
{
	return *(const uint64_t *)((const char *)s + losses[i].offset);
}

struct model_port *method_port(struct rpc_call *call, const char *name, int *err)
{
	struct control *c = call->ctx;
	struct model_port *p = model_port_find(c->model, name);

	if (!p)
		*err = rpc_error(call, -ENOENT,
			"port %s: there is no port of that name; 'garuda port list' shows all",
			name);
	return p;
}

void method_counters(
	const struct control *c, const struct model_port *p, int worker, struct port_counters *out)
{
	dataplane_counters(c->dp, worker, p->id, out);
	for (unsigned i = 0; i < c->model->n_workers; i++)
		if (worker < 0 || (unsigned)worker == i)
			port_counters_sub(out, &p->cleared[i]);
}

// Of all openings of the port since it was added.
static void read_losses(const struct model_port *p, struct port_stats *out)
{
	struct port_stats now = {0};

	*out = p->kernel_before;
	if (p->port && !p->port->ops->read_stats(p->port, &now))
		port_stats_add(out, &now);
}

void method_losses(const struct model_port *p, struct port_stats *out)
{
	read_losses(p, out);
	port_stats_sub(out, &p->kernel_cleared);
}

uint64_t method_drops(const struct port_counters *c)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < N_DROP_REASONS; i++)
		sum += c->drop[i];
	return sum;
}

uint64_t method_kernel_drops(const struct port_stats *s)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(losses); i++)
		sum += loss(s, i);
	return sum;
}

static int add_drop(struct rpc_drop_count_array *drops, const char *port, const char *reason,
	const char *text, uint64_t n)
{
	struct rpc_drop_count *d;

	if (!n)
		return 0;
	d = rpc_drop_count_array_append(drops);
	if (!d)
		return -ENOMEM;
	snprintf(d->port, sizeof(d->port), "%s", port);
	snprintf(d->reason, sizeof(d->reason), "%s", reason);
	snprintf(d->text, sizeof(d->text), "%s", text);
	d->packets = n;
	return 0;
}

static int add_drops(struct rpc_drop_count_array *drops, const char *port,
	const struct port_counters *n, const struct port_stats *lost)
{
	int err = 0;

	for (unsigned i = 0; !err && i < N_DROP_REASONS; i++)
		err = add_drop(drops, port, drop_name(i), drop_text(i), n->drop[i]);
	for (unsigned i = 0; !err && i < ARRAY_SIZE(losses); i++)
		err = add_drop(drops, port, losses[i].name, losses[i].text, loss(lost, i));
	return err;
}

static int add_exceptions(struct rpc_exception_count_array *exceptions, const char *port,
	const struct port_counters *n)
{
	for (unsigned i = 0; i < N_EXCEPTION_REASONS; i++) {
		struct rpc_exception_count *e;

		if (!n->exception[i])
			continue;
		e = rpc_exception_count_array_append(exceptions);
		if (!e)
			return -ENOMEM;
		snprintf(e->port, sizeof(e->port), "%s", port);
		snprintf(e->reason, sizeof(e->reason), "%s", exception_name(i));
		snprintf(e->text, sizeof(e->text), "%s", exception_text(i));
		e->packets = n->exception[i];
	}
	return 0;
}

static void fill_row(
	struct rpc_stats_row *row, const struct port_counters *n, const struct port_stats *lost)
{
	row->rx_packets += n->rx_packets;
	row->rx_bytes += n->rx_bytes;
	row->tx_packets += n->tx_packets;
	row->tx_bytes += n->tx_bytes;
	row->flood_copies += n->copies;
	row->segments += n->segments;
	row->forwarded += n->forwarded;
	row->exception_packets += port_counters_exceptions(n);
	row->rx_drops += method_drops(n);
	row->kernel_drops += method_kernel_drops(lost);
	row->tx_merged += lost->tx_merged;
	row->tx_merged_bytes += lost->tx_merged_bytes;
}

static int show_port(struct control *c, const struct model_port *p, int worker,
	struct rpc_stats_show_result *result)
{
	struct rpc_stats_row *row = rpc_stats_row_array_append(&result->ports);
	struct port_counters n;
	struct port_stats lost = {0};
	int err;

	if (!row)
		return -ENOMEM;
	method_counters(c, p, worker, &n);
	if (worker < 0)
		method_losses(p, &lost);
	row->has_port = true;
	snprintf(row->port, sizeof(row->port), "%s", p->set.name);
	fill_row(row, &n, &lost);
	fill_row(&result->total, &n, &lost);
	err = add_drops(&result->drops, p->set.name, &n, &lost);
	return err ? err : add_exceptions(&result->exceptions, p->set.name, &n);
}

static void add_removed(const struct control *c, int worker, struct rpc_stats_show_result *result)
{
	for (unsigned i = 0; i < c->model->n_workers; i++)
		if (worker < 0 || (unsigned)worker == i)
			fill_row(&result->total, &c->removed[i], &(struct port_stats){0});
	if (worker < 0)
		fill_row(&result->total, &(struct port_counters){0}, &c->removed_losses);
}

int rpc_stats_show(struct rpc_call *call, const struct rpc_stats_show_params *params,
	struct rpc_stats_show_result *result)
{
	struct control *c = call->ctx;
	struct model_port *only = NULL;
	int worker = params->has_worker ? (int)params->worker : -1, err = 0;

	if (params->has_port) {
		only = method_port(call, params->port, &err);
		if (!only)
			return err;
	}
	if (worker >= 0 && (unsigned)worker >= c->model->n_workers)
		return rpc_error(call, -ENOENT,
			"worker %d: there is no such worker; they are numbered 0 to %u", worker,
			c->model->n_workers - 1);
	if (only)
		return show_port(c, only, worker, result);
	for (unsigned i = 0; !err && i < c->model->n_ports; i++)
		err = show_port(c, c->model->by_name[i], worker, result);
	add_removed(c, worker, result);
	return err;
}

static void clear(struct control *c, struct model_port *p)
{
	for (unsigned i = 0; i < c->model->n_workers; i++)
		dataplane_counters(c->dp, (int)i, p->id, &p->cleared[i]);
	read_losses(p, &p->kernel_cleared);
}

int rpc_stats_clear(struct rpc_call *call, const struct rpc_stats_clear_params *params,
	struct rpc_stats_clear_result *result)
{
	struct control *c = call->ctx;
	struct model_port *p;
	int err = 0;

	if (params->has_port) {
		p = method_port(call, params->port, &err);
		if (p)
			clear(c, p);
		return err;
	}
	for (unsigned i = 0; i < c->model->n_ports; i++)
		clear(c, c->model->by_name[i]);
	memset(c->removed, 0, sizeof(c->removed));
	c->removed_losses = (struct port_stats){0};
	return 0;
}
