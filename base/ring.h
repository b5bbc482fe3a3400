// SPDX-License-Identifier: BSD-3-Clause
// Bounded ring of fixed-size records, one producer and one consumer thread.
//
// Producer: ring_push(). Consumer: ring_pop(). A full ring refuses the record:
// what that means is the caller's business (events lose an observation and
// count it). Each side keeps a cached copy of the other's index on its own
// cache line, so that the shared lines move only when a side runs out.
#pragma once

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include "base/compiler.h"
#include "base/mem.h"

struct ring {
	cache_aligned _Atomic uint32_t head; // written by the producer
	uint32_t tail_seen;                  // producer's copy of tail
	cache_aligned _Atomic uint32_t tail; // written by the consumer
	uint32_t head_seen;                  // consumer's copy of head
	cache_aligned uint32_t mask;         // constant from here on
	uint32_t record_size;
	uint8_t *slots;
};

// n_slots: a power of two. 0, -EINVAL or -ENOMEM.
static inline int ring_init(struct ring *r, uint32_t n_slots, uint32_t record_size)
{
	memset(r, 0, sizeof(*r));
	if (!n_slots || (n_slots & (n_slots - 1)) || !record_size)
		return -EINVAL;
	r->slots = mem_zalloc((size_t)n_slots * record_size, CACHE_LINE);
	if (!r->slots)
		return -ENOMEM;
	r->mask = n_slots - 1;
	r->record_size = record_size;
	return 0;
}

static inline void ring_fini(struct ring *r)
{
	mem_free(r->slots);
	r->slots = NULL;
}

// Producer. False when the ring is full.
static fast_inline bool ring_push(struct ring *r, const void *record, size_t size)
{
	uint32_t head = atomic_load_explicit(&r->head, memory_order_relaxed);

	if (unlikely(head - r->tail_seen > r->mask)) {
		r->tail_seen = atomic_load_explicit(&r->tail, memory_order_acquire);
		if (head - r->tail_seen > r->mask)
			return false;
	}
	memcpy(r->slots + (size_t)(head & r->mask) * size, record, size);
	atomic_store_explicit(&r->head, head + 1, memory_order_release);
	return true;
}

// Consumer. False when the ring is empty.
static fast_inline bool ring_pop(struct ring *r, void *record, size_t size)
{
	uint32_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);

	if (tail == r->head_seen) {
		r->head_seen = atomic_load_explicit(&r->head, memory_order_acquire);
		if (tail == r->head_seen)
			return false;
	}
	memcpy(record, r->slots + (size_t)(tail & r->mask) * size, size);
	atomic_store_explicit(&r->tail, tail + 1, memory_order_release);
	return true;
}

// Copies n records between an array and the ring's slots from `at` on, which may wrap.
static fast_inline void ring_copy(
	const struct ring *r, uint32_t at, void *records, uint32_t n, size_t size, bool in)
{
	uint32_t first = MIN(n, r->mask + 1 - (at & r->mask));
	uint8_t *slot = r->slots + (size_t)(at & r->mask) * size;
	uint8_t *rest = (uint8_t *)records + first * size;

	memcpy(in ? slot : records, in ? records : slot, first * size);
	memcpy(in ? r->slots : rest, in ? rest : r->slots, (n - first) * size);
}

// Producer. As many of n records as there is room for; returns how many.
static fast_inline uint32_t ring_push_bulk(
	struct ring *r, const void *records, uint32_t n, size_t size)
{
	uint32_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
	uint32_t room = r->mask + 1 - (head - r->tail_seen);

	if (room < n) {
		r->tail_seen = atomic_load_explicit(&r->tail, memory_order_acquire);
		room = r->mask + 1 - (head - r->tail_seen);
	}
	n = MIN(n, room);
	ring_copy(r, head, (void *)(uintptr_t)records, n, size, true);
	atomic_store_explicit(&r->head, head + n, memory_order_release);
	return n;
}

// Consumer. As many as there are, at most n; returns how many.
static fast_inline uint32_t ring_pop_bulk(struct ring *r, void *records, uint32_t n, size_t size)
{
	uint32_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);

	if (r->head_seen - tail < n)
		r->head_seen = atomic_load_explicit(&r->head, memory_order_acquire);
	n = MIN(n, r->head_seen - tail);
	if (!n)
		return 0;
	ring_copy(r, tail, records, n, size, false);
	atomic_store_explicit(&r->tail, tail + n, memory_order_release);
	return n;
}

// Consumer. Whether a record waits.
static inline bool ring_empty(struct ring *r)
{
	return atomic_load_explicit(&r->tail, memory_order_relaxed) ==
	       atomic_load_explicit(&r->head, memory_order_acquire);
}
