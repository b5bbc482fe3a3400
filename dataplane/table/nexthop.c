// SPDX-License-Identifier: BSD-3-Clause
// Next hops one by one, and their resolution. Groups are made and changed in nexthop_group.c.
#include "dataplane/table/nexthop_table.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "dataplane/table/neigh.h"

static_assert(NEIGH_MAX < 1 << 24, "an adjacency fits a hit");

// -- workers --------------------------------------------------------------------------
// Three sweeps over the burst, each starting all loads of the next: words, buckets, words again.
// A word is taken once and decided upon as it was then.
void nexthop_resolve_bulk(const struct nexthops *t, const uint32_t *index, const uint32_t *hash,
	nexthop_hit_t *hits, unsigned n)
{
	_Atomic uint64_t *words = t->words;
	uint64_t word[NEXTHOP_BURST], groups = 0;

	for (unsigned i = 0; i < n; i++) {
		word[i] = atomic_load_explicit(
			&words[index[i] & (N_WORDS - 1)], memory_order_acquire);
		hits[i] = (nexthop_hit_t)(word[i] >> 32);
		groups |= (uint64_t) !!(word[i] & WORD_LOG2_MASK) << i;
	}
	if (likely(!groups))
		return;
	for (uint64_t left = groups; left; left &= left - 1) {
		unsigned i = (unsigned)__builtin_ctzll(left);
		unsigned log2 = word[i] & WORD_LOG2_MASK;
		uintptr_t buckets = word[i] & ~WORD_LOG2_MASK;

		word[i] = buckets + (hash[i] >> (32 - log2)) * sizeof(uint16_t);
		__builtin_prefetch((const void *)(uintptr_t)word[i]);
	}
	for (; groups; groups &= groups - 1) {
		unsigned i = (unsigned)__builtin_ctzll(groups);
		uint16_t member = atomic_load_explicit(
			(_Atomic uint16_t *)(uintptr_t)word[i], memory_order_acquire);

		hits[i] = (nexthop_hit_t)(atomic_load_explicit(
						  &words[member], memory_order_acquire) >>
					  32);
	}
}

unsigned nexthop_hits(
	const struct nexthops *t, uint32_t index, unsigned first, nexthop_hit_t *hits, unsigned n)
{
	_Atomic uint64_t *words = t->words;
	uint64_t word = atomic_load_explicit(&words[index & (N_WORDS - 1)], memory_order_acquire);
	unsigned log2 = word & WORD_LOG2_MASK;
	_Atomic uint16_t *bucket = (_Atomic uint16_t *)(uintptr_t)(word & ~WORD_LOG2_MASK);
	unsigned k;

	if (!log2) {
		if (first || !n)
			return 0;
		hits[0] = (nexthop_hit_t)(word >> 32);
		return 1;
	}
	for (k = 0; k < n && first + k < 1u << log2; k++) {
		uint16_t member = atomic_load_explicit(&bucket[first + k], memory_order_acquire);

		hits[k] = (nexthop_hit_t)(atomic_load_explicit(
						  &words[member], memory_order_acquire) >>
					  32);
	}
	return k;
}

// -- creation -------------------------------------------------------------------------
// No worker can hold the number any more.
static void number_freed(void *owner, uint32_t index)
{
	struct nexthops *t = owner;

	atomic_store_explicit(&t->words[index], 0, memory_order_release);
	mem_free(t->info[index].buckets);
	t->info[index].buckets = NULL;
}

int nexthops_create(struct nexthops **out, struct neigh *neigh, const struct nexthop_config *c)
{
	struct nexthops *t;
	int err = -ENOMEM;

	if (c->max_nexthops > NEXTHOP_MAX || c->max_members > NEXTHOP_MEMBERS)
		return -EINVAL;
	t = mem_zalloc(sizeof(*t), CACHE_LINE);
	if (!t)
		return -ENOMEM;
	t->neigh = neigh;
	t->max_nexthops = c->max_nexthops ? c->max_nexthops : NEXTHOP_MAX;
	t->max_members = c->max_members ? c->max_members : DEFAULT_MEMBERS;
	t->max_buckets = c->max_buckets ? c->max_buckets : DEFAULT_BUCKETS;
	t->words = mem_zalloc(N_WORDS * sizeof(*t->words), CACHE_LINE);
	if (!t->words)
		goto undo_table;
	t->info = mem_alloc((t->max_nexthops + 1ull) * sizeof(*t->info), 0);
	if (!t->info)
		goto undo_words;
	t->position = mem_zalloc(N_WORDS * sizeof(*t->position), 0);
	if (!t->position)
		goto undo_info;
	t->share = mem_zalloc(3ull * t->max_members * sizeof(*t->share), 0);
	if (!t->share)
		goto undo_position;
	err = slots_create(&t->slots, 1, t->max_nexthops, number_freed, t);
	if (err)
		goto undo_share;
	*out = t;
	return 0;

undo_share:
	mem_free(t->share);
undo_position:
	mem_free(t->position);
undo_info:
	mem_free(t->info);
undo_words:
	mem_free((void *)t->words);
undo_table:
	mem_free(t);
	return err;
}

