// SPDX-License-Identifier: BSD-3-Clause
// Segmentation of any bytes: whatever the request, the segments together hold the
// payload once, none is longer than asked for, and no frame is lost.
#include "dataplane/path/checksum.h"
#include "dataplane/path/segment.h"
#include "tests/fuzz/input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct packet *p, struct packet **out, unsigned n)
{
	uint32_t payload = 0;

	for (unsigned i = 0; i < n; i++) {
		struct packet *s = out[i];
		uint32_t len = 0;

		if (s->hdr_len != out[0]->hdr_len || s->total_len - s->hdr_len > p->gso_size)
			abort();
		payload += s->total_len - s->hdr_len;
		for (const struct packet *f = s; f; f = f->next)
			len += f->len;
		if (len != s->total_len || !checksum_request_valid(s))
			abort();
		checksum_complete(s);
	}
	if (n && payload + out[0]->hdr_len != p->total_len)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct packet *out[SEGMENTS_MAX];
	struct input in = {data, size};
	struct packet *p;

	input_init();
	p = input_packet(&in);
	if (input_ethernet(p)) {
		bool valid = segment_request_valid(p), no_frame;
		unsigned n = segment(&cache, p, out, SEGMENTS_MAX, &no_frame);

		if (no_frame || (valid && !n && p->gso_size + p->hdr_len <= UINT16_MAX))
			abort();
		check(p, out, n);
		packet_free_bulk(&cache, out, n);
	}
	input_free(p);
	input_check();
	return 0;
}
