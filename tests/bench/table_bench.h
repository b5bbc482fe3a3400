// SPDX-License-Identifier: BSD-3-Clause
// The parts of table_bench: one list of rows per table.
#pragma once

#include "tests/bench/bench.h"

void bench_fdb(const struct bench_options *);
void bench_learn(const struct bench_options *);
void bench_fib(const struct bench_options *);
void bench_rib(const struct bench_options *);

// Start DPDK for its tables, once. On huge pages when 512 MiB of them are free, as ours use
// transparent ones. False when there is no DPDK: then the rows have no peer.
bool table_bench_peers(void);

// Whether the user wants this row.
bool table_bench_wants(const struct bench_options *, const char *name);
