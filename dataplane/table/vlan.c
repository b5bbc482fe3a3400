// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/table/vlan.h"

#include "base/mem.h"

struct vlan_table *vlan_table_new(unsigned n_ports)
{
	uint32_t words = n_ports ? (n_ports + 63) / 64 : 1;
	struct vlan_table *t =
		mem_zalloc(sizeof(*t) + (size_t)N_VLANS * 2 * words * sizeof(uint64_t), CACHE_LINE);

	if (t)
		t->words = words;
	return t;
}

void vlan_table_free(struct vlan_table *t)
{
	mem_free(t);
}

void vlan_table_add(struct vlan_table *t, vlan_id_t v, port_id_t port, bool untagged)
{
	uint64_t *row = &t->bits[(size_t)v * 2 * t->words];
	uint64_t bit = 1ull << (port % 64);

	row[port / 64] |= bit;
	if (untagged)
		row[t->words + port / 64] |= bit;
	else
		row[t->words + port / 64] &= ~bit;
}
