// SPDX-License-Identifier: BSD-3-Clause
// The merged packet is the first segment, with the payload of the others chained behind
// it: their data begins behind their headers, which stay in their frames untouched, so
// that undoing it is only moving pointers back.
#include "dataplane/path/merge.h"

#include <string.h>

#include "dataplane/path/checksum.h"
#include "dataplane/path/transport.h"

#define IP_LENGTH_MAX 65535

enum {
	TCP_FIN_PSH = 0x09,
	TCP_ACK = 0x10,
};

// Where things stand in the first segment; the others must agree.
struct shape {
	struct transport t;
	uint32_t hdr_len;
	uint32_t payload; // of every segment but the last
};

// A TCP segment with nothing unusual: no flag but ACK, PSH and FIN, no bytes behind the IP packet,
// no IPv4 options or IPv6 extension headers.
static bool examine(const struct packet *p, struct shape *s)
{
	uint32_t ip_size;

	if (!(p->flags & PACKET_CSUM) || p->gso_type != GSO_NONE || !transport_find(p, &s->t) ||
		s->t.protocol != PROTOCOL_TCP)
		return false;
	ip_size = s->t.ipv6 ? IPV6_HEADER_SIZE : IPV4_HEADER_SIZE;
	if (s->t.offset != p->l3_offset + ip_size || p->l3_offset + s->t.ip_len != p->total_len)
		return false;
	if (p->csum_start != s->t.offset || p->csum_offset != TCP_CHECKSUM_OFFSET)
		return false;
	if (!s->t.ipv6 && // a header that was damaged must not be mended
		checksum_fold(checksum_add(0, p->data + p->l3_offset, ip_size)) != UINT16_MAX)
		return false;
	s->hdr_len = s->t.offset + (p->data[s->t.offset + 12] >> 4) * 4u;
	if (s->hdr_len < (uint32_t)s->t.offset + TCP_HEADER_SIZE || s->hdr_len >= p->len)
		return false;
	s->payload = p->total_len - s->hdr_len;
	return (p->data[s->t.offset + 13] & (uint8_t)~TCP_FIN_PSH) == TCP_ACK;
}

static fast_inline bool equal(const uint8_t *a, const uint8_t *b, uint32_t from, uint32_t to)
{
	return memcmp(a + from, b + from, to - from) == 0;
}

// Whether p's headers are those of segment `index` of the packet that `first` begins.
static bool continues(const struct shape *s, const struct packet *first, const struct packet *p,
	const struct shape *ps, unsigned index)
{
	const uint8_t *a = first->data, *b = p->data;
	const uint32_t l3 = first->l3_offset, l4 = s->t.offset;

	if (ps->t.offset != l4 || ps->hdr_len != s->hdr_len || ps->t.ipv6 != s->t.ipv6 ||
		p->vlan != first->vlan || (p->flags ^ first->flags) & PACKET_TAGGED ||
		!equal(a, b, 0, l3))
		return false;
	if (s->t.ipv6) {
		if (!equal(a, b, l3, l3 + 4) || !equal(a, b, l3 + 6, l4))
			return false;
	} else {
		if (!equal(a, b, l3, l3 + 2) || !equal(a, b, l3 + 6, l3 + 10) ||
			!equal(a, b, l3 + 12, l4) ||
			load_be16(b + l3 + 4) != (uint16_t)(load_be16(a + l3 + 4) + index))
			return false;
	}
	// Ports; the sequence number; acknowledgement; window; urgent pointer and options.
	return equal(a, b, l4, l4 + 4) && equal(a, b, l4 + 8, l4 + 13) &&
	       equal(a, b, l4 + 14, l4 + 16) && equal(a, b, l4 + 18, s->hdr_len) &&
	       load_be32(b + l4 + 4) == load_be32(a + l4 + 4) + index * s->payload;
}

unsigned merge_count(struct packet *const *in, unsigned n)
{
	struct shape s, next;
	uint32_t len;
	unsigned count = 1;

	if (n < 2 || !examine(in[0], &s) || in[0]->data[s.t.offset + 13] != TCP_ACK)
		return 1;
	len = in[0]->total_len;
	while (count < n) {
		const struct packet *p = in[count];

		if (!examine(p, &next) || next.payload > s.payload ||
			len + next.payload - in[0]->l3_offset > IP_LENGTH_MAX ||
			!continues(&s, in[0], p, &next, count))
			break;
		len += next.payload;
		count++;
		if (next.payload < s.payload || p->data[s.t.offset + 13] != TCP_ACK)
			break; // the last one
	}
	return count;
}

static struct packet *last_frame(struct packet *p)
{
	while (p->next)
		p = p->next;
	return p;
}

// The length of the IP packet and the sums that follow from it, the pseudo header's included.
static void write_lengths(struct packet *p, const struct transport *t)
{
	uint8_t *ip = p->data + p->l3_offset;
	uint16_t sum;

	if (t->ipv6) {
		store_be16(ip + 4, (uint16_t)(p->total_len - p->l3_offset - IPV6_HEADER_SIZE));
	} else {
		store_be16(ip + 2, (uint16_t)(p->total_len - p->l3_offset));
		memset(ip + 10, 0, 2);
		sum = (uint16_t)~checksum_fold(checksum_add(0, ip, IPV4_HEADER_SIZE));
		memcpy(ip + 10, &sum, sizeof(sum));
	}
	sum = checksum_fold(transport_pseudo_sum(t, p->total_len - t->offset));
	memcpy(p->data + t->offset + TCP_CHECKSUM_OFFSET, &sum, sizeof(sum));
}

void merge(struct packet *const *in, unsigned n)
{
	struct packet *head = in[0], *tail = last_frame(head);
	uint8_t flags;
	struct shape s;

	if (n < 2 || !examine(head, &s))
		return;
	flags = in[n - 1]->data[s.t.offset + 13];
	head->gso_type = s.t.ipv6 ? GSO_TCP6 : GSO_TCP4;
	head->gso_size = (uint16_t)s.payload;
	head->hdr_len = (uint16_t)s.hdr_len;
	for (unsigned i = 1; i < n; i++) {
		struct packet *p = in[i];

		p->data += s.hdr_len;
		p->len -= (uint16_t)s.hdr_len;
		tail->next = p;
		tail = last_frame(p);
		head->total_len += p->total_len - s.hdr_len;
		head->n_frames += p->n_frames;
	}
	head->data[s.t.offset + 13] = flags;
	write_lengths(head, &s.t);
}

void merge_undo(struct packet *const *in, unsigned n)
{
	struct packet *head = in[0];
	struct transport t;

	if (n < 2 || !transport_find(head, &t))
		return;
	for (unsigned i = n; i-- > 1;) {
		struct packet *p = in[i], *before = in[i - 1];

		while (before->next != p)
			before = before->next;
		before->next = NULL;
		p->data -= head->hdr_len;
		p->len += head->hdr_len;
		head->n_frames -= p->n_frames;
	}
	head->total_len = head->hdr_len + head->gso_size;
	head->gso_type = GSO_NONE;
	head->data[t.offset + 13] = TCP_ACK;
	write_lengths(head, &t);
}
