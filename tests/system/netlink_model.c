// SPDX-License-Identifier: BSD-3-Clause
// See tests/system/netlink_model.h. A hash table by what names a thing; several routes may bear one
// name (IPv4: appended ones; IPv6: without a gateway, by several interfaces).
#include "tests/system/netlink_model.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/compiler.h"

#define N_BUCKETS (1u << 20)

struct entry {
	struct entry *next;
	uint32_t generation;
	struct nl_change change; // and the rest of the record
};

struct model {
	struct entry **buckets;
	uint32_t generation[N_NL_KINDS];
	size_t n[N_NL_KINDS];
	uint64_t swept;
};

struct model *model_create(void)
{
	struct model *m = calloc(1, sizeof(*m));

	if (m)
		m->buckets = calloc(N_BUCKETS, sizeof(struct entry *));
	if (!m || !m->buckets)
		exit(2);
	return m;
}

void model_destroy(struct model *m)
{
	for (size_t i = 0; i < N_BUCKETS; i++)
		while (m->buckets[i]) {
			struct entry *e = m->buckets[i];

			m->buckets[i] = e->next;
			free(e);
		}
	free(m->buckets);
	free(m);
}

// -- names ----------------------------------------------------------------------------

// What names a record, as bytes.
struct name {
	uint64_t number[2];
	struct ip_prefix prefix;
	uint8_t kind, tos;
};

static struct name name_of(const struct nl_change *c)
{
	struct name n;

	memset(&n, 0, sizeof(n));
	n.kind = c->kind;
	switch (c->kind) {
	case NL_LINK:
		n.number[0] = ((const struct nl_link *)c)->ifindex;
		break;
	case NL_ADDRESS: {
		const struct nl_address *a = (const void *)c;

		n.number[0] = a->ifindex;
		n.prefix = a->prefix;
		break;
	}
	case NL_NEIGH: {
		const struct nl_neigh *g = (const void *)c;

		n.number[0] = g->ifindex;
		n.prefix.addr = g->addr;
		break;
	}
	case NL_ROUTE: {
		const struct nl_route *r = (const void *)c;

		n.number[0] = r->table;
		n.number[1] = r->metric;
		n.prefix = r->prefix;
		n.tos = r->tos;
		break;
	}
	case NL_NEXTHOP:
		n.number[0] = ((const struct nl_nexthop *)c)->id;
		break;
	case NL_RULE: {
		const struct nl_rule *r = (const void *)c;

		n.number[0] = r->priority;
		n.number[1] = r->hash;
		n.prefix.addr.family = r->family;
		break;
	}
	case NL_NETCONF: {
		const struct nl_netconf *f = (const void *)c;

		n.number[0] = (uint32_t)f->ifindex;
		n.prefix.addr.family = f->family;
		break;
	}
	}
	return n;
}

static bool same_name(const struct nl_change *a, const struct name *n)
{
	struct name other = name_of(a);

	return memcmp(&other, n, sizeof(other)) == 0;
}

static_assert(sizeof(struct name) % 8 == 0, "hashed in words");

static struct entry **bucket_of(struct model *m, const struct name *n)
{
	const uint64_t *words = (const uint64_t *)n;
	uint64_t h = 0;

	for (size_t i = 0; i < sizeof(*n) / sizeof(*words); i++)
		h = (h ^ words[i] ^ h >> 29) * 0x9e3779b97f4a7c15;
	return &m->buckets[(h >> 32) % N_BUCKETS];
}

// -- routes of one name -----------------------------------------------------------------

static bool same_hop(const struct nl_hop *a, const struct nl_hop *b)
{
	return a->ifindex == b->ifindex &&
	       memcmp(&a->gateway, &b->gateway, sizeof(a->gateway)) == 0;
}

static bool has_hop(const struct nl_route *r, const struct nl_hop *hop)
{
	for (unsigned i = 0; i < r->n_hops; i++)
		if (same_hop(&r->hops[i], hop))
			return true;
	return false;
}

static bool has_all_hops(const struct nl_route *r, const struct nl_route *of)
{
	for (unsigned i = 0; i < of->n_hops; i++)
		if (!has_hop(r, &of->hops[i]))
			return false;
	return true;
}

static bool same_route(const struct nl_route *a, const struct nl_route *b)
{
	return a->type == b->type && a->protocol == b->protocol && a->nexthop == b->nexthop &&
	       a->n_hops == b->n_hops && has_all_hops(a, b);
}

static bool may_be_multipath6(const struct nl_route *r)
{
	return !r->nexthop && r->n_hops && r->hops[0].gateway.family;
}

