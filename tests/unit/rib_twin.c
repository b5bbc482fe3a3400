// SPDX-License-Identifier: BSD-3-Clause
#include "tests/unit/rib_twin.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/rcu.h"
#include "control/rib.h"
#include "dataplane/table/nexthop.h"

#define N_PREFIXES 160 // per family, in each table
#define N_TABLES   3
#define N_PLACES   (2 * N_PREFIXES * N_TABLES)
#define N_RANKS    8
#define N_NEXTHOPS 12
#define ANSWERS    64 // of the FIB about one prefix in one call

static const uint16_t tables[N_TABLES] = {0, 7, RIB_MAX_TABLES - 1};
static const struct rank {
	uint8_t preference;
	uint32_t metric;
	uint8_t protocol;
} ranks[N_RANKS] = {
	// the best first
	{0, 0, 2},
	{0, 20, 4},
	{0, 20, 186},
	{1, 0, 0},
	{1, UINT32_MAX, 255},
	{2, 5, 3},
	{255, 0, 0},
	{255, UINT32_MAX, 255},
};

struct naive {
	uint32_t nexthop; // 0 = not there
	bool is_stale;    // not set since the resync began
};

struct answer {
	uint32_t nexthop;
	int result;
};

struct twin {
	struct rib *rib;
	struct nexthops *nexthops;
	struct operations *o;
	uint32_t index[N_NEXTHOPS]; // next hops that are there
	struct naive at[N_PLACES][N_RANKS];
	uint32_t fib[N_PLACES];
	struct answer answers[N_PLACES][ANSWERS];
	unsigned n_answers[N_PLACES];
	unsigned n[2]; // candidates by family
	uint32_t max;
	unsigned refusal; // one in so many installs is refused; 0 = none
	bool is_resyncing;
	bool is_single; // the change went by rib_set() or rib_remove()
	struct rib_filter scope;
	struct rib_change changes[600];
	unsigned place[600], rank[600];
	struct rib_twin_totals totals;
};

static unsigned pick(struct twin *t, unsigned below)
{
	return operations_pick(t->o, below);
}

// -- the universe -----------------------------------------------------------------------
static unsigned family_of(unsigned place)
{
	return place / N_TABLES >= N_PREFIXES;
}

static uint16_t table_of(unsigned place)
{
	return tables[place % N_TABLES];
}

// Default, host routes, all ones, and prefixes within prefixes; each is told by its first bits.
static struct ip_prefix prefix_of(unsigned place)
{
	unsigned i = place / N_TABLES % N_PREFIXES, size = family_of(place) ? 16 : 4;
	struct ip_prefix p = {.addr.family = size == 4 ? AF_INET : AF_INET6};

	if (i == 0)
		return p;
	p.len = (uint8_t)(i == 1 ? size * 8 : i % 4 == 0 ? 10 : 10 + i % (size * 8 - 9));
	p.addr.b[0] = (uint8_t)(i == 1 ? 255 : i % 4 == 0 ? i / 4 : 64 + i / 4);
	p.addr.b[1] = (uint8_t)(i == 1 ? 255 : (i & 3) << 6);
	if (i == 1)
		memset(p.addr.b, 255, size);
	return p;
}

static int place_of(uint16_t table, const struct ip_prefix *p)
{
	static unsigned at[2][256][4][N_TABLES];
	unsigned tab = 0, *found;

	if (!at[0][0][0][1])
		for (unsigned i = 0; i < N_PLACES; i++) {
			struct ip_prefix q = prefix_of(i);

			at[family_of(i)][q.addr.b[0]][q.addr.b[1] >> 6][i % N_TABLES] = i + 1;
		}
	while (tab < N_TABLES && tables[tab] != table)
		tab++;
	if (tab == N_TABLES)
		return -1;
	found = &at[p->addr.family == AF_INET6][p->addr.b[0]][p->addr.b[1] >> 6][tab];
	if (!*found)
		return -1;
	return (int)*found - 1;
}

static struct rib_route route_of(unsigned place, unsigned rank, uint32_t nexthop)
{
	return (struct rib_route){prefix_of(place), table_of(place), ranks[rank].preference,
		ranks[rank].protocol, ranks[rank].metric, nexthop};
}

