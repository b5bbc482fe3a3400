// SPDX-License-Identifier: BSD-3-Clause
// The mirror's thread: subscribe, dump, follow; and dump again after a loss. The dumps are in
// control/netlink/mirror_dump.c.
//
// Two sockets. Notifications collect in the first one's buffer while a dump is read from the second
// one, and are read before and after each dump: so a record stands behind what is newer for no
// longer than the rest of that dump.
#include "control/netlink/mirror.h"

#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "control/netlink/decode.h"
#include "control/netlink/link.h"
#include "control/netlink/mirror_private.h"
#include "control/netlink/rtnl.h"

#define DEFAULT_BUFFER    (64u << 20)
#define MESSAGES_PER_CALL 16
#define MESSAGES_PER_TURN 8192 // then the records are handed over, and stopping is looked for
#define BACKOFF_MIN_MS    5
#define BACKOFF_MAX_MS    2000
#define LOG_INTERVAL_NS   (10 * NS_PER_SEC)

#define GROUP(g) (1u << ((g)-1))
#define GROUPS                                                                                     \
	(GROUP(RTNLGRP_LINK) | GROUP(RTNLGRP_NEIGH) | GROUP(RTNLGRP_IPV4_IFADDR) |                 \
		GROUP(RTNLGRP_IPV6_IFADDR) | GROUP(RTNLGRP_IPV4_ROUTE) |                           \
		GROUP(RTNLGRP_IPV6_ROUTE) | GROUP(RTNLGRP_IPV4_RULE) | GROUP(RTNLGRP_IPV6_RULE) |  \
		GROUP(RTNLGRP_IPV4_NETCONF) | GROUP(RTNLGRP_IPV6_NETCONF) |                        \
		GROUP(RTNLGRP_NEXTHOP))

// -- records ------------------------------------------------------------------------

// Room for the largest record; NULL with *err set when there is none.
static void *record_open(struct mirror *m, int *err)
{
	struct handover_batch *b = handover_open(m->handover);

	if (b && b->size + DECODE_MAX_SIZE > HANDOVER_BATCH_SIZE) {
		if (!handover_put(m->handover)) {
			*err = -ECANCELED;
			return NULL;
		}
		b = handover_open(m->handover);
	}
	if (!b) {
		*err = -ENOMEM;
		return NULL;
	}
	return b->bytes + b->size;
}

static void record_close(struct mirror *m, size_t size)
{
	handover_open(m->handover)->size += size;
	mirror_count(&m->records, 1);
}

int mirror_put_mark(struct mirror *m, enum nl_kind kind, enum nl_verb verb)
{
	struct nl_change mark = {.kind = kind, .verb = verb, .size = sizeof(mark)};
	int err = 0;
	void *out = record_open(m, &err);

	if (!out)
		return err;
	memcpy(out, &mark, sizeof(mark));
	record_close(m, sizeof(mark));
	return 0;
}

int mirror_put_message(struct mirror *m, const struct nlmsghdr *nlh, size_t size)
{
	int err = 0;
	struct nl_change *out = record_open(m, &err);
	size_t n;

	if (!out)
		return err;
	n = decode_message(nlh, size, out);
	if (!n)
		return 0;
	if (out->kind == NL_ROUTE && ((struct nl_route *)out)->prefix.addr.family == AF_INET6)
		m->routes6++;
	record_close(m, n);
	return 0;
}

// -- notifications ------------------------------------------------------------------

