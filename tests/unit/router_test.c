// SPDX-License-Identifier: BSD-3-Clause
#include "tests/unit/test.h"

#include <errno.h>
#include <linux/neighbour.h>
#include <linux/netconf.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "base/compiler.h"
#include "base/rcu.h"
#include "dataplane/table/nexthop.h"
#include "tests/unit/router_twin.h"
#include "tests/unit/router_world.h"

enum { ETH1 = 1, ETH2, ETH3, ETH4, DOCKER = 9 };

// eth1 .. eth4 with ports of their number, 10.N.0.0/16 and fd00:N::/32 connected, a gateway .1 with
// MAC 10 * N on each; and docker0 without a port, 172.17.0.0/16.
static void make(struct world *w, const struct router_config *c)
{
	char text[64];

	world_make(w, c);
	world_dumped(w);
	tell_forwarding(w, AF_INET6, NETCONFA_IFINDEX_ALL, 1);
	tell_link(w, NL_SET, DOCKER, LINK_UP);
	tell_via(w, NL_SET, "172.17.0.0/16", DOCKER, "");
	for (int i = ETH1; i <= ETH4; i++) {
		struct route_record r;

		tell_link(w, NL_SET, i, LINK_UP);
		tell_forwarding(w, AF_INET, i, 1);
		tell_forwarding(w, AF_INET6, i, 1);
		assert_int_equal(set_port(w, i, (port_id_t)i), 0);
		snprintf(text, sizeof(text), "10.%d.0.254/16", i);
		tell_address(w, NL_SET, i, text);
		snprintf(text, sizeof(text), "10.%d.0.0/16", i);
		tell_via(w, NL_SET, text, i, "");
		snprintf(text, sizeof(text), "fd00:%d::/32", i);
		tell_via(w, NL_SET, text, i, "");
		snprintf(text, sizeof(text), "10.%d.0.254/32", i);
		route_record(&r, text);
		r.route.type = RTN_LOCAL;
		r.route.table = RT_TABLE_LOCAL;
		route_hop(&r, i, "", 1);
		tell_route(w, NL_SET, &r);
		snprintf(text, sizeof(text), "10.%d.0.1", i);
		tell_neigh(w, NL_SET, i, text, NUD_REACHABLE, 10 * (unsigned)i);
		snprintf(text, sizeof(text), "fd00:%d::1", i);
		tell_neigh(w, NL_SET, i, text, NUD_REACHABLE, 10 * (unsigned)i);
	}
	world_settle(w);
}

static struct router_interface interface_of(const struct world *w, int ifindex)
{
	struct router_interface i;

	assert_true(router_interface(w->router, ifindex, &i));
	return i;
}

static void assert_reason(const struct world *w, int ifindex, const char *reason)
{
	struct router_interface i = interface_of(w, ifindex);

	if (!strstr(i.reason, reason) || (!*reason && *i.reason))
		fail_msg("eth%d: \"%s\", not \"%s\"", ifindex, i.reason, reason);
	assert_true(!*reason == (i.is_accelerated4 && i.is_accelerated6));
}

// -- interfaces -------------------------------------------------------------------------
static void says_why_not(void **state)
{
	struct nl_link l = link_record(ETH1, LINK_UP);
	struct router_interface i;
	struct world w;

	make(&w, NULL);
	assert_reason(&w, ETH1, "");
	assert_reason(&w, DOCKER, "no routed port");
	tell_link(&w, NL_SET, ETH1, LINK_DOWN);
	assert_reason(&w, ETH1, "down");
	tell_link(&w, NL_SET, ETH1, LINK_IDLE);
	assert_reason(&w, ETH1, "no carrier");
	l.master = DOCKER;
	l.bridge_or_bond = 1;
	router_apply(w.router, &l.change);
	assert_reason(&w, ETH1, "enslaved to eth9");
	l.master = 77;
	router_apply(w.router, &l.change);
	assert_reason(&w, ETH1, "enslaved to another");
	struct nl_link vrf = link_record(77, LINK_UP);
	strcpy(vrf.type, "vrf");
	strcpy(vrf.name, "red");
	router_apply(w.router, &vrf.change);
	assert_reason(&w, ETH1, "in the VRF red");
	tell_link(&w, NL_SET, ETH1, LINK_UP);
	assert_reason(&w, ETH1, "");
	tell_forwarding(&w, AF_INET, ETH1, 0);
	assert_reason(&w, ETH1, "net.ipv4.conf.eth1.forwarding");
	i = interface_of(&w, ETH1);
	assert_true(!i.is_accelerated4 && i.is_accelerated6);
	tell_forwarding(&w, AF_INET, ETH1, 1);
	tell_forwarding(&w, AF_INET6, NETCONFA_IFINDEX_ALL, 0);
	i = interface_of(&w, ETH2);
	assert_true(i.is_accelerated4 && !i.is_accelerated6);
	assert_reason(&w, ETH2, "net.ipv6.conf.all.forwarding");
	tell_forwarding(&w, AF_INET6, NETCONFA_IFINDEX_ALL, 1);
	router_set_policy(w.router, 0, 0, "nft: inet filter forward", "");
	assert_reason(&w, ETH2, "nft: inet filter forward");
	router_set_policy(w.router, 0, 0, "", "");
	router_set_policy(w.router, ETH2, 0, "tc ingress", "");
	assert_reason(&w, ETH2, "tc ingress");
	assert_reason(&w, ETH1, "");
	router_set_policy(w.router, ETH2, 0, "", "");
	assert_reason(&w, ETH2, "");
	tell_link(&w, NL_GONE, ETH2, 0);
	assert_reason(&w, ETH2, "not there");
	assert_int_equal(set_port(&w, ETH2, PORT_NONE), 0);
	assert_false(router_interface(w.router, ETH2, &i));
	world_free(&w);
}

