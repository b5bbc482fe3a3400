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
#include "base/mem.h"
#include "base/rcu.h"
#include "dataplane/table/nexthop.h"
#include "tests/unit/router_twin.h"
#include "tests/unit/router_world.h"

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

	world_usual(&w, NULL);
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

	world_usual(&w, NULL);
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

	world_usual(&w, NULL);
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

// -- resync --------------------------------------------------------------------------------
static void resyncs_without_emptying(void **state)
{
	struct router_stats before, after;
	struct world w;

	world_usual(&w, NULL);
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

	world_usual(&w, &c);
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

// Some of everything that takes memory.
static void work(struct world *w)
{
	struct nl_nexthop_member two[] = {{1, 1}, {2, 1}};
	struct route_record r;

	tell_object(w, NL_SET, 1, ETH1, "10.1.0.1");
	tell_object(w, NL_SET, 2, ETH2, "10.2.0.1");
	tell_group(w, 10, 2, two);
	route_record(&r, "20.0.0.0/8");
	r.route.nexthop = 10;
	tell_route(w, NL_SET, &r);
	route_record(&r, "20.1.0.0/16");
	route_hop(&r, ETH3, "10.3.0.1", 1);
	route_hop(&r, ETH4, "10.4.0.1", 2);
	tell_route(w, NL_SET, &r);
	tell_via(w, NL_SET, "20.1.1.0/24", ETH1, "10.1.0.1");
	tell_via(w, NL_SET, "20.1.1.0/24", ETH2, "10.2.0.1");
	tell_via(w, NL_GONE, "20.1.1.0/24", ETH1, "10.1.0.1");
	route_record(&r, "20.1.1.1/32");
	r.route.type = RTN_LOCAL;
	r.route.table = RT_TABLE_LOCAL;
	tell_route(w, NL_SET, &r);
	tell_neigh(w, NL_SET, ETH1, "10.1.0.7", NUD_REACHABLE, 17);
	tell_rule(w, NL_SET, AF_INET, 100, 42);
	tell_rule(w, NL_GONE, AF_INET, 100, 42);
	tell_address(w, NL_SET, ETH1, "10.1.9.9/16");
	tell_link(w, NL_SET, 5, LINK_UP);
	tell_link(w, NL_SET, ETH4, LINK_DOWN);
	world_settle(w);
}

// Whatever allocation fails: what workers do is right, or the kernel's, or the family is.
static void survives_lack_of_memory(void **state)
{
	static const char *const probes[] = {
		"20.0.0.1", "20.1.0.1", "20.1.1.5", "20.1.1.1", "10.1.0.7", "10.4.0.1", "10.2.0.1"};
	struct router_config c = {0};
	struct router *none = NULL;
	unsigned n_failed = 0;
	struct world good, w;
	uint64_t n;

	for (n = 1; n < 1000; n++) {
		mem_fail_at(n);
		if (!router_create(&none, &c))
			break;
	}
	mem_fail_at(0);
	assert_true(n > 20 && n < 1000);
	router_destroy(none);
	world_usual(&good, NULL);
	mem_fail_at(0);
	work(&good);
	n = mem_alloc_count();
	assert_true(n > 20);
	for (uint64_t at = 1; at <= n; at++) {
		world_usual(&w, NULL);
		mem_fail_at(at);
		work(&w);
		mem_fail_at(0);
		for (unsigned k = 0; k < ARRAY_SIZE(probes); k++) {
			const char *what = seen_what(&w, probes[k]);

			if (!strcmp(what, seen_what(&good, probes[k])) &&
				seen_as(&w, probes[k]) == seen_as(&good, probes[k]))
				continue;
			n_failed++;
			if (strcmp(what, "kernel") != 0 && strcmp(what, "link") != 0)
				assert_false(interface_of(&w, ETH1).is_accelerated4);
		}
		world_free(&w);
	}
	assert_true(n_failed);
	world_free(&good);
}

static void bad_input(void **state)
{
	struct nl_change odd = {200, 200, sizeof(odd), 0};
	struct nl_nexthop_member self[] = {{5, 1}, {5, 1}, {99, 0}};
	struct router_stats before, after;
	struct route_record r;
	struct world w;

	world_usual(&w, NULL);
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

	world_usual(&w, NULL);
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
	world_usual(&w, NULL);
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
	assert_true(
		t.forwarded > t.answers / 50 && t.left < t.forwarded && t.other > t.answers / 50);
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
		cmocka_unit_test(resyncs_without_emptying),
		cmocka_unit_test(full_tables_are_the_kernels),
		cmocka_unit_test(survives_lack_of_memory),
		cmocka_unit_test(bad_input),
		cmocka_unit_test(walks),
		cmocka_unit_test(a_million),
		cmocka_unit_test(behaves_like_its_twin),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
