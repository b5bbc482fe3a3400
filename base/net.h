// SPDX-License-Identifier: BSD-3-Clause
// The field's small values: MAC and IP addresses, prefixes, VLAN ids; compare
// them, and turn them into text and back. Values only: no allocation, no state.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef uint16_t vlan_id_t; // 1..4094 in use; 0 = none / priority tag (IEEE 802.1Q 9.6)
typedef uint16_t port_id_t; // index of a port; PORT_NONE = no port

#define VLAN_MAX  4094
#define N_VLANS   4096
#define PORT_NONE ((port_id_t)0xffff)

struct mac {
	uint8_t b[6];
};

struct ip_addr {
	uint8_t family; // AF_INET (4 bytes used) or AF_INET6 (16); 0 = unset
	uint8_t b[16];  // network byte order
};

struct ip_prefix {
	struct ip_addr addr; // host bits are zero in a canonical prefix
	uint8_t len;         // 0..32 or 0..128
};

#define MAC_TEXT_SIZE    18 // "02:00:00:00:00:01" and the final zero
#define IP_TEXT_SIZE     46
#define PREFIX_TEXT_SIZE 50

static inline bool mac_equal(struct mac a, struct mac b)
{
	return memcmp(&a, &b, sizeof(a)) == 0;
}

static inline bool mac_is_group(struct mac m)
{
	return m.b[0] & 1;
}

static inline bool mac_is_zero(struct mac m)
{
	return (m.b[0] | m.b[1] | m.b[2] | m.b[3] | m.b[4] | m.b[5]) == 0;
}

// The address as the 48 low bits of a number, first byte highest.
static inline uint64_t mac_to_u64(struct mac m)
{
	return (uint64_t)m.b[0] << 40 | (uint64_t)m.b[1] << 32 | (uint64_t)m.b[2] << 24 |
	       (uint64_t)m.b[3] << 16 | (uint64_t)m.b[4] << 8 | m.b[5];
}

static inline struct mac mac_from_u64(uint64_t v)
{
	return (struct mac){{v >> 40, v >> 32, v >> 24, v >> 16, v >> 8, v}};
}

static inline bool vlan_id_valid(unsigned v)
{
	return v >= 1 && v <= VLAN_MAX;
}

// Text -> value. Return true when the whole text is one valid value; the
// output is untouched otherwise. MAC: six two-digit groups with ':' or '-'.
bool mac_parse(const char *text, struct mac *out);
bool ip_parse(const char *text, struct ip_addr *out);
bool prefix_parse(const char *text, struct ip_prefix *out); // "10.0.0.0/8"; host bits must be zero

// Value -> text in `buf` of at least *_TEXT_SIZE bytes; returns buf.
char *mac_format(struct mac m, char *buf);
char *ip_format(const struct ip_addr *a, char *buf);
char *prefix_format(const struct ip_prefix *p, char *buf);
