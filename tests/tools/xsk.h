// SPDX-License-Identifier: BSD-3-Clause
// AF_XDP sockets for the programs of tests/: raw system calls, copy mode, no tricks. Apart from
// the dataplane's own driver on purpose: what measures it must not share its code.
//
// All functions that set something up end the program with a message when they fail.
#pragma once

#include <linux/if_xdp.h>
#include <stdbool.h>
#include <stdint.h>

#define XSK_CHUNK 2048u // bytes per frame in the UMEM

// One memory for all sockets of the program, cut into chunks.
struct xsk_umem {
	uint8_t *memory;
	uint32_t n_chunks;
	int fd; // the first socket, which registered it; -1 = none yet
};

// One ring shared with the kernel; `local` is our own index, not yet shown to the kernel.
struct xsk_ring {
	uint32_t *producer, *consumer;
	void *entries; // uint64_t for fill and completion, struct xdp_desc for rx and tx
	uint32_t mask, local;
};

struct xsk {
	int fd;
	unsigned int ifindex;
	struct xsk_ring rx, tx, fill, completion;
};

void xsk_umem_create(struct xsk_umem *, uint32_t n_chunks);

// Binds to queue 0 of a netdev of this network namespace. ring_size: a power of two, for all rings.
// Without rx the socket only sends and needs no program.
void xsk_open(struct xsk *, struct xsk_umem *, const char *netdev, uint32_t ring_size, bool rx);

// Redirects what the netdev receives to the socket, by a native XDP program, until the exit.
void xsk_attach(struct xsk *);

// -- producer rings (fill, tx): put entries at xsk_slot(r, r->local++), then submit
// ----------------

static inline uint32_t xsk_free(const struct xsk_ring *r)
{
	return r->mask + 1 - (r->local - __atomic_load_n(r->consumer, __ATOMIC_ACQUIRE));
}

static inline void xsk_submit(struct xsk_ring *r)
{
	__atomic_store_n(r->producer, r->local, __ATOMIC_RELEASE);
}

// -- consumer rings (rx, completion): take entries at xsk_slot(r, r->local++), then release
// --------

static inline uint32_t xsk_available(const struct xsk_ring *r)
{
	return __atomic_load_n(r->producer, __ATOMIC_ACQUIRE) - r->local;
}

static inline void xsk_release(struct xsk_ring *r)
{
	__atomic_store_n(r->consumer, r->local, __ATOMIC_RELEASE);
}

static inline uint64_t *xsk_address(const struct xsk_ring *r, uint32_t index)
{
	return (uint64_t *)r->entries + (index & r->mask);
}

static inline struct xdp_desc *xsk_desc(const struct xsk_ring *r, uint32_t index)
{
	return (struct xdp_desc *)r->entries + (index & r->mask);
}

// Makes the kernel send what was submitted. False: call again later, it has not taken all.
bool xsk_kick(const struct xsk *);
