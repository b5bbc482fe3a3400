// SPDX-License-Identifier: BSD-3-Clause
#include "tests/unit/test.h"

#include "dataplane/path/checksum.h"
#include "tests/unit/packets.h"

#define ROUNDS 20000

static struct packet_pool *pool;
static struct packet_cache cache;
static struct flat flat;

static uint16_t host(uint16_t stored)
{
	return __builtin_bswap16(stored);
}

static void sums_as_the_naive_one(void **state)
{
	static uint8_t b[70000];

	for (unsigned i = 0; i < 3000; i++) {
		uint32_t at = random_below(200);
		uint32_t n = random_below(i % 8 ? 600 : sizeof(b) - at);

		if (i % 5 == 0)
			memset(b, i % 10 ? 0xff : 0, sizeof(b));
		else
			random_bytes(b, at + MIN(n, 700));
		assert_int_equal(
			host(checksum_fold(checksum_add(0, b + at, n))), naive_sum(0, b + at, n));
	}
	assert_int_equal(checksum_fold(UINT64_MAX), 0xffff);
	assert_int_equal(checksum_fold(0), 0);
	assert_int_equal(checksum_fold(0x10000), 1);
}

static void sums_chains_of_odd_pieces(void **state)
{
	for (unsigned i = 0; i < ROUNDS / 4; i++) {
		uint32_t n = 1 + random_below(4000);
		uint32_t from, count;
		struct packet *p;

		random_bytes(flat.b, n);
		p = chain_make(&cache, flat.b, n, 0);
		assert_non_null(p);
		from = random_below(n);
		count = random_below(n - from + 1);
		assert_int_equal(
			host(checksum_chain(p, from, count)), naive_sum(0, flat.b + from, count));
		packet_free(&cache, p);
	}
}

// Stores the unfinished sum as Linux does; returns the finished one (host order).
static uint16_t unfinish(struct flat *f)
{
	uint16_t pseudo = naive_pseudo_sum(f, f->len - f->l4);
	uint16_t sum;

	store_be16(f->b + flat_checksum_at(f), pseudo);
	sum = (uint16_t)~naive_sum(0, f->b + f->l4, f->len - f->l4);
	return sum ? sum : 0xffff;
}

static void completes_what_is_unfinished(void **state)
{
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct packet *p;
		uint16_t want, got;

		flat_random(&flat, i & 1, i & 2, random_below(i % 64 ? 200 : 9000));
		want = unfinish(&flat);
		p = chain_from_flat(&cache, &flat, flat.payload);
		checksum_find_unfinished(p);
		assert_true(p->flags & PACKET_CSUM);
		assert_int_equal(p->csum_start, flat.l4);
		assert_true(checksum_request_valid(p));
		checksum_complete(p);
		assert_false(p->flags & PACKET_CSUM);
		packet_read(p, flat_checksum_at(&flat), &got, 2);
		assert_int_equal(host(got), want);
		// A receiver's test: pseudo header and everything behind it give all ones.
		store_be16(flat.b + flat_checksum_at(&flat), want);
		assert_int_equal(naive_sum(naive_pseudo_sum(&flat, flat.len - flat.l4),
					 flat.b + flat.l4, flat.len - flat.l4),
			0xffff);
		// And nothing but the sum has changed.
		for (uint32_t at = 0; at < flat.len; at += 7) {
			uint8_t byte;

			packet_read(p, at, &byte, 1);
			assert_int_equal(byte, flat.b[at]);
		}
		packet_free(&cache, p);
	}
}

static void bytes_behind_the_ip_packet_do_not_count(void **state)
{
	for (unsigned i = 0; i < 500; i++) {
		uint32_t trailer = 1 + random_below(30);
		uint16_t want, got;
		struct packet *p;

		flat_random(&flat, i & 1, i & 2, random_below(40));
		want = unfinish(&flat);
		random_bytes(flat.b + flat.len, trailer);
		flat.len += trailer;
		p = chain_from_flat(&cache, &flat, flat.payload);
		checksum_find_unfinished(p);
		assert_false(p->flags & PACKET_CSUM);
		packet_read(p, flat_checksum_at(&flat), &got, 2);
		assert_int_equal(host(got), want);
		packet_free(&cache, p);
	}
}

static void expect_left_alone(void)
{
	struct packet *p = chain_from_flat(&cache, &flat, flat.len);

	checksum_find_unfinished(p);
	assert_false(p->flags & PACKET_CSUM);
	assert_memory_equal(p->data, flat.b, flat.len);
	packet_free(&cache, p);
}

