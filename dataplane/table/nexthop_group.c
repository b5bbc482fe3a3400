// SPDX-License-Identifier: BSD-3-Clause
// ECMP groups: shares of buckets, and changes that hand over as few as possible.
//
// Why buckets with minimal moves and not rendezvous hashing: shares are exact to one bucket for
// any weights, a change moves the least that these shares allow, and the worker's choice is one
// load. (What it costs is history: after a restart the same members may have other buckets.)
#include "dataplane/table/nexthop_table.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"

#define NOBODY 0 // a bucket of a new group

static void buckets_release(struct rcu_retired *r)
{
	mem_free(container_of(r, struct buckets, retired));
}

static struct buckets *buckets_new(uint32_t n)
{
	struct buckets *b = mem_zalloc(sizeof(*b) + n * sizeof(uint16_t), CACHE_LINE);

	if (b) {
		b->n = n;
		b->log2 = (uint8_t)__builtin_ctz(n);
	}
	return b;
}

static uint32_t buckets_wanted(unsigned n_members)
{
	uint32_t n = BUCKETS_MIN;

	while (n < BUCKETS_EACH * n_members)
		n *= 2;
	return n;
}

static uint16_t bucket_load(struct buckets *b, uint32_t i)
{
	return atomic_load_explicit(&buckets_of(b)[i], memory_order_relaxed);
}

// -- members --------------------------------------------------------------------------
// Checks the members and makes a list in which each stands once; *n is then its length.
static int members_new(struct nexthops *t, const struct nexthop_member *m, unsigned *n,
	struct nexthop_member **out)
{
	struct nexthop_member *list;
	unsigned n_list = 0;
	int err = 0;

	if (!*n)
		return -EINVAL;
	list = mem_alloc(*n * sizeof(*list), 0);
	if (!list)
		return -ENOMEM;
	for (unsigned i = 0; i < *n && !err; i++) {
		uint16_t *position;

		if (!m[i].weight || m[i].weight > UINT16_MAX) {
			err = -EINVAL;
			break;
		}
		if (!nexthop_is_there(t, m[i].index) || t->info[m[i].index].buckets) {
			err = -ENOENT;
			break;
		}
		position = &t->position[m[i].index];
		if (*position) {
			list[*position - 1].weight += m[i].weight;
		} else if (n_list == t->max_members) {
			t->stats.full++;
			err = -ENOSPC;
		} else {
			list[n_list++] = m[i];
			*position = (uint16_t)n_list;
		}
	}
	for (unsigned i = 0; i < n_list; i++)
		t->position[list[i].index] = 0;
	if (err) {
		mem_free(list);
		return err;
	}
	*n = n_list;
	*out = list;
	return 0;
}

// -- shares ---------------------------------------------------------------------------
// Buckets for each member by largest remainders, at least one each. n <= n_buckets.
static void share_out(
	const struct nexthop_member *m, unsigned n, uint32_t n_buckets, uint32_t *share)
{
	uint64_t sum = 0, left = n_buckets, best;
	unsigned who = 0;

	for (unsigned i = 0; i < n; i++)
		sum += m[i].weight;
	for (unsigned i = 0; i < n; i++) {
		share[i] = (uint32_t)MAX(m[i].weight * (uint64_t)n_buckets / sum, 1);
		left -= share[i];
	}
	// The sum may be over by the ones that were given, or short by what was cut off.
	for (; (int64_t)left < 0; left++) {
		for (unsigned i = best = 0; i < n; i++)
			if (share[i] > best) {
				best = share[i];
				who = i;
			}
		share[who]--;
	}
	for (; left; left--) {
		int64_t short_by = INT64_MIN;

		for (unsigned i = 0; i < n; i++) {
			int64_t d = (int64_t)(m[i].weight * (uint64_t)n_buckets) -
				    (int64_t)(share[i] * sum);

			if (d > short_by) {
				short_by = d;
				who = i;
			}
		}
		share[who]++;
	}
}

// Hands over buckets until each member has its share. In the end position[] is zero again.
static uint32_t hand_over(
	struct nexthops *t, struct buckets *b, const struct nexthop_member *m, unsigned n)
{
	uint32_t *share = t->share, *has = share + t->max_members, *takers = has + t->max_members;
	uint32_t moved = 0;
	unsigned n_takers = 0, turn = 0;

