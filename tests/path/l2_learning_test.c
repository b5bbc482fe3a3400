// SPDX-License-Identifier: BSD-3-Clause
// Learning, moving, pinning and ageing of MAC addresses, seen from outside.
#include "tests/path/harness.h"

#include "base/clock.h"

static const struct port_setup three[3];

static void expect_at(struct net *net, unsigned port, const struct frame *sent)
{
	struct frame f;

	assert_true(net_receive(net, port, &f, NULL));
	assert_int_equal(f.len, sent->len);
	assert_memory_equal(f.b, sent->b, f.len);
}

static void unknown_floods_known_does_not(void **state)
{
	struct frame a = frame_of(2, 1, UNTAGGED, 64), b = frame_of(1, 2, UNTAGGED, 64);
	struct net net;

	net_open(&net, three, 3, 0);
	net_send(&net, 0, &a, NULL);
	net_run(&net);
	expect_at(&net, 1, &a);
	expect_at(&net, 2, &a);
	net_expect_silence(&net);
	net_send(&net, 1, &b, NULL);
	net_run(&net);
	expect_at(&net, 0, &b);
	net_expect_silence(&net);
	net_send(&net, 0, &a, NULL);
	net_run(&net);
	expect_at(&net, 1, &a);
	net_expect_silence(&net);
	assert_int_equal(net_counters(&net, 0).flooded, 1);
	assert_int_equal(net_counters(&net, 0).copies, 1);
	net_close(&net);
}

static void station_moves(void **state)
{
	struct frame a = frame_of(9, 1, UNTAGGED, 64), to_a = frame_of(1, 3, UNTAGGED, 64);
	struct net net;

	net_open(&net, three, 3, 0);
	net_send(&net, 0, &a, NULL);
	net_run(&net);
	net_send(&net, 1, &a, NULL); // the station is now behind port 1
	net_run(&net);
	for (struct frame f; net_receive(&net, 1, &f, NULL) || net_receive(&net, 2, &f, NULL) ||
			     net_receive(&net, 0, &f, NULL);)
		;
	net_send(&net, 2, &to_a, NULL);
	net_run(&net);
	expect_at(&net, 1, &to_a);
	net_expect_silence(&net);
	net_close(&net);
}

static void pinned_does_not_move(void **state)
{
	static const uint32_t kinds[] = {FDB_STATIC, FDB_STICKY};
	struct frame a = frame_of(9, 1, UNTAGGED, 64), to_a = frame_of(1, 3, UNTAGGED, 64), f;

	for (unsigned k = 0; k < 2; k++) {
		struct net net;

		net_open(&net, three, 3, 0);
		assert_int_equal(fdb_add(net.fdb, fdb_key(1, host_mac(1)), 0, kinds[k]), 0);
		net_send(&net, 1, &a, NULL);
		net_run(&net);
		while (net_receive(&net, 0, &f, NULL) || net_receive(&net, 2, &f, NULL))
			;
		net_send(&net, 2, &to_a, NULL);
		net_run(&net);
		expect_at(&net, 0, &to_a);
		net_expect_silence(&net);
		net_close(&net);
	}
}

static void own_mac_is_neither_learned_away_nor_flooded(void **state)
{
	struct frame spoof = frame_of(9, 1, UNTAGGED, 64), to_own = frame_of(1, 3, UNTAGGED, 64), f;
	struct net net;

	net_open(&net, three, 3, 0);
	assert_int_equal(fdb_add(net.fdb, fdb_key(1, host_mac(1)), 0, FDB_LOCAL | FDB_STATIC), 0);
	net_send(&net, 1, &spoof, NULL);
	net_run(&net);
	while (net_receive(&net, 0, &f, NULL) || net_receive(&net, 2, &f, NULL))
		;
	net_send(&net, 2, &to_own, NULL);
	net_run(&net);
	net_expect_silence(&net);
	assert_int_equal(net_drops(&net, 2, DROP_l2_to_switch), 1);
	net_close(&net);
}

static void same_port_is_not_answered(void **state)
{
	struct frame a = frame_of(9, 1, UNTAGGED, 64), b = frame_of(1, 2, UNTAGGED, 64), f;
	struct net net;

	net_open(&net, three, 3, 0);
	net_send(&net, 0, &a, NULL);
	net_run(&net);
	while (net_receive(&net, 1, &f, NULL) || net_receive(&net, 2, &f, NULL))
		;
	net_send(&net, 0, &b, NULL);
	net_run(&net);
	net_expect_silence(&net);
	assert_int_equal(net_drops(&net, 0, DROP_l2_same_port), 1);
	net_close(&net);
}