static void leaves_the_rest_alone(void **state)
{
	for (unsigned i = 0; i < 400; i++) {
		uint16_t sum;

		// A finished sum (which by chance may look unfinished; completing changes nothing).
		flat_random(&flat, i & 1, i & 2, 100);
		sum = unfinish(&flat);
		if (sum != load_be16(flat.b + flat_checksum_at(&flat))) {
			store_be16(flat.b + flat_checksum_at(&flat), sum);
			expect_left_alone();
		}
		// UDP without a sum.
		flat_random(&flat, i & 1, false, 100);
		store_be16(flat.b + flat_checksum_at(&flat), 0);
		expect_left_alone();
		// First and later fragments.
		flat_random(&flat, false, i & 2, 100);
		unfinish(&flat);
		store_be16(flat.b + flat.l3 + 6, i & 1 ? 0x2000 : 1 + random_below(0x1fff));
		expect_left_alone();
		// An IP length beyond the packet, or too short for the sum.
		flat_random(&flat, i & 1, i & 2, 100);
		store_be16(flat.b + flat.l3 + (flat.ipv6 ? 4 : 2),
			(uint16_t)(i & 4 ? 300 : flat.l4 - flat.l3 - (flat.ipv6 ? 40 : 0)));
		store_be16(flat.b + flat_checksum_at(&flat),
			naive_pseudo_sum(&flat,
				i & 4 ? 300 - (flat.l4 - flat.l3 - (flat.ipv6 ? 40 : 0)) : 0));
		expect_left_alone();
		// Another protocol; ICMP.
		flat_random(&flat, false, i & 2, 100);
		flat.b[flat.l3 + 9] = 1;
		unfinish(&flat);
		expect_left_alone();
	}
}

static void too_many_extension_headers(void **state)
{
	for (unsigned n = 0; n < 12; n++) {
		struct packet *p = packet_alloc(&cache);
		uint8_t *ip = p->data + 14;

		memset(p->data, 0, 400);
		ip[0] = 0x60;
		ip[6] = n ? 60 : 17;
		store_be16(ip + 4, (uint16_t)(n * 8 + 8));
		for (unsigned i = 0; i < n; i++)
			ip[40 + 8 * i] = i + 1 < n ? 60 : 17;
		store_be16(ip + 40 + n * 8 + 6, 17 + 8); // addresses are zero
		p->len = (uint16_t)(14 + 40 + 8 * n + 8);
		p->total_len = p->len;
		p->l3_offset = 14;
		p->ethertype = ETHERTYPE_IPV6;
		checksum_find_unfinished(p);
		assert_int_equal(!!(p->flags & PACKET_CSUM), n <= 8);
		packet_free(&cache, p);
	}
}

static void zero_is_stored_as_all_ones(void **state)
{
	struct packet *p = packet_alloc(&cache);

	memset(p->data, 0, 64);
	p->len = 64;
	p->total_len = 64;
	store_be16(p->data + 40, 0xffff);
	p->csum_start = 34;
	p->csum_offset = 6;
	p->flags = PACKET_CSUM;
	checksum_complete(p);
	assert_int_equal(load_be16(p->data + 40), 0xffff);
	packet_free(&cache, p);
}

static void judges_requests(void **state)
{
	struct packet *p = packet_alloc(&cache);

	p->len = 100;
	p->l3_offset = 14;
	p->csum_start = 34;
	p->csum_offset = 64;
	assert_true(checksum_request_valid(p));
	p->csum_offset = 65;
	assert_false(checksum_request_valid(p));
	p->csum_offset = 0xffff;
	assert_false(checksum_request_valid(p));
	p->csum_start = 13; // inside the Ethernet header
	p->csum_offset = 6;
	assert_false(checksum_request_valid(p));
	packet_free(&cache, p);
}

static void no_frame_lost(void **state)
{
	assert_int_equal(pool_free_frames(pool, &cache), 1024);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums_as_the_naive_one),
		cmocka_unit_test(sums_chains_of_odd_pieces),
		cmocka_unit_test(completes_what_is_unfinished),
		cmocka_unit_test(bytes_behind_the_ip_packet_do_not_count),
		cmocka_unit_test(leaves_the_rest_alone),
		cmocka_unit_test(too_many_extension_headers),
		cmocka_unit_test(zero_is_stored_as_all_ones),
		cmocka_unit_test(judges_requests),
		cmocka_unit_test(no_frame_lost),
	};

	random_seed();
	if (packet_pool_create(&pool, 1024))
		return 1;
	packet_cache_init(&cache, pool);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
