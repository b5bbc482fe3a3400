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
uint64_t checksum_add(uint64_t sum, const uint8_t *data, uint32_t n);
uint16_t checksum_fold(uint64_t sum); // to 16 bits, network order as stored, not inverted

// Whether PACKET_CSUM's csum_start and csum_offset lie inside the packet, with the
// two bytes of the sum in its first frame.
bool checksum_request_valid(const struct packet *);

// TCP or UDP over IPv4 or IPv6, behind at most one tag, whose checksum field
// equals the folded pseudo header sum: sets PACKET_CSUM with start and offset.
// Fragments, other protocols and UDP without checksum are left alone.
// p->ethertype and p->l3_offset must be set.
void checksum_find_unfinished(struct packet *);

// Computes and stores the sum that PACKET_CSUM asks for, over all frames of the
// chain; clears the flag. A UDP sum of zero is stored as 0xffff (RFC 768).
void checksum_complete(struct packet *);
