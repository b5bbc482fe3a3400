// SPDX-License-Identifier: BSD-3-Clause
// The worker's side of an AF_XDP queue. Receiving never makes a system call: in
// copy mode the frames arrive from the sender's context. Transmitting makes one
// for the whole batch.
#include "dataplane/port/af_xdp_worker.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "dataplane/counters.h"
#include "dataplane/path/merge.h"
#include "dataplane/port/af_xdp_bulk.h"

// Asks the kernel to send what stands in the transmit ring. It stops early when the device or the
// socket's buffer is full (EAGAIN, EBUSY, ENOBUFS): then the rest is tried again later.
static void kick(struct port_queue *q, struct xsk *x)
{
	uint32_t before = __atomic_load_n(x->tx_consumer, __ATOMIC_RELAXED);
	bool unsent = true;

	for (unsigned tries = 0; tries < XSK_KICKS_MAX; tries++) {
		uint32_t after;

		if (likely(sendto(x->fd, NULL, 0, MSG_DONTWAIT, NULL, 0) >= 0)) {
			unsent = false;
			break;
		}
		if (errno == ENXIO) {
			q->error = ENXIO;
			break;
		}
		if (errno == ENETDOWN) { // down, or gone
			int error = 0;
			socklen_t len = sizeof(error);

			if (!getsockopt(x->fd, SOL_SOCKET, SO_ERROR, &error, &len) && error)
				q->error = error;
			break;
		}
		after = __atomic_load_n(x->tx_consumer, __ATOMIC_RELAXED);
		if (after != before) {
			before = after;
			tries = 0;
		}
	}
	atomic_store_explicit(&x->unsent, unsent, memory_order_relaxed);
}

// Puts together packets of several descriptors. Returns how many are whole.
static unsigned assemble(struct xsk *x, uint32_t from, uint32_t n_descs, struct packet **out)
{
	const struct pool_geometry *g = x->geometry;
	unsigned got = 0;

	for (uint32_t i = from; i != from + n_descs; i++) {
		const struct xdp_desc *d = &x->rx[i & x->rx_mask];
		uint64_t base = d->addr & XSK_ADDRESS_MASK;
		struct packet *p = packet_at(g, base);

		__atomic_store_n(&p->holder, 0, __ATOMIC_RELAXED);
		packet_reset(g, p);
		p->data = g->base + base + (d->addr >> XSK_OFFSET_SHIFT);
		p->len = (uint16_t)d->len;
		if (!x->partial) {
			x->partial = p;
		} else {
			x->partial_tail->next = p;
			x->partial->n_frames++;
		}
		x->partial_tail = p;
		x->partial->total_len += d->len;
		if (!(d->options & XDP_PKT_CONTD)) {
			out[got++] = x->partial;
			x->partial = NULL;
		}
	}
	return got;
}

uint16_t af_xdp_rx(struct port_queue *q, struct packet_cache *c, struct packet **out, uint16_t n)
{
	struct xsk *x = q->driver;
	const struct pool_geometry *g = x->geometry;
	uint32_t next = x->rx_next;
	uint32_t ready = x->rx_seen - next;
	uint32_t options = 0;
	uint16_t got;

	if (ready < n) {
		x->rx_seen = __atomic_load_n(x->rx_producer, __ATOMIC_ACQUIRE);
		ready = x->rx_seen - next;
		if (!ready) {
			if (x->deficit)
				xsk_refill(x, c);
			if (unlikely(atomic_load_explicit(&x->unsent, memory_order_relaxed)))
				kick(q, x);
			return 0;
		}
		if (ready > n)
			ready = n;
	} else {
		ready = n;
	}
	for (uint32_t i = 0; i < ready; i++) {
		const struct xdp_desc *d = &x->rx[(next + i) & x->rx_mask];
		uint64_t base = d->addr & XSK_ADDRESS_MASK;

		out[i] = packet_at(g, base);
		__builtin_prefetch(out[i], 1);
		__builtin_prefetch(g->base + base + (d->addr >> XSK_OFFSET_SHIFT));
		options |= d->options;
	}
	if (likely(!(options & XDP_PKT_CONTD) && !x->partial)) {
		for (uint32_t i = 0; i < ready; i++) {
			const struct xdp_desc *d = &x->rx[(next + i) & x->rx_mask];
			struct packet *p = out[i];

			p->data = g->base + (d->addr & XSK_ADDRESS_MASK) +
				  (d->addr >> XSK_OFFSET_SHIFT);
			p->next = NULL;
			p->len = (uint16_t)d->len;
			p->n_frames = 1;
			p->total_len = d->len;
			p->flags = 0;
			p->gso_type = GSO_NONE;
			__atomic_store_n(&p->holder, 0, __ATOMIC_RELAXED);
		}
		got = (uint16_t)ready;
	} else {
		got = (uint16_t)assemble(x, next, ready, out);
	}
	x->rx_next = next + ready;
	__atomic_store_n(x->rx_consumer, x->rx_next, __ATOMIC_RELEASE);
	x->deficit += ready;
	if (x->deficit >= XSK_FILL_BATCH)
		xsk_refill(x, c);
	return got;
}

// Copied into its place: behind a tag that came or went that is not aligned.
static fast_inline void put_request(const struct packet *p, struct xdp_desc *d)
{
	const struct xsk_tx_metadata m = {
		.flags = XDP_TXMD_FLAGS_CHECKSUM,
		.csum_start = p->csum_start,
		.csum_offset = p->csum_offset,
	};

	memcpy(p->data - sizeof(m), &m, sizeof(m));
	d->options |= XDP_TX_METADATA;
}

