// SPDX-License-Identifier: BSD-3-Clause
// Named cases of what becomes of routes, next hops and neighbours.
#include "tests/unit/test.h"

#include <errno.h>
#include <linux/neighbour.h>
#include <linux/netconf.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "base/compiler.h"
#include "tests/unit/router_world.h"

// -- routes -----------------------------------------------------------------------------
static void forwards_by_neighbours(void **state)
{
	struct router_route got;
	struct ip_addr a;
	struct world w;

	world_usual(&w, NULL);
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

	world_usual(&w, NULL);
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
	struct router_interface is;
	struct route_record r;
	struct world w;

	world_usual(&w, NULL);
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
	// What comes in by it may go out elsewhere.
	assert_true(router_interface(w.router, ETH1, &is) && is.is_accelerated4);
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

	world_usual(&w, NULL);
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

	world_usual(&w, NULL);
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

	world_usual(&w, NULL);
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
	// What has no gateway stands beside it.
	route_record(&all, "2001:db8::/32");
	all.route.type = RTN_BLACKHOLE;
	tell_route(&w, NL_SET, &all);
	tell_route(&w, NL_SET, &r);
	assert_seen(&w, "2001:db8::1", "kernel");
	tell_route(&w, NL_GONE, &r);
	assert_seen(&w, "2001:db8::1", "drop");
	world_free(&w);
}

// -- what the kernel removes without a word ------------------------------------------------
static void silent_removals(void **state)
{
	struct route_record r;
	struct world w;

	world_usual(&w, NULL);
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

	world_usual(&w, NULL);
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

	world_usual(&w, NULL);
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

	world_usual(&w, NULL);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
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
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
