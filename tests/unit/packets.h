// SPDX-License-Identifier: BSD-3-Clause
// For tests of code that handles packets: random TCP and UDP packets, chains cut
// at random places, and checksums in the most naive form.
#pragma once

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "dataplane/packet.h"
#include "dataplane/path/ethernet.h"

// -- random numbers, repeatable by seed ----------------------------------------
static uint64_t random_state;

// From the environment's SEED, else from the clock. Printed, so that a failure can be repeated.
static inline void random_seed(void)
{
	const char *text = getenv("SEED");

	random_state = text ? strtoull(text, NULL, 0) : clock_cycles();
	printf("SEED=%llu\n", (unsigned long long)random_state);
	random_state |= 1;
}

static inline uint32_t random_u32(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 32);
}

static inline uint32_t random_below(uint32_t n)
{
	return random_u32() % n;
}

static inline void random_bytes(uint8_t *to, uint32_t n)
{
	while (n--)
		*to++ = (uint8_t)random_u32();
}

// -- naive arithmetic --------------------------------------------------------------
// Folded sum of 16-bit big-endian words, in host order, not inverted.
static inline uint16_t naive_sum(uint32_t sum, const uint8_t *data, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		sum += i % 2 ? data[i] : (uint32_t)data[i] << 8;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return (uint16_t)sum;
}

// -- a packet as plain bytes ------------------------------------------------------------
struct flat {
	uint8_t b[PACKET_MAX_BYTES + 64];
	uint32_t len;
	uint16_t l3, l4, payload; // offsets
	bool tagged, ipv6, tcp;
	uint8_t final_dst[16]; // IPv6: what the pseudo header counts
};

// Sum of the pseudo header of n bytes of transport header and payload, in host order.
static inline uint16_t naive_pseudo_sum(const struct flat *f, uint32_t n)
{
	uint8_t tail[4] = {0, f->tcp ? 6 : 17, (uint8_t)(n >> 8), (uint8_t)n};
	uint16_t sum;

	if (f->ipv6) {
		sum = naive_sum(0, f->b + f->l3 + 8, 16);
		sum = naive_sum(sum, f->final_dst, 16);
	} else {
		sum = naive_sum(0, f->b + f->l3 + 12, 8);
	}
	return naive_sum(sum, tail, 4);
}

static inline uint16_t flat_checksum_at(const struct flat *f)
{
	return f->l4 + (f->tcp ? 16 : 6);
}

// Appends an IPv6 extension header of a random length; returns where its type is to be stored.
static inline uint8_t *flat_extension(struct flat *f, uint8_t *next, unsigned which)
{
	uint8_t *h = f->b + f->len;
	unsigned len = 8 * (1 + random_below(3));

	if (which == 1) { // routing, segments left or not
		unsigned n = 1 + random_below(3);

		len = 8 + 16 * n;
		random_bytes(h, len);
		h[2] = random_below(2) ? 4 : 0; // SRH, or type 0
		h[3] = (uint8_t)random_below(2);
		if (h[3])
			memcpy(f->final_dst, h + (h[2] == 4 ? 8 : 8 + 16 * (n - 1)), 16);
	} else {
		random_bytes(h, len);
	}
	*next = (uint8_t[]){0, 43, 60}[which];
	h[1] = (uint8_t)(len / 8 - 1);
	f->len += len;
	return h;
}

// A valid packet with random headers and `payload` bytes of payload. Its checksums
// are left as random bytes; IPv4's header checksum too.
static inline void flat_random(struct flat *f, bool ipv6, bool tcp, uint32_t payload)
{
	uint8_t *ip, *next;

	*f = (struct flat){.ipv6 = ipv6, .tcp = tcp, .tagged = random_below(2)};
	random_bytes(f->b, 18);
	store_be16(f->b + (f->tagged ? 16 : 12), ipv6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4);
	if (f->tagged)
		store_be16(f->b + 12, ETHERTYPE_VLAN);
	f->l3 = f->tagged ? 18 : 14;
	ip = f->b + f->l3;
	if (ipv6) {
		random_bytes(ip, 40);
		ip[0] = 0x60 | (ip[0] & 15);
		memcpy(f->final_dst, ip + 24, 16);
		f->len = f->l3 + 40;
		next = ip + 6;
		for (unsigned which = 0; which < 3; which++)
			if (random_below(3) == 0)
				next = flat_extension(f, next, which);
		*next = tcp ? 6 : 17;
	} else {
		unsigned ihl = random_below(3) ? 5 : 5 + random_below(11);

		random_bytes(ip, ihl * 4);
		ip[0] = (uint8_t)(0x40 | ihl);
		store_be16(ip + 6, random_below(2) ? 0x4000 : 0);
		ip[9] = tcp ? 6 : 17;
		f->len = f->l3 + ihl * 4;
	}
	f->l4 = (uint16_t)f->len;
	if (tcp) {
		unsigned words = 5 + random_below(11);

		random_bytes(f->b + f->l4, words * 4);
		f->b[f->l4 + 12] = (uint8_t)(words << 4);
		f->len += words * 4;
	} else {
		random_bytes(f->b + f->l4, 8);
		store_be16(f->b + f->l4 + 4, (uint16_t)(8 + payload));
		f->len += 8;
	}
	f->payload = (uint16_t)f->len;
	random_bytes(f->b + f->len, payload);
	f->len += payload;
	if (ipv6)
		store_be16(ip + 4, (uint16_t)(f->len - f->l3 - 40));
	else
		store_be16(ip + 2, (uint16_t)(f->len - f->l3));
}

// -- bytes <-> chains -----------------------------------------------------------------------
// A chain of n bytes with at least `first` of them in the first frame, cut at random
// places, as few or as many frames as that gives. NULL when frames are short.
static inline struct packet *chain_make(
	struct packet_cache *c, const uint8_t *b, uint32_t n, uint32_t first)
{
	struct packet *head = NULL, *last = NULL;
	uint32_t short_frames = random_below(2) ? 64 : FRAME_CAPACITY;

	do {
		struct packet *p = packet_alloc(c);
		uint32_t most = MIN(n, FRAME_CAPACITY);
		uint32_t least = MIN(head ? 0 : first, most);
		uint32_t part = MIN(least + random_below(most - least + 1), least + short_frames);

		if (n > 8192 && head) // keep very long packets within the frames that they need
			part = most;
		if (!p) {
			if (head)
				packet_free(c, head);
			return NULL;
		}
		memcpy(p->data, b, part);
		p->len = (uint16_t)part;
		if (last)
			last->next = p;
		else
			head = p;
		last = p;
		head->total_len += part;
		head->n_frames = (uint16_t)(head == p ? 1 : head->n_frames + 1);
		b += part;
		n -= part;
	} while (n);
	return head;
}

// As parse() leaves it.
static inline struct packet *chain_from_flat(
	struct packet_cache *c, const struct flat *f, uint32_t first)
{
	struct packet *p = chain_make(c, f->b, f->len, first);

	assert(p);
	p->ethertype = f->ipv6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4;
	p->l3_offset = f->l3;
	p->flags = f->tagged ? PACKET_TAGGED : 0;
	return p;
}

static inline uint32_t pool_free_frames(struct packet_pool *pool, struct packet_cache *c)
{
	struct pool_stats s;

	packet_pool_stats(pool, &s);
	return s.frames_free + (c ? c->n : 0);
}
