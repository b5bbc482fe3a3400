// SPDX-License-Identifier: BSD-3-Clause
// For the tests of the decoder: messages made by hand, and what became of them.
#pragma once

#include "tests/unit/test.h"

#include <libmnl/libmnl.h>
#include <string.h>
#include <sys/socket.h>

#include "base/compiler.h"
#include "base/net.h"
#include "control/netlink/decode.h"

static uint8_t message[32768] __attribute__((aligned(8)));
static uint8_t record[DECODE_MAX_SIZE] __attribute__((aligned(8)));

static inline struct nlmsghdr *begin(uint16_t type, uint16_t flags, const void *header, size_t size)
{
	struct nlmsghdr *nlh;

	memset(message, 0, sizeof(message));
	nlh = mnl_nlmsg_put_header(message);
	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = flags;
	memcpy(mnl_nlmsg_put_extra_header(nlh, size), header, size);
	return nlh;
}

static inline void put_ip(struct nlmsghdr *nlh, uint16_t type, const char *text)
{
	struct ip_addr a;

	assert_true(ip_parse(text, &a));
	mnl_attr_put(nlh, type, a.family == AF_INET ? 4 : 16, a.b);
}

static inline void *decoded(const struct nlmsghdr *nlh, enum nl_kind kind, enum nl_verb verb)
{
	struct nl_change *c = (struct nl_change *)record;
	size_t n = decode_message(nlh, sizeof(message), record);

	assert_int_not_equal(n, 0);
	assert_int_equal(c->size, n);
	assert_int_equal(n % 8, 0);
	assert_int_equal(c->kind, kind);
	assert_int_equal(c->verb, verb);
	return c;
}

static inline void assert_nothing(const struct nlmsghdr *nlh)
{
	assert_int_equal(decode_message(nlh, sizeof(message), record), 0);
}

static inline void assert_ip(const struct ip_addr *a, const char *text)
{
	char buf[IP_TEXT_SIZE];

	assert_string_equal(a->family ? ip_format(a, buf) : "-", text);
}

static inline void assert_prefix(const struct ip_prefix *p, const char *text)
{
	char buf[PREFIX_TEXT_SIZE];

	assert_string_equal(prefix_format(p, buf), text);
}
