// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/port/af_xdp_socket.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "dataplane/counters.h"
#include "dataplane/port/af_xdp_worker.h"

#define RX_RING_DEFAULT 4096 // outlasts a worker that the scheduler takes away for some ms
#define TX_RING_DEFAULT 2048
#define FILL_RING_MIN   4096
#define FILL_MIN        64
#define DRAIN_NS        (100 * NS_PER_MS) // how long sent frames may take to come back
#define RELEASE_NS      (5 * NS_PER_SEC)  // after this, who holds a queue is somebody else
#define BIND_TRIES      100               // 1 ms apart
#define SEND_BUFFER     (16 << 20)        // bytes of skbs in flight to a device that holds them

#ifndef SOL_XDP
#define SOL_XDP 283
#endif

static int set_option(int fd, int option, uint32_t value)
{
	return setsockopt(fd, SOL_XDP, option, &value, sizeof(value)) ? -errno : 0;
}

static int register_umem(int fd, const struct xsk_config *c)
{
	const struct pool_geometry *g = packet_pool_geometry(c->pool);
	struct xsk_umem_reg reg = {
		.addr = (uintptr_t)g->base,
		.len = g->size,
		.chunk_size = FRAME_STRIDE,
		.flags = XDP_UMEM_UNALIGNED_CHUNK_FLAG,
	};

	if (c->tx_metadata) {
		reg.flags |= XDP_UMEM_TX_METADATA_LEN;
		reg.tx_metadata_len = sizeof(struct xsk_tx_metadata);
		if (c->software_checksum)
			reg.flags |= XDP_UMEM_TX_SW_CSUM;
	}
	return setsockopt(fd, SOL_XDP, XDP_UMEM_REG, &reg, sizeof(reg)) ? -errno : 0;
}

static void *map_ring(struct xsk *x, unsigned i, size_t size, uint64_t page_offset)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, x->fd,
		(off_t)page_offset);

	if (p == MAP_FAILED)
		return NULL;
	x->map[i] = (struct xsk_map){p, size};
	return p;
}

static int map_rings(struct xsk *x, uint32_t rx_size, uint32_t tx_size, uint32_t fill_size)
{
	struct xdp_mmap_offsets off;
	socklen_t len = sizeof(off);
	char *p;

	if (getsockopt(x->fd, SOL_XDP, XDP_MMAP_OFFSETS, &off, &len))
		return -errno;
	p = map_ring(x, 0, off.rx.desc + rx_size * sizeof(struct xdp_desc), XDP_PGOFF_RX_RING);
	if (!p)
		return -errno;
	x->rx_producer = (uint32_t *)(p + off.rx.producer);
	x->rx_consumer = (uint32_t *)(p + off.rx.consumer);
	x->rx = (struct xdp_desc *)(p + off.rx.desc);
	x->rx_mask = rx_size - 1;
	p = map_ring(x, 1, off.tx.desc + tx_size * sizeof(struct xdp_desc), XDP_PGOFF_TX_RING);
	if (!p)
		return -errno;
	x->tx_producer = (uint32_t *)(p + off.tx.producer);
	x->tx_consumer = (uint32_t *)(p + off.tx.consumer);
	x->tx = (struct xdp_desc *)(p + off.tx.desc);
	x->tx_mask = tx_size - 1;
	p = map_ring(x, 2, off.fr.desc + fill_size * sizeof(uint64_t),
		(uint64_t)XDP_UMEM_PGOFF_FILL_RING);
	if (!p)
		return -errno;
	x->fill_producer = (uint32_t *)(p + off.fr.producer);
	x->fill = (uint64_t *)(p + off.fr.desc);
	x->fill_mask = fill_size - 1;
	p = map_ring(x, 3, off.cr.desc + tx_size * sizeof(uint64_t),
		(uint64_t)XDP_UMEM_PGOFF_COMPLETION_RING);
	if (!p)
		return -errno;
	x->done_producer = (uint32_t *)(p + off.cr.producer);
	x->done_consumer = (uint32_t *)(p + off.cr.consumer);
	x->done = (uint64_t *)(p + off.cr.desc);
	x->done_mask = tx_size - 1;
	return 0;
}

