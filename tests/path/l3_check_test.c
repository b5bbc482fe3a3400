// SPDX-License-Identifier: BSD-3-Clause
// Everything that keeps a packet from being forwarded, with what becomes of it instead: the
// kernel's, exactly as it came in, or dropped by name.
#include "tests/path/l3_harness.h"

#include <string.h>

#include "dataplane/path/ethernet.h"
#include "dataplane/path/l3.h"

static const struct l3_packet good4 = {.src = "10.9.0.1", .dst = "10.1.2.3", .payload = 60};
static const struct l3_packet good6 = {
	.src = "2001:db8:9::1", .dst = "2001:db8:1::3", .payload = 60};

// Everything leads to host 21 at port 1.
static void open_all(struct net *net, const struct port_setup *setup)
{
	l3_open(net, setup, 3);
	l3_route(net, "0.0.0.0/0", l3_via(net, 1, "192.0.2.1", 21));
	l3_route(net, "::/0", l3_via(net, 1, "fe80::1", 21));
}

static void what_is_not_for_a_router(void **state)
{
	struct mac others = host_mac(9), group = {{1, 0, 0x5e, 1, 2, 3}}, all = host_mac(0x1ff);
	struct net net;
	struct frame f;

	open_all(&net, NULL);
	f = l3_frame(0, &good4);
	memcpy(f.b, &others, 6);
	l3_expect_exception(&net, 0, &f, EXCEPTION_not_ip);
	memcpy(f.b, &group, 6);
	l3_expect_exception(&net, 0, &f, EXCEPTION_not_ip);
	memcpy(f.b, &all, 6);
	l3_expect_exception(&net, 0, &f, EXCEPTION_not_ip);
	f = l3_frame(1, &good4); // the MAC of another of our ports
	l3_expect_exception(&net, 0, &f, EXCEPTION_not_ip);
	f = l3_frame(0, &good6);
	store_be16(f.b + 12, 0x0806);
	l3_expect_exception(&net, 0, &f, EXCEPTION_not_ip);
	f = l3_frame(0, &good4); // tagged, with a packet of ours behind the tag
	memmove(f.b + 16, f.b + 12, f.len - 12);
	store_be16(f.b + 12, ETHERTYPE_VLAN);
	store_be16(f.b + 14, 5);
	f.len += 4;
	l3_expect_exception(&net, 0, &f, EXCEPTION_not_ip);
	l3_close(&net);
}

static void families_can_be_left_to_the_kernel(void **state)
{
	const struct port_setup setup[3] = {
		{.clear = PORT_TAKES_IPV4}, {0}, {.clear = PORT_TAKES_IPV6}};
	struct fib *fib;
	struct net net;
	struct frame f;

	open_all(&net, setup);
	f = l3_frame(0, &good4);
	l3_expect_exception(&net, 0, &f, EXCEPTION_not_taken);
	f = l3_frame(0, &good6);
	l3_expect_forward(&net, 0, &f, 1, 21);
	f = l3_frame(2, &good4);
	l3_expect_forward(&net, 2, &f, 1, 21);
	f = l3_frame(2, &good6);
	l3_expect_exception(&net, 2, &f, EXCEPTION_not_taken);
	fib = net.fib; // and without a router, all is
	net.fib = NULL;
	net_publish(&net);
	f = l3_frame(0, &good6);
	l3_expect_exception(&net, 0, &f, EXCEPTION_not_taken);
	net.fib = fib;
	l3_close(&net);
}

