// SPDX-License-Identifier: BSD-3-Clause
// Rings, meter and the thread that writes.
//
// The kernel does its work for a packet inside of the write: some 3 us. The outer tag with which it
// learns the ingress port is written from beside the frame, which stays as it is.
#include "dataplane/exception.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/ring.h"
#include "dataplane/counters.h"
#include "dataplane/port/exception_tap.h"
#include "dataplane/path/ethernet.h"
#include "dataplane/port/admission.h"
#include "dataplane/port/port.h"
#include "dataplane/port/vnet_header.h"

#define BATCH      32
#define FRAMES_MAX 64 // longer chains, which no port makes, are refused
#define MACS_SIZE  12
#define VLAN_BASE  1 // of port 0: 0 is no tag
#define BURST_NS   (100 * NS_PER_MS)
#define BURST_MIN  64 // packets

static_assert(PORT_MAX + VLAN_BASE <= VLAN_MAX, "a tag for every port");

struct record {
	struct packet *packet;
	uint64_t at; // when it was pushed, ns
	uint32_t generation;
	port_id_t in_port;
	uint8_t reason;
};

// One worker's side.
struct lane {
	struct ring ring;
	cache_aligned uint64_t pushed, metered, full;
};

// A token bucket as the one time at which it would be full again (GCRA): one word for all workers.
struct meter {
	_Atomic uint64_t next;     // ns; a packet is refused while this is more than `ahead` away
	_Atomic uint64_t interval; // ns between packets; 0 = no limit
};

struct exception {
	struct exception_tap tap; // fd: also where tests want it
	bool owns_tap;
	struct packet_cache cache; // the thread's, like what follows
	struct admission *admission;
	uint64_t written, left, gone, stale, errors;
	_Atomic int error;
	_Atomic bool busy;

	int wake_fd;
	_Atomic bool asleep;
	_Atomic bool stop;
	pthread_t thread;
	unsigned n_workers;
	struct meter meter[PORT_MAX];
	_Atomic int ifindex[PORT_MAX];
	struct lane lane[];
};

// -- workers --------------------------------------------------------------------------------------
static fast_inline bool is_metered(enum exception_reason r)
{
	return r != EXCEPTION_local && r != EXCEPTION_leave && r != EXCEPTION_not_taken;
}

static bool may_pass(struct meter *m, uint64_t now)
{
	uint64_t interval = atomic_load_explicit(&m->interval, memory_order_relaxed);
	uint64_t ahead = MAX(BURST_NS, BURST_MIN * interval);
	uint64_t next = atomic_load_explicit(&m->next, memory_order_relaxed);

	if (!interval)
		return true;
	do
		if (next > now + ahead)
			return false;
	while (!atomic_compare_exchange_weak_explicit(&m->next, &next, MAX(next, now) + interval,
		memory_order_relaxed, memory_order_relaxed));
	return true;
}

static void wake(struct exception *e)
{
	uint64_t one = 1;

	if (write(e->wake_fd, &one, sizeof(one)) < 0) {
		// Its counter is full: the thread wakes anyway.
	}
}

bool exception_push(struct exception *e, unsigned worker, struct packet *p, port_id_t in_port,
	enum exception_reason reason, uint64_t now)
{
	struct lane *lane = &e->lane[worker];
	struct record r = {.packet = p,
		.at = now,
		.generation = e->admission ? admission_generation(e->admission) : 0,
		.in_port = in_port,
		.reason = (uint8_t)reason};

	if (is_metered(reason) && !may_pass(&e->meter[in_port], r.at)) {
		counter_add(&lane->metered, 1);
		return false;
	}
	if (!ring_push(&lane->ring, &r, sizeof(r))) {
		counter_add(&lane->full, 1);
		return false;
	}
	counter_add(&lane->pushed, 1);
	// The thread says that it sleeps, then looks once more: one of the two sees the other.
	atomic_thread_fence(memory_order_seq_cst);
	if (unlikely(atomic_load_explicit(&e->asleep, memory_order_relaxed)) &&
		atomic_exchange(&e->asleep, false))
		wake(e);
	return true;
}

