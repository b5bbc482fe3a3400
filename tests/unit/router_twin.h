// SPDX-License-Identifier: BSD-3-Clause
// The router and a naive kernel, arrays of links, addresses, routes, objects and neighbours, under
// the same operations: the kernel does them, tells what the real one would tell (and is silent
// where that is), and what workers would do is compared with what it would do, for many addresses.
// A difference is printed and aborts.
#pragma once

#include "tests/unit/operations.h"

struct router_twin_totals {
	uint64_t answers, forwarded, left, other;
};

struct router_twin_totals router_twin_run(struct operations *);
