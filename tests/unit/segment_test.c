// SPDX-License-Identifier: BSD-3-Clause
#include "tests/unit/test.h"

#include "dataplane/path/checksum.h"
#include "dataplane/path/segment.h"
#include "tests/unit/packets.h"

#define FRAMES 4096

static struct packet_pool *pool;
static struct packet_cache cache;
static struct flat flat;
static struct packet *out[SEGMENTS_MAX];

// What segment `i` must look like, made byte by byte from the whole; returns its length.
static uint32_t naive_segment(const struct flat *f, uint32_t size, unsigned i, uint8_t *to)
{
	uint32_t payload = f->len - f->payload;
	uint32_t offset = i * size;
	uint32_t n = MIN(size, payload - offset);
	uint32_t len = f->payload + n;
	bool last = offset + n == payload;
	uint8_t *ip = to + f->l3, *l4 = to + f->l4;

	memcpy(to, f->b, f->payload);
	memcpy(to + f->payload, f->b + f->payload + offset, n);
	if (f->ipv6) {
		store_be16(ip + 4, (uint16_t)(len - f->l3 - 40));
	} else {
		store_be16(ip + 2, (uint16_t)(len - f->l3));
		store_be16(ip + 4, (uint16_t)(load_be16(ip + 4) + i));
		store_be16(ip + 10, 0);
		store_be16(ip + 10, (uint16_t)~naive_sum(0, ip, (ip[0] & 15) * 4u));
	}
	if (f->tcp) {
		store_be32(l4 + 4, load_be32(l4 + 4) + offset);
		if (!last)
			l4[13] &= 0xf6; // FIN, PSH
		if (i)
			l4[13] &= 0x7f; // CWR
	} else {
		store_be16(l4 + 4, (uint16_t)(8 + n));
	}
	store_be16(to + flat_checksum_at(f), naive_pseudo_sum(f, len - f->l4));
	return len;
}

static void expect_segment(struct packet *s, uint32_t size, unsigned i)
{
	static uint8_t want[PACKET_MAX_BYTES + 64], got[PACKET_MAX_BYTES + 64];
	uint32_t len = naive_segment(&flat, size, i, want);
	uint32_t sum = 0;
	unsigned n_frames = 0;

	assert_int_equal(s->total_len, len);
	for (const struct packet *f = s; f; f = f->next) {
		const uint8_t *frame = packet_frame(cache.geometry, f);

		assert_true(
			f->data >= frame + FRAME_LEAD && f->data + f->len <= frame + FRAME_STRIDE);
		sum += f->len;
		n_frames++;
	}
	assert_int_equal(sum, len);
	assert_int_equal(s->n_frames, n_frames);
	packet_read(s, 0, got, len);
	assert_memory_equal(got, want, len);
	assert_int_equal(s->gso_type, GSO_NONE);
	assert_int_equal(s->flags, PACKET_CSUM | (flat.tagged ? PACKET_TAGGED : 0));
	assert_int_equal(s->csum_start, flat.l4);
	assert_int_equal(s->csum_start + s->csum_offset, flat_checksum_at(&flat));
	assert_int_equal(s->l3_offset, flat.l3);
	assert_int_equal(s->hdr_len, flat.payload);
	assert_int_equal(s->in_port, 7);
	assert_int_equal(s->vlan, 42);
	assert_int_equal(s->tci, 0x602a);
	// What completes it afterwards must satisfy a receiver.
	checksum_complete(s);
	packet_read(s, 0, got, len);
	assert_int_equal(
		naive_sum(naive_pseudo_sum(&flat, len - flat.l4), got + flat.l4, len - flat.l4),
		0xffff);
}

static struct packet *make(uint16_t size)
{
	struct packet *p = chain_from_flat(&cache, &flat, flat.payload);

	p->gso_type = !flat.tcp ? GSO_UDP : flat.ipv6 ? GSO_TCP6 : GSO_TCP4;
	p->gso_size = size;
	p->flags |= PACKET_CSUM;
	p->csum_start = flat.l4;
	p->csum_offset = flat_checksum_at(&flat) - flat.l4;
	p->hdr_len = (uint16_t)random_u32(); // a lie
	p->in_port = 7;
	p->vlan = 42;
	p->tci = 0x602a;
	return p;
}

static void as_the_naive_one(void **state)
{
	for (unsigned i = 0; i < 4000; i++) {
		uint32_t payload = 1 + random_below(i % 16 ? 6000 : 65000);
		uint32_t size = 1 + random_below(i % 4 ? 1500 : 9000);
		unsigned n;
		bool no_frame;
		struct packet *p;

		size = MAX(size, payload / 500);
		flat_random(&flat, i & 1, i & 2, MIN(payload, 65400));
		if (flat.len > PACKET_MAX_BYTES - 40)
			continue;
		p = make((uint16_t)size);
		assert_true(segment_request_valid(p));
		assert_int_equal(p->hdr_len, flat.payload);
		n = segment(&cache, p, out, SEGMENTS_MAX, &no_frame);
		assert_int_equal(n, (flat.len - flat.payload + size - 1) / size);
		for (unsigned k = 0; k < n; k++)
			expect_segment(out[k], size, k);
		packet_free_bulk(&cache, out, n);
		packet_free(&cache, p);
	}
}