static fast_inline void put_desc(struct xsk *x, const struct packet *p, uint32_t options)
{
	struct xdp_desc *d = &x->tx[x->tx_next++ & x->tx_mask];

	d->addr = (uint64_t)(p->data - x->geometry->base);
	d->len = p->len;
	d->options = options;
}

static void refuse(struct xsk *x, struct packet_cache *c, struct packet *p)
{
	atomic_store_explicit(&x->tx_refused,
		atomic_load_explicit(&x->tx_refused, memory_order_relaxed) + 1,
		memory_order_relaxed);
	packet_free(c, p);
}

// The kernel wants room for metadata before every descriptor's data, used or not, and both
// together no longer than a chunk. It skips others, and never gives their frames back.
static bool is_acceptable(const struct xsk *x, const struct packet *p)
{
	const size_t room = sizeof(struct xsk_tx_metadata);

	return p->len && p->len + room <= FRAME_STRIDE &&
	       (size_t)(p->data - x->geometry->base) >= room;
}

static_assert(FRAME_LEAD >= sizeof(struct xsk_tx_metadata), "chains go out as they are");

// A chain goes as a whole or not at all. False when the ring lacks room.
static bool put_chain(struct xsk *x, struct packet_cache *c, struct packet *head, uint32_t room)
{
	bool fits = head->n_frames <= XSK_CHAIN_MAX && x->features & XSK_MULTI_BUFFER;
	uint32_t first = x->tx_next;

	for (struct packet *p = head; p && fits; p = p->next)
		fits = is_acceptable(x, p);
	if (!fits) {
		refuse(x, c, head);
		return true;
	}
	if (head->n_frames > room)
		return false;
	for (struct packet *p = head, *next; p; p = next) {
		next = p->next;
		put_desc(x, p, next ? XDP_PKT_CONTD : 0);
		p->next = NULL; // each frame comes back alone
	}
	if (head->flags & PACKET_CSUM)
		put_request(head, &x->tx[first & x->tx_mask]);
	return true;
}

// Hands what stands in the ring to the kernel, so that what goes another way does not overtake it.
static void submit(struct port_queue *q, struct xsk *x)
{
	__atomic_store_n(x->tx_producer, x->tx_next, __ATOMIC_RELEASE);
	kick(q, x);
}

// Puts one packet into the ring. False when the ring lacks room.
static fast_inline bool put(struct xsk *x, struct packet_cache *c, struct packet *p)
{
	uint32_t room = x->tx_mask + 1 - (x->tx_next - x->completed);

	if (unlikely(!room))
		return false;
	if (unlikely(p->next != NULL))
		return put_chain(x, c, p, room);
	put_desc(x, p, 0);
	if (unlikely(p->flags & PACKET_CSUM))
		put_request(p, &x->tx[(x->tx_next - 1) & x->tx_mask]);
	return true;
}

// Sends in[0] or a run that begins with it by the packet socket. Returns how many of in[] that
// took; 0: none, and *full tells whether the kernel had no room now.
static unsigned send_bulk(
	struct xsk *x, struct packet_cache *c, struct packet **in, unsigned n, bool *full)
{
	unsigned run = 1;
	int err;

	if (in[0]->gso_type == GSO_NONE) {
		run = merge_count(in, n);
		if (run < MERGE_MIN)
			return 0;
		merge(in, run);
	}
	err = bulk_send(x->bulk_fd, in[0]);
	*full = err == -EAGAIN || err == -ENOBUFS || err == -ENOMEM;
	if (likely(!err)) {
		counter_add(&x->tx_merged, run - 1);
		counter_add(&x->tx_merged_bytes, (run - 1) * in[0]->hdr_len);
		packet_free(c, in[0]);
		return run;
	}
	if (run > 1) {
		merge_undo(in, run);
		return 0;
	}
	if (*full)
		return 0;
	refuse(x, c, in[0]); // the kernel takes it neither now nor later
	return 1;
}

uint16_t af_xdp_tx(struct port_queue *q, struct packet_cache *c, struct packet **in, uint16_t n)
{
	struct xsk *x = q->driver;
	const bool bulk = x->bulk_fd >= 0;
	uint32_t submitted = x->tx_next;
	uint16_t sent = 0;

	if (unlikely(x->tx_mask + 1 - (x->tx_next - x->completed) < n))
		xsk_reap(x, c);
	while (sent < n) {
		struct packet *p = in[sent];

		if (unlikely(bulk && (p->gso_type != GSO_NONE || merge_is_likely(p)))) {
			bool full = false;
			unsigned run = 0;

			if (x->tx_next != submitted) {
				submit(q, x);
				submitted = x->tx_next;
			}
			if (unlikely(atomic_load_explicit(&x->unsent, memory_order_relaxed)))
				full = p->gso_type != GSO_NONE; // nothing overtakes the ring
			else
				run = send_bulk(x, c, in + sent, n - sent, &full);
			sent += (uint16_t)run;
			if (run)
				continue;
			if (full)
				break;
		}
		if (unlikely(!put(x, c, p)))
			break;
		sent++;
	}
	if (x->tx_next != submitted || atomic_load_explicit(&x->unsent, memory_order_relaxed))
		submit(q, x);
	xsk_reap(x, c);
	return sent;
}
