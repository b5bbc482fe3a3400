// SPDX-License-Identifier: BSD-3-Clause
// What a bridge must not forward, each under its name; port states; MTU.
#include "tests/path/harness.h"

#include <string.h>

#include "base/clock.h"

static const struct port_setup two[2];

static void expect_drop(
	const struct port_setup *setup, const struct frame *f, enum drop_reason reason)
{
	struct net net;

	net_open(&net, setup, 2, 0);
	net_send(&net, 0, f, NULL);
	net_run(&net);
	net_expect_silence(&net);
	assert_int_equal(net_drops(&net, 0, reason), 1);
	net_close(&net);
}

static void bad_sources(void **state)
{
	struct frame f = frame_of(2, 1, UNTAGGED, 64);

	f.b[6] |= 1;
	expect_drop(two, &f, DROP_classify_source_invalid);
	memset(f.b + 6, 0, 6);
	expect_drop(two, &f, DROP_classify_source_invalid);
}

static void reserved_addresses(void **state)
{
	struct frame f = frame_of(2, 1, UNTAGGED, 64);

	memcpy(f.b, (uint8_t[]){0x01, 0x80, 0xc2, 0, 0, 0}, 6);
	for (unsigned i = 0; i < 16; i++) {
		f.b[5] = (uint8_t)i;
		expect_drop(two, &f, DROP_classify_reserved);
	}
	f.b[5] = 0x10; // the first that is forwarded

	struct net net;
	struct frame got;

	net_open(&net, two, 2, 0);
	net_send(&net, 0, &f, NULL);
	net_run(&net);
	assert_true(net_receive(&net, 1, &got, NULL));
	net_close(&net);
}

static void bpdu_guard_tells_control(void **state)
{
	const struct port_setup guarded[2] = {{.set = PORT_BPDU_GUARD}};
	struct frame f = frame_of(2, 1, UNTAGGED, 64);
	struct net net;

	memcpy(f.b, (uint8_t[]){0x01, 0x80, 0xc2, 0, 0, 0}, 6);
	net_open(&net, guarded, 2, 0);
	net_send(&net, 0, &f, NULL);
	net_run(&net);
	assert_int_equal(net_drops(&net, 0, DROP_classify_bpdu_guard), 1);
	assert_int_equal(net.n_events, 1);
	assert_int_equal(net.last_event.type, EVENT_BPDU);
	assert_int_equal(net.last_event.port, 0);
	f.b[5] = 0x0e; // LLDP is not a BPDU
	net_send(&net, 0, &f, NULL);
	net_run(&net);
	assert_int_equal(net_drops(&net, 0, DROP_classify_reserved), 1);
	net_close(&net);
}

static void lengths(void **state)
{
	struct frame f = frame_of(2, 1, UNTAGGED, 64);

	for (f.len = 1; f.len < 14; f.len++)
		expect_drop(two, &f, DROP_parse_runt);
	f = frame_of(2, 1, UNTAGGED, 1500 + 14 + 8 + 1);
	expect_drop(two, &f, DROP_parse_oversize);
}

static void egress_mtu(void **state)
{
	const struct port_setup small[2] = {{.mtu = 9000}, {.mtu = 1500}};
	struct frame fits = frame_of(2, 1, UNTAGGED, 1514), big = frame_of(2, 1, UNTAGGED, 1519),
		     got;
	struct net net;

	expect_drop(small, &big, DROP_output_mtu);
	net_open(&net, small, 2, 0);
	net_send(&net, 0, &fits, NULL);
	net_run(&net);
	assert_true(net_receive(&net, 1, &got, NULL));
	assert_memory_equal(got.b, fits.b, 1514);
	net_close(&net);
}

static void jumbo_chains_pass_and_are_copied(void **state)
{
	const struct port_setup jumbo[3] = {
		{.mtu = 9000}, {.mtu = 9000}, {.mtu = 9000, .access = 1}};
	static struct frame f, got;
	struct net net;

	f = frame_of(MAC_BROADCAST, 1, UNTAGGED, 9014);
	net_open(&net, jumbo, 3, 0);
	net_send(&net, 0, &f, NULL);
	net_run(&net);
	for (unsigned i = 1; i < 3; i++) {
		assert_true(net_receive(&net, i, &got, NULL));
		assert_int_equal(got.len, f.len);
		assert_memory_equal(got.b, f.b, f.len);
	}
	net_close(&net);
}

