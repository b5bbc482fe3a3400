// SPDX-License-Identifier: BSD-3-Clause
// Hops: an interface and a gateway, or the link itself, and their adjacency. A hop of its own
// number (for groups and host routes) follows what its interface may be used for.
#include "base/mem.h"
#include "control/router/router_private.h"

#define HEADS (1u << 14)
#define EACH  4 // of a step's budget

static struct hop **head(struct router *r, const struct interface *i, const struct ip_addr *a)
{
	if (!r->hop_heads)
		r->hop_heads = mem_zalloc(HEADS * sizeof(*r->hop_heads), 0);
	if (!r->hop_heads)
		return NULL;
	return &r->hop_heads[router_hash(r, a, sizeof(*a), (uint64_t)i->ifindex) & (HEADS - 1)];
}

bool hop_is_link(const struct hop *h)
{
	static const uint8_t zero[16];

	return !memcmp(h->addr.b, zero, sizeof(zero));
}

bool hop_is_usable(const struct router *r, const struct hop *h)
{
	return h->adjacency && interface_is_usable(r, h->interface);
}

// The table of adjacencies may have been full before.
static void hold(struct router *r, struct hop *h)
{
	uint32_t number;

	if (h->adjacency)
		return;
	number = interface_number(r, h->interface);
	if (number != NO_NUMBER &&
		neigh_hold(r->neigh, (uint16_t)number, &h->addr, &h->adjacency)) {
		h->adjacency = 0;
		r->stats.refused++;
	}
}

static bool list(struct router *r, struct hop *h)
{
	if (r->n_hops == r->max_hops) {
		uint32_t max = MAX(2 * r->max_hops, 256);
		struct hop **more = mem_alloc(max * sizeof(*more), 0);

		if (!more)
			return false;
		if (r->n_hops)
			memcpy(more, r->hops, r->n_hops * sizeof(*more));
		mem_free(r->hops);
		r->hops = more;
		r->max_hops = max;
	}
	h->at = r->n_hops;
	r->hops[r->n_hops++] = h;
	return true;
}

struct hop *hop_get(
	struct router *r, int32_t ifindex, const struct ip_addr *gateway, uint8_t family)
{
	struct interface *i = interface_get(r, ifindex);
	struct ip_addr a = addr_canonical(gateway);
	struct hop *h, **bucket;

	if (!i)
		return NULL;
	if (!a.family)
		a = (struct ip_addr){.family = family};
	bucket = head(r, i, &a);
	if (!bucket)
		goto undo;
	for (h = *bucket; h; h = h->next)
		if (h->interface == i && addr_equal(&h->addr, &a)) {
			h->n_users++;
			return h;
		}
	h = mem_zalloc(sizeof(*h), 0);
	if (!h)
		goto undo;
	*h = (struct hop){.next = *bucket, .interface = i, .addr = a, .n_users = 1};
	if (!list(r, h)) {
		mem_free(h);
		goto undo;
	}
	*bucket = h;
	i->n_hops++;
	hold(r, h);
	return h;

undo:
	interface_gc(r, i);
	return NULL;
}

void hop_put(struct router *r, struct hop *h)
{
	struct hop **link;

	if (!h || --h->n_users)
		return;
	for (link = head(r, h->interface, &h->addr); *link != h; link = &(*link)->next)
		;
	*link = h->next;
	r->hops[h->at] = r->hops[--r->n_hops];
	r->hops[h->at]->at = h->at;
	if (h->nexthop)
		nexthop_put(r->nexthops, h->nexthop);
	if (h->adjacency)
		neigh_put(r->neigh, h->adjacency);
	h->interface->n_hops--;
	interface_gc(r, h->interface);
	mem_free(h);
}

// FIB_MAX_NEXTHOP bounds the numbers that nexthops gives out.
uint32_t hop_nexthop(struct router *r, struct hop *h)
{
	bool is_usable = hop_is_usable(r, h);

	if (!h->nexthop &&
		nexthop_add(r->nexthops, is_usable ? NEXTHOP_ADJACENCY : NEXTHOP_EXCEPTION,
			is_usable ? h->adjacency : 0, &h->nexthop)) {
		h->nexthop = 0;
		r->stats.refused++;
	}
	return h->nexthop;
}

static void refresh(struct router *r, struct hop *h)
{
	struct nexthop_entry e;
	bool is_usable;

	hold(r, h);
	is_usable = hop_is_usable(r, h);
	if (!h->nexthop || nexthop_find(r->nexthops, h->nexthop, &e) ||
		e.adjacency == (is_usable ? h->adjacency : 0))
		return;
	nexthop_set(r->nexthops, h->nexthop, is_usable ? NEXTHOP_ADJACENCY : NEXTHOP_EXCEPTION,
		is_usable ? h->adjacency : 0);
	r->leave_changed |= is_usable;
}

// From the last to the first: what takes the place of a removed one is the last, and was seen.
bool hops_step(struct router *r, unsigned *budget)
{
	struct pass *p = &r->hop_pass;

	if (!pass_runs(p, r->n_hops))
		return false;
	while (p->at && *budget) {
		*budget -= MIN(*budget, EACH);
		p->at = MIN(p->at, r->n_hops);
		if (p->at)
			refresh(r, r->hops[--p->at]);
	}
	p->is_running = p->at;
	return p->is_running || p->is_wanted;
}
