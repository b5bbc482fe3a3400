// SPDX-License-Identifier: BSD-3-Clause
// The few records that workers send to control, through one bounded ring per
// worker. A full ring loses the record, never the packet: the next packet
// brings the observation again.
#pragma once

#include "base/net.h"

enum event_type {
	EVENT_MAC_SEEN,   // a source MAC that the FDB does not have behind this port
	EVENT_BPDU,       // a BPDU on a port with BPDU guard
	EVENT_PORT_ERROR, // the port's queue failed: `error` is the errno
};

struct event {
	uint8_t type; // enum event_type
	uint8_t pad;
	port_id_t port;
	vlan_id_t vlan;
	struct mac mac;
	int32_t error;
};

// So long that a worker that shares its CPU with control loses little while control waits its turn.
#define EVENT_RING_SIZE 32768