static void obeys_the_kernels_rules_only(void **state)
{
	struct nl_rule odd = {
		{NL_RULE, NL_SET, sizeof(odd), 0}, AF_INET, 1000, 0, 1, true, false, false, 5};
	struct world w;

	make(&w, NULL);
	router_apply(w.router, &odd.change); // of VRFs: concerns none that are not in one
	assert_reason(&w, ETH1, "");
	tell_rule(&w, NL_SET, AF_INET, 100, 42);
	assert_reason(&w, ETH1, "rule 100 of IPv4");
	assert_true(interface_of(&w, ETH1).is_accelerated6);
	tell_rule(&w, NL_SET, AF_INET, 101, 42);
	tell_rule(&w, NL_GONE, AF_INET, 100, 42);
	assert_reason(&w, ETH1, "rule 101 of IPv4");
	tell_rule(&w, NL_GONE, AF_INET, 101, 42);
	assert_reason(&w, ETH1, "");
	tell_rule(&w, NL_GONE, AF_INET6, 0, RT_TABLE_LOCAL);
	assert_reason(&w, ETH1, "the rule of table local is gone from IPv6");
	tell_rule(&w, NL_SET, AF_INET6, 0, RT_TABLE_LOCAL);
	tell_rule(&w, NL_SET, AF_INET, 32766, 42); // another table at the place of main's
	assert_reason(&w, ETH1, "rule 32766 of IPv4");
	tell(&w, NL_RULE, NL_BEGIN);
	tell_rule(&w, NL_SET, AF_INET, 0, RT_TABLE_LOCAL);
	tell_rule(&w, NL_SET, AF_INET, 32766, RT_TABLE_MAIN);
	tell(&w, NL_RULE, NL_BROKEN);
	assert_reason(&w, ETH1, "rule 32766 of IPv4");
	tell(&w, NL_RULE, NL_BEGIN);
	tell_rule(&w, NL_SET, AF_INET, 0, RT_TABLE_LOCAL);
	tell_rule(&w, NL_SET, AF_INET, 32766, RT_TABLE_MAIN);
	tell_rule(&w, NL_SET, AF_INET6, 0, RT_TABLE_LOCAL);
	tell_rule(&w, NL_SET, AF_INET6, 32766, RT_TABLE_MAIN);
	tell(&w, NL_RULE, NL_END);
	assert_reason(&w, ETH1, "");
	world_free(&w);
}

static void rp_filter_is_the_greater(void **state)
{
	struct nl_netconf n = {
		{NL_NETCONF, NL_SET, sizeof(n), 0}, AF_INET, NETCONFA_IFINDEX_ALL, -1, 1, -1};
	struct world w;

	make(&w, NULL);
	assert_int_equal(interface_of(&w, ETH1).rp_filter, 0);
	router_apply(w.router, &n.change);
	assert_int_equal(interface_of(&w, ETH1).rp_filter, 1);
	n.ifindex = ETH1;
	n.rp_filter = 2;
	router_apply(w.router, &n.change);
	assert_int_equal(interface_of(&w, ETH1).rp_filter, 2);
	assert_int_equal(interface_of(&w, ETH2).rp_filter, 1);
	assert_true(interface_of(&w, ETH1).forwarding4); // what was not said stays
	world_free(&w);
}

static void nothing_before_all_was_read(void **state)
{
	struct world w;

	world_make(&w, NULL);
	assert_false(router_is_complete(w.router));
	tell_link(&w, NL_SET, ETH1, LINK_UP);
	tell_forwarding(&w, AF_INET, ETH1, 1);
	set_port(&w, ETH1, 1);
	world_settle(&w);
	assert_reason(&w, ETH1, "still being read");
	for (unsigned kind = 0; kind < N_NL_KINDS; kind++) {
		assert_false(router_is_complete(w.router));
		tell(&w, kind, NL_BEGIN);
		if (kind == NL_LINK)
			tell_link(&w, NL_SET, ETH1, LINK_UP);
		tell(&w, kind, NL_END);
		world_settle(&w);
	}
	assert_true(router_is_complete(w.router));
	world_free(&w);
}

// -- routes -----------------------------------------------------------------------------
static void forwards_by_neighbours(void **state)
{
	struct router_route got;
	struct ip_addr a;
	struct world w;

	make(&w, NULL);
	tell_via(&w, NL_SET, "20.0.0.0/8", ETH1, "10.1.0.1");
	tell_via(&w, NL_SET, "2001:db8::/32", ETH2, "fd00:2::1");
	tell_via(&w, NL_SET, "30.0.0.0/8", ETH3, "fd00:3::1"); // RFC 8950
	world_settle(&w);
	assert_forward(&w, "20.1.2.3", 1, 10);
	assert_forward(&w, "2001:db8::77", 2, 20);
	assert_forward(&w, "30.1.2.3", 3, 30);
	assert_forward(&w, "10.1.0.1", 1, 10); // connected: a host route of the neighbour
	assert_forward(&w, "fd00:4::1", 4, 40);
	assert_seen(&w, "10.1.0.2", "link"); // nobody knows it yet
	assert_seen(&w, "172.17.0.2", "kernel");
	assert_seen(&w, "10.1.0.254", "local");
	assert_seen(&w, "99.0.0.1", "none");
	assert_seen(&w, "224.0.0.5", "kernel");
	assert_seen(&w, "fe80::1", "kernel");
	assert_true(world_has_local(&w, "10.1.0.254/32"));
	a = addr("20.1.2.3");
	assert_int_equal(router_get(w.router, &a, &got), 0);
	assert_string_equal(got.action, "forward");
	assert_int_equal(got.n_hops, 1);
	assert_int_equal(got.hops[0].ifindex, ETH1);
	assert_true(got.hops[0].is_resolved && mac_equal(got.hops[0].mac, mac(10)));
	assert_int_equal(got.table, RT_TABLE_MAIN);
	assert_int_equal(got.protocol, RTPROT_STATIC);
	a = addr("10.1.0.1");
	assert_int_equal(router_get(w.router, &a, &got), 0);
	assert_int_equal(got.prefix.len, 32);
	assert_true(got.hops[0].is_resolved);
	a = addr("99.0.0.1");
	assert_int_equal(router_get(w.router, &a, &got), -ENOENT);
	// The neighbour changes.
	tell_neigh(&w, NL_SET, ETH1, "10.1.0.1", NUD_STALE, 11);
	assert_forward(&w, "20.1.2.3", 1, 11);
	assert_forward(&w, "10.1.0.1", 1, 11);
	tell_neigh(&w, NL_SET, ETH1, "10.1.0.1", NUD_FAILED, 0);
	assert_seen(&w, "20.1.2.3", "link");
	assert_seen(&w, "10.1.0.1", "link");
	tell_neigh(&w, NL_GONE, ETH1, "10.1.0.1", 0, 0);
	tell_neigh(&w, NL_SET, ETH1, "10.1.0.1", NUD_PERMANENT, 12);
	assert_forward(&w, "20.1.2.3", 1, 12);
	assert_forward(&w, "10.1.0.1", 1, 12);
	tell_link(&w, NL_SET, ETH1, LINK_IDLE);
	assert_seen(&w, "20.1.2.3", "link");
	tell_link(&w, NL_SET, ETH1, LINK_UP);
	world_settle(&w);
	assert_forward(&w, "20.1.2.3", 1, 12);
	world_free(&w);
}