// What RFC 1812 5.2.2 and RFC 8200 have a router discard without a word.
static void damaged_headers(void **state)
{
	struct net net;
	struct frame f, keep = l3_frame(0, &good4), keep6 = l3_frame(0, &good6);

	open_all(&net, NULL);
	for (unsigned version = 0; version < 16; version++) {
		f = keep;
		f.b[14] = (uint8_t)(version << 4 | 5);
		l3_sum(&f, 14);
		if (version != 4)
			l3_expect_drop(&net, 0, &f, DROP_l3_header);
		f = keep6;
		f.b[14] = (uint8_t)(version << 4);
		if (version != 6)
			l3_expect_drop(&net, 0, &f, DROP_l3_header);
	}
	for (unsigned ihl = 0; ihl < 5; ihl++) {
		f = keep;
		f.b[14] = (uint8_t)(0x40 | ihl);
		l3_expect_drop(&net, 0, &f, DROP_l3_header);
	}
	for (unsigned bit = 16; bit < 160; bit++) { // not version and length
		f = keep;
		f.b[14 + bit / 8] ^= (uint8_t)(1 << bit % 8);
		l3_expect_drop(&net, 0, &f, DROP_l3_checksum);
	}
	for (uint16_t total = 0; total < 20; total++) {
		f = keep;
		store_be16(f.b + 16, total);
		l3_sum(&f, 14);
		l3_expect_drop(&net, 0, &f, DROP_l3_header);
	}
	f = keep;
	store_be16(f.b + 16, (uint16_t)(f.len - 14 + 1));
	l3_sum(&f, 14);
	l3_expect_drop(&net, 0, &f, DROP_l3_truncated);
	f = keep6;
	store_be16(f.b + 18, (uint16_t)(f.len - 54 + 1));
	l3_expect_drop(&net, 0, &f, DROP_l3_truncated);
	for (uint32_t n = 14; n < 14 + 88; n++) {
		f = keep;
		f.len = n;
		l3_expect_drop(&net, 0, &f, DROP_l3_truncated);
	}
	for (uint32_t n = 14; n < 14 + 108; n++) {
		f = keep6;
		f.len = n;
		l3_expect_drop(&net, 0, &f, DROP_l3_truncated);
	}
	l3_close(&net);
}

static void options(void **state)
{
	struct net net;
	struct frame f;

	open_all(&net, NULL);
	for (unsigned ihl = 6; ihl < 16; ihl++) {
		f = l3_frame(0, &good4);
		f.b[14] = (uint8_t)(0x40 | ihl);
		memset(f.b + 34, 1, (ihl - 5) * 4); // no-operation options
		l3_sum(&f, 14);
		l3_expect_exception(&net, 0, &f, EXCEPTION_options);
		f.b[35] ^= 2; // the sum covers them
		l3_expect_drop(&net, 0, &f, DROP_l3_checksum);
	}
	f = l3_frame(0, &good4); // an empty list, which adds nothing to the sum
	f.b[14] = 0x46;
	memset(f.b + 34, 0, 4);
	l3_sum(&f, 14);
	l3_expect_exception(&net, 0, &f, EXCEPTION_options);
	f = l3_frame(0, &(struct l3_packet){.src = "10.9.0.1", .dst = "10.1.2.3"});
	f.b[14] = 0x4f; // options that the packet has no room for
	l3_expect_drop(&net, 0, &f, DROP_l3_truncated);
	f = l3_frame(0, &good6);
	f.b[20] = 0; // hop-by-hop
	l3_expect_exception(&net, 0, &f, EXCEPTION_options);
	store_be16(f.b + 18, 0); // or a jumbogram
	l3_expect_exception(&net, 0, &f, EXCEPTION_options);
	f.b[20] = 60; // destination options are not a router's business
	store_be16(f.b + 18, (uint16_t)(f.len - 54));
	l3_expect_forward(&net, 0, &f, 1, 21);
	l3_close(&net);
}

static void hops_used_up(void **state)
{
	struct net net;
	struct frame f;

	open_all(&net, NULL);
	for (unsigned ttl = 0; ttl < 2; ttl++) {
		f = l3_frame(0, &good4);
		f.b[22] = (uint8_t)ttl;
		l3_sum(&f, 14);
		l3_expect_exception(&net, 0, &f, EXCEPTION_ttl);
		f = l3_frame(0, &good6);
		f.b[21] = (uint8_t)ttl;
		l3_expect_exception(&net, 0, &f, EXCEPTION_ttl);
	}
	f = l3_frame(0, &good4);
	f.b[22] = 2;
	l3_sum(&f, 14);
	l3_expect_forward(&net, 0, &f, 1, 21);
	f = l3_frame(0, &good6);
	f.b[21] = 2;
	l3_expect_forward(&net, 0, &f, 1, 21);
	l3_close(&net);
}

