// SPDX-License-Identifier: BSD-3-Clause
// Puts many routes into the kernel, or takes them out: consecutive prefixes of one length, all by
// one gateway, in batches of 1000 messages of which only the last is acknowledged.
//
//   route_load --count N --first PREFIX [--via ADDRESS] --dev NAME [--delete | --replace]
//              [--table N] [--metric N] [--step N]
//
// IPv4 or IPv6 as PREFIX says; --step: every N-th prefix. Prints "N routes SECONDS"; exit status 1
// with the kernel's first error.
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "base/net.h"

#define BATCH        1000
#define MESSAGE_SIZE 128 // the longest of ours has 104

static struct {
	uint32_t count, table, metric, step;
	struct ip_prefix first;
	struct ip_addr via;
	uint32_t ifindex;
	uint16_t type, flags;
} options = {.table = RT_TABLE_MAIN,
	.step = 1,
	.type = RTM_NEWROUTE,
	.flags = NLM_F_CREATE | NLM_F_EXCL};

static int fd = -1;

static unsigned address_size(const struct ip_addr *a)
{
	return a->family == AF_INET ? 4 : 16;
}

// Adds n to the part of the address that the prefix covers.
static struct ip_addr nth(const struct ip_prefix *p, uint64_t n)
{
	struct ip_addr a = p->addr;
	unsigned shift = address_size(&a) * 8 - p->len;

	for (int i = (int)address_size(&a) - 1; i >= 0; i--) {
		unsigned low =
			(address_size(&a) - 1 - i) * 8; // the weight of the byte's lowest bit
		uint64_t part;

		if (low + 8 <= shift)
			continue;
		part = low >= shift ? n >> MIN(low - shift, 63u) : n << (shift - low);
		part = (part & 0xff) + a.b[i];
		a.b[i] = (uint8_t)part;
		for (int j = i - 1; part > 0xff && j >= 0; j--) {
			part = a.b[j] + 1u;
			a.b[j] = (uint8_t)part;
		}
	}
	return a;
}

static size_t put_route(uint8_t *at, uint32_t i, bool ack)
{
	struct ip_addr destination = nth(&options.first, (uint64_t)i * options.step);
	unsigned size = address_size(&destination);
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(at);
	struct rtmsg *rtm;

	nlh->nlmsg_type = options.type;
	nlh->nlmsg_flags = NLM_F_REQUEST | options.flags | (ack ? NLM_F_ACK : 0);
	nlh->nlmsg_seq = i;
	rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));
	rtm->rtm_family = destination.family;
	rtm->rtm_dst_len = options.first.len;
	rtm->rtm_table = RT_TABLE_UNSPEC;
	rtm->rtm_protocol = RTPROT_STATIC;
	rtm->rtm_scope = options.via.family ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
	rtm->rtm_type = RTN_UNICAST;
	mnl_attr_put(nlh, RTA_DST, size, destination.b);
	mnl_attr_put_u32(nlh, RTA_TABLE, options.table);
	mnl_attr_put_u32(nlh, RTA_OIF, options.ifindex);
	if (options.via.family)
		mnl_attr_put(nlh, RTA_GATEWAY, size, options.via.b);
	if (options.metric)
		mnl_attr_put_u32(nlh, RTA_PRIORITY, options.metric);
	return nlh->nlmsg_len;
}

// What the kernel says until it acknowledges message `last`: its first error, or 0.
static int read_errors(uint32_t last)
{
	static uint8_t buffer[1 << 16] __attribute__((aligned(4)));
	int first = 0;

	for (;;) {
		const struct nlmsghdr *nlh = (const void *)buffer;
		int n = (int)recv(fd, buffer, sizeof(buffer), 0);

		if (n < 0)
			return -errno;
		for (; mnl_nlmsg_ok(nlh, n); nlh = mnl_nlmsg_next(nlh, &n)) {
			const struct nlmsgerr *e = mnl_nlmsg_get_payload(nlh);

			if (nlh->nlmsg_type != NLMSG_ERROR)
				continue;
			if (!first)
				first = e->error;
			if (nlh->nlmsg_seq == last)
				return first;
		}
	}
}

static int load(void)
{
	static uint8_t batch[BATCH * MESSAGE_SIZE] __attribute__((aligned(4)));
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};

	for (uint32_t i = 0; i < options.count;) {
		uint32_t end = MIN(i + BATCH, options.count);
		size_t used = 0;
		int err;

		memset(batch, 0, sizeof(batch));
		for (; i < end; i++)
			used += put_route(batch + used, i, i + 1 == end);
		if (sendto(fd, batch, used, 0, (struct sockaddr *)&kernel, sizeof(kernel)) < 0)
			return -errno;
		err = read_errors(end - 1);
		if (err)
			return err;
	}
	return 0;
}

static int parse_options(int argc, char **argv)
{
	static const struct option known[] = {{"count", required_argument, NULL, 'c'},
		{"first", required_argument, NULL, 'f'}, {"via", required_argument, NULL, 'v'},
		{"dev", required_argument, NULL, 'd'}, {"delete", no_argument, NULL, 'D'},
		{"replace", no_argument, NULL, 'R'}, {"table", required_argument, NULL, 't'},
		{"metric", required_argument, NULL, 'm'}, {"step", required_argument, NULL, 's'},
		{0}};
	int c;

	while ((c = getopt_long(argc, argv, "", known, NULL)) != -1)
		switch (c) {
		case 'c':
			options.count = (uint32_t)strtoul(optarg, NULL, 10);
			break;
		case 'f':
			if (!prefix_parse(optarg, &options.first))
				return 2;
			break;
		case 'v':
			if (!ip_parse(optarg, &options.via))
				return 2;
			break;
		case 'd':
			options.ifindex = if_nametoindex(optarg);
			break;
		case 'D':
			options.type = RTM_DELROUTE;
			options.flags = 0;
			break;
		case 'R':
			options.flags = NLM_F_CREATE | NLM_F_REPLACE;
			break;
		case 't':
			options.table = (uint32_t)strtoul(optarg, NULL, 10);
			break;
		case 'm':
			options.metric = (uint32_t)strtoul(optarg, NULL, 10);
			break;
		case 's':
			options.step = (uint32_t)strtoul(optarg, NULL, 10);
			break;
		default:
			return 2;
		}
	if (!options.count || !options.first.addr.family || !options.ifindex ||
		(options.via.family && options.via.family != options.first.addr.family))
		return 2;
	return 0;
}

int main(int argc, char **argv)
{
	int size = 4 << 20, err = parse_options(argc, argv);
	uint64_t start;

	if (err) {
		fprintf(stderr,
			"route_load: --count, --first and --dev (that exists) are needed\n");
		return err;
	}
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (fd < 0) {
		perror("route_load");
		return 1;
	}
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	start = clock_now_ns();
	err = load();
	close(fd);
	if (err) {
		fprintf(stderr, "route_load: %s\n", strerror(-err));
		return 1;
	}
	printf("%u routes %.3f\n", options.count, (double)(clock_now_ns() - start) / 1e9);
	return 0;
}
