// SPDX-License-Identifier: BSD-3-Clause
#include "tests/path/l3_harness.h"

#include <linux/neighbour.h>
#include <string.h>
#include <sys/socket.h>

#include "dataplane/path/ethernet.h"

void l3_open(struct net *net, const struct port_setup *setup, unsigned n)
{
	struct port_setup routed[NET_PORTS] = {{0}};
	const uint64_t secret[2] = {1, 3};
	struct neigh_config nc = {.hash_secret = secret};
	struct nexthop_config hc = {0};

	for (unsigned i = 0; i < n; i++) {
		if (setup)
			routed[i] = setup[i];
		routed[i].routed = true;
	}
	net_open(net, routed, n, 0);
	assert_int_equal(fib_create(&net->fib, NULL), 0);
	assert_int_equal(neigh_create(&net->neigh, &nc), 0);
	assert_int_equal(nexthops_create(&net->nexthops, net->neigh, &hc), 0);
	for (unsigned i = 0; i < n; i++) {
		struct neigh_interface is = {.port = (port_id_t)i,
			.mac = router_mac(i),
			.mtu = (uint16_t)(routed[i].mtu ? routed[i].mtu : 1500)};

		assert_int_equal(neigh_set_interface(net->neigh, (uint16_t)i, &is), 0);
	}
	net_publish(net);
}

void l3_close(struct net *net)
{
	struct fib *fib = net->fib;
	struct neigh *neigh = net->neigh;
	struct nexthops *nexthops = net->nexthops;

	net_close(net);
	fib_destroy(fib);
	nexthops_destroy(nexthops);
	neigh_destroy(neigh);
	rcu_barrier_reclaim();
}

struct ip_addr ip(const char *text)
{
	struct ip_addr a;

	assert_true(ip_parse(text, &a));
	return a;
}

uint32_t l3_via(struct net *net, unsigned port, const char *neighbour, unsigned host)
{
	struct ip_addr a = ip(neighbour);
	struct mac mac = host_mac(host);
	uint32_t adjacency, next;

	assert_int_equal(neigh_hold(net->neigh, (uint16_t)port, &a, &adjacency), 0);
	if (host)
		assert_int_equal(
			neigh_update(net->neigh, (uint16_t)port, &a, NUD_REACHABLE, &mac), 0);
	assert_int_equal(nexthop_add(net->nexthops, NEXTHOP_ADJACENCY, adjacency, &next), 0);
	return next;
}

uint32_t l3_kind(struct net *net, enum nexthop_kind kind)
{
	uint32_t next;

	assert_int_equal(nexthop_add(net->nexthops, kind, 0, &next), 0);
	return next;
}

uint32_t l3_group(struct net *net, const uint32_t *members, unsigned n)
{
	struct nexthop_member m[64];
	uint32_t next;

	for (unsigned i = 0; i < n; i++)
		m[i] = (struct nexthop_member){members[i], 1};
	assert_int_equal(nexthop_group_add(net->nexthops, m, n, &next), 0);
	return next;
}

void l3_route(struct net *net, const char *prefix, uint32_t next)
{
	struct ip_prefix p;

	assert_true(prefix_parse(prefix, &p));
	assert_true(fib_set(net->fib, &p, next) >= 0);
}

