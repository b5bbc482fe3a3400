// SPDX-License-Identifier: BSD-3-Clause
// Flooding: copies, the switches per port and class, isolation, storm limits.
#include "tests/path/harness.h"

#include "base/clock.h"

#include <string.h>

static unsigned count(struct net *net, unsigned port)
{
	struct frame f;
	unsigned n = 0;

	while (net_receive(net, port, &f, NULL))
		n++;
	return n;
}

static struct frame multicast(unsigned src)
{
	struct frame f = frame_of(5, src, UNTAGGED, 64);

	f.b[0] = 0x33;
	return f;
}

static void classes_are_switched_per_port(void **state)
{
	const struct port_setup setup[4] = {
		{0},
		{.clear = PORT_FLOOD_BROADCAST},
		{.clear = PORT_FLOOD_UNKNOWN},
		{.clear = PORT_FLOOD_MULTICAST},
	};
	const struct frame frames[3] = {frame_of(MAC_BROADCAST, 1, UNTAGGED, 64),
		frame_of(7, 1, UNTAGGED, 64), multicast(1)};
	struct net net;

	net_open(&net, setup, 4, 0);
	for (unsigned i = 0; i < 3; i++) {
		net_send(&net, 0, &frames[i], NULL);
		net_run(&net);
		for (unsigned out = 1; out < 4; out++)
			assert_int_equal(count(&net, out), out == i + 1 ? 0 : 1);
	}
	assert_int_equal(net_counters(&net, 0).copies, 3);
	net_close(&net);
}

static void vlan_flooding_can_be_off(void **state)
{
	const struct port_setup setup[3] = {{0}};
	struct frame f = frame_of(7, 1, UNTAGGED, 64);
	struct net net;

	net_open(&net, setup, 3, 0);
	net.vlan_flags[1] = VLAN_NO_FLOOD;
	net_publish(&net);
	net_send(&net, 0, &f, NULL);
	net_run(&net);
	net_expect_silence(&net);
	assert_int_equal(net_drops(&net, 0, DROP_l2_no_egress), 1);
	net_close(&net);
}

static void isolated_ports_do_not_reach_each_other(void **state)
{
	const struct port_setup setup[3] = {{.set = PORT_ISOLATED}, {.set = PORT_ISOLATED}, {0}};
	struct frame f = frame_of(MAC_BROADCAST, 1, UNTAGGED, 64), u = frame_of(2, 1, UNTAGGED, 64);
	struct net net;

	net_open(&net, setup, 3, 0);
	assert_int_equal(fdb_add(net.fdb, fdb_key(1, host_mac(2)), 1, FDB_STATIC), 0);
	net_send(&net, 0, &f, NULL);
	net_send(&net, 0, &u, NULL);
	net_send(&net, 2, &u, NULL);
	net_run(&net);
	assert_int_equal(count(&net, 0), 0);
	assert_int_equal(count(&net, 1), 1); // only what the open port sent
	assert_int_equal(count(&net, 2), 1);
	assert_int_equal(net_drops(&net, 0, DROP_l2_isolated), 1);
	net_close(&net);
}

static void storms_are_limited_to_their_rate(void **state)
{
	const struct port_setup setup[2] = {{.storm = {[BUM_BROADCAST] = 1000}}};
	struct frame f = frame_of(MAC_BROADCAST, 1, UNTAGGED, 64), m = multicast(1);
	unsigned passed = 0;
	struct net net;

	net_open(&net, setup, 2, 0);
	for (unsigned ms = 0; ms < 2000; ms++) {
		for (unsigned i = 0; i < 5; i++) // 5000 a second
			net_send(&net, 0, &f, NULL);
		net_run(&net);
		passed += count(&net, 1);
		clock_warp_ns(NS_PER_MS);
	}
	assert_in_range(passed, 1980, 2120); // 1000 a second, and a first burst of 100 ms
	assert_int_equal(net_drops(&net, 0, DROP_l2_storm_broadcast), 10000 - passed);
	net_send(&net, 0, &m, NULL);
	net_run(&net);
	assert_int_equal(count(&net, 1), 1); // other classes are not limited
	net_close(&net);
}

