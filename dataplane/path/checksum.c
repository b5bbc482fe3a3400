// SPDX-License-Identifier: BSD-3-Clause
// Sums are formed from words in the machine's byte order: ones'-complement
// addition does not care, as long as the result is stored in the same order
// (RFC 1071 2B).
#include "dataplane/path/checksum.h"

#include <string.h>

#include "dataplane/path/transport.h"

// Four 64-bit lanes, which the compiler maps to the widest registers there are.
typedef uint64_t lanes_t __attribute__((vector_size(32)));

#define BLOCK 128u // bytes of one round: four vectors, so that additions overlap

// Sum over whole blocks. Each lane gathers 32-bit halves (2^32 is 1 in this arithmetic), so
// that no carry is lost below 2^32 additions.
static fast_inline uint64_t sum_blocks(const uint8_t *data, uint32_t n)
{
	const lanes_t low = {UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX};
	lanes_t a = {0}, b = {0};

	for (; n >= BLOCK; n -= BLOCK, data += BLOCK) {
		lanes_t w[4];

		memcpy(w, data, sizeof(w));
		a += (w[0] & low) + (w[1] & low);
		b += (w[0] >> 32) + (w[1] >> 32);
		a += (w[2] & low) + (w[3] & low);
		b += (w[2] >> 32) + (w[3] >> 32);
	}
	a += b;
	// Each lane is below 2^45 (64 KiB at most come here): no overflow.
	return a[0] + a[1] + a[2] + a[3];
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static uint64_t sum_blocks_avx2(const uint8_t *data, uint32_t n)
{
	return sum_blocks(data, n);
}
#endif

static uint64_t sum_blocks_best(const uint8_t *data, uint32_t n)
{
#if defined(__x86_64__)
	if (likely(__builtin_cpu_supports("avx2")))
		return sum_blocks_avx2(data, n);
#endif
	return sum_blocks(data, n);
}

static fast_inline uint64_t add_carry(uint64_t sum, uint64_t v)
{
	sum += v;
	return sum + (sum < v);
}

uint64_t checksum_add(uint64_t sum, const uint8_t *data, uint32_t n)
{
	uint64_t last = 0;

	if (n >= BLOCK) {
		uint32_t blocks = n & ~(BLOCK - 1);

		sum = add_carry(sum, sum_blocks_best(data, blocks));
		data += blocks;
		n -= blocks;
	}
	for (; n >= sizeof(uint64_t); n -= sizeof(uint64_t), data += sizeof(uint64_t)) {
		uint64_t v;

		memcpy(&v, data, sizeof(v));
		sum = add_carry(sum, v);
	}
	if (n) {
		memcpy(&last, data, n);
		sum = add_carry(sum, last);
	}
	return sum;
}

uint16_t checksum_chain(const struct packet *p, uint32_t offset, uint32_t n)
{
	uint64_t sum = 0;
	bool odd = false; // an odd number of bytes was summed so far

	for (; n; p = p->next) {
		uint32_t part;

		if (offset >= p->len) {
			offset -= p->len;
			continue;
		}
		part = MIN(n, p->len - offset);
		if (odd) // this piece begins in the middle of a 16-bit word (RFC 1071 2B)
			sum = add_carry(sum, __builtin_bswap16(checksum_fold(
						     checksum_add(0, p->data + offset, part))));
		else
			sum = checksum_add(sum, p->data + offset, part);
		odd ^= part & 1;
		n -= part;
		offset = 0;
	}
	return checksum_fold(sum);
}

bool checksum_request_valid(const struct packet *p)
{
	return p->csum_start >= p->l3_offset &&
	       (uint32_t)p->csum_start + p->csum_offset + sizeof(uint16_t) <= p->len;
}

static void store(struct packet *p, uint32_t at, uint16_t sum)
{
	sum = (uint16_t)~sum;
	if (sum == 0)
		sum = 0xffff;
	memcpy(p->data + at, &sum, sizeof(sum));
}

void checksum_complete(struct packet *p)
{
	store(p, (uint32_t)p->csum_start + p->csum_offset,
		checksum_chain(p, p->csum_start, p->total_len - p->csum_start));
	p->flags &= (uint8_t)~PACKET_CSUM;
}

void checksum_find_unfinished(struct packet *p)
{
	struct transport t;
	uint32_t n; // bytes of transport header and payload
	uint32_t end;
	uint16_t at, field;

	if (p->flags & PACKET_CSUM || !transport_find(p, &t))
		return;
	n = t.ip_len - (t.offset - p->l3_offset);
	at = t.offset + transport_checksum_offset(&t);
	memcpy(&field, p->data + at, sizeof(field));
	if (likely(field != checksum_fold(transport_pseudo_sum(&t, n))))
		return;
	end = p->l3_offset + t.ip_len;
	if (end > p->total_len || end < at + sizeof(field))
		return; // truncated, or an IP length that is a lie
	if (unlikely(end < p->total_len)) {
		store(p, at, checksum_chain(p, t.offset, n));
		return;
	}
	p->flags |= PACKET_CSUM;
	p->csum_start = t.offset;
	p->csum_offset = at - t.offset;
}
