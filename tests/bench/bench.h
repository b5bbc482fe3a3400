// SPDX-License-Identifier: BSD-3-Clause
// What every bench shares: options, medians of interleaved rounds, and the
// report: a table for people or, with --json, one object per row:
// {"name","value","unit","peer","peer_value","ratio","target","met"}.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bench_options {
	bool json;
	bool quick;         // all of it in less than 30 s
	const char *filter; // only rows whose name contains this; NULL = all
};

// Understands --json, --quick, --filter TEXT and --help. Exits with 2 on anything else.
struct bench_options bench_options(int argc, char **argv, const char *what_it_measures);

// Which side of the target is good.
enum bench_better { BENCH_LOWER, BENCH_HIGHER };

struct bench_row {
	const char *name;
	double value;
	const char *unit;
	const char *peer;  // whom it is compared with; NULL = nobody
	double peer_value; // in the same unit
	double target;     // for value / peer_value, or for value when there is no peer; 0 = none
	enum bench_better better;
};

// Prints the machine (CPU, cores, kernel, TSC frequency) the first time, then the row.
void bench_report(const struct bench_options *, const struct bench_row *);

// Ends the report. Returns the exit status: 0, or 1 when a target was missed.
int bench_finish(const struct bench_options *);

double bench_median(double *samples, size_t n); // sorts the samples
uint64_t bench_tsc_hz(void);                    // measured once, about 20 ms
uint64_t bench_rand(uint64_t *state);           // xorshift64*: deterministic, state must not be 0