void nexthops_destroy(struct nexthops *t)
{
	if (!t)
		return;
	for (uint32_t i = 1; i < slots_end(t->slots); i++) {
		struct info *e = &t->info[i];

		if (e->n_holds && e->kind == NEXTHOP_ADJACENCY && t->neigh)
			neigh_put(t->neigh, e->adjacency);
		mem_free(e->members);
		mem_free(e->buckets); // also those that still waited
	}
	slots_destroy(t->slots);
	mem_free(t->share);
	mem_free(t->position);
	mem_free(t->info);
	mem_free((void *)t->words);
	mem_free(t);
}

// -- one next hop -----------------------------------------------------------------------
static bool valid(enum nexthop_kind kind, uint32_t adjacency)
{
	if (kind == NEXTHOP_ADJACENCY)
		return adjacency && adjacency <= NEIGH_MAX;
	return kind > NEXTHOP_NONE && kind < N_NEXTHOP_KINDS && !adjacency;
}

static void tell_workers(struct nexthops *t, uint32_t index, const struct info *e)
{
	uint64_t hit = (uint64_t)e->kind << 24 | e->adjacency;

	atomic_store_explicit(&t->words[index], hit << 32, memory_order_release);
}

int nexthop_add(struct nexthops *t, enum nexthop_kind kind, uint32_t adjacency, uint32_t *index)
{
	uint32_t i;

	if (!valid(kind, adjacency))
		return -EINVAL;
	i = slots_take(t->slots);
	if (i == SLOT_NONE) {
		t->stats.full++;
		return -ENOSPC;
	}
	if (kind == NEXTHOP_ADJACENCY && t->neigh)
		neigh_hold_more(t->neigh, adjacency);
	t->info[i] = (struct info){.n_holds = 1, .kind = (uint8_t)kind, .adjacency = adjacency};
	tell_workers(t, i, &t->info[i]);
	*index = i;
	return 0;
}

int nexthop_set(struct nexthops *t, uint32_t index, enum nexthop_kind kind, uint32_t adjacency)
{
	struct info *e, old;

	if (!valid(kind, adjacency))
		return -EINVAL;
	if (!nexthop_is_there(t, index) || t->info[index].buckets)
		return -ENOENT;
	e = &t->info[index];
	old = *e;
	if (kind == NEXTHOP_ADJACENCY && t->neigh)
		neigh_hold_more(t->neigh, adjacency);
	e->kind = (uint8_t)kind;
	e->adjacency = adjacency;
	tell_workers(t, index, e);
	if (old.kind == NEXTHOP_ADJACENCY && t->neigh)
		neigh_put(t->neigh, old.adjacency);
	return 0;
}

int nexthop_hold(struct nexthops *t, uint32_t index)
{
	if (!nexthop_is_there(t, index))
		return -ENOENT;
	t->info[index].n_holds++;
	return 0;
}

// What the number named may be given up at once: its own holders wait for a grace period that
// begins no earlier than that of this number.
void nexthop_put(struct nexthops *t, uint32_t index)
{
	struct info *e = &t->info[index];

	if (--e->n_holds)
		return;
	slots_retire(t->slots, index);
	if (e->buckets)
		nexthop_group_drop(t, e);
	else if (e->kind == NEXTHOP_ADJACENCY && t->neigh)
		neigh_put(t->neigh, e->adjacency);
}

// -- what is there ------------------------------------------------------------------------
int nexthop_find(const struct nexthops *t, uint32_t index, struct nexthop_entry *out)
{
	const struct info *e;

	if (!nexthop_is_there(t, index))
		return -ENOENT;
	e = &t->info[index];
	*out = (struct nexthop_entry){
		.index = index,
		.is_group = e->buckets,
		.kind = (enum nexthop_kind)e->kind,
		.adjacency = e->adjacency,
		.n_holds = e->n_holds,
		.n_members = e->n_members,
		.n_buckets = e->buckets ? e->buckets->n : 0,
	};
	return 0;
}

void nexthop_stats(const struct nexthops *t, struct nexthop_stats *out)
{
	*out = t->stats;
	out->entries = slots_taken(t->slots);
	out->max_entries = t->max_nexthops;
	out->groups = t->n_groups;
	out->buckets = t->n_buckets;
	out->max_buckets = t->max_buckets;
	out->memory_bytes = sizeof(*t) + N_WORDS * (sizeof(*t->words) + sizeof(*t->position)) +
			    (t->max_nexthops + 1ull) * sizeof(*t->info) + slots_bytes(t->slots) +
			    3ull * t->max_members * sizeof(*t->share);
	for (uint32_t i = 1; t->n_groups && i < slots_end(t->slots); i++)
		if (t->info[i].n_holds && t->info[i].buckets)
			out->memory_bytes += sizeof(struct buckets) +
					     t->info[i].buckets->n * sizeof(uint16_t) +
					     t->info[i].n_members * sizeof(struct nexthop_member);
}
