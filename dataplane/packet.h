// SPDX-License-Identifier: BSD-3-Clause
// Packets, the frames that hold them, and the pool they come from.
//
// One region of memory is cut into frames of FRAME_STRIDE bytes; frame i is
// described by packet[i] of a dense array beside it (metadata inside the frame,
// or a power-of-two stride, would alias the cache sets: 2-9x the cycles). The
// region is what AF_XDP ports register as UMEM, so a frame goes from any port
// to any other without its payload being copied in userspace.
//
// A packet longer than a frame is a chain through `next`; only the first
// struct, the head, carries the fields below "head only". Frames behind it may be
// filled from FRAME_LEAD on.
//
// Ownership: a packet has one owner at a time; stages hand it on. The only
// ends are a port's transmit and packet_free() (through packet_drop()).
// Threads: a packet belongs to the thread that owns it. The pool may be used
// by all; a packet_cache by one thread.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/net.h"

#define FRAME_STRIDE     2112 // 33 cache lines: an odd number, so that headers spread over all sets
#define FRAME_HEADROOM   256  // XDP_PACKET_HEADROOM: room for tags and for AF_XDP's TX metadata
#define FRAME_CAPACITY   (FRAME_STRIDE - FRAME_HEADROOM)
#define FRAME_LEAD       64 // kept free in the frames behind the first: AF_XDP wants it there
#define FRAME_PART       (FRAME_STRIDE - FRAME_LEAD) // bytes of a packet in such a frame
#define PACKET_MAX_BYTES 65550                       // an Ethernet header and the largest IP packet
#define BURST_MAX        64                          // most packets that a stage sees at once

// What is still to be done to the packet, in the terms of virtio_net_hdr.
enum packet_gso {
	GSO_NONE = 0,
	GSO_TCP4 = 1, // VIRTIO_NET_HDR_GSO_*
	GSO_TCP6 = 4,
	GSO_UDP = 5, // USO, IPv4 or IPv6 (VIRTIO_NET_HDR_GSO_UDP_L4)
};

enum packet_flag {
	PACKET_CSUM = 1 << 0,      // the L4 checksum is to be completed: csum_start, csum_offset
	PACKET_GSO_ECN = 1 << 1,   // TCP segments with CWR: VIRTIO_NET_HDR_GSO_ECN
	PACKET_TAGGED = 1 << 2,    // an 802.1Q tag (0x8100) stands behind the MAC addresses
	PACKET_CSUM_GOOD = 1 << 3, // the receiver may trust the checksums
};

struct packet {
	uint8_t *data;       // first byte of this frame's part of the packet
	struct packet *next; // the next frame of the chain, or of a free list
	uint16_t len;        // bytes in this frame
	// -- head only -------------------------------------------------------
	uint16_t n_frames;    // in the chain, 1 or more
	uint32_t total_len;   // bytes in the chain
	uint8_t flags;        // enum packet_flag
	uint8_t gso_type;     // enum packet_gso
	uint16_t gso_size;    // payload bytes of a segment, when gso_type is set
	uint16_t hdr_len;     // bytes before the first segment's payload (a hint, untrusted)
	uint16_t csum_start;  // from `data`: where the sum begins
	uint16_t csum_offset; // from csum_start: where the 16-bit sum is stored
	port_id_t in_port;
	uint16_t vlan;      // the VLAN it was classified into
	uint16_t tci;       // the tag it came with (PCP, DEI, VID), host order; 0 without
	uint16_t ethertype; // host order, behind the tag
	uint16_t l3_offset; // from `data`
	// -- every frame -----------------------------------------------------
	uint32_t holder; // serial of the port queue that lent the frame to the kernel to receive
			 // into; 0 = none. Written by that queue's driver, atomically
} cache_aligned;

static_assert(sizeof(struct packet) == CACHE_LINE, "one line of metadata per packet");

struct packet_pool;

// How the region was obtained, for `system show`.
enum pool_memory { POOL_HUGETLB, POOL_THP, POOL_4K };

struct pool_stats {
	enum pool_memory memory;
	uint64_t bytes;
	uint32_t frames;      // in all
	uint32_t frames_free; // in the pool; caches and ports hold the rest
	uint32_t quarantined; // given up: the kernel still held them when their port was closed
};

// -- control thread ------------------------------------------------------------
// n_frames is rounded up to whole batches. 0 or -ENOMEM.
int packet_pool_create(struct packet_pool **out, uint32_t n_frames);
int packet_pool_create_without( // none of these kinds of pages: bits 1 << enum pool_memory
	struct packet_pool **out, uint32_t n_frames, unsigned without);
void packet_pool_destroy(struct packet_pool *); // NULL is fine; no frame may be in use
void packet_pool_stats(const struct packet_pool *, struct pool_stats *out);
void packet_pool_quarantine(struct packet_pool *, uint32_t n_frames); // counts them as lost

// -- any thread: geometry, constant for the pool's life --------------------------
struct pool_geometry {
	uint8_t *base;          // frame 0
	uint64_t size;          // bytes of the region, a multiple of the page size
	struct packet *packets; // packet[i] describes frame i
	uint32_t n_frames;
};
const struct pool_geometry *packet_pool_geometry(const struct packet_pool *);

static fast_inline uint32_t packet_index(const struct pool_geometry *g, const struct packet *p)
{
	return (uint32_t)(p - g->packets);
}

static fast_inline uint8_t *packet_frame(const struct pool_geometry *g, const struct packet *p)
{
	return g->base + (uint64_t)packet_index(g, p) * FRAME_STRIDE;
}

// The packet whose frame contains byte `offset` of the region.
static fast_inline struct packet *packet_at(const struct pool_geometry *g, uint64_t offset)
{
	return &g->packets[offset / FRAME_STRIDE];
}

// -- one thread's cache of free frames --------------------------------------------
#define PACKET_CACHE_SIZE 512

struct packet_cache {
	struct packet_pool *pool;
	const struct pool_geometry *geometry;
	uint32_t n;
	struct packet *free[PACKET_CACHE_SIZE];
};

void packet_cache_init(struct packet_cache *, struct packet_pool *);
void packet_cache_flush(struct packet_cache *); // gives everything back to the pool

// Takes n single frames, all or none. Their data points behind FRAME_HEADROOM;
// len, flags and offloads are zero. False when the pool is empty.
bool packet_alloc_bulk(struct packet_cache *, struct packet **out, unsigned n);

// Frees whole chains.
void packet_free_bulk(struct packet_cache *, struct packet **packets, unsigned n);

static inline struct packet *packet_alloc(struct packet_cache *c)
{
	struct packet *p;

	return packet_alloc_bulk(c, &p, 1) ? p : NULL;
}

static inline void packet_free(struct packet_cache *c, struct packet *p)
{
	packet_free_bulk(c, &p, 1);
}

// Makes p an empty single frame with the usual headroom.
static fast_inline void packet_reset(const struct pool_geometry *g, struct packet *p)
{
	p->data = packet_frame(g, p) + FRAME_HEADROOM;
	p->next = NULL;
	p->len = 0;
	p->n_frames = 1;
	p->total_len = 0;
	p->flags = 0;
	p->gso_type = GSO_NONE;
}

// A copy of the whole chain with its metadata; NULL when frames are short.
struct packet *packet_copy(struct packet_cache *, const struct packet *);

// Copies n bytes from `offset` of the chain to dst. The caller knows that they are there.
void packet_read(const struct packet *, uint32_t offset, void *dst, uint32_t n);
