// SPDX-License-Identifier: BSD-3-Clause
// From a port's receive queue. Counts, and stamps where the packets came from.
#include "dataplane/path/path.h"

void rx(struct worker *w, const struct snapshot *s, struct port_queue *q, struct burst *b)
{
	uint64_t bytes = 0;

	b->refused = 0;
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
