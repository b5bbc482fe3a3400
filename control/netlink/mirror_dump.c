// SPDX-License-Identifier: BSD-3-Clause
// The mirror's dumps: every kind, one after the other, each in one piece.
//
// The kernel marks a dump during which its tables changed (NLM_F_DUMP_INTR), but not that of IPv6
// routes: there it begins at the root again and skips as many nodes as it had visited, so that
// routes that were there all the time may be missing after others went. Any IPv6 route
// notification during that dump therefore counts as an interruption. An interrupted dump is read
// again before END. A table that never rests is taken as it is after some tries, if it is of IPv6
// routes: what is missing is then forwarded by the kernel until it is found by a later dump.
#include "control/netlink/mirror_private.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/fib_rules.h>
#include <linux/neighbour.h>
#include <linux/netconf.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control/netlink/link.h"
#include "control/netlink/rtnl.h"

#ifndef RTEXT_FILTER_SKIP_STATS
#define RTEXT_FILTER_SKIP_STATS (1 << 3)
#endif

#define TRIES       4    // of a dump that is interrupted
#define PATIENCE_MS 5000 // for the next piece of a dump: the kernel has it at once

struct dump {
	uint8_t kind; // those of one kind follow each other
	uint8_t family;
	uint16_t type;
	size_t header; // begins with the family's byte
};

static const struct dump dumps[] = {
	{NL_LINK, AF_UNSPEC, RTM_GETLINK, sizeof(struct ifinfomsg)},
	{NL_NETCONF, AF_INET, RTM_GETNETCONF, sizeof(struct netconfmsg)},
	{NL_NETCONF, AF_INET6, RTM_GETNETCONF, sizeof(struct netconfmsg)},
	{NL_ADDRESS, AF_INET, RTM_GETADDR, sizeof(struct ifaddrmsg)},
	{NL_ADDRESS, AF_INET6, RTM_GETADDR, sizeof(struct ifaddrmsg)},
	{NL_NEIGH, AF_INET, RTM_GETNEIGH, sizeof(struct ndmsg)},
	{NL_NEIGH, AF_INET6, RTM_GETNEIGH, sizeof(struct ndmsg)},
	{NL_NEXTHOP, AF_UNSPEC, RTM_GETNEXTHOP, sizeof(struct nhmsg)},
	{NL_RULE, AF_INET, RTM_GETRULE, sizeof(struct fib_rule_hdr)},
	{NL_RULE, AF_INET6, RTM_GETRULE, sizeof(struct fib_rule_hdr)},
	{NL_ROUTE, AF_INET, RTM_GETROUTE, sizeof(struct rtmsg)},
	{NL_ROUTE, AF_INET6, RTM_GETROUTE, sizeof(struct rtmsg)},
};

static int ask_dump(struct mirror *m, const struct dump *d)
{
	uint8_t buffer[RTNL_REQUEST_SIZE] __attribute__((aligned(MNL_ALIGNTO))) = {0};
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buffer);
	ssize_t n;

	nlh->nlmsg_type = d->type;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	nlh->nlmsg_seq = ++m->seq;
	*(uint8_t *)mnl_nlmsg_put_extra_header(nlh, d->header) = d->family;
	if (d->kind == NL_LINK)
		mnl_attr_put_u32(nlh, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	do
		n = sendto(m->dump_fd, nlh, nlh->nlmsg_len, 0, (struct sockaddr *)&kernel,
			sizeof(kernel));
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

// A kernel without IPv6 or without next hop objects: there are none.
static bool is_absent(int err)
{
	return err == -EOPNOTSUPP || err == -EAFNOSUPPORT || err == -EPROTONOSUPPORT;
}

static int32_t error_of(const struct nlmsghdr *nlh)
{
	int32_t code = nlh->nlmsg_type == NLMSG_ERROR ? -EBADMSG : 0;

	if (nlh->nlmsg_len >= mnl_nlmsg_size(sizeof(code)))
		memcpy(&code, mnl_nlmsg_get_payload(nlh), sizeof(code));
	return is_absent(code) ? 0 : code;
}

// One datagram of a dump. 1: it was the last one.
static int handle_dump(struct mirror *m, const uint8_t *bytes, size_t size, bool *interrupted)
{
	const struct nlmsghdr *nlh;
	size_t length;

	for (size_t at = 0; (nlh = link_next(bytes + at, size - at, &length)); at += length) {
		int32_t err;

		if (nlh->nlmsg_seq != m->seq)
			continue;
		if (nlh->nlmsg_flags & NLM_F_DUMP_INTR)
			*interrupted = true;
		if (nlh->nlmsg_type == NLMSG_DONE || nlh->nlmsg_type == NLMSG_ERROR) {
			err = error_of(nlh);
			return err < 0 ? err : 1;
		}
		err = mirror_put_message(m, nlh, size - at);
		if (err)
			return err;
	}
	return 0;
}

static int read_dump(struct mirror *m, const struct dump *d, bool *interrupted)
{
	struct pollfd p = {.fd = m->dump_fd, .events = POLLIN};
	int err = ask_dump(m, d);

	*interrupted = false;
	while (!err) {
		ssize_t n = rtnl_receive(m->dump_fd, m->buffers, MIRROR_DATAGRAM_SIZE);

		if (mirror_stopping(m))
			return -ECANCELED;
		if (n == -EAGAIN) {
			if (poll(&p, 1, PATIENCE_MS) == 0)
				return -ETIMEDOUT;
		} else if (n < 0) {
			return (int)n;
		} else {
			err = handle_dump(m, m->buffers, (size_t)n, interrupted);
		}
	}
	return err > 0 ? 0 : err;
}

// One family of one kind, again and again until it was not interrupted.
static int dump_family(struct mirror *m, const struct dump *d)
{
	bool is_route6 = d->kind == NL_ROUTE && d->family == AF_INET6;
	bool interrupted = true;

	for (int i = 0; interrupted && i < TRIES; i++) {
		uint64_t routes6;
		int err = mirror_read(m); // older than the dump

		if (err)
			return err;
		err = read_dump(m, d, &interrupted);
		if (err)
			return err;
		routes6 = m->routes6;
		err = mirror_read(m); // of the time of the dump, or newer
		if (err)
			return err;
		interrupted |= is_route6 && m->routes6 != routes6;
	}
	return interrupted && !is_route6 ? -EAGAIN : 0;
}

// All of one kind, from dumps[first] on; *next: where the next kind begins.
static int dump_kind(struct mirror *m, size_t first, size_t *next)
{
	enum nl_kind kind = dumps[first].kind;
	int err = mirror_put_mark(m, kind, NL_BEGIN), marked = err;

	for (*next = first; *next < ARRAY_SIZE(dumps) && dumps[*next].kind == kind; ++*next)
		if (!err)
			err = dump_family(m, &dumps[*next]);
	if (!marked)
		marked = mirror_put_mark(m, kind, err ? NL_BROKEN : NL_END);
	return err ? err : marked;
}

int mirror_dump(struct mirror *m)
{
	int one = 1, err = 0;

	// A fresh socket each time: nothing is left in it of a dump that was broken off.
	m->dump_fd = rtnl_open(m->netns_fd, 0, SOCK_NONBLOCK);
	if (m->dump_fd < 0)
		return m->dump_fd;
	// So that the kernel leaves the cached IPv6 routes out.
	setsockopt(m->dump_fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &one, sizeof(one));
	for (size_t i = 0; !err && i < ARRAY_SIZE(dumps);)
		err = dump_kind(m, i, &i);
	close(m->dump_fd);
	m->dump_fd = -1;
	return err;
}