static int make_rings(struct xsk *x, const struct xsk_config *c)
{
	uint32_t rx_size = c->ring_size ? c->ring_size : RX_RING_DEFAULT;
	uint32_t tx_size = c->ring_size ? c->ring_size : TX_RING_DEFAULT;
	uint32_t fill_size = MAX(rx_size, FILL_RING_MIN);
	int buffer = SEND_BUFFER;
	int err = set_option(x->fd, XDP_UMEM_FILL_RING, fill_size);

	if (!err)
		err = set_option(x->fd, XDP_UMEM_COMPLETION_RING, tx_size);
	if (!err)
		err = set_option(x->fd, XDP_RX_RING, rx_size);
	if (!err)
		err = set_option(x->fd, XDP_TX_RING, tx_size);
	if (!err)
		err = map_rings(x, rx_size, tx_size, fill_size);
	if (err)
		return err;
	// Both only save system calls.
	if (c->tx_budget)
		set_option(x->fd, XDP_MAX_TX_SKB_BUDGET, tx_size);
	setsockopt(x->fd, SOL_SOCKET, SO_SNDBUFFORCE, &buffer, sizeof(buffer));
	return 0;
}

// Many ports share the pool: one takes at most an eighth of what is left.
static int lend_frames(struct xsk *x, const struct xsk_config *c)
{
	struct packet_cache cache;
	struct pool_stats stats;

	packet_pool_stats(c->pool, &stats);
	x->fill_target = MIN(x->fill_mask + 1, stats.frames_free / 8);
	if (x->fill_target < FILL_MIN)
		return -ENOBUFS;
	x->deficit = x->fill_target;
	packet_cache_init(&cache, c->pool);
	xsk_refill(x, &cache);
	packet_cache_flush(&cache);
	return 0;
}

// A closed socket's queue is free only when some kernel thread has run: milliseconds later, tens of
// them on a busy machine, where each bind() may take as long. So a netdev that was ours a moment
// ago is tried again; so is any at the start of the daemon, as its predecessor may just have been
// killed. Control thread only.
static struct {
	int ifindex; // two namespaces may have the same: then one waits for nothing
	uint64_t at; // ns
} closed[64];

static bool may_be_released(int ifindex)
{
	static uint64_t first_open;
	uint64_t now = clock_now_ns();

	if (!first_open)
		first_open = now;
	return now < first_open + RELEASE_NS ||
	       (closed[ifindex % ARRAY_SIZE(closed)].ifindex == ifindex &&
		       now < closed[ifindex % ARRAY_SIZE(closed)].at + RELEASE_NS);
}

static int bind_queue(int fd, const struct sockaddr_xdp *address)
{
	unsigned tries = may_be_released((int)address->sxdp_ifindex) ? BIND_TRIES : 1;

	while (bind(fd, (const struct sockaddr *)address, sizeof(*address))) {
		if (errno != EBUSY || --tries == 0)
			return -errno;
		nanosleep(&(struct timespec){.tv_nsec = NS_PER_MS}, NULL);
	}
	return 0;
}

static void note_closed(int ifindex)
{
	closed[ifindex % ARRAY_SIZE(closed)].ifindex = ifindex;
	closed[ifindex % ARRAY_SIZE(closed)].at = clock_now_ns();
}

int xsk_open(struct xsk **out, const struct xsk_config *c, const char **step)
{
	struct sockaddr_xdp address = {
		.sxdp_family = AF_XDP,
		.sxdp_ifindex = (uint32_t)c->ifindex,
		.sxdp_queue_id = c->queue,
		.sxdp_flags = XDP_COPY | XDP_USE_NEED_WAKEUP | (c->multi_buffer ? XDP_USE_SG : 0),
	};
	struct xsk *x = mem_zalloc(sizeof(*x), CACHE_LINE);
	int err;

	*step = "memory";
	if (!x)
		return -ENOMEM;
	x->geometry = packet_pool_geometry(c->pool);
	x->serial = c->serial;
	x->bulk_fd = c->bulk_fd;
	x->features =
		(c->multi_buffer ? XSK_MULTI_BUFFER : 0) | (c->tx_metadata ? XSK_TX_METADATA : 0);
	*step = "socket";
	x->fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
	err = x->fd < 0 ? -errno : 0;
	if (err)
		goto err;
	*step = "umem";
	err = register_umem(x->fd, c);
	if (err)
		goto err;
	*step = "rings";
	err = make_rings(x, c);
	if (err)
		goto err;
	*step = "frames";
	err = lend_frames(x, c);
	if (err)
		goto err;
	*step = "bind";
	err = bind_queue(x->fd, &address);
	if (err)
		goto err;
	x->bound_to = c->ifindex;
	*out = x;
	return 0;

err:
	xsk_close(x, c->pool);
	return err;
}

