// SPDX-License-Identifier: BSD-3-Clause
// IPv4, large tables: the answers of all /24 in one byte each, 16 MiB.
//
// What an address costs when its answer is in no near cache is the misses, one after the other, and
// how many lines compete for the caches. A root and pages have two misses, and 16 MiB of pages push
// the root out of the near cache; here it is one, in half of the bytes of the pages.
//
// Next hops from LPM_FLAT_DEEPER on have no byte, and a /24 with longer prefixes has not one answer:
// these go on through the index (lpm_index.c) to the block of the last level, or if it is not there
// through root and pages. So all of this only saves time, and nothing here can fail. The bytes
// follow what root and pages say, after it and one by one: workers who read them see of each change
// old or new for every single address, as they do in the trie.
#include "base/mem.h"
#include "dataplane/table/lpm_change.h"

#define N_PAGES       (1u << LPM_ROOT4_BITS)
#define PAGES_AT_ONCE 512u // so that no change waits for the array to be made

static uint8_t byte_of(uint32_t value)
{
	return (uint8_t)MIN(value, LPM_FLAT_DEEPER);
}

static void set(struct lpm_flat *flat, uint32_t i, uint8_t byte)
{
	if (atomic_load_explicit(&flat->leaf[i], memory_order_relaxed) != byte)
		atomic_store_explicit(&flat->leaf[i], byte, memory_order_release);
}

// Bytes first..end-1 as root and pages say.
static void follow(struct lpm *t, uint32_t first, uint32_t end)
{
	const struct lpm_root *root = lpm_root_of(t);

	while (first < end) {
		uint32_t entry = lpm_load_entry(root, first / LPM_PAGE_SLOTS);
		uint32_t stop = MIN(end, ALIGN_UP(first + 1, LPM_PAGE_SLOTS));
		const struct lpm_page *page = lpm_at(t->base, entry & ~LPM_DIRECT);

		if (entry & LPM_DIRECT) {
			for (; first < stop; first++)
				set(t->flat, first, byte_of(entry & 0xffff));
			continue;
		}
		for (; first < stop; first++)
			set(t->flat, first,
				byte_of(atomic_load_explicit(&page->leaf[first % LPM_PAGE_SLOTS],
					memory_order_relaxed)));
	}
}

void lpm_flat_follow(struct lpm *t, uint32_t first, uint32_t n)
{
	if (t->flat)
		follow(t, first, MIN(first + n, t->flat_pages * LPM_PAGE_SLOTS));
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
	t->flat_pages += PAGES_AT_ONCE;
	follow(t, (t->flat_pages - PAGES_AT_ONCE) * LPM_PAGE_SLOTS, t->flat_pages * LPM_PAGE_SLOTS);
	if (t->flat_pages == N_PAGES)
		atomic_store_explicit(&lpm_root_of(t)->flat, t->flat, memory_order_release);
}
