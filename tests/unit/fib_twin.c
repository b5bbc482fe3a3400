// SPDX-License-Identifier: BSD-3-Clause
#include "tests/unit/fib_twin.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rcu.h"
#include "dataplane/table/lpm.h"
#include "tests/unit/fib_whitebox.h"

#define N_ROUTES 1200
#define N_BULK   300

struct naive {
	struct ip_prefix prefix;
	fib_nexthop_t nexthop;
};

struct twin {
	struct fib *fib;
	bool ip6;
	unsigned bytes;
	struct naive route[N_ROUTES]; // in no order
	unsigned n, limit;
	bool was_wide, was_flat;
	struct twin_input *in;
	struct twin_totals totals;
	struct fib_change change[N_BULK];
};

#define must(t, what) ((what) ? (void)0 : failed(t, #what, __LINE__))

static void failed(const struct twin *t, const char *what, int line)
{
	fprintf(stderr, "fib and its twin differ after %llu operations: line %d: %s\n",
		(unsigned long long)t->totals.operations, line, what);
	abort();
}

static unsigned pick(struct twin *t, unsigned below)
{
	return t->in->next(t->in) % below;
}

// -- the naive table ---------------------------------------------------------------------
static bool covers(const struct ip_prefix *p, const uint8_t *addr)
{
	unsigned whole = p->len / 8, rest = p->len % 8;

	return !memcmp(p->addr.b, addr, whole) &&
	       (!rest || !((p->addr.b[whole] ^ addr[whole]) & 0xff00 >> rest & 0xff));
}

static struct naive *longest(struct twin *t, const uint8_t *addr)
{
	struct naive *best = NULL;

	for (unsigned i = 0; i < t->n; i++)
		if ((!best || t->route[i].prefix.len > best->prefix.len) &&
			covers(&t->route[i].prefix, addr))
			best = &t->route[i];
	return best;
}

static struct naive *exactly(struct twin *t, const struct ip_prefix *p)
{
	for (unsigned i = 0; i < t->n; i++)
		if (t->route[i].prefix.len == p->len && covers(&t->route[i].prefix, p->addr.b))
			return &t->route[i];
	return NULL;
}

// What a change must answer; makes it in the naive table.
static int expected(struct twin *t, const struct ip_prefix *p, fib_nexthop_t nexthop)
{
	struct naive *r = exactly(t, p);
	fib_nexthop_t old;

	if (nexthop > FIB_MAX_NEXTHOP)
		return -ENOSPC;
	if (!nexthop && !r)
		return -ENOENT;
	if (!nexthop) {
		*r = t->route[--t->n];
		return FIB_REMOVED;
	}
	if (!r && t->n >= t->limit)
		return -ENOSPC;
	if (!r) {
		t->route[t->n++] = (struct naive){*p, nexthop};
		return FIB_ADDED;
	}
	old = r->nexthop;
	r->nexthop = nexthop;
	return old == nexthop ? FIB_SAME : FIB_REPLACED;
}

// -- choosing ------------------------------------------------------------------------------
static const uint8_t favourites[8] = {0, 1, 10, 127, 128, 200, 254, 255};

