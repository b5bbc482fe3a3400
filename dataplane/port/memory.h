// SPDX-License-Identifier: BSD-3-Clause
// Memory ports: packets in and out of rings in memory, for tests and benches.
// No privileges, no system calls.
//
// One thread may feed and collect (the test), beside the worker that owns the
// queue. In a daemon such a port receives nothing and discards what it is sent.
#pragma once

#include "dataplane/port/port.h"

#define MEMORY_RING_SIZE 16384

// Hands a packet to the port, as if it had been received. False when the ring is
// full: the packet stays the caller's.
bool memory_port_inject(struct port *, unsigned queue, struct packet *);

// Takes a packet that was transmitted, or NULL. The packet becomes the caller's.
struct packet *memory_port_collect(struct port *, unsigned queue);

// What the port's transmit side shall pretend to take (PORT_TX_*) and its receive side
// to be (PORT_RX_UNFINISHED). Before the port is published.
void memory_port_set_caps(struct port *, uint32_t caps);

// Says since when (ns) the oldest packet waits, as the kernel's side of a port does; 0 = none.
void memory_port_pending_since(struct port *, unsigned queue, uint64_t ns);

// Whether transmitted packets are kept for memory_port_collect() (true) or freed
// at once (false, the default).
void memory_port_keep(struct port *, bool keep);
