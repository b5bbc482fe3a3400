// SPDX-License-Identifier: BSD-3-Clause
// A segment is the original's headers with a few fields changed, and the next
// gso_size bytes of its payload. IP lengths of the original are not used: the
// kernel goes by the packet's length too, and some senders leave them zero.
#include "dataplane/path/segment.h"

#include <string.h>

#include "dataplane/path/checksum.h"
#include "dataplane/path/ethernet.h"
#include "dataplane/path/transport.h"

#define HEADERS_MAX 512 // Ethernet to TCP options; longer ones are refused

enum {
	TCP_FIN = 0x01,
	TCP_PSH = 0x08,
	TCP_CWR = 0x80,
};

// What is cut, and a cursor to the payload that is left.
struct cut {
	const struct packet *p;
	struct transport t;
	uint32_t hdr_len;
	uint32_t payload;
	unsigned n; // segments
	const struct packet *at;
	uint32_t at_offset;
};

// Finds headers and payload. False when they are not what gso_type says.
static bool measure(struct cut *c, const struct packet *p)
{
	static const struct {
		uint8_t protocol;
		bool ipv4, ipv6;
	} types[] = {
		[GSO_TCP4] = {PROTOCOL_TCP, true, false},
		[GSO_TCP6] = {PROTOCOL_TCP, false, true},
		[GSO_UDP] = {PROTOCOL_UDP, true, true},
	};
	uint32_t transport_len = UDP_HEADER_SIZE;

	if (p->gso_type >= ARRAY_SIZE(types) || !p->gso_size || !transport_find(p, &c->t))
		return false;
	if (c->t.protocol != types[p->gso_type].protocol ||
		!(c->t.ipv6 ? types[p->gso_type].ipv6 : types[p->gso_type].ipv4))
		return false;
	if (c->t.protocol == PROTOCOL_TCP)
		transport_len = (p->data[c->t.offset + 12] >> 4) * 4u;
	if (transport_len < (c->t.protocol == PROTOCOL_TCP ? TCP_HEADER_SIZE : UDP_HEADER_SIZE))
		return false;
	c->p = p;
	c->hdr_len = c->t.offset + transport_len;
	if (c->hdr_len > p->len || c->hdr_len > HEADERS_MAX || c->hdr_len >= p->total_len)
		return false;
	c->payload = p->total_len - c->hdr_len;
	c->n = (c->payload + p->gso_size - 1) / p->gso_size;
	c->at = p;
	c->at_offset = c->hdr_len;
	return true;
}

bool segment_request_valid(struct packet *p)
{
	struct cut c;

	if (!measure(&c, p) || c.n > SEGMENTS_MAX)
		return false;
	if (!(p->flags & PACKET_CSUM) || p->csum_start != c.t.offset ||
		p->csum_offset != transport_checksum_offset(&c.t))
		return false;
	p->hdr_len = (uint16_t)c.hdr_len;
	return true;
}

// Copies the next n bytes of the payload.
static void copy_payload(struct cut *c, uint8_t *to, uint32_t n)
{
	while (n) {
		uint32_t part = MIN(n, c->at->len - c->at_offset);

		memcpy(to, c->at->data + c->at_offset, part);
		to += part;
		n -= part;
		c->at_offset += part;
		if (c->at_offset == c->at->len) {
			c->at = c->at->next;
			c->at_offset = 0;
		}
	}
}

// Frames for n bytes, of which the first frame takes up to FRAME_CAPACITY and
// those behind it FRAME_PART. NULL when they are short.
static struct packet *new_chain(struct packet_cache *cache, uint32_t n)
{
	uint32_t behind = n > FRAME_CAPACITY ? n - FRAME_CAPACITY : 0;
	unsigned n_frames = 1 + (behind + FRAME_PART - 1) / FRAME_PART;
	struct packet *frame[1 + PACKET_MAX_BYTES / FRAME_PART + 1];