static void tables_metrics_and_types(void **state)
{
	static const struct {
		uint8_t type;
		const char *seen;
	} types[] = {{RTN_BLACKHOLE, "drop"}, {RTN_UNREACHABLE, "unreachable"},
		{RTN_PROHIBIT, "prohibit"}, {RTN_THROW, "kernel"}, {RTN_NAT, "kernel"},
		{RTN_LOCAL, "local"}};
	struct route_record r;
	struct world w;

	make(&w, NULL);
	for (unsigned k = 0; k < ARRAY_SIZE(types); k++) {
		route_record(&r, "20.0.0.0/8");
		r.route.type = types[k].type;
		r.route.metric = 50;
		tell_route(&w, NL_SET, &r);
		assert_seen(&w, "20.0.0.1", types[k].seen);
		tell_via(&w, NL_SET, "20.0.0.0/8", ETH1, "10.1.0.1"); // metric 0
		assert_forward(&w, "20.0.0.1", 1, 10);
		tell_via(&w, NL_GONE, "20.0.0.0/8", ETH1, "10.1.0.1");
		assert_seen(&w, "20.0.0.1", types[k].seen);
		tell_route(&w, NL_GONE, &r);
		assert_seen(&w, "20.0.0.1", "none");
	}
	// The default table: only the kernel knows when it counts.
	route_record(&r, "20.0.0.0/8");
	route_hop(&r, ETH1, "10.1.0.1", 1);
	r.route.table = RT_TABLE_DEFAULT;
	tell_route(&w, NL_SET, &r);
	assert_seen(&w, "20.0.0.1", "kernel");
	tell_via(&w, NL_SET, "20.0.0.0/8", ETH1, "10.1.0.1");
	assert_forward(&w, "20.0.0.1", 1, 10);
	r.route.table = 42; // nothing leads there
	tell_route(&w, NL_SET, &r);
	tell_route(&w, NL_GONE, &r);
	assert_forward(&w, "20.0.0.1", 1, 10);
	world_free(&w);
}

static void leaves_what_it_cannot_do(void **state)
{
	struct route_record r;
	struct world w;

	make(&w, NULL);
	tell_via(&w, NL_SET, "20.0.0.0/8", ETH1, "10.1.0.1");
	for (unsigned k = 0; k < 6; k++) {
		route_record(&r, "20.1.0.0/16");
		r.route.metric = 7;
		route_hop(&r, k == 3 ? DOCKER : k == 4 ? 4711 : ETH1, "10.1.0.1", 1);
		if (k == 5)
			route_hop(&r, DOCKER, "172.17.0.1", 1); // one is ours, one is not
		r.route.hops[0].has_encap = k == 0;
		r.route.is_cut = k == 1;
		r.route.mtu = k == 2 ? 1400 : 1500;
		tell_route(&w, NL_SET, &r);
		assert_seen(&w, "20.1.0.1", "kernel");
		assert_forward(&w, "20.2.0.1", 1, 10);
		tell_route(&w, NL_GONE, &r);
		assert_forward(&w, "20.1.0.1", 1, 10);
	}
	// By tos or source some packets go another way: the kernel decides for all, also where a
	// route of a lower metric stands beside it.
	tell_via(&w, NL_SET, "20.1.0.0/16", ETH2, "10.2.0.1");
	route_record(&r, "20.1.0.0/16");
	route_hop(&r, ETH1, "10.1.0.1", 1);
	r.route.metric = 100;
	r.route.tos = 0x10;
	tell_route(&w, NL_SET, &r);
	assert_seen(&w, "20.1.0.1", "kernel");
	r.route.tos = 0x08;
	tell_route(&w, NL_SET, &r);
	tell_route(&w, NL_GONE, &r);
	assert_seen(&w, "20.1.0.1", "kernel");
	r.route.tos = 0x10;
	tell_route(&w, NL_GONE, &r);
	assert_forward(&w, "20.1.0.1", 2, 20);
	route_record(&r, "fd00:99::/32");
	route_hop(&r, ETH1, "fd00:1::1", 1);
	tell_route(&w, NL_SET, &r);
	assert_forward(&w, "fd00:99::1", 1, 10);
	r.route.has_source = true;
	tell_route(&w, NL_SET, &r);
	assert_seen(&w, "fd00:99::1", "kernel");
	tell_route(&w, NL_GONE, &r);
	assert_forward(&w, "fd00:99::1", 1, 10);
	// Policy at the way out.
	router_set_policy(w.router, ETH1, 0, "", "tc egress");
	world_settle(&w);
	assert_seen(&w, "20.2.0.1", "kernel");
	assert_seen(&w, "10.1.0.1", "kernel");
	assert_forward(&w, "20.1.0.1", 2, 20);
	assert_reason(&w, ETH1, ""); // what comes in by it may go out elsewhere
	w.n_leave = 0;
	router_set_policy(w.router, ETH1, 0, "", "");
	world_settle(&w);
	assert_forward(&w, "20.2.0.1", 1, 10);
	assert_forward(&w, "10.1.0.1", 1, 10);
	assert_true(w.n_leave);
	// Without its port.
	set_port(&w, ETH1, PORT_NONE);
	world_settle(&w);
	assert_seen(&w, "20.2.0.1", "kernel");
	assert_seen(&w, "10.1.0.2", "kernel");
	set_port(&w, ETH1, 7);
	world_settle(&w);
	assert_forward(&w, "20.2.0.1", 7, 10);
	world_free(&w);
}

