// SPDX-License-Identifier: BSD-3-Clause
// An LPM table as a whole: making it, the size of its root, reading it on control's side.
#include "dataplane/table/lpm.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "dataplane/table/lpm_change.h"

// Above and below these numbers of routes the root changes its size.
#define WIDE_ABOVE   256
#define NARROW_BELOW 64

// From this number of routes on IPv4 has an array of all /24 (16 MiB), down to half as many.
#define FLAT_ABOVE 131072

// Blocks are at most this much per route on average, whatever the routes; the rest is for what
// waits for a grace period.
#define BYTES_PER_ROUTE 512

static struct lpm_root *new_root(unsigned bits)
{
	struct lpm_root *root =
		mem_zalloc(sizeof(*root) + ((size_t)1 << bits) * sizeof(root->entry[0]), LPM_LINE);

	if (root) {
		root->bits = bits;
		for (unsigned i = 0; i < LPM_N_INDEXES; i++)
			atomic_init(&root->index[i], lpm_index_none());
	}
	return root;
}

static void release_root(struct rcu_retired *r)
{
	mem_free(container_of(r, struct lpm_root, retired));
}

int lpm_create(struct lpm **out, bool ip6, uint32_t max_routes)
{
	struct lpm *t = mem_zalloc(sizeof(*t), 0);
	struct lpm_root *root = new_root(8);
	int err = -ENOMEM;

	if (!t || !root)
		goto fail;
	t->ip6 = ip6;
	t->max_routes = max_routes;
	t->flat_above = FLAT_ABOVE;
	if (lpm_arena_create(&t->arena, (uint64_t)max_routes * BYTES_PER_ROUTE))
		goto fail;
	t->base = t->arena->base;
	t->top = lpm_pack(t, &t->edit[0]);
	if (!t->top)
		goto fail;
	for (unsigned i = 0; i < 256; i++)
		atomic_init(&root->entry[i], LPM_DIRECT);
	atomic_init(&t->root, root);
	*out = t;
	return 0;
fail:
	if (t)
		lpm_arena_destroy(t->arena);
	mem_free(root);
	mem_free(t);
	return err;
}

static void free_nodes(struct lpm *t, struct lpm_node *node)
{
	for (unsigned k = 0; k < node->n_children; k++)
		free_nodes(t, lpm_children(node)[k]);
	lpm_node_free(t, node);
}

void lpm_destroy(struct lpm *t)
{
	struct lpm_root *root;

	if (!t)
		return;
	free_nodes(t, t->top);
	root = atomic_load_explicit(&t->root, memory_order_relaxed);
	lpm_index_drop(root, false);
	mem_free(root);
	mem_free(t->flat);
	lpm_arena_destroy(t->arena);
	mem_free(t);
}

size_t lpm_root_bytes(const struct lpm *t)
{
	struct lpm_root *root = atomic_load_explicit(&t->root, memory_order_relaxed);

	return sizeof(*root) + ((size_t)1 << root->bits) * sizeof(root->entry[0]) +
	       lpm_index_bytes(t) + (t->flat ? sizeof(*t->flat) : 0);
}

// -- the root's size ---------------------------------------------------------------------
// Readers go on through the old root and the blocks that only it led to; both stay as they are.
static void use_root(struct lpm *t, struct lpm_root *root)
{
	struct lpm_root *old = atomic_load_explicit(&t->root, memory_order_relaxed);

	t->fresh = NULL;
	lpm_fill_root(t, root, t->top, 0, 0, 256);
	atomic_store_explicit(&t->root, root, memory_order_release);
	for (uint32_t i = 0; !t->ip6 && old->bits > 8 && i < 1u << LPM_ROOT4_BITS; i++)
		if (!(old->entry[i] & LPM_DIRECT))
			lpm_block_retire(t->arena, old->entry[i]);
	lpm_index_drop(old, true);
	rcu_retire(&old->retired, release_root);
}

// The edit of a node, for what workers see of it.
static struct lpm_edit *opened(struct lpm *t, const struct lpm_node *node, uint8_t first)
{
	struct lpm_edit *e = &t->edit[0];

	lpm_open(t, e, node);
	memset(e->prefix, 0, sizeof(e->prefix));
	e->prefix[0] = first; // IPv6 needs it at byte 1 only
	return e;
}

