// SPDX-License-Identifier: BSD-3-Clause
// Changes of an LPM table. Every change ends in one store that workers see for each address
// concerned; all memory is taken before the first of them, so that failure changes nothing.
#include "dataplane/table/lpm_change.h"

#include <errno.h>
#include <string.h>

// The nodes from the top (index 0) down to the one in question.
struct path {
	struct lpm_node *node[17];
	unsigned last;
};

// -- publishing ------------------------------------------------------------------------
// The root entry of the first of the pages of the key's node.
static uint32_t first_page(const struct lpm_key *key)
{
	return (key->b[0] * 256u + key->b[1]) * LPM_N_PAGES;
}

// Put `node` in the place of the path's node at `level`.
static void replace_node(struct lpm *t, const struct path *p, unsigned level,
	const struct lpm_key *key, struct lpm_node *node)
{
	struct lpm_root *root = lpm_root_of(t);
	struct lpm_node *parent;
	uint8_t slot;
	unsigned k;

	if (!level) {
		t->top = node;
		return;
	}
	parent = p->node[level - 1];
	slot = key->b[parent->depth];
	k = (unsigned)lpm_child_at(parent, slot);
	lpm_children(parent)[k] = node;
	if (parent->ref) {
		atomic_store_explicit(lpm_child(lpm_at(t->base, parent->ref), t->ip6, k), node->ref,
			memory_order_release);
	} else if (lpm_has_pages(t, parent->depth)) {
		const uint8_t *slots = lpm_slots(parent);
		uint32_t entry = lpm_load_entry(root, first_page(key) + slot / LPM_PAGE_SLOTS);
		struct lpm_page *page = lpm_at(t->base, entry);
		unsigned before = 0; // children in earlier pages

		while (slots[before] < slot / LPM_PAGE_SLOTS * LPM_PAGE_SLOTS)
			before++;
		atomic_store_explicit(&page->child[k - before], node->ref, memory_order_release);
	} else if (node->ref) {
		lpm_store_entry(root, parent->depth ? key->b[0] * 256u + slot : slot, node->ref);
	}
	lpm_index_node(t, parent, node, key);
}

static void discard(struct lpm *t, struct lpm_node *node, const struct lpm_key *key)
{
	lpm_unindex_node(t, node, key);
	if (node->ref)
		lpm_block_retire(t->arena, node->ref);
	lpm_node_free(t, node);
}

// A node that readers have not seen.
static void undo(struct lpm *t, struct lpm_node *node)
{
	if (node->ref)
		lpm_block_free(t->arena, node->ref);
	for (unsigned q = 0; node == t->fresh && q < LPM_N_PAGES; q++)
		if (t->fresh_entry[q] && !(t->fresh_entry[q] & LPM_DIRECT))
			lpm_block_free(t->arena, t->fresh_entry[q]);
	lpm_node_free(t, node);
}

// A node with what workers see of it: block or pages, of these only those of slots lo..hi-1.
static struct lpm_node *make_node(struct lpm *t, const struct lpm_edit *e, unsigned lo, unsigned hi)
{
	struct lpm_node *node = lpm_pack(t, e);
	bool ok = true;

	if (!node)
		return NULL;
	if (e->depth >= lpm_root_depth(t)) {
		node->ref = lpm_build(t, e);
		ok = node->ref != 0;
	} else if (lpm_has_pages(t, e->depth)) {
		t->fresh = node;
		ok = lpm_build_pages(t, e, lo, hi, t->fresh_entry);
	}
	if (ok)
		return node;
	t->fresh = NULL;
	lpm_node_free(t, node);
	return NULL;
}

// The edit takes the place of the path's node at `level`; slots lo..hi-1 have changed.
static int commit(struct lpm *t, struct path *p, unsigned level, const struct lpm_key *key,
	const struct lpm_edit *e, unsigned lo, unsigned hi)
{
	struct lpm_root *root = lpm_root_of(t);
	struct lpm_node *node = make_node(t, e, lo, hi), *old = p->node[level];
	bool pages = lpm_has_pages(t, e->depth);

	if (!node)
		return -ENOMEM;
	replace_node(t, p, level, key, node);
	p->node[level] = node;
	if (!node->ref && !pages) {
		lpm_fill_root(t, root, node, key->b[0], lo, hi);
		discard(t, old, key);
		return 0;
	}
	for (unsigned q = 0; pages && q < LPM_N_PAGES; q++)
		if (t->fresh_entry[q])
			lpm_store_page(t, root, first_page(key) + q, t->fresh_entry[q]);
	for (unsigned k = 0; k < node->n_children; k++) {
		uint8_t s = lpm_slots(node)[k];
		uint16_t v;

		if (s < lo || s >= hi)
			continue;
		v = lpm_value_at(node->routes, node->n_routes, s);
		lpm_set_inherit(t, lpm_children(node)[k], v ? v : node->inherit);
	}
	discard(t, old, key);
	return 0;
}