static void flags_go_where_they_belong(void **state)
{
	bool no_frame;
	struct packet *p;

	flat_random(&flat, false, true, 3000);
	flat.b[flat.l4 + 13] = 0xff;
	p = make(1000);
	assert_int_equal(segment(&cache, p, out, SEGMENTS_MAX, &no_frame), 3);
	assert_int_equal(out[0]->data[flat.l4 + 13], 0xf6); // CWR, no FIN, no PSH
	assert_int_equal(out[1]->data[flat.l4 + 13], 0x76);
	assert_int_equal(out[2]->data[flat.l4 + 13], 0x7f);
	packet_free_bulk(&cache, out, 3);
	packet_free(&cache, p);
}

static void expect_refused(struct packet *p, unsigned max)
{
	bool no_frame = true;

	if (max == SEGMENTS_MAX)
		assert_false(segment_request_valid(p));
	assert_int_equal(segment(&cache, p, out, max, &no_frame), 0);
	assert_false(no_frame);
	packet_free(&cache, p);
}

static void refuses_lies(void **state)
{
	struct packet *p;

	for (unsigned i = 0; i < 200; i++) {
		bool ipv6 = i & 1, tcp = i & 2;

		flat_random(&flat, ipv6, tcp, 3000);
		expect_refused(make(0), SEGMENTS_MAX);
		expect_refused(make(1), SEGMENTS_MAX); // 3000 segments
		expect_refused(make(1000), 2);
		p = make(1000);
		p->gso_type = tcp ? GSO_UDP : GSO_TCP4;
		expect_refused(p, SEGMENTS_MAX);
		p = make(1000);
		p->gso_type = (uint8_t)(ipv6 ? GSO_TCP4 : GSO_TCP6);
		expect_refused(p, SEGMENTS_MAX);
		p = make(1000);
		p->gso_type = (uint8_t[]){2, 3, 6, 255}[random_below(4)];
		expect_refused(p, SEGMENTS_MAX);
		p = make(1000);
		p->ethertype = ipv6 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6;
		expect_refused(p, SEGMENTS_MAX);
		if (tcp) {
			flat.b[flat.l4 + 12] = 0x40; // a header of 16 bytes
			expect_refused(make(1000), SEGMENTS_MAX);
		}
		// No payload; headers cut off.
		flat_random(&flat, ipv6, tcp, 0);
		expect_refused(make(1000), SEGMENTS_MAX);
		flat.len = flat.l3 + random_below(flat.payload - flat.l3);
		expect_refused(make(1000), SEGMENTS_MAX);
	}
}

// The checksum request must be the one that the segments will carry.
static void refuses_other_checksums(void **state)
{
	struct packet *p;

	flat_random(&flat, false, true, 3000);
	p = make(1000);
	p->csum_start--;
	assert_false(segment_request_valid(p));
	p->csum_start++;
	p->csum_offset = 6;
	assert_false(segment_request_valid(p));
	p->csum_offset = 16;
	assert_true(segment_request_valid(p));
	p->flags = 0;
	assert_false(segment_request_valid(p));
	packet_free(&cache, p);
}

// With every number of frames that is too small: nothing stays allocated.
static void short_of_frames(void **state)
{
	static struct packet *held[FRAMES];
	uint32_t n_held = 0;
	struct packet *p;
	bool no_frame;

	flat_random(&flat, false, true, 20000);
	p = make(2500); // 8 segments of 2 frames
	while (packet_alloc_bulk(&cache, &held[n_held], 1))
		n_held++;
	for (unsigned spare = 0; spare <= 16; spare++) {
		unsigned n = segment(&cache, p, out, SEGMENTS_MAX, &no_frame);

		assert_int_equal(n, spare < 16 ? 0 : 8);
		assert_int_equal(no_frame, spare < 16);
		assert_int_equal(pool_free_frames(pool, &cache), spare < 16 ? spare : 0);
		packet_free_bulk(&cache, out, n);
		packet_free(&cache, held[--n_held]);
	}
	packet_free_bulk(&cache, held, n_held);
	packet_free(&cache, p);
}

static void no_frame_lost(void **state)
{
	assert_int_equal(pool_free_frames(pool, &cache), FRAMES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_the_naive_one),
		cmocka_unit_test(flags_go_where_they_belong),
		cmocka_unit_test(refuses_lies),
		cmocka_unit_test(refuses_other_checksums),
		cmocka_unit_test(short_of_frames),
		cmocka_unit_test(no_frame_lost),
	};

	random_seed();
	if (packet_pool_create(&pool, FRAMES))
		return 1;
	packet_cache_init(&cache, pool);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
