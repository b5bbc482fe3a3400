// SPDX-License-Identifier: BSD-3-Clause
// Memory of an LPM table's blocks: a buddy allocator of 64 bytes to 2 KiB in one piece of address
// space, which gets memory in chunks of 2 MiB (the first grows to that from 8 KiB, the second from
// 512 KiB), huge pages where the system has them. A chunk that is empty gives its memory back while
// half as much is free elsewhere. Control only; workers know the start.
//
// A 32-bit reference is half of a pointer: the root of a full table and the blocks' lists of
// children stay in the cache because of it.
//
// Replaced blocks wait on a list. One grace period at a time is under way, for all that was on
// the list when it began; its record is part of the arena, so that to retire never fails.
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "dataplane/table/lpm.h"

#define LINE_REFS    (LPM_LINE / LPM_REF_UNIT) // a line in references
#define CHUNK_SHIFT  15                        // lines of a chunk, 2 MiB
#define CHUNK_LINES  (1u << CHUNK_SHIFT)
#define EMPTY_ORDER  3
#define MAX_CHUNKS   8192u // so that references have 31 bits
#define FIRST_LINES  128u
#define SECOND_LINES (CHUNK_LINES / 4)
#define MAX_LINES    (1u << LPM_MAX_ORDER)
#define CHUNK_OF(r)  ((r) / LINE_REFS >> CHUNK_SHIFT)
#define LINE_OF(r)   ((r) / LINE_REFS & (CHUNK_LINES - 1))
#define REF_OF(c, l) (((c) << CHUNK_SHIFT | (l)) * LINE_REFS)

struct lpm_chunk {
	uint32_t n_lines; // that have memory
	uint32_t n_used;
	uint32_t carved; // lines that have been in use or on a free list
	uint8_t *state;  // by line: STATE_* | order where a block begins, else 0
	uint32_t link[]; // by line: next retired block
};

// Bounds of what one call gives back: a long list must not hold the control loop.
#define FREE_AT_ONCE    8192
#define FREE_PER_CHANGE 4

#define STATE_FREE 0x80
#define STATE_USED 0x40

// What a free block holds.
struct free_block {
	uint32_t next, prev;
};

static struct lpm_chunk *chunk_of(const struct lpm_arena *a, uint32_t ref)
{
	return a->chunk[CHUNK_OF(ref)];
}

static struct free_block *free_at(const struct lpm_arena *a, uint32_t ref)
{
	return lpm_at(a->base, ref);
}

static void put_free(struct lpm_arena *a, uint32_t ref, unsigned order)
{
	struct free_block *b = free_at(a, ref);

	*b = (struct free_block){a->free_list[order], 0};
	if (b->next)
		free_at(a, b->next)->prev = ref;
	a->free_list[order] = ref;
	chunk_of(a, ref)->state[LINE_OF(ref)] = (uint8_t)(STATE_FREE | order);
}

static void take_free(struct lpm_arena *a, uint32_t ref, unsigned order)
{
	struct free_block *b = free_at(a, ref);

	if (b->prev)
		free_at(a, b->prev)->next = b->next;
	else
		a->free_list[order] = b->next;
	if (b->next)
		free_at(a, b->next)->prev = b->prev;
	chunk_of(a, ref)->state[LINE_OF(ref)] = 0;
}

static size_t side_size(uint32_t n_lines)
{
	return sizeof(struct lpm_chunk) + (size_t)n_lines * (sizeof(uint32_t) + 1);
}

// Chunk `i` gets memory for `n` lines; it may have some already.
static bool give_memory(struct lpm_arena *a, uint32_t i, uint32_t n)
{
	struct lpm_chunk *c = mem_zalloc(side_size(n), 0), *old = a->chunk[i];
	uint32_t had = old ? old->n_lines : 0;
	char *start = lpm_at(a->base, REF_OF(i, had));

	if (!c)
		return false;
	if (mem_commit(start, (size_t)(n - had) * LPM_LINE)) {
		mem_free(c);
		return false;
	}
	c->n_lines = n;
	c->state = (uint8_t *)&c->link[n];
	if (old) {
		c->n_used = old->n_used;
		c->carved = old->carved;
		memcpy(c->state, old->state, had);
		memcpy(c->link, old->link, had * sizeof(*c->link));
		a->side_bytes -= side_size(had);
		mem_free(old);
	}
	a->chunk[i] = c;
	a->n_chunks = MAX(a->n_chunks, i + 1);
	a->bytes += (size_t)(n - had) * LPM_LINE;
	a->side_bytes += side_size(n);
	return true;
}

static bool add_memory(struct lpm_arena *a)
{
	uint32_t i = 0;

	while (i < a->n_chunks && a->chunk[i] && a->chunk[i]->n_lines == CHUNK_LINES)
		i++;
	if (i < a->n_chunks && a->chunk[i])
		return give_memory(a, i, MIN(4 * a->chunk[i]->n_lines, CHUNK_LINES));
	return i < a->max_chunks && give_memory(a, i, i == 1 ? SECOND_LINES : CHUNK_LINES);
}

static void drop_chunk(struct lpm_arena *a, uint32_t i)
{
	struct lpm_chunk *c = a->chunk[i];

	mem_decommit(lpm_at(a->base, REF_OF(i, 0)), (size_t)c->n_lines * LPM_LINE);
	a->bytes -= (size_t)c->n_lines * LPM_LINE;
	a->side_bytes -= side_size(c->n_lines);
	a->chunk[i] = NULL;
	mem_free(c);
}