static void pick_address(struct twin *t, uint8_t *addr)
{
	unsigned how = pick(t, 4);

	memset(addr, 0, 16);
	if (how == 0 && t->n) {
		// In or just beside a route.
		const struct ip_prefix *p = &t->route[pick(t, t->n)].prefix;
		unsigned bit = p->len ? p->len - 1 : 0, byte;

		memcpy(addr, p->addr.b, t->bytes);
		for (byte = p->len / 8u + 1; byte < t->bytes; byte++)
			addr[byte] = favourites[pick(t, 8)];
		if (pick(t, 3) == 0)
			addr[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
		return;
	}
	for (unsigned i = 0; i < t->bytes; i++)
		addr[i] = how == 1 ? (uint8_t)pick(t, 256) : favourites[pick(t, i < 2 ? 3 : 8)];
	if (t->ip6 && how >= 2) // long stretches in common
		for (unsigned i = pick(t, 8), end = i + pick(t, 10); i < end && i < 16; i++)
			addr[i] = 0;
}

static struct ip_prefix pick_prefix(struct twin *t)
{
	struct ip_prefix p = {.addr.family = t->ip6 ? AF_INET6 : AF_INET};
	unsigned max = 8 * t->bytes;

	if (t->n && pick(t, 3) == 0)
		return t->route[pick(t, t->n)].prefix;
	pick_address(t, p.addr.b);
	p.len = (uint8_t)(pick(t, 4) ? pick(t, max + 1) : (pick(t, max / 8) + 1) * 8);
	for (unsigned i = 0; i < t->bytes; i++)
		if (i >= p.len / 8u)
			p.addr.b[i] &= i > p.len / 8u ? 0 : (uint8_t)(0xff00 >> p.len % 8);
	return p;
}

static fib_nexthop_t pick_nexthop(struct twin *t)
{
	unsigned how = pick(t, 64);

	return how == 0 ? FIB_MAX_NEXTHOP : how == 1 ? FIB_MAX_NEXTHOP + 1 : 1 + pick(t, 6);
}

// -- operations ------------------------------------------------------------------------------
static void change(struct twin *t, struct ip_prefix p, fib_nexthop_t nexthop)
{
	int want = expected(t, &p, nexthop);

	must(t, (nexthop ? fib_set(t->fib, &p, nexthop) : fib_remove(t->fib, &p)) == want);
	t->totals.changes++;
}

// `percent` of the changes are removals.
static void bulk(struct twin *t, unsigned percent)
{
	unsigned n = pick(t, N_BULK), failures = 0;
	size_t got;

	for (unsigned i = 0; i < n; i++) {
		struct fib_change *c = &t->change[i];

		c->prefix = i && pick(t, 2) ? c[-1].prefix : pick_prefix(t);
		if (i && c->prefix.len && pick(t, 2)) // a neighbour of the one before
			c->prefix.addr.b[(c->prefix.len - 1) / 8] ^=
				(uint8_t)(0x80 >> (c->prefix.len - 1) % 8);
		c->nexthop = pick(t, 100) < percent ? 0 : pick_nexthop(t);
	}
	// Those of one node come in their order, but at the limit the order of nodes decides.
	if (t->n + n > t->limit)
		return;
	got = fib_change_bulk(t->fib, t->change, n);
	for (unsigned i = 0; i < n; i++) {
		const struct fib_change *c = &t->change[i];

		must(t, c->result == expected(t, &c->prefix, c->nexthop));
		failures += c->result < 0;
	}
	must(t, got == failures);
	t->totals.changes += n;
}

static void lookup(struct twin *t)
{
	unsigned n = 1 + pick(t, FIB_BURST);
	uint8_t addrs[FIB_BURST][16];
	uint32_t addrs4[FIB_BURST];
	fib_nexthop_t nh[FIB_BURST];
	const struct lpm_ops *ops;

	for (unsigned i = 0; i < n; i++) {
		pick_address(t, addrs[i]);
		addrs4[i] = (uint32_t)addrs[i][0] << 24 | addrs[i][1] << 16 | addrs[i][2] << 8 |
			    addrs[i][3];
	}
	for (unsigned k = 0; (ops = lpm_ops_nth(k)); k++) {
		const struct lpm *lpm = fib_lpm(t->fib, t->ip6);
		struct lpm_root *root = atomic_load(&lpm->root);

		memset(nh, 0xee, sizeof(nh));
		if (t->ip6)
			ops->lookup6(root, lpm->base, (const uint8_t(*)[16])addrs, nh, n);
		else
			ops->lookup4(root, lpm->base, addrs4, nh, n);
		for (unsigned i = 0; i < n; i++) {
			struct naive *r = longest(t, addrs[i]);

			must(t, nh[i] == (r ? r->nexthop : FIB_NO_ROUTE));
			t->totals.hits += nh[i] != FIB_NO_ROUTE;
		}
		t->totals.lookups += n;
	}
	if (pick(t, 8) == 0) {
		struct ip_addr a = {.family = t->ip6 ? AF_INET6 : AF_INET};
		struct naive *r = longest(t, addrs[0]);
		struct ip_prefix p;
		fib_nexthop_t one;
		int err;

		memcpy(a.b, addrs[0], 16);
		err = fib_match(t->fib, &a, &p, &one);
		must(t, err == (r ? 0 : -ENOENT));
		if (r)
			must(t, !memcmp(&p, &r->prefix, sizeof(p)) && one == r->nexthop);
		p = pick_prefix(t);
		r = exactly(t, &p);
		err = fib_find(t->fib, &p, &one);
		must(t, err == (r ? 0 : -ENOENT) && (!r || one == r->nexthop));
	}
}

static void walk(struct twin *t)
{
	struct fib_route page[64], last = {0};
	int family = t->ip6 ? AF_INET6 : AF_INET;
	unsigned max = 1 + pick(t, 64), total = 0;
	size_t n;

	do {
		n = fib_walk(t->fib, family, total ? &last.prefix : NULL, page, max);
		for (size_t i = 0; i < n; i++) {
			struct naive *r = exactly(t, &page[i].prefix);
			int order = memcmp(last.prefix.addr.b, page[i].prefix.addr.b, 16);

			must(t, r && r->nexthop == page[i].nexthop);
			must(t, !total || order < 0 ||
					(order == 0 && last.prefix.len < page[i].prefix.len));
			last = page[i];
			total++;
		}
	} while (n == max);
	must(t, total == t->n);
}

static void compare_counts(struct twin *t)
{
	struct fib_stats s;
	struct lpm_root *root = atomic_load(&fib_lpm(t->fib, t->ip6)->root);
	bool wide = root->bits > 8, flat = atomic_load(&root->flat);

	fib_stats(t->fib, t->ip6 ? AF_INET6 : AF_INET, &s);
	must(t, s.routes == t->n && s.max_routes == t->limit);
	fib_check(t->fib, t->ip6);
	t->totals.most_routes = MAX(t->totals.most_routes, s.routes);
	t->totals.wide += wide && !t->was_wide;
	t->totals.narrow += !wide && t->was_wide;
	t->totals.flat += flat && !t->was_flat;
	t->was_wide = wide;
	t->was_flat = flat;
}

static void clear(struct twin *t)
{
	unsigned keep = pick(t, 3) * 40;

	while (t->n > keep)
		change(t, t->route[pick(t, t->n)].prefix, 0);
	compare_counts(t);
	fib_check_flat(t->fib);
}

// Mostly so that the small tables of this test have the array of the large ones. Not under
// ThreadSanitizer, which would count millions of its words for one thread: the torture test has it.
static uint32_t flat_above(struct twin *t)
{
	uint32_t above = pick(t, 4) ? 0 : pick(t, 2 * N_ROUTES);

	return TWIN_HAS_FLAT ? above : UINT32_MAX;
}

static void operate(struct twin *t)
{
	unsigned what = pick(t, 256);

	if (what < 90)
		change(t, pick_prefix(t), pick_nexthop(t));
	else if (what < 130)
		change(t, pick_prefix(t), 0);
	else if (what < 150)
		bulk(t, pick(t, 100));
	else if (what < 240)
		lookup(t);
	else if (what < 246)
		compare_counts(t);
	else if (what < 249)
		walk(t);
	else if (what < 251) {
		t->limit = pick(t, 2) ? N_ROUTES : 1 + pick(t, N_ROUTES);
		must(t, !fib_set_limit(t->fib, t->ip6 ? AF_INET6 : AF_INET, t->limit));
		fib_lpm(t->fib, t->ip6)->flat_above = flat_above(t);
	} else if (what < 255) {
		rcu_reclaim(0);
	} else if (!pick(t, 6)) {
		clear(t);
	}
}

struct twin_totals fib_twin_run(struct twin_input *in, bool ip6)
{
	struct fib_config c = {.max_routes4 = N_ROUTES, .max_routes6 = N_ROUTES};
	struct twin *t = calloc(1, sizeof(*t));
	struct twin_totals totals;

	if (!t || fib_create(&t->fib, &c))
		abort();
	t->in = in;
	t->ip6 = ip6;
	t->bytes = ip6 ? 16 : 4;
	t->limit = N_ROUTES;
	fib_lpm(t->fib, ip6)->flat_above = flat_above(t);
	while (in->more(in)) {
		operate(t);
		t->totals.operations++;
	}
	compare_counts(t);
	fib_check_flat(t->fib);
	walk(t);
	while (t->n)
		change(t, t->route[t->n - 1].prefix, 0);
	compare_counts(t);
	totals = t->totals;
	fib_destroy(t->fib);
	rcu_barrier_reclaim();
	free(t);
	return totals;
}
