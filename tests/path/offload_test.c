// SPDX-License-Identifier: BSD-3-Clause
// Unfinished checksums and large segments across ports that can and cannot take
// them: the receiver always gets valid bytes.
#include "tests/path/harness.h"

#include <string.h>

#include "dataplane/path/ethernet.h"

#define TCP 6
#define UDP 17

struct spec {
	bool v6;
	uint8_t proto;
	int tci;
	uint32_t payload;
};

static uint32_t l3_at(const struct spec *s)
{
	return s->tci == UNTAGGED ? 14 : 18;
}

static uint32_t l4_at(const struct spec *s)
{
	return l3_at(s) + (s->v6 ? 40 : 20);
}

static uint32_t header_size(const struct spec *s)
{
	return l4_at(s) + (s->proto == TCP ? 20 : 8);
}

static uint32_t sum16(const uint8_t *p, uint32_t n, uint32_t sum)
{
	for (uint32_t i = 0; i + 1 < n; i += 2)
		sum += load_be16(p + i);
	if (n & 1)
		sum += (uint32_t)p[n - 1] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static uint32_t pseudo_sum(const uint8_t *l3, bool v6, uint8_t proto, uint32_t l4_len)
{
	uint32_t sum = v6 ? sum16(l3 + 8, 32, 0) : sum16(l3 + 12, 8, 0);

	return sum16((const uint8_t[]){0, proto, l4_len >> 24, l4_len >> 16, l4_len >> 8, l4_len},
		6, sum);
}

// A frame from host 1 to host 2 as Linux hands it to a device that finishes checksums.
static struct frame unfinished(const struct spec *s)
{
	struct frame f = frame_of(2, 1, s->tci, header_size(s) + s->payload);
	uint8_t *l3 = f.b + l3_at(s), *l4 = f.b + l4_at(s);
	uint32_t l4_len = f.len - l4_at(s);

	store_be16(f.b + l3_at(s) - 2, s->v6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4);
	memset(l3, 0, header_size(s) - l3_at(s));
	if (s->v6) {
		l3[0] = 0x60;
		store_be16(l3 + 4, (uint16_t)l4_len);
		l3[6] = s->proto;
		l3[7] = 64;
		l3[23] = 1;
		l3[39] = 2;
	} else {
		l3[0] = 0x45;
		store_be16(l3 + 2, (uint16_t)(l4_len + 20));
		store_be16(l3 + 4, 77);
		l3[8] = 64;
		l3[9] = s->proto;
		memcpy(l3 + 12, (uint8_t[]){10, 0, 0, 1, 10, 0, 0, 2}, 8);
		store_be16(l3 + 10, (uint16_t)~sum16(l3, 20, 0));
	}
	store_be16(l4, 1000);
	store_be16(l4 + 2, 2000);
	if (s->proto == TCP) {
		store_be32(l4 + 4, 5000);
		l4[12] = 0x50;
		l4[13] = 0x18; // ACK, PSH
		store_be16(l4 + 16, (uint16_t)pseudo_sum(l3, s->v6, s->proto, l4_len));
	} else {
		store_be16(l4 + 4, (uint16_t)l4_len);
		store_be16(l4 + 6, (uint16_t)pseudo_sum(l3, s->v6, s->proto, l4_len));
	}
	return f;
}

static void assert_valid_sum(const struct frame *f, uint32_t l3_offset, bool v6, uint8_t proto)
{
	const uint8_t *l3 = f->b + l3_offset;
	uint32_t l4_offset = l3_offset + (v6 ? 40 : 20);
	uint32_t l4_len = f->len - l4_offset;

	assert_int_equal(
		sum16(f->b + l4_offset, l4_len, pseudo_sum(l3, v6, proto, l4_len)), 0xffff);
}

static const struct spec specs[] = {{false, TCP, UNTAGGED, 100}, {false, UDP, UNTAGGED, 101},
	{true, TCP, UNTAGGED, 1}, {true, UDP, UNTAGGED, 1000}, {false, TCP, 10, 1300},
	{true, UDP, 10, 33}, {false, UDP, 10, 0}, {true, TCP, 10, 8900},
	{false, UDP, UNTAGGED, 8900}};

static const vlan_id_t trunk[] = {10, 0};

// Sender's port and receiver's port are trunks of VLAN 10 with native VLAN 1, so that
// tagged and untagged frames both pass; a third one takes VLAN 10 without tag.
static void through(uint32_t rx_caps, uint32_t tx_caps, bool as_metadata)
{
	for (unsigned i = 0; i < ARRAY_SIZE(specs); i++) {
		const struct spec *s = &specs[i];
		const struct port_setup setup[3] = {
			{.tagged = trunk, .native = 1, .caps = rx_caps, .mtu = 9000},
			{.tagged = trunk, .native = 1, .caps = tx_caps, .mtu = 9000},
			{.access = 10, .caps = tx_caps, .mtu = 9000},
		};
		static struct frame sent, got;
		struct packet hint = {.flags = PACKET_CSUM,
			.csum_start = (uint16_t)l4_at(s),
			.csum_offset = s->proto == TCP ? 16 : 6};
		struct packet meta;
		struct net net;

		sent = unfinished(s);
		net_open(&net, setup, 3, 0);
		net_send(&net, 0, &sent, as_metadata ? &hint : NULL);
		net_run(&net);
		for (unsigned out = 1; out < 3; out++) {
			uint32_t l3 = out == 1 ? l3_at(s) : 14;

			if (out == 2 && s->tci == UNTAGGED)
				continue;
			assert_true(net_receive(&net, out, &got, &meta));
			if (tx_caps & PORT_TX_CSUM) {
				// As it is, and the request still points at the sum.
				assert_true(meta.flags & PACKET_CSUM);
				assert_int_equal(meta.csum_start, l3 + (s->v6 ? 40 : 20));
				assert_int_equal(got.len, sent.len - (l3_at(s) - l3));
				assert_memory_equal(got.b + l3, sent.b + l3_at(s), got.len - l3);
			} else {
				assert_false(meta.flags & PACKET_CSUM);
				assert_valid_sum(&got, l3, s->v6, s->proto);
			}
		}
		net_expect_silence(&net);
		net_close(&net);
	}
}

static void requests_are_completed_or_passed_on(void **state)
{
	through(0, 0, true);
	through(0, PORT_TX_CSUM, true);
}

static void unfinished_sums_are_found_on_veth(void **state)
{
	through(PORT_RX_UNFINISHED, 0, false);
	through(PORT_RX_UNFINISHED, PORT_TX_CSUM, false);
}

static void elsewhere_bytes_are_not_touched(void **state)
{
	const struct port_setup setup[2] = {{0}};
	struct frame sent = unfinished(&specs[0]), got;
	struct net net;

	net_open(&net, setup, 2, 0);
	net_send(&net, 0, &sent, NULL);
	net_run(&net);
	assert_true(net_receive(&net, 1, &got, NULL));
	assert_memory_equal(got.b, sent.b, sent.len);
	net_close(&net);
}

static void bad_requests_are_dropped(void **state)
{
	static const struct {
		uint16_t start, offset;
	} bad[] = {{60000, 0}, {200, 16}, {34, 60000}, {153, 0}};
	const struct port_setup setup[2] = {{0}};
	struct frame sent = unfinished(&specs[0]);
	struct net net;

	net_open(&net, setup, 2, 0);
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		net_send(&net, 0, &sent,
			&(struct packet){.flags = PACKET_CSUM,
				.csum_start = bad[i].start,
				.csum_offset = bad[i].offset});
	net_run(&net);
	net_expect_silence(&net);
	assert_int_equal(net_drops(&net, 0, DROP_parse_bad_offload), ARRAY_SIZE(bad));
	net_close(&net);
}

static void large_segments_pass_whole_or_cut(void **state)
{
	static const uint8_t types[2][2] = {{GSO_TCP4, GSO_UDP}, {GSO_TCP6, GSO_UDP}};
	static struct frame sent, got;

	for (unsigned k = 0; k < 16; k++) {
		struct spec s = {.v6 = k & 1,
			.proto = k & 2 ? UDP : TCP,
			.tci = k & 4 ? 10 : UNTAGGED,
			.payload = 60000};
		uint32_t caps = k & 8 ? PORT_TX_CSUM | PORT_TX_TSO | PORT_TX_USO : 0;
		const struct port_setup setup[2] = {{.tagged = trunk, .native = 1},
			{.tagged = trunk, .native = 1, .caps = caps}};
		struct packet meta, hint = {.flags = PACKET_CSUM,
					    .csum_start = (uint16_t)l4_at(&s),
					    .csum_offset = s.proto == TCP ? 16 : 6,
					    .gso_type = types[s.v6][s.proto == UDP],
					    .gso_size = 1400,
					    .hdr_len = (uint16_t)header_size(&s)};
		uint32_t seen = 0, n = 0;
		struct net net;

		sent = unfinished(&s);
		net_open(&net, setup, 2, 0);
		net_send(&net, 0, &sent, &hint);
		net_run(&net);
		while (net_receive(&net, 1, &got, &meta)) {
			n++;
			if (caps) {
				assert_int_equal(got.len, sent.len);
				assert_memory_equal(got.b, sent.b, sent.len);
				assert_int_equal(meta.gso_size, 1400);
				continue;
			}
			assert_true(got.len <= header_size(&s) + 1400);
			assert_valid_sum(&got, l3_at(&s), s.v6, s.proto);
			assert_memory_equal(got.b + header_size(&s),
				sent.b + header_size(&s) + seen, got.len - header_size(&s));
			seen += got.len - header_size(&s);
		}
		assert_int_equal(n, caps ? 1 : (60000 + 1399) / 1400);
		if (!caps)
			assert_int_equal(seen, s.payload);
		assert_int_equal(net_counters(&net, 0).segments, n - 1);
		net_close(&net);
	}
}

static void lying_segment_requests_are_dropped(void **state)
{
	const struct port_setup setup[2] = {{0}};
	static struct frame sent;
	struct spec s = {.proto = TCP, .tci = UNTAGGED, .payload = 5000};
	struct packet good = {.flags = PACKET_CSUM,
		.csum_start = 34,
		.csum_offset = 16,
		.gso_type = GSO_TCP4,
		.gso_size = 1000,
		.hdr_len = 54};
	struct packet bad[4] = {good, good, good, good};
	struct net net;

	bad[0].gso_size = 0;
	bad[1].gso_type = GSO_TCP6;
	bad[2].gso_type = GSO_UDP;
	bad[3].gso_size = 9000;
	sent = unfinished(&s);
	net_open(&net, setup, 2, 0);
	for (unsigned i = 0; i < 4; i++)
		net_send(&net, 0, &sent, &bad[i]);
	net_run(&net);
	net_expect_silence(&net);
	net_close(&net);
}

// Valid as it came, but its segments would be longer than any packet here.
static void impossible_segments_are_a_named_drop(void **state)
{
	const struct port_setup setup[2] = {{.mtu = 65535}, {.mtu = 65535}};
	static struct frame sent;
	struct spec s = {.proto = TCP, .tci = UNTAGGED, .payload = 5000};
	struct packet request = {.flags = PACKET_CSUM,
		.csum_start = 34,
		.csum_offset = 16,
		.gso_type = GSO_TCP4,
		.gso_size = 65497,
		.hdr_len = 54};
	struct net net;

	sent = unfinished(&s);
	net_open(&net, setup, 2, 0);
	net_send(&net, 0, &sent, &request);
	net_run(&net);
	net_expect_silence(&net);
	assert_int_equal(net_drops(&net, 0, DROP_output_segment), 1);
	net_close(&net);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_are_completed_or_passed_on),
		cmocka_unit_test(unfinished_sums_are_found_on_veth),
		cmocka_unit_test(elsewhere_bytes_are_not_touched),
		cmocka_unit_test(bad_requests_are_dropped),
		cmocka_unit_test(large_segments_pass_whole_or_cut),
		cmocka_unit_test(lying_segment_requests_are_dropped),
		cmocka_unit_test(impossible_segments_are_a_named_drop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
