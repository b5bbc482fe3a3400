// SPDX-License-Identifier: BSD-3-Clause
// A router of memory ports: interface i is port i, with the MAC router_mac(i). Packets, and what
// must become of them by a twin that does everything the slow and obvious way.
#pragma once

#include "tests/path/harness.h"

#include "dataplane/table/fib.h"
#include "dataplane/table/neigh.h"
#include "dataplane/table/nexthop.h"

// All ports routed; `setup` may be NULL. Tables are empty.
void l3_open(struct net *, const struct port_setup *setup, unsigned n);
void l3_close(struct net *); // net_close(), and the tables

struct ip_addr ip(const char *text);

// An adjacency by that port's interface, at the neighbour with that address and MAC host_mac(host);
// host 0: not resolved. Returns the number for l3_route().
uint32_t l3_via(struct net *, unsigned port, const char *neighbour, unsigned host);
uint32_t l3_kind(struct net *, enum nexthop_kind);
uint32_t l3_group(struct net *, const uint32_t *members, unsigned n);
void l3_route(struct net *, const char *prefix, uint32_t next);

// A packet to router_mac(port) from host 1. Members that are 0 have the value said.
struct l3_packet {
	const char *src, *dst; // decides the family
	uint8_t ttl;           // 64
	uint8_t protocol;      // UDP
	uint16_t sport, dport; // 1000, 2000
	uint16_t fragment;     // IPv4: flags and offset, as in the header
	uint32_t payload;      // behind the transport header, which is always 20 or 8 bytes
	uint32_t padding;      // bytes behind the IP packet
};
struct frame l3_frame(unsigned port, const struct l3_packet *);

// Writes the IPv4 header checksum anew.
void l3_sum(struct frame *, uint32_t at);

// What leaves by `port` towards host_mac(host) when `in` is forwarded.
struct frame l3_twin(const struct frame *in, unsigned port, unsigned host);

// Sends from `in`, alone and in a burst of its like, and asserts that exactly that comes out of
// `out` towards `host`.
void l3_expect_forward(
	struct net *, unsigned in, const struct frame *, unsigned out, unsigned host);
// And that the kernel gets it as it was.
void l3_expect_exception(struct net *, unsigned in, const struct frame *, enum exception_reason);
void l3_expect_drop(struct net *, unsigned in, const struct frame *, enum drop_reason);