// IPv6: nodes at byte 1 are without block; where levels were skipped they come in between.
static bool widen_ip6(struct lpm *t)
{
	struct lpm_node **child = lpm_children(t->top), *fresh[256] = {0};
	uint32_t old[256] = {0}, copy;
	struct lpm_edit *e = &t->edit[0];
	unsigned n = t->top->n_children;

	for (unsigned k = 0; k < n; k++) {
		if (child[k]->depth == 1)
			continue;
		copy = lpm_copy_block(t, child[k], &t->edit[1]);
		if (!copy)
			goto fail;
		old[k] = child[k]->ref;
		child[k]->ref = copy;
		e->inherit = child[k]->inherit;
		e->depth = 1;
		e->n_routes = e->n_children = 0;
		lpm_add_child(e, lpm_prefix_of(t, child[k])[1], child[k]);
		fresh[k] = lpm_pack(t, e);
		if (!fresh[k])
			goto fail;
	}
	for (unsigned k = 0; k < n; k++) {
		if (!fresh[k])
			continue;
		child[k] = fresh[k];
		lpm_block_retire(t->arena, old[k]);
	}
	return true;
fail:
	for (unsigned k = 0; k < n; k++) {
		lpm_node_free(t, fresh[k]);
		if (!old[k])
			continue;
		lpm_block_free(t->arena, child[k]->ref);
		child[k]->ref = old[k];
	}
	return false;
}

// IPv4: pages for the nodes at byte 2, in the new root.
static bool widen_ip4(struct lpm *t, struct lpm_root *root)
{
	uint32_t entry[LPM_N_PAGES];

	for (unsigned k = 0; k < t->top->n_children; k++) {
		struct lpm_node *node = lpm_children(t->top)[k];

		for (unsigned j = 0; j < node->n_children; j++) {
			uint32_t index = lpm_slots(t->top)[k] * 256u + lpm_slots(node)[j];

			if (!lpm_build_pages(t, opened(t, lpm_children(node)[j], 0), 0, 256, entry))
				goto fail;
			for (unsigned q = 0; q < LPM_N_PAGES; q++)
				atomic_init(&root->entry[index * LPM_N_PAGES + q], entry[q]);
		}
	}
	return true;
fail:
	for (uint32_t i = 0; i < 1u << LPM_ROOT4_BITS; i++)
		if (root->entry[i] && !(root->entry[i] & LPM_DIRECT))
			lpm_block_free(t->arena, root->entry[i]);
	return false;
}

static void drop_block(struct lpm *t, struct lpm_node *node)
{
	if (node->ref)
		lpm_block_retire(t->arena, node->ref);
	node->ref = 0;
}

static void widen(struct lpm *t)
{
	struct lpm_root *root = new_root(t->ip6 ? 16 : LPM_ROOT4_BITS);

	if (!root || !(t->ip6 ? widen_ip6(t) : widen_ip4(t, root))) {
		mem_free(root);
		return;
	}
	for (unsigned k = 0; k < t->top->n_children; k++) {
		struct lpm_node *node = lpm_children(t->top)[k];

		drop_block(t, node);
		for (unsigned j = 0; !t->ip6 && j < node->n_children; j++)
			drop_block(t, lpm_children(node)[j]);
	}
	use_root(t, root);
	lpm_index_all(t);
}

static bool build_block(struct lpm *t, struct lpm_node *node, uint8_t first)
{
	node->ref = lpm_build(t, opened(t, node, first));
	return node->ref != 0;
}

// IPv6: such a node is not needed at byte 1.
static bool only_leads_on(const struct lpm *t, const struct lpm_node *node)
{
	return t->ip6 && !node->n_routes && node->n_children == 1;
}

