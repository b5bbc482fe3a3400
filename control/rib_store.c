// SPDX-License-Identifier: BSD-3-Clause
#include "control/rib_store.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/mem.h"

#define FIRST_HEADS  64
#define SPLITS_AHEAD 8

static uint32_t blocks_for(uint32_t n)
{
	return (n >> BLOCK_SHIFT) + 1;
}

int store_init(struct store *s, uint8_t family, uint32_t max, const uint64_t *secret)
{
	*s = (struct store){.family = family, .max = max, .end = 1, .free = NO_CANDIDATE};
	s->addr_size = family == AF_INET ? 4 : 16;
	s->stride = (uint8_t)(sizeof(struct candidate) + s->addr_size);
	memcpy(s->secret, secret, sizeof(s->secret));
	s->blocks = mem_zalloc(blocks_for(max) * sizeof(*s->blocks), 0);
	if (!s->blocks)
		return -ENOMEM;
	s->heads = mem_zalloc(blocks_for(max) * sizeof(*s->heads), 0);
	if (!s->heads)
		goto undo_blocks;
	s->heads[0] = mem_alloc(BLOCK_SIZE * sizeof(uint32_t), CACHE_LINE);
	if (!s->heads[0])
		goto undo_heads;
	memset(s->heads[0], 0, FIRST_HEADS * sizeof(uint32_t));
	s->n_head_blocks = 1;
	s->n_heads = FIRST_HEADS;
	s->head_mask = FIRST_HEADS - 1;
	return 0;

undo_heads:
	mem_free(s->heads);
undo_blocks:
	mem_free(s->blocks);
	return -ENOMEM;
}

void store_fini(struct store *s)
{
	for (uint32_t i = 0; i < s->n_blocks; i++)
		mem_free(s->blocks[i]);
	for (uint32_t i = 0; i < s->n_head_blocks; i++)
		mem_free(s->heads[i]);
	mem_free(s->heads);
	mem_free(s->blocks);
}

// Keyed, as peers choose what they announce: 64x64 -> 128-bit products, folded.
static fast_inline uint64_t fold(uint64_t a, uint64_t b)
{
	__uint128_t p = (__uint128_t)a * b;

	return (uint64_t)p ^ (uint64_t)(p >> 64);
}

uint64_t store_hash(const struct store *s, const uint8_t *addr, uint8_t len, uint16_t table)
{
	uint64_t where = (uint64_t)table << 8 | len, w[2];
	uint32_t v4;

	if (s->addr_size == 4) {
		memcpy(&v4, addr, sizeof(v4));
		return fold((where << 32 | v4) ^ s->secret[0], s->secret[1]);
	}
	memcpy(w, addr, sizeof(w));
	return fold(fold(w[0] ^ s->secret[0], w[1] ^ s->secret[1]) ^ s->secret[1],
		where ^ s->secret[0]);
}

static uint64_t hash_of(const struct store *s, const struct candidate *c)
{
	return store_hash(s, c->addr, c->prefix_len, c->table);
}

uint32_t store_find(
	const struct store *s, uint64_t hash, const uint8_t *addr, uint8_t len, uint16_t table)
{
	uint32_t i = *store_head(s, hash);

	while (i) {
		const struct candidate *c = candidate_at(s, i);

		if (!memcmp(c->addr, addr, 4) && c->prefix_len == len && c->table == table &&
			(s->addr_size == 4 || !memcmp(c->addr + 4, addr + 4, 12)))
			break;
		i = c->next_hash;
	}
	return i;
}

uint32_t store_first_of(const struct store *s, const struct candidate *c)
{
	return store_find(s, hash_of(s, c), c->addr, c->prefix_len, c->table);
}

