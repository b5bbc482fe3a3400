// SPDX-License-Identifier: BSD-3-Clause
// From the first bits of an address straight to its block, past the levels of the trie above. IPv6
// has two, by 40 bits and by 32 bits: most addresses find in the first one the only block that they
// need, the others, those whose 40 bits no longer prefix shares, in the second one. IPv4 has
// one by 24 bits, where lpm_flat.c has to go on.
//
// A hash table of 64-byte buckets. A slot is one word: a tag that in this bucket stands for these
// bits, and the reference of the first block behind them. It only saves time: what is not in it,
// because a bucket is full or memory was short, is found through the trie. So nothing here can
// fail.
#include <string.h>

#include "base/mem.h"
#include "dataplane/table/lpm_change.h"

#define SLOTS      LPM_INDEX_SLOTS
#define MIN_SHIFT  56 // 256 buckets, so that bucket and tag have all 40 bits
#define FULL_SLOTS 3u // per bucket on average, when the table doubles

// The index where there is none: two empty buckets.
static const struct lpm_index no_index = {.shift = 63, .slot = {[2 * SLOTS - 1] = 0}};

static struct lpm_index *index_of(const struct lpm *t, unsigned nth)
{
	return atomic_load_explicit(&lpm_root_of(t)->index[nth], memory_order_relaxed);
}

static unsigned n_indexes(const struct lpm *t)
{
	return t->ip6 ? LPM_N_INDEXES : 1;
}

// In bytes of the address.
static unsigned depth_of(const struct lpm *t, unsigned nth)
{
	return t->ip6 ? 4 + nth : 3;
}

static uint64_t hash_of(const struct lpm *t, unsigned nth, const uint8_t *prefix)
{
	uint64_t key = 0;

	for (unsigned i = 0; i < depth_of(t, nth); i++)
		key |= (uint64_t)prefix[i] << (56 - 8 * i);
	return lpm_index_hash(key);
}

static const uint8_t *prefix_of(
	const struct lpm *t, const struct lpm_node *node, const struct lpm_key *key)
{
	return t->ip6 ? lpm_prefix_of(t, node) : key->b;
}

static size_t size_of(const struct lpm_index *x)
{
	return sizeof(*x) + sizeof(x->slot[0]) * SLOTS * ((size_t)1 << (64 - x->shift));
}

struct lpm_index *lpm_index_none(void)
{
	return (struct lpm_index *)&no_index; // written by nobody
}

size_t lpm_index_bytes(const struct lpm *t)
{
	size_t bytes = 0;

	for (unsigned i = 0; i < n_indexes(t); i++)
		bytes += index_of(t, i) == &no_index ? 0 : size_of(index_of(t, i));
	return bytes;
}

static struct lpm_index *new_index(uint32_t shift)
{
	struct lpm_index shape = {.shift = shift}, *x = mem_zalloc(size_of(&shape), LPM_LINE);

	if (x)
		x->shift = shift;
	return x;
}

static _Atomic uint64_t *find(struct lpm_index *x, uint64_t hash, bool free_too)
{
	_Atomic uint64_t *slot = lpm_index_bucket(x, hash);

	for (unsigned i = 0; i < SLOTS; i++) {
		uint64_t word = atomic_load_explicit(&slot[i], memory_order_relaxed);

		if (word && word >> 32 == lpm_index_tag(hash))
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

static void drop(struct lpm_index *x, bool readers)
{
	if (x == &no_index)
		return;
	if (readers)
		rcu_retire(&x->retired, release_index);
	else
		mem_free(x);
}

void lpm_index_drop(struct lpm_root *root, bool readers)
{
	for (unsigned i = 0; i < LPM_N_INDEXES; i++)
		drop(atomic_load_explicit(&root->index[i], memory_order_relaxed), readers);
}

static void put(struct lpm_index *x, uint64_t hash, uint32_t ref)
{
	_Atomic uint64_t *slot = find(x, hash, true);

	if (!slot)
		return;
	x->n_used += !atomic_load_explicit(slot, memory_order_relaxed);
	atomic_store_explicit(
		slot, (uint64_t)lpm_index_tag(hash) << 32 | ref, memory_order_release);
}

static struct lpm_index *grow(struct lpm *t, unsigned nth, struct lpm_index *old)
{
	struct lpm_index *x = new_index(old == &no_index ? MIN_SHIFT : old->shift - 1);
	size_t n = old == &no_index ? 0 : (size_t)SLOTS << (64 - old->shift);

	if (!x)
		return old;
	for (size_t i = 0; i < n; i++) {
		uint64_t word = atomic_load_explicit(&old->slot[i], memory_order_relaxed);
		uint64_t first = (uint64_t)(i / SLOTS) << old->shift & ~0ull << 56;

		if (word)
			put(x, first | word >> 32 << 24, (uint32_t)word);
	}
	atomic_store_explicit(&lpm_root_of(t)->index[nth], x, memory_order_release);
	drop(old, true);
	return x;
}

void lpm_index_node(struct lpm *t, const struct lpm_node *parent, const struct lpm_node *node,
	const struct lpm_key *key)
{
	for (unsigned i = 0; lpm_root_depth(t) > 1 && i < n_indexes(t); i++) {
		struct lpm_index *x = index_of(t, i);

		if (parent->depth >= depth_of(t, i) || node->depth < depth_of(t, i))
			continue;
		if (x == &no_index || x->n_used >= FULL_SLOTS << (64 - x->shift))
			x = grow(t, i, x);
		if (x != &no_index)
			put(x, hash_of(t, i, prefix_of(t, node, key)), node->ref);
	}
}

void lpm_unindex_node(struct lpm *t, const struct lpm_node *node, const struct lpm_key *key)
{
	for (unsigned i = 0; node->ref && i < n_indexes(t); i++) {
		struct lpm_index *x = index_of(t, i);
		_Atomic uint64_t *slot;

		if (x == &no_index || node->depth < depth_of(t, i))
			continue;
		slot = find(x, hash_of(t, i, prefix_of(t, node, key)), false);
		if (!slot ||
			(uint32_t)atomic_load_explicit(slot, memory_order_relaxed) != node->ref)
			continue; // another has its place
		atomic_store_explicit(slot, 0, memory_order_release);
		x->n_used--;
	}
}

// `key` holds the first bytes of what is below the node; IPv6 has them in its blocks.
static void index_below(struct lpm *t, const struct lpm_node *node, struct lpm_key *key)
{
	unsigned deepest = depth_of(t, n_indexes(t) - 1);

	for (unsigned k = 0; node->depth < deepest && k < node->n_children; k++) {
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

uint32_t lpm_index_find(const struct lpm *t, unsigned nth, const struct lpm_key *key)
{
	struct lpm_index *x = index_of(t, nth);
	_Atomic uint64_t *slot = x == &no_index ? NULL : find(x, hash_of(t, nth, key->b), false);

	return slot ? (uint32_t)atomic_load_explicit(slot, memory_order_relaxed) : 0;
}
