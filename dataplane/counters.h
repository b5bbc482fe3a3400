// SPDX-License-Identifier: BSD-3-Clause
// Packet counters: one set per worker and port, so that no two threads write
// the same line. The worker adds; control reads at any time and sums.
//
// Conservation, per ingress port, once its packets have left the worker:
//   rx_packets + copies + segments == forwarded + sum of exception[] + sum of drop[]
// and over all ports: sum of forwarded == sum of tx_packets.
#pragma once

#include <stdint.h>

#include "base/compiler.h"
#include "dataplane/drop.h"
#include "dataplane/exception_reason.h"

struct port_counters {
	uint64_t rx_packets; // taken from the port's receive ring
	uint64_t rx_bytes;   // frame bytes without FCS
	uint64_t tx_packets; // accepted by this port's transmit ring
	uint64_t tx_bytes;
	uint64_t forwarded; // of this ingress port: accepted by some port's transmit ring
	uint64_t copies;    // of this ingress port: made by flooding, beyond the packet itself
	uint64_t segments; // of this ingress port: made by software segmentation, beyond the packet
	uint64_t flooded;  // of this ingress port: packets sent to more than a learned port
	uint64_t csum_completed;       // L4 checksums that software completed on transmission here
	uint64_t drop[N_DROP_REASONS]; // of this ingress port
	uint64_t exception[N_EXCEPTION_REASONS]; // of this ingress port: handed to the kernel
} cache_aligned;

// Worker: adds to its own counter; control may read it meanwhile.
static fast_inline void counter_add(uint64_t *c, uint64_t n)
{
	__atomic_store_n(c, *c + n, __ATOMIC_RELAXED);
}

static inline uint64_t counter_read(const uint64_t *c)
{
	return __atomic_load_n(c, __ATOMIC_RELAXED);
}

// All that was handed to the kernel.
uint64_t port_counters_exceptions(const struct port_counters *);

// Control: sum += c, field by field.
void port_counters_add(struct port_counters *sum, const struct port_counters *c);
void port_counters_sub(struct port_counters *sum, const struct port_counters *c);
