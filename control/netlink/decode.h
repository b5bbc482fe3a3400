// SPDX-License-Identifier: BSD-3-Clause
// rtnetlink messages -> records of control/netlink/change.h. Pure: any bytes of any length are
// safe, and nothing but the caller's buffer is written. Used by control/netlink/mirror.c.
//
// Links, addresses, neighbours, routes, next hop objects, rules and netconf are told, of IPv4 and
// IPv6. All else is not for the router and gives no record: other families (the bridge's links and
// FDB, MPLS, multicast routing), proxy neighbours, cached routes (path MTUs, redirects), buckets of
// resilient groups. Neither does a message that contradicts itself.
//
// An attribute whose length is not that of its type is as good as absent; of several of one type
// the last one counts.
#pragma once

#include <stddef.h>

#include "control/netlink/change.h"

struct nlmsghdr;

// No record is larger: a route of NL_MAX_HOPS.
#define DECODE_MAX_SIZE 7680

// One message, which must lie in the `size` bytes at nlh (aligned to 4; nlmsg_len is checked
// against them). Writes at most one record to `out`: DECODE_MAX_SIZE bytes, aligned to 8.
// Its size, or 0.
size_t decode_message(const struct nlmsghdr *nlh, size_t size, void *out);
