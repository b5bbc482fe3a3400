// SPDX-License-Identifier: BSD-3-Clause
// Any bytes as a datagram of rtnetlink. Each record must be whole, and made of the message alone:
// what was in the buffer before does not matter. The corpus was recorded from a kernel.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "control/netlink/decode.h"
#include "control/netlink/link.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void check_prefix(const struct ip_prefix *p)
{
	require(p->addr.family == AF_INET || p->addr.family == AF_INET6);
	require(p->len <= (p->addr.family == AF_INET ? 32 : 128));
}

static void check_route(const struct nl_route *r)
{
	check_prefix(&r->prefix);
	require(r->n_hops <= NL_MAX_HOPS);
	require(r->change.size >= sizeof(*r) + r->n_hops * sizeof(r->hops[0]));
	require(!r->nexthop || !r->n_hops);
	for (unsigned i = 0; i < r->n_hops; i++)
		require(r->hops[i].weight >= 1);
}

static void check_nexthop(const struct nl_nexthop *n)
{
	require(n->id != 0 && n->n_members <= NL_MAX_HOPS);
	require(n->change.size >= sizeof(*n) + n->n_members * sizeof(n->members[0]));
	for (unsigned i = 0; i < n->n_members; i++)
		require(n->members[i].weight >= 1);
}

static void check_record(const struct nl_change *c, size_t size)
{
	require(c->size == size && size % 8 == 0 && size <= DECODE_MAX_SIZE);
	require(c->verb == NL_SET || c->verb == NL_GONE);
	switch (c->kind) {
	case NL_LINK: {
		const struct nl_link *l = (const void *)c;

		require(l->ifindex > 0 && memchr(l->name, 0, sizeof(l->name)));
		require(memchr(l->type, 0, sizeof(l->type)) != NULL);
		require(c->verb == NL_GONE || l->name[0]);
		break;
	}
	case NL_ADDRESS:
		check_prefix(&((const struct nl_address *)c)->prefix);
		break;
	case NL_NEIGH:
		require(((const struct nl_neigh *)c)->addr.family != 0);
		break;
	case NL_ROUTE:
		check_route((const void *)c);
		break;
	case NL_NEXTHOP:
		check_nexthop((const void *)c);
		break;
	case NL_RULE:
	case NL_NETCONF:
		break;
	default:
		abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	// Exact to the byte and aligned, so that a sanitizer sees the first byte beyond.
	uint8_t *bytes = malloc(size ? size : 1);
	void *one = malloc(DECODE_MAX_SIZE), *two = malloc(DECODE_MAX_SIZE);
	const struct nlmsghdr *nlh;
	size_t length;

	require(bytes && one && two);
	memcpy(bytes, data, size);
	for (size_t at = 0; (nlh = link_next(bytes + at, size - at, &length)); at += length) {
		size_t n;

		memset(one, 0, DECODE_MAX_SIZE);
		memset(two, 0xff, DECODE_MAX_SIZE);
		n = decode_message(nlh, size - at, one);
		require(decode_message(nlh, size - at, two) == n);
		require(memcmp(one, two, n) == 0);
		if (n)
			check_record(one, n);
	}
	free(bytes);
	free(one);
	free(two);
	return 0;
}