static void ages_unless_seen(void **state)
{
	struct frame a = frame_of(9, 1, UNTAGGED, 64), b = frame_of(9, 2, UNTAGGED, 64), f;
	struct net net;

	net_open(&net, three, 3, 0);
	fdb_set_ageing(net.fdb, 300 * NS_PER_SEC);
	net_send(&net, 0, &a, NULL);
	net_send(&net, 1, &b, NULL);
	net_run(&net);
	assert_int_equal(fdb_count(net.fdb), 2);
	for (unsigned s = 0; s < 400; s++) {
		clock_warp_ns(NS_PER_SEC);
		if (s % 60 == 0)
			net_send(&net, 0, &a, NULL); // keeps talking; the other falls silent
		net_run(&net);
		while (fdb_age(net.fdb, clock_now_ns()))
			;
		while (net_receive(&net, 1, &f, NULL) || net_receive(&net, 2, &f, NULL) ||
			net_receive(&net, 0, &f, NULL))
			;
		if (s == 280)
			assert_int_equal(fdb_count(net.fdb), 2);
	}
	assert_int_equal(fdb_count(net.fdb), 1);
	assert_int_equal(fdb_count_port(net.fdb, 0), 1);
	net_close(&net);
}

static void learning_can_be_off(void **state)
{
	const struct port_setup setup[3] = {{.clear = PORT_LEARN}};
	struct frame a = frame_of(9, 1, UNTAGGED, 64), b = frame_of(9, 2, UNTAGGED, 64), f;
	struct net net;

	net_open(&net, setup, 3, 0);
	net_send(&net, 0, &a, NULL);
	net_run(&net);
	assert_int_equal(fdb_count(net.fdb), 0);
	net.vlan_flags[1] = VLAN_NO_LEARNING;
	net_publish(&net);
	net_send(&net, 1, &b, NULL);
	net_run(&net);
	assert_int_equal(fdb_count(net.fdb), 0);
	while (net_receive(&net, 0, &f, NULL) || net_receive(&net, 1, &f, NULL) ||
		net_receive(&net, 2, &f, NULL))
		;
	net_close(&net);
}

static void repeats_are_posted_once(void **state)
{
	struct frame a = frame_of(9, 1, UNTAGGED, 64), f;
	struct net net;

	net_open(&net, three, 3, 0);
	net.learn = false;
	for (unsigned i = 0; i < 200; i++)
		net_send(&net, 0, &a, NULL);
	net_run(&net);
	assert_int_equal(net.n_events, 1);
	clock_warp_ns(10 * NS_PER_MS); // not learned: said again
	net_send(&net, 0, &a, NULL);
	net_run(&net);
	assert_int_equal(net.n_events, 2);
	while (net_receive(&net, 1, &f, NULL) || net_receive(&net, 2, &f, NULL))
		;
	net_close(&net);
}

// What a burst finds no room for is lost and counted; the rest comes out in order.
static void full_ring_loses_the_rest(void **state)
{
	struct event e[60] = {{0}}, got[64];
	unsigned posted = 0, seen = 0, n;
	struct net net;

	net_open(&net, three, 3, 0);
	for (; posted < EVENT_RING_SIZE + 100; posted += ARRAY_SIZE(e)) {
		for (unsigned i = 0; i < ARRAY_SIZE(e); i++)
			e[i].error = (int32_t)(posted + i);
		worker_post(net.w, e, ARRAY_SIZE(e));
	}
	assert_int_equal(net.w->stats.events_lost, posted - EVENT_RING_SIZE);
	while ((n = dataplane_events(net.dp, got, ARRAY_SIZE(got))))
		for (unsigned i = 0; i < n; i++)
			assert_int_equal(got[i].error, seen++);
	assert_int_equal(seen, EVENT_RING_SIZE);
	net_close(&net);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unknown_floods_known_does_not),
		cmocka_unit_test(station_moves),
		cmocka_unit_test(pinned_does_not_move),
		cmocka_unit_test(own_mac_is_neither_learned_away_nor_flooded),
		cmocka_unit_test(same_port_is_not_answered),
		cmocka_unit_test(ages_unless_seen),
		cmocka_unit_test(learning_can_be_off),
		cmocka_unit_test(repeats_are_posted_once),
		cmocka_unit_test(full_ring_loses_the_rest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
