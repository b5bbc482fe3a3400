// SPDX-License-Identifier: BSD-3-Clause
// What is forwarded leaves as RFC 1812 and RFC 8200 say, byte by byte: IPv4 and IPv6, padded, in
// chains, with offload requests, in mixed bursts.
#include "tests/path/l3_harness.h"

#include <string.h>

#include "dataplane/path/ethernet.h"
#include "dataplane/path/l3.h"

// 10.1/16 and 2001:db8:1::/48 behind host 21 at port 1; 10.2/16 and 2001:db8:2::/48 behind host 22
// at port 2; nothing else.
static void two_ways(struct net *net, const struct port_setup *setup)
{
	l3_open(net, setup, 3);
	l3_route(net, "10.1.0.0/16", l3_via(net, 1, "192.0.2.1", 21));
	l3_route(net, "10.2.0.0/16", l3_via(net, 2, "192.0.2.2", 22));
	l3_route(net, "2001:db8:1::/48", l3_via(net, 1, "fe80::1", 21));
	l3_route(net, "2001:db8:2::/48", l3_via(net, 2, "fe80::2", 22));
}

static const struct l3_packet to_a = {.src = "10.9.0.1", .dst = "10.1.2.3", .payload = 60};
static const struct l3_packet to_b = {.src = "10.9.0.1", .dst = "10.2.2.3", .payload = 60};
static const struct l3_packet to_a6 = {
	.src = "2001:db8:9::1", .dst = "2001:db8:1::3", .payload = 60};
static const struct l3_packet to_b6 = {
	.src = "2001:db8:9::1", .dst = "2001:db8:2::3", .payload = 60};

static void by_longest_match(void **state)
{
	struct net net;
	struct frame f;

	two_ways(&net, NULL);
	f = l3_frame(0, &to_a);
	l3_expect_forward(&net, 0, &f, 1, 21);
	f = l3_frame(0, &to_b);
	l3_expect_forward(&net, 0, &f, 2, 22);
	f = l3_frame(0, &to_a6);
	l3_expect_forward(&net, 0, &f, 1, 21);
	f = l3_frame(0, &to_b6);
	l3_expect_forward(&net, 0, &f, 2, 22);
	// A more specific route, by a neighbour that speaks the other family (RFC 8950).
	l3_route(&net, "10.1.2.3/32", l3_via(&net, 2, "fe80::3", 23));
	f = l3_frame(0, &to_a);
	l3_expect_forward(&net, 0, &f, 2, 23);
	assert_int_equal(net_counters(&net, 0).forwarded, 5 * 6);
	assert_int_equal(net_counters(&net, 0).rx_packets, 5 * 6);
	l3_close(&net);
}

static uint64_t next_random(uint64_t *state)
{
	*state += 0x9e3779b97f4a7c15;
	return (*state ^ *state >> 31) * 0xbf58476d1ce4e5b9 >> 8;
}

// The incremental checksum against one over the whole header: every TTL, and identifications that
// make the sum take every value, the ones around 0x0000 and 0xffff included.
static void sums_are_as_computed_anew(void **state)
{
	uint64_t seed = 5;
	struct net net;
	struct frame f;

	two_ways(&net, NULL);
	f = l3_frame(0, &to_a);
	for (unsigned ttl = 2; ttl < 256; ttl++) {
		f.b[22] = (uint8_t)ttl;
		l3_sum(&f, 14);
		l3_expect_forward(&net, 0, &f, 1, 21);
	}
	for (unsigned want = 0; want < 0x10000; want += want == 0x300 ? 0xfa00 : 1) {
		uint16_t sum;

		// The identification that gives this sum: they go against each other.
		store_be16(f.b + 18, 0);
		l3_sum(&f, 14);
		sum = load_be16(f.b + 24);
		store_be16(f.b + 18, (uint16_t)(sum >= want ? sum - want : sum + 0xffff - want));
		l3_sum(&f, 14);
		assert_true(load_be16(f.b + 24) == want || want == 0xffff);
		l3_expect_forward(&net, 0, &f, 1, 21);
		if (!load_be16(f.b + 24)) { // the other way to write the same sum
			static struct frame got, twin;

			twin = l3_twin(&f, 1, 21);
			store_be16(f.b + 24, 0xffff);
			net_send(&net, 0, &f, NULL);
			net_run(&net);
			assert_true(net_receive(&net, 1, &got, NULL));
			assert_memory_equal(got.b, twin.b, twin.len);
		}
	}
	for (unsigned i = 0; i < 20000; i++) {
		for (unsigned at = 15; at < 26; at++)
			if (at != 16 && at != 17 && at != 22)
				f.b[at] = (uint8_t)next_random(&seed);
		for (unsigned at = 27; at < 30; at++)
			f.b[at] = (uint8_t)next_random(&seed);
		for (unsigned at = 32; at < 34; at++)
			f.b[at] = (uint8_t)next_random(&seed);
		f.b[22] = (uint8_t)(2 + next_random(&seed) % 254);
		l3_sum(&f, 14);
		l3_expect_forward(&net, 0, &f, 1, 21);
	}
	l3_close(&net);
}

