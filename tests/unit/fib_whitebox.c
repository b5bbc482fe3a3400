// SPDX-License-Identifier: BSD-3-Clause
#include "tests/unit/fib_whitebox.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define must(what) ((what) ? (void)0 : failed(#what, __LINE__))

static void failed(const char *what, int line)
{
	fprintf(stderr, "fib's structure is broken: line %d: %s\n", line, what);
	abort();
}

struct sums {
	uint64_t routes, wide, blocks, indexed;
};

// `prefix` holds the bytes above the node.
static void check_node(const struct lpm *t, const struct lpm_node *node, unsigned root_depth,
	struct sums *sums, struct lpm_key prefix)
{
	const char *block = node->ref ? lpm_at(t->base, node->ref) : NULL;

	must(!block == (node->depth < root_depth));
	sums->routes += node->n_routes;
	for (unsigned i = 0; i < node->n_routes; i++)
		sums->wide += node->routes[i].nexthop >= LPM_FLAT_DEEPER;
	sums->blocks += block != NULL;
	if (block) {
		must(lpm_tail(block, t->ip6)->leaf[0] == node->inherit);
		must(!t->ip6 || lpm_tail(block, true)->depth == node->depth);
		must(node->n_routes || node->n_children > (t->ip6 ? 1u : 0u));
	}
	for (unsigned k = 0; k < node->n_children; k++) {
		const struct lpm_node *child = lpm_children(node)[k];
		uint16_t v = lpm_value_at(node->routes, node->n_routes, lpm_slots(node)[k]);

		must(!k || lpm_slots(node)[k - 1] < lpm_slots(node)[k]);
		must(child->inherit == (v ? v : node->inherit));
		must(!block || *lpm_child(block, t->ip6, k) == child->ref);
		must(child->depth == node->depth + 1 || (t->ip6 && child->depth > node->depth));
		prefix.b[node->depth] = lpm_slots(node)[k];
		if (t->ip6 && child->ref)
			memcpy(prefix.b, (const uint8_t *)lpm_at(t->base, child->ref) + LPM_TAIL4,
				sizeof(prefix.b));
		for (unsigned w = 0; root_depth > 1 && w < (t->ip6 ? 2u : 1u); w++) {
			unsigned depth = t->ip6 ? 4 + w : 3;
			uint32_t ref;

			if (node->depth >= depth || child->depth < depth)
				continue;
			ref = lpm_index_find(t, w, &prefix);
			must(!ref || ref == child->ref);
			sums->indexed += ref != 0;
		}
		check_node(t, child, root_depth, sums, prefix);
	}
}

void fib_check(const struct fib *f, bool ip6)
{
	const struct lpm *t = fib_lpm(f, ip6);
	struct sums sums = {0};

	const struct lpm_root *root = atomic_load(&t->root);

	check_node(t, t->top,
		root->bits == 8 ? 1
		: t->ip6        ? 2
				: 3,
		&sums, (struct lpm_key){{0}, 0});
	for (uint32_t i = 0; !t->ip6 && root->bits > 8 && i < 1u << LPM_ROOT4_BITS; i++)
		sums.blocks += !(root->entry[i] & LPM_DIRECT); // pages
	must(sums.routes == t->n_routes);
	must(sums.wide == t->n_wide);
	must(sums.indexed ==
		atomic_load(&root->index[0])->n_used + atomic_load(&root->index[1])->n_used);
	must(sums.blocks + t->arena->n_retired == t->arena->n_blocks);
}

void fib_check_flat(const struct fib *f)
{
	const struct lpm *t = fib_lpm(f, false);
	const struct lpm_root *root = atomic_load(&t->root);
	const struct lpm_flat *flat = atomic_load(&root->flat);

	must(!flat || flat == t->flat);
	for (uint32_t i = 0; flat && i < 1u << 24; i++) {
		uint32_t e = root->entry[i / LPM_PAGE_SLOTS], v = e & 0xffff;
		const struct lpm_page *page = lpm_at(t->base, e & ~LPM_DIRECT);

		if (!(e & LPM_DIRECT))
			v = page->leaf[i % LPM_PAGE_SLOTS];
		must(flat->leaf[i] == (v < LPM_FLAT_DEEPER ? v : LPM_FLAT_DEEPER));
	}
}
