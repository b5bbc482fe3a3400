// SPDX-License-Identifier: BSD-3-Clause
// TAP ports: the kernel hands over, and takes, whole packets of up to 64 KiB
// with a virtio_net_hdr that says what is still to be done to them, so that bulk
// TCP crosses the switch unsegmented and without checksums.
//
// Each packet costs one system call. A read goes into frames that stand ready
// for the longest packet; those that it does not fill serve the next.
#include <errno.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/mem.h"
#include "dataplane/counters.h"
#include "dataplane/path/merge.h"
#include "dataplane/port/kinds.h"
#include "dataplane/port/tap_device.h"
#include "dataplane/port/vnet_header.h"

// A frame with headroom and as many full ones as the longest packet, with a tag, needs.
#define RX_FRAMES     (1 + (PACKET_MAX_BYTES + 4 - FRAME_CAPACITY + FRAME_PART - 1) / FRAME_PART)
#define TX_FRAMES_MAX 255 // longer chains, which no port makes, are refused

// What is read is written before more is read, so that it still lies in the core's own cache.
#define RX_BURST_BYTES (128 << 10)

struct tap_queue {
	int fd;
	unsigned n_missing; // of `frame`, from the first: frames were short
	struct virtio_net_hdr_v1 header;
	struct packet *frame[RX_FRAMES]; // where the next packet goes
	struct iovec rx[1 + RX_FRAMES];
	struct iovec tx[1 + TX_FRAMES_MAX];
	uint64_t no_frame; // read side's; these are read by control
	uint64_t rx_invalid;
	uint64_t tx_invalid; // send side's, like the next; see struct port_stats
	uint64_t tx_merged;
	uint64_t tx_merged_bytes;
};

struct tap_port {
	struct packet_pool *pool;
	struct tap_queue queue[]; // n_queues of them
};

// Puts new frames in the place of those that left with a packet. False when they are short.
static bool refill(struct tap_queue *t, struct packet_cache *c)
{
	if (likely(!t->n_missing))
		return true;
	if (unlikely(!packet_alloc_bulk(c, t->frame, t->n_missing)))
		return false;
	for (unsigned i = 0; i < t->n_missing; i++) {
		struct packet *p = t->frame[i];

		p->data = packet_frame(c->geometry, p) + FRAME_LEAD;
		t->rx[1 + i] = (struct iovec){p->data, FRAME_PART};
	}
	t->n_missing = 0;
	t->frame[0]->data += FRAME_HEADROOM - FRAME_LEAD;
	t->rx[1] = (struct iovec){t->frame[0]->data, FRAME_CAPACITY};
	return true;
}

// The header in the packet's terms. Nothing is believed: parse() checks all of it against the
// bytes, and drops what does not fit or is of no known type.
static fast_inline void take_header(struct packet *p, const struct virtio_net_hdr_v1 *h)
{
	if (h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
		p->flags |= PACKET_CSUM;
		p->csum_start = h->csum_start;
		p->csum_offset = h->csum_offset;
	} else if (h->flags & VIRTIO_NET_HDR_F_DATA_VALID) {
		p->flags |= PACKET_CSUM_GOOD;
	}
	if (h->gso_type != VIRTIO_NET_HDR_GSO_NONE) {
		p->gso_type = h->gso_type & (uint8_t)~VIRTIO_NET_HDR_GSO_ECN;
		p->gso_size = h->gso_size;
		p->hdr_len = h->hdr_len;
		if (h->gso_type & VIRTIO_NET_HDR_GSO_ECN)
			p->flags |= PACKET_GSO_ECN;
	}
}

// The n bytes that were read, as a packet.
static fast_inline struct packet *take_packet(struct tap_queue *t, uint32_t n)
{
	struct packet *head = t->frame[0];
	struct packet *last = head;
	unsigned used = 1;

	head->total_len = n;
	head->len = (uint16_t)MIN(n, FRAME_CAPACITY);
	for (n -= head->len; unlikely(n); n -= last->len) {
		last->next = t->frame[used++];
		last = last->next;
		last->len = (uint16_t)MIN(n, FRAME_PART);
	}
	head->n_frames = (uint16_t)used;
	take_header(head, &t->header);
	t->n_missing = used;
	return head;
}

static uint16_t tap_rx(
	struct port_queue *q, struct packet_cache *c, struct packet **out, uint16_t n)
{
	struct tap_queue *t = q->driver;
	uint32_t bytes = 0;
	uint16_t got = 0;

	for (uint16_t tries = 0; tries < n && bytes < RX_BURST_BYTES; tries++) {
		ssize_t len;

		if (unlikely(!refill(t, c))) {
			counter_add(&t->no_frame, 1);
			break;
		}
		len = readv(t->fd, t->rx, ARRAY_SIZE(t->rx));
		if (likely(len > (ssize_t)sizeof(t->header))) {
			out[got++] = take_packet(t, (uint32_t)len - sizeof(t->header));
			bytes += (uint32_t)len;
		} else if (len < 0 && errno == EAGAIN) {
			q->ready = false;
			break;
		} else if (len < 0 && (errno == EBADFD || errno == ENODEV || errno == EIO ||
					      errno == EFAULT)) {
			// The device is gone, with its namespace or by somebody's hand.
			q->error = errno;
			q->ready = false;
			break;
		} else if (len >= 0 || errno != EINTR) {
			counter_add(&t->rx_invalid, 1); // the kernel could not describe the packet
		}
	}
	return got;
}