static void martians(void **state)
{
	static const char *const bad[] = {"0.0.0.0", "0.1.2.3", "127.0.0.1", "127.255.255.255",
		"224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255"};
	static const char *const fine[] = {
		"1.0.0.1", "126.255.255.255", "128.0.0.1", "223.255.255.254", "169.254.1.1"};
	static const char *const bad6[] = {"::", "::1", "::ffff:10.0.0.1", "::10.0.0.1", "fe80::1",
		"febf::1", "ff02::1", "ff0e::1"};
	static const char *const fine6[] = {
		"64:ff9b::1", "1::1", "fe7f::1", "fec0::1", "fd00::1", "2001:db8::1"};
	struct l3_packet k;
	struct net net;
	struct frame f;

	open_all(&net, NULL);
	for (unsigned i = 0; i < 2 * ARRAY_SIZE(bad); i++) {
		k = good4;
		*(i % 2 ? &k.src : &k.dst) = bad[i / 2];
		f = l3_frame(0, &k);
		l3_expect_exception(&net, 0, &f, EXCEPTION_martian);
	}
	for (unsigned i = 0; i < 2 * ARRAY_SIZE(bad6); i++) {
		k = good6;
		*(i % 2 ? &k.src : &k.dst) = bad6[i / 2];
		f = l3_frame(0, &k);
		l3_expect_exception(&net, 0, &f, EXCEPTION_martian);
	}
	for (unsigned i = 0; i < 2 * ARRAY_SIZE(fine); i++) {
		k = good4;
		*(i % 2 ? &k.src : &k.dst) = fine[i / 2];
		f = l3_frame(0, &k);
		l3_expect_forward(&net, 0, &f, 1, 21);
	}
	for (unsigned i = 0; i < 2 * ARRAY_SIZE(fine6); i++) {
		k = good6;
		*(i % 2 ? &k.src : &k.dst) = fine6[i / 2];
		f = l3_frame(0, &k);
		l3_expect_forward(&net, 0, &f, 1, 21);
	}
	l3_close(&net);
}

static void what_routes_say(void **state)
{
	static const struct {
		enum nexthop_kind kind;
		enum exception_reason reason;
	} kinds[] = {{NEXTHOP_EXCEPTION, EXCEPTION_leave}, {NEXTHOP_LOCAL, EXCEPTION_local},
		{NEXTHOP_UNREACHABLE, EXCEPTION_unreachable},
		{NEXTHOP_PROHIBIT, EXCEPTION_prohibit}};
	struct net net;
	struct frame f, f6;

	l3_open(&net, NULL, 2);
	f = l3_frame(0, &good4);
	f6 = l3_frame(0, &good6);
	l3_expect_exception(&net, 0, &f, EXCEPTION_unreachable); // no route at all
	l3_expect_exception(&net, 0, &f6, EXCEPTION_unreachable);
	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++) {
		l3_route(&net, "10.1.2.0/24", l3_kind(&net, kinds[i].kind));
		l3_route(&net, "2001:db8:1::/64", l3_kind(&net, kinds[i].kind));
		l3_expect_exception(&net, 0, &f, kinds[i].reason);
		l3_expect_exception(&net, 0, &f6, kinds[i].reason);
	}
	l3_route(&net, "10.1.2.0/24", l3_kind(&net, NEXTHOP_BLACKHOLE));
	l3_expect_drop(&net, 0, &f, DROP_l3_blackhole);
	l3_close(&net);
}

