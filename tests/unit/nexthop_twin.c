// SPDX-License-Identifier: BSD-3-Clause
#include "tests/unit/nexthop_twin.h"

#include <errno.h>
#include <string.h>

#include "base/rcu.h"
#include "dataplane/table/nexthop.h"

#define N_NUMBERS   100 // at most
#define MAX_MEMBERS 20
#define MAX_BUCKETS 8192

enum life { FREE, USED, LEAVING };

struct naive {
	enum life life;
	uint32_t n_holds;
	bool is_group;
	enum nexthop_kind kind;
	uint32_t adjacency; // each is given once, so that a hit tells whose it is
	unsigned n_members, n_buckets;
	uint32_t member[MAX_MEMBERS], weight[MAX_MEMBERS];
	uint16_t bucket[2048]; // as last looked up
};

struct twin {
	struct nexthops *table;
	struct operations *o;
	struct naive at[N_NUMBERS + 1];
	uint32_t max, adjacency;
	unsigned n_used; // numbers that are not free
	struct nexthop_twin_totals totals;
};

static unsigned pick(struct twin *t, unsigned below)
{
	return operations_pick(t->o, below);
}

static unsigned buckets_used(const struct twin *t)
{
	unsigned n = 0;

	for (unsigned i = 1; i <= t->max; i++)
		if (t->at[i].life == USED && t->at[i].is_group)
			n += t->at[i].n_buckets;
	return n;
}

static bool is_single(const struct twin *t, uint32_t index)
{
	return index && index <= t->max && t->at[index].life == USED && !t->at[index].is_group;
}

static nexthop_hit_t hit_of(const struct naive *e)
{
	return (uint32_t)e->kind << 24 | (e->kind == NEXTHOP_ADJACENCY ? e->adjacency : 0);
}

// -- lookups ------------------------------------------------------------------------------
static nexthop_hit_t resolve(struct twin *t, uint32_t index, uint32_t hash)
{
	nexthop_hit_t hit = 0xdeadbeef;

	nexthop_resolve_bulk(t->table, &index, &hash, &hit, 1);
	t->totals.resolved++;
	return hit;
}

static void resolve_some(struct twin *t)
{
	uint32_t index[NEXTHOP_BURST], hash[NEXTHOP_BURST];
	nexthop_hit_t hits[NEXTHOP_BURST + 1], want;
	unsigned n = 1 + pick(t, NEXTHOP_BURST);

	for (unsigned i = 0; i < n; i++) {
		index[i] = pick(t, t->max + 1);
		hash[i] = (uint32_t)pick(t, 1 << 16) << 16 | pick(t, 1 << 16);
	}
	hits[n] = 0x12345678;
	nexthop_resolve_bulk(t->table, index, hash, hits, n);
	must(t->o, hits[n] == 0x12345678);
	for (unsigned i = 0; i < n; i++) {
		const struct naive *e = &t->at[index[i]];
		unsigned b;

		if (e->life == LEAVING) // only who took it before may ask for it
			continue;
		want = e->life == USED ? hit_of(e) : 0;
		if (e->life == USED && e->is_group) {
			b = (unsigned)((uint64_t)hash[i] * e->n_buckets >> 32);
			want = hit_of(&t->at[e->bucket[b]]);
		}
		must(t->o, hits[i] == want);
		t->totals.resolved++;
	}
}

// Who has a bucket: to be told by their hits, members are made to differ meanwhile.
static void look_at_buckets(struct twin *t, uint32_t index, uint16_t *out)
{
	struct naive *e = &t->at[index];

	for (unsigned b = 0; b < e->n_buckets; b++) {
		uint32_t hash = (uint32_t)(((uint64_t)b << 32) / e->n_buckets);
		nexthop_hit_t hit = resolve(t, index, hash);
		unsigned k = 0;

		while (k < e->n_members && hit != hit_of(&t->at[e->member[k]]))
			k++;
		must(t->o, k < e->n_members);
		out[b] = (uint16_t)e->member[k];
	}
}

// -- groups -------------------------------------------------------------------------------
struct request {
	struct nexthop_member m[MAX_MEMBERS + 4];
	unsigned n;
	int err;
	unsigned n_merged;
	uint32_t member[MAX_MEMBERS], weight[MAX_MEMBERS];
	unsigned n_buckets;
};

