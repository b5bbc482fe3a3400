// SPDX-License-Identifier: BSD-3-Clause
// From the per-port queues to the transmit rings: one call per port and loop, so
// that ports whose transmission is a system call pay it once per batch.
#include "dataplane/path/path.h"

static void lock(struct port_queue *q)
{
	while (atomic_exchange_explicit(&q->tx_lock, true, memory_order_acquire))
		__builtin_ia32_pause();
}

static void unlock(struct port_queue *q)
{
	atomic_store_explicit(&q->tx_lock, false, memory_order_release);
}

// Takes back what was counted as forwarded.
static void refuse(struct worker *w, struct packet **packets, unsigned n, enum drop_reason reason)
{
	for (unsigned i = 0; i < n; i++) {
		counter_add(&w->counters[packets[i]->in_port].forwarded, (uint64_t)-1);
		packet_drop(w, packets[i], reason);
	}
}

static unsigned transmit(struct worker *w, struct port_queue *q, struct txq *t)
{
	unsigned sent;

	if (likely(!q->shared))
		return q->tx_burst(q, &w->cache, t->packet, t->n);
	lock(q);
	sent = q->tx_burst(q, &w->cache, t->packet, t->n);
	unlock(q);
	return sent;
}

static void flush(struct worker *w, const struct snapshot *s, port_id_t port)
{
	struct port_queue *q = port < s->n_ports ? s->worker[w->index].tx[port] : NULL;
	struct port_counters *c = &w->counters[port];
	struct txq *t = w->txq[port];
	uint64_t bytes = 0;
	unsigned sent = 0;

	if (!q) {
		refuse(w, t->packet, t->n, DROP_output_port_gone);
		t->n = 0;
		return;
	}
	for (unsigned i = 0; i < t->n; i++)
		bytes += t->packet[i]->total_len; // before the driver owns them
	sent = transmit(w, q, t);
	for (unsigned i = sent; i < t->n; i++)
		bytes -= t->packet[i]->total_len;
	counter_add(&c->tx_packets, sent);
	counter_add(&c->tx_bytes, bytes);
	if (unlikely(sent < t->n))
		refuse(w, t->packet + sent, t->n - sent, DROP_tx_full);
	t->n = 0;
}

void tx_port(struct worker *w, const struct snapshot *s, port_id_t port)
{
	flush(w, s, port);
	// It joins the dirty list again with its next packet.
	for (unsigned i = 0; i < w->n_dirty; i++) {
		if (w->dirty[i] == port) {
			w->dirty[i] = w->dirty[--w->n_dirty];
			break;
		}
	}
}

void tx(struct worker *w, const struct snapshot *s)
{
	for (unsigned i = 0; i < w->n_dirty; i++)
		flush(w, s, w->dirty[i]);
	w->n_dirty = 0;
}
