// SPDX-License-Identifier: BSD-3-Clause
// From the first bits of an address straight to its block, past three levels of the trie: 32 bits
// with IPv6, 24 with IPv4, where lpm_flat.c has to go on.
//
// A hash table of 64-byte buckets. A slot is one word: these bits and the reference of the first
// block behind them. It only saves time: what is not in it, because a bucket is full or
// memory was short, is found through the trie. So nothing here can fail.
#include <string.h>

#include "base/mem.h"
#include "dataplane/table/lpm_change.h"

#define SLOTS       LPM_INDEX_SLOTS
#define MIN_SHIFT   26 // 64 buckets
#define FULL_SLOTS  3u // per bucket on average, when the table doubles
#define INDEX_BYTES 4  // of the address

// The index where there is none: two empty buckets.
static const struct lpm_index no_index = {.shift = 31, .slot = {[2 * SLOTS - 1] = 0}};

static struct lpm_index *index_of(const struct lpm *t)
{
	const struct lpm_root *root = atomic_load_explicit(&t->root, memory_order_relaxed);

	return atomic_load_explicit(&root->index, memory_order_relaxed);
}

static uint32_t key_of(
	const struct lpm *t, const struct lpm_node *node, const struct lpm_key *key)
{
	const uint8_t *p = t->ip6 ? lpm_prefix_of(t, node) : key->b;

	if (!t->ip6)
		return LPM_INDEX_KEY4 | (uint32_t)p[0] << 16 | p[1] << 8 | p[2];
	return (uint32_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
}

static size_t size_of(const struct lpm_index *x)
{
	return sizeof(*x) + sizeof(x->slot[0]) * SLOTS * ((size_t)1 << (32 - x->shift));
}

struct lpm_index *lpm_index_none(void)
{
	return (struct lpm_index *)&no_index; // written by nobody
}

size_t lpm_index_bytes(const struct lpm *t)
{
	return index_of(t) == &no_index ? 0 : size_of(index_of(t));
}

static struct lpm_index *new_index(uint32_t shift)
{
	struct lpm_index shape = {.shift = shift}, *x = mem_zalloc(size_of(&shape), LPM_LINE);

	if (x)
		x->shift = shift;
	return x;
}

static _Atomic uint64_t *find(struct lpm_index *x, uint32_t key, bool free_too)
{
	_Atomic uint64_t *slot = lpm_index_bucket(x, key);

	for (unsigned i = 0; i < SLOTS; i++) {
		uint64_t word = atomic_load_explicit(&slot[i], memory_order_relaxed);

		if (word && word >> 32 == key)
			return &slot[i];
	}
	for (unsigned i = 0; free_too && i < SLOTS; i++)
		if (!atomic_load_explicit(&slot[i], memory_order_relaxed))
			return &slot[i];
	return NULL;
}

static void release_index(struct rcu_retired *r)
{
	mem_free(container_of(r, struct lpm_index, retired));
}

void lpm_index_drop(struct lpm_index *x, bool readers)
{
	if (x == &no_index)
		return;
	if (readers)
		rcu_retire(&x->retired, release_index);
	else
		mem_free(x);
}

static void put(struct lpm_index *x, uint32_t key, uint32_t ref)
{
	_Atomic uint64_t *slot = find(x, key, true);

	if (!slot)
		return;
	x->n_used += !atomic_load_explicit(slot, memory_order_relaxed);
	atomic_store_explicit(slot, (uint64_t)key << 32 | ref, memory_order_release);
}

static void grow(struct lpm *t, struct lpm_index *old)
{
	struct lpm_root *root = atomic_load_explicit(&t->root, memory_order_relaxed);
	struct lpm_index *x = new_index(old == &no_index ? MIN_SHIFT : old->shift - 1);
	size_t n = old == &no_index ? 0 : (size_t)SLOTS << (32 - old->shift);

	if (!x)
		return;
	for (size_t i = 0; i < n; i++) {
		uint64_t word = atomic_load_explicit(&old->slot[i], memory_order_relaxed);

		if (word)
			put(x, (uint32_t)(word >> 32), (uint32_t)word);
	}
	atomic_store_explicit(&root->index, x, memory_order_release);
	lpm_index_drop(old, true);
}

// The nodes that addresses reach by the index: the first at this depth or deeper.
static unsigned index_depth(const struct lpm *t)
{
	return t->ip6 ? INDEX_BYTES : 3;
}

void lpm_index_node(struct lpm *t, const struct lpm_node *parent, const struct lpm_node *node,
	const struct lpm_key *key)
{
	struct lpm_index *x;

	if (lpm_root_depth(t) < 2 || parent->depth >= index_depth(t) ||
		node->depth < index_depth(t))
		return;
	x = index_of(t);
	if (x == &no_index || x->n_used >= FULL_SLOTS << (32 - x->shift)) {
		grow(t, x);
		x = index_of(t);
	}
	if (x != &no_index)
		put(x, key_of(t, node, key), node->ref);
}

void lpm_unindex_node(struct lpm *t, const struct lpm_node *node, const struct lpm_key *key)
{
	struct lpm_index *x = index_of(t);
	_Atomic uint64_t *slot;

	if (x == &no_index || node->depth < index_depth(t) || !node->ref)
		return;
	slot = find(x, key_of(t, node, key), false);
	if (!slot || (uint32_t)atomic_load_explicit(slot, memory_order_relaxed) != node->ref)
		return; // another has its place
	atomic_store_explicit(slot, 0, memory_order_release);
	x->n_used--;
}

// `key` holds the first bytes of what is below the node; IPv6 has them in its blocks.
static void index_below(struct lpm *t, const struct lpm_node *node, struct lpm_key *key)
{
	for (unsigned k = 0; node->depth < index_depth(t) && k < node->n_children; k++) {
		key->b[node->depth] = lpm_slots(node)[k];
		lpm_index_node(t, node, lpm_children(node)[k], key);
		index_below(t, lpm_children(node)[k], key);
	}
}

void lpm_index_all(struct lpm *t)
{
	struct lpm_key key = {{0}, 0};

	index_below(t, t->top, &key);
}

uint32_t lpm_index_find(const struct lpm *t, uint32_t key)
{
	struct lpm_index *x = index_of(t);
	_Atomic uint64_t *slot = x == &no_index ? NULL : find(x, key, false);

	return slot ? (uint32_t)atomic_load_explicit(slot, memory_order_relaxed) : 0;
}