	share_out(m, n, b->n, share);
	memset(has, 0, n * sizeof(*has));
	for (unsigned k = 0; k < n; k++)
		t->position[m[k].index] = (uint16_t)(k + 1);
	for (uint32_t i = 0; i < b->n; i++) {
		unsigned p = t->position[bucket_load(b, i)];

		if (p)
			has[p - 1]++;
	}
	for (unsigned k = 0; k < n; k++)
		if (has[k] < share[k])
			takers[n_takers++] = k;
	for (uint32_t i = 0; n_takers; i++) {
		uint16_t owner = bucket_load(b, i);
		unsigned p = t->position[owner];
		uint32_t taker;

		if (p && has[p - 1] <= share[p - 1])
			continue;
		if (p)
			has[p - 1]--;
		turn = turn < n_takers ? turn : 0;
		taker = takers[turn];
		atomic_store_explicit(
			&buckets_of(b)[i], (uint16_t)m[taker].index, memory_order_release);
		moved += owner != NOBODY;
		if (++has[taker] < share[taker])
			turn++;
		else
			takers[turn] = takers[--n_takers];
	}
	for (unsigned k = 0; k < n; k++)
		t->position[m[k].index] = 0;
	return moved;
}

// -- groups ---------------------------------------------------------------------------
static void tell_workers(struct nexthops *t, uint32_t index, struct buckets *b)
{
	atomic_store_explicit(
		&t->words[index], (uintptr_t)buckets_of(b) | b->log2, memory_order_release);
}

static bool buckets_fit(struct nexthops *t, uint32_t more)
{
	if (more <= t->max_buckets - MIN(t->n_buckets, t->max_buckets))
		return true;
	t->stats.full++;
	return false;
}

int nexthop_group_add(
	struct nexthops *t, const struct nexthop_member *m, unsigned n, uint32_t *index)
{
	struct nexthop_member *list;
	struct buckets *b;
	uint32_t i;
	int err = members_new(t, m, &n, &list);

	if (err)
		return err;
	err = -ENOSPC;
	if (!buckets_fit(t, buckets_wanted(n)))
		goto undo_list;
	err = -ENOMEM;
	b = buckets_new(buckets_wanted(n));
	if (!b)
		goto undo_list;
	i = slots_take(t->slots);
	if (i == SLOT_NONE) {
		t->stats.full++;
		err = -ENOSPC;
		goto undo_buckets;
	}
	hand_over(t, b, list, n);
	for (unsigned k = 0; k < n; k++)
		t->info[list[k].index].n_holds++;
	t->info[i] = (struct info){.n_holds = 1, .n_members = n, .buckets = b, .members = list};
	t->n_groups++;
	t->n_buckets += b->n;
	tell_workers(t, i, b);
	*index = i;
	return 0;

undo_buckets:
	mem_free(b);
undo_list:
	mem_free(list);
	return err;
}

int nexthop_group_set(
	struct nexthops *t, uint32_t index, const struct nexthop_member *m, unsigned n)
{
	struct nexthop_member *list, *old_list;
	struct buckets *b, *old;
	unsigned n_old;
	struct info *e;
	int err;

	if (!nexthop_is_there(t, index) || !t->info[index].buckets)
		return -ENOENT;
	err = members_new(t, m, &n, &list);
	if (err)
		return err;
	e = &t->info[index];
	old = b = e->buckets;
	if (buckets_wanted(n) > old->n) {
		err = -ENOSPC;
		if (!buckets_fit(t, buckets_wanted(n) - old->n))
			goto undo_list;
		err = -ENOMEM;
		b = buckets_new(buckets_wanted(n));
		if (!b)
			goto undo_list;
		for (uint32_t i = 0; i < b->n; i++)
			atomic_store_explicit(&buckets_of(b)[i],
				bucket_load(old, i >> (b->log2 - old->log2)), memory_order_relaxed);
	}
	for (unsigned k = 0; k < n; k++)
		t->info[list[k].index].n_holds++;
	t->stats.buckets_moved += hand_over(t, b, list, n);
	old_list = e->members;
	n_old = e->n_members;
	e->members = list;
	e->n_members = n;
	if (b != old) {
		t->n_buckets += b->n - old->n;
		e->buckets = b;
		tell_workers(t, index, b);
		rcu_retire(&old->retired, buckets_release);
	}
	for (unsigned k = 0; k < n_old; k++)
		nexthop_put(t, old_list[k].index);
	mem_free(old_list);
	return 0;

undo_list:
	mem_free(list);
	return err;
}

void nexthop_group_drop(struct nexthops *t, struct info *e)
{
	for (unsigned k = 0; k < e->n_members; k++)
		nexthop_put(t, e->members[k].index);
	mem_free(e->members);
	e->members = NULL;
	t->n_groups--;
	t->n_buckets -= e->buckets->n;
}

unsigned nexthop_group_members(const struct nexthops *t, uint32_t index, struct nexthop_member *out,
	uint32_t *n_buckets, unsigned max)
{
	const struct info *e;

	if (!nexthop_is_there(t, index))
		return 0;
	e = &t->info[index];
	for (unsigned k = 0; e->buckets && k < e->n_members && k < max; k++) {
		out[k] = e->members[k];
		if (!n_buckets)
			continue;
		n_buckets[k] = 0;
		for (uint32_t i = 0; i < e->buckets->n; i++)
			n_buckets[k] += bucket_load(e->buckets, i) == out[k].index;
	}
	return e->n_members;
}