static void several_of_one_metric(void **state)
{
	struct route_record r;
	struct world w;

	make(&w, NULL);
	tell_via(&w, NL_SET, "20.0.0.0/8", ETH1, "10.1.0.1");
	tell_via(&w, NL_SET, "20.0.0.0/8", ETH2, "10.2.0.1"); // ip route append
	assert_seen(&w, "20.0.0.1", "kernel");
	tell_via(&w, NL_GONE, "20.0.0.0/8", ETH1, "10.1.0.1");
	assert_forward(&w, "20.0.0.1", 2, 20);
	route_record(&r, "20.0.0.0/8");
	route_hop(&r, ETH3, "10.3.0.1", 1);
	r.route.is_replace = true;
	tell_route(&w, NL_SET, &r);
	assert_forward(&w, "20.0.0.1", 3, 30);
	tell_via(&w, NL_SET, "20.0.0.0/8", ETH3, "10.3.0.1"); // told twice
	assert_forward(&w, "20.0.0.1", 3, 30);
	// The protocol tells two apart too, and a replaced one of several is not known.
	route_record(&r, "20.0.0.0/8");
	route_hop(&r, ETH3, "10.3.0.1", 1);
	r.route.protocol = RTPROT_BGP;
	tell_route(&w, NL_SET, &r);
	assert_seen(&w, "20.0.0.1", "kernel");
	tell_route(&w, NL_GONE, &r);
	assert_forward(&w, "20.0.0.1", 3, 30);
	// Two interfaces of one network: the broadcast address is local as long as one has it.
	for (int i = ETH1; i <= ETH2; i++) {
		route_record(&r, "10.7.255.255/32");
		r.route.type = RTN_BROADCAST;
		r.route.table = RT_TABLE_LOCAL;
		route_hop(&r, i, "", 1);
		tell_route(&w, NL_SET, &r);
	}
	assert_seen(&w, "10.7.255.255", "local");
	assert_true(world_has_local(&w, "10.7.255.255/32"));
	tell_route(&w, NL_GONE, &r);
	assert_true(world_has_local(&w, "10.7.255.255/32"));
	r.route.hops[0].ifindex = ETH1;
	tell_route(&w, NL_GONE, &r);
	assert_false(world_has_local(&w, "10.7.255.255/32"));
	assert_seen(&w, "10.7.255.255", "none");
	world_free(&w);
}

// Which of the hops workers take: bits of port numbers over many hashes.
static unsigned ports_to(const struct world *w, const char *to)
{
	struct ip_addr a = addr(to);
	unsigned ports = 0;

	for (uint32_t h = 0; h < 256; h++) {
		struct seen s = look(w, &a, h * 0x9e3779b1);

		if (strcmp(s.what, "forward") != 0)
			return 0;
		ports |= 1u << s.port;
	}
	return ports;
}

static void multipath(void **state)
{
	struct nl_netconf n = {{NL_NETCONF, NL_SET, sizeof(n), 0}, AF_INET, ETH1, -1, -1, 1};
	struct route_record r;
	struct world w;

	make(&w, NULL);
	route_record(&r, "20.0.0.0/8");
	route_hop(&r, ETH1, "10.1.0.1", 1);
	route_hop(&r, ETH2, "10.2.0.1", 3);
	route_hop(&r, ETH3, "10.3.0.1", 1);
	tell_route(&w, NL_SET, &r);
	tell_via(&w, NL_SET, "0.0.0.0/0", ETH4, "10.4.0.1");
	assert_int_equal(ports_to(&w, "20.0.0.1"), 1 << 1 | 1 << 2 | 1 << 3);
	tell_link(&w, NL_SET, ETH1, LINK_DOWN); // one hop dies
	world_settle(&w);
	assert_int_equal(ports_to(&w, "20.0.0.1"), 1 << 2 | 1 << 3);
	tell_link(&w, NL_SET, ETH1, LINK_UP); // and lives again
	world_settle(&w);
	assert_int_equal(ports_to(&w, "20.0.0.1"), 1 << 1 | 1 << 2 | 1 << 3);
	router_apply(w.router, &n.change);
	tell_link(&w, NL_SET, ETH1, LINK_IDLE); // no carrier counts as well when told so
	world_settle(&w);
	assert_int_equal(ports_to(&w, "20.0.0.1"), 1 << 2 | 1 << 3);
	tell_link(&w, NL_SET, ETH1, LINK_UP);
	tell_link(&w, NL_SET, ETH2, LINK_DOWN);
	tell_link(&w, NL_SET, ETH3, LINK_DOWN);
	world_settle(&w);
	assert_int_equal(ports_to(&w, "20.0.0.1"), 1 << 1);
	tell_link(&w, NL_SET, ETH1, LINK_DOWN); // the last one: the kernel removes the route
	assert_int_equal(ports_to(&w, "20.0.0.1"), 0);
	world_settle(&w);
	assert_forward(&w, "20.0.0.1", 4, 40);
	tell_link(&w, NL_SET, ETH1, LINK_UP);
	world_settle(&w);
	assert_forward(&w, "20.0.0.1", 4, 40);
	world_free(&w);
}

static void multipath_of_ipv6_hop_by_hop(void **state)
{
	struct route_record r, all;
	struct world w;

	make(&w, NULL);
	tell_via(&w, NL_SET, "2001:db8::/32", ETH1, "fd00:1::1");
	for (int i = ETH2; i <= ETH3; i++) {
		route_record(&r, "2001:db8::/32");
		route_hop(&r, i, i == ETH2 ? "fd00:2::1" : "fd00:3::1", 1);
		r.route.is_append = true;
		tell_route(&w, NL_SET, &r);
	}
	assert_int_equal(ports_to(&w, "2001:db8::1"), 1 << 1 | 1 << 2 | 1 << 3);
	route_record(&all, "2001:db8::/32"); // the same as one record, appended to
	route_hop(&all, ETH1, "fd00:1::1", 1);
	route_hop(&all, ETH2, "fd00:2::1", 1);
	route_hop(&all, ETH3, "fd00:3::1", 1);
	all.route.is_append = true;
	tell_route(&w, NL_SET, &all);
	assert_int_equal(ports_to(&w, "2001:db8::1"), 1 << 1 | 1 << 2 | 1 << 3);
	tell_via(&w, NL_GONE, "2001:db8::/32", ETH2, "fd00:2::1");
	assert_int_equal(ports_to(&w, "2001:db8::1"), 1 << 1 | 1 << 3);
	tell_via(&w, NL_GONE, "2001:db8::/32", ETH1, "fd00:1::1");
	assert_int_equal(ports_to(&w, "2001:db8::1"), 1 << 3);
	tell_via(&w, NL_GONE, "2001:db8::/32", ETH3, "fd00:3::1");
	assert_seen(&w, "2001:db8::1", "none");
	world_free(&w);
}

