// SPDX-License-Identifier: BSD-3-Clause
// From a port's receive queue. Counts, and stamps where the packets came from.
#include "dataplane/path/path.h"

#define STALE_BURSTS_MAX 1024 // of one look: more than any ring holds

// Whether frames waited so long that nobody expects them any more. Tells the kernel's side that
// the worker is alive. A time later than this loop's is judged by the next loop: it may be
// that the worker was stopped in between.
static fast_inline bool is_late(const struct worker *w, struct port_queue *q)
{
	uint64_t first;

	if (!q->first_pending)
		return false;
	first = __atomic_load_n(q->first_pending, __ATOMIC_RELAXED);
	if (!first || first > w->now)
		return false;
	__atomic_store_n(q->first_pending, 0, __ATOMIC_RELAXED);
	return w->now - first > q->stall_ns;
}

// What waits was sent before the worker was stopped, or while it was.
static void discard_stale(struct worker *w, struct port_queue *q, struct burst *b)
{
	uint64_t bytes = 0;
	uint16_t n;

	for (unsigned k = 0; k < STALE_BURSTS_MAX; k++) {
		n = q->rx_burst(q, &w->cache, b->packet, BURST_MAX);
		if (!n)
			break;
		for (unsigned i = 0; i < n; i++) {
			bytes += b->packet[i]->total_len;
			b->packet[i]->in_port = q->port;
			packet_drop(w, b->packet[i], DROP_rx_stale);
		}
		counter_add(&w->counters[q->port].rx_packets, n);
	}
	counter_add(&w->counters[q->port].rx_bytes, bytes);
}

void rx(struct worker *w, const struct snapshot *s, struct port_queue *q, struct burst *b)
{
	uint64_t bytes = 0;

	b->refused = 0;
	if (unlikely(is_late(w, q)))
		discard_stale(w, q, b);
	b->n = q->rx_burst(q, &w->cache, b->packet, BURST_MAX);
	if (!b->n)
		return;
	b->in_port = q->port;
	b->in = &s->port[q->port];
	b->counters = &w->counters[q->port];
	for (unsigned i = 0; i < b->n; i++) {
		struct packet *p = b->packet[i];

		__builtin_prefetch(p->data);
		p->in_port = q->port;
		bytes += p->total_len;
	}
	counter_add(&b->counters->rx_packets, b->n);
	counter_add(&b->counters->rx_bytes, bytes);
}