// 0 or negative errno.
static int send_packet(struct tap_queue *t, const struct packet *p)
{
	struct virtio_net_hdr_v1 header;
	int n = 1;

	if (unlikely(p->n_frames > TX_FRAMES_MAX))
		return -EMSGSIZE;
	vnet_header_make(p, &header);
	t->tx[0] = (struct iovec){&header, sizeof(header)};
	for (; p; p = p->next)
		t->tx[n++] = (struct iovec){p->data, p->len};
	return likely(writev(t->fd, t->tx, n) >= 0) ? 0 : -errno;
}

static uint16_t tap_tx(struct port_queue *q, struct packet_cache *c, struct packet **in, uint16_t n)
{
	struct tap_queue *t = q->driver;
	const bool merges = q->caps & PORT_TX_CSUM && q->caps & PORT_TX_TSO;
	uint16_t sent = 0;

	while (sent < n) {
		unsigned run = 1;
		int err;

		// Every packet costs a system call: two that become one are worth it.
		if (merges && merge_is_likely(in[sent])) {
			run = merge_count(in + sent, n - sent);
			merge(in + sent, run);
		}
		err = send_packet(t, in[sent]);
		if (unlikely(err && err != -EINTR && err != -EBADFD && err != -ENODEV &&
			     err != -EAGAIN && err != -ENOBUFS && err != -ENOMEM && err != -EIO)) {
			counter_add(&t->tx_invalid, run);
			err = 0;
		}
		if (likely(!err)) {
			counter_add(&t->tx_merged, run - 1);
			counter_add(&t->tx_merged_bytes, (run - 1) * (uint64_t)in[sent]->hdr_len);
			packet_free(c, in[sent]); // with the whole run
			sent += (uint16_t)run;
			continue;
		}
		merge_undo(in + sent, run);
		if (err == -EINTR)
			continue;
		if (err == -EBADFD || err == -ENODEV)
			q->error = -err;
		break; // full, short of memory, or set down by its owner: the rest is refused too
	}
	return sent;
}

static void tap_close(struct port *port)
{
	struct tap_port *tap = port->driver;
	struct packet_cache cache;

	packet_cache_init(&cache, tap->pool);
	for (unsigned i = 0; i < port->n_queues; i++) {
		struct tap_queue *t = &tap->queue[i];

		close(t->fd);
		for (unsigned k = t->n_missing; k < RX_FRAMES; k++)
			packet_free(&cache, t->frame[k]);
	}
	packet_cache_flush(&cache);
	mem_free(tap);
}

static int tap_open(struct port *port, const struct port_config *config)
{
	struct tap_port *tap =
		mem_zalloc(sizeof(*tap) + port->n_queues * sizeof(tap->queue[0]), CACHE_LINE);
	int fd[PORT_QUEUES_MAX];
	uint32_t caps;
	int err;

	if (!tap)
		return port_fail(port, -ENOMEM, "port %s: out of memory", port->name);
	err = tap_device_create(port, config, fd, &caps);
	if (err) {
		mem_free(tap);
		return err;
	}
	tap->pool = config->pool;
	port->mtu_max = TAP_MTU_MAX;
	port->driver = tap;
	for (unsigned i = 0; i < port->n_queues; i++) {
		struct tap_queue *t = &tap->queue[i];

		t->fd = fd[i];
		t->n_missing = RX_FRAMES; // the first read takes them
		t->rx[0] = (struct iovec){&t->header, sizeof(t->header)};
		port->queue[i].driver = t;
		port->queue[i].fd = fd[i];
		port->queue[i].caps = caps | PORT_RX_SYSCALL;
	}
	return 0;
}

static int tap_read_stats(const struct port *port, struct port_stats *out)
{
	const struct tap_port *tap = port->driver;

	*out = (struct port_stats){0};
	for (unsigned i = 0; i < port->n_queues; i++) {
		const struct tap_queue *t = &tap->queue[i];

		out->kernel_fill_empty += counter_read(&t->no_frame);
		out->tx_merged += counter_read(&t->tx_merged);
		out->tx_merged_bytes += counter_read(&t->tx_merged_bytes);
		out->kernel_invalid += counter_read(&t->rx_invalid) + counter_read(&t->tx_invalid);
	}
	return 0;
}

const struct port_ops port_ops_tap = {
	.kind = "tap",
	.open = tap_open,
	.close = tap_close,
	.read_stats = tap_read_stats,
	.rx_burst = tap_rx,
	.tx_burst = tap_tx,
};
