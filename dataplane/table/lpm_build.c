// SPDX-License-Identifier: BSD-3-Clause
// Nodes of an LPM table, control's side, and the blocks built from them for workers.
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "dataplane/table/lpm.h"

// -- nodes --------------------------------------------------------------------------
static size_t routes_end(unsigned n_routes)
{
	return ALIGN_UP(offsetof(struct lpm_node, routes) + n_routes * sizeof(struct lpm_route),
		sizeof(void *));
}

static size_t node_size(unsigned n_routes, unsigned n_children)
{
	return routes_end(n_routes) + n_children * (sizeof(struct lpm_node *) + 1);
}

// What malloc makes of it.
static size_t heap_size(size_t size)
{
	return MAX(ALIGN_UP(size + sizeof(size_t), 16), 32);
}

struct lpm_node **lpm_children(const struct lpm_node *node)
{
	return (struct lpm_node **)((char *)node + routes_end(node->n_routes));
}

const uint8_t *lpm_slots(const struct lpm_node *node)
{
	return (const uint8_t *)(lpm_children(node) + node->n_children);
}

int lpm_child_at(const struct lpm_node *node, uint8_t slot)
{
	const uint8_t *slots = lpm_slots(node),
		      *at = node->n_children ? memchr(slots, slot, node->n_children) : NULL;

	return at ? (int)(at - slots) : -1;
}

struct lpm_node *lpm_pack(struct lpm *t, const struct lpm_edit *e)
{
	size_t size = node_size(e->n_routes, e->n_children);
	struct lpm_node *node = mem_alloc(size, 0);

	if (!node)
		return NULL;
	node->ref = 0;
	node->inherit = e->inherit;
	node->n_routes = e->n_routes;
	node->n_children = e->n_children;
	node->depth = e->depth;
	memcpy(node->routes, e->routes, e->n_routes * sizeof(*e->routes));
	memcpy(lpm_children(node), e->child, e->n_children * sizeof(*e->child));
	memcpy((uint8_t *)lpm_slots(node), e->slot, e->n_children);
	t->node_bytes += heap_size(size);
	return node;
}

void lpm_node_free(struct lpm *t, struct lpm_node *node)
{
	if (node)
		t->node_bytes -= heap_size(node_size(node->n_routes, node->n_children));
	mem_free(node);
}

void lpm_open(const struct lpm *t, struct lpm_edit *e, const struct lpm_node *node)
{
	e->inherit = node->inherit;
	e->n_routes = node->n_routes;
	e->n_children = node->n_children;
	e->depth = node->depth;
	memcpy(e->routes, node->routes, node->n_routes * sizeof(*e->routes));
	memcpy(e->child, lpm_children(node), node->n_children * sizeof(*e->child));
	memcpy(e->slot, lpm_slots(node), node->n_children);
}

void lpm_add_child(struct lpm_edit *e, uint8_t slot, struct lpm_node *child)
{
	unsigned at = 0;

	while (at < e->n_children && e->slot[at] < slot)
		at++;
	memmove(&e->slot[at + 1], &e->slot[at], e->n_children - at);
	memmove(&e->child[at + 1], &e->child[at], (e->n_children - at) * sizeof(*e->child));
	e->slot[at] = slot;
	e->child[at] = child;
	e->n_children++;
}

void lpm_drop_child(struct lpm_edit *e, uint8_t slot)
{
	unsigned at = 0;

	while (e->slot[at] != slot)
		at++;
	e->n_children--;
	memmove(&e->slot[at], &e->slot[at + 1], e->n_children - at);
	memmove(&e->child[at], &e->child[at + 1], (e->n_children - at) * sizeof(*e->child));
}

// -- values of the slots ---------------------------------------------------------------
// In the order (bits, len) a prefix stands behind all that contain it: the last one wins.
static void paint(
	const struct lpm_route *r, unsigned n, uint16_t *value, unsigned first, unsigned n_slots)
{
	unsigned end = first + n_slots;

	memset(value, 0, n_slots * sizeof(*value));
	for (unsigned i = 0; i < n && r[i].bits < end; i++) {
		unsigned from = r[i].bits, to = from + (256u >> r[i].len);

		if (to <= first)
			continue;
		if (to - from == 1) {
			value[from - first] = r[i].nexthop;
			continue;
		}
		from = MAX(from, first);
		to = MIN(to, end);
		for (unsigned s = from; s < to; s++)
			value[s - first] = r[i].nexthop;
	}
}

void lpm_paint(const struct lpm_route *r, unsigned n, uint16_t value[256])
{
	paint(r, n, value, 0, 256);
}