// -- the thread -----------------------------------------------------------------------------------
// 0 or negative errno.
static int write_packet(const struct exception *e, const struct packet *p, port_id_t in_port)
{
	struct iovec iov[3 + FRAMES_MAX];
	struct virtio_net_hdr_v1 header;
	uint8_t tag[VLAN_TAG_SIZE];
	int n = 0;

	if (p->len < ETHERNET_HEADER_SIZE || p->n_frames > FRAMES_MAX)
		return -EINVAL;
	vnet_header_make(p, &header);
	if (header.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
		header.csum_start += VLAN_TAG_SIZE;
	if (header.gso_type)
		header.hdr_len += VLAN_TAG_SIZE;
	store_be16(tag, ETHERTYPE_VLAN);
	store_be16(tag + 2, (uint16_t)(in_port + VLAN_BASE));
	iov[n++] = (struct iovec){&header, sizeof(header)};
	iov[n++] = (struct iovec){p->data, MACS_SIZE};
	iov[n++] = (struct iovec){tag, sizeof(tag)};
	iov[n++] = (struct iovec){p->data + MACS_SIZE, p->len - MACS_SIZE};
	for (p = p->next; p; p = p->next)
		iov[n++] = (struct iovec){p->data, p->len};
	return writev(e->tap.fd, iov, n) < 0 ? -errno : 0;
}

// The frame is untagged: a routed port takes no others.
static void leave(struct exception *e, const struct record *r)
{
	const uint8_t *ip = r->packet->data + ETHERNET_HEADER_SIZE;
	uint16_t type = load_be16(r->packet->data + MACS_SIZE);
	struct ip_addr dst = {0};

	if (type == ETHERTYPE_IPV4 && r->packet->len >= ETHERNET_HEADER_SIZE + 20) {
		dst.family = AF_INET;
		memcpy(dst.b, ip + 16, 4);
	} else if (type == ETHERTYPE_IPV6 && r->packet->len >= ETHERNET_HEADER_SIZE + 40) {
		dst.family = AF_INET6;
		memcpy(dst.b, ip + 24, 16);
	}
	if (dst.family && e->admission && !admission_leave(e->admission, &dst, r->generation))
		counter_add(&e->left, 1);
}

static void finish(struct exception *e, const struct record *r, uint64_t now)
{
	int err;

	if (now > r->at + EXCEPTION_STALE_NS) {
		counter_add(&e->stale, 1);
	} else if (!atomic_load_explicit(&e->ifindex[r->in_port], memory_order_acquire)) {
		counter_add(&e->gone, 1);
	} else {
		// Before the write, so that the flow stays in order.
		if (r->reason == EXCEPTION_leave)
			leave(e, r);
		err = write_packet(e, r->packet, r->in_port);
		counter_add(err ? &e->errors : &e->written, 1);
		if (unlikely(err == -EBADFD || err == -EIO))
			atomic_store(&e->error, -err);
		else if (unlikely(atomic_load_explicit(&e->error, memory_order_relaxed)) && !err)
			atomic_store(&e->error, 0); // set up again
	}
	packet_free(&e->cache, r->packet);
}

static unsigned run_once(struct exception *e)
{
	struct record r[BATCH];
	unsigned done = 0;

	for (unsigned w = 0; w < e->n_workers; w++) {
		unsigned n = ring_pop_bulk(&e->lane[w].ring, r, BATCH, sizeof(*r));
		uint64_t now = n ? clock_now_ns() : 0;

		for (unsigned i = 0; i < n; i++)
			finish(e, &r[i], now);
		done += n;
	}
	return done;
}

static bool all_empty(const struct exception *e)
{
	for (unsigned w = 0; w < e->n_workers; w++) {
		const struct ring *r = &e->lane[w].ring;

		if (atomic_load_explicit(&r->tail, memory_order_acquire) !=
			atomic_load_explicit(&r->head, memory_order_acquire))
			return false;
	}
	return true;
}

static void sleep_until_woken(struct exception *e)
{
	uint64_t drained;

	atomic_store_explicit(&e->busy, false, memory_order_release);
	atomic_store(&e->asleep, true);
	atomic_thread_fence(memory_order_seq_cst);
	if (all_empty(e) && !atomic_load(&e->stop)) {
		poll(&(struct pollfd){.fd = e->wake_fd, .events = POLLIN}, 1, -1);
		if (read(e->wake_fd, &drained, sizeof(drained)) < 0) {
			// A signal ended the sleep.
		}
	}
	atomic_store(&e->asleep, false);
	atomic_store(&e->busy, true);
}

static void *exception_main(void *arg)
{
	struct exception *e = arg;

	if (e->admission)
		admission_live(e->admission);
	atomic_store(&e->busy, true);
	while (!atomic_load_explicit(&e->stop, memory_order_relaxed))
		if (!run_once(e))
			sleep_until_woken(e);
	if (e->admission)
		admission_end(e->admission);
	return NULL;
}

// -- control --------------------------------------------------------------------------------------
static void release(struct exception *e)
{
	struct record r;

	for (unsigned w = 0; w < e->n_workers; w++) {
		while (e->lane[w].ring.slots && ring_pop(&e->lane[w].ring, &r, sizeof(r)))
			packet_free(&e->cache, r.packet);
		ring_fini(&e->lane[w].ring);
	}
	packet_cache_flush(&e->cache);
	if (e->owns_tap)
		exception_tap_close(&e->tap);
	if (e->wake_fd >= 0)
		close(e->wake_fd);
	mem_free(e);
}

static int open_tap(struct exception *e, const struct exception_config *c, char *error)
{
	const char *step;
	int err = exception_tap_open(&e->tap, c->netns_fd, &step);

	if (err)
		snprintf(error, EXCEPTION_ERROR_SIZE,
			"the way back to the kernel: %s: %s%s; routed ports need it", step,
			strerror(-err),
			err == -ENOENT ? " (is there no /dev/net/tun? modprobe tun)" : "");
	e->owns_tap = !err;
	return err;
}

int exception_create(struct exception **out, const struct exception_config *c, char *error)
{
	struct exception *e =
		mem_zalloc(sizeof(*e) + c->n_workers * sizeof(e->lane[0]), CACHE_LINE);
	int err = 0;

	snprintf(error, EXCEPTION_ERROR_SIZE, "the way back to the kernel: out of memory");
	if (!e)
		return -ENOMEM;
	e->n_workers = c->n_workers;
	e->admission = c->admission;
	packet_cache_init(&e->cache, c->pool);
	for (unsigned i = 0; i < PORT_MAX; i++)
		exception_set_rate(e, (port_id_t)i, EXCEPTION_RATE_DEFAULT);
	e->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (e->wake_fd < 0)
		err = -errno;
	for (unsigned w = 0; w < c->n_workers && !err; w++)
		err = ring_init(&e->lane[w].ring, EXCEPTION_RING_SIZE, sizeof(struct record));
	if (!err && c->fd < 0)
		err = open_tap(e, c, error);
	else if (!err)
		e->tap.fd = c->fd;
	if (!err)
		err = -pthread_create(&e->thread, NULL, exception_main, e);
	if (err) {
		release(e);
		return err;
	}
	pthread_setname_np(e->thread, "exception");
	*error = '\0';
	*out = e;
	return 0;
}

void exception_destroy(struct exception *e)
{
	if (!e)
		return;
	atomic_store(&e->stop, true);
	wake(e);
	pthread_join(e->thread, NULL);
	release(e);
}

int exception_map_port(struct exception *e, port_id_t port, int ifindex)
{
	int err = e->owns_tap ? exception_tap_map(&e->tap, port + VLAN_BASE, ifindex) : 0;

	if (!err)
		atomic_store_explicit(&e->ifindex[port], ifindex, memory_order_release);
	return err;
}

void exception_unmap_port(struct exception *e, port_id_t port)
{
	atomic_store_explicit(&e->ifindex[port], 0, memory_order_release);
	if (e->owns_tap)
		exception_tap_map(&e->tap, port + VLAN_BASE, 0);
}

void exception_set_rate(struct exception *e, port_id_t port, uint32_t rate)
{
	struct meter *m = &e->meter[port];

	atomic_store_explicit(
		&m->interval, rate ? MAX(NS_PER_SEC / rate, 1u) : 0, memory_order_relaxed);
	atomic_store_explicit(&m->next, 0, memory_order_relaxed);
}

bool exception_is_idle(const struct exception *e)
{
	return all_empty(e) && !atomic_load_explicit(&e->busy, memory_order_acquire);
}

const char *exception_netdev(const struct exception *e)
{
	return e->tap.name;
}

int exception_ifindex(const struct exception *e)
{
	return e->tap.ifindex;
}

int exception_error(const struct exception *e)
{
	return atomic_load(&e->error);
}

void exception_stats(const struct exception *e, struct exception_stats *out)
{
	*out = (struct exception_stats){
		.written = counter_read(&e->written),
		.left = counter_read(&e->left),
		.gone = counter_read(&e->gone),
		.stale = counter_read(&e->stale),
		.errors = counter_read(&e->errors),
	};
	for (unsigned w = 0; w < e->n_workers; w++) {
		out->pushed += counter_read(&e->lane[w].pushed);
		out->metered += counter_read(&e->lane[w].metered);
		out->full += counter_read(&e->lane[w].full);
	}
}
