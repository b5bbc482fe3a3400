// SPDX-License-Identifier: BSD-3-Clause
#include "tests/unit/test.h"

#include <pthread.h>
#include <sched.h>

#include "base/mem.h"
#include "base/ring.h"
#include "tests/unit/packets.h"

static void frames_are_all_there_once(void **state)
{
	enum { N = 1024 };
	static struct packet *p[N];
	static uint8_t seen[N];
	struct packet_pool *pool;
	struct packet_cache c;
	const struct pool_geometry *g;

	assert_int_equal(packet_pool_create(&pool, N - 60), 0); // whole batches
	g = packet_pool_geometry(pool);
	assert_int_equal(g->n_frames, N);
	packet_cache_init(&c, pool);
	for (unsigned i = 0; i < N; i++) {
		assert_true(packet_alloc_bulk(&c, &p[i], 1));
		assert_true(p[i]->data == packet_frame(g, p[i]) + FRAME_HEADROOM);
		assert_true(p[i]->data + FRAME_CAPACITY <= g->base + g->size);
		assert_ptr_equal(packet_at(g, (uint64_t)(p[i]->data - g->base)), p[i]);
		assert_int_equal(p[i]->len | p[i]->total_len | p[i]->flags | p[i]->gso_type, 0);
		assert_int_equal(p[i]->n_frames, 1);
		assert_null(p[i]->next);
		assert_int_equal(seen[packet_index(g, p[i])]++, 0);
		memset(packet_frame(g, p[i]), 0xee, FRAME_STRIDE);
	}
	assert_null(packet_alloc(&c));
	assert_int_equal(pool_free_frames(pool, &c), 0);
	p[0]->flags = PACKET_CSUM; // what the last owner left must not come back
	p[0]->total_len = 99;
	packet_free_bulk(&c, p, N);
	assert_true(packet_alloc_bulk(&c, p, 64));
	for (unsigned i = 0; i < 64; i++)
		assert_int_equal(p[i]->total_len | p[i]->flags, 0);
	packet_free_bulk(&c, p, 64);
	packet_cache_flush(&c);
	assert_int_equal(pool_free_frames(pool, NULL), N);
	packet_pool_destroy(pool);
}

static void all_or_nothing(void **state)
{
	struct packet *p[128], *q[128];
	struct packet_pool *pool;
	struct packet_cache c;

	assert_int_equal(packet_pool_create(&pool, 128), 0);
	packet_cache_init(&c, pool);
	assert_true(packet_alloc_bulk(&c, p, 100));
	assert_false(packet_alloc_bulk(&c, q, 29));
	assert_int_equal(pool_free_frames(pool, &c), 28);
	assert_true(packet_alloc_bulk(&c, q, 28));
	packet_free_bulk(&c, q, 28);
	packet_free_bulk(&c, p, 100);
	packet_cache_flush(&c);
	assert_int_equal(pool_free_frames(pool, NULL), 128);
	packet_pool_destroy(pool);
}

static void creation_survives_failing_memory(void **state)
{
	struct packet_pool *pool;

	for (unsigned n = 1; n <= 3; n++) {
		mem_fail_at(n);
		assert_int_equal(packet_pool_create(&pool, 64), -ENOMEM);
	}
	mem_fail_at(0);
	packet_pool_destroy(NULL);
}

static void copies_and_reads(void **state)
{
	static uint8_t bytes[20000], got[20000];
	struct packet_pool *pool;
	struct packet_cache c;

	assert_int_equal(packet_pool_create(&pool, 1024), 0);
	packet_cache_init(&c, pool);
	for (unsigned i = 0; i < 2000; i++) {
		uint32_t n = 1 + random_below(i % 10 ? 3000 : sizeof(bytes));
		uint32_t from = random_below(n), count = random_below(n - from) + 1;
		struct packet *p, *copy;

		random_bytes(bytes, n);
		p = chain_make(&c, bytes, n, 0);
		assert_non_null(p);
		p->flags = PACKET_CSUM | PACKET_TAGGED;
		p->gso_type = GSO_TCP6;
		p->gso_size = 1400;
		p->csum_start = 54;
		p->vlan = 7;
		copy = packet_copy(&c, p);
		if (!copy) {
			assert_true(p->n_frames > 64);
			packet_free(&c, p);
			continue;
		}
		assert_int_equal(copy->flags, p->flags);
		assert_int_equal(copy->gso_type, p->gso_type);
		assert_int_equal(copy->gso_size, 1400);
		assert_int_equal(copy->csum_start, 54);
		assert_int_equal(copy->vlan, 7);
		assert_int_equal(copy->total_len, n);
		assert_int_equal(copy->n_frames, p->n_frames);
		for (struct packet *f = p; f; f = f->next)
			memset(f->data, 0xdd, f->len); // the copy shares nothing
		packet_free(&c, p);
		packet_read(copy, from, got, count);
		assert_memory_equal(got, bytes + from, count);
		packet_free(&c, copy);
		assert_int_equal(pool_free_frames(pool, &c), 1024);
	}
	packet_pool_destroy(pool);
}

