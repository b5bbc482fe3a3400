// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/table/adjacency.h"

#define SERIAL_SHIFT 16

static struct rewrite compose(const struct adjacency_config *c)
{
	static const uint8_t tag[2] = {0x81, 0x00}; // IEEE 802.1Q 9.6
	uint8_t header[REWRITE_ROOM] = {0};
	struct rewrite r = {{0}};
	uint8_t *at = header;
	uint16_t lead, mtu;

	if (!c)
		return r;
	mtu = c->is_unresolved ? 0 : c->mtu;
	if (!c->is_tagged)
		at += 4; // no tag: flush right
	memcpy(at, c->destination.b, 6);
	memcpy(at + 6, c->source.b, 6);
	if (c->is_tagged) {
		memcpy(at + 12, tag, sizeof(tag));
		at[14] = (uint8_t)(c->vlan >> 8);
		at[15] = (uint8_t)c->vlan;
	}
	memcpy(&lead, header, sizeof(lead));
	memcpy(r.word, header + 2, 16);
	r.word[2] = lead | (uint64_t)c->port << 16 | (uint64_t)c->vlan << 32 | (uint64_t)mtu << 48;
	r.word[3] = (c->is_tagged ? 18 : 14) | (c->is_unresolved ? 0 : 1 << 8);
	return r;
}

void adjacency_write(struct adjacency *a, const struct adjacency_config *c)
{
	uint64_t v0 = atomic_load_explicit(&a->version[0][3], memory_order_relaxed);
	uint64_t v1 = atomic_load_explicit(&a->version[1][3], memory_order_relaxed);
	unsigned older = v1 <= v0;
	struct rewrite r = compose(c);

	r.word[3] |= ((MAX(v0, v1) >> SERIAL_SHIFT) + 1) << SERIAL_SHIFT;
	// Each store of data publishes the zero before it: who reads new data in this version also
	// finds that its serial has changed.
	atomic_store_explicit(&a->version[older][3], 0, memory_order_relaxed);
	for (unsigned i = 0; i < 3; i++)
		atomic_store_explicit(&a->version[older][i], r.word[i], memory_order_release);
	atomic_store_explicit(&a->version[older][3], r.word[3], memory_order_release);
}
