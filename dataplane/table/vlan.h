// SPDX-License-Identifier: BSD-3-Clause
// VLAN table: which ports are members of a VLAN, and which of them untagged.
// One row of two bitmaps per VLAN, indexed by port id.
//
// Part of a snapshot: control fills a new table, publishes it and never writes
// it again; workers read it under RCU. Freed with the snapshot.
#pragma once

#include <stdbool.h>

#include "base/compiler.h"
#include "base/net.h"

// Per-VLAN switches, all false by default.
enum vlan_flag {
	VLAN_NO_LEARNING = 1 << 0,
	VLAN_NO_FLOOD = 1 << 1, // unknown unicast, broadcast and multicast stay where they came in
};

struct vlan_table {
	uint32_t words; // 64-bit words per bitmap: ports 0 .. words * 64 - 1
	uint8_t flags[N_VLANS];
	uint64_t bits[]; // row of VLAN v at v * 2 * words: members, then untagged members
};

// n_ports: highest port id + 1. NULL when memory is short.
must_check struct vlan_table *vlan_table_new(unsigned n_ports);
void vlan_table_free(struct vlan_table *); // NULL is fine
void vlan_table_add(struct vlan_table *, vlan_id_t, port_id_t, bool untagged);

static fast_inline const uint64_t *vlan_members(const struct vlan_table *t, vlan_id_t v)
{
	return &t->bits[(size_t)v * 2 * t->words];
}

static fast_inline const uint64_t *vlan_untagged(const struct vlan_table *t, vlan_id_t v)
{
	return &t->bits[((size_t)v * 2 + 1) * t->words];
}

static fast_inline bool vlan_has(const uint64_t *bitmap, port_id_t port)
{
	return bitmap[port / 64] >> (port % 64) & 1;
}