static void open_at(const struct lpm *t, struct lpm_edit *e, const struct lpm_node *node,
	const struct lpm_key *key)
{
	lpm_open(t, e, node);
	memset(e->prefix, 0, sizeof(e->prefix));
	memcpy(e->prefix, key->b, e->depth);
}

static void open_empty(
	struct lpm_edit *e, const struct lpm_key *key, unsigned depth, uint16_t inherit)
{
	memset(e->prefix, 0, sizeof(e->prefix));
	memcpy(e->prefix, key->b, depth);
	e->inherit = inherit;
	e->n_routes = 0;
	e->n_children = 0;
	e->depth = (uint8_t)depth;
}

// -- finding ---------------------------------------------------------------------------
// How many bytes of the child's prefix the key shares, at most the child's depth.
static unsigned shared(
	const struct lpm *t, const struct lpm_node *child, unsigned from, const struct lpm_key *key)
{
	const uint8_t *prefix;

	if (!t->ip6 || !child->ref)
		return child->depth;
	prefix = lpm_prefix_of(t, child);
	while (from < child->depth && prefix[from] == key->b[from])
		from++;
	return from;
}

// Go down as far as nodes at depths up to `depth` agree with the key. *below is the child there
// that is too deep or disagrees, NULL = none; the return value is where it parts from the key.
static unsigned descend(const struct lpm *t, struct path *p, const struct lpm_key *key,
	unsigned depth, struct lpm_node **below)
{
	struct lpm_node *node = t->top;

	p->last = 0;
	p->node[0] = node;
	*below = NULL;
	while (node->depth < depth) {
		int k = lpm_child_at(node, key->b[node->depth]);
		struct lpm_node *child;
		unsigned same;

		if (k < 0)
			return 0;
		child = lpm_children(node)[k];
		same = shared(t, child, node->depth, key);
		if (same < child->depth || child->depth > depth) {
			*below = child;
			return MIN(same, depth);
		}
		p->node[++p->last] = node = child;
	}
	return depth;
}

static unsigned position(const struct lpm_route *r, unsigned n, uint8_t bits, uint8_t len)
{
	unsigned lo = 0, want = (unsigned)bits << 8 | len;

	while (lo < n) {
		unsigned mid = (lo + n) / 2;

		if (((unsigned)r[mid].bits << 8 | r[mid].len) < want)
			lo = mid + 1;
		else
			n = mid;
	}
	return lo;
}

static bool is_route(const struct lpm_route *r, unsigned at, unsigned n, uint8_t bits, uint8_t len)
{
	return at < n && r[at].bits == bits && r[at].len == len;
}

// The byte that a prefix ends in, and how many bits of it count.
static void last_byte(const struct lpm_key *key, uint8_t *bits, uint8_t *len)
{
	unsigned depth = lpm_node_depth(key->len);

	*bits = key->len ? key->b[depth] : 0;
	*len = (uint8_t)(key->len - 8 * depth);
}

int lpm_find(const struct lpm *t, const struct lpm_key *key, uint16_t *nexthop)
{
	unsigned depth = lpm_node_depth(key->len), at;
	struct lpm_node *below, *node;
	uint8_t bits, len;
	struct path p;

	descend(t, &p, key, depth, &below);
	node = p.node[p.last];
	last_byte(key, &bits, &len);
	at = position(node->routes, node->n_routes, bits, len);
	if (node->depth != depth || !is_route(node->routes, at, node->n_routes, bits, len))
		return -ENOENT;
	*nexthop = node->routes[at].nexthop;
	return 0;
}

// -- a run of changes --------------------------------------------------------------------
// What the operations do to a node's routes, before anybody sees it.
struct outcome {
	unsigned lo, hi; // slots concerned
	int32_t delta;   // of the number of routes
	int32_t wide;    // of those whose next hop has no place in a byte
	bool changed;
};

