// SPDX-License-Identifier: BSD-3-Clause
#include "control/policy/dump.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "control/netlink/link.h"
#include "control/netlink/rtnl.h"
#include "control/netns.h"

#define PATIENCE_NS   (5 * NS_PER_SEC) // for an answer
#define NOTIFY_BUFFER (1 << 20)
#define LONG_NS       NS_PER_MS // a reading after which there is a pause
#define NOTIFICATIONS 32        // datagrams per call, so that they never keep the answers waiting

int dump_open(struct dump *d, const struct dump_ops *ops, int netns_fd, int protocol,
	const unsigned *groups, unsigned n_groups)
{
	int buffer = NOTIFY_BUFFER, err;

	*d = (struct dump){.ops = ops, .fd = -1, .notify_fd = -1, .is_due = true};
	d->notify_fd = netlink_open(netns_fd, protocol, 0, SOCK_NONBLOCK);
	if (d->notify_fd < 0) {
		err = d->notify_fd;
		goto fail;
	}
	for (unsigned i = 0; i < n_groups; i++) {
		int group = (int)groups[i];

		if (setsockopt(d->notify_fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group,
			    sizeof(group)) < 0) {
			err = -errno;
			goto fail;
		}
	}
	if (setsockopt(d->notify_fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof(buffer)) < 0)
		setsockopt(d->notify_fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
	d->fd = netlink_open(netns_fd, protocol, 0, SOCK_NONBLOCK);
	if (d->fd < 0) {
		err = d->fd;
		goto fail;
	}
	return 0;

fail:
	dump_close(d);
	return err;
}

void dump_close(struct dump *d)
{
	if (d->fd >= 0)
		close(d->fd);
	if (d->notify_fd >= 0)
		close(d->notify_fd);
	d->fd = d->notify_fd = -1;
	d->is_running = d->is_due = false;
}

static void end(struct dump *d, int err)
{
	d->is_running = false;
	d->ended_at = clock_now_ns();
	d->n_dumps++;
	d->ops->done(d, err, d->is_intact);
}

static void request_next(struct dump *d)
{
	uint8_t buffer[DUMP_REQUEST_SIZE] __attribute__((aligned(MNL_ALIGNTO))) = {0};
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	struct nlmsghdr *nlh = (struct nlmsghdr *)buffer;
	ssize_t n;

	if (!d->ops->request(d, d->step, buffer)) {
		end(d, 0);
		return;
	}
	nlh->nlmsg_seq = ++d->seq;
	do
		n = sendto(
			d->fd, nlh, nlh->nlmsg_len, 0, (struct sockaddr *)&kernel, sizeof(kernel));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		end(d, -errno);
}

void dump_start(struct dump *d)
{
	uint64_t now = clock_now_ns(), took = d->ended_at - d->started_at;

	if (d->fd < 0)
		return;
	if (d->is_running && now - d->started_at > PATIENCE_NS) {
		d->is_due = true; // late answers carry an old sequence number
		end(d, -ETIMEDOUT);
	}
	if (d->is_running || !d->is_due || (took > LONG_NS && now - d->ended_at < 10 * took))
		return;
	d->is_due = false;
	d->is_running = d->is_intact = true;
	d->started_at = now;
	d->step = 0;
	request_next(d);
}

// One message of an answer. False: the answer is complete, or the reading is over.
static void handle(struct dump *d, const struct nlmsghdr *nlh)
{
	int err = 0;

	if (!d->is_running || nlh->nlmsg_seq != d->seq)
		return;
	if (nlh->nlmsg_flags & NLM_F_DUMP_INTR)
		d->is_intact = false;
	switch (nlh->nlmsg_type) {
	case NLMSG_NOOP:
		return;
	case NLMSG_DONE:
	case NLMSG_ERROR: // begins with the error, too: 0 = acknowledged
		if (mnl_nlmsg_get_payload_len(nlh) >= sizeof(err))
			memcpy(&err, mnl_nlmsg_get_payload(nlh), sizeof(err));
		break;
	default:
		d->ops->message(d, d->step, nlh);
		return;
	}
	if (err < 0 && !d->ops->refused(d, d->step, err)) {
		end(d, err);
		return;
	}
	d->step++;
	request_next(d);
}

// One datagram of the answers. False: none waits.
static bool read_answer(struct dump *d, uint8_t *buffer, size_t size)
{
	ssize_t n = rtnl_receive(d->fd, buffer, size);
	const struct nlmsghdr *nlh;
	size_t length;

	if (n == -EAGAIN)
		return false;
	if (n < 0) {
		if (d->is_running)
			end(d, (int)n);
		d->is_due = true;
		return false;
	}
	for (ssize_t at = 0; (nlh = link_next(buffer + at, (size_t)(n - at), &length));
		at += (ssize_t)length)
		handle(d, nlh);
	return true;
}

static bool read_notification(struct dump *d, uint8_t *buffer, size_t size)
{
	ssize_t n = rtnl_receive(d->notify_fd, buffer, size);
	const struct nlmsghdr *nlh;
	size_t length;

	if (n == -EAGAIN)
		return false;
	if (n < 0) { // some are lost, or one is longer than the buffer: assume the worst
		d->n_resyncs++;
		d->is_due = true;
		return n == -ENOBUFS || n == -EMSGSIZE;
	}
	for (ssize_t at = 0; (nlh = link_next(buffer + at, (size_t)(n - at), &length));
		at += (ssize_t)length)
		d->is_due |= d->ops->notified(d, nlh);
	return true;
}

void dump_read(struct dump *d, uint64_t until)
{
	uint8_t buffer[RTNL_BUFFER_SIZE] __attribute__((aligned(MNL_ALIGNTO)));
	bool is_more = d->fd >= 0;

	for (int i = 0; is_more && i < NOTIFICATIONS; i++)
		is_more = read_notification(d, buffer, sizeof(buffer));
	dump_start(d);
	is_more = d->fd >= 0;
	while (is_more && clock_now_ns() < until)
		is_more = read_answer(d, buffer, sizeof(buffer));
	dump_start(d); // it may have become due meanwhile
}
