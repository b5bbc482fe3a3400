// SPDX-License-Identifier: BSD-3-Clause
// Private to l3*.c and their tests: what the parts of the l3 stage share.
#pragma once

#include "dataplane/path/path.h"
#include "dataplane/table/fib.h"
#include "dataplane/table/neigh.h"
#include "dataplane/table/nexthop.h"

// The packets of one address family in a burst, and what is known of each. In columns, so that
// vector instructions do the same to all.
struct lane {
	unsigned n;
	bool is_plain;            // every packet is one frame without offload requests
	uint8_t at[BURST_MAX];    // place in the burst
	uint32_t hash[BURST_MAX]; // of the flow
	uint32_t size[BURST_MAX]; // of the IP packet; of the longest segment of a GSO packet
	uint32_t hop[BURST_MAX];  // the word of the header that changes at a hop, as it will leave:
				  // IPv4 bytes 8 to 11, IPv6 bytes 4 to 7
	fib_nexthop_t next[BURST_MAX];
	nexthop_hit_t hit[BURST_MAX];
	union {
		struct {
			uint32_t src4[BURST_MAX], dst4[BURST_MAX]; // as numbers
		};
		uint8_t dst6[BURST_MAX][16];
	};
};

// One run of the stage.
struct l3_run {
	const struct snapshot *s;
	struct burst *b;
	uint64_t excepted; // packets for the kernel, by bit; b->reason says why
};

static fast_inline void l3_except(struct l3_run *run, unsigned i, enum exception_reason reason)
{
	run->excepted |= 1ull << i;
	run->b->reason[i] = (uint8_t)reason;
}

// A verdict: L3_PASS, an exception reason, or L3_DROP with a drop reason.
enum { L3_PASS = -1, L3_DROP = 0x100 };

static inline void l3_judge(struct l3_run *run, unsigned i, int verdict)
{
	if (verdict & L3_DROP)
		burst_refuse(run->b, i, (enum drop_reason)(verdict & ~L3_DROP));
	else
		l3_except(run, i, (enum exception_reason)verdict);
}

// l3_headers.c: reads the headers of a lane's packets and leaves those in it that pass. False, and
// nothing has changed, when some packet does not belong in the lane.
bool l3_read4(struct l3_run *, struct lane *);
bool l3_read6(struct l3_run *, struct lane *);

// l3_check.c: of a packet that is not plain: RFC 1812 5.2.2, RFC 8200 3, and what Linux forwards.
struct l3_found {
	uint32_t src, dst; // IPv4, as numbers
	uint32_t hash, size, hop;
};

// p->l3_offset and ethertype are set; no tag. Pure.
int l3_check4(const struct packet *, uint32_t flow_secret, struct l3_found *);
int l3_check6(const struct packet *, uint32_t flow_secret, struct l3_found *);

// Addresses that no router forwards from one link to another, and those for which only the kernel
// knows: 0/8, 127/8, multicast and above; ::/16 (unspecified, loopback, mapped), link-local,
// multicast. By the first byte or two.
static fast_inline uint32_t is_martian4(uint32_t first)
{
	return (first - 1 >= 223) | (first == 127);
}

static fast_inline uint32_t is_martian6(uint32_t first)
{
	return !first | (first >= 0xff00) | ((first & 0xffc0) == 0xfe80);
}

// One hop less, of the words that lane.hop says. The checksum of IPv4 follows by RFC 1624: the
// 16 bits that hold the TTL lose 0x0100, so the sum gains it (as stored: 1); the result is what a
// sum over all of the header gives, never 0xffff.
static fast_inline uint32_t next_hop4(uint32_t word)
{
	uint32_t sum = (word >> 16) + 1;

	sum += sum >= UINT16_MAX;
	return (((word & UINT16_MAX) - 1) & UINT16_MAX) | sum << 16;
}

static fast_inline uint32_t next_hop6(uint32_t word)
{
	return word - (1u << 24);
}

// l3_source.c: checks the sources of an IPv4 lane and leaves those in it that pass.
void l3_check_sources(struct l3_run *, struct lane *);
