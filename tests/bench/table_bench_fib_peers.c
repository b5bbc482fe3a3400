// SPDX-License-Identifier: BSD-3-Clause
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "tests/bench/table_bench.h"
#include "tests/bench/table_bench_fib.h"

const char *const fib_peer_name[N_FIB_PEERS] = {
	"rte_lpm", "rte_fib 2B", "rte_fib 4B", "rte_lpm6", "rte_fib6"};

#ifdef HAVE_DPDK
#include <rte_errno.h>
#include <rte_fib.h>
#include <rte_fib6.h>
#include <rte_lpm.h>
#include <rte_lpm6.h>

struct fib_peer {
	enum fib_peer_kind kind;
	struct rte_lpm *lpm;
	struct rte_fib *fib;
	struct rte_lpm6 *lpm6;
	struct rte_fib6 *fib6;
};

static uint32_t number4(const struct ip_prefix *p)
{
	return (uint32_t)p->addr.b[0] << 24 | p->addr.b[1] << 16 | p->addr.b[2] << 8 | p->addr.b[3];
}

static int by_length(const void *a, const void *b)
{
	return ((const struct fib_route *)a)->prefix.len -
	       ((const struct fib_route *)b)->prefix.len;
}

// The tables as rte_lpm_add() would leave them.
static void fill_lpm(struct rte_lpm *lpm, const struct fib_route *routes, size_t n)
{
	struct fib_route *sorted = malloc(n * sizeof(*sorted));
	uint32_t groups = 0;

	if (!sorted)
		abort();
	memcpy(sorted, routes, n * sizeof(*sorted));
	qsort(sorted, n, sizeof(*sorted), by_length);
	for (size_t i = 0; i < n; i++) {
		uint32_t first = number4(&sorted[i].prefix) >> 8, len = sorted[i].prefix.len;
		struct rte_lpm_tbl_entry e = {.next_hop = sorted[i].nexthop & 0xffffff,
			.valid = 1,
			.depth = (uint8_t)(len & 0x3f)};
		struct rte_lpm_tbl_entry *at = &lpm->tbl24[first];

		if (len <= 24) {
			for (uint32_t k = 0; k < 1u << (24 - len); k++)
				at[k] = e;
			continue;
		}
		if (!at->valid_group) {
			for (unsigned k = 0; k < 256; k++) {
				lpm->tbl8[groups * 256 + k] = *at;
				lpm->tbl8[groups * 256 + k].valid_group = 1;
			}
			at->next_hop = groups++ & 0xffffff;
			at->valid = 1;
			at->valid_group = 1;
		}
		e.valid_group = 1;
		for (uint32_t k = 0; k < 1u << (32 - len); k++)
			lpm->tbl8[at->next_hop * 256 + (number4(&sorted[i].prefix) & 0xff) + k] = e;
	}
	free(sorted);
}

static bool create(struct fib_peer *p, size_t n)
{
	static unsigned serial;
	char name[32];

	snprintf(name, sizeof(name), "bench%u", serial++);
	if (p->kind == PEER_LPM) {
		struct rte_lpm_config c = {.max_rules = 1024, .number_tbl8s = 65536};

		p->lpm = rte_lpm_create(name, 0, &c);
	} else if (p->kind == PEER_LPM6) {
		struct rte_lpm6_config c = {
			.max_rules = (uint32_t)n + 1024, .number_tbl8s = 1u << 20};

		for (; !p->lpm6 && c.number_tbl8s >= 1u << 16; c.number_tbl8s /= 2)
			p->lpm6 = rte_lpm6_create(name, 0, &c);
	} else if (p->kind == PEER_FIB6) {
		struct rte_fib6_conf c = {.type = RTE_FIB6_TRIE, .max_routes = (int)n + 1024};

		// Entries of two bytes have numbers for 32767 groups only.
		c.trie.nh_sz = n <= 20000 ? RTE_FIB6_TRIE_2B : RTE_FIB6_TRIE_4B;
		for (c.trie.num_tbl8 = n <= 20000 ? 32767 : 1u << 20;
			!p->fib6 && c.trie.num_tbl8 > 1u << 14; c.trie.num_tbl8 /= 2)
			p->fib6 = rte_fib6_create(name, 0, &c);
		if (p->fib6)
			rte_fib6_select_lookup(p->fib6, RTE_FIB6_LOOKUP_TRIE_VECTOR_AVX512);
	} else {
		struct rte_fib_conf c = {.type = RTE_FIB_DIR24_8, .max_routes = (int)n + 1024};

		c.dir24_8.nh_sz = p->kind == PEER_FIB ? RTE_FIB_DIR24_8_2B : RTE_FIB_DIR24_8_4B;
		c.dir24_8.num_tbl8 = 32767;
		p->fib = rte_fib_create(name, 0, &c);
		if (p->fib)
			rte_fib_select_lookup(p->fib, RTE_FIB_LOOKUP_DIR24_8_VECTOR_AVX512);
	}
	return p->lpm || p->fib || p->lpm6 || p->fib6;
}

