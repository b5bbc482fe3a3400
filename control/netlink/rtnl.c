// SPDX-License-Identifier: BSD-3-Clause
// rtnetlink sockets and requests. A request opens a socket of its own in the namespace that
// it is about: a few tens of microseconds, and nothing to keep or to confuse.
#include "control/netlink/rtnl.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "control/netns.h"

struct opening {
	int protocol;
	uint32_t groups;
	int flags;
};

static int open_here(void *arg)
{
	const struct opening *o = arg;
	struct sockaddr_nl addr = {.nl_family = AF_NETLINK, .nl_groups = o->groups};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | o->flags, o->protocol);
	int err;

	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

int netlink_open(int netns_fd, int protocol, uint32_t groups, int flags)
{
	struct opening o = {protocol, groups, flags};

	return netns_run(netns_fd, open_here, &o);
}

int rtnl_open(int netns_fd, uint32_t groups, int flags)
{
	return netlink_open(netns_fd, NETLINK_ROUTE, groups, flags);
}

ssize_t rtnl_receive(int fd, void *buffer, size_t size)
{
	struct sockaddr_nl addr = {0};
	struct iovec iov = {buffer, size};
	struct msghdr msg = {
		.msg_name = &addr, .msg_namelen = sizeof(addr), .msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n;

	do
		n = recvmsg(fd, &msg, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if (addr.nl_pid != 0)
		return 0;
	return msg.msg_flags & MSG_TRUNC ? -EMSGSIZE : n;
}

ssize_t rtnl_ask(int netns_fd, struct nlmsghdr *nlh, void *buffer, size_t size)
{
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	struct timeval patience = {.tv_sec = 5}; // the kernel answers within sendto(); never hang
	int fd = rtnl_open(netns_fd, 0, 0);
	const struct nlmsghdr *answer = buffer;
	ssize_t n;

	if (fd < 0)
		return fd;
	nlh->nlmsg_seq = 1;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	do
		n = sendto(fd, nlh, nlh->nlmsg_len, 0, (struct sockaddr *)&kernel, sizeof(kernel));
	while (n < 0 && errno == EINTR);
	if (n < 0) {
		n = -errno;
		goto out;
	}
	do
		n = rtnl_receive(fd, buffer, size);
	while (n == 0);
	if (n < 0) {
		if (n == -EAGAIN)
			n = -ETIMEDOUT;
	} else if (!mnl_nlmsg_ok(answer, n)) {
		n = -EBADMSG;
	} else if (answer->nlmsg_type == NLMSG_ERROR) {
		const struct nlmsgerr *e = mnl_nlmsg_get_payload(answer);

		if (answer->nlmsg_len < mnl_nlmsg_size(sizeof(e->error)))
			n = -EBADMSG;
		else if (e->error)
			n = e->error;
	}
out:
	close(fd);
	return n;
}

int rtnl_call(int netns_fd, struct nlmsghdr *nlh)
{
	// An error quotes the request.
	uint8_t buffer[RTNL_REQUEST_SIZE + 1024] __attribute__((aligned(MNL_ALIGNTO)));
	ssize_t n;

	nlh->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
	n = rtnl_ask(netns_fd, nlh, buffer, sizeof(buffer));
	return n < 0 ? n : 0;
}

struct nlmsghdr *rtnl_put_link(void *buffer, uint16_t type, uint16_t flags, int ifindex)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buffer);
	struct ifinfomsg *ifi;

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));
	ifi->ifi_family = AF_UNSPEC;
	ifi->ifi_index = ifindex;
	return nlh;
}
