// SPDX-License-Identifier: BSD-3-Clause
// Private to l3*.c and their tests: what the parts of the l3 stage share.
#pragma once

#include "dataplane/path/path.h"
#include "dataplane/table/fib.h"
#include "dataplane/table/neigh.h"
#include "dataplane/table/nexthop.h"

// The packets of one address family in a burst, and what is known of each.
struct lane {
	unsigned n;
	uint8_t at[BURST_MAX];    // place in the burst
	uint32_t hash[BURST_MAX]; // of the flow
	uint32_t size[BURST_MAX]; // of the IP packet; of the longest segment of a GSO packet
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

// l3_check.c: of the packets that are not plain. RFC 1812 5.2.2, RFC 8200 3, and what Linux
// forwards. A verdict is L3_PASS, an exception reason, or L3_DROP with a drop reason.
enum { L3_PASS = -1, L3_DROP = 0x100 };

struct l3_found {
	uint32_t src, dst; // IPv4
	uint32_t hash, size;
};

// p->l3_offset and ethertype are set; no tag. Pure.
int l3_check4(const struct packet *, uint64_t flow_secret, struct l3_found *);
int l3_check6(const struct packet *, uint64_t flow_secret, struct l3_found *);

// Addresses that no router forwards from one link to another, and those for which only the kernel
// knows: 0/8, 127/8, multicast and above; ::/16 (unspecified, loopback, mapped), link-local,
// multicast.
static fast_inline bool is_martian4(uint8_t first)
{
	return (uint8_t)(first - 1) >= 223 || first == 127;
}

static fast_inline bool is_martian6(uint16_t first)
{
	return !first || first >= 0xff00 || (first & 0xffc0) == 0xfe80;
}

// l3_source.c: checks the sources of packets `suspects` of the lane, by bit (IPv4).
void l3_check_sources(struct l3_run *, const struct lane *, uint64_t suspects);
