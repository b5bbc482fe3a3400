// SPDX-License-Identifier: BSD-3-Clause
// A set of VLAN ids, and its text: "10,20-29". A value: copied by assignment.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/net.h"

struct vlan_set {
	uint64_t bits[N_VLANS / 64]; // bit v of the whole = VLAN v; 0 and 4095 are never set
};

// Longest text: no id has a neighbour in the set, so that each needs "1234,".
#define VLAN_SET_TEXT_SIZE (N_VLANS / 2 * 5 + 1)

static inline bool vlan_set_has(const struct vlan_set *s, vlan_id_t v)
{
	return s->bits[v / 64 % (N_VLANS / 64)] >> (v % 64) & 1;
}

static inline void vlan_set_add(struct vlan_set *s, vlan_id_t v)
{
	s->bits[v / 64 % (N_VLANS / 64)] |= 1ull << (v % 64);
}

static inline void vlan_set_remove(struct vlan_set *s, vlan_id_t v)
{
	s->bits[v / 64 % (N_VLANS / 64)] &= ~(1ull << (v % 64));
}

unsigned vlan_set_count(const struct vlan_set *s);

// Ids 1..4094 and ascending ranges, separated by commas, in any order; "" is the
// empty set. Returns NULL, or the place in `text` that is wrong (`out` untouched then).
const char *vlan_set_parse(const char *text, struct vlan_set *out);

// The shortest text, ascending, in `buf` of VLAN_SET_TEXT_SIZE bytes; returns buf.
char *vlan_set_format(const struct vlan_set *s, char *buf);
