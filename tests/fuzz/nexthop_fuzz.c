// SPDX-License-Identifier: BSD-3-Clause
// Operation sequences against the next-hop table and its naive twin.
#include "base/rcu.h"
#include "tests/unit/nexthop_twin.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct operations o = {.data = data + 1, .left = size - 1};

	if (size > 1)
		nexthop_twin_run(&o, 1 + data[0] % 100);
	rcu_barrier_reclaim(); // what the next input does not see, it cannot leak
	return 0;
}