// The memory of chunks that nobody uses goes back while half as much is free in others.
static void trim(struct lpm_arena *a)
{
	for (uint32_t i = a->n_chunks; i-- > 1;) {
		struct lpm_chunk *c = a->chunk[i];
		uint64_t elsewhere = a->bytes / LPM_LINE - (c ? c->n_lines : 0) - a->used_lines;

		if (!c || c->n_used || elsewhere < c->n_lines / 2)
			continue;
		for (uint32_t line = 0; line < c->carved; line += MAX_LINES)
			take_free(a, REF_OF(i, line), LPM_MAX_ORDER);
		drop_chunk(a, i);
	}
}

// Memory that was never used yet becomes a free block of the largest kind.
static bool carve(struct lpm_arena *a)
{
	for (;;) {
		for (uint32_t i = 0; i < a->n_chunks; i++) {
			struct lpm_chunk *c = a->chunk[i];

			if (!c || c->carved == c->n_lines)
				continue;
			put_free(a, REF_OF(i, c->carved), LPM_MAX_ORDER);
			c->carved += MAX_LINES;
			return true;
		}
		if (!add_memory(a))
			return false;
	}
}

uint32_t lpm_block_alloc(struct lpm_arena *a, size_t size)
{
	unsigned order = 0, from;
	uint32_t ref;

	while ((size_t)LPM_LINE << order < size)
		order++;
	for (from = order; from <= LPM_MAX_ORDER && !a->free_list[from]; from++)
		;
	if (from > LPM_MAX_ORDER) {
		from = LPM_MAX_ORDER;
		if (!carve(a))
			return 0;
	}
	ref = a->free_list[from];
	take_free(a, ref, from);
	while (from > order) {
		from--;
		put_free(a, ref + (LINE_REFS << from), from);
	}
	chunk_of(a, ref)->state[LINE_OF(ref)] = (uint8_t)(STATE_USED | order);
	chunk_of(a, ref)->n_used += 1u << order;
	a->used_lines += 1u << order;
	a->n_blocks++;
	return ref;
}

void lpm_block_free(struct lpm_arena *a, uint32_t ref)
{
	struct lpm_chunk *c = chunk_of(a, ref);
	uint32_t chunk = CHUNK_OF(ref), line = LINE_OF(ref);
	unsigned order = c->state[line] & ~STATE_USED;

	c->n_used -= 1u << order;
	a->used_lines -= 1u << order;
	a->n_blocks--;
	c->state[line] = 0;
	for (; order < LPM_MAX_ORDER; order++) {
		uint32_t buddy = line ^ 1u << order;

		if (c->state[buddy] != (STATE_FREE | order))
			break;
		take_free(a, REF_OF(chunk, buddy), order);
		line &= ~(1u << order);
	}
	put_free(a, REF_OF(chunk, line), order);
}

void lpm_block_retire(struct lpm_arena *a, uint32_t ref)
{
	chunk_of(a, ref)->link[LINE_OF(ref)] = a->waiting;
	a->waiting = ref;
	a->n_retired++;
}

static void arena_free(struct lpm_arena *a)
{
	for (uint32_t i = 0; a->chunk && i < a->n_chunks; i++)
		mem_free(a->chunk[i]);
	mem_unreserve(a->base, a->reserved);
	mem_free(a->chunk);
	mem_free(a);
}

static void free_ready(struct lpm_arena *a, unsigned max)
{
	while (a->ready && max--) {
		uint32_t ref = a->ready;

		a->ready = chunk_of(a, ref)->link[LINE_OF(ref)];
		a->n_retired--;
		lpm_block_free(a, ref);
	}
}

static void grace_over(struct rcu_retired *r)
{
	struct lpm_arena *a = container_of(r, struct lpm_arena, retired);

	a->in_grace = false;
	if (a->dead) {
		arena_free(a);
		return;
	}
	if (!a->ready) {
		a->ready = a->grace;
		a->grace = 0;
	}
	free_ready(a, FREE_AT_ONCE);
	trim(a);
	lpm_arena_grace(a);
}

void lpm_arena_grace(struct lpm_arena *a)
{
	free_ready(a, FREE_PER_CHANGE);
	if (a->in_grace)
		return;
	if (!a->grace) {
		a->grace = a->waiting;
		a->waiting = 0;
	}
	if (!a->grace && !a->ready)
		return;
	a->in_grace = true;
	rcu_retire(&a->retired, grace_over);
}

int lpm_arena_create(struct lpm_arena **out, uint64_t max_bytes)
{
	struct lpm_arena *a = mem_zalloc(sizeof(*a), 0);

	if (!a)
		return -ENOMEM;
	a->max_chunks = (uint32_t)MIN(4 + max_bytes / (CHUNK_LINES * LPM_LINE), MAX_CHUNKS);
	a->reserved = (size_t)a->max_chunks * CHUNK_LINES * LPM_LINE;
	a->chunk = mem_zalloc(a->max_chunks * sizeof(*a->chunk), 0);
	a->base = mem_reserve(a->reserved);
	if (!a->chunk || !a->base || !give_memory(a, 0, FIRST_LINES)) {
		arena_free(a);
		return -ENOMEM;
	}
	// The first block is the empty one, as large as a page without children: no runs and
	// nothing inherited. It is what a root entry without block leads to.
	for (unsigned order = EMPTY_ORDER; order < LPM_MAX_ORDER; order++)
		put_free(a, REF_OF(0, 1u << order), order);
	a->chunk[0]->carved = MAX_LINES;
	a->chunk[0]->n_used = 1u << EMPTY_ORDER;
	a->used_lines = 1u << EMPTY_ORDER;
	*out = a;
	return 0;
}

void lpm_arena_destroy(struct lpm_arena *a)
{
	if (a && a->in_grace)
		a->dead = true; // grace_over() frees it
	else if (a)
		arena_free(a);
}
