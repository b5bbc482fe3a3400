// SPDX-License-Identifier: BSD-3-Clause
// The next-hop table and its naive twin, arrays that are searched, under the same operations; with
// every change of a group it is checked that shares are right and that no flow moved that need not.
// A difference is printed and aborts. Used by the unit test and the fuzz target.
#pragma once

#include "tests/unit/operations.h"

struct nexthop_twin_totals {
	uint64_t changes, resolved, full, moved, grown, reused;
};

struct nexthop_twin_totals nexthop_twin_run(struct operations *, uint32_t max_nexthops);
