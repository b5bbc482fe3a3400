// SPDX-License-Identifier: BSD-3-Clause
// Operation sequences against the FIB and its naive twin; the first byte chooses the family.
#include "tests/unit/fib_twin.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// One input byte spoken for by each choice, stretched so that large ranges are reached too.
static uint32_t next(struct twin_input *in)
{
	uint32_t v = in->size ? *in->data : 0;

	if (in->size) {
		in->data++;
		in->size--;
	}
	in->state = in->state * 31 + v;
	return (uint32_t)(v | (in->state & 0xffffff) << 8);
}

static bool more(struct twin_input *in)
{
	return in->size > 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct twin_input in = {next, more, 0, data + 1, size - 1};

	if (size > 1)
		fib_twin_run(&in, data[0] & 1);
	return 0;
}