static bool same(const struct rib_route *a, const struct rib_route *b)
{
	return !memcmp(&a->prefix, &b->prefix, sizeof(a->prefix)) && a->table == b->table &&
	       a->preference == b->preference && a->protocol == b->protocol &&
	       a->metric == b->metric && a->nexthop == b->nexthop;
}

static bool chosen(const struct rib_filter *f, unsigned place, unsigned rank)
{
	return (!f->family || f->family == (family_of(place) ? AF_INET6 : AF_INET)) &&
	       (f->table == RIB_ANY || f->table == table_of(place)) &&
	       (f->protocol == RIB_ANY || f->protocol == ranks[rank].protocol) &&
	       (f->preference == RIB_ANY || f->preference == ranks[rank].preference);
}

static struct rib_filter pick_filter(struct twin *t)
{
	unsigned what = pick(t, 16), rank = pick(t, N_RANKS);
	struct rib_filter f = RIB_FILTER;

	if (what & 1)
		f.family = pick(t, 2) ? AF_INET : AF_INET6;
	if (what & 2)
		f.table = tables[pick(t, N_TABLES)];
	if (what & 4)
		f.protocol = ranks[rank].protocol;
	if (what & 8)
		f.preference = ranks[rank].preference;
	return f;
}

// -- the FIB ------------------------------------------------------------------------------
static void install(void *arg, uint16_t table, struct rib_best *best, size_t n)
{
	struct twin *t = arg;

	for (size_t k = 0; k < n; k++) {
		int place = place_of(table, &best[k].prefix);
		struct ip_prefix p = prefix_of((unsigned)MAX(place, 0));

		must(t->o, place >= 0 && !memcmp(&p, &best[k].prefix, sizeof(p)));
		for (size_t j = 0; j < k && n < 16; j++)
			must(t->o, memcmp(&best[j].prefix, &best[k].prefix, sizeof(p)));
		must(t->o, best[k].nexthop || t->fib[place]);
		must(t->o, best[k].nexthop != t->fib[place]);
		if (t->refusal && !pick(t, t->refusal))
			best[k].result = pick(t, 2) ? -ENOSPC : -ENOMEM;
		else
			best[k].result = (int)pick(t, 3); // whatever the FIB says when it is done
		must(t->o, t->n_answers[place] < ANSWERS);
		t->answers[place][t->n_answers[place]++] =
			(struct answer){best[k].nexthop, best[k].result};
		t->totals.installs++;
		if (best[k].result < 0)
			t->totals.refused++;
		else
			t->fib[place] = best[k].nexthop;
	}
}

static uint32_t best_of(const struct twin *t, unsigned place)
{
	for (unsigned k = 0; k < N_RANKS; k++)
		if (t->at[place][k].nexthop)
			return t->at[place][k].nexthop;
	return 0;
}

// -- comparison ---------------------------------------------------------------------------
static void compare_place(struct twin *t, unsigned place)
{
	struct ip_prefix p = prefix_of(place);
	struct rib_route got[N_RANKS];
	size_t n = rib_find(t->rib, table_of(place), &p, got, N_RANKS), k = 0;

	for (unsigned r = 0; r < N_RANKS; r++) {
		struct rib_route want = route_of(place, r, t->at[place][r].nexthop);

		if (!want.nexthop)
			continue;
		must(t->o, k < n && same(&got[k], &want));
		k++;
	}
	must(t->o, k == n);
	must(t->o, t->fib[place] == best_of(t, place));
}

