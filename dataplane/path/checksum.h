// SPDX-License-Identifier: BSD-3-Clause
// Internet checksums (RFC 1071) of packets, and the unfinished ones that Linux
// leaves to hardware (CHECKSUM_PARTIAL): the field then holds the folded sum of
// the pseudo header, not inverted. Pure functions on one packet; any thread
// that owns it.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/packet.h"

// Ones'-complement sum of n bytes in network order, not folded, added to `sum`.
// Any alignment; an odd last byte counts as if a zero byte followed (RFC 1071), so
// only the last piece of a packet may be odd.
uint64_t checksum_add(uint64_t sum, const uint8_t *data, uint32_t n);

// To 16 bits, in network order as stored, not inverted. Zero only for zero.
static fast_inline uint16_t checksum_fold(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

// The same over n bytes of a chain from `offset`, folded. The caller knows that they are there.
uint16_t checksum_chain(const struct packet *, uint32_t offset, uint32_t n);

// Whether PACKET_CSUM's csum_start and csum_offset lie inside the packet, not before
// the network header (where a tag that comes or goes would move them), with the two
// bytes of the sum in its first frame. p->l3_offset must be set.
bool checksum_request_valid(const struct packet *);

// TCP or UDP over IPv4 or IPv6, behind at most one tag, whose checksum field
// equals the folded pseudo header sum: sets PACKET_CSUM with start and offset.
// When bytes follow the IP packet (which PACKET_CSUM would count), the sum is
// completed at once instead. Fragments, other protocols and UDP without checksum
// are left alone. p->ethertype and p->l3_offset must be set.
void checksum_find_unfinished(struct packet *);

// Computes and stores the sum that PACKET_CSUM asks for, over all frames of the
// chain; clears the flag. A sum of zero is stored as 0xffff, which is the same
// number and, for UDP, does not mean "no checksum" (RFC 768).
void checksum_complete(struct packet *);