// Members as a user may give them, and what is to come of it.
static struct request pick_request(struct twin *t)
{
	struct request r = {.n = pick(t, MAX_MEMBERS + 5)};
	unsigned weights = pick(t, 4);

	if (!r.n)
		r.err = -EINVAL;
	for (unsigned i = 0; i < r.n; i++) {
		unsigned k = 0;
		uint32_t index = 1 + pick(t, t->max);

		for (unsigned tries = 0; tries < t->max && !is_single(t, index); tries++)
			index = index % t->max + 1;
		if (pick(t, 100) == 0)
			index = pick(t, 70000);
		r.m[i].index = index;
		r.m[i].weight = weights == 0   ? 1
				: weights == 1 ? 1 + pick(t, 4)
				: weights == 2 ? 1 + pick(t, 256)
					       : 1 + pick(t, 65535);
		if (pick(t, 200) == 0)
			r.m[i].weight = pick(t, 2) ? 0 : 65536;
		if (r.err)
			continue;
		if (!r.m[i].weight || r.m[i].weight > 65535) {
			r.err = -EINVAL;
			continue;
		}
		if (!is_single(t, index)) {
			r.err = -ENOENT;
			continue;
		}
		while (k < r.n_merged && r.member[k] != index)
			k++;
		if (k == MAX_MEMBERS) {
			r.err = -ENOSPC;
			continue;
		}
		r.n_merged += k == r.n_merged;
		r.member[k] = index;
		r.weight[k] += r.m[i].weight;
	}
	r.n_buckets = 256;
	while (r.n_buckets < 32 * r.n_merged)
		r.n_buckets *= 2;
	return r;
}

// What look_at_buckets() needs: no two members of a group with the same hit.
static void make_members_differ(struct twin *t, const struct request *r)
{
	for (unsigned k = 0; k < r->n_merged; k++) {
		struct naive *e = &t->at[r->member[k]];

		if (e->kind == NEXTHOP_ADJACENCY)
			continue;
		e->kind = NEXTHOP_ADJACENCY;
		e->adjacency = ++t->adjacency;
		must(t->o, !nexthop_set(t->table, r->member[k], e->kind, e->adjacency));
	}
}

// Buckets by weight: within one of the exact share, or the one that everybody gets at least.
static void check_shares(struct twin *t, uint32_t index)
{
	struct naive *e = &t->at[index];
	uint32_t has[MAX_MEMBERS] = {0}, told[MAX_MEMBERS];
	struct nexthop_member m[MAX_MEMBERS];
	bool is_tiny = false;
	uint64_t sum = 0;

	must(t->o, nexthop_group_members(t->table, index, m, told, MAX_MEMBERS) == e->n_members);
	for (unsigned k = 0; k < e->n_members; k++) {
		must(t->o, m[k].index == e->member[k] && m[k].weight == e->weight[k]);
		sum += e->weight[k];
	}
	for (unsigned b = 0; b < e->n_buckets; b++)
		for (unsigned k = 0; k < e->n_members; k++)
			has[k] += e->bucket[b] == e->member[k];
	for (unsigned k = 0; k < e->n_members; k++)
		is_tiny |= (uint64_t)e->weight[k] * e->n_buckets < sum;
	for (unsigned k = 0; k < e->n_members; k++) {
		int64_t off =
			(int64_t)(has[k] * sum) - (int64_t)((uint64_t)e->weight[k] * e->n_buckets);

		must(t->o, has[k] == told[k] && has[k] > 0);
		must(t->o, is_tiny || (off < (int64_t)sum && off > -(int64_t)sum));
	}
}

// Moved: exactly what those with too much, and those who left, had beyond their new share.
static void check_moves(struct twin *t, uint32_t index, const struct naive *old)
{
	struct naive *e = &t->at[index];
	uint32_t before[N_NUMBERS + 1] = {0}, after[N_NUMBERS + 1] = {0};
	unsigned moved = 0, least = 0, each = e->n_buckets / old->n_buckets;

	for (unsigned b = 0; b < e->n_buckets; b++) {
		before[old->bucket[b / each]]++;
		after[e->bucket[b]]++;
		moved += old->bucket[b / each] != e->bucket[b];
	}
	for (unsigned i = 1; i <= t->max; i++)
		least += before[i] > after[i] ? before[i] - after[i] : 0;
	must(t->o, moved == least);
	t->totals.moved += moved;
	t->totals.grown += each > 1;
}

