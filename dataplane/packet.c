// SPDX-License-Identifier: BSD-3-Clause
// The frame region and its free list.
//
// Free frames move between pool and caches in batches of BATCH frames, linked
// through `next`; the pool is a stack of batches whose head is one 64-bit word
// (index of the batch's first frame, and a tag against ABA), so that neither
// side ever takes a lock and a batch costs one compare-and-swap.
#include "dataplane/packet.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/mem.h"

#define BATCH     64
#define HUGE_PAGE (2ull << 20)
#define NO_BATCH  UINT32_MAX

struct packet_pool {
	struct pool_geometry geometry;
	enum pool_memory memory;
	uint32_t *next_batch; // by index of a batch's first frame: the batch below it
	_Atomic uint32_t quarantined;
	cache_aligned _Atomic uint64_t
		head; // tag << 32 | index of the first frame of the top batch
	_Atomic uint32_t n_free;
};

// A batch holds 1 to BATCH frames.
static void push_batch(struct packet_pool *pool, struct packet *first, uint32_t n)
{
	uint32_t index = packet_index(&pool->geometry, first);
	uint64_t head = atomic_load_explicit(&pool->head, memory_order_relaxed);

	do
		__atomic_store_n(&pool->next_batch[index], (uint32_t)head, __ATOMIC_RELAXED);
	while (!atomic_compare_exchange_weak_explicit(&pool->head, &head,
		((head >> 32) + 1) << 32 | index, memory_order_release, memory_order_relaxed));
	atomic_fetch_add_explicit(&pool->n_free, n, memory_order_relaxed);
}

static struct packet *pop_batch(struct packet_pool *pool)
{
	uint64_t head = atomic_load_explicit(&pool->head, memory_order_acquire);
	uint32_t below;

	do {
		if ((uint32_t)head == NO_BATCH)
			return NULL;
		// May be stale if another thread took the batch: then the tag makes the swap fail.
		below = __atomic_load_n(&pool->next_batch[(uint32_t)head], __ATOMIC_RELAXED);
	} while (!atomic_compare_exchange_weak_explicit(&pool->head, &head,
		((head >> 32) + 1) << 32 | below, memory_order_acquire, memory_order_acquire));
	return &pool->geometry.packets[(uint32_t)head];
}

