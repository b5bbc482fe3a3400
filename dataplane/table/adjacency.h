// SPDX-License-Identifier: BSD-3-Clause
// Adjacency: all that is needed to send a packet to one neighbour, in one cache line: the Ethernet
// header (with an 802.1Q tag or without), egress port, VLAN, MTU, and whether it may be used.
//
// Readers: any worker, by adjacency_read(), which gives a copy in registers.
// Writer:  control only, in place, by adjacency_write(); routes, next hops and groups keep naming
//          the same adjacency whatever becomes of the neighbour.
//
// No torn read: the line holds two versions of 32 bytes, each with its serial number. Control
// writes the older one and numbers it last; a reader takes the newer one, and takes it again when
// control finished the other and began this one meanwhile. So a writer that is stopped in the
// middle delays nobody. Serials have 48 bits and never wrap.
//
// The header ends where the IP header begins, so it is kept flush right: two stores of 8 bytes,
// and with a tag one of 2 (rewrite_apply()). The ethertype is the packet's own: IPv4 may go
// to a neighbour that has an IPv6 address (RFC 8950), with the same adjacency.
// A worker's counter of an adjacency is found by the adjacency's number.
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include "base/compiler.h"
#include "base/net.h"

#define REWRITE_ROOM 18 // bytes before the IP header that rewrite_apply() may overwrite

// One version. Little-endian fields of words:
//	0, 1: the last 16 bytes of the header, the ethertype left zero
//	2:    2 bytes before them | port << 16 | VLAN << 32 | MTU << 48
//	3:    header length | can_forward << 8 | serial << 16
struct rewrite {
	uint64_t word[4];
};

struct adjacency {
	_Atomic uint64_t version[2][4];
} cache_aligned;

static_assert(sizeof(struct adjacency) == CACHE_LINE, "one line per adjacency");
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "layout of the words");

// -- worker side --------------------------------------------------------------------
// Whether a serial of 0 says that the line was never written, and not that control was met writing
// both versions, one after the other.
static inline bool adjacency_is_blank(const struct adjacency *a)
{
	return !atomic_load_explicit(&a->version[0][3], memory_order_acquire) &&
	       !atomic_load_explicit(&a->version[1][3], memory_order_acquire);
}

static fast_inline struct rewrite adjacency_read(const struct adjacency *a)
{
	struct rewrite r;
	uint64_t other;
	unsigned newer;

	do {
		other = atomic_load_explicit(&a->version[0][3], memory_order_acquire);
		r.word[3] = atomic_load_explicit(&a->version[1][3], memory_order_acquire);
		newer = r.word[3] > other;
		if (!newer)
			r.word[3] = other;
		// Three loads and no loop, which the compiler would send through memory.
		r.word[0] = atomic_load_explicit(&a->version[newer][0], memory_order_acquire);
		r.word[1] = atomic_load_explicit(&a->version[newer][1], memory_order_acquire);
		r.word[2] = atomic_load_explicit(&a->version[newer][2], memory_order_acquire);
	} while (unlikely(
		atomic_load_explicit(&a->version[newer][3], memory_order_relaxed) != r.word[3] ||
		(!r.word[3] && !adjacency_is_blank(a))));
	return r;
}

// False: not resolved, or its interface is gone or down. The packet is the kernel's (exception).
static fast_inline bool rewrite_can_forward(struct rewrite r)
{
	return r.word[3] >> 8 & 1;
}

// Whether the port is known; also where the neighbour is not.
static fast_inline bool rewrite_has_port(struct rewrite r)
{
	return (uint8_t)r.word[3];
}

static fast_inline port_id_t rewrite_port(struct rewrite r)
{
	return (port_id_t)(r.word[2] >> 16);
}

static fast_inline vlan_id_t rewrite_vlan(struct rewrite r)
{
	return (vlan_id_t)(r.word[2] >> 32);
}

// Longest IP packet; 0 where nothing can be forwarded.
static fast_inline uint16_t rewrite_mtu(struct rewrite r)
{
	return (uint16_t)(r.word[2] >> 48);
}

// 14, or 18 with a tag.
static fast_inline unsigned rewrite_length(struct rewrite r)
{
	return (uint8_t)r.word[3];
}

// Puts the header before the IP header at l3 and returns its first byte. The REWRITE_ROOM bytes
// before l3 must be writable.
static fast_inline uint8_t *rewrite_apply(struct rewrite r, uint8_t *l3, uint16_t ethertype)
{
	uint64_t tail = r.word[1] | (uint64_t)__builtin_bswap16(ethertype) << 48;
	uint64_t head = r.word[0] >> 16; // 6 bytes; the tail overwrites the rest
	uint16_t lead = (uint16_t)r.word[2];

	if (likely(rewrite_length(r) == 14)) {
		// Nothing before it: that would be a cache line of the frame that nobody has read.
		memcpy(l3 - 14, &head, sizeof(head));
		memcpy(l3 - 8, &tail, sizeof(tail));
		return l3 - 14;
	}
	memcpy(l3 - 18, &lead, sizeof(lead));
	memcpy(l3 - 16, &r.word[0], sizeof(r.word[0]));
	memcpy(l3 - 8, &tail, sizeof(tail));
	return l3 - 18;
}

// -- control side -------------------------------------------------------------------
struct adjacency_config {
	struct mac destination, source;
	bool is_tagged; // with `vlan`
	vlan_id_t vlan;
	port_id_t port;
	uint16_t mtu;
	bool is_unresolved; // exception, but workers see by which port it would go
};

// NULL = exception from now on.
void adjacency_write(struct adjacency *, const struct adjacency_config *);
