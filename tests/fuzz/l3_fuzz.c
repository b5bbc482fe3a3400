// SPDX-License-Identifier: BSD-3-Clause
// parse() and l3() on any frames, a burst of them, through a small router. What is forwarded must
// be what a slow look at the frame says: one hop less, a header whose sum is right, the length that
// the IP header tells; what goes to the kernel must not have been touched. The sweep over headers
// and the check one by one must agree.
#include "dataplane/exception.h"
#include "dataplane/path/checksum.h"
#include "dataplane/path/l3.h"
#include "tests/fuzz/input.h"

#include <linux/neighbour.h>
#include <sys/socket.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define N_PACKETS 6 // alike in a burst, so that the sweep is used
#define COMPARED  80

static struct snapshot *s;
static struct packet *exceptions[BURST_MAX], *dropped[BURST_MAX];
static unsigned n_exceptions, n_dropped;

bool exception_push(struct exception *e, unsigned worker, struct packet *p, port_id_t in_port,
	enum exception_reason reason, uint64_t now)
{
	if (reason >= N_EXCEPTION_REASONS || in_port != 0)
		abort();
	exceptions[n_exceptions++] = p;
	return true;
}

// Stand in for pipeline.c, which would bring the whole dataplane.
void packet_drop(struct worker *w, struct packet *p, enum drop_reason reason)
{
	if (reason >= N_DROP_REASONS)
		abort();
	dropped[n_dropped++] = p;
}

void burst_drop_refused(struct worker *w, struct burst *b)
{
	unsigned n = 0;

	for (unsigned i = 0; i < b->n; i++) {
		if (b->refused >> i & 1) {
			packet_drop(w, b->packet[i], b->reason[i]);
			continue;
		}
		b->dst[n] = b->dst[i];
		b->packet[n++] = b->packet[i];
	}
	b->n = n;
	b->refused = 0;
}

static void add(struct fib *fib, const char *prefix, uint32_t next)
{
	struct ip_prefix p;

	if (!prefix_parse(prefix, &p) || fib_set(fib, &p, next) < 0)
		abort();
}

// Every half of the addresses has its verdict, in both families.
static void init(void)
{
	struct nexthop_config hc = {0};
	struct neigh_config nc = {0};
	struct ip_addr a = {AF_INET, {192, 0, 2, 1}};
	struct mac mac = {{2, 0, 0, 0, 0, 1}};
	struct neigh *neigh;
	struct nexthops *nexthops;
	struct fib *fib;
	uint32_t adjacency, next[3], leave;

	input_init();
	s = snapshot_new(3, 1);
	if (!s || fib_create(&fib, NULL) || neigh_create(&neigh, &nc) ||
		nexthops_create(&nexthops, neigh, &hc))
		abort();
	s->fib = fib;
	s->neigh = neigh;
	s->nexthops = nexthops;
	s->exception = (struct exception *)s; // never looked into here
	for (uint16_t i = 0; i < 3; i++) {
		struct neigh_interface is = {
			.port = i, .mtu = i == 1 ? 1500 : 9000, .mac = mac, .vlan = 7};

		is.is_tagged = i == 2;
		if (neigh_set_interface(neigh, i, &is) || neigh_hold(neigh, i, &a, &adjacency) ||
			neigh_update(neigh, i, &a, NUD_PERMANENT, &mac) ||
			nexthop_add(nexthops, NEXTHOP_ADJACENCY, adjacency, &next[i]))
			abort();
		s->port[i].flags =
			PORT_ROUTED | PORT_ROUTED_EGRESS | PORT_TAKES_IPV4 | PORT_TAKES_IPV6;
		s->port[i].mac = mac;
	}
	if (nexthop_add(nexthops, NEXTHOP_EXCEPTION, 0, &leave))
		abort();
	add(fib, "0.0.0.0/0", next[1]);
	add(fib, "::/0", next[1]);
	add(fib, "128.0.0.0/1", next[2]);
	add(fib, "8000::/1", next[2]);
	add(fib, "64.0.0.0/3", next[0]);
	add(fib, "4000::/3", leave);
}

// What was there before, and what must have become of it.
static void check_forwarded(
	const struct packet *p, const uint8_t *before, uint32_t total, bool tagged)
{
	const uint8_t *ip = p->data + p->l3_offset, *was = before + 14;
	uint32_t header = tagged ? 18 : 14, n = 0, ip_len;
	unsigned frames = 0;

	if (p->l3_offset != header || !!(p->flags & PACKET_TAGGED) != tagged)
		abort();
	if (ip[0] >> 4 == 4) {
		if (ip[0] != 0x45 || ip[8] != was[8] - 1 || !ip[8] ||
			checksum_fold(checksum_add(0, ip, 20)) != 0xffff || memcmp(ip, was, 8) ||
			memcmp(ip + 12, was + 12, 8) || load_be16(ip + 10) == 0xffff)
			abort();
		ip_len = load_be16(ip + 2);
	} else {
		if (ip[0] >> 4 != 6 || ip[7] != was[7] - 1 || !ip[7] || memcmp(ip, was, 7) ||
			memcmp(ip + 8, was + 8, 32))
			abort();
		ip_len = 40 + load_be16(ip + 4);
	}
	for (const struct packet *f = p; f; f = f->next, frames++)
		n += f->len;
	if (p->total_len != header + ip_len || n != p->total_len || frames != p->n_frames ||
		ip_len > total - 14)
		abort();
	if (p->flags & PACKET_CSUM && !checksum_request_valid(p))
		abort();
}