static void padding_is_cut_off(void **state)
{
	struct net net;

	two_ways(&net, NULL);
	for (uint32_t payload = 0; payload < 20; payload++) {
		struct l3_packet k = {.src = "10.9.0.1", .dst = "10.1.2.3", .payload = payload};
		struct frame f;

		k.padding = 18 - MIN(payload, 18u);
		f = l3_frame(0, &k);
		l3_expect_forward(&net, 0, &f, 1, 21);
		k.src = "2001:db8:9::1";
		k.dst = "2001:db8:1::3";
		k.padding = 7;
		f = l3_frame(0, &k);
		l3_expect_forward(&net, 0, &f, 1, 21);
	}
	l3_close(&net);
}

// An IP header and no more, in a frame without padding.
static void the_shortest_packets(void **state)
{
	struct net net;
	struct frame f;

	two_ways(&net, NULL);
	for (uint32_t n = 20; n < 28; n++) {
		f = l3_frame(0, &to_a);
		f.len = 14 + n;
		store_be16(f.b + 16, (uint16_t)n);
		l3_sum(&f, 14);
		l3_expect_forward(&net, 0, &f, 1, 21);
		f = l3_frame(0, &to_a6);
		f.len = 14 + 20 + n;
		store_be16(f.b + 18, (uint16_t)(n - 20));
		l3_expect_forward(&net, 0, &f, 1, 21);
	}
	l3_close(&net);
}

static void chains(void **state)
{
	const struct port_setup setup[3] = {{.mtu = 9000}, {.mtu = 9000}, {.mtu = 9000}};
	static const uint32_t paddings[] = {0, 4, 1900, 6000};
	struct net net;

	two_ways(&net, setup);
	for (unsigned i = 0; i < ARRAY_SIZE(paddings); i++) {
		struct l3_packet k = {.src = "10.9.0.1", .dst = "10.1.2.3"};
		static struct frame f;

		for (k.payload = 1700; k.payload < 2000; k.payload += 7) {
			k.padding = paddings[i];
			f = l3_frame(0, &k);
			l3_expect_forward(&net, 0, &f, 1, 21);
		}
		k.src = "2001:db8:9::1";
		k.dst = "2001:db8:2::3";
		k.payload = 2900;
		f = l3_frame(0, &k);
		l3_expect_forward(&net, 0, &f, 2, 22);
	}
	l3_close(&net);
}

static void tagged_neighbours(void **state)
{
	struct neigh_interface is = {
		.port = 2, .mac = router_mac(2), .mtu = 1500, .is_tagged = true, .vlan = 77};
	struct packet hint = {.flags = PACKET_CSUM, .csum_start = 34, .csum_offset = 6}, meta;
	const struct port_setup setup[3] = {{0}, {0}, {.caps = PORT_TX_CSUM}};
	struct frame f, twin, got;
	struct net net;

	two_ways(&net, setup);
	assert_int_equal(neigh_set_interface(net.neigh, 2, &is), 0);
	for (unsigned i = 0; i < 2; i++) {
		f = l3_frame(0, i ? &to_b6 : &to_b);
		twin = l3_twin(&f, 2, 22);
		hint.csum_start = i ? 54 : 34;
		net_send(&net, 0, &f, &hint);
		net_run(&net);
		assert_true(net_receive(&net, 2, &got, &meta));
		assert_int_equal(got.len, twin.len + 4);
		assert_memory_equal(got.b, twin.b, 12);
		assert_int_equal(load_be16(got.b + 12), ETHERTYPE_VLAN);
		assert_int_equal(load_be16(got.b + 14), 77);
		assert_memory_equal(got.b + 16, twin.b + 12, twin.len - 12);
		assert_int_equal(meta.csum_start, hint.csum_start + 4);
		assert_int_equal(meta.l3_offset, 18);
		assert_true(meta.flags & PACKET_TAGGED);
	}
	l3_close(&net);
}

