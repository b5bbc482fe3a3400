// SPDX-License-Identifier: BSD-3-Clause
// Which of several equal ways a packet takes: a number that all packets of a flow share, however
// they are cut, and that differs between routers, so that one behind the other does not see only
// the flows that the first one sent its way.
//
// A flow: addresses, protocol and, of TCP and UDP, ports. Fragments have ports in the first one
// only, so all fragments go by addresses. The IPv6 flow label takes no part: hosts change it
// within a connection.
#pragma once

#include <stdint.h>
#include <string.h>

#include "dataplane/path/transport.h"

#define PROTOCOL_FRAGMENT 44 // IPv6 next header

// What tells flows between two addresses apart. `ports`: the four bytes behind the IP header.
static fast_inline uint64_t flow_within(uint8_t protocol, bool is_fragment, uint32_t ports)
{
	uint64_t has_ports = protocol == PROTOCOL_TCP || protocol == PROTOCOL_UDP;

	return ((uint64_t)protocol << 32 | (ports & -has_ports)) & ((uint64_t)is_fragment - 1);
}

// All bits alike good.
static fast_inline uint32_t flow_hash(uint64_t addresses, uint64_t within, uint64_t secret)
{
	uint64_t h = (addresses ^ secret) * 0x9e3779b97f4a7c15ull;

	h = (h ^ h >> 32 ^ within) * 0xbf58476d1ce4e5b9ull;
	h = (h ^ h >> 29) * 0x94d049bb133111ebull;
	return (uint32_t)(h >> 32);
}

// An IPv6 packet's addresses, from its first one, as one number.
static fast_inline uint64_t flow_fold6(const uint8_t *addresses)
{
	uint64_t a[4];

	memcpy(a, addresses, sizeof(a));
	return a[0] * 0xff51afd7ed558ccdull + a[1] * 0xc4ceb9fe1a85ec53ull +
	       (a[2] ^ a[3] >> 32) * 0x9fb21c651e98df25ull + a[3] * 0xd6e8feb86659fd93ull;
}
