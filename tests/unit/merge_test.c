// SPDX-License-Identifier: BSD-3-Clause
// merge() against segment(), which has a naive twin of its own: what was cut comes together
// again, and what is merged is cut into the same bytes.
#include "tests/unit/test.h"

#include "dataplane/path/merge.h"
#include "dataplane/path/segment.h"
#include "tests/unit/packets.h"

#define FRAMES  4096
#define LONGEST (9000 + 200)

static struct packet_pool *pool;
static struct packet_cache cache;
static struct flat flat;
static struct packet *out[SEGMENTS_MAX], *again[SEGMENTS_MAX];
static uint8_t bytes[SEGMENTS_MAX][LONGEST];
static uint32_t length[SEGMENTS_MAX];

static void fix_ipv4_sum(uint8_t *ip)
{
	store_be16(ip + 10, 0);
	store_be16(ip + 10, (uint16_t)~naive_sum(0, ip, 20));
}

// A TCP packet with headers as bulk transfers have them, as segments in out[]. Returns how many.
static unsigned cut(uint32_t payload, uint16_t size, uint8_t last_flags)
{
	struct packet *p;
	bool no_frame, ipv6 = random_below(2);
	unsigned n;

	do
		flat_random(&flat, ipv6, true, payload);
	while (flat.l4 - flat.l3 != (ipv6 ? 40 : 20));
	flat.b[flat.l4 + 13] = 0x10 | last_flags;
	p = chain_from_flat(&cache, &flat, flat.payload);
	p->gso_type = ipv6 ? GSO_TCP6 : GSO_TCP4;
	p->gso_size = size;
	p->flags |= PACKET_CSUM;
	p->csum_start = flat.l4;
	p->csum_offset = 16;
	p->vlan = 42;
	n = segment(&cache, p, out, SEGMENTS_MAX, &no_frame);
	packet_free(&cache, p);
	for (unsigned i = 0; i < n; i++) {
		length[i] = out[i]->total_len;
		packet_read(out[i], 0, bytes[i], length[i]);
	}
	return n;
}

static void expect_same(struct packet *const *packets, unsigned n)
{
	static uint8_t got[LONGEST];

	for (unsigned i = 0; i < n; i++) {
		unsigned n_frames = 0;

		for (const struct packet *f = packets[i]; f; f = f->next)
			n_frames++;
		assert_int_equal(packets[i]->n_frames, n_frames);
		assert_int_equal(packets[i]->total_len, length[i]);
		assert_int_equal(packets[i]->gso_type, GSO_NONE);
		packet_read(packets[i], 0, got, length[i]);
		assert_memory_equal(got, bytes[i], length[i]);
	}
}

static void merged_and_cut_again(void **state)
{
	static uint8_t got[PACKET_MAX_BYTES];

	for (unsigned i = 0; i < 3000; i++) {
		uint32_t payload = 1 + random_below(i % 8 ? 20000 : 60000);
		uint16_t size = (uint16_t)(random_below(2) ? 1448 : 100 + random_below(8800));
		unsigned n = cut(payload, size, (uint8_t[]){0, 1, 8, 9}[random_below(4)]);
		unsigned count = merge_count(out, n);
		bool no_frame;

		assert_true(n > 0);
		assert_int_equal(count, n);
		merge(out, n);
		assert_int_equal(out[0]->total_len, flat.len);
		packet_read(out[0], 0, got, flat.len);
		assert_memory_equal(
			got + flat.payload, flat.b + flat.payload, flat.len - flat.payload);
		if (n > 1) {
			assert_true(segment_request_valid(out[0]));
			assert_int_equal(
				segment(&cache, out[0], again, SEGMENTS_MAX, &no_frame), n);
			expect_same(again, n);
			packet_free_bulk(&cache, again, n);
		}
		if (random_below(2)) {
			merge_undo(out, n);
			expect_same(out, n);
			packet_free_bulk(&cache, out, n);
		} else {
			packet_free(&cache, out[0]); // with all the others
		}
	}
}

// One changed byte in the headers of a segment ends the run before it.
static void any_difference_ends_the_run(void **state)
{
	for (unsigned i = 0; i < 20000; i++) {
		unsigned n = cut(10000, 1000, 0);
		unsigned k = 1 + random_below(n - 1);
		uint32_t at = random_below(flat.payload);
		uint8_t bit = (uint8_t)(1 << random_below(8));
		unsigned want = k;

		assert_int_equal(n, 10);
		out[k]->data[at] ^= bit;
		if (!flat.ipv6 && at >= flat.l3 && at < flat.l4 && at / 2 != flat.l3 / 2 + 5u &&
			random_below(2))
			fix_ipv4_sum(out[k]->data + flat.l3);
		if (at == flat.l4 + 13u && bit & 9)
			want = k + 1; // PSH and FIN end it behind the segment
		if (at / 2 == flat.l4 / 2 + 8u)
			want = n; // the unfinished checksum is written anew
		assert_int_equal(merge_count(out, n), want);
		packet_free_bulk(&cache, out, n);
	}
}

static void other_metadata_ends_the_run(void **state)
{
	unsigned n = cut(5000, 1000, 0);

	out[2]->vlan++;
	assert_int_equal(merge_count(out, n), 2);
	out[2]->vlan--;
	out[3]->flags &= (uint8_t)~PACKET_CSUM;
	assert_int_equal(merge_count(out, n), 3);
	out[3]->flags |= PACKET_CSUM;
	out[1]->csum_start++;
	assert_int_equal(merge_count(out, n), 1);
	out[1]->csum_start--;
	out[4]->gso_type = GSO_TCP4;
	assert_int_equal(merge_count(out, n), 4);
	packet_free_bulk(&cache, out, n);
}

// A longer or a missing segment, and more than an IP packet can hold.
static void lengths_end_the_run(void **state)
{
	unsigned n = cut(9500, 1000, 0), all;
	struct packet *more[SEGMENTS_MAX];

	assert_int_equal(n, 10);
	memcpy(more, out, sizeof(more));
	more[3] = out[4];
	assert_int_equal(merge_count(more, 5), 3);
	more[3] = out[9]; // short, and not the next either
	assert_int_equal(merge_count(more, 4), 3);
	assert_int_equal(merge_count(out + 9, 1), 1);
	packet_free_bulk(&cache, out, n);

	n = cut(60000, 1500, 0);
	assert_int_equal(merge_count(out, n), 40);
	for (all = n; all < 50; all++) { // the stream goes on behind it
		uint8_t *ip, *tcp;

		out[all] = packet_copy(&cache, out[all - 1]);
		ip = out[all]->data + flat.l3;
		tcp = out[all]->data + flat.l4;
		store_be32(tcp + 4, load_be32(tcp + 4) + 1500);
		if (flat.ipv6)
			continue;
		store_be16(ip + 4, (uint16_t)(load_be16(ip + 4) + 1));
		fix_ipv4_sum(ip);
	}
	assert_int_equal(merge_count(out, all), (65535 - (flat.payload - flat.l3)) / 1500);
	packet_free_bulk(&cache, out, all);
}

static void no_frame_lost(void **state)
{
	assert_int_equal(pool_free_frames(pool, &cache), FRAMES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(merged_and_cut_again),
		cmocka_unit_test(any_difference_ends_the_run),
		cmocka_unit_test(other_metadata_ends_the_run),
		cmocka_unit_test(lengths_end_the_run),
		cmocka_unit_test(no_frame_lost),
	};

	random_seed();
	if (packet_pool_create(&pool, FRAMES))
		return 1;
	packet_cache_init(&cache, pool);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
