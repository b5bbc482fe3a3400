// SPDX-License-Identifier: BSD-3-Clause
// Wire constants and byte-order loads of the headers that the path reads.
#pragma once

#include <stdint.h>
#include <string.h>

#include "base/compiler.h"

#define ETHERNET_HEADER_SIZE 14
#define VLAN_TAG_SIZE        4

#define ETHERTYPE_VLAN 0x8100 // IEEE 802.1Q C-tag; 802.1ad S-tags (0x88a8) are payload here
#define ETHERTYPE_QINQ 0x88a8
#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_IPV6 0x86dd
#define ETHERTYPE_ARP  0x0806

#define TCI_VID(tci) ((tci)&0x0fff)
#define TCI_PCP_DEI  0xf000

static fast_inline uint16_t load_be16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return __builtin_bswap16(v);
}

static fast_inline uint32_t load_be32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return __builtin_bswap32(v);
}

static fast_inline uint64_t load_be64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return __builtin_bswap64(v);
}

static fast_inline void store_be16(uint8_t *p, uint16_t v)
{
	v = __builtin_bswap16(v);
	memcpy(p, &v, sizeof(v));
}

static fast_inline void store_be32(uint8_t *p, uint32_t v)
{
	v = __builtin_bswap32(v);
	memcpy(p, &v, sizeof(v));
}