	if (n_frames > ARRAY_SIZE(frame) || !packet_alloc_bulk(cache, frame, n_frames))
		return NULL;
	frame[0]->len = (uint16_t)(n - behind);
	for (unsigned i = 1; i < n_frames; i++) {
		frame[i - 1]->next = frame[i];
		frame[i]->data = packet_frame(cache->geometry, frame[i]) + FRAME_LEAD;
		frame[i]->len = (uint16_t)MIN(behind, FRAME_PART);
		behind -= frame[i]->len;
	}
	frame[0]->n_frames = (uint16_t)n_frames;
	frame[0]->total_len = n;
	return frame[0];
}

static void write_ipv4(uint8_t *ip, uint32_t ip_len, unsigned index)
{
	uint16_t sum;

	store_be16(ip + 2, (uint16_t)ip_len);
	store_be16(ip + 4, (uint16_t)(load_be16(ip + 4) + index));
	memset(ip + 10, 0, 2);
	sum = (uint16_t)~checksum_fold(checksum_add(0, ip, (ip[0] & 15) * 4u));
	memcpy(ip + 10, &sum, sizeof(sum));
}

static void write_tcp(uint8_t *tcp, uint32_t seq_offset, bool first, bool last)
{
	store_be32(tcp + 4, load_be32(tcp + 4) + seq_offset);
	if (!last)
		tcp[13] &= (uint8_t) ~(TCP_FIN | TCP_PSH);
	if (!first)
		tcp[13] &= (uint8_t)~TCP_CWR;
}

// Makes the original's headers in s those of segment `index`, whose payload begins at `offset`.
static void write_headers(const struct cut *c, struct packet *s, unsigned index, uint32_t offset)
{
	uint8_t *ip = s->data + c->p->l3_offset;
	uint8_t *l4 = s->data + c->t.offset;
	uint32_t l4_len = s->total_len - c->t.offset;
	uint16_t sum = checksum_fold(transport_pseudo_sum(&c->t, l4_len));

	if (c->t.ipv6)
		store_be16(ip + 4, (uint16_t)(s->total_len - c->p->l3_offset - IPV6_HEADER_SIZE));
	else
		write_ipv4(ip, s->total_len - c->p->l3_offset, index);
	if (c->t.protocol == PROTOCOL_TCP)
		write_tcp(l4, offset, index == 0, index == c->n - 1);
	else
		store_be16(l4 + 4, (uint16_t)l4_len);
	memcpy(l4 + transport_checksum_offset(&c->t), &sum, sizeof(sum));
	s->flags = (c->p->flags & (PACKET_TAGGED | PACKET_CSUM_GOOD)) | PACKET_CSUM;
	s->csum_start = c->t.offset;
	s->csum_offset = transport_checksum_offset(&c->t);
	s->hdr_len = (uint16_t)c->hdr_len;
	s->in_port = c->p->in_port;
	s->vlan = c->p->vlan;
	s->tci = c->p->tci;
	s->ethertype = c->p->ethertype;
	s->l3_offset = c->p->l3_offset;
}

unsigned segment(struct packet_cache *cache, const struct packet *p, struct packet **out,
	unsigned max, bool *no_frame)
{
	struct cut c;

	*no_frame = false;
	// The length fields of IP and UDP have 16 bits, and so have ours.
	if (!measure(&c, p) || c.n > max || c.hdr_len + p->gso_size > PACKET_MAX_BYTES ||
		c.hdr_len - p->l3_offset + MIN(p->gso_size, c.payload) > UINT16_MAX)
		return 0;
	for (unsigned i = 0; i < c.n; i++) {
		uint32_t offset = i * (uint32_t)p->gso_size;
		uint32_t n = MIN(p->gso_size, c.payload - offset);
		struct packet *s = new_chain(cache, c.hdr_len + n);

		if (!s) {
			packet_free_bulk(cache, out, i);
			*no_frame = true;
			return 0;
		}
		out[i] = s;
		memcpy(s->data, p->data, c.hdr_len);
		copy_payload(&c, s->data + c.hdr_len, s->len - c.hdr_len);
		for (struct packet *f = s->next; f; f = f->next)
			copy_payload(&c, f->data, f->len);
		write_headers(&c, s, i, offset);
	}
	return c.n;
}