static void compare(struct twin *t)
{
	unsigned named[N_NEXTHOPS] = {0}, n_table[2][N_TABLES] = {{0}}, prefixes[2] = {0};
	struct nexthop_entry e;
	struct rib_stats s;

	for (unsigned i = 0; i < N_PLACES; i++) {
		compare_place(t, i);
		prefixes[family_of(i)] += best_of(t, i) != 0;
		for (unsigned k = 0; k < N_RANKS; k++) {
			n_table[family_of(i)][i % N_TABLES] += t->at[i][k].nexthop != 0;
			for (unsigned h = 0; h < N_NEXTHOPS; h++)
				named[h] += t->at[i][k].nexthop == t->index[h];
		}
	}
	for (unsigned h = 0; h < N_NEXTHOPS; h++) {
		must(t->o, !nexthop_find(t->nexthops, t->index[h], &e));
		must(t->o, e.n_holds == named[h] + 1);
	}
	for (unsigned f = 0; f < 2; f++) {
		rib_stats(t->rib, f ? AF_INET6 : AF_INET, &s);
		must(t->o, s.routes == t->n[f] && s.prefixes == prefixes[f]);
		for (unsigned k = 0; k < N_TABLES; k++)
			must(t->o, rib_count(t->rib, tables[k], f ? AF_INET6 : AF_INET) ==
					   n_table[f][k]);
	}
	t->totals.most_routes = MAX(t->totals.most_routes, t->n[0] + t->n[1]);
}

// -- changes ------------------------------------------------------------------------------
// What the RIB should have answered, given the answers of the FIB about this prefix in their order.
static void follow(
	struct twin *t, const struct rib_change *c, unsigned place, unsigned rank, unsigned *taken)
{
	struct naive *e = &t->at[place][rank], was = *e;
	uint32_t before = best_of(t, place), after;
	unsigned f = family_of(place);
	struct nexthop_entry h;

	must(t->o, t->is_single || c->was == was.nexthop);
	must(t->o, t->is_single || c->was_current || !c->was || !t->is_resyncing || was.is_stale);
	if (c->is_removal && !e->nexthop) {
		must(t->o, c->result == -ENOENT);
		return;
	}
	if (!c->is_removal && e->nexthop != c->route.nexthop &&
		nexthop_find(t->nexthops, c->route.nexthop, &h)) {
		must(t->o, c->result == -ENOENT);
		return;
	}
	if (!c->is_removal && !e->nexthop && t->n[f] == t->max) {
		must(t->o, c->result == -ENOSPC);
		t->totals.full++;
		return;
	}
	*e = (struct naive){c->is_removal ? 0 : c->route.nexthop, false};
	after = best_of(t, place);
	if (before != after) {
		struct answer *a = &t->answers[place][(*taken)++];

		must(t->o, *taken <= t->n_answers[place] && a->nexthop == after);
		must(t->o, c->result == MIN(a->result, 0));
		if (a->result < 0) {
			*e = was;
			return;
		}
	}
	must(t->o, c->result == 0);
	t->n[f] += !was.nexthop && e->nexthop;
	t->n[f] -= was.nexthop && !e->nexthop;
}

static void change(struct twin *t, unsigned n)
{
	static unsigned taken[N_PLACES];
	unsigned base = pick(t, N_PLACES), spread = 1 + pick(t, N_PLACES), twist = pick(t, 4);
	size_t failed = 0, got;
	bool one = n == 1 && pick(t, 2);

	memset(t->n_answers, 0, sizeof(t->n_answers));
	memset(taken, 0, sizeof(taken));
	for (unsigned i = 0; i < n; i++) {
		unsigned place = (base + pick(t, spread)) % N_PLACES, rank = pick(t, N_RANKS);
		uint32_t nexthop = t->index[pick(t, N_NEXTHOPS)];

		// A few changes of one prefix in one call: no more than the log of answers has
		// room for.
		for (unsigned k = 0, same = 0; k < i; k++) {
			same += t->place[k] == place;
			if (same == ANSWERS)
				place = (place + 1) % N_PLACES, k = same = 0;
		}
		if (pick(t, 64) == 0)
			nexthop = 1000 + pick(t, 200000); // unknown
		t->place[i] = place;
		t->rank[i] = rank;
		t->changes[i] = (struct rib_change){.route = route_of(place, rank, nexthop),
			.is_removal = pick(t, 4) < twist,
			.result = 77};
	}
	t->is_single = one;
	if (one && t->changes[0].is_removal)
		got = (t->changes[0].result = rib_remove(t->rib, &t->changes[0].route)) < 0;
	else if (one)
		got = (t->changes[0].result = rib_set(t->rib, &t->changes[0].route)) < 0;
	else
		got = rib_change_bulk(t->rib, t->changes, n);
	for (unsigned i = 0; i < n; i++) {
		follow(t, &t->changes[i], t->place[i], t->rank[i], &taken[t->place[i]]);
		failed += t->changes[i].result < 0;
	}
	must(t->o, got == failed);
	for (unsigned i = 0; i < n; i++) {
		must(t->o, taken[t->place[i]] == t->n_answers[t->place[i]]);
		compare_place(t, t->place[i]);
	}
	t->totals.changes += n;
}