static void put(struct twin *t, uint32_t index)
{
	struct naive *e = &t->at[index];

	if (--e->n_holds)
		return;
	e->life = LEAVING;
	for (unsigned k = 0; e->is_group && k < e->n_members; k++)
		put(t, e->member[k]);
}

static void take_over(struct twin *t, uint32_t index, const struct request *r)
{
	struct naive *e = &t->at[index];

	for (unsigned k = 0; k < r->n_merged; k++)
		t->at[r->member[k]].n_holds++;
	for (unsigned k = 0; k < e->n_members; k++)
		put(t, e->member[k]);
	e->n_members = r->n_merged;
	memcpy(e->member, r->member, sizeof(r->member));
	memcpy(e->weight, r->weight, sizeof(r->weight));
	e->n_buckets = MAX(e->n_buckets, r->n_buckets);
	look_at_buckets(t, index, e->bucket);
	check_shares(t, index);
}

static void add_group(struct twin *t)
{
	struct request r = pick_request(t);
	uint32_t index = 0;
	int got, want = r.err;

	if (!want && buckets_used(t) + r.n_buckets > MAX_BUCKETS)
		want = -ENOSPC;
	if (!want && t->n_used == t->max)
		want = -ENOSPC;
	if (!want)
		make_members_differ(t, &r);
	got = nexthop_group_add(t->table, r.m, r.n, &index);
	must(t->o, got == want);
	t->totals.full += got == -ENOSPC;
	if (got)
		return;
	must(t->o, index && index <= t->max && t->at[index].life == FREE);
	t->at[index] = (struct naive){.life = USED, .n_holds = 1, .is_group = true};
	t->n_used++;
	take_over(t, index, &r);
}

static void set_group(struct twin *t)
{
	uint32_t index = 1 + pick(t, t->max);
	struct request r = pick_request(t);
	struct naive *e = &t->at[index], old;
	int got, want = r.err;

	// Half the time a small change of what is there.
	if (e->life == USED && e->is_group && pick(t, 2)) {
		struct request small = {
			.n = e->n_members, .n_merged = e->n_members, .n_buckets = 256};
		unsigned out = pick(t, 2) && e->n_members > 1 ? pick(t, e->n_members) : UINT32_MAX;

		for (unsigned k = small.n = 0; k < e->n_members; k++)
			if (k != out) {
				small.member[small.n] = small.m[small.n].index = e->member[k];
				small.weight[small.n] = MIN(e->weight[k], 65535);
				small.m[small.n].weight = small.weight[small.n];
				small.n++;
			}
		small.n_merged = small.n;
		r = small;
		want = 0;
		while (r.n_buckets < 32 * r.n_merged)
			r.n_buckets *= 2;
	}
	if (!(e->life == USED && e->is_group))
		want = -ENOENT;
	if (!want && r.n_buckets > e->n_buckets &&
		buckets_used(t) + r.n_buckets - e->n_buckets > MAX_BUCKETS)
		want = -ENOSPC;
	if (!want)
		make_members_differ(t, &r);
	if (e->life == USED && e->is_group) {
		struct request now = {.n_merged = e->n_members};

		memcpy(now.member, e->member, sizeof(e->member));
		make_members_differ(t, &now);
		look_at_buckets(t, index, e->bucket); // the same as before
	}
	old = *e;
	got = nexthop_group_set(t->table, index, r.m, r.n);
	must(t->o, got == want);
	t->totals.full += got == -ENOSPC;
	if (got) {
		if (e->life == USED && e->is_group) {
			look_at_buckets(t, index, e->bucket);
			must(t->o, !memcmp(old.bucket, e->bucket, sizeof(old.bucket)));
		}
		return;
	}
	take_over(t, index, &r);
	check_moves(t, index, &old);
}

// -- single ones ----------------------------------------------------------------------------
static void add(struct twin *t)
{
	enum nexthop_kind kind = pick(t, 3) ? NEXTHOP_ADJACENCY : pick(t, N_NEXTHOP_KINDS + 2);
	uint32_t adjacency = kind == NEXTHOP_ADJACENCY ? t->adjacency + 1 : pick(t, 30) == 0;
	uint32_t index = 0;
	int got = nexthop_add(t->table, kind, adjacency, &index), want = 0;

	if (kind == NEXTHOP_NONE || kind >= N_NEXTHOP_KINDS ||
		(kind != NEXTHOP_ADJACENCY && adjacency))
		want = -EINVAL;
	else if (t->n_used == t->max)
		want = -ENOSPC;
	must(t->o, got == want);
	t->totals.full += got == -ENOSPC;
	if (got)
		return;
	must(t->o, index && index <= t->max && t->at[index].life == FREE);
	t->totals.reused += t->at[index].adjacency != 0;
	t->at[index] = (struct naive){
		.life = USED, .n_holds = 1, .kind = kind, .adjacency = ++t->adjacency};
	t->n_used++;
}

