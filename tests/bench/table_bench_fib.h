// SPDX-License-Identifier: BSD-3-Clause
// Parts of the FIB's bench: generated tables and keys, and DPDK's tables behind one interface.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/table/fib.h"

#define BENCH_BURST 32

// -- data: table_bench_fib_data.c -----------------------------------------------------
// n different prefixes in random order, lengths and clusters as in the global BGP tables.
struct fib_route *bench_routes(size_t n, bool ip6, uint64_t seed);

// Addresses to look up: in `keys4` or `keys6`, the other is NULL.
struct bench_keys {
	uint32_t *keys4;
	uint8_t (*keys6)[16];
	size_t n;
};

enum key_kind {
	KEYS_HITS,    // random among `n_destinations`, each in a random route
	KEYS_ZIPF,    // the same, but the k-th with a weight of 1/k
	KEYS_UNIFORM, // random addresses (IPv6: in 2000::/3)
};

struct bench_keys bench_keys(const struct fib_route *, size_t n_routes, bool ip6, enum key_kind,
	size_t n_destinations, size_t n_keys, uint64_t seed);
void bench_keys_free(struct bench_keys *);

// -- DPDK: table_bench_fib_peers.c -------------------------------------------------------
enum fib_peer_kind {
	PEER_LPM,    // rte_lpm
	PEER_FIB,    // rte_fib, DIR24_8, entries of two bytes, AVX-512 where the CPU has it
	PEER_FIB_4B, // the same with four bytes, its default
	PEER_LPM6,
	PEER_FIB6, // rte_fib6, TRIE, AVX-512; two bytes up to 20k routes, then four
	N_FIB_PEERS
};

extern const char *const fib_peer_name[N_FIB_PEERS];

struct fib_peer;

// NULL when there is no DPDK or no memory. rte_lpm is filled by writing its tables, because
// rte_lpm_add() needs time in the square of the routes.
struct fib_peer *fib_peer_new(enum fib_peer_kind, const struct fib_route *, size_t n);
void fib_peer_free(struct fib_peer *);
double fib_peer_lookups(struct fib_peer *, const struct bench_keys *, uint64_t *sink); // cycles
int fib_peer_change(struct fib_peer *, const struct fib_route *, bool add);