// Families, ways, exceptions and drops in one burst: order is kept by way, nothing is lost.
static void mixed_bursts(void **state)
{
	static struct frame f[6], got, twin;
	struct net net;
	enum exception_reason reason;
	unsigned port;

	two_ways(&net, NULL);
	f[0] = l3_frame(0, &to_a);
	f[1] = l3_frame(0, &to_b6);
	f[2] = l3_frame(0, &to_b);
	f[3] = l3_frame(0, &to_a6);
	f[4] = l3_frame(0, &(struct l3_packet){.src = "10.9.0.1", .dst = "10.3.0.1"});
	f[5] = l3_frame(0, &to_a);
	f[5].b[24] ^= 1;
	for (unsigned i = 0; i < 60; i++) {
		f[i % 6].b[f[i % 6].len - 1] = (uint8_t)i; // the UDP sum is not ours to check
		net_send(&net, 0, &f[i % 6], NULL);
	}
	net_run(&net);
	for (unsigned i = 0; i < 60; i++) {
		static const uint8_t out[] = {1, 2, 2, 1}, host[] = {21, 22, 22, 21};

		if (i % 6 >= 4)
			continue;
		f[i % 6].b[f[i % 6].len - 1] = (uint8_t)i;
		twin = l3_twin(&f[i % 6], out[i % 6], host[i % 6]);
		assert_true(net_receive(&net, out[i % 6], &got, NULL));
		assert_int_equal(got.len, twin.len);
		assert_memory_equal(got.b, twin.b, twin.len);
	}
	for (unsigned i = 0; i < 10; i++)
		assert_true(net_exception(&net, &got, NULL, &port, &reason));
	net_expect_silence(&net);
	assert_int_equal(net_drops(&net, 0, DROP_l3_checksum), 10);
	assert_int_equal(net_counters(&net, 0).forwarded, 40);
	l3_close(&net);
}

static void the_port_may_be_gone(void **state)
{
	struct net net;
	struct frame f;

	two_ways(&net, NULL);
	f = l3_frame(0, &to_a);
	net.setup[1].clear = PORT_ROUTED_EGRESS;
	net_publish(&net);
	l3_expect_drop(&net, 0, &f, DROP_output_port_gone);
	net.setup[1].clear = 0;
	net.setup[1].routed = false; // a switched port by now
	net_publish(&net);
	l3_expect_drop(&net, 0, &f, DROP_output_port_gone);
	l3_close(&net);
}

// The bridge does not send to a routed port, whatever its FDB says.
static void the_bridge_keeps_away(void **state)
{
	const struct port_setup setup[3] = {{0}, {.routed = true}, {0}};
	struct net net;
	struct frame f = frame_of(5, 1, UNTAGGED, 100);
	struct frame all = frame_of(MAC_BROADCAST, 1, UNTAGGED, 100), got;

	net_open(&net, setup, 3, 0);
	fdb_learn(net.fdb, fdb_key(1, host_mac(5)), 1, NULL);
	l3_expect_drop(&net, 0, &f, DROP_output_port_gone);
	net_send(&net, 0, &all, NULL);
	net_run(&net);
	assert_true(net_receive(&net, 2, &got, NULL));
	net_expect_silence(&net);
	net_close(&net);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_longest_match),
		cmocka_unit_test(sums_are_as_computed_anew),
		cmocka_unit_test(padding_is_cut_off),
		cmocka_unit_test(the_shortest_packets),
		cmocka_unit_test(chains),
		cmocka_unit_test(tagged_neighbours),
		cmocka_unit_test(mixed_bursts),
		cmocka_unit_test(the_port_may_be_gone),
		cmocka_unit_test(the_bridge_keeps_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
