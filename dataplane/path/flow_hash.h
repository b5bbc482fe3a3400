// SPDX-License-Identifier: BSD-3-Clause
// Which of several equal ways a packet takes: a number that all packets of a flow share, however
// they are cut, and that differs between routers, so that one behind the other does not see only
// the flows that the first one sent its way.
//
// A flow: addresses, protocol and, of TCP and UDP, ports. Fragments have ports in the first one
// only, so all fragments go without. The IPv6 flow label takes no part: hosts change it
// within a connection. 32-bit steps, for sweeps over many packets by vector instructions; words are
// as they lie in the packet.
#pragma once

#include <stdint.h>
#include <string.h>

#include "dataplane/path/transport.h"

static fast_inline uint32_t flow_step(uint32_t h, uint32_t word)
{
	h = (h ^ word) * 0x85ebca6bu;
	return h ^ h >> 15;
}

// All bits alike good. `ports`: the four bytes behind the IP header.
static fast_inline uint32_t flow_end(
	uint32_t h, uint32_t protocol, uint32_t ports, bool is_fragment)
{
	uint32_t has_ports = protocol == PROTOCOL_TCP || protocol == PROTOCOL_UDP;
	uint32_t is_whole = !is_fragment;

	h = flow_step(h, ports & -(has_ports & is_whole));
	h = (h ^ protocol) * 0xc2b2ae35u;
	h = (h ^ h >> 16) * 0x9e3779b1u;
	return h ^ h >> 15;
}

static fast_inline uint32_t flow_hash4(uint32_t secret, uint32_t src, uint32_t dst,
	uint32_t protocol, uint32_t ports, bool is_fragment)
{
	return flow_end(flow_step(flow_step(secret, src), dst), protocol, ports, is_fragment);
}

// An IPv6 packet's addresses, the first one at `addresses`, as one word.
static fast_inline uint32_t flow_fold6(const uint8_t *addresses)
{
	uint64_t a[4];

	memcpy(a, addresses, sizeof(a));
	a[0] = a[0] * 0xff51afd7ed558ccdull + a[1] * 0xc4ceb9fe1a85ec53ull;
	a[2] = a[2] * 0x9fb21c651e98df25ull + a[3] * 0xd6e8feb86659fd93ull;
	a[0] ^= a[0] >> 29;
	a[2] ^= a[2] >> 32;
	a[0] = a[0] * 0x9e3779b97f4a7c15ull + a[2] * 0xbf58476d1ce4e5b9ull;
	return (uint32_t)(a[0] >> 32);
}

// A fragment's next header is no TCP or UDP.
static fast_inline uint32_t flow_hash6(
	uint32_t secret, uint32_t folded, uint32_t protocol, uint32_t ports)
{
	return flow_end(flow_step(secret, folded), protocol, ports, false);
}