// Hugetlb pages if they are reserved, else anonymous memory with transparent
// huge pages where the system allows them, else 4 KiB pages; but none of `without`.
static uint8_t *map_region(uint64_t size, unsigned without, enum pool_memory *memory)
{
	bool thp = !(without & 1 << POOL_THP);
	void *p = MAP_FAILED;

	if (!(without & 1 << POOL_HUGETLB))
		p = mmap(NULL, size, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_POPULATE, -1, 0);

	*memory = POOL_HUGETLB;
	if (p != MAP_FAILED)
		return p;
	// One huge page more, so that the region can begin on a huge page.
	p = mmap(
		NULL, size + HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return NULL;
	uint8_t *aligned = (uint8_t *)ALIGN_UP((uintptr_t)p, HUGE_PAGE);

	if (aligned > (uint8_t *)p)
		munmap(p, (size_t)(aligned - (uint8_t *)p));
	munmap(aligned + size, (size_t)((uint8_t *)p + HUGE_PAGE - aligned));
	*memory = !madvise(aligned, size, thp ? MADV_HUGEPAGE : MADV_NOHUGEPAGE) && thp ? POOL_THP
											: POOL_4K;
	return aligned;
}

int packet_pool_create(struct packet_pool **out, uint32_t n_frames)
{
	return packet_pool_create_without(out, n_frames, 0);
}

int packet_pool_create_without(struct packet_pool **out, uint32_t n_frames, unsigned without)
{
	struct packet_pool *pool = mem_zalloc(sizeof(*pool), CACHE_LINE);
	struct pool_geometry *g;

	if (!pool)
		return -ENOMEM;
	g = &pool->geometry;
	g->n_frames = ALIGN_UP(n_frames, BATCH);
	g->size = ALIGN_UP((uint64_t)g->n_frames * FRAME_STRIDE, HUGE_PAGE);
	g->packets = mem_zalloc(sizeof(struct packet) * g->n_frames, CACHE_LINE);
	pool->next_batch = mem_zalloc(sizeof(uint32_t) * g->n_frames, CACHE_LINE);
	if (!g->packets || !pool->next_batch)
		goto err_free;
	g->base = map_region(g->size, without, &pool->memory);
	if (!g->base)
		goto err_free;
	atomic_store(&pool->head, NO_BATCH);
	for (uint32_t i = g->n_frames; i-- > 0;) {
		packet_reset(g, &g->packets[i]);
		g->packets[i].next = (i + 1) % BATCH ? &g->packets[i + 1] : NULL;
		if (i % BATCH == 0)
			push_batch(pool, &g->packets[i], BATCH);
	}
	*out = pool;
	return 0;

err_free:
	mem_free(pool->next_batch);
	mem_free(g->packets);
	mem_free(pool);
	return -ENOMEM;
}

void packet_pool_destroy(struct packet_pool *pool)
{
	if (!pool)
		return;
	munmap(pool->geometry.base, pool->geometry.size);
	mem_free(pool->next_batch);
	mem_free(pool->geometry.packets);
	mem_free(pool);
}

void packet_pool_stats(const struct packet_pool *pool, struct pool_stats *out)
{
	*out = (struct pool_stats){
		.memory = pool->memory,
		.bytes = pool->geometry.size,
		.frames = pool->geometry.n_frames,
		.frames_free = atomic_load_explicit(&pool->n_free, memory_order_relaxed),
		.quarantined = atomic_load_explicit(&pool->quarantined, memory_order_relaxed),
	};
}

void packet_pool_quarantine(struct packet_pool *pool, uint32_t n_frames)
{
	atomic_fetch_add(&pool->quarantined, n_frames);
}

const struct pool_geometry *packet_pool_geometry(const struct packet_pool *pool)
{
	return &pool->geometry;
}

void packet_cache_init(struct packet_cache *c, struct packet_pool *pool)
{
	c->pool = pool;
	c->geometry = &pool->geometry;
	c->n = 0;
}

static void spill_batch(struct packet_cache *c, uint32_t n)
{
	struct packet *first = NULL;

	for (uint32_t i = 0; i < n; i++) {
		struct packet *p = c->free[--c->n];

		p->next = first;
		first = p;
	}
	push_batch(c->pool, first, n);
}

void packet_cache_flush(struct packet_cache *c)
{
	while (c->n)
		spill_batch(c, MIN(c->n, BATCH));
}

static bool refill(struct packet_cache *c)
{
	struct packet *p = pop_batch(c->pool);
	uint32_t before = c->n;

	if (!p)
		return false;
	for (; p; p = p->next)
		c->free[c->n++] = p;
	atomic_fetch_sub_explicit(&c->pool->n_free, c->n - before, memory_order_relaxed);
	return true;
}

bool packet_alloc_bulk(struct packet_cache *c, struct packet **out, unsigned n)
{
	while (unlikely(c->n < n))
		if (c->n + BATCH > PACKET_CACHE_SIZE || !refill(c))
			return false;
	for (unsigned i = 0; i < n; i++) {
		struct packet *p = c->free[--c->n];

		packet_reset(c->geometry, p);
		out[i] = p;
	}
	return true;
}

void packet_free_bulk(struct packet_cache *c, struct packet **packets, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct packet *p = packets[i];

		do {
			struct packet *next = p->next;

			if (unlikely(c->n == PACKET_CACHE_SIZE))
				spill_batch(c, BATCH);
			c->free[c->n++] = p;
			p = next;
		} while (unlikely(p != NULL));
	}
}

struct packet *packet_copy(struct packet_cache *c, const struct packet *src)
{
	struct packet *frames[PACKET_CACHE_SIZE / 8];
	struct packet *head;

	if (src->n_frames > ARRAY_SIZE(frames) || !packet_alloc_bulk(c, frames, src->n_frames))
		return NULL;
	head = frames[0];
	for (unsigned i = 0; src; src = src->next, i++) {
		struct packet *p = frames[i];
		// Every part keeps its place in its frame, so that what follows the head
		// may be as long as the source's.
		const uint8_t *src_frame = packet_frame(c->geometry, src);
		uint8_t *frame = packet_frame(c->geometry, p);

		if (i == 0) {
			*p = *src;
		} else {
			frames[i - 1]->next = p;
			p->len = src->len;
		}
		p->data = frame + (src->data - src_frame);
		p->next = NULL;
		memcpy(p->data, src->data, src->len);
	}
	return head;
}

void packet_read(const struct packet *p, uint32_t offset, void *dst, uint32_t n)
{
	uint8_t *to = dst;

	while (offset >= p->len) {
		offset -= p->len;
		p = p->next;
	}
	while (n) {
		uint32_t part = MIN(n, p->len - offset);

		memcpy(to, p->data + offset, part);
		to += part;
		n -= part;
		offset = 0;
		p = p->next;
	}
}