// -- what the kernel removes without a word ------------------------------------------------
static void silent_removals(void **state)
{
	struct route_record r;
	struct world w;

	make(&w, NULL);
	tell_via(&w, NL_SET, "0.0.0.0/0", ETH4, "10.4.0.1");
	tell_via(&w, NL_SET, "20.0.0.0/8", ETH1, "10.1.0.1");
	route_record(&r, "30.0.0.0/8");
	route_hop(&r, ETH2, "10.2.0.1", 1);
	r.route.source = addr("10.1.0.254");
	tell_route(&w, NL_SET, &r);
	tell_address(&w, NL_SET, ETH1, "10.1.9.9/16");
	tell_link(&w, NL_SET, ETH1, LINK_DOWN);
	assert_seen(&w, "20.0.0.1", "kernel"); // at once
	world_settle(&w);
	assert_forward(&w, "20.0.0.1", 4, 40);
	assert_forward(&w, "10.1.0.1", 4, 40);  // its network is another's now
	assert_seen(&w, "10.1.0.254", "local"); // its address is not
	tell_link(&w, NL_SET, ETH1, LINK_UP);
	world_settle(&w);
	assert_forward(&w, "20.0.0.1", 4, 40);
	tell_via(&w, NL_SET, "20.0.0.0/8", ETH1, "10.1.0.1");
	assert_forward(&w, "20.0.0.1", 1, 10);
	assert_forward(&w, "30.0.0.1", 2, 20);
	tell_address(&w, NL_GONE, ETH1, "10.1.0.254/16"); // routes from it go
	world_settle(&w);
	assert_forward(&w, "30.0.0.1", 4, 40);
	assert_forward(&w, "20.0.0.1", 1, 10);
	tell_address(&w, NL_GONE, ETH1, "10.1.9.9/16"); // the last one
	world_settle(&w);
	assert_forward(&w, "20.0.0.1", 4, 40);
	// A deleted interface takes a whole multipath route along.
	route_record(&r, "40.0.0.0/8");
	route_hop(&r, ETH2, "10.2.0.1", 1);
	route_hop(&r, ETH3, "10.3.0.1", 1);
	tell_route(&w, NL_SET, &r);
	assert_int_equal(ports_to(&w, "40.0.0.1"), 1 << 2 | 1 << 3);
	tell_link(&w, NL_GONE, ETH2, 0);
	world_settle(&w);
	assert_forward(&w, "40.0.0.1", 4, 40);
	assert_false(world_has_local(&w, "10.2.0.254/32"));
	world_free(&w);
}

// -- objects ------------------------------------------------------------------------------
static void objects_and_groups(void **state)
{
	struct nl_nexthop_member two[] = {{1, 1}, {2, 1}}, three[] = {{1, 1}, {2, 1}, {3, 2}};
	struct route_record r, g, u;
	struct world w;

	make(&w, NULL);
	tell_via(&w, NL_SET, "0.0.0.0/0", ETH4, "10.4.0.1");
	route_record(&u, "40.0.0.0/8"); // before its object
	u.route.nexthop = 10;
	tell_route(&w, NL_SET, &u);
	assert_seen(&w, "40.0.0.1", "kernel");
	tell_object(&w, NL_SET, 1, ETH1, "10.1.0.1");
	tell_object(&w, NL_SET, 2, ETH2, "10.2.0.1");
	tell_object(&w, NL_SET, 3, ETH3, "fd00:3::1");
	tell_group(&w, 10, 2, two);
	route_record(&r, "20.0.0.0/8");
	r.route.nexthop = 1;
	tell_route(&w, NL_SET, &r);
	route_record(&g, "30.0.0.0/8");
	g.route.nexthop = 10;
	tell_route(&w, NL_SET, &g);
	world_settle(&w);
	assert_forward(&w, "20.0.0.1", 1, 10);
	assert_int_equal(ports_to(&w, "30.0.0.1"), 1 << 1 | 1 << 2);
	assert_int_equal(ports_to(&w, "40.0.0.1"), 1 << 1 | 1 << 2);
	tell_group(&w, 10, 3, three);
	world_settle(&w);
	assert_int_equal(ports_to(&w, "30.0.0.1"), 1 << 1 | 1 << 2 | 1 << 3);
	tell_object(&w, NL_SET, 1, ETH4, "10.4.0.1"); // replaced
	world_settle(&w);
	assert_forward(&w, "20.0.0.1", 4, 40);
	assert_int_equal(ports_to(&w, "30.0.0.1"), 1 << 4 | 1 << 2 | 1 << 3);
	tell_object(&w, NL_GONE, 1, 0, ""); // its route goes, and it leaves its group
	world_settle(&w);
	assert_forward(&w, "20.0.0.1", 4, 40);
	assert_int_equal(ports_to(&w, "30.0.0.1"), 1 << 2 | 1 << 3);
	tell_link(&w, NL_SET, ETH2, LINK_IDLE); // objects go with the carrier
	world_settle(&w);
	assert_int_equal(ports_to(&w, "30.0.0.1"), 1 << 3);
	tell_link(&w, NL_SET, ETH2, LINK_UP);
	world_settle(&w);
	assert_int_equal(ports_to(&w, "30.0.0.1"), 1 << 3);
	tell_link(&w, NL_SET, ETH3, LINK_DOWN); // the last member: group and routes go
	world_settle(&w);
	assert_forward(&w, "30.0.0.1", 4, 40);
	assert_forward(&w, "40.0.0.1", 4, 40);
	tell_object(&w, NL_SET, 10, ETH1, "10.1.0.1"); // the number is another's
	tell_route(&w, NL_SET, &g);
	world_settle(&w);
	assert_forward(&w, "30.0.0.1", 1, 10);
	assert_forward(&w, "40.0.0.1", 4, 40);
	world_free(&w);
}

