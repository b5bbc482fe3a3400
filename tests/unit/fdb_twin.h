// SPDX-License-Identifier: BSD-3-Clause
// The forwarding database and its naive twin, an array over a small universe of keys, under the
// same operations. A difference is printed and aborts. Used by the unit test and the fuzz target.
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

struct twin_totals {
	uint64_t operations, lookups, hits, grown, moved, aged, most_entries, displaced;
};

// max_ports decides how small the table may be at first (2: 16 buckets).
struct twin_totals fdb_twin_run(struct twin_input *, uint32_t max_ports, uint64_t secret);
