// SPDX-License-Identifier: BSD-3-Clause
// The FIB and its naive twin, a list of routes searched from end to end, under the same
// operations. A difference is printed and aborts. Used by the unit test and the fuzz target.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Where operations come from: each call gives the next number; `more` ends the run.
struct twin_input {
	uint32_t (*next)(struct twin_input *);
	bool (*more)(struct twin_input *);
	uint64_t state; // the implementation's
	const uint8_t *data;
	size_t size;
};

#if defined(__SANITIZE_THREAD__)
#define TWIN_HAS_FLAT false
#elif defined(__has_feature)
#define TWIN_HAS_FLAT !__has_feature(thread_sanitizer)
#else
#define TWIN_HAS_FLAT true
#endif

struct twin_totals {
	uint64_t operations, changes, lookups, hits, most_routes, wide, narrow, flat;
};

struct twin_totals fib_twin_run(struct twin_input *, bool ip6);