static void port_states(void **state)
{
	static const struct {
		enum port_state state;
		bool learns, forwards;
		enum drop_reason reason;
	} table[] = {
		{PORT_STATE_OFF, false, false, DROP_classify_port_state},
		{PORT_BLOCKING, false, false, DROP_classify_port_state},
		{PORT_LISTENING, false, false, DROP_classify_port_state},
		{PORT_LEARNING, true, false, DROP_l2_learning_state},
		{PORT_FORWARDING, true, true, N_DROP_REASONS},
	};
	struct frame f = frame_of(2, 1, UNTAGGED, 64), back = frame_of(1, 2, UNTAGGED, 64), got;

	for (unsigned i = 0; i < ARRAY_SIZE(table); i++) {
		const struct port_setup setup[2] = {{.state = table[i].state}};
		struct net net;

		net_open(&net, setup, 2, 0);
		net_send(&net, 0, &f, NULL);
		net_run(&net);
		assert_int_equal(net_receive(&net, 1, &got, NULL), table[i].forwards);
		assert_int_equal(fdb_count(net.fdb), table[i].learns);
		if (table[i].reason < N_DROP_REASONS)
			assert_int_equal(net_drops(&net, 0, table[i].reason), 1);
		net_send(&net, 1, &back, NULL);
		net_run(&net);
		assert_int_equal(net_receive(&net, 0, &got, NULL), table[i].forwards);
		net_expect_silence(&net);
		net_close(&net);
	}
}

static void a_port_that_left_is_not_sent_to(void **state)
{
	struct frame f = frame_of(2, 1, UNTAGGED, 64);
	struct net net;

	net_open(&net, two, 2, 0);
	assert_int_equal(fdb_add(net.fdb, fdb_key(1, host_mac(2)), 1, FDB_STATIC), 0);
	assert_int_equal(fdb_add(net.fdb, fdb_key(1, host_mac(3)), 900, FDB_STATIC), 0);
	net.setup[1].clear = PORT_EGRESS;
	net_publish(&net);
	net_send(&net, 0, &f, NULL);
	f.b[5] = 3; // behind a port id that no snapshot knows
	net_send(&net, 0, &f, NULL);
	net_run(&net);
	net_expect_silence(&net);
	assert_int_equal(net_drops(&net, 0, DROP_output_port_gone), 2);
	net_close(&net);
}

// A worker that was stopped must not deliver what was sent long before; later frames pass.
static void stale_frames(void **state)
{
	struct frame f = frame_of(2, 1, UNTAGGED, 64), got;
	struct net net;

	net_open(&net, two, 2, 0);
	for (unsigned i = 0; i < 3 * BURST_MAX; i++)
		net_send(&net, 0, &f, NULL);
	memory_port_pending_since(net.port[0], 0, clock_now_ns());
	clock_warp_ns(PORT_STALL_NS + 1);
	net_run(&net);
	net_expect_silence(&net);
	assert_int_equal(net_drops(&net, 0, DROP_rx_stale), 3 * BURST_MAX);

	net_send(&net, 0, &f, NULL);
	memory_port_pending_since(net.port[0], 0, clock_now_ns());
	clock_warp_ns(PORT_STALL_NS);
	net_run(&net);
	assert_true(net_receive(&net, 1, &got, NULL));
	net_send(&net, 0, &f, NULL);
	net_run(&net); // nothing said: not late
	assert_true(net_receive(&net, 1, &got, NULL));
	assert_int_equal(net_drops(&net, 0, DROP_rx_stale), 3 * BURST_MAX);
	net_close(&net);
}

static void a_port_outside_the_vlan_is_not_sent_to(void **state)
{
	const struct port_setup setup[2] = {{0}, {.access = 20}};
	struct frame f = frame_of(2, 1, UNTAGGED, 64);
	struct net net;

	net_open(&net, setup, 2, 0);
	assert_int_equal(fdb_add(net.fdb, fdb_key(1, host_mac(2)), 1, FDB_STATIC), 0);
	net_send(&net, 0, &f, NULL);
	net_run(&net);
	net_expect_silence(&net);
	assert_int_equal(net_drops(&net, 0, DROP_output_vlan), 1);
	net_close(&net);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_sources),
		cmocka_unit_test(reserved_addresses),
		cmocka_unit_test(bpdu_guard_tells_control),
		cmocka_unit_test(lengths),
		cmocka_unit_test(egress_mtu),
		cmocka_unit_test(jumbo_chains_pass_and_are_copied),
		cmocka_unit_test(port_states),
		cmocka_unit_test(stale_frames),
		cmocka_unit_test(a_port_that_left_is_not_sent_to),
		cmocka_unit_test(a_port_outside_the_vlan_is_not_sent_to),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
