// SPDX-License-Identifier: BSD-3-Clause
// Set-up and end of one AF_XDP queue. Private to the af_xdp port; control thread.
#pragma once

#include "dataplane/port/af_xdp_ring.h"
#include "dataplane/port/port.h"

struct xsk_config {
	struct packet_pool *pool;
	int ifindex;
	uint32_t queue;
	uint32_t serial;
	uint32_t ring_size; // of the receive and the transmit ring: a power of two; 0 = default
	bool multi_buffer;
	bool tx_metadata;
	bool software_checksum; // the device may not take CHECKSUM_PARTIAL: the kernel completes
	bool tx_budget;
	int bulk_fd; // prepared packet socket for packets with GSO, or -1; stays the caller's
};

// Registers the pool's region, makes the rings, lends frames, binds. In the
// netdev's namespace. On failure nothing is left and *step names what failed.
int xsk_open(struct xsk **out, const struct xsk_config *, const char **step);

// Takes back every frame. No program may redirect to the socket any more, and
// no worker may use it. NULL is fine.
void xsk_close(struct xsk *, struct packet_pool *);

// Adds what the kernel counted for this queue.
int xsk_add_stats(const struct xsk *, struct port_stats *);

// Whether the receive and the transmit ring are empty.
bool xsk_is_drained(const struct xsk *);