static int open_notifications(struct mirror *m)
{
	int size = (int)m->receive_buffer;

	m->fd = rtnl_open(m->netns_fd, GROUPS, SOCK_NONBLOCK);
	if (m->fd < 0)
		return m->fd;
	if (setsockopt(m->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0) {
		log_info("mirror: no receive buffer of %d bytes (%s): a smaller one, and after "
			 "bursts of changes all is read again",
			size, strerror(errno));
		setsockopt(m->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	}
	return 0;
}

// Several datagrams into m->buffers; sizes[i] 0: not of the kernel. How many, 0 = there is none,
// or negative errno: -ENOBUFS = some are lost.
static int receive_many(struct mirror *m, size_t sizes[MESSAGES_PER_CALL])
{
	struct sockaddr_nl from[MESSAGES_PER_CALL] = {0};
	struct mmsghdr msgs[MESSAGES_PER_CALL] = {0};
	struct iovec iov[MESSAGES_PER_CALL];
	int n;

	for (int i = 0; i < MESSAGES_PER_CALL; i++) {
		iov[i] = (struct iovec){
			m->buffers + (size_t)i * MIRROR_DATAGRAM_SIZE, MIRROR_DATAGRAM_SIZE};
		msgs[i].msg_hdr.msg_name = &from[i];
		msgs[i].msg_hdr.msg_namelen = sizeof(from[i]);
		msgs[i].msg_hdr.msg_iov = &iov[i];
		msgs[i].msg_hdr.msg_iovlen = 1;
	}
	do
		n = recvmmsg(m->fd, msgs, MESSAGES_PER_CALL, MSG_DONTWAIT, NULL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	for (int i = 0; i < n; i++) {
		if (msgs[i].msg_hdr.msg_flags & MSG_TRUNC)
			return -ENOBUFS;
		sizes[i] = from[i].nl_pid == 0 ? msgs[i].msg_len : 0;
	}
	return n;
}

static int handle_datagram(struct mirror *m, const uint8_t *bytes, size_t size)
{
	const struct nlmsghdr *nlh;
	size_t length;
	int err = 0;

	for (size_t at = 0; !err && (nlh = link_next(bytes + at, size - at, &length));
		at += length) {
		mirror_count(&m->notifications, 1);
		err = mirror_put_message(m, nlh, size - at);
	}
	return err;
}

// What is there, but no more than a turn's worth.
int mirror_read(struct mirror *m)
{
	size_t sizes[MESSAGES_PER_CALL];
	int n = MESSAGES_PER_CALL;

	for (int total = 0; total < MESSAGES_PER_TURN && n == MESSAGES_PER_CALL; total += n) {
		n = receive_many(m, sizes);
		if (n < 0)
			return n;
		for (int i = 0; i < n; i++) {
			int err = handle_datagram(
				m, m->buffers + (size_t)i * MIRROR_DATAGRAM_SIZE, sizes[i]);

			if (err)
				return err;
		}
	}
	return 0;
}

// After a loss the kernel delivers nothing more until the buffer is empty.
int mirror_discard(struct mirror *m)
{
	size_t sizes[MESSAGES_PER_CALL];
	int n;

	do
		n = receive_many(m, sizes);
	while ((n > 0 || n == -ENOBUFS) && !mirror_stopping(m));
	return n < 0 && n != -ENOBUFS ? n : 0;
}

// -- the thread ---------------------------------------------------------------------

// A line now and then, however often it happens.
static void say(struct mirror *m, int err)
{
	uint64_t now = clock_now_ns();

	if (m->logged_at && now - m->logged_at < LOG_INTERVAL_NS)
		return;
	m->logged_at = now;
	if (err == -ENOBUFS)
		log_info("mirror: the kernel lost notifications, all is read again (%llu times "
			 "so far)",
			(unsigned long long)m->overflows);
	else if (err == -EAGAIN)
		log_info("mirror: tables change too fast to be read in one piece; trying again");
	else
		log_warn("mirror: %s; trying again", strerror(-err));
}

// After an error everything is read again; after all but a loss by a new socket.
static void recover(struct mirror *m, int err)
{
	m->due = true;
	if (err == -ENOBUFS) {
		mirror_count(&m->overflows, 1);
		say(m, err);
		err = mirror_discard(m);
		if (!err)
			return;
	}
	say(m, err);
	if (err == -EAGAIN || err == -ENOMEM || m->fd < 0)
		return;
	close(m->fd);
	m->fd = -1;
}

// Until something is to be done, or for that long (-1: no limit).
static void pause_thread(struct mirror *m, int timeout_ms, bool listen)
{
	struct pollfd p[] = {{.fd = m->kick, .events = POLLIN}, {.fd = m->fd, .events = POLLIN}};
	uint64_t kicks;

	poll(p, listen ? 2 : 1, timeout_ms);
	if (p[0].revents & POLLIN)
		(void)!read(m->kick, &kicks, sizeof(kicks));
}

static int resync(struct mirror *m)
{
	uint64_t start = clock_now_ns();
	int err;

	atomic_store_explicit(&m->wanted, false, memory_order_relaxed);
	m->due = true;
	// What happened before the dump is in it.
	err = mirror_discard(m);
	if (!err)
		err = mirror_dump(m);
	if (err)
		return err;
	m->due = false;
	mirror_count(&m->resyncs, 1);
	atomic_store_explicit(&m->resync_ns, clock_now_ns() - start, memory_order_relaxed);
	return 0;
}

static int turn(struct mirror *m)
{
	int err = 0;

	if (m->fd < 0) {
		err = open_notifications(m);
		if (err)
			return err;
		mirror_count(&m->reopened, 1);
	}
	if (m->due || atomic_load_explicit(&m->wanted, memory_order_relaxed))
		err = resync(m);
	if (!err)
		err = mirror_read(m);
	if (!handover_put(m->handover))
		return -ECANCELED;
	return err;
}

static void *mirror_main(void *arg)
{
	struct mirror *m = arg;
	int backoff = BACKOFF_MIN_MS;

	while (!mirror_stopping(m)) {
		int err = turn(m);

		if (mirror_stopping(m))
			break;
		if (!err) {
			backoff = BACKOFF_MIN_MS;
			if (!atomic_load_explicit(&m->wanted, memory_order_relaxed))
				pause_thread(m, -1, true);
			continue;
		}
		recover(m, err);
		pause_thread(m, backoff, false);
		backoff = MIN(backoff * 2, BACKOFF_MAX_MS);
	}
	return NULL;
}

// -- the interface ------------------------------------------------------------------

static void mirror_free(struct mirror *m)
{
	if (m->fd >= 0)
		close(m->fd);
	if (m->kick >= 0)
		close(m->kick);
	if (m->netns_fd >= 0)
		close(m->netns_fd);
	handover_destroy(m->handover);
	mem_free(m->buffers);
	mem_free(m);
}

// Signals are for the control thread: the new one inherits that all are blocked.
static int start_thread(struct mirror *m)
{
	sigset_t all, before;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = -pthread_create(&m->thread, NULL, mirror_main, m);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (!err)
		pthread_setname_np(m->thread, "mirror");
	return err;
}

int mirror_start(struct mirror **out, const struct mirror_config *config)
{
	struct mirror *m = mem_zalloc(sizeof(*m), 0);
	int err = -ENOMEM;

	if (!m)
		return err;
	m->fd = m->dump_fd = m->netns_fd = m->kick = -1;
	m->receive_buffer = config->receive_buffer ? config->receive_buffer : DEFAULT_BUFFER;
	m->due = true;
	m->buffers = mem_alloc((size_t)MESSAGES_PER_CALL * MIRROR_DATAGRAM_SIZE, 8);
	if (!m->buffers)
		goto fail;
	err = handover_create(&m->handover);
	if (err)
		goto fail;
	m->kick = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (m->kick >= 0 && config->netns_fd >= 0)
		m->netns_fd = fcntl(config->netns_fd, F_DUPFD_CLOEXEC, 0);
	if (m->kick < 0 || (config->netns_fd >= 0 && m->netns_fd < 0)) {
		err = -errno;
		goto fail;
	}
	err = open_notifications(m);
	if (!err)
		err = start_thread(m);
	if (err)
		goto fail;
	*out = m;
	return 0;

fail:
	mirror_free(m);
	return err;
}

static void kick(struct mirror *m)
{
	uint64_t one = 1;

	(void)!write(m->kick, &one, sizeof(one));
}

void mirror_stop(struct mirror *m)
{
	if (!m)
		return;
	atomic_store_explicit(&m->stopping, true, memory_order_release);
	handover_close(m->handover);
	kick(m);
	pthread_join(m->thread, NULL);
	mirror_free(m);
}

int mirror_fd(const struct mirror *m)
{
	return handover_fd(m->handover);
}

size_t mirror_take(struct mirror *m, const struct nl_change **first)
{
	const struct handover_batch *b = handover_take(m->handover);

	if (!b)
		return 0;
	*first = (const struct nl_change *)b->bytes;
	return b->size;
}

void mirror_resync(struct mirror *m)
{
	atomic_store_explicit(&m->wanted, true, memory_order_relaxed);
	kick(m);
}

void mirror_stats(struct mirror *m, struct mirror_stats *out)
{
	*out = (struct mirror_stats){
		.notifications = m->notifications,
		.records = m->records,
		.resyncs = m->resyncs,
		.overflows = m->overflows,
		.reopened = m->reopened,
		.resync_ns = m->resync_ns,
		.waiting = handover_waiting(m->handover),
	};
}