// -- packets --------------------------------------------------------------------------------
static uint32_t add16(const uint8_t *b, uint32_t n)
{
	uint32_t sum = 0;

	for (uint32_t i = 0; i < n; i += 2)
		sum += load_be16(b + i);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

void l3_sum(struct frame *f, uint32_t at)
{
	memset(f->b + at + 10, 0, 2);
	store_be16(f->b + at + 10, (uint16_t)~add16(f->b + at, (f->b[at] & 15) * 4u));
}

struct frame l3_frame(unsigned port, const struct l3_packet *k)
{
	struct ip_addr src = ip(k->src), dst = ip(k->dst);
	bool ip6 = dst.family == AF_INET6;
	uint8_t protocol = k->protocol ? k->protocol : 17;
	uint32_t transport = protocol == 17 ? 8 : 20, header = ip6 ? 40 : 20;
	struct mac own = router_mac(port);
	struct frame f =
		frame_of(0, 1, UNTAGGED, 14 + header + transport + k->payload + k->padding);
	uint8_t *l3 = f.b + 14, *l4 = l3 + header;

	memcpy(f.b, &own, 6);
	store_be16(f.b + 12, ip6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4);
	memset(l3, 0, header);
	if (ip6) {
		l3[0] = 0x60;
		store_be16(l3 + 4, (uint16_t)(transport + k->payload));
		l3[6] = protocol;
		l3[7] = k->ttl ? k->ttl : 64;
		memcpy(l3 + 8, src.b, 16);
		memcpy(l3 + 24, dst.b, 16);
	} else {
		l3[0] = 0x45;
		store_be16(l3 + 2, (uint16_t)(header + transport + k->payload));
		store_be16(l3 + 6, k->fragment);
		l3[8] = k->ttl ? k->ttl : 64;
		l3[9] = protocol;
		memcpy(l3 + 12, src.b, 4);
		memcpy(l3 + 16, dst.b, 4);
		l3_sum(&f, 14);
	}
	store_be16(l4, k->sport ? k->sport : 1000);
	store_be16(l4 + 2, k->dport ? k->dport : 2000);
	return f;
}

struct frame l3_twin(const struct frame *in, unsigned port, unsigned host)
{
	struct mac src = router_mac(port), dst = host_mac(host);
	bool ip6 = load_be16(in->b + 12) == ETHERTYPE_IPV6;
	struct frame f = *in;

	f.len = 14 + (ip6 ? 40 : 0) + load_be16(f.b + (ip6 ? 18 : 16));
	memcpy(f.b, &dst, 6);
	memcpy(f.b + 6, &src, 6);
	f.b[ip6 ? 21 : 22]--;
	if (!ip6)
		l3_sum(&f, 14);
	return f;
}

// -- expectations ---------------------------------------------------------------------------
// Every packet is sent alone and in company of its like: the path reads short bursts one by one.
static const unsigned companies[] = {1, 5};

static void send_like(struct net *net, unsigned in, const struct frame *f, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		net_send(net, in, f, NULL);
	net_run(net);
}

void l3_expect_forward(
	struct net *net, unsigned in, const struct frame *f, unsigned out, unsigned host)
{
	static struct frame got, twin;
	struct packet meta;

	twin = l3_twin(f, out, host);
	for (unsigned c = 0; c < ARRAY_SIZE(companies); c++) {
		send_like(net, in, f, companies[c]);
		for (unsigned i = 0; i < companies[c]; i++) {
			assert_true(net_receive(net, out, &got, &meta));
			assert_int_equal(got.len, twin.len);
			assert_memory_equal(got.b, twin.b, twin.len);
			assert_int_equal(meta.l3_offset, 14);
		}
		net_expect_silence(net);
	}
}

void l3_expect_exception(
	struct net *net, unsigned in, const struct frame *f, enum exception_reason want)
{
	uint64_t before = net_counters(net, in).exception[want];
	static struct frame got;
	enum exception_reason reason;
	unsigned port;

	for (unsigned c = 0; c < ARRAY_SIZE(companies); c++) {
		send_like(net, in, f, companies[c]);
		for (unsigned i = 0; i < companies[c]; i++) {
			assert_true(net_exception(net, &got, NULL, &port, &reason));
			assert_string_equal(exception_name(reason), exception_name(want));
			assert_int_equal(port, in);
			assert_int_equal(got.len, f->len);
			assert_memory_equal(got.b, f->b, f->len);
		}
		net_expect_silence(net);
	}
	assert_int_equal(net_counters(net, in).exception[want], before + 6);
}

void l3_expect_drop(struct net *net, unsigned in, const struct frame *f, enum drop_reason want)
{
	uint64_t before = net_drops(net, in, want);

	for (unsigned c = 0; c < ARRAY_SIZE(companies); c++) {
		send_like(net, in, f, companies[c]);
		net_expect_silence(net);
	}
	assert_int_equal(net_drops(net, in, want), before + 6);
}
