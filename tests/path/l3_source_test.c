// SPDX-License-Identifier: BSD-3-Clause
// Sources: rp_filter off, strict and loose against every kind of route back, and the router's own
// addresses, which nobody else may use.
#include "tests/path/l3_harness.h"

#include "dataplane/path/l3.h"

// Port 0 with that rp_filter; destinations behind host 21 at port 1; port 2 besides.
static void open_with(struct net *net, enum rp_filter mode)
{
	const struct port_setup setup[3] = {{.rp_filter = mode}, {0}, {0}};

	l3_open(net, setup, 3);
	l3_route(net, "10.1.0.0/16", l3_via(net, 1, "192.0.2.1", 21));
	l3_route(net, "2001:db8::/32", l3_via(net, 1, "fe80::1", 21));
}

enum { OK = -1 };

static void expect(struct net *net, const char *src, int reason)
{
	struct frame f = l3_frame(0, &(struct l3_packet){.src = src, .dst = "10.1.2.3"});

	if (reason == OK)
		l3_expect_forward(net, 0, &f, 1, 21);
	else
		l3_expect_exception(net, 0, &f, (enum exception_reason)reason);
}

static void matrix(void **state)
{
	enum { R = EXCEPTION_rp_filter, M = EXCEPTION_martian };
	static const struct {
		const char *src;
		int want[3]; // off, strict, loose
	} rows[] = {
		{"172.16.0.1", {OK, OK, OK}}, // by a neighbour at the ingress port
		{"172.17.0.1", {OK, R, OK}},  // at another port
		{"172.18.0.1", {OK, OK, OK}}, // ingress port, neighbour not resolved
		{"172.19.0.1", {OK, R, OK}},  // another port, not resolved
		{"172.20.0.1", {OK, OK, OK}}, // the link of the ingress port
		{"172.21.0.1", {OK, OK, OK}}, // a group with one member there
		{"172.22.0.1", {OK, R, OK}},  // a group without
		{"172.23.0.1", {OK, R, R}},   // not ours: the kernel knows
		{"172.24.0.1", {OK, R, R}},   // blackhole
		{"172.25.0.1", {OK, R, R}},   // unreachable
		{"172.26.0.1", {OK, R, R}},   // prohibited
		{"172.27.0.1", {M, M, M}},    // the router's own
		{"172.28.0.1", {OK, R, R}},   // no route
	};

	for (enum rp_filter mode = RP_FILTER_OFF; mode <= RP_FILTER_LOOSE; mode++) {
		uint32_t here, there, other, more[16];
		struct frame f6;
		struct net net;

		open_with(&net, mode);
		here = l3_via(&net, 0, "192.0.2.7", 27);
		there = l3_via(&net, 1, "192.0.2.8", 28);
		other = l3_via(&net, 2, "192.0.2.9", 29);
		l3_route(&net, "172.16.0.0/16", here);
		l3_route(&net, "172.17.0.0/16", there);
		l3_route(&net, "172.18.0.0/16", l3_via(&net, 0, "192.0.2.70", 0));
		l3_route(&net, "172.19.0.0/16", l3_via(&net, 1, "192.0.2.80", 0));
		l3_route(&net, "172.20.0.0/16", l3_via(&net, 0, "0.0.0.0", 0));
		for (unsigned i = 0; i < 16; i++)
			more[i] = i == 13 ? here : i % 2 ? there : other;
		l3_route(&net, "172.21.0.0/16", l3_group(&net, more, 16));
		more[13] = there;
		l3_route(&net, "172.22.0.0/16", l3_group(&net, more, 16));
		l3_route(&net, "172.23.0.0/16", l3_kind(&net, NEXTHOP_EXCEPTION));
		l3_route(&net, "172.24.0.0/16", l3_kind(&net, NEXTHOP_BLACKHOLE));
		l3_route(&net, "172.25.0.0/16", l3_kind(&net, NEXTHOP_UNREACHABLE));
		l3_route(&net, "172.26.0.0/16", l3_kind(&net, NEXTHOP_PROHIBIT));
		l3_route(&net, "172.27.0.0/16", l3_kind(&net, NEXTHOP_LOCAL));
		for (unsigned i = 0; i < ARRAY_SIZE(rows); i++)
			expect(&net, rows[i].src, rows[i].want[mode]);
		// IPv6 has no such check: a source without a route.
		f6 = l3_frame(0, &(struct l3_packet){.src = "3fff::1", .dst = "2001:db8::1"});
		l3_expect_forward(&net, 0, &f6, 1, 21);
		l3_close(&net);
	}
}

// The workers' filter of own addresses saves lookups and changes nothing else.
static void own_addresses(void **state)
{
	static const uint32_t own[] = {0xac1b0001, 0xac1b0002}; // 172.27.0.1 and 2
	struct net net;

	open_with(&net, RP_FILTER_OFF);
	l3_route(&net, "172.27.0.1/32", l3_kind(&net, NEXTHOP_LOCAL));
	l3_route(&net, "172.27.0.2/32", l3_kind(&net, NEXTHOP_LOCAL));
	l3_route(&net, "172.27.0.3/32", l3_kind(&net, NEXTHOP_LOCAL));
	net.own = own;
	net.n_own = 2;
	net_publish(&net);
	expect(&net, "172.27.0.1", EXCEPTION_martian);
	expect(&net, "172.27.0.2", EXCEPTION_martian);
	expect(&net, "172.27.0.3", OK); // it was not named: the filter is in use
	for (uint32_t i = 0; i < 100; i++) {
		char src[IP_TEXT_SIZE];
		struct ip_addr a = ip("203.0.113.0");

		a.b[3] = (uint8_t)i;
		expect(&net, ip_format(&a, src), OK);
	}
	net.own = NULL;
	net_publish(&net);
	expect(&net, "172.27.0.3", EXCEPTION_martian);
	l3_close(&net);
}

// Good and bad ones in one burst.
static void mixed(void **state)
{
	struct frame good, bad, got;
	enum exception_reason reason;
	struct net net;
	unsigned port;

	open_with(&net, RP_FILTER_STRICT);
	l3_route(&net, "172.16.0.0/16", l3_via(&net, 0, "192.0.2.7", 27));
	good = l3_frame(0, &(struct l3_packet){.src = "172.16.0.1", .dst = "10.1.2.3"});
	bad = l3_frame(0, &(struct l3_packet){.src = "172.17.0.1", .dst = "10.1.2.3"});
	for (unsigned i = 0; i < 60; i++)
		net_send(&net, 0, i % 3 ? &good : &bad, NULL);
	net_run(&net);
	for (unsigned i = 0; i < 40; i++)
		assert_true(net_receive(&net, 1, &got, NULL));
	for (unsigned i = 0; i < 20; i++) {
		assert_true(net_exception(&net, &got, NULL, &port, &reason));
		assert_int_equal(reason, EXCEPTION_rp_filter);
		assert_memory_equal(got.b, bad.b, bad.len);
	}
	net_expect_silence(&net);
	l3_close(&net);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(matrix),
		cmocka_unit_test(own_addresses),
		cmocka_unit_test(mixed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
