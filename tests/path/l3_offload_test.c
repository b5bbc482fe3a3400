// SPDX-License-Identifier: BSD-3-Clause
// Unfinished checksums and large segments on their way through the router: finished where the port
// that they leave by needs it, untouched where it does not or where they go to the kernel.
#include "tests/path/l3_harness.h"

#include <string.h>

#include "dataplane/path/ethernet.h"
#include "dataplane/path/l3.h"

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

static uint32_t pseudo_sum(const struct frame *f, bool ip6, uint8_t protocol)
{
	uint32_t n = f->len - (ip6 ? 54 : 34);
	uint32_t sum = ip6 ? sum16(f->b + 22, 32, 0) : sum16(f->b + 26, 8, 0);

	return sum16((const uint8_t[]){0, protocol, 0, n >> 16, n >> 8, n}, 6, sum);
}

// A TCP packet from port 0 with its sum left to be finished, and the request that says so.
static struct frame tcp(bool ip6, uint32_t payload, uint16_t gso_size, struct packet *request)
{
	struct frame f = l3_frame(0, &(struct l3_packet){.src = ip6 ? "2001:db8:9::1" : "10.9.0.1",
					     .dst = ip6 ? "2001:db8:1::3" : "10.1.2.3",
					     .protocol = 6,
					     .payload = payload});
	uint32_t l4 = ip6 ? 54 : 34;

	f.b[l4 + 12] = 0x50;
	f.b[l4 + 13] = 0x10;
	store_be16(f.b + l4 + 16, (uint16_t)pseudo_sum(&f, ip6, 6));
	*request = (struct packet){.flags = PACKET_CSUM,
		.csum_start = (uint16_t)l4,
		.csum_offset = 16,
		.gso_type = gso_size ? ip6 ? GSO_TCP6 : GSO_TCP4 : GSO_NONE,
		.gso_size = gso_size,
		.hdr_len = (uint16_t)(l4 + 20)};
	return f;
}

static void open_out(struct net *net, uint32_t caps)
{
	const struct port_setup setup[2] = {{0}, {.caps = caps}};

	l3_open(net, setup, 2);
	l3_route(net, "10.1.0.0/16", l3_via(net, 1, "192.0.2.1", 21));
	l3_route(net, "2001:db8:1::/48", l3_via(net, 1, "fe80::1", 21));
}

static void sums(void **state)
{
	static struct frame sent, twin, got;
	struct packet request, meta;

	for (unsigned i = 0; i < 8; i++) {
		bool ip6 = i & 1, takes = i & 2, found = i & 4; // found: as on veth
		struct net net;

		open_out(&net, takes ? PORT_TX_CSUM : 0);
		if (found) {
			memory_port_set_caps(net.port[0], PORT_RX_UNFINISHED);
			net_publish(&net);
		}
		sent = tcp(ip6, 333, 0, &request);
		twin = l3_twin(&sent, 1, 21);
		net_send(&net, 0, &sent, found ? NULL : &request);
		net_run(&net);
		assert_true(net_receive(&net, 1, &got, &meta));
		assert_int_equal(got.len, sent.len);
		if (takes) {
			assert_memory_equal(got.b, twin.b, twin.len);
			assert_int_equal(meta.flags, PACKET_CSUM);
			assert_int_equal(meta.csum_start, request.csum_start);
			assert_int_equal(meta.csum_offset, 16);
		} else {
			assert_memory_equal(got.b, twin.b, request.csum_start);
			assert_int_equal(
				sum16(got.b + request.csum_start, got.len - request.csum_start,
					pseudo_sum(&got, ip6, 6)),
				0xffff);
		}
		l3_close(&net);
	}
}

static void segments_travel_whole(void **state)
{
	static struct frame sent, twin, got;
	struct packet request, meta;

	for (unsigned ip6 = 0; ip6 < 2; ip6++) {
		struct net net;

		open_out(&net, PORT_TX_CSUM | PORT_TX_TSO);
		sent = tcp(ip6, 20000, 1400, &request);
		twin = l3_twin(&sent, 1, 21);
		net_send(&net, 0, &sent, &request);
		net_run(&net);
		assert_true(net_receive(&net, 1, &got, &meta));
		assert_int_equal(got.len, twin.len);
		assert_memory_equal(got.b, twin.b, twin.len);
		assert_int_equal(meta.gso_type, request.gso_type);
		assert_int_equal(meta.gso_size, 1400);
		assert_int_equal(meta.hdr_len, request.hdr_len);
		assert_int_equal(meta.csum_start, request.csum_start);
		l3_close(&net);
	}
}

