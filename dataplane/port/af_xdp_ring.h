// SPDX-License-Identifier: BSD-3-Clause
// The state of one AF_XDP queue: its socket and four rings. Private to the
// af_xdp port (af_xdp.c: the worker's side; af_xdp_socket.c: set-up and end).
//
// Addresses are offsets into the pool's region, which is the UMEM. In unaligned
// mode the kernel reports base | offset << 48; what we send is the plain
// offset of the first byte.
//
// A frame's holder is the queue's serial while the kernel may receive into it.
// Frames that are sent are counted: they come back through the completion ring.
#pragma once

#include <linux/if_xdp.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "dataplane/packet.h"

#define XSK_ADDRESS_MASK XSK_UNALIGNED_BUF_ADDR_MASK
#define XSK_OFFSET_SHIFT XSK_UNALIGNED_BUF_OFFSET_SHIFT
#define XSK_CHAIN_MAX    17 // frames of one packet (MAX_SKB_FRAGS)
#define XSK_FILL_BATCH   64
#define XSK_KICKS_MAX    8 // system calls for one batch, unless the kernel makes progress

// Newer than some distributions' linux/if_xdp.h.
#ifndef XDP_USE_SG
#define XDP_USE_SG    (1 << 4)
#define XDP_PKT_CONTD (1 << 0)
#endif
#ifndef XDP_UMEM_TX_METADATA_LEN
#define XDP_UMEM_TX_SW_CSUM      (1 << 1)
#define XDP_UMEM_TX_METADATA_LEN (1 << 2)
#define XDP_TXMD_FLAGS_CHECKSUM  (1 << 1)
#define XDP_TX_METADATA          (1 << 1)
#endif
#ifndef XDP_MAX_TX_SKB_BUDGET
#define XDP_MAX_TX_SKB_BUDGET 9
#endif

// The kernel's struct xdp_umem_reg and struct xsk_tx_metadata as of Linux 6.8.
struct xsk_umem_reg {
	uint64_t addr;
	uint64_t len;
	uint32_t chunk_size;
	uint32_t headroom;
	uint32_t flags;
	uint32_t tx_metadata_len;
};

// Stands directly before the packet in its frame.
struct xsk_tx_metadata {
	uint64_t flags;
	uint16_t csum_start;
	uint16_t csum_offset;
	uint32_t pad;
	uint64_t launch_time;
};

static_assert(sizeof(struct xsk_tx_metadata) == 24, "the kernel's layout");

// What was obtained from the kernel for this queue.
enum xsk_feature {
	XSK_MULTI_BUFFER = 1 << 0,
	XSK_TX_METADATA = 1 << 1,
};

struct xsk_map {
	void *start;
	size_t size;
};

struct xsk {
	// -- the receiving worker ------------------------------------------------
	cache_aligned uint32_t *rx_producer; // kernel's
	uint32_t *rx_consumer;               // ours
	struct xdp_desc *rx;
	uint32_t rx_mask;
	uint32_t rx_next; // our consumer index
	uint32_t rx_seen; // the kernel's producer index as last read
	uint32_t serial;
	const struct pool_geometry *geometry;
	struct packet *partial;      // head of a chain whose end has not come yet
	struct packet *partial_tail; //

	cache_aligned uint64_t *fill;
	uint32_t *fill_producer; // ours
	uint32_t fill_mask;
	uint32_t fill_next; // our producer index
	uint32_t deficit;   // frames that the kernel should have and has not

	// -- the sending worker, or workers under the queue's lock -----------------
	cache_aligned struct xdp_desc *tx;
	uint32_t *tx_producer; // ours
	uint32_t *tx_consumer; // kernel's
	uint32_t tx_mask;
	uint32_t tx_next;   // our producer index
	uint32_t completed; // descriptors that came back; tx_next - completed are the kernel's
	int fd;
	int bulk_fd; // the port's packet socket, for packets with GSO; -1 = not used
	uint64_t *done;
	uint32_t *done_producer; // kernel's
	uint32_t *done_consumer; // ours

	cache_aligned uint32_t done_mask;
	_Atomic bool unsent;         // the transmit ring waits for another system call
	uint64_t tx_merged;          // see struct port_stats
	uint64_t tx_merged_bytes;    //
	_Atomic uint64_t tx_refused; // packets of more frames than the kernel takes
	uint32_t features;           // enum xsk_feature
	uint32_t fill_target;        // frames that the kernel has to receive into
	int bound_to; // control's: ifindex of the netdev whose queue it holds; 0 = none

	struct xsk_map map[4];
};