static void bad_input(struct twin *t)
{
	unsigned place = pick(t, N_PLACES), what = pick(t, 5);
	struct rib_route r = route_of(place, 0, t->index[0]);
	unsigned bits = family_of(place) ? 128 : 32;

	if (what == 0)
		r.prefix.len = (uint8_t)(bits + 1 + pick(t, 100));
	else if (what == 1)
		r.prefix.addr.family = (uint8_t)pick(t, 2) ? AF_UNIX : 0;
	else if (what == 2)
		r.table = (uint16_t)(RIB_MAX_TABLES + pick(t, 1000));
	else if (r.prefix.len < bits)
		r.prefix.addr.b[bits / 8 - 1] |= 1;
	else
		return;
	must(t->o, rib_set(t->rib, &r) == -EINVAL);
	must(t->o, rib_remove(t->rib, &r) == -EINVAL);
	must(t->o, !rib_find(t->rib, r.table, &r.prefix, NULL, 0));
}

// -- passes -------------------------------------------------------------------------------
// Some of what may go has gone: exactly as the RIB says, and nothing else.
static void follow_purge(struct twin *t, const struct rib_filter *f, bool only_stale, bool all)
{
	for (unsigned i = 0; i < N_PLACES; i++) {
		struct rib_route got[N_RANKS];
		struct ip_prefix p = prefix_of(i);
		size_t n = rib_find(t->rib, table_of(i), &p, got, N_RANKS);

		for (unsigned k = 0; k < N_RANKS; k++) {
			struct naive *e = &t->at[i][k];
			bool there = false,
			     may_go = chosen(f, i, k) && (!only_stale || e->is_stale);

			for (size_t j = 0; j < n; j++)
				there |= got[j].preference == ranks[k].preference &&
					 got[j].metric == ranks[k].metric &&
					 got[j].protocol == ranks[k].protocol;
			must(t->o, e->nexthop || !there);
			if (!e->nexthop)
				continue;
			must(t->o, there || may_go);
			must(t->o, !(there && may_go && all));
			if (there)
				continue;
			*e = (struct naive){0};
			t->n[family_of(i)]--;
			t->totals.swept += only_stale;
		}
		compare_place(t, i);
	}
}

static void begin(struct twin *t)
{
	t->scope = pick_filter(t);
	t->is_resyncing = true;
	for (unsigned i = 0; i < N_PLACES; i++)
		for (unsigned k = 0; k < N_RANKS; k++)
			t->at[i][k].is_stale = true;
	rib_begin_resync(t->rib, &t->scope);
}

static void sweep(struct twin *t)
{
	unsigned max = 1 + pick(t, 2000);
	int got;

	memset(t->n_answers, 0, sizeof(t->n_answers));
	got = rib_sweep(t->rib, max);
	must(t->o, t->is_resyncing ? got != -EINVAL : got == -EINVAL);
	must(t->o, got >= 0 || !t->is_resyncing || t->refusal);
	if (!t->is_resyncing)
		return;
	follow_purge(t, &t->scope, true, got == 0);
	if (got == 0)
		t->is_resyncing = false;
}

static void flush(struct twin *t)
{
	struct rib_filter f = pick_filter(t);
	uint64_t cursor = 0;
	int got = 1;

	while (got) {
		memset(t->n_answers, 0, sizeof(t->n_answers));
		got = rib_flush(t->rib, &f, &cursor, 1 + pick(t, 1000));
		must(t->o, got >= 0 || t->refusal);
		if (got < 0 && t->refusal < 3)
			t->refusal = 3;
		follow_purge(t, &f, false, got == 0);
		if (got && !pick(t, 16))
			break;
	}
}