// -- neighbours --------------------------------------------------------------------------
static void host_routes_follow_routes(void **state)
{
	struct route_record r;
	struct world w;

	make(&w, NULL);
	tell_neigh(&w, NL_SET, ETH2, "10.1.0.7", NUD_REACHABLE, 27); // of another's network
	tell_neigh(&w, NL_SET, ETH1, "10.1.0.7", NUD_REACHABLE, 17);
	tell_neigh(&w, NL_SET, ETH1, "10.9.0.1", NUD_REACHABLE, 19); // of none
	assert_forward(&w, "10.1.0.7", 1, 17);
	assert_seen(&w, "10.9.0.1", "none");
	tell_via(&w, NL_SET, "10.9.0.0/16", ETH1, "");
	world_settle(&w);
	assert_forward(&w, "10.9.0.1", 1, 19);
	tell_via(&w, NL_SET, "10.1.0.0/24", ETH3, "10.3.0.1"); // more specific
	world_settle(&w);
	assert_forward(&w, "10.1.0.7", 3, 30);
	assert_forward(&w, "10.1.0.1", 3, 30);
	tell_via(&w, NL_SET, "10.1.0.0/25", ETH2, ""); // and another link's
	world_settle(&w);
	assert_forward(&w, "10.1.0.7", 2, 27);
	assert_seen(&w, "10.1.0.1", "link");
	tell_via(&w, NL_GONE, "10.1.0.0/25", ETH2, "");
	tell_via(&w, NL_GONE, "10.1.0.0/24", ETH3, "10.3.0.1");
	world_settle(&w);
	assert_forward(&w, "10.1.0.7", 1, 17);
	tell_via(&w, NL_SET, "10.1.0.7/32", ETH3, "10.3.0.1"); // the kernel's own
	world_settle(&w);
	assert_forward(&w, "10.1.0.7", 3, 30);
	route_record(&r, "10.1.0.7/32");
	route_hop(&r, ETH2, "", 1);
	r.route.is_replace = true;
	tell_route(&w, NL_SET, &r); // on link by another interface
	world_settle(&w);
	assert_forward(&w, "10.1.0.7", 2, 27);
	tell_route(&w, NL_GONE, &r);
	world_settle(&w);
	assert_forward(&w, "10.1.0.7", 1, 17);
	tell_via(&w, NL_GONE, "10.1.0.0/16", ETH1, "");
	world_settle(&w);
	assert_seen(&w, "10.1.0.7", "none");
	tell_via(&w, NL_SET, "0.0.0.0/0", ETH1, ""); // everything on link
	world_settle(&w);
	assert_forward(&w, "10.1.0.7", 1, 17);
	assert_forward(&w, "10.1.0.1", 1, 10);
	tell_link(&w, NL_GONE, ETH1, 0);
	world_settle(&w);
	assert_seen(&w, "10.1.0.7", "none");
	world_free(&w);
}

static void wide_local_prefixes_hide_others(void **state)
{
	struct route_record r;
	struct world w;

	make(&w, NULL);
	tell_via(&w, NL_SET, "20.1.0.0/16", ETH1, "10.1.0.1");
	route_record(&r, "20.0.0.0/8"); // AnyIP
	r.route.type = RTN_LOCAL;
	r.route.table = RT_TABLE_LOCAL;
	route_hop(&r, ETH1, "", 1);
	tell_route(&w, NL_SET, &r);
	world_settle(&w);
	assert_seen(&w, "20.1.0.1", "local");
	assert_true(world_has_local(&w, "20.0.0.0/8"));
	tell_via(&w, NL_SET, "20.2.0.0/16", ETH1, "10.1.0.1");
	assert_seen(&w, "20.2.0.1", "local");
	w.refuse_local = -ENOSPC;
	tell_route(&w, NL_GONE, &r);
	world_settle(&w);
	assert_forward(&w, "20.1.0.1", 1, 10);
	assert_forward(&w, "20.2.0.1", 1, 10);
	assert_true(world_has_local(&w, "20.0.0.0/8"));
	assert_false(router_is_complete(w.router));
	w.refuse_local = 0;
	world_settle(&w); // told again
	assert_false(world_has_local(&w, "20.0.0.0/8"));
	assert_true(router_is_complete(w.router));
	world_free(&w);
}

// -- resync --------------------------------------------------------------------------------
static void resyncs_without_emptying(void **state)
{
	struct router_stats before, after;
	struct world w;

	make(&w, NULL);
	tell_via(&w, NL_SET, "20.0.0.0/8", ETH1, "10.1.0.1");
	tell_via(&w, NL_SET, "30.0.0.0/8", ETH2, "10.2.0.1");
	tell_via(&w, NL_SET, "40.0.0.0/8", ETH1, "10.1.0.1");
	tell_via(&w, NL_SET, "40.0.0.0/8", ETH2, "10.2.0.1");
	router_stats(w.router, &before);
	tell(&w, NL_ROUTE, NL_BEGIN);
	tell_via(&w, NL_SET, "20.0.0.0/8", ETH1, "10.1.0.1");
	assert_forward(&w, "30.0.0.1", 2, 20);
	tell(&w, NL_ROUTE, NL_BROKEN);
	world_settle(&w);
	assert_forward(&w, "30.0.0.1", 2, 20);
	tell(&w, NL_ROUTE, NL_BEGIN);
	tell_via(&w, NL_SET, "20.0.0.0/8", ETH3, "10.3.0.1"); // it was changed meanwhile
	tell_via(&w, NL_SET, "40.0.0.0/8", ETH2, "10.2.0.1"); // one of two is left
	tell_via(&w, NL_SET, "10.1.0.0/16", ETH1, "");
	assert_forward(&w, "20.0.0.1", 3, 30);
	tell(&w, NL_ROUTE, NL_END);
	world_settle(&w);
	assert_forward(&w, "20.0.0.1", 3, 30);
	assert_seen(&w, "30.0.0.1", "none");
	assert_forward(&w, "40.0.0.1", 2, 20);
	assert_forward(&w, "10.1.0.1", 1, 10);
	assert_seen(&w, "10.2.0.1", "none");
	assert_int_equal(w.n_locals, 0);
	router_stats(w.router, &after);
	assert_int_equal(after.resyncs, before.resyncs + 1);
	assert_true(after.corrected > before.corrected);
	tell(&w, NL_NEIGH, NL_BEGIN);
	tell_neigh(&w, NL_SET, ETH3, "10.3.0.1", NUD_STALE, 31);
	tell(&w, NL_NEIGH, NL_END);
	world_settle(&w);
	assert_forward(&w, "20.0.0.1", 3, 31);
	assert_seen(&w, "10.1.0.1", "link");
	router_stats(w.router, &after);
	assert_int_equal(after.neighbours, 1);
	tell(&w, NL_LINK, NL_BEGIN);
	tell_link(&w, NL_SET, ETH1, LINK_UP);
	tell(&w, NL_LINK, NL_END);
	world_settle(&w);
	assert_seen(&w, "20.0.0.1", "none");
	assert_true(router_is_complete(w.router));
	world_free(&w);
}

