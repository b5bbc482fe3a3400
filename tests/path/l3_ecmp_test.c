// SPDX-License-Identifier: BSD-3-Clause
// Equal ways: a flow keeps its way, flows spread over all of them, the fragments of a datagram stay
// together, and a router behind another one sees other flows together.
#include "tests/path/l3_harness.h"

#include <stdio.h>

#include "dataplane/path/ethernet.h"
#include "dataplane/path/l3.h"

#define N_WAYS  4
#define N_FLOWS 4000

// Four ways, by ports 1 to 4.
static void open_ways(struct net *net)
{
	uint32_t way[N_WAYS];

	l3_open(net, NULL, N_WAYS + 1);
	for (unsigned i = 0; i < N_WAYS; i++) {
		char neighbour[IP_TEXT_SIZE];

		snprintf(neighbour, sizeof(neighbour), "192.0.2.%u", i + 1);
		way[i] = l3_via(net, i + 1, neighbour, 21 + i);
	}
	l3_route(net, "10.0.0.0/8", l3_group(net, way, N_WAYS));
	l3_route(net, "2001:db8::/32", l3_group(net, way, N_WAYS));
}

// Sends it and returns the way that it took.
static unsigned way_of(struct net *net, const struct frame *f)
{
	static struct frame got, twin;
	static unsigned turn;
	unsigned n = turn++ % 2 ? 1 : 4; // the path reads short bursts one by one

	for (unsigned k = 0; k < n; k++)
		net_send(net, 0, f, NULL);
	net_run(net);
	for (unsigned i = 0; i < N_WAYS; i++) {
		if (!net_receive(net, i + 1, &got, NULL))
			continue;
		twin = l3_twin(f, i + 1, 21 + i);
		assert_memory_equal(got.b, twin.b, twin.len);
		for (unsigned k = 1; k < n; k++)
			assert_true(net_receive(net, i + 1, &got, NULL));
		net_expect_silence(net);
		return i;
	}
	fail_msg("not forwarded");
	return 0;
}

static struct frame flow(bool ip6, unsigned what, unsigned i)
{
	char src[IP_TEXT_SIZE], dst[IP_TEXT_SIZE];
	struct l3_packet k = {.src = src, .dst = dst, .protocol = i % 2 ? 6 : 17};
	unsigned a = what == 0 ? i + 1 : 1, b = what == 1 ? i + 1 : 1;

	snprintf(src, sizeof(src), ip6 ? "2001:db8:9::%x" : "10.9.%u.%u", ip6 ? a : a / 250,
		1 + a % 250);
	snprintf(dst, sizeof(dst), ip6 ? "2001:db8:1::%x" : "10.1.%u.%u", ip6 ? b : b / 250,
		1 + b % 250);
	k.sport = (uint16_t)(what == 2 ? 1024 + i : 1000);
	k.dport = (uint16_t)(what == 3 ? 1024 + i : 2000);
	return l3_frame(0, &k);
}

static void flows_spread_and_stay(void **state)
{
	struct net net;

	open_ways(&net);
	for (unsigned ip6 = 0; ip6 < 2; ip6++) {
		for (unsigned what = 0; what < 4; what++) { // one of addresses and ports differs
			unsigned n[N_WAYS] = {0};

			for (unsigned i = 0; i < N_FLOWS; i++) {
				struct frame f = flow(ip6, what, i);
				unsigned way = way_of(&net, &f);

				n[way]++;
				// Another packet of it: longer, other identification or label.
				f.len += 5;
				if (ip6) {
					f.b[17] = (uint8_t)i;
					store_be16(f.b + 18, (uint16_t)(f.len - 54));
				} else {
					store_be16(f.b + 16, (uint16_t)(f.len - 14));
					store_be16(f.b + 18, (uint16_t)i);
					l3_sum(&f, 14);
				}
				assert_int_equal(way_of(&net, &f), way);
			}
			for (unsigned i = 0; i < N_WAYS; i++) // 5 standard deviations
				assert_in_range(n[i], 1000 - 140, 1000 + 140);
		}
	}
	l3_close(&net);
}

// The first fragment has ports, the others payload in their place.
static void fragments_stay_together(void **state)
{
	struct net net;

	open_ways(&net);
	for (unsigned i = 0; i < 200; i++) {
		struct frame f = flow(false, i % 2 ? 0 : 2, i);
		unsigned way;

		store_be16(f.b + 20, 0x2000); // more fragments, offset 0
		l3_sum(&f, 14);
		way = way_of(&net, &f);
		for (unsigned at = 1; at < 4; at++) {
			store_be16(f.b + 20, (uint16_t)(at < 3 ? 0x2000 | at : at));
			store_be32(f.b + 34, at * 0x9e3779b9u);
			l3_sum(&f, 14);
			assert_int_equal(way_of(&net, &f), way);
		}
		f = flow(true, i % 2 ? 0 : 2, i);
		f.b[20] = 44; // fragment header: next header, 0, offset | M, identification
		f.b[54] = 17;
		store_be16(f.b + 56, 1);
		way = way_of(&net, &f);
		store_be32(f.b + 54, 0x11000010 + i * 8);
		assert_int_equal(way_of(&net, &f), way);
	}
	l3_close(&net);
}

// Short packets, padded ones and those of other protocols go by what they have.
static void odd_ones_stay_too(void **state)
{
	struct net net;

	open_ways(&net);
	for (unsigned i = 0; i < 100; i++) {
		struct frame f = flow(false, 0, i);
		unsigned way;

		f.b[23] = 50; // ESP
		l3_sum(&f, 14);
		way = way_of(&net, &f);
		store_be32(f.b + 34, i * 0x01000193);
		assert_int_equal(way_of(&net, &f), way);
		f.len = 34; // no byte behind the header: the same flow
		store_be16(f.b + 16, 20);
		l3_sum(&f, 14);
		assert_int_equal(way_of(&net, &f), way);
	}
	l3_close(&net);
}

// Of the flows that one router sends one way, the next one must not see one way only.
static void routers_differ(void **state)
{
	unsigned n[N_WAYS] = {0}, all = 0;
	struct l3_found a, b;

	for (unsigned i = 0; i < N_FLOWS; i++) {
		struct frame f = flow(false, 2, i);
		struct packet p = {.data = f.b,
			.len = (uint16_t)f.len,
			.n_frames = 1,
			.total_len = f.len,
			.ethertype = ETHERTYPE_IPV4,
			.l3_offset = 14};

		assert_int_equal(l3_check4(&p, 111, &a), L3_PASS);
		assert_int_equal(l3_check4(&p, 222, &b), L3_PASS);
		if (a.hash >> 30)
			continue;
		n[b.hash >> 30]++;
		all++;
	}
	assert_in_range(all, 860, 1140);
	for (unsigned i = 0; i < N_WAYS; i++)
		assert_in_range(n[i], all / 4 - 75, all / 4 + 75);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flows_spread_and_stay),
		cmocka_unit_test(fragments_stay_together),
		cmocka_unit_test(odd_ones_stay_too),
		cmocka_unit_test(routers_differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
