// SPDX-License-Identifier: BSD-3-Clause
// Operation sequences against the routing information base and its naive twin.
#include "tests/unit/rib_twin.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint32_t limits[4] = {0, 5, 50, 300};
	struct operations o = {.data = data + 1, .left = size - 1};

	if (size > 1)
		rib_twin_run(&o, limits[data[0] & 3]);
	return 0;
}
