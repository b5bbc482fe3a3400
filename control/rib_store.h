// SPDX-License-Identifier: BSD-3-Clause
// Private to rib*.c: where the candidates of one family are kept.
//
// Candidates lie in blocks and are named by number. A prefix's candidates are a list in order of
// rank; the first one, the best, is also in the hash. The hash grows by one chain with each new
// prefix (linear hashing), so that no insertion pays for a whole table.
#pragma once

#include <stdbool.h>

#include "base/compiler.h"
#include "base/net.h"

#define NO_CANDIDATE 0
#define FREE_LENGTH  0xff // prefix_len of a free candidate

struct candidate {
	uint32_t
		next_hash; // first of its prefix: the next prefix in the chain; free: the next free
	uint32_t next : 31;      // of its prefix, in order of rank
	uint32_t is_pending : 1; // first of its prefix: install has not answered yet
	uint32_t metric;
	uint16_t table;
	uint16_t nexthop;
	uint8_t prefix_len;
	uint8_t protocol;
	uint8_t preference;
	uint8_t generation;
	uint8_t addr[]; // 4 or 16
};

struct block;

struct store {
	uint8_t family, addr_size, stride;
	uint8_t **blocks; // of candidates
	uint32_t **heads; // blocks of chains' first candidates
	uint32_t n_blocks, n_head_blocks;
	uint32_t n_heads; // chains
	uint32_t end;     // numbers from here on were never used; 1 at first
	uint32_t free;    // list
	uint32_t n, max;  // candidates
	uint32_t n_prefixes;
	uint32_t head_mask; // of the larger power of two
	uint64_t secret[2];
};

#define BLOCK_SHIFT 18 // so large that huge pages serve: a third of the time of a bulk load
#define BLOCK_SIZE  (1u << BLOCK_SHIFT)

static fast_inline struct candidate *candidate_at(const struct store *s, uint32_t i)
{
	return (struct candidate *)(s->blocks[i >> BLOCK_SHIFT] +
				    (size_t)(i & (BLOCK_SIZE - 1)) * s->stride);
}

static fast_inline uint32_t *head_at(const struct store *s, uint32_t chain)
{
	return &s->heads[chain >> BLOCK_SHIFT][chain & (BLOCK_SIZE - 1)];
}

struct prefix_key {
	uint8_t addr[16]; // of the family's size
	uint8_t len;
	uint16_t table;
};

int store_init(struct store *, uint8_t family, uint32_t max, const uint64_t *secret);
void store_fini(struct store *);

uint64_t store_hash(const struct store *, const uint8_t *addr, uint8_t len, uint16_t table);
static fast_inline uint32_t *store_head(const struct store *s, uint64_t hash)
{
	uint32_t chain = (uint32_t)hash & s->head_mask;

	return head_at(s, chain < s->n_heads ? chain : chain & s->head_mask >> 1);
}

// The first candidate of a prefix, or NO_CANDIDATE.
uint32_t store_find(
	const struct store *, uint64_t hash, const uint8_t *addr, uint8_t len, uint16_t table);
uint32_t store_first_of(const struct store *, const struct candidate *); // of its prefix

uint32_t store_new(struct store *, int *error); // NO_CANDIDATE with -ENOSPC or -ENOMEM
void store_free(struct store *, uint32_t);

// A candidate whose fields are set becomes the first and only one of a new prefix; or gives up
// that place; or takes it from another one (NO_CANDIDATE links are the caller's business).
void store_link(struct store *, uint64_t hash, uint32_t);
void store_unlink(struct store *, uint32_t);
void store_replace(struct store *, uint32_t old, uint32_t fresh);

uint64_t store_bytes(const struct store *);