static void note(struct outcome *o, const struct lpm_op *op, uint16_t before)
{
	o->wide += (op->nexthop >= LPM_FLAT_DEEPER) - (before >= LPM_FLAT_DEEPER);
	o->changed = true;
	o->lo = MIN(o->lo, op->bits);
	o->hi = MAX(o->hi, op->bits + (256u >> op->len));
}

static struct outcome apply(struct lpm *t, struct lpm_edit *e, const struct lpm_op *op, unsigned n)
{
	struct outcome o = {.lo = 256};

	for (unsigned i = 0; i < n; i++, op++) {
		unsigned at = position(e->routes, e->n_routes, op->bits, op->len);
		struct lpm_route *r = &e->routes[at];
		uint16_t before = 0;

		if (is_route(e->routes, at, e->n_routes, op->bits, op->len)) {
			*op->result = op->nexthop == r->nexthop ? FIB_SAME
				      : op->nexthop             ? FIB_REPLACED
								: FIB_REMOVED;
			if (*op->result == FIB_SAME)
				continue;
			before = r->nexthop;
			r->nexthop = op->nexthop;
			if (!op->nexthop) {
				memmove(r, r + 1, (--e->n_routes - at) * sizeof(*r));
				o.delta--;
			}
		} else if (!op->nexthop) {
			*op->result = -ENOENT;
			continue;
		} else if ((int64_t)t->n_routes + o.delta >= t->max_routes) {
			*op->result = -ENOSPC;
			t->full++;
			continue;
		} else {
			memmove(r + 1, r, (e->n_routes++ - at) * sizeof(*r));
			*r = (struct lpm_route){op->bits, op->len, op->nexthop};
			*op->result = FIB_ADDED;
			o.delta++;
		}
		note(&o, op, before);
	}
	return o;
}

// The path's last node lost all it had: it goes, and with it those above that only led there.
static int remove_chain(struct lpm *t, struct path *p, const struct lpm_key *key)
{
	unsigned level = p->last - 1, gone = p->last;
	struct lpm_edit *e = &t->edit[1];
	struct lpm_node *node;
	uint8_t slot;
	int err = 0;

	while (level && !p->node[level]->n_routes && p->node[level]->n_children == 1)
		level--;
	node = p->node[level];
	slot = key->b[node->depth];
	if (t->ip6 && node->ref && !node->n_routes && node->n_children == 2) {
		// One child remains, and takes the place. It inherits what this node did.
		int k = lpm_child_at(node, slot);

		replace_node(t, p, level, key, lpm_children(node)[!k]);
		discard(t, node, key);
	} else {
		open_at(t, e, node, key);
		lpm_drop_child(e, slot);
		err = commit(t, p, level, key, e, slot, slot + 1u);
	}
	if (!err)
		for (; gone > level; gone--)
			discard(t, p->node[gone], key);
	return err;
}

// The target node exists.
static int change_node(struct lpm *t, struct path *p, const struct lpm_key *key,
	const struct lpm_edit *e, const struct outcome *o)
{
	struct lpm_node *node = p->node[p->last], *child;

	if (!p->last || e->n_routes || e->n_children > 1 || (e->n_children && !t->ip6) ||
		(e->n_children && !node->ref))
		return commit(t, p, p->last, key, e, o->lo, o->hi);
	if (!e->n_children)
		return remove_chain(t, p, key);
	child = e->child[0];
	replace_node(t, p, p->last, key, child);
	lpm_set_inherit(t, child, node->inherit);
	discard(t, node, key);
	return 0;
}

