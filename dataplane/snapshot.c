// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/snapshot.h"

#include <string.h>

#include "base/mem.h"

struct snapshot *snapshot_new(unsigned n_ports, unsigned n_workers)
{
	struct snapshot *s = mem_zalloc(sizeof(*s), CACHE_LINE);
	unsigned n = n_ports ? n_ports : 1;

	if (!s)
		return NULL;
	s->n_ports = n_ports;
	s->n_workers = n_workers;
	s->port = mem_zalloc(n * sizeof(*s->port), CACHE_LINE);
	s->vlans = vlan_table_new(n_ports);
	if (!s->port || !s->vlans)
		goto err;
	s->isolated = mem_zalloc((N_BUM + 1) * s->vlans->words * sizeof(uint64_t), CACHE_LINE);
	if (!s->isolated)
		goto err;
	for (unsigned c = 0; c < N_BUM; c++)
		s->flood[c] = s->isolated + (c + 1) * s->vlans->words;
	for (unsigned w = 0; w < n_workers; w++) {
		s->worker[w].rx =
			mem_zalloc((size_t)n * PORT_QUEUES_MAX * sizeof(*s->worker[w].rx), 0);
		s->worker[w].tx = mem_zalloc(n * sizeof(*s->worker[w].tx), 0);
		if (!s->worker[w].rx || !s->worker[w].tx)
			goto err;
	}
	return s;

err:
	snapshot_free(s);
	return NULL;
}

void snapshot_free(struct snapshot *s)
{
	if (!s)
		return;
	for (unsigned w = 0; w < s->n_workers; w++) {
		mem_free(s->worker[w].rx);
		mem_free(s->worker[w].tx);
	}
	mem_free(s->isolated);
	vlan_table_free(s->vlans);
	mem_free(s->port);
	mem_free(s);
}

void snapshot_index(struct snapshot *s, port_id_t id)
{
	static const uint16_t takes[N_BUM] = {
		PORT_FLOOD_BROADCAST, PORT_FLOOD_UNKNOWN, PORT_FLOOD_MULTICAST};
	uint64_t bit = 1ull << (id % 64);
	uint16_t flags = s->port[id].flags;

	for (unsigned c = 0; c < N_BUM; c++)
		if (flags & PORT_EGRESS && flags & takes[c])
			s->flood[c][id / 64] |= bit;
	if (flags & PORT_ISOLATED)
		s->isolated[id / 64] |= bit;
}

void snapshot_set_own(struct snapshot *s, const uint32_t *addrs, size_t n)
{
	memset(s->strangers, 1, sizeof(s->strangers));
	for (size_t i = 0; i < n; i++)
		s->strangers[snapshot_source_slot(addrs[i])] = 0;
}

void snapshot_attach(struct snapshot *s, struct port *port)
{
	s->port[port->id].present = 1;
	s->port[port->id].caps = port->queue[0].caps;
	s->port[port->id].max_bytes = port->mtu + 14;
	s->port[port->id].mac = port->mac;
	for (unsigned q = 0; q < port->n_queues; q++) {
		struct snapshot_worker *w = &s->worker[(port->id + q) % s->n_workers];

		w->rx[w->n_rx++] = &port->queue[q];
	}
	for (unsigned w = 0; w < s->n_workers; w++) {
		struct port_queue *q = &port->queue[w % port->n_queues];

		// Once, before the port is published: later the workers read it.
		if (s->n_workers > port->n_queues && !q->shared)
			q->shared = true;
		s->worker[w].tx[port->id] = q;
	}
}