static void set(struct twin *t)
{
	uint32_t index = pick(t, t->max + 10);
	enum nexthop_kind kind = pick(t, 2) ? NEXTHOP_ADJACENCY : NEXTHOP_EXCEPTION + pick(t, 5);
	uint32_t adjacency = kind == NEXTHOP_ADJACENCY ? t->adjacency + 1 : 0;
	int got = nexthop_set(t->table, index, kind, adjacency);

	must(t->o, got == (is_single(t, index) ? 0 : -ENOENT));
	if (got)
		return;
	t->at[index].kind = kind;
	t->at[index].adjacency = ++t->adjacency;
}

static void hold_or_put(struct twin *t)
{
	uint32_t index = pick(t, t->max + 10);
	bool there = index && index <= t->max && t->at[index].life == USED;
	unsigned own = 0;

	if (pick(t, 3) == 0) {
		must(t->o, nexthop_hold(t->table, index) == (there ? 0 : -ENOENT));
		if (there)
			t->at[index].n_holds++;
		return;
	}
	if (!there)
		return;
	// Holds that are the groups' are not ours to put.
	for (unsigned i = 1; i <= t->max; i++)
		for (unsigned k = 0; k < t->at[i].n_members; k++)
			own += t->at[i].life == USED && t->at[i].member[k] == index;
	if (t->at[index].n_holds > own) {
		nexthop_put(t->table, index);
		put(t, index);
	}
}

static void grace(struct twin *t)
{
	rcu_barrier_reclaim();
	for (unsigned i = 1; i <= t->max; i++)
		if (t->at[i].life == LEAVING) {
			t->at[i].life = FREE;
			t->n_used--;
			must(t->o, !resolve(t, i, 0));
		}
}

static void compare(struct twin *t)
{
	struct nexthop_stats s;
	unsigned groups = 0;

	for (unsigned i = 0; i <= t->max; i++) {
		const struct naive *e = &t->at[i];
		struct nexthop_entry got;
		int err = nexthop_find(t->table, i, &got);

		must(t->o, err == (e->life == USED ? 0 : -ENOENT));
		if (err)
			continue;
		must(t->o, got.is_group == e->is_group && got.n_holds == e->n_holds);
		must(t->o, got.n_members == e->n_members && got.n_buckets == e->n_buckets);
		must(t->o, e->is_group || got.kind == e->kind);
		groups += e->is_group;
	}
	nexthop_stats(t->table, &s);
	must(t->o, s.entries == t->n_used && s.groups == groups);
	must(t->o, s.buckets == buckets_used(t) && s.buckets <= MAX_BUCKETS);
	must(t->o, s.full == t->totals.full);
}

static void operate(struct twin *t)
{
	unsigned what = pick(t, 256);

	if (what < 60)
		add(t);
	else if (what < 80)
		set(t);
	else if (what < 95)
		add_group(t);
	else if (what < 130)
		set_group(t);
	else if (what < 185)
		hold_or_put(t);
	else if (what < 190) // takes milliseconds
		pick(t, 8) ? resolve_some(t) : grace(t);
	else if (what < 200)
		compare(t);
	else
		resolve_some(t);
	t->totals.changes += what < 190;
}

struct nexthop_twin_totals nexthop_twin_run(struct operations *o, uint32_t max_nexthops)
{
	struct nexthop_config c = {max_nexthops, MAX_MEMBERS, MAX_BUCKETS};
	struct twin *t = calloc(1, sizeof(*t));
	struct nexthop_twin_totals totals;

	if (!t || max_nexthops > N_NUMBERS || nexthops_create(&t->table, NULL, &c))
		abort();
	t->o = o;
	t->max = max_nexthops;
	while (operations_more(o))
		operate(t);
	compare(t);
	grace(t);
	totals = t->totals;
	nexthops_destroy(t->table);
	free(t);
	return totals;
}