// -- limits and bad input -----------------------------------------------------------------
static void full_tables_are_the_kernels(void **state)
{
	struct router_config c = {.max_routes4 = 40};
	char text[32];
	struct world w;

	make(&w, &c);
	assert_reason(&w, ETH1, "");
	for (unsigned i = 0; i < 50; i++) {
		snprintf(text, sizeof(text), "20.%u.0.0/16", i);
		tell_via(&w, NL_SET, text, ETH1, "10.1.0.1");
	}
	assert_reason(&w, ETH1, "not all routes of IPv4 fit");
	assert_true(interface_of(&w, ETH1).is_accelerated6);
	assert_true(router_needs_dump(w.router));
	tell(&w, NL_ROUTE, NL_BEGIN);
	for (unsigned i = 0; i < 50; i++) {
		snprintf(text, sizeof(text), "20.%u.0.0/16", i);
		tell_via(&w, NL_SET, text, ETH1, "10.1.0.1");
	}
	tell(&w, NL_ROUTE, NL_END);
	world_settle(&w);
	assert_reason(&w, ETH1, "not all routes of IPv4 fit");
	tell(&w, NL_ROUTE, NL_BEGIN);
	tell_via(&w, NL_SET, "20.0.0.0/8", ETH1, "10.1.0.1");
	tell(&w, NL_ROUTE, NL_END);
	world_settle(&w);
	assert_reason(&w, ETH1, "");
	assert_forward(&w, "20.49.0.1", 1, 10);
	assert_false(router_needs_dump(w.router));
	world_free(&w);
}

static void bad_input(void **state)
{
	struct nl_change odd = {200, 200, sizeof(odd), 0};
	struct nl_nexthop_member self[] = {{5, 1}, {5, 1}, {99, 0}};
	struct router_stats before, after;
	struct route_record r;
	struct world w;

	make(&w, NULL);
	rcu_barrier_reclaim();
	router_stats(w.router, &before);
	tell_via(&w, NL_GONE, "20.0.0.0/8", ETH1, "10.1.0.1"); // never there
	tell_neigh(&w, NL_GONE, ETH1, "10.1.0.99", 0, 0);
	tell_neigh(&w, NL_GONE, 4711, "10.1.0.99", 0, 0);
	tell_address(&w, NL_GONE, ETH1, "10.99.0.1/8");
	tell_address(&w, NL_GONE, 4711, "10.99.0.1/8");
	tell_link(&w, NL_GONE, 4711, 0);
	tell_link(&w, NL_SET, 0, LINK_UP);
	tell_link(&w, NL_SET, -5, LINK_UP);
	tell_object(&w, NL_GONE, 4711, ETH1, "10.1.0.1");
	tell_object(&w, NL_SET, 0, ETH1, "10.1.0.1");
	tell_rule(&w, NL_GONE, AF_INET, 4711, 1);
	tell(&w, NL_ROUTE, NL_END); // of no dump
	router_apply(w.router, &odd);
	odd.size = 0;
	router_apply_batch(w.router, &odd, sizeof(odd));
	tell_via(&w, NL_SET, "20.0.0.1/8", ETH1, "10.1.0.1"); // host bits
	tell_via(&w, NL_SET, "20.0.0.0/33", ETH1, "10.1.0.1");
	assert_seen(&w, "20.0.0.1", "none");
	tell_via(&w, NL_SET, "20.0.0.0/8", ETH1, "224.0.0.1"); // no neighbour can have it
	assert_seen(&w, "20.0.0.1", "kernel");
	tell_via(&w, NL_GONE, "20.0.0.0/8", ETH1, "224.0.0.1");
	tell_via(&w, NL_SET, "20.0.0.0/8", -3, "10.1.0.1");
	assert_seen(&w, "20.0.0.1", "kernel");
	tell_via(&w, NL_GONE, "20.0.0.0/8", -3, "10.1.0.1");
	route_record(&r, "20.0.0.0/8"); // no hops at all
	tell_route(&w, NL_SET, &r);
	assert_seen(&w, "20.0.0.1", "kernel");
	tell_route(&w, NL_GONE, &r);
	tell_group(&w, 5, 3, self); // in itself
	r.route.nexthop = 5;
	tell_route(&w, NL_SET, &r);
	world_settle(&w);
	assert_seen(&w, "20.0.0.1", "kernel");
	tell_group(&w, 5, 0, self);
	tell_object(&w, NL_SET, 5, 4711, "10.1.0.1");
	world_settle(&w);
	tell_object(&w, NL_GONE, 5, 0, "");
	world_settle(&w);
	assert_seen(&w, "20.0.0.1", "none");
	tell_neigh(&w, NL_SET, ETH1, "224.0.0.9", NUD_REACHABLE, 5);
	tell_neigh(&w, NL_SET, ETH1, "10.1.0.9", NUD_REACHABLE, 0); // valid without a MAC
	assert_seen(&w, "10.1.0.9", "link");
	tell_neigh(&w, NL_GONE, ETH1, "10.1.0.9", 0, 0);
	assert_int_equal(router_set_port(w.router, 0, NULL), -EINVAL);
	assert_int_equal(set_port(&w, 4711, 8), 0); // before its link
	assert_int_equal(set_port(&w, 4711, PORT_NONE), 0);
	rcu_barrier_reclaim();
	router_stats(w.router, &after);
	after.refused = before.refused;
	assert_memory_equal(&before, &after, sizeof(before)); // nothing stayed
	world_free(&w);
}

