// SPDX-License-Identifier: BSD-3-Clause
// The search for unfinished checksums, and their completion, on any bytes.
#include "dataplane/path/checksum.h"
#include "tests/fuzz/input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	struct packet *p;

	input_init();
	p = input_packet(&in);
	if (input_ethernet(p)) {
		if (p->flags & PACKET_CSUM && !checksum_request_valid(p))
			p->flags &= (uint8_t)~PACKET_CSUM;
		checksum_find_unfinished(p);
		if (p->flags & PACKET_CSUM) {
			if (!checksum_request_valid(p))
				abort();
			checksum_complete(p);
		}
	}
	input_free(p);
	input_check();
	return 0;
}