uint16_t lpm_value_at(const struct lpm_route *r, unsigned n, uint8_t slot)
{
	uint16_t value = 0;

	for (unsigned i = 0; i < n && r[i].bits <= slot; i++)
		if (slot < r[i].bits + (256u >> r[i].len))
			value = r[i].nexthop;
	return value;
}

// -- blocks -----------------------------------------------------------------------------
uint32_t lpm_build(struct lpm *t, const struct lpm_edit *e)
{
	uint64_t bits[4];
	unsigned n_runs = 0, n_children = e->n_children, head = t->ip6 ? LPM_TAIL6 : LPM_TAIL4;
	uint16_t value[256], run[256];
	uint8_t before[4];
	struct lpm_tail *tail;
	char *block;
	uint32_t ref;

	lpm_paint(e->routes, e->n_routes, value);
	for (unsigned k = 0; k < n_children; k++)
		value[e->slot[k]] = (uint16_t)(LPM_CHILD | k);
	for (unsigned w = 0; w < 4; w++) {
		uint64_t begins = 0;

		for (unsigned i = 0; i < 64; i++) {
			unsigned s = 64 * w + i;

			begins |= (uint64_t)(s == 0 || value[s] != value[s - 1]) << i;
		}
		bits[w] = begins;
		before[w] = (uint8_t)n_runs;
		for (; begins; begins &= begins - 1)
			run[n_runs++] = value[64 * w + (unsigned)__builtin_ctzll(begins)];
	}
	head += sizeof(*tail);
	ref = lpm_block_alloc(
		t->arena, n_children ? ALIGN_UP(head + 2 * (n_runs + 1), 4u) + 4 * n_children
				     : head + 2 * (n_runs + 1));
	if (!ref)
		return 0;
	block = lpm_at(t->arena->base, ref);
	tail = lpm_tail(block, t->ip6);
	memcpy(block, bits, sizeof(bits));
	if (t->ip6)
		memcpy(block + sizeof(bits), e->prefix, sizeof(e->prefix));
	memcpy(tail->before, before, sizeof(before));
	tail->depth = e->depth;
	// Without children it points into the block, for readers who read first and judge then.
	tail->children = n_children ? (uint8_t)(ALIGN_UP(head + 2 * (n_runs + 1), 4u) / 4) : 0;
	atomic_init(&tail->leaf[0], e->inherit);
	memcpy((void *)&tail->leaf[1], run, n_runs * sizeof(*run));
	for (unsigned k = 0; k < n_children; k++)
		atomic_init(lpm_child(block, t->ip6, k), e->child[k]->ref);
	return ref;
}

// -- pages ------------------------------------------------------------------------------
static uint32_t build_page(struct lpm *t, const struct lpm_edit *e, unsigned first, unsigned k)
{
	uint16_t value[LPM_PAGE_SLOTS];
	unsigned n_children = 0, other = 0;
	struct lpm_page *page;
	uint32_t ref;

	paint(e->routes, e->n_routes, value, first, LPM_PAGE_SLOTS);
	// Before inheritance: what is equal now need not be when that changes.
	for (unsigned i = 1; i < LPM_PAGE_SLOTS; i++)
		other |= value[i] ^ value[0];
	for (unsigned i = 0; i < LPM_PAGE_SLOTS; i++)
		value[i] = value[i] ? value[i] : e->inherit;
	while (k + n_children < e->n_children && e->slot[k + n_children] < first + LPM_PAGE_SLOTS) {
		value[e->slot[k + n_children] - first] = (uint16_t)(LPM_CHILD | n_children);
		n_children++;
	}
	if (!other && !n_children)
		return LPM_DIRECT | value[0];
	ref = lpm_block_alloc(t->arena, sizeof(*page) + n_children * sizeof(page->child[0]));
	if (!ref)
		return 0;
	page = lpm_at(t->base, ref);
	memcpy((void *)page->leaf, value, sizeof(value));
	for (unsigned i = 0; i < n_children; i++)
		atomic_init(&page->child[i], e->child[k + i]->ref);
	return ref;
}

bool lpm_build_pages(struct lpm *t, const struct lpm_edit *e, unsigned lo, unsigned hi,
	uint32_t entry[LPM_N_PAGES])
{
	unsigned k = 0;

	for (unsigned q = 0; q < LPM_N_PAGES; q++) {
		unsigned first = q * LPM_PAGE_SLOTS;

		entry[q] = 0;
		while (k < e->n_children && e->slot[k] < first)
			k++;
		if (lo >= first + LPM_PAGE_SLOTS || hi <= first)
			continue;
		entry[q] = build_page(t, e, first, k);
		if (entry[q])
			continue;
		while (q--)
			if (entry[q] && !(entry[q] & LPM_DIRECT))
				lpm_block_free(t->arena, entry[q]);
		return false;
	}
	return true;
}
