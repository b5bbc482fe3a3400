// SPDX-License-Identifier: BSD-3-Clause
// Software segmentation (GSO) of a large TCP or UDP packet, IPv4 or IPv6, with
// or without one VLAN tag, for ports that cannot take it whole.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/packet.h"

#define SEGMENTS_MAX 1024

// Judges a packet with gso_type set by its own bytes: the type's headers are there
// and in the first frame, payload follows, gso_size is not 0, and PACKET_CSUM is set
// for that very transport header, as virtio demands (5.1.6.2). Then sets hdr_len,
// which senders only hint at (Linux gives the length of skb's linear part).
// False: the packet is to be dropped. p->ethertype and p->l3_offset must be set.
bool segment_request_valid(struct packet *);

// Cuts p into packets of at most gso_size payload bytes each, in new frames:
// lengths, IPv4 id and header checksum, TCP sequence numbers and flags (FIN and
// PSH on the last, CWR on the first only), UDP length, as the kernel's GSO does.
// Each segment carries PACKET_CSUM with the pseudo header sum stored, so that
// output completes it or passes it on; in_port and vlan are p's. A segment longer
// than a frame is a chain. Does not rely on segment_request_valid().
//
// Returns the number of segments in out[] (at most max), p still owned by the
// caller; or 0 with nothing allocated when frames are short (*no_frame = true)
// or when headers, gso_size or length do not fit (*no_frame = false).
unsigned segment(struct packet_cache *, const struct packet *p, struct packet **out, unsigned max,
	bool *no_frame);
