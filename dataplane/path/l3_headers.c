// SPDX-License-Identifier: BSD-3-Clause
// The headers of a burst at once: first they are copied into columns, then all checks are made on
// columns, without a branch, for as many packets at a time as the CPU's vectors hold. What they
// find odd goes to l3_check.c, whose verdict counts: here may only be taken what passes there, with
// the same result.
#include "dataplane/path/l3.h"

#include <string.h>

#include "dataplane/path/flow_hash.h"

#define PORTS_SIZE 4 // what a plain packet has behind its IP header at least

struct columns {
	// Of the header, as they lie there. IPv4: all, and the ports. IPv6: the first two, the
	// first of each address, both addresses folded, the ports.
	uint32_t word[6][BURST_MAX];
	uint32_t there[BURST_MAX];   // bytes from the IP header on
	uint32_t unusual[BURST_MAX]; // frames beyond the first, offloads; above 16 bits: GSO
	uint32_t odd[BURST_MAX];     // not 0: not plain
};

// Columns for rows beyond n are computed too, to whole vectors, and nobody looks at them.
#define VECTOR 8

// So few packets are read one by one: vectors of what was stored a moment ago have to wait.
#define FEW 2

// False when some packet of the lane is tagged, of another ethertype or for another MAC.
static fast_inline bool fill(
	const struct burst *b, struct lane *lane, struct columns *c, uint16_t type, uint32_t header)
{
	const uint64_t own = mac_to_u64(b->in->mac) << 16;
	const unsigned n = lane->n;
	uint32_t unusual = 0;

	for (unsigned k = 0; k < n; k++) {
		unsigned i = lane->at[k];
		const struct packet *p = b->packet[i];
		const uint8_t *ip = p->data + ETHERNET_HEADER_SIZE;
		uint32_t u = ((uint32_t)p->gso_type << 16) | (p->n_frames ^ 1u) | p->flags;

		if (unlikely(
			    (b->dst[i] ^ own) | (p->ethertype ^ type) | (p->flags & PACKET_TAGGED)))
			return false;
		unusual |= u;
		c->there[k] = p->total_len - ETHERNET_HEADER_SIZE;
		c->unusual[k] = u;
		c->odd[k] = p->len < ETHERNET_HEADER_SIZE + header + PORTS_SIZE;
		if (unlikely(c->odd[k] | (n <= FEW)))
			continue;
		if (type == ETHERTYPE_IPV4) {
			for (unsigned w = 0; w < 6; w++)
				memcpy(&c->word[w][k], ip + 4 * w, 4);
			continue;
		}
		memcpy(&c->word[0][k], ip, 4);
		memcpy(&c->word[1][k], ip + 4, 4);
		memcpy(&c->word[2][k], ip + 8, 4);
		memcpy(&c->word[3][k], ip + 24, 4);
		memcpy(&c->word[5][k], ip + IPV6_HEADER_SIZE, 4);
		c->word[4][k] = flow_fold6(ip + 8);
		memcpy(lane->dst6[k], ip + 24, 16);
	}
	lane->is_plain = !unusual;
	return true;
}

// Whether the packet's length by its IP header needs a closer look. Bytes behind the IP packet, as
// Ethernet pads, are common; they are cut off when it leaves.
static fast_inline uint32_t is_odd_length(uint32_t size, uint32_t there, uint32_t unusual)
{
	return (size > there) | (unusual > UINT16_MAX) | ((size != there) & (unusual != 0));
}

static fast_inline uint32_t halves(uint32_t word)
{
	return (word & UINT16_MAX) + (word >> 16);
}

// Returns whether some packet is odd.
static fast_inline uint32_t sweep4(
	struct columns *restrict c, struct lane *restrict lane, uint32_t secret)
{
	const uint32_t n = lane->n, n_rows = ALIGN_UP(n, VECTOR);
	uint32_t some = 0;

	for (uint32_t k = 0; k < n_rows; k++) {
		uint32_t w0 = c->word[0][k], w1 = c->word[1][k], w2 = c->word[2][k];
		uint32_t src = c->word[3][k], dst = c->word[4][k];
		uint32_t size = (w0 >> 8 & 0xff00) | w0 >> 24;
		uint32_t sum = halves(w0) + halves(w1) + halves(w2) + halves(src) + halves(dst);
		uint32_t odd = c->odd[k];

		sum = halves(halves(sum));
		odd |= ((w0 & 0xff) != 0x45) | (sum != UINT16_MAX) | (size < IPV4_HEADER_SIZE) |
		       ((w2 & 0xff) <= 1) | is_martian4(src & 0xff) | is_martian4(dst & 0xff) |
		       is_odd_length(size, c->there[k], c->unusual[k]);
		c->odd[k] = odd;
		some |= k < n ? odd : 0;
		lane->size[k] = size;
		lane->src4[k] = __builtin_bswap32(src);
		lane->dst4[k] = __builtin_bswap32(dst);
		lane->hop[k] = next_hop4(w2);
		lane->hash[k] = flow_hash4(secret, src, dst, w2 >> 8 & 0xff, c->word[5][k],
			w1 & (uint32_t)__builtin_bswap16(IPV4_FRAGMENT) << 16);
	}
	return some;
}