int fib_peer_change(struct fib_peer *p, const struct fib_route *r, bool add)
{
	uint8_t addr[16];

	memcpy(addr, r->prefix.addr.b, 16);
	switch (p->kind) {
	case PEER_LPM6:
		return add ? rte_lpm6_add(p->lpm6, addr, r->prefix.len, r->nexthop)
			   : rte_lpm6_delete(p->lpm6, addr, r->prefix.len);
	case PEER_FIB6:
		return add ? rte_fib6_add(p->fib6, addr, r->prefix.len, r->nexthop)
			   : rte_fib6_delete(p->fib6, addr, r->prefix.len);
	case PEER_FIB:
	case PEER_FIB_4B:
		return add ? rte_fib_add(p->fib, number4(&r->prefix), r->prefix.len, r->nexthop)
			   : rte_fib_delete(p->fib, number4(&r->prefix), r->prefix.len);
	default:
		return -1;
	}
}

struct fib_peer *fib_peer_new(enum fib_peer_kind kind, const struct fib_route *routes, size_t n)
{
	struct fib_peer *p;
	size_t refused = 0;

	if (!table_bench_peers())
		return NULL;
	p = calloc(1, sizeof(*p));
	p->kind = kind;
	if (!create(p, n)) {
		fprintf(stderr, "%s for %zu routes: %s\n", fib_peer_name[kind], n,
			rte_strerror(rte_errno));
		free(p);
		return NULL;
	}
	if (kind == PEER_LPM)
		fill_lpm(p->lpm, routes, n);
	else
		for (size_t i = 0; i < n; i++)
			refused += fib_peer_change(p, &routes[i], true) != 0;
	if (refused)
		fprintf(stderr, "%s refused %zu of %zu routes\n", fib_peer_name[kind], refused, n);
	return p;
}

void fib_peer_free(struct fib_peer *p)
{
	if (!p)
		return;
	rte_lpm_free(p->lpm);
	rte_fib_free(p->fib);
	rte_lpm6_free(p->lpm6);
	rte_fib6_free(p->fib6);
	free(p);
}

double fib_peer_lookups(struct fib_peer *p, const struct bench_keys *keys, uint64_t *sink)
{
	uint64_t start = clock_cycles(), nh8[BENCH_BURST];
	uint32_t nh4[BENCH_BURST];

	for (size_t i = 0; i < keys->n; i += BENCH_BURST) {
		if (p->lpm) {
			rte_lpm_lookup_bulk(p->lpm, &keys->keys4[i], nh4, BENCH_BURST);
			*sink += nh4[i / BENCH_BURST % BENCH_BURST] & 0xffffff;
		} else if (p->fib) {
			rte_fib_lookup_bulk(p->fib, &keys->keys4[i], nh8, BENCH_BURST);
			*sink += nh8[i / BENCH_BURST % BENCH_BURST];
		} else if (p->lpm6) {
			rte_lpm6_lookup_bulk_func(
				p->lpm6, &keys->keys6[i], (int32_t *)nh4, BENCH_BURST);
			*sink += (int32_t)nh4[i / BENCH_BURST % BENCH_BURST] < 0
					 ? 0
					 : nh4[i / BENCH_BURST % BENCH_BURST];
		} else {
			rte_fib6_lookup_bulk(p->fib6, &keys->keys6[i], nh8, BENCH_BURST);
			*sink += nh8[i / BENCH_BURST % BENCH_BURST];
		}
	}
	return (double)(clock_cycles() - start) / (double)keys->n;
}
#else
struct fib_peer *fib_peer_new(enum fib_peer_kind kind, const struct fib_route *routes, size_t n)
{
	return NULL;
}

void fib_peer_free(struct fib_peer *p)
{
}

double fib_peer_lookups(struct fib_peer *p, const struct bench_keys *keys, uint64_t *sink)
{
	return 0;
}

int fib_peer_change(struct fib_peer *p, const struct fib_route *r, bool add)
{
	return -1;
}
#endif
