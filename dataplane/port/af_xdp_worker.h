// SPDX-License-Identifier: BSD-3-Clause
// What the workers and the set-up of an AF_XDP queue share: moving frames
// between the pool and the kernel. Private to the af_xdp port.
#pragma once

#include "dataplane/port/af_xdp_ring.h"
#include "dataplane/port/port.h"

// Lends the kernel the frames that it should have and has not. Fewer when the pool is
// short: the next call makes up for it.
static inline void xsk_refill(struct xsk *x, struct packet_cache *c)
{
	const struct pool_geometry *g = x->geometry;
	struct packet *p[XSK_FILL_BATCH];

	while (x->deficit) {
		unsigned n = MIN(x->deficit, XSK_FILL_BATCH);

		if (unlikely(!packet_alloc_bulk(c, p, n)))
			return;
		for (unsigned i = 0; i < n; i++) {
			__atomic_store_n(&p[i]->holder, x->serial, __ATOMIC_RELAXED);
			x->fill[x->fill_next++ & x->fill_mask] =
				(uint64_t)packet_index(g, p[i]) * FRAME_STRIDE;
		}
		__atomic_store_n(x->fill_producer, x->fill_next, __ATOMIC_RELEASE);
		x->deficit -= n;
	}
}

// Frees the frames whose transmission is complete.
static inline void xsk_reap(struct xsk *x, struct packet_cache *c)
{
	const struct pool_geometry *g = x->geometry;
	uint32_t end = __atomic_load_n(x->done_producer, __ATOMIC_ACQUIRE);
	struct packet *p[BURST_MAX];

	if (end == x->completed)
		return;
	while (x->completed != end) {
		unsigned n = MIN(end - x->completed, BURST_MAX);

		for (unsigned i = 0; i < n; i++)
			p[i] = packet_at(
				g, x->done[x->completed++ & x->done_mask] & XSK_ADDRESS_MASK);
		packet_free_bulk(c, p, n);
	}
	__atomic_store_n(x->done_consumer, end, __ATOMIC_RELEASE);
}

// struct port_ops of the kind.
uint16_t af_xdp_rx(struct port_queue *, struct packet_cache *, struct packet **out, uint16_t n);
uint16_t af_xdp_tx(struct port_queue *, struct packet_cache *, struct packet **in, uint16_t n);