static fast_inline uint32_t first_half(uint32_t word) // in host order
{
	return (word << 8 & 0xff00) | (word >> 8 & 0xff);
}

static fast_inline uint32_t sweep6(
	struct columns *restrict c, struct lane *restrict lane, uint32_t secret)
{
	const uint32_t n = lane->n, n_rows = ALIGN_UP(n, VECTOR);
	uint32_t some = 0;

	for (uint32_t k = 0; k < n_rows; k++) {
		uint32_t w1 = c->word[1][k], next = w1 >> 16 & 0xff;
		uint32_t size = IPV6_HEADER_SIZE + first_half(w1);
		uint32_t odd = c->odd[k];

		odd |= ((c->word[0][k] & 0xf0) != 0x60) | !next | (w1 >> 24 <= 1) |
		       is_martian6(first_half(c->word[2][k])) |
		       is_martian6(first_half(c->word[3][k])) |
		       is_odd_length(size, c->there[k], c->unusual[k]);
		c->odd[k] = odd;
		some |= k < n ? odd : 0;
		lane->size[k] = size;
		lane->hop[k] = next_hop6(w1);
		lane->hash[k] = flow_hash6(secret, c->word[4][k], next, c->word[5][k]);
	}
	return some;
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static uint32_t sweep4_avx2(
	struct columns *c, struct lane *lane, uint32_t secret)
{
	return sweep4(c, lane, secret);
}

__attribute__((target("avx2"))) static uint32_t sweep6_avx2(
	struct columns *c, struct lane *lane, uint32_t secret)
{
	return sweep6(c, lane, secret);
}
#endif

static uint32_t sweep(struct columns *c, struct lane *lane, uint32_t secret, bool ip6)
{
#if defined(__x86_64__)
	if (likely(__builtin_cpu_supports("avx2")))
		return ip6 ? sweep6_avx2(c, lane, secret) : sweep4_avx2(c, lane, secret);
#endif
	return ip6 ? sweep6(c, lane, secret) : sweep4(c, lane, secret);
}

// Asks l3_check.c about the odd ones and closes the gaps.
static void see_to_odd(struct l3_run *run, const struct columns *c, struct lane *lane, bool ip6)
{
	const bool is_few = lane->n <= FEW;
	unsigned m = 0;

	for (unsigned k = 0; k < lane->n; k++) {
		unsigned i = lane->at[k];
		const struct packet *p = run->b->packet[i];
		struct l3_found f = {
			.hash = lane->hash[k], .size = lane->size[k], .hop = lane->hop[k]};

		if (!ip6) {
			f.src = lane->src4[k];
			f.dst = lane->dst4[k];
		}
		if (c->odd[k] | is_few) {
			int verdict = ip6 ? l3_check6(p, run->s->flow_secret, &f)
					  : l3_check4(p, run->s->flow_secret, &f);

			if (verdict != L3_PASS) {
				l3_judge(run, i, verdict);
				continue;
			}
		}
		lane->at[m] = (uint8_t)i;
		lane->hash[m] = f.hash;
		lane->size[m] = f.size;
		lane->hop[m] = f.hop;
		if (ip6) {
			memcpy(lane->dst6[m], p->data + ETHERNET_HEADER_SIZE + 24, 16);
		} else {
			lane->src4[m] = f.src;
			lane->dst4[m] = f.dst;
		}
		m++;
	}
	lane->n = m;
}

bool l3_read4(struct l3_run *run, struct lane *lane)
{
	struct columns c;

	if (unlikely(!fill(run->b, lane, &c, ETHERTYPE_IPV4, IPV4_HEADER_SIZE)))
		return false;
	if (lane->n <= FEW || unlikely(sweep(&c, lane, run->s->flow_secret, false)))
		see_to_odd(run, &c, lane, false);
	return true;
}

bool l3_read6(struct l3_run *run, struct lane *lane)
{
	struct columns c;

	if (unlikely(!fill(run->b, lane, &c, ETHERTYPE_IPV6, IPV6_HEADER_SIZE)))
		return false;
	if (lane->n <= FEW || unlikely(sweep(&c, lane, run->s->flow_secret, true)))
		see_to_odd(run, &c, lane, true);
	return true;
}