// A tag moves all that the request names.
static void segments_get_tags(void **state)
{
	struct neigh_interface is = {
		.port = 1, .mac = router_mac(1), .mtu = 1500, .is_tagged = true, .vlan = 77};
	static struct frame sent, twin, got;
	struct packet request, meta;

	for (unsigned i = 0; i < 4; i++) {
		bool ip6 = i & 1, whole = i & 2;
		struct net net;

		open_out(&net, whole ? PORT_TX_CSUM | PORT_TX_TSO : 0);
		neigh_set_interface(net.neigh, 1, &is);
		sent = tcp(ip6, 20000, 1400, &request);
		twin = l3_twin(&sent, 1, 21);
		net_send(&net, 0, &sent, &request);
		net_run(&net);
		assert_true(net_receive(&net, 1, &got, &meta));
		assert_int_equal(load_be16(got.b + 12), ETHERTYPE_VLAN);
		assert_int_equal(load_be16(got.b + 14), 77);
		assert_int_equal(meta.hdr_len, request.hdr_len + 4);
		if (whole) {
			assert_int_equal(got.len, twin.len + 4);
			assert_memory_equal(got.b + 16, twin.b + 12, twin.len - 12);
			assert_int_equal(meta.csum_start, request.csum_start + 4);
		} else {
			uint32_t l4 = request.csum_start;

			assert_int_equal(got.len, l4 + 24 + 1400);
			memmove(got.b + 4, got.b, 12); // as if it had none
			got.len -= 4;
			memmove(got.b, got.b + 4, got.len);
			assert_int_equal(
				sum16(got.b + l4, got.len - l4, pseudo_sum(&got, ip6, 6)), 0xffff);
		}
		l3_close(&net);
	}
}

static void segments_are_cut(void **state)
{
	static struct frame sent, got;
	struct packet request;

	for (unsigned ip6 = 0; ip6 < 2; ip6++) {
		uint32_t l4 = ip6 ? 54 : 34, done = 0;
		struct net net;

		open_out(&net, 0);
		sent = tcp(ip6, 5000, 1400, &request);
		net_send(&net, 0, &sent, &request);
		net_run(&net);
		for (unsigned i = 0; i < 4; i++) {
			uint32_t n = MIN(1400u, 5000 - done);

			assert_true(net_receive(&net, 1, &got, NULL));
			assert_int_equal(got.len, l4 + 20 + n);
			assert_int_equal(got.b[ip6 ? 21 : 22], 63);
			assert_int_equal(
				load_be16(got.b + (ip6 ? 18 : 16)), got.len - 14 - (ip6 ? 40 : 0));
			if (!ip6)
				assert_int_equal(sum16(got.b + 14, 20, 0), 0xffff);
			assert_int_equal(
				sum16(got.b + l4, got.len - l4, pseudo_sum(&got, ip6, 6)), 0xffff);
			assert_memory_equal(got.b + l4 + 20, sent.b + l4 + 20 + done, n);
			done += n;
		}
		net_expect_silence(&net);
		assert_int_equal(net_counters(&net, 0).segments, 3);
		l3_close(&net);
	}
}

// What counts against the MTU is a segment, not the packet that stands for many.
static void segments_and_mtu(void **state)
{
	static struct frame sent, got;
	struct packet request, meta;
	enum exception_reason reason;
	unsigned port;

	for (unsigned i = 0; i < 4; i++) {
		bool ip6 = i & 1, fits = i & 2;
		uint16_t gso_size = (uint16_t)(1500 - (ip6 ? 60 : 40) + !fits);
		struct net net;

		open_out(&net, PORT_TX_CSUM | PORT_TX_TSO);
		sent = tcp(ip6, 9000, gso_size, &request);
		net_send(&net, 0, &sent, &request);
		net_run(&net);
		if (fits) {
			assert_true(net_receive(&net, 1, &got, NULL));
		} else { // to the kernel as it came, request included
			assert_true(net_exception(&net, &got, &meta, &port, &reason));
			assert_int_equal(reason, EXCEPTION_too_big);
			assert_int_equal(got.len, sent.len);
			assert_memory_equal(got.b, sent.b, sent.len);
			assert_int_equal(meta.flags, PACKET_CSUM);
			assert_int_equal(meta.gso_type, request.gso_type);
			assert_int_equal(meta.gso_size, gso_size);
			assert_int_equal(meta.csum_start, request.csum_start);
		}
		net_expect_silence(&net);
		l3_close(&net);
	}
}

static void requests_that_do_not_fit(void **state)
{
	static struct frame sent, got;
	enum exception_reason reason;
	struct packet request;
	struct net net;
	unsigned port;

	open_out(&net, PORT_TX_CSUM | PORT_TX_TSO);
	// The sum would be stored behind the IP packet, in what is cut off.
	sent = tcp(false, 100, 0, &request);
	store_be16(sent.b + 16, 30);
	l3_sum(&sent, 14);
	net_send(&net, 0, &sent, &request);
	net_run(&net);
	assert_int_equal(net_drops(&net, 0, DROP_l3_offload), 1);
	// A long segment whose IP header tells another length.
	sent = tcp(false, 5000, 1000, &request);
	store_be16(sent.b + 16, 3000);
	l3_sum(&sent, 14);
	net_send(&net, 0, &sent, &request);
	net_run(&net);
	assert_true(net_exception(&net, &got, NULL, &port, &reason));
	assert_int_equal(reason, EXCEPTION_header);
	net_expect_silence(&net);
	// A request within the packet, with padding behind: the padding is no part of the sum.
	sent = tcp(false, 7, 0, &request);
	sent.len += 5;
	net_send(&net, 0, &sent, &request);
	net_run(&net);
	assert_true(net_receive(&net, 1, &got, &request));
	assert_int_equal(got.len, sent.len - 5);
	assert_true(request.flags & PACKET_CSUM);
	l3_close(&net);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums),
		cmocka_unit_test(segments_travel_whole),
		cmocka_unit_test(segments_get_tags),
		cmocka_unit_test(segments_are_cut),
		cmocka_unit_test(segments_and_mtu),
		cmocka_unit_test(requests_that_do_not_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