// Waits until what the kernel took from the transmit ring has come back, and takes back what
// it did not take. What stays away is lost: the device may still read it.
static void end_transmit(struct xsk *x, struct packet_cache *cache)
{
	uint64_t until = clock_now_ns() + DRAIN_NS;
	uint32_t taken;

	for (;;) {
		xsk_reap(x, cache);
		taken = __atomic_load_n(x->tx_consumer, __ATOMIC_ACQUIRE);
		if (taken == x->completed || clock_now_ns() >= until)
			break;
		nanosleep(&(struct timespec){.tv_nsec = NS_PER_MS}, NULL);
	}
	for (uint32_t i = taken; i != x->tx_next; i++)
		packet_free(cache, packet_at(x->geometry, x->tx[i & x->tx_mask].addr));
	if (taken != x->completed)
		packet_pool_quarantine(cache->pool, taken - x->completed);
}

// The kernel keeps some of the frames in lists of its own, so the rings do not tell all of
// them: the marks do.
static void sweep(const struct xsk *x, struct packet_cache *cache)
{
	const struct pool_geometry *g = x->geometry;

	for (uint32_t i = 0; i < g->n_frames; i++) {
		struct packet *p = &g->packets[i];

		if (__atomic_load_n(&p->holder, __ATOMIC_RELAXED) != x->serial)
			continue;
		__atomic_store_n(&p->holder, 0, __ATOMIC_RELAXED);
		p->next = NULL;
		packet_free(cache, p);
	}
}

void xsk_close(struct xsk *x, struct packet_pool *pool)
{
	struct packet_cache cache;

	if (!x)
		return;
	packet_cache_init(&cache, pool);
	if (x->done)
		end_transmit(x, &cache);
	if (x->partial)
		packet_free(&cache, x->partial);
	// A mapped ring keeps the socket, and the socket the kernel's hand on the frames.
	for (unsigned i = 0; i < ARRAY_SIZE(x->map); i++)
		if (x->map[i].start)
			munmap(x->map[i].start, x->map[i].size);
	if (x->fd >= 0)
		close(x->fd);
	if (x->bound_to)
		note_closed(x->bound_to);
	sweep(x, &cache);
	packet_cache_flush(&cache);
	mem_free(x);
}

int xsk_add_stats(const struct xsk *x, struct port_stats *out)
{
	struct xdp_statistics s = {0};
	socklen_t len = sizeof(s);

	if (getsockopt(x->fd, SOL_XDP, XDP_STATISTICS, &s, &len))
		return -errno;
	out->kernel_ring_full += s.rx_ring_full;
	// A frame that finds no place to be received into is also counted as dropped.
	out->kernel_fill_empty += s.rx_fill_ring_empty_descs;
	if (s.rx_dropped > s.rx_fill_ring_empty_descs)
		out->kernel_invalid += s.rx_dropped - s.rx_fill_ring_empty_descs;
	out->kernel_invalid += s.rx_invalid_descs + s.tx_invalid_descs +
			       atomic_load_explicit(&x->tx_refused, memory_order_relaxed);
	out->tx_merged += counter_read(&x->tx_merged);
	out->tx_merged_bytes += counter_read(&x->tx_merged_bytes);
	return 0;
}

bool xsk_is_drained(const struct xsk *x)
{
	return __atomic_load_n(x->rx_consumer, __ATOMIC_ACQUIRE) ==
		       __atomic_load_n(x->rx_producer, __ATOMIC_ACQUIRE) &&
	       __atomic_load_n(x->tx_consumer, __ATOMIC_ACQUIRE) ==
		       __atomic_load_n(x->tx_producer, __ATOMIC_ACQUIRE);
}
