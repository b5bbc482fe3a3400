// SPDX-License-Identifier: BSD-3-Clause
// Software segmentation (GSO) of a large TCP or UDP packet, IPv4 or IPv6, with
// or without one VLAN tag, for ports that cannot take it whole.
#pragma once

#include <stdint.h>

#include "dataplane/packet.h"

#define SEGMENTS_MAX 1024

// Cuts p into packets of at most gso_size payload bytes each, in new frames:
// lengths, IPv4 id and header checksum, TCP sequence numbers and flags (FIN and
// PSH on the last, CWR on the first only), UDP length, as the kernel's GSO does.
// Each segment carries PACKET_CSUM with the pseudo header sum stored, so that
// output completes it or passes it on; in_port and vlan are p's.
//
// Returns the number of segments in out[] (at most max), p still owned by the
// caller; or 0 with nothing allocated when frames are short (*no_frame = true)
// or when headers, gso_size or length do not fit (*no_frame = false).
unsigned segment(struct packet_cache *, const struct packet *p, struct packet **out, unsigned max,
	bool *no_frame);