static void judge(struct packet *p, const uint8_t *before, uint32_t total, port_id_t egress)
{
	if (egress != 1 && egress != 2)
		abort();
	check_forwarded(p, before, total, egress == 2);
	if (p->gso_type == GSO_NONE && p->flags & PACKET_CSUM)
		checksum_complete(p);
	input_free(p);
}

// The check one by one against the sweep over all, which must have the same verdict and figures.
static void compare(const struct burst *original)
{
	struct burst b = *original;
	struct l3_run run = {.s = s, .b = &b};
	const struct packet *p = b.packet[0];
	bool ip6 = p->ethertype == ETHERTYPE_IPV6;
	struct l3_found f = {0};
	struct lane lane = {.n = b.n};
	int verdict;

	for (unsigned i = 0; i < b.n; i++)
		lane.at[i] = (uint8_t)i;
	if (!(ip6 ? l3_read6(&run, &lane) : l3_read4(&run, &lane)))
		return; // not for us
	verdict = ip6 ? l3_check6(p, s->flow_secret, &f) : l3_check4(p, s->flow_secret, &f);
	if (lane.n != (verdict == L3_PASS ? original->n : 0))
		abort();
	for (unsigned k = 0; k < lane.n; k++) {
		if (lane.hash[k] != f.hash || lane.size[k] != f.size || lane.hop[k] != f.hop)
			abort();
		if (ip6 ? memcmp(lane.dst6[k], p->data + 14 + 24, 16) != 0
			: lane.src4[k] != f.src || lane.dst4[k] != f.dst)
			abort();
	}
}

// Frames that the chains of the packets had, to be unpoisoned whatever becomes of them.
static unsigned list_frames(const struct burst *b, struct packet **frames)
{
	unsigned n = 0;

	for (unsigned i = 0; i < b->n; i++)
		for (struct packet *p = b->packet[i]; p; p = p->next)
			frames[n++] = p;
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct worker w;
	static struct port_counters counters;
	static struct packet *frames[INPUT_FRAMES];
	uint8_t before[COMPARED] = {0};
	struct input in = {data, size};
	uint16_t choice = input_u8(&in);
	struct burst b = {.n = choice & 1 ? 1 : N_PACKETS, .counters = &counters};
	unsigned n_first, n_frames, sent = b.n;
	uint32_t total = 0, compared;

	if (!s)
		init();
	s->port[0].max_bytes = choice & 2 ? 1514 : 65535;
	s->port[0].caps = choice & 4 ? PORT_RX_UNFINISHED : 0;
	s->port[0].rp_filter = choice >> 3 & 3 & (choice >> 4 | 1);
	b.in = &s->port[0];
	for (unsigned i = 0; i < b.n; i++) {
		struct input copy = in;

		b.packet[i] = input_packet(&copy);
		// Frames of our own MAC, mostly: else there is little to see.
		if (choice & 64 && b.packet[i]->len >= 12)
			memcpy(b.packet[i]->data, &s->port[0].mac, 6);
	}
	total = b.packet[0]->total_len;
	compared = MIN(b.packet[0]->len, choice & 4 ? 14u : COMPARED); // parse() may mend a sum
	memcpy(before, b.packet[0]->data, MIN(b.packet[0]->len, COMPARED));
	n_frames = list_frames(&b, frames);
	w.cache = cache;
	n_exceptions = n_dropped = 0;
	if (total) { // drivers never give empty ones
		parse(&w, &b);
		n_first = b.n;
		if (b.n) { // the path never asks with nothing
			compare(&b);
			l3(&w, s, &b);
		}
		// Alike in, alike out.
		if (b.n + n_exceptions + n_dropped != sent || (b.n && b.n != n_first) ||
			(n_exceptions && n_exceptions != n_first))
			abort();
	}
	cache = w.cache;
	for (unsigned i = 0; i < n_frames; i++)
		ASAN_UNPOISON_MEMORY_REGION(packet_frame(cache.geometry, frames[i]), FRAME_STRIDE);
	for (unsigned i = 0; i < n_dropped; i++)
		input_free(dropped[i]);
	for (unsigned i = 0; i < n_exceptions; i++) {
		const struct packet *p = exceptions[i];

		if (p->total_len != total || memcmp(p->data, before, compared))
			abort();
		input_free(exceptions[i]);
	}
	for (unsigned i = 0; i < b.n; i++) {
		if (!total) {
			input_free(b.packet[i]);
			continue;
		}
		if (b.egress[i] != b.egress[0])
			abort();
		judge(b.packet[i], before, total, b.egress[i]);
	}
	input_check();
	return 0;
}