// The target node does not exist: `e` becomes one below the path's last node, beside nothing.
static int add_node(struct lpm *t, struct path *p, const struct lpm_key *key, struct lpm_edit *e)
{
	struct lpm_node *parent = p->node[p->last], *made[4] = {0};
	uint8_t slot = key->b[parent->depth];
	unsigned n = 0, depth = e->depth;
	uint16_t inherit = lpm_value_at(parent->routes, parent->n_routes, slot);
	int err = -ENOMEM;

	e->inherit = inherit = inherit ? inherit : parent->inherit;
	made[n] = make_node(t, e, 0, 256);
	while (made[n] && !t->ip6 && --depth > parent->depth) {
		struct lpm_edit *relay = &t->edit[2];

		open_empty(relay, key, depth, inherit);
		lpm_add_child(relay, key->b[depth], made[n++]);
		made[n] = make_node(t, relay, 0, 256);
	}
	if (made[n]) {
		open_at(t, &t->edit[1], parent, key);
		lpm_add_child(&t->edit[1], slot, made[n]);
		err = commit(t, p, p->last, key, &t->edit[1], slot, slot + 1u);
	}
	if (!err)
		lpm_index_node(t, n ? made[1] : p->node[p->last], made[0], key);
	for (unsigned i = 0; err && i <= n; i++)
		if (made[i])
			undo(t, made[i]);
	return err;
}

// IPv6: a deeper node `below` stands where the target would go, or parts from the key at byte
// `at`: a new node there, above it.
static int split(struct lpm *t, struct path *p, const struct lpm_key *key, struct lpm_edit *e,
	struct lpm_node *below, unsigned at)
{
	struct lpm_edit *fork = at == e->depth ? e : &t->edit[1];
	uint8_t slot = lpm_prefix_of(t, below)[at];
	struct lpm_node *node = NULL, *beside = NULL;
	uint32_t old = below->ref;
	uint16_t v;

	e->inherit = below->inherit;
	if (fork != e) {
		beside = make_node(t, e, 0, 256);
		if (!beside)
			return -ENOMEM;
		open_empty(fork, key, at, below->inherit);
		lpm_add_child(fork, key->b[at], beside);
	}
	below->ref = lpm_copy_block(t, below, &t->edit[2]);
	if (below->ref) {
		lpm_add_child(fork, slot, below);
		node = make_node(t, fork, 0, 256);
	}
	if (!node) {
		if (below->ref)
			lpm_block_free(t->arena, below->ref);
		below->ref = old;
		if (beside)
			undo(t, beside);
		return -ENOMEM;
	}
	replace_node(t, p, p->last + 1, key, node);
	lpm_index_node(t, node, below, key);
	if (beside)
		lpm_index_node(t, node, beside, key);
	lpm_block_retire(t->arena, old);
	v = lpm_value_at(node->routes, node->n_routes, slot);
	lpm_set_inherit(t, below, v ? v : node->inherit);
	return 0;
}

// With a root of 16 bits the node of an address's first byte is there before others below it.
static int need_second_node(struct lpm *t, const struct lpm_key *key)
{
	struct lpm_edit *e = &t->edit[2];
	struct path p = {{t->top}, 0};

	if (lpm_root_depth(t) < 2 || lpm_child_at(t->top, key->b[0]) >= 0)
		return 0;
	open_empty(e, key, 1, 0);
	return add_node(t, &p, key, e);
}

void lpm_change(struct lpm *t, const struct lpm_key *key, const struct lpm_op *op, unsigned n)
{
	unsigned depth = lpm_node_depth(key->len), at;
	struct lpm_edit *e = &t->edit[0];
	struct lpm_node *below;
	struct outcome o;
	struct path p;
	int err = 0;

	t->fresh = NULL;
	at = descend(t, &p, key, depth, &below);
	if (p.node[p.last]->depth == depth)
		open_at(t, e, p.node[p.last], key);
	else
		open_empty(e, key, depth, 0);
	o = apply(t, e, op, n);
	if (!o.changed || (!e->n_routes && p.node[p.last]->depth != depth))
		return;
	if (p.node[p.last]->depth == depth) {
		err = change_node(t, &p, key, e, &o);
	} else if (below) {
		err = split(t, &p, key, e, below, at);
	} else {
		if (depth > 1)
			err = need_second_node(t, key);
		if (!err) {
			descend(t, &p, key, depth, &below);
			err = add_node(t, &p, key, e);
		}
	}
	if (err) {
		t->no_memory++;
		for (unsigned i = 0; i < n; i++)
			if (*op[i].result == FIB_ADDED || *op[i].result == FIB_REPLACED ||
				*op[i].result == FIB_REMOVED)
				*op[i].result = err;
	} else {
		t->n_routes = (uint32_t)((int64_t)t->n_routes + o.delta);
		t->n_wide = (uint32_t)((int64_t)t->n_wide + o.wide);
		lpm_fit_root(t);
	}
	lpm_arena_grace(t->arena);
}