static void each_class_has_its_limit(void **state)
{
	static const enum drop_reason reasons[N_BUM] = {
		DROP_l2_storm_broadcast, DROP_l2_storm_unknown, DROP_l2_storm_multicast};
	const struct frame frames[N_BUM] = {frame_of(MAC_BROADCAST, 1, UNTAGGED, 64),
		frame_of(7, 1, UNTAGGED, 64), multicast(1)};

	for (unsigned class = 0; class < N_BUM; class ++) {
		struct port_setup setup[2] = {{0}};
		struct net net;

		setup[0].storm[class] = 1;
		net_open(&net, setup, 2, 0);
		for (unsigned i = 0; i < 3 * N_BUM; i++)
			net_send(&net, 0, &frames[i % N_BUM], NULL);
		net_run(&net);
		assert_int_equal(count(&net, 1), 3 * N_BUM - 2); // of three one passes
		assert_int_equal(net_drops(&net, 0, reasons[class]), 2);
		net_close(&net);
	}
}

static void slow_storm_rates_are_exact(void **state)
{
	const struct port_setup setup[2] = {{.storm = {[BUM_UNKNOWN] = 1}}};
	struct frame f = frame_of(7, 1, UNTAGGED, 64);
	unsigned passed = 0;
	struct net net;

	net_open(&net, setup, 2, 0);
	for (unsigned ms = 0; ms < 10000; ms += 10) {
		net_send(&net, 0, &f, NULL);
		net_run(&net);
		passed += count(&net, 1);
		clock_warp_ns(10 * NS_PER_MS);
	}
	assert_in_range(passed, 10, 11);
	net_close(&net);
}

static void running_out_of_frames_is_a_named_drop_and_recovers(void **state)
{
	const struct port_setup setup[8] = {{0}};
	struct frame f = frame_of(MAC_BROADCAST, 1, UNTAGGED, 64);
	struct net net;

	net_open(&net, setup, 8, 640);
	for (unsigned i = 0; i < 300; i++)
		net_send(&net, 0, &f, NULL);
	net_run(&net); // nobody collects: 300 x 7 copies do not fit into 640 frames
	assert_true(net_drops(&net, 0, DROP_output_no_frame) > 0);
	for (unsigned i = 1; i < 8; i++)
		count(&net, i);
	packet_cache_flush(&net.cache);
	net_send(&net, 0, &f, NULL);
	net_run(&net);
	for (unsigned i = 1; i < 8; i++)
		assert_int_equal(count(&net, i), 1);
	net_close(&net);
}

static void full_ring_is_a_named_drop(void **state)
{
	const struct port_setup setup[2] = {{0}};
	struct frame f = frame_of(MAC_BROADCAST, 1, UNTAGGED, 64);
	struct net net;

	net_open(&net, setup, 2, 20480);
	for (unsigned i = 0; i < MEMORY_RING_SIZE + 10; i++) {
		net_send(&net, 0, &f, NULL);
		if (i % 64 == 63)
			net_run(&net);
	}
	net_run(&net);
	assert_int_equal(net_drops(&net, 0, DROP_tx_full), 10);
	assert_int_equal(count(&net, 1), MEMORY_RING_SIZE);
	net_close(&net);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(classes_are_switched_per_port),
		cmocka_unit_test(vlan_flooding_can_be_off),
		cmocka_unit_test(isolated_ports_do_not_reach_each_other),
		cmocka_unit_test(storms_are_limited_to_their_rate),
		cmocka_unit_test(each_class_has_its_limit),
		cmocka_unit_test(slow_storm_rates_are_exact),
		cmocka_unit_test(running_out_of_frames_is_a_named_drop_and_recovers),
		cmocka_unit_test(full_ring_is_a_named_drop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