// All nodes get blocks, but those of IPv6 that only lead to one other node go.
static void narrow(struct lpm *t)
{
	struct lpm_node **child = lpm_children(t->top);
	struct lpm_root *root = new_root(8);
	unsigned n = t->top->n_children;
	bool ok = root != NULL;

	for (unsigned k = 0; ok && k < n; k++) {
		for (unsigned j = 0; ok && !t->ip6 && j < child[k]->n_children; j++)
			ok = build_block(t, lpm_children(child[k])[j], 0);
		if (ok && !only_leads_on(t, child[k]))
			ok = build_block(t, child[k], lpm_slots(t->top)[k]);
	}
	for (unsigned k = 0; !ok && k < n; k++) {
		if (child[k]->ref)
			lpm_block_free(t->arena, child[k]->ref);
		child[k]->ref = 0;
		for (unsigned j = 0; !t->ip6 && j < child[k]->n_children; j++) {
			struct lpm_node *node = lpm_children(child[k])[j];

			if (node->ref)
				lpm_block_free(t->arena, node->ref);
			node->ref = 0;
		}
	}
	if (!ok) {
		mem_free(root);
		return;
	}
	for (unsigned k = 0; k < n; k++) {
		struct lpm_node *node = child[k];

		if (!node->ref) {
			child[k] = lpm_children(node)[0];
			lpm_node_free(t, node);
		}
	}
	use_root(t, root);
}

void lpm_fit_root(struct lpm *t)
{
	unsigned depth = lpm_root_depth(t);

	if (depth == 1 && t->n_routes > WIDE_ABOVE)
		widen(t);
	lpm_fit_flat(t);
	if (depth > 1 && t->n_routes < NARROW_BELOW) {
		lpm_flat_drop(t);
		narrow(t);
	}
}

// -- control's view ------------------------------------------------------------------------
int lpm_match(const struct lpm *t, const struct lpm_key *key, uint8_t *len, uint16_t *nexthop)
{
	unsigned max = t->ip6 ? 16 : 4;
	struct lpm_node *node = t->top;
	int err = -ENOENT;

	for (;;) {
		uint8_t slot = key->b[node->depth];
		unsigned depth;
		int k;

		for (unsigned i = 0; i < node->n_routes && node->routes[i].bits <= slot; i++) {
			const struct lpm_route *r = &node->routes[i];

			if (slot >= r->bits + (256u >> r->len))
				continue;
			*len = (uint8_t)(8 * node->depth + r->len);
			*nexthop = r->nexthop;
			err = 0;
		}
		k = lpm_child_at(node, slot);
		if (k < 0)
			return err;
		depth = node->depth + 1u;
		node = lpm_children(node)[k];
		if (t->ip6 && node->ref &&
			memcmp(&lpm_prefix_of(t, node)[depth], &key->b[depth], node->depth - depth))
			return err;
		if (node->depth >= max)
			return err;
	}
}

struct walk {
	const struct lpm *t;
	const struct lpm_key *after; // NULL = from the start
	struct fib_route *out;
	size_t n, max;
};

static void put(struct walk *w, const struct lpm_key *key, uint16_t nexthop)
{
	struct fib_route *r = &w->out[w->n];
	int order = w->after ? memcmp(key->b, w->after->b, sizeof(key->b)) : 1;

	if (order < 0 || (order == 0 && key->len <= w->after->len))
		return;
	memset(r, 0, sizeof(*r));
	r->prefix.addr.family = w->t->ip6 ? AF_INET6 : AF_INET;
	memcpy(r->prefix.addr.b, key->b, sizeof(key->b));
	r->prefix.len = key->len;
	r->nexthop = nexthop;
	w->n++;
}

// `key` holds the node's prefix, zeros behind it.
static void walk_node(struct walk *w, const struct lpm_node *node, const struct lpm_key *key)
{
	unsigned i = 0, k = 0;

	while (w->n < w->max && (i < node->n_routes || k < node->n_children)) {
		const struct lpm_route *r = &node->routes[i];
		struct lpm_key at = *key;
		struct lpm_node *child;

		if (i < node->n_routes &&
			(k == node->n_children || r->bits <= lpm_slots(node)[k])) {
			at.b[node->depth] = r->bits;
			at.len = (uint8_t)(8 * node->depth + r->len);
			put(w, &at, r->nexthop);
			i++;
			continue;
		}
		at.b[node->depth] = lpm_slots(node)[k];
		child = lpm_children(node)[k++];
		if (w->t->ip6 && child->ref)
			memcpy(at.b, lpm_prefix_of(w->t, child), sizeof(at.b));
		// All of it lies before the start?
		if (!w->after || memcmp(at.b, w->after->b, child->depth) >= 0)
			walk_node(w, child, &at);
	}
}

size_t lpm_walk(const struct lpm *t, const struct lpm_key *after, struct fib_route *out, size_t max)
{
	struct walk w = {t, after, out, 0, max};
	struct lpm_key start = {{0}, 0};

	walk_node(&w, t->top, &start);
	return w.n;
}
