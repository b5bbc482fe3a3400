// SPDX-License-Identifier: BSD-3-Clause
// Fuzz targets' packets: a chain and its offload fields from the fuzzer's bytes.
// Under ASan, the bytes of the frames that do not belong to the packet are
// poisoned, so that reading or writing beyond its end is seen.
#pragma once

#include <sanitizer/asan_interface.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/packet.h"
#include "dataplane/path/ethernet.h"

#define INPUT_FRAMES 8192

static struct packet_pool *pool;
static struct packet_cache cache;

static inline void input_init(void)
{
	if (pool)
		return;
	if (packet_pool_create(&pool, INPUT_FRAMES))
		abort();
	packet_cache_init(&cache, pool);
}

struct input {
	const uint8_t *b;
	size_t n;
};

static inline uint16_t input_u8(struct input *in)
{
	if (!in->n)
		return 0;
	in->n--;
	return *in->b++;
}

static inline uint16_t input_u16(struct input *in)
{
	uint16_t high = (uint16_t)(input_u8(in) << 8);

	return high | input_u8(in);
}

// The path may load an Ethernet header of any frame before it looks at the length: a frame has
// room for one.
static inline void input_poison(struct packet *p)
{
	uint8_t *frame = packet_frame(cache.geometry, p);
	uint8_t *end = p->data + MAX(p->len, ETHERNET_HEADER_SIZE);

	ASAN_POISON_MEMORY_REGION(end, (size_t)(frame + FRAME_STRIDE - end));
}

// Takes the rest of the input as the packet's bytes, cut at every `cut` bytes
// (0 = full frames) behind a first frame of `first`.
static inline struct packet *input_chain(struct input *in, uint32_t first, uint32_t cut)
{
	struct packet *head = NULL, *last = NULL;
	uint32_t n = (uint32_t)MIN(in->n, PACKET_MAX_BYTES);
	uint32_t part = MIN(MIN(first, n), FRAME_CAPACITY);

	if (!cut || cut > FRAME_CAPACITY || n / cut > 64)
		cut = FRAME_CAPACITY;
	do {
		struct packet *p = packet_alloc(&cache);

		if (!p)
			abort(); // some frame was lost
		memcpy(p->data, in->b, part);
		p->len = (uint16_t)part;
		input_poison(p);
		if (last)
			last->next = p;
		else
			head = p;
		last = p;
		head->n_frames = head == p ? 1 : head->n_frames + 1;
		head->total_len += part;
		in->b += part;
		n -= part;
		part = MIN(cut, n);
	} while (n);
	return head;
}

// A packet with everything that a hostile sender may choose.
static inline struct packet *input_packet(struct input *in)
{
	uint16_t flags = input_u8(in), gso_type = input_u8(in), gso_size = input_u16(in);
	uint16_t csum_start = input_u16(in), csum_offset = input_u16(in), hdr_len = input_u16(in);
	uint16_t first = input_u16(in), cut = input_u8(in);
	struct packet *p = input_chain(in, first, cut);

	p->flags = flags & (PACKET_CSUM | PACKET_GSO_ECN);
	p->gso_type = (uint8_t)gso_type;
	p->gso_size = gso_size;
	p->csum_start = csum_start;
	p->csum_offset = csum_offset;
	p->hdr_len = hdr_len;
	return p;
}

// Sets what parse() would, without its judgement. False for runts.
static inline bool input_ethernet(struct packet *p)
{
	if (p->len < ETHERNET_HEADER_SIZE)
		return false;
	p->ethertype = load_be16(p->data + 12);
	p->l3_offset = ETHERNET_HEADER_SIZE;
	if (p->ethertype == ETHERTYPE_VLAN && p->len >= ETHERNET_HEADER_SIZE + VLAN_TAG_SIZE) {
		p->flags |= PACKET_TAGGED;
		p->ethertype = load_be16(p->data + 16);
		p->l3_offset += VLAN_TAG_SIZE;
	}
	return true;
}

static inline void input_free(struct packet *p)
{
	for (struct packet *f = p; f; f = f->next)
		ASAN_UNPOISON_MEMORY_REGION(packet_frame(cache.geometry, f), FRAME_STRIDE);
	packet_free(&cache, p);
}

// Every frame is back.
static inline void input_check(void)
{
	struct pool_stats s;

	packet_pool_stats(pool, &s);
	if (s.frames_free + cache.n != INPUT_FRAMES)
		abort();
}