// The new one is in place of the old one.
static bool supersedes(const struct nl_route *new, const struct nl_route *old, bool *replaced)
{
	if (same_route(new, old))
		return true;
	if (new->prefix.addr.family == AF_INET6 &&new->type == old->type &&new->nexthop ==
			old->nexthop &&
		old->n_hops &&has_all_hops(new, old))
		return true; // it has one more hop now
	if (!new->is_replace || *replaced)
		return false;
	if (new->prefix.addr.family == AF_INET6 && may_be_multipath6(new) != may_be_multipath6(old))
		return false;
	return *replaced = true;
}

// Takes the hops that went out of the route; true if nothing is left.
static bool lose_hops(struct nl_route *r, const struct nl_route *gone)
{
	unsigned kept = 0;

	if (r->nexthop != gone->nexthop || r->type != gone->type || !has_all_hops(r, gone))
		return false;
	if (r->prefix.addr.family == AF_INET)
		return same_route(r, gone);
	for (unsigned i = 0; i < r->n_hops; i++)
		if (!has_hop(gone, &r->hops[i]))
			r->hops[kept++] = r->hops[i];
	r->n_hops = kept;
	return kept == 0;
}

// -- applying ---------------------------------------------------------------------------

static void drop(struct model *m, struct entry **at)
{
	struct entry *e = *at;

	*at = e->next;
	m->n[e->change.kind]--;
	free(e);
}

static bool is_replaced(const struct nl_change *new, const struct nl_change *old, bool *replaced)
{
	return new->kind != NL_ROUTE || supersedes((const void *)new, (const void *)old, replaced);
}

// What a netconf message leaves unsaid stays.
static void keep_unsaid(struct nl_netconf *new, const struct nl_netconf *old)
{
	if (new->forwarding < 0)
		new->forwarding = old->forwarding;
	if (new->rp_filter < 0)
		new->rp_filter = old->rp_filter;
	if (new->ignore_routes_with_linkdown < 0)
		new->ignore_routes_with_linkdown = old->ignore_routes_with_linkdown;
}

static struct entry *entry_create(struct model *m, const struct nl_change *c)
{
	struct entry *e = malloc(sizeof(*e) - sizeof(e->change) + c->size);

	if (!e)
		exit(2);
	memcpy(&e->change, c, c->size);
	e->generation = m->generation[c->kind];
	m->n[c->kind]++;
	return e;
}

static void set(struct model *m, const struct nl_change *c)
{
	struct name n = name_of(c);
	struct entry **at = bucket_of(m, &n), *e = NULL;
	bool replaced = false;

	while (*at) {
		struct entry *old = *at;

		if (!same_name(&old->change, &n) || !is_replaced(c, &old->change, &replaced)) {
			at = &old->next;
			continue;
		}
		if (!e)
			e = entry_create(m, c);
		if (c->kind == NL_NETCONF)
			keep_unsaid((void *)&e->change, (void *)&old->change);
		drop(m, at);
	}
	if (!e)
		e = entry_create(m, c);
	e->next = NULL;
	*at = e;
}

static void remove_gone(struct model *m, const struct nl_change *c)
{
	struct name n = name_of(c);
	struct entry **at = bucket_of(m, &n);

	while (*at) {
		struct nl_change *old = &(*at)->change;

		if (same_name(old, &n) &&
			(c->kind != NL_ROUTE || lose_hops((void *)old, (void *)c))) {
			drop(m, at);
			return;
		}
		at = &(*at)->next;
	}
}

static void sweep(struct model *m, enum nl_kind kind)
{
	for (size_t i = 0; i < N_BUCKETS; i++)
		for (struct entry **at = &m->buckets[i]; *at;) {
			if ((*at)->change.kind != kind ||
				(*at)->generation == m->generation[kind]) {
				at = &(*at)->next;
				continue;
			}
			drop(m, at);
			m->swept++;
		}
}

int model_apply(struct model *m, const struct nl_change *c)
{
	switch (c->verb) {
	case NL_SET:
		set(m, c);
		break;
	case NL_GONE:
		remove_gone(m, c);
		break;
	case NL_BEGIN:
		m->generation[c->kind]++;
		break;
	case NL_END:
		sweep(m, c->kind);
		return c->kind;
	}
	return -1;
}

size_t model_count(const struct model *m, enum nl_kind kind)
{
	return m->n[kind];
}

uint64_t model_swept(const struct model *m)
{
	return m->swept;
}

void model_print(const struct model *m, enum nl_kind kind, FILE *f)
{
	for (size_t i = 0; i < N_BUCKETS; i++)
		for (const struct entry *e = m->buckets[i]; e; e = e->next)
			if (e->change.kind == kind) {
				model_print_record(f, &e->change);
				fputc('\n', f);
			}
}
