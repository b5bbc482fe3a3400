// SPDX-License-Identifier: BSD-3-Clause
// From the RIB to the FIB, and what follows from that: prefixes of the local table for admission,
// host routes of neighbours. And the pass that gives each candidate its place again when its hops
// died, came back, or were removed by the kernel, or a wide local prefix hides it.
#include "base/mem.h"
#include "control/router/router_private.h"

#include <errno.h>

#define HEADS (1u << 12)
#define PAGE  256
#define PAGES 4 // of a step

// -- local prefixes -----------------------------------------------------------------------
static struct local **head(const struct router *r, const struct ip_prefix *p)
{
	return &r->local_heads[router_hash(r, p, sizeof(*p), 5) & (HEADS - 1)];
}

static struct local *find_local(const struct router *r, const struct ip_prefix *p)
{
	struct local *l = r->n_locals ? *head(r, p) : NULL;

	while (l && memcmp(&l->prefix, p, sizeof(*p)))
		l = l->next;
	return l;
}

static void forget(struct router *r, struct local *l)
{
	struct local **link = head(r, &l->prefix);

	while (*link != l)
		link = &(*link)->next;
	*link = l->next;
	mem_free(l);
	r->n_locals--;
}

static void tell_local(struct router *r, struct local *l)
{
	bool was_waiting = l->is_waiting;

	if (l->is_told != l->is_there && !r->sink.local(r->sink.arg, &l->prefix, l->is_there)) {
		l->is_told = l->is_there;
		r->leave_changed |= !l->is_there;
	}
	l->is_waiting = l->is_told != l->is_there;
	r->n_untold += (uint32_t)(l->is_waiting - was_waiting);
	if (!l->is_there && !l->is_told)
		forget(r, l);
}

bool locals_step(struct router *r)
{
	for (uint32_t h = 0; h < HEADS && r->n_untold; h++)
		for (struct local *l = r->local_heads[h], *next; l; l = next) {
			next = l->next;
			if (l->is_waiting)
				tell_local(r, l);
		}
	return false; // what waits for others is not to keep the loop awake
}

// A prefix of the local table that is no host's hides all of the other tables below it.
static void note_wide(struct router *r, const struct ip_prefix *p, bool is_there)
{
	unsigned f = family_index(p->addr.family);
	uint32_t k = 0;

	while (k < r->n_wide[f] && memcmp(&r->wide[f][k], p, sizeof(*p)))
		k++;
	if (is_there == (k < r->n_wide[f]))
		return;
	pass_want(&r->rib_pass);
	if (!is_there) {
		r->wide[f][k] = r->wide[f][--r->n_wide[f]];
		return;
	}
	if (k == r->max_wide[f]) {
		uint32_t max = MAX(2 * k, 16);
		struct ip_prefix *more = mem_zalloc(max * sizeof(*more), 0);

		if (!more) {
			routes_refused(r, p->addr.family);
			return;
		}
		if (k)
			memcpy(more, r->wide[f], k * sizeof(*more));
		mem_free(r->wide[f]);
		r->wide[f] = more;
		r->max_wide[f] = max;
	}
	r->wide[f][r->n_wide[f]++] = *p;
}

static void note_local(struct router *r, const struct ip_prefix *p, bool is_there)
{
	struct local *l;

	if (p->len < address_bits(p->addr.family))
		note_wide(r, p, is_there);
	l = find_local(r, p);
	if (!l && !is_there)
		return;
	if (!l) {
		if (!r->local_heads)
			r->local_heads = mem_zalloc(HEADS * sizeof(*r->local_heads), 0);
		l = r->local_heads ? mem_zalloc(sizeof(*l), 0) : NULL;
		if (!l) { // then its packets come by the exception path
			r->stats.refused++;
			return;
		}
		l->prefix = *p;
		l->next = *head(r, p);
		*head(r, p) = l;
		r->n_locals++;
	}
	l->is_there = is_there;
	tell_local(r, l);
}

void locals_free(struct router *r)
{
	for (uint32_t h = 0; h < HEADS && r->n_locals; h++)
		while (r->local_heads[h])
			forget(r, r->local_heads[h]);
	mem_free(r->local_heads);
	mem_free(r->wide[0]);
	mem_free(r->wide[1]);
}

// -- the FIB ------------------------------------------------------------------------------
static void note(struct router *r, const struct fib_change *c)
{
	const struct set *s = c->nexthop ? set_of(r, c->nexthop) : NULL;
	const struct ip_prefix *p = &c->prefix;
	unsigned f = family_index(p->addr.family);
	bool is_local = s && s->table == SET_LOCAL && s->kind == NEXTHOP_LOCAL;

	if (p->len < address_bits(p->addr.family))
		r->n_of_length[f][p->len] +=
			(uint32_t)((c->result == FIB_ADDED) - (c->result == FIB_REMOVED));
	if (is_local || c->result != FIB_ADDED)
		note_local(r, p, is_local);
	r->leave_changed |= (r->n_left || r->n_crowds) && !(s && s->kind == NEXTHOP_EXCEPTION);
	neighbours_follow(r, p);
}

