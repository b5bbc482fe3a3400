// SPDX-License-Identifier: BSD-3-Clause
// IPv4, large tables: the answers of all /24 in one byte each, 16 MiB.
//
// What an address costs when its answer is in no near cache is the misses, one after the other, and
// how many lines compete for the caches. A root and pages have two misses, and 16 MiB of pages push
// the root out of the near cache; here it is one, in half of the bytes of the pages.
//
// Next hops from LPM_FLAT_DEEPER on have no byte, and a /24 with longer prefixes has not one
// answer: these go on through the index (lpm_index.c) to the block of the last level, or if it is
// not there through root and pages. So all of this only saves time, and nothing here can fail. The
// bytes follow what root and pages say, after it and one by one: workers who read them see of each
// change old or new for every single address, as they do in the trie.
#include <string.h>

#include "base/mem.h"
#include "dataplane/table/lpm_change.h"

#define N_PAGES       (1u << LPM_ROOT4_BITS)
#define PAGES_AT_ONCE 512u // so that no change waits for the array to be made

static uint8_t byte_of(uint32_t value)
{
	return (uint8_t)MIN(value, LPM_FLAT_DEEPER);
}

// The bytes of a page, eight in a store: to the machine these happen at the same time.
static void follow(struct lpm *t, const struct lpm_root *root, uint32_t index)
{
	_Atomic uint64_t *at = (void *)&t->flat->leaf[index * LPM_PAGE_SLOTS];
	uint32_t entry = lpm_load_entry(root, index);
	uint64_t word[LPM_PAGE_SLOTS / 8];
	uint16_t value[LPM_PAGE_SLOTS];
	uint8_t *byte = (uint8_t *)word;

	if (entry & LPM_DIRECT) {
		memset(word, byte_of(entry & 0xffff), sizeof(word));
	} else {
		const struct lpm_page *page = lpm_at(t->base, entry);

		memcpy(value, (const void *)page->leaf, sizeof(value)); // only control writes it
		for (unsigned i = 0; i < LPM_PAGE_SLOTS; i++)
			byte[i] = byte_of(value[i]);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(word); i++)
		if (atomic_load_explicit(&at[i], memory_order_relaxed) != word[i])
			atomic_store_explicit(&at[i], word[i], memory_order_release);
}

void lpm_flat_entry(struct lpm *t, const struct lpm_root *root, uint32_t index)
{
	if (t->flat && index < t->flat_pages)
		follow(t, root, index);
}

void lpm_flat_leaf(struct lpm *t, uint32_t index, unsigned slot, uint16_t value)
{
	if (t->flat && index < t->flat_pages)
		atomic_store_explicit(&t->flat->leaf[index * LPM_PAGE_SLOTS + slot], byte_of(value),
			memory_order_release);
}

static void release(struct rcu_retired *r)
{
	mem_free(container_of(r, struct lpm_flat, retired));
}

void lpm_flat_drop(struct lpm *t)
{
	struct lpm_flat *flat = t->flat;

	if (!flat)
		return;
	t->flat = NULL;
	if (t->flat_pages < N_PAGES) {
		mem_free(flat);
		return;
	}
	atomic_store_explicit(&lpm_root_of(t)->flat, NULL, memory_order_release);
	rcu_retire(&flat->retired, release);
}

void lpm_fit_flat(struct lpm *t)
{
	uint32_t least = t->flat ? t->flat_above / 2 : t->flat_above,
		 most = t->flat ? t->n_routes / 4 : t->n_routes / 8;

	if (!lpm_has_pages(t, 2) || t->n_routes <= least || t->n_wide > most) {
		lpm_flat_drop(t);
		return;
	}
	if (!t->flat) {
		t->flat = mem_alloc(sizeof(*t->flat), LPM_LINE);
		t->flat_pages = 0;
	}
	if (!t->flat || t->flat_pages == N_PAGES)
		return;
	for (unsigned i = 0; i < PAGES_AT_ONCE; i++)
		follow(t, lpm_root_of(t), t->flat_pages++);
	if (t->flat_pages == N_PAGES)
		atomic_store_explicit(&lpm_root_of(t)->flat, t->flat, memory_order_release);
}
