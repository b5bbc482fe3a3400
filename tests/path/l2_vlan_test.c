// SPDX-License-Identifier: BSD-3-Clause
// IEEE 802.1Q ingress and egress rules, as a full matrix: every kind of frame into
// every kind of port, expected at every other port by an oracle of its own that
// knows only sets of numbers.
#include "tests/path/harness.h"

#include <string.h>

#include "dataplane/path/ethernet.h"

static const vlan_id_t trunk_10_20[] = {10, 20, 0};
static const vlan_id_t trunk_20_30[] = {20, 30, 0};

// Ports: access 10, access 20, trunk 10+20, trunk 20+30 native 10, access 1 (default), access 10.
static const struct port_setup setup[6] = {
	{.access = 10},
	{.access = 20},
	{.tagged = trunk_10_20},
	{.tagged = trunk_20_30, .native = 10},
	{0},
	{.access = 10},
};

enum membership { NO, TAGGED, BARE };

static enum membership oracle_member(unsigned port, unsigned vlan)
{
	static const struct {
		unsigned port, vlan;
		enum membership m;
	} table[] = {{0, 10, BARE}, {1, 20, BARE}, {2, 10, TAGGED}, {2, 20, TAGGED},
		{3, 20, TAGGED}, {3, 30, TAGGED}, {3, 10, BARE}, {4, 1, BARE}, {5, 10, BARE}};

	for (unsigned i = 0; i < ARRAY_SIZE(table); i++)
		if (table[i].port == port && table[i].vlan == vlan)
			return table[i].m;
	return NO;
}

static unsigned oracle_pvid(unsigned port)
{
	static const unsigned pvid[6] = {10, 20, 0, 10, 1, 10};

	return pvid[port];
}

static const int tcis[] = {UNTAGGED, 0x0000, 0xa000, 1, 10, 20, 30, 40, 4094, 4095, 0x600a, 0xf014};

// The frame as it must leave with this membership: rebuilt from the parts.
static struct frame oracle_frame(const struct frame *in, int tci, unsigned vlan, enum membership m)
{
	uint32_t body = tci == UNTAGGED ? 12 : 16;
	struct frame out = {.len = 12};

	memcpy(out.b, in->b, 12);
	if (m == TAGGED) {
		unsigned pcp = tci == UNTAGGED ? 0 : (unsigned)tci & 0xf000;

		store_be16(out.b + 12, 0x8100);
		store_be16(out.b + 14, (uint16_t)(pcp | vlan));
		out.len = 16;
	}
	memcpy(out.b + out.len, in->b + body, in->len - body);
	out.len += in->len - body;
	return out;
}

static void expect_everywhere(
	struct net *net, unsigned in, int tci, const struct frame *sent, unsigned unicast_to)
{
	unsigned vid = tci == UNTAGGED ? 0 : (unsigned)tci & 0xfff;
	unsigned vlan = vid ? vid : oracle_pvid(in);
	bool admitted = vlan && oracle_member(in, vlan) != NO;

	for (unsigned out = 0; out < 6; out++) {
		enum membership m = admitted ? oracle_member(out, vlan) : NO;
		struct frame got;

		if (out == in || m == NO || (unicast_to < 6 && unicast_to != out)) {
			assert_false(net_receive(net, out, &got, NULL));
			continue;
		}
		struct frame want = oracle_frame(sent, tci, vlan, m);

		assert_true(net_receive(net, out, &got, NULL));
		assert_int_equal(got.len, want.len);
		assert_memory_equal(got.b, want.b, want.len);
		assert_false(net_receive(net, out, &got, NULL));
	}
}

static void matrix(struct net *net, unsigned dst, unsigned unicast_to)
{
	for (unsigned in = 0; in < 6; in++) {
		for (unsigned t = 0; t < ARRAY_SIZE(tcis); t++) {
			struct frame f = frame_of(dst, 100 + in, tcis[t], 80);

			net_send(net, in, &f, NULL);
			net_run(net);
			expect_everywhere(net, in, tcis[t], &f, unicast_to);
			if (tcis[t] == UNTAGGED)
				continue;
			// Double-tagged: the outer tag decides, the inner one is payload.
			store_be16(f.b + 16, ETHERTYPE_VLAN);
			store_be16(f.b + 18, 20);
			net_send(net, in, &f, NULL);
			net_run(net);
			expect_everywhere(net, in, tcis[t], &f, unicast_to);
		}
		// An 802.1ad tag is payload of an untagged frame.
		struct frame f = frame_of(dst, 100 + in, UNTAGGED, 80);

		store_be16(f.b + 12, ETHERTYPE_QINQ);
		store_be16(f.b + 14, 20);
		net_send(net, in, &f, NULL);
		net_run(net);
		expect_everywhere(net, in, UNTAGGED, &f, unicast_to);
	}
}

static void floods_where_802_1q_says(void **state)
{
	struct net net;

	net_open(&net, setup, 6, 0);
	net.learn = false;
	matrix(&net, MAC_BROADCAST, 99);
	matrix(&net, 7, 99); // unknown unicast
	assert_true(net_drops(&net, 2, DROP_classify_untagged) > 0);
	assert_true(net_drops(&net, 0, DROP_classify_vlan) > 0);
	net_close(&net);
}

static void unicast_goes_where_802_1q_says(void **state)
{
	for (unsigned to = 0; to < 6; to++) {
		struct net net;

		net_open(&net, setup, 6, 0);
		net.learn = false;
		// The MAC is known behind `to` in all VLANs, also those it is no member of.
		for (vlan_id_t v = 1; v <= VLAN_MAX; v++)
			assert_int_equal(fdb_add(net.fdb, fdb_key(v, host_mac(7)), (port_id_t)to,
						 FDB_STATIC),
				0);
		matrix(&net, 7, to);
		net_close(&net);
	}
}

static void macs_are_learned_per_vlan(void **state)
{
	struct frame in_10 = frame_of(9, 1, 10, 80), in_20 = frame_of(1, 2, 20, 80), f;
	struct net net;

	net_open(&net, setup, 6, 0);
	net_send(&net, 2, &in_10, NULL);
	net_run(&net);
	while (net_receive(&net, 0, &f, NULL) || net_receive(&net, 3, &f, NULL) ||
		net_receive(&net, 5, &f, NULL))
		;
	// MAC 1 is known in VLAN 10 behind port 2; in VLAN 20 it is unknown: flood.
	net_send(&net, 1, &in_20, NULL);
	net_run(&net);
	assert_true(net_receive(&net, 2, &f, NULL));
	assert_true(net_receive(&net, 3, &f, NULL));
	net_expect_silence(&net);
	net_close(&net);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(floods_where_802_1q_says),
		cmocka_unit_test(unicast_goes_where_802_1q_says),
		cmocka_unit_test(macs_are_learned_per_vlan),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