static void neighbours_come_and_go(void **state)
{
	struct ip_addr a = ip("192.0.2.1");
	struct mac mac = host_mac(21);
	struct net net;
	struct frame f;

	l3_open(&net, NULL, 2);
	l3_route(&net, "10.0.0.0/8", l3_via(&net, 1, "192.0.2.1", 0));
	f = l3_frame(0, &good4);
	l3_expect_exception(&net, 0, &f, EXCEPTION_no_neighbour);
	neigh_update(net.neigh, 1, &a, 0x02, &mac); // NUD_REACHABLE
	l3_expect_forward(&net, 0, &f, 1, 21);
	neigh_update(net.neigh, 1, &a, 0x20, NULL); // NUD_FAILED
	l3_expect_exception(&net, 0, &f, EXCEPTION_no_neighbour);
	neigh_update(net.neigh, 1, &a, 0x02, &mac);
	neigh_set_interface(net.neigh, 1, NULL);
	l3_expect_exception(&net, 0, &f, EXCEPTION_no_neighbour);
	l3_route(&net, "10.0.0.0/8", l3_via(&net, 0, "192.0.2.9", 29)); // back where it came from
	l3_expect_exception(&net, 0, &f, EXCEPTION_redirect);
	f = l3_frame(1, &good4);
	l3_expect_forward(&net, 1, &f, 0, 29);
	l3_close(&net);
}

static void mtu_to_the_byte(void **state)
{
	static const uint16_t mtus[] = {68, 1280, 1400, 1500};
	struct net net;

	open_all(&net, NULL);
	for (unsigned i = 0; i < ARRAY_SIZE(mtus); i++) {
		struct neigh_interface is = {.port = 1, .mac = router_mac(1), .mtu = mtus[i]};
		struct l3_packet k = good4, k6 = good6;
		struct frame f;

		neigh_set_interface(net.neigh, 1, &is);
		k.payload = mtus[i] - 28u;
		f = l3_frame(0, &k);
		l3_expect_forward(&net, 0, &f, 1, 21);
		k.payload++;
		k.fragment = i % 2 ? 0x4000 : 0; // DF or not: the kernel answers or fragments
		f = l3_frame(0, &k);
		l3_expect_exception(&net, 0, &f, EXCEPTION_too_big);
		k6.payload = mtus[i] - 48u;
		f = l3_frame(0, &k6);
		l3_expect_forward(&net, 0, &f, 1, 21);
		k6.payload++;
		f = l3_frame(0, &k6);
		l3_expect_exception(&net, 0, &f, EXCEPTION_too_big);
		k.payload--; // padding does not count
		k.padding = 3;
		f = l3_frame(0, &k);
		l3_expect_forward(&net, 0, &f, 1, 21);
	}
	l3_close(&net);
}

static void a_full_exception_path(void **state)
{
	static struct frame got;
	enum exception_reason reason;
	struct net net;
	struct frame f;
	unsigned port;

	open_all(&net, NULL);
	net.exception.limit = 3;
	f = l3_frame(0, &(struct l3_packet){.src = "10.9.0.1", .dst = "10.1.2.3", .ttl = 1});
	for (unsigned i = 0; i < 5; i++)
		net_send(&net, 0, &f, NULL);
	net_run(&net);
	assert_int_equal(net_drops(&net, 0, DROP_exception_full), 2);
	assert_int_equal(net_counters(&net, 0).exception[EXCEPTION_ttl], 3);
	for (unsigned i = 0; i < 3; i++)
		assert_true(net_exception(&net, &got, NULL, &port, &reason));
	net.exception.limit = EXCEPTIONS_MAX;
	l3_expect_exception(&net, 0, &f, EXCEPTION_ttl);
	l3_close(&net);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_not_for_a_router),
		cmocka_unit_test(families_can_be_left_to_the_kernel),
		cmocka_unit_test(damaged_headers),
		cmocka_unit_test(options),
		cmocka_unit_test(hops_used_up),
		cmocka_unit_test(martians),
		cmocka_unit_test(what_routes_say),
		cmocka_unit_test(neighbours_come_and_go),
		cmocka_unit_test(mtu_to_the_byte),
		cmocka_unit_test(a_full_exception_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