static void walks(void **state)
{
	struct router_neighbour neighbours[16];
	struct router_route page[8];
	struct router_interface i;
	uint32_t at = 0;
	uint64_t cursor = 0;
	unsigned n = 0, best = 0;
	bool is_best[8];
	struct world w;
	int after = 0;

	make(&w, NULL);
	tell_via(&w, NL_SET, "20.0.0.0/8", ETH1, "10.1.0.1");
	while (cursor != ROUTER_WALK_END) {
		size_t some = router_walk(w.router, &cursor, page, is_best, 8);

		n += some;
		for (size_t k = 0; k < some; k++)
			best += is_best[k];
	}
	assert_int_equal(n, 14); // 4 + 4 connected, 4 local, docker's, and this one
	assert_int_equal(best, 14);
	n = 0;
	while (at != ROUTER_NEIGH_WALK_END)
		n += router_walk_neigh(w.router, &at, neighbours, 16);
	assert_int_equal(n, 8);
	for (n = 0; router_next_interface(w.router, after, &i); n++)
		after = i.ifindex;
	assert_int_equal(n, 5);
	world_free(&w);
}

// -- speed ----------------------------------------------------------------------------------
static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

// Of this thread: what others take of the processor is not the router's.
static double own_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double longest_step(struct world *w)
{
	double longest = 0;
	bool more = true;

	while (more) {
		double start = own_seconds();

		more = router_step(w->router);
		longest = MAX(longest, own_seconds() - start);
	}
	return longest;
}

static void a_million(void **state)
{
	const char *some = getenv("ROUTER_ROUTES");
	unsigned n = some ? (unsigned)strtoul(some, NULL, 0) : 1000000;
	size_t size = ALIGN_UP(sizeof(struct nl_route) + sizeof(struct nl_hop), 8);
	uint8_t *batch = calloc(1000, size);
	struct router_stats s;
	struct world w;
	double start;

	assert_non_null(batch);
	make(&w, NULL);
	tell_via(&w, NL_SET, "0.0.0.0/0", ETH4, "10.4.0.1");
	for (unsigned verb = NL_SET; verb <= NL_GONE + 1; verb++) {
		start = seconds();
		for (unsigned i = 0; i < n; i += 1000) {
			for (unsigned k = 0; k < 1000; k++) {
				struct nl_route *r = (struct nl_route *)(batch + k * size);
				unsigned v = 16 * 65536 + i + k;

				r->change =
					(struct nl_change){NL_ROUTE, verb % 2, (uint16_t)size, 0};
				r->table = RT_TABLE_MAIN;
				r->prefix.addr.family = AF_INET;
				r->prefix.addr.b[0] = (uint8_t)(v >> 16);
				r->prefix.addr.b[1] = (uint8_t)(v >> 8);
				r->prefix.addr.b[2] = (uint8_t)v;
				r->prefix.len = 24;
				r->protocol = RTPROT_BGP;
				r->type = RTN_UNICAST;
				r->metric = 20;
				r->n_hops = 1;
				r->hops[0] = (struct nl_hop){
					.ifindex = ETH1 + (int)(v / 7 % 3), .weight = 1};
				r->hops[0].gateway.family = AF_INET;
				r->hops[0].gateway.b[0] = 10;
				r->hops[0].gateway.b[1] = (uint8_t)r->hops[0].ifindex;
				r->hops[0].gateway.b[3] = 1;
			}
			router_apply_batch(w.router, (struct nl_change *)batch, 1000 * size);
		}
		router_stats(w.router, &s);
		printf("%s %u routes: %.3f s, records and FIB\n",
			verb % 2 ? "removed" : "installed", n, seconds() - start);
		assert_int_equal(s.routes4, verb % 2 ? 10 : n + 10);
		assert_int_equal(s.refused, 0);
	}
	assert_forward(&w, "16.0.0.1", 1 + (16 << 16) / 7 % 3, 10 + (16 << 16) / 7 % 3 * 10);
	for (int i = ETH1; i <= ETH3; i++)
		tell_link(&w, NL_SET, i, LINK_DOWN);
	assert_seen(&w, "16.0.0.1", "kernel");
	start = seconds();
	printf("longest step %.3f ms", longest_step(&w) * 1e3);
	printf("; routes of links that went down gone after %.3f s\n", seconds() - start);
	assert_forward(&w, "16.0.0.1", 4, 40);
	router_stats(w.router, &s);
	assert_int_equal(s.routes4, 7);
	free(batch);
	world_free(&w);
}

static void same_as_twin(uint64_t seed, size_t operations)
{
	struct operations o = {.state = seed, .left = operations};
	struct router_twin_totals t;

	printf("ROUTER_SEED=%llu, %zu operations: ", (unsigned long long)seed, operations);
	fflush(stdout);
	t = router_twin_run(&o);
	printf("%llu answers: %llu forwarded, %llu left to the kernel that need not be, %llu "
	       "other\n",
		(unsigned long long)t.answers, (unsigned long long)t.forwarded,
		(unsigned long long)t.left, (unsigned long long)t.other);
	assert_true(t.forwarded > t.answers / 20 && t.other > t.answers / 20);
}

static void behaves_like_its_twin(void **state)
{
	const char *replay = getenv("ROUTER_SEED"), *how_many = getenv("ROUTER_OPERATIONS");
	size_t operations = how_many ? strtoull(how_many, NULL, 0) : 4000;
	uint64_t fresh = replay ? strtoull(replay, NULL, 0) : (uint64_t)time(NULL);

	for (uint64_t seed = 1; seed <= 3 && !replay; seed++)
		same_as_twin(seed, operations);
	same_as_twin(fresh, operations);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(says_why_not),
		cmocka_unit_test(obeys_the_kernels_rules_only),
		cmocka_unit_test(rp_filter_is_the_greater),
		cmocka_unit_test(nothing_before_all_was_read),
		cmocka_unit_test(forwards_by_neighbours),
		cmocka_unit_test(tables_metrics_and_types),
		cmocka_unit_test(leaves_what_it_cannot_do),
		cmocka_unit_test(several_of_one_metric),
		cmocka_unit_test(multipath),
		cmocka_unit_test(multipath_of_ipv6_hop_by_hop),
		cmocka_unit_test(silent_removals),
		cmocka_unit_test(objects_and_groups),
		cmocka_unit_test(host_routes_follow_routes),
		cmocka_unit_test(wide_local_prefixes_hide_others),
		cmocka_unit_test(resyncs_without_emptying),
		cmocka_unit_test(full_tables_are_the_kernels),
		cmocka_unit_test(bad_input),
		cmocka_unit_test(walks),
		cmocka_unit_test(a_million),
		cmocka_unit_test(behaves_like_its_twin),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