// What stays comes exactly once, with changes between the pages.
static void walk(struct twin *t)
{
	static uint8_t times[N_PLACES][N_RANKS];
	static bool stayed[N_PLACES][N_RANKS];
	struct rib_filter f = pick_filter(t);
	size_t max = 1 + pick(t, 200), n;
	bool changes = pick(t, 2);
	struct rib_entry page[200];
	uint64_t cursor = 0;

	memset(times, 0, sizeof(times));
	for (unsigned i = 0; i < N_PLACES; i++)
		for (unsigned k = 0; k < N_RANKS; k++)
			stayed[i][k] = t->at[i][k].nexthop && chosen(&f, i, k);
	while (cursor != RIB_WALK_END) {
		n = rib_walk(t->rib, &f, &cursor, page, max);
		must(t->o, n <= max);
		for (size_t j = 0; j < n; j++) {
			const struct rib_route *r = &page[j].route;
			int place = place_of(r->table, &r->prefix);
			struct rib_route want;
			unsigned k = 0;

			must(t->o, place >= 0);
			while (k < N_RANKS && (ranks[k].preference != r->preference ||
						      ranks[k].metric != r->metric ||
						      ranks[k].protocol != r->protocol))
				k++;
			must(t->o, k < N_RANKS && chosen(&f, (unsigned)place, k));
			want = route_of((unsigned)place, k, t->at[place][k].nexthop);
			must(t->o, same(&want, r));
			times[place][k]++;
			while (k && !t->at[place][k - 1].nexthop)
				k--;
			must(t->o, page[j].is_best == !k);
		}
		if (!changes)
			continue;
		change(t, 1 + pick(t, 20));
		for (unsigned i = 0; i < 20; i++)
			stayed[t->place[i]][t->rank[i]] = false;
	}
	for (unsigned i = 0; i < N_PLACES; i++)
		for (unsigned k = 0; k < N_RANKS; k++) {
			must(t->o, !stayed[i][k] || times[i][k] == 1);
			must(t->o, changes || times[i][k] == stayed[i][k]);
		}
}

static void operate(struct twin *t)
{
	unsigned what = pick(t, 256);

	if (what < 120)
		change(t, 1);
	else if (what < 170)
		change(t, 1 + pick(t, 40));
	else if (what < 175)
		change(t, 1 + pick(t, ARRAY_SIZE(t->changes)));
	else if (what < 190)
		bad_input(t);
	else if (what < 192)
		begin(t);
	else if (what < 200)
		sweep(t);
	else if (what < 201)
		flush(t);
	else if (what < 204)
		walk(t);
	else if (what < 208)
		compare(t);
	else if (what < 212)
		t->refusal = pick(t, 3) ? 0 : 1 + pick(t, 20);
	else
		compare_place(t, pick(t, N_PLACES));
}

struct rib_twin_totals rib_twin_run(struct operations *o, uint32_t max_routes)
{
	static const uint64_t secret[2] = {0x123456789abcdef1, 0xfedcba9876543211};
	struct twin *t = calloc(1, sizeof(*t));
	struct nexthop_config nc = {0};
	struct rib_config rc = {install, t, NULL, max_routes, max_routes, secret};
	struct rib_twin_totals totals;

	if (!t || nexthops_create(&t->nexthops, NULL, &nc))
		abort();
	rc.nexthops = t->nexthops;
	if (rib_create(&t->rib, &rc))
		abort();
	t->o = o;
	t->max = max_routes ? max_routes : UINT32_MAX;
	for (unsigned i = 0; i < N_NEXTHOPS; i++)
		if (nexthop_add(t->nexthops, NEXTHOP_EXCEPTION, 0, &t->index[i]))
			abort();
	while (operations_more(o))
		operate(t);
	compare(t);
	totals = t->totals;
	rib_destroy(t->rib);
	for (unsigned i = 0; i < N_NEXTHOPS; i++) {
		struct nexthop_entry e;

		must(o, !nexthop_find(t->nexthops, t->index[i], &e) && e.n_holds == 1);
	}
	nexthops_destroy(t->nexthops);
	free(t);
	return totals;
}