static void a_copy_without_frames_leaks_none(void **state)
{
	static uint8_t bytes[FRAME_CAPACITY + 1500];
	struct packet *held[128], *p;
	struct packet_pool *pool;
	struct packet_cache c;
	unsigned n = 0;

	assert_int_equal(packet_pool_create(&pool, 128), 0);
	packet_cache_init(&c, pool);
	p = chain_make(&c, bytes, sizeof(bytes), FRAME_CAPACITY);
	assert_non_null(p);
	assert_in_range(p->n_frames, 2, 64);
	while (pool_free_frames(pool, &c) >= p->n_frames)
		assert_true(packet_alloc_bulk(&c, &held[n++], 1));
	assert_null(packet_copy(&c, p));
	packet_free_bulk(&c, held, n);
	packet_free(&c, p);
	assert_int_equal(pool_free_frames(pool, &c), 128);
	packet_pool_destroy(pool);
}

// -- threads: what one takes another gives back ---------------------------------------
#define ROUNDS 100000u

struct side {
	struct packet_pool *pool;
	struct ring *in, *out;
	unsigned seed;
};

static void *exchange(void *arg)
{
	struct side *s = arg;
	struct packet *held[64], *p;
	struct packet_cache c;
	unsigned x = s->seed;

	packet_cache_init(&c, s->pool);
	for (unsigned i = 0; i < ROUNDS; i++) {
		unsigned n = (x = x * 1103515245 + 12345) >> 16 & 63;

		if (packet_alloc_bulk(&c, held, n)) {
			for (unsigned k = 0; k < n; k++) {
				*(unsigned **)held[k]->data =
					&x; // a second owner would overwrite it
				held[k]->len = (uint16_t)n;
			}
			for (unsigned k = 0; k < n; k++) {
				assert(*(unsigned **)held[k]->data == &x && held[k]->len == n);
				if (!ring_push(s->out, &held[k], sizeof(p)))
					packet_free(&c, held[k]);
			}
		}
		for (n = 0; n < 40 && ring_pop(s->in, &p, sizeof(p)); n++)
			packet_free(&c, p);
		if (n == 0 && i % 16 == 0)
			sched_yield();
	}
	packet_cache_flush(&c);
	return NULL;
}

static void frames_survive_threads(void **state)
{
	enum { N = 4096 };
	struct packet_pool *pool;
	struct packet_cache c;
	struct ring a, b;
	struct packet *p;
	pthread_t t[2];

	assert_int_equal(packet_pool_create(&pool, N), 0);
	assert_int_equal(ring_init(&a, 1024, sizeof(p)), 0);
	assert_int_equal(ring_init(&b, 1024, sizeof(p)), 0);
	pthread_create(&t[0], NULL, exchange, &(struct side){pool, &a, &b, 1});
	pthread_create(&t[1], NULL, exchange, &(struct side){pool, &b, &a, 2});
	pthread_join(t[0], NULL);
	pthread_join(t[1], NULL);
	packet_cache_init(&c, pool);
	while (ring_pop(&a, &p, sizeof(p)) || ring_pop(&b, &p, sizeof(p)))
		packet_free(&c, p);
	packet_cache_flush(&c);
	assert_int_equal(pool_free_frames(pool, NULL), N);
	// And the free list holds every one of them once.
	for (unsigned i = 0; i < N; i++) {
		p = packet_alloc(&c);
		assert_non_null(p);
		assert_int_not_equal(p->in_port, 0xbeef);
		p->in_port = 0xbeef;
	}
	assert_null(packet_alloc(&c));
	ring_fini(&a);
	ring_fini(&b);
	packet_pool_destroy(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_are_all_there_once),
		cmocka_unit_test(all_or_nothing),
		cmocka_unit_test(creation_survives_failing_memory),
		cmocka_unit_test(copies_and_reads),
		cmocka_unit_test(a_copy_without_frames_leaks_none),
		cmocka_unit_test(frames_survive_threads),
	};

	random_seed();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
