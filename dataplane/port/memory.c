// SPDX-License-Identifier: BSD-3-Clause
// The memory port: two rings of packet pointers per queue.
#include "dataplane/port/memory.h"

#include <errno.h>

#include "base/mem.h"
#include "base/ring.h"
#include "dataplane/port/kinds.h"

struct memory_queue {
	struct ring rx; // test -> worker
	struct ring tx; // worker -> test
	_Atomic bool keep;
	uint64_t first_pending;
};

struct memory_port {
	struct packet_pool *pool;
	struct memory_queue queue[PORT_QUEUES_MAX];
};

static uint16_t memory_rx(
	struct port_queue *q, struct packet_cache *c, struct packet **out, uint16_t n)
{
	struct memory_queue *m = q->driver;
	uint16_t got = (uint16_t)ring_pop_bulk(&m->rx, out, n, sizeof(*out));

	for (unsigned i = 0; i < got; i++)
		__builtin_prefetch(out[i]);
	return got;
}

static uint16_t memory_tx(
	struct port_queue *q, struct packet_cache *c, struct packet **in, uint16_t n)
{
	struct memory_queue *m = q->driver;

	if (!atomic_load_explicit(&m->keep, memory_order_relaxed)) {
		packet_free_bulk(c, in, n);
		return n;
	}
	return (uint16_t)ring_push_bulk(&m->tx, in, n, sizeof(*in));
}

static void memory_close(struct port *port)
{
	struct memory_port *m = port->driver;
	struct packet_cache cache;
	struct packet *p;

	packet_cache_init(&cache, m->pool);
	for (unsigned i = 0; i < port->n_queues; i++) {
		struct memory_queue *q = &m->queue[i];

		while (q->rx.slots && ring_pop(&q->rx, &p, sizeof(p)))
			packet_free(&cache, p);
		while (q->tx.slots && ring_pop(&q->tx, &p, sizeof(p)))
			packet_free(&cache, p);
		ring_fini(&q->rx);
		ring_fini(&q->tx);
	}
	packet_cache_flush(&cache);
	mem_free(m);
}

static int memory_open(struct port *port, const struct port_config *config)
{
	struct memory_port *m = mem_zalloc(sizeof(*m), CACHE_LINE);

	if (!m)
		return port_fail(port, -ENOMEM, "port %s: out of memory", port->name);
	if (port->n_queues > PORT_QUEUES_MAX) {
		mem_free(m);
		return port_fail(
			port, -EINVAL, "port %s: at most %d queues", port->name, PORT_QUEUES_MAX);
	}
	m->pool = config->pool;
	port->driver = m;
	port->mtu = config->mtu ? config->mtu : 1500;
	port->mac = config->mac;
	for (unsigned i = 0; i < port->n_queues; i++) {
		struct memory_queue *q = &m->queue[i];

		port->queue[i].driver = q;
		if (ring_init(&q->rx, MEMORY_RING_SIZE, sizeof(struct packet *)) ||
			ring_init(&q->tx, MEMORY_RING_SIZE, sizeof(struct packet *))) {
			memory_close(port);
			return port_fail(port, -ENOMEM, "port %s: out of memory", port->name);
		}
	}
	return 0;
}

static int memory_read_stats(const struct port *port, struct port_stats *out)
{
	*out = (struct port_stats){0};
	return 0;
}

bool memory_port_inject(struct port *port, unsigned queue, struct packet *p)
{
	struct memory_port *m = port->driver;

	return ring_push(&m->queue[queue].rx, &p, sizeof(p));
}

struct packet *memory_port_collect(struct port *port, unsigned queue)
{
	struct memory_port *m = port->driver;
	struct packet *p;

	return ring_pop(&m->queue[queue].tx, &p, sizeof(p)) ? p : NULL;
}

void memory_port_pending_since(struct port *port, unsigned queue, uint64_t ns)
{
	struct memory_port *m = port->driver;

	port->queue[queue].first_pending = &m->queue[queue].first_pending;
	__atomic_store_n(&m->queue[queue].first_pending, ns, __ATOMIC_RELAXED);
}

void memory_port_set_caps(struct port *port, uint32_t caps)
{
	for (unsigned i = 0; i < port->n_queues; i++)
		port->queue[i].caps = caps;
}

void memory_port_keep(struct port *port, bool keep)
{
	struct memory_port *m = port->driver;

	for (unsigned i = 0; i < port->n_queues; i++)
		atomic_store(&m->queue[i].keep, keep);
}

const struct port_ops port_ops_memory = {
	.kind = "memory",
	.open = memory_open,
	.close = memory_close,
	.read_stats = memory_read_stats,
	.rx_burst = memory_rx,
	.tx_burst = memory_tx,
};