// -- candidates -----------------------------------------------------------------------
uint32_t store_new(struct store *s, int *error)
{
	uint32_t i = s->free;

	if (s->n >= s->max) {
		*error = -ENOSPC;
		return NO_CANDIDATE;
	}
	if (i) {
		s->free = candidate_at(s, i)->next_hash;
	} else {
		i = s->end;
		if (i >> BLOCK_SHIFT == s->n_blocks) {
			uint8_t *b = mem_alloc((size_t)BLOCK_SIZE * s->stride, CACHE_LINE);

			if (!b) {
				*error = -ENOMEM;
				return NO_CANDIDATE;
			}
			s->blocks[s->n_blocks++] = b;
		}
		s->end++;
	}
	s->n++;
	return i;
}

void store_free(struct store *s, uint32_t i)
{
	struct candidate *c = candidate_at(s, i);

	c->prefix_len = FREE_LENGTH;
	c->next_hash = s->free;
	s->free = i;
	s->n--;
}

// -- chains ---------------------------------------------------------------------------
// (In line, as gcc takes a function that does nothing but prefetch for one without effect.)
// What the next splits will look at: the second candidates of the chains that come next, which are
// known by now, and the first ones of those after them.
static fast_inline void prefetch_splits(const struct store *s, uint32_t chain)
{
	uint32_t mask = s->head_mask >> 1;

	for (uint32_t k = SPLITS_AHEAD; k < 2 * SPLITS_AHEAD; k++) {
		uint32_t i = *head_at(s, (chain + k) & mask);

		if (i)
			__builtin_prefetch(candidate_at(s, candidate_at(s, i)->next_hash));
		__builtin_prefetch(candidate_at(s, *head_at(s, (chain + k + SPLITS_AHEAD) & mask)));
	}
}

// One more chain: it takes its part of the chain that had both. Without memory the chains just
// get longer.
static void grow(struct store *s)
{
	uint32_t chain = s->n_heads, i, *from, *to;

	if (chain >> BLOCK_SHIFT == s->n_head_blocks) {
		uint32_t *block;

		if (s->n_head_blocks == blocks_for(s->max))
			return;
		block = mem_alloc(BLOCK_SIZE * sizeof(uint32_t), CACHE_LINE);
		if (!block)
			return;
		s->heads[s->n_head_blocks++] = block;
	}
	if (chain > s->head_mask)
		s->head_mask = s->head_mask << 1 | 1;
	from = head_at(s, chain & s->head_mask >> 1);
	to = head_at(s, chain);
	s->n_heads++;
	i = *from;
	*to = NO_CANDIDATE;
	if (chain % SPLITS_AHEAD == 0)
		prefetch_splits(s, chain);
	while (i) {
		struct candidate *c = candidate_at(s, i);
		uint32_t next = c->next_hash;

		if (((uint32_t)hash_of(s, c) & s->head_mask) == chain)
			*to = i, to = &c->next_hash;
		else
			*from = i, from = &c->next_hash;
		i = next;
	}
	*from = *to = NO_CANDIDATE;
}

void store_link(struct store *s, uint64_t hash, uint32_t i)
{
	uint32_t *head;

	if (s->n_prefixes >= s->n_heads)
		grow(s);
	head = store_head(s, hash);
	candidate_at(s, i)->next_hash = *head;
	*head = i;
	s->n_prefixes++;
}

static uint32_t *link_to(struct store *s, uint32_t i)
{
	uint32_t *link = store_head(s, hash_of(s, candidate_at(s, i)));

	while (*link != i)
		link = &candidate_at(s, *link)->next_hash;
	return link;
}

void store_unlink(struct store *s, uint32_t i)
{
	*link_to(s, i) = candidate_at(s, i)->next_hash;
	s->n_prefixes--;
}

void store_replace(struct store *s, uint32_t old, uint32_t fresh)
{
	candidate_at(s, fresh)->next_hash = candidate_at(s, old)->next_hash;
	*link_to(s, old) = fresh;
}

uint64_t store_bytes(const struct store *s)
{
	return (uint64_t)s->n_blocks * BLOCK_SIZE * s->stride +
	       (uint64_t)s->n_head_blocks * BLOCK_SIZE * sizeof(uint32_t) +
	       2ull * blocks_for(s->max) * sizeof(void *);
}
