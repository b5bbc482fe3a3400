// SPDX-License-Identifier: BSD-3-Clause
// What tests see of the FIB beyond fib.h.
#pragma once

#include "dataplane/table/lpm.h"

// The table of a family. Knows how struct fib begins.
static inline struct lpm *fib_lpm(const struct fib *f, bool ip6)
{
	return ((struct lpm *const *)f)[ip6];
}

// Aborts unless nodes, blocks and counts agree and no node is there without need.
void fib_check(const struct fib *, bool ip6);
// The same unless the array of the /24s says what root and pages say. Reads all 16 MiB.
void fib_check_flat(const struct fib *);
