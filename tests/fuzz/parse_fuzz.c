// SPDX-License-Identifier: BSD-3-Clause
// parse() on any bytes from a port of any kind, and then what output() may do to a
// packet that parse() let pass: move its tag, complete its checksum, cut it.
#include "dataplane/path/checksum.h"
#include "dataplane/path/path.h"
#include "dataplane/path/segment.h"
#include "tests/fuzz/input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned n_dropped;

// Stands in for pipeline.c, which would bring the whole dataplane.
void burst_drop_refused(struct worker *w, struct burst *b)
{
	if (b->refused != 1 || b->reason[0] >= N_DROP_REASONS)
		abort();
	n_dropped++;
	input_free(b->packet[0]);
	b->n = 0;
}

static void use(struct packet *p)
{
	static struct packet *out[SEGMENTS_MAX];
	bool no_frame;

	if (p->l3_offset > p->len || (p->flags & PACKET_TAGGED && p->l3_offset < 18))
		abort();
	if (p->gso_type != GSO_NONE) {
		unsigned n = segment(&cache, p, out, SEGMENTS_MAX, &no_frame);

		packet_free_bulk(&cache, out, n);
	} else if (p->flags & PACKET_CSUM) {
		checksum_complete(p);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	uint16_t choice = input_u8(&in);
	struct snapshot_port port = {
		.max_bytes = choice & 1 ? 1514 : 65535,
		.caps = choice & 2 ? PORT_RX_UNFINISHED : 0,
	};
	struct burst b = {.n = 1, .in = &port};

	input_init();
	b.packet[0] = input_packet(&in);
	if (!b.packet[0]->total_len) { // drivers never give such
		input_free(b.packet[0]);
		return 0;
	}
	n_dropped = 0;
	parse(NULL, &b);
	if (b.n + n_dropped != 1)
		abort();
	if (b.n) {
		use(b.packet[0]);
		input_free(b.packet[0]);
	}
	input_check();
	return 0;
}
