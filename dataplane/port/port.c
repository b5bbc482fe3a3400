// SPDX-License-Identifier: BSD-3-Clause
// The list of port kinds, and what is common to opening one.
#include "dataplane/port/port.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "dataplane/port/kinds.h"

static const struct port_ops *const kinds[] = {&port_ops_af_xdp, &port_ops_tap, &port_ops_memory};
static const char *const kind_names[] = {"af_xdp", "tap", "memory", NULL};

static_assert(ARRAY_SIZE(kind_names) == ARRAY_SIZE(kinds) + 1, "a name for every kind");

const char *const *port_kinds(void)
{
	return kind_names;
}

static const char *const pass_names[] = {
#define PASS_NAME(name, text) #name,
	PORT_PASSES(PASS_NAME)
#undef PASS_NAME
};

static const char *const pass_texts[] = {
#define PASS_TEXT(name, text) text,
	PORT_PASSES(PASS_TEXT)
#undef PASS_TEXT
};

const char *port_pass_name(enum port_pass p)
{
	return pass_names[p];
}

const char *port_pass_text(enum port_pass p)
{
	return pass_texts[p];
}

void port_stats_add(struct port_stats *sum, const struct port_stats *s)
{
	sum->kernel_ring_full += s->kernel_ring_full;
	sum->kernel_fill_empty += s->kernel_fill_empty;
	sum->kernel_invalid += s->kernel_invalid;
	sum->kernel_stalled += s->kernel_stalled;
	sum->kernel_no_socket += s->kernel_no_socket;
	sum->tx_merged += s->tx_merged;
	sum->tx_merged_bytes += s->tx_merged_bytes;
	sum->tx_bytes_copied += s->tx_bytes_copied;
	for (unsigned i = 0; i < N_PORT_PASSES; i++)
		sum->passed[i] += s->passed[i];
}

void port_stats_sub(struct port_stats *sum, const struct port_stats *s)
{
	sum->kernel_ring_full -= s->kernel_ring_full;
	sum->kernel_fill_empty -= s->kernel_fill_empty;
	sum->kernel_invalid -= s->kernel_invalid;
	sum->kernel_stalled -= s->kernel_stalled;
	sum->kernel_no_socket -= s->kernel_no_socket;
	sum->tx_merged -= s->tx_merged;
	sum->tx_merged_bytes -= s->tx_merged_bytes;
	sum->tx_bytes_copied -= s->tx_bytes_copied;
	for (unsigned i = 0; i < N_PORT_PASSES; i++)
		sum->passed[i] -= s->passed[i];
}

int port_fail(struct port *port, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(port->error, sizeof(port->error), fmt, ap);
	va_end(ap);
	return err;
}

int port_open(struct port **out, const char *kind, port_id_t id, const struct port_config *config,
	char *error)
{
	static uint32_t serial;
	struct port *port;
	int err = -EINVAL;

	snprintf(error, PORT_ERROR_SIZE, "port %s: unknown kind %s", config->name, kind);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (strcmp(kinds[i]->kind, kind) != 0)
			continue;
		port = mem_zalloc(sizeof(*port), CACHE_LINE);
		if (!port) {
			snprintf(error, PORT_ERROR_SIZE, "port %s: out of memory", config->name);
			return -ENOMEM;
		}
		snprintf(port->name, sizeof(port->name), "%s", config->name);
		port->id = id;
		port->ops = kinds[i];
		port->n_queues = config->n_queues ? config->n_queues : 1;
		for (unsigned q = 0; q < PORT_QUEUES_MAX; q++)
			port->queue[q] = (struct port_queue){.rx_burst = kinds[i]->rx_burst,
				.tx_burst = kinds[i]->tx_burst,
				.port = id,
				.index = (uint16_t)q,
				.serial = ++serial,
				.stall_ns = PORT_STALL_NS,
				.fd = -1};
		err = port->ops->open(port, config);
		if (err) {
			snprintf(error, PORT_ERROR_SIZE, "%s",
				port->error[0] ? port->error : strerror(-err));
			mem_free(port);
			return err;
		}
		*out = port;
		return 0;
	}
	return err;
}

void port_close(struct port *port)
{
	if (!port)
		return;
	port->ops->close(port);
	mem_free(port);
}

bool port_is_drained(const struct port *port)
{
	return !port->ops->is_drained || port->ops->is_drained(port);
}
