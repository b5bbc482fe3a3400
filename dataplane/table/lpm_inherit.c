// SPDX-License-Identifier: BSD-3-Clause
// What shorter prefixes of an LPM table give to longer ones: the root's entries, and values that
// nodes inherit. All of it is single stores into what workers read, and cannot fail.
#include <string.h>

#include "dataplane/table/lpm_change.h"

unsigned lpm_root_depth(const struct lpm *t)
{
	const struct lpm_root *root = atomic_load_explicit(&t->root, memory_order_relaxed);

	return root->bits == 8 ? 1 : t->ip6 ? 2 : 3;
}

// Whether workers see the node as pages, which are the root's.
bool lpm_has_pages(const struct lpm *t, unsigned depth)
{
	return depth == 2 && !t->ip6 && lpm_root_depth(t) == 3;
}

struct lpm_root *lpm_root_of(const struct lpm *t)
{
	return atomic_load_explicit(&t->root, memory_order_relaxed);
}

const uint8_t *lpm_prefix_of(const struct lpm *t, const struct lpm_node *node)
{
	return (const uint8_t *)lpm_at(t->arena->base, node->ref) + LPM_TAIL4;
}

// A node that comes to stand below another one answers for fewer addresses than before. What it
// inherits may change now in a way that is right for these only; a reader that is on its way
// to it with one of the others must find it as it was. So it goes on with a copy of its block.
uint32_t lpm_copy_block(struct lpm *t, const struct lpm_node *node, struct lpm_edit *scratch)
{
	lpm_open(t, scratch, node);
	memcpy(scratch->prefix, lpm_prefix_of(t, node), sizeof(scratch->prefix));
	return lpm_build(t, scratch);
}

static struct lpm_tail *tail_of(const struct lpm *t, uint32_t ref)
{
	return lpm_tail(lpm_at(t->arena->base, ref), t->ip6);
}

// -- what shorter prefixes give to longer ones -----------------------------------------
// The value that a node, and all below it that have none of their own, inherit.
void lpm_set_inherit(struct lpm *t, struct lpm_node *node, uint16_t inherit)
{
	struct lpm_node **child = lpm_children(node);
	uint16_t value[256];

	if (node->inherit == inherit)
		return;
	node->inherit = inherit;
	if (node->ref)
		atomic_store_explicit(
			&tail_of(t, node->ref)->leaf[0], inherit, memory_order_relaxed);
	if (!node->n_children)
		return;
	lpm_paint(node->routes, node->n_routes, value);
	for (unsigned k = 0; k < node->n_children; k++)
		if (!value[lpm_slots(node)[k]])
			lpm_set_inherit(t, child[k], inherit);
}

uint32_t lpm_load_entry(const struct lpm_root *root, uint32_t index)
{
	return atomic_load_explicit(&root->entry[index], memory_order_relaxed);
}

void lpm_store_entry(struct lpm_root *root, uint32_t index, uint32_t entry)
{
	if (lpm_load_entry(root, index) != entry)
		atomic_store_explicit(&root->entry[index], entry, memory_order_release);
}

// The same where entries lead to pages, which nothing else leads to.
void lpm_store_page(struct lpm *t, struct lpm_root *root, uint32_t index, uint32_t entry)
{
	uint32_t old = lpm_load_entry(root, index);

	if (old == entry)
		return;
	lpm_store_entry(root, index, entry);
	lpm_flat_entry(t, root, index);
	if (old && !(old & LPM_DIRECT))
		lpm_block_retire(t->arena, old);
}

// What a node of pages inherits; `index` is that of its first entry.
static void set_pages_inherit(struct lpm *t, struct lpm_root *root, struct lpm_node *node,
	uint32_t index, uint16_t inherit)
{
	uint16_t value[256];
	unsigned k = 0;

	if (node->inherit == inherit)
		return;
	node->inherit = inherit;
	lpm_paint(node->routes, node->n_routes, value);
	for (unsigned s = 0; s < 256; s++) {
		uint32_t at = index + s / LPM_PAGE_SLOTS, entry = lpm_load_entry(root, at);
		struct lpm_page *page = lpm_at(t->base, entry & ~LPM_DIRECT);
		struct lpm_node *child = NULL;

		if (k < node->n_children && lpm_slots(node)[k] == s)
			child = lpm_children(node)[k++];
		if (value[s])
			continue;
		if (child)
			lpm_set_inherit(t, child, inherit);
		else if (entry & LPM_DIRECT)
			lpm_store_page(t, root, at, LPM_DIRECT | inherit);
		else {
			atomic_store_explicit(
				&page->leaf[s % LPM_PAGE_SLOTS], inherit, memory_order_relaxed);
			lpm_flat_leaf(t, at, s % LPM_PAGE_SLOTS, inherit);
		}
	}
}

// Root entries of one slot of a node above blocks and pages.
static void fill_slot(struct lpm *t, struct lpm_root *root, uint32_t index, unsigned n,
	struct lpm_node *child, uint16_t v)
{
	if (!child) {
		for (unsigned i = 0; i < n; i++)
			if (!t->ip6 && root->bits > 8)
				lpm_store_page(t, root, index + i, LPM_DIRECT | v);
			else
				lpm_store_entry(root, index + i, LPM_DIRECT | v);
	} else if (child->ref) {
		lpm_store_entry(root, index, child->ref);
		lpm_set_inherit(t, child, v);
	} else {
		for (unsigned i = 0; child == t->fresh && i < n; i++)
			if (t->fresh_entry[i])
				lpm_store_page(t, root, index + i, t->fresh_entry[i]);
		set_pages_inherit(t, root, child, index, v);
	}
}

// Root entries of slots lo..hi-1 of a node above blocks and pages; `first`: the address's first
// byte.
void lpm_fill_root(struct lpm *t, struct lpm_root *root, struct lpm_node *node, uint8_t first,
	unsigned lo, unsigned hi)
{
	struct lpm_node **children = lpm_children(node);
	unsigned per_slot = root->bits < 8u * (node->depth + 1u)
				    ? 0
				    : 1u << (root->bits - 8 * (node->depth + 1u));
	uint32_t base = node->depth ? 256u * first : 0;
	uint16_t value[256];
	unsigned k = 0;

	lpm_paint(node->routes, node->n_routes, value);
	while (k < node->n_children && lpm_slots(node)[k] < lo)
		k++;
	for (unsigned s = lo; s < hi; s++) {
		uint16_t v = value[s] ? value[s] : node->inherit;
		struct lpm_node *child = NULL;

		if (k < node->n_children && lpm_slots(node)[k] == s)
			child = children[k++];
		if (child && !child->ref && child->depth == 1) {
			child->inherit = v;
			lpm_fill_root(t, root, child, (uint8_t)s, 0, 256);
		} else {
			fill_slot(t, root, (base + s) * per_slot, per_slot, child, v);
		}
	}
}