void install(void *arg, uint16_t table, struct rib_best *best, size_t n)
{
	struct router *r = arg;
	struct fib_change *c = r->fib_changes;

	for (size_t at = 0; at < n; at += ARRAY_SIZE(r->fib_changes)) {
		size_t some = MIN(n - at, ARRAY_SIZE(r->fib_changes));

		for (size_t i = 0; i < some; i++) {
			best[at + i].result = 0;
			c[i] = (struct fib_change){best[at + i].prefix, best[at + i].nexthop, 0};
		}
		if (table != RIB_COUNTS)
			continue;
		fib_change_bulk(r->fib, c, some);
		for (size_t i = 0; i < some; i++) {
			if (!c[i].nexthop && c[i].result == -ENOENT)
				c[i].result = FIB_REMOVED;
			best[at + i].result = MIN(c[i].result, 0);
			if (c[i].result >= 0)
				note(r, &c[i]);
		}
	}
}

// -- places -------------------------------------------------------------------------------
static bool is_hidden(const struct router *r, const struct ip_prefix *p)
{
	unsigned f = family_index(p->addr.family);

	for (uint32_t k = 0; k < r->n_wide[f]; k++)
		if (r->wide[f][k].len <= p->len && prefix_contains(&r->wide[f][k], &p->addr))
			return true;
	return false;
}

int install_place(const struct router *r, const struct ip_prefix *p, const struct set *s)
{
	if (s->state == SET_DEAD || (s->table != SET_LOCAL && is_hidden(r, p)))
		return RIB_PARKED;
	return RIB_COUNTS;
}

// Into the new place first, so that the prefix is never without.
static void replace_page(struct router *r, const struct rib_entry *page, size_t n)
{
	struct rib_change *in = r->moves, *out = r->moves + PAGE;
	size_t n_in = 0, n_out = 0;

	for (size_t i = 0; i < n; i++) {
		const struct rib_route *route = &page[i].route;
		const struct set *s = set_of(r, route->nexthop);
		bool is_doomed = s->state == SET_DOOMED;
		int place = is_doomed ? RIB_PARKED : install_place(r, &route->prefix, s);

		if (!is_doomed && place == route->table)
			continue;
		out[n_out++] = (struct rib_change){.route = *route, .is_removal = true};
		if (is_doomed)
			continue;
		in[n_in] = (struct rib_change){.route = *route};
		in[n_in++].route.table = (uint16_t)place;
	}
	if (rib_change_bulk(r->rib, in, n_in))
		for (size_t i = 0; i < n_in; i++) {
			if (in[i].result >= 0)
				continue;
			if (in[i].route.table == RIB_COUNTS)
				routes_refused(r, in[i].route.prefix.addr.family);
			r->stats.refused++; // parked it is not: the kernel's meanwhile
			for (size_t k = 0; k < n_out; k++)
				if (out[k].route.nexthop == in[i].route.nexthop &&
					out[k].route.metric == in[i].route.metric &&
					out[k].route.preference == in[i].route.preference &&
					!memcmp(&out[k].route.prefix, &in[i].route.prefix,
						sizeof(in[i].route.prefix))) {
					out[k] = out[--n_out];
					break;
				}
		}
	if (rib_change_bulk(r->rib, out, n_out))
		for (size_t i = 0; i < n_out; i++)
			if (out[i].result < 0 && out[i].result != -ENOENT)
				routes_refused(r, out[i].route.prefix.addr.family);
	for (size_t i = 0; i < n_out; i++)
		if (out[i].was)
			set_gc(r, set_of(r, out[i].was));
}

// A move while a dump is read would count as named by it: it waits.
bool rib_pass_step(struct router *r)
{
	static const struct rib_filter all = RIB_FILTER;
	struct rib_entry page[PAGE];
	struct pass *p = &r->rib_pass;
	size_t n = PAGE;

	if (r->is_resyncing || !pass_runs(p, 0))
		return false;
	// A page that is not full has looked at many places already.
	for (unsigned k = 0; k < PAGES && n == PAGE && p->at != RIB_WALK_END; k++) {
		n = rib_walk(r->rib, &all, &p->at, page, PAGE);
		replace_page(r, page, n);
	}
	p->is_running = p->at != RIB_WALK_END;
	return p->is_running || p->is_wanted;
}
