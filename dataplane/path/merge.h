// SPDX-License-Identifier: BSD-3-Clause
// The inverse of segment(): consecutive TCP segments of one connection become one
// packet with GSO, for ports that take it. A container behind AF_XDP cannot send
// long segments (XDP on veth forbids it), but its peer can receive them: most
// of what a segment costs, it costs once per packet.
//
// Nothing is lost: segment() of the merged packet gives the segments back, byte by
// byte. So only what the kernel's own software segmentation makes of a long segment is
// merged: checksums unfinished, equal headers, consecutive sequence numbers and IPv4
// identifications, equal lengths but for the last one. Pure; any thread that owns the packets.
#pragma once

#include "dataplane/packet.h"

#define MERGE_MIN 4 // fewer segments are as cheap apart

// How many of in[0..n) can travel as one packet: 1 when the second does not continue the first.
// They must have been parsed.
unsigned merge_count(struct packet *const *in, unsigned n);

// Whether merge_count() is worth asking: in[0] has the looks of a segment of bulk TCP.
static fast_inline bool merge_is_likely(const struct packet *p)
{
	return p->flags & PACKET_CSUM && p->gso_type == GSO_NONE && p->total_len > 512;
}

// Makes in[0] the packet that stands for n segments, as counted: a chain of all their frames, which
// are freed with it. in[] stays as it is.
void merge(struct packet *const *in, unsigned n);

// Undoes that: in[0..n) are packets of their own again. The same n.
void merge_undo(struct packet *const *in, unsigned n);
