// SPDX-License-Identifier: BSD-3-Clause
// A packet's whole way, in order. Run to completion on the worker that received
// the burst; the transmit rings are filled once per loop by tx().
#include "dataplane/path/path.h"

unsigned pipeline_run(struct worker *w, const struct snapshot *s, struct port_queue *rxq)
{
	struct burst b;
	unsigned n;

	rx(w, s, rxq, &b); // port  -> b
	n = b.n;
	if (!n)
		return 0;
	parse(w, &b); // headers -> packet fields, keys
	if (b.n && b.in->flags & PORT_ROUTED) {
		l3(w, s, &b);            // FIB -> neighbour's header, egress port; or the kernel
		output_routed(w, s, &b); // offloads -> transmit queues
		return n;
	}
	classify(w, s, &b); // ingress rules -> VLAN
	l2(w, s, &b);       // FDB -> egress port or flood
	output(w, s, &b);   // tag, offloads, copies -> transmit queues
	return n;
}

void packet_drop(struct worker *w, struct packet *p, enum drop_reason reason)
{
	counter_add(&w->counters[p->in_port].drop[reason], 1);
	packet_free(&w->cache, p);
}

void burst_drop_refused(struct worker *w, struct burst *b)
{
	unsigned n = 0;

	for (unsigned i = 0; i < b->n; i++) {
		if (b->refused >> i & 1) {
			packet_drop(w, b->packet[i], b->reason[i]);
			continue;
		}
		b->packet[n] = b->packet[i];
		b->dst[n] = b->dst[i];
		b->src[n] = b->src[i];
		b->hit[n] = b->hit[i];
		n++;
	}
	b->n = n;
	b->refused = 0;
}
