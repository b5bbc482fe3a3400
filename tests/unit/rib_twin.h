// SPDX-License-Identifier: BSD-3-Clause
// The RIB and its naive twin, an array over a small universe of prefixes and ranks, under the same
// operations, with a FIB that refuses now and then. A difference is printed and aborts. Used by
// the unit test and the fuzz target.
#pragma once

#include "tests/unit/operations.h"

struct rib_twin_totals {
	uint64_t changes, installs, refused, full, swept, most_routes;
};

// The limit of routes of each family; 0 = none that is reached.
struct rib_twin_totals rib_twin_run(struct operations *, uint32_t max_routes);
