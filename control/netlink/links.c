// SPDX-License-Identifier: BSD-3-Clause
// Two hash tables over the same entries. They grow and never shrink.
#include "control/netlink/links.h"

#include <string.h>

#include "base/mem.h"

#define MIN_BUCKETS 16

static struct link **index_bucket(const struct links *t, int ifindex)
{
	return &t->by_index[(uint32_t)ifindex & (t->n_buckets - 1)];
}

static struct link **name_bucket(const struct links *t, const char *name)
{
	uint32_t h = 2166136261u; // FNV-1a

	while (*name)
		h = (h ^ (uint8_t)*name++) * 16777619u;
	return &t->by_name[(h ^ h >> 15) & (t->n_buckets - 1)];
}

static void push_index(struct links *t, struct link *l)
{
	struct link **b = index_bucket(t, l->ifindex);

	l->next_index = *b;
	*b = l;
}

static void push_name(struct links *t, struct link *l)
{
	struct link **b = name_bucket(t, l->dev.name);

	l->next_name = *b;
	*b = l;
}

// Without memory the chains get longer, nothing worse.
static void grow(struct links *t)
{
	struct links old = *t;
	size_t n = old.n_buckets ? old.n_buckets * 2 : MIN_BUCKETS;
	struct link **heads = mem_zalloc(2 * n * sizeof(*heads), 0);
	struct link *l, *next;

	if (!heads)
		return;
	t->by_index = heads;
	t->by_name = heads + n;
	t->n_buckets = n;
	for (size_t i = 0; i < old.n_buckets; i++)
		for (l = old.by_index[i]; l; l = next) {
			next = l->next_index;
			push_index(t, l);
			if (l->named)
				push_name(t, l);
		}
	mem_free(old.by_index);
}

void links_fini(struct links *t)
{
	struct link *l, *next;

	for (size_t i = 0; i < t->n_buckets; i++)
		for (l = t->by_index[i]; l; l = next) {
			next = l->next_index;
			mem_free(l);
		}
	mem_free(t->by_index);
	memset(t, 0, sizeof(*t));
}

struct link *links_by_index(const struct links *t, int ifindex)
{
	struct link *l = t->n_buckets ? *index_bucket(t, ifindex) : NULL;

	while (l && l->ifindex != ifindex)
		l = l->next_index;
	return l;
}

struct link *links_by_name(const struct links *t, const char *name)
{
	struct link *l = t->n_buckets ? *name_bucket(t, name) : NULL;

	while (l && strcmp(l->dev.name, name) != 0)
		l = l->next_name;
	return l;
}

struct link *links_add(struct links *t, int ifindex)
{
	struct link *l;

	if (t->n >= t->n_buckets)
		grow(t);
	if (!t->n_buckets || !(l = mem_zalloc(sizeof(*l), 0)))
		return NULL;
	l->ifindex = ifindex;
	push_index(t, l);
	t->n++;
	return l;
}

void links_remove(struct links *t, struct link *l)
{
	struct link **at = index_bucket(t, l->ifindex);

	links_unname(t, l);
	while (*at != l)
		at = &(*at)->next_index;
	*at = l->next_index;
	t->n--;
	mem_free(l);
}

void links_name(struct links *t, struct link *l)
{
	push_name(t, l);
	l->named = true;
}

void links_unname(struct links *t, struct link *l)
{
	struct link **at;

	if (!l->named)
		return;
	at = name_bucket(t, l->dev.name);
	while (*at != l)
		at = &(*at)->next_name;
	*at = l->next_name;
	l->named = false;
}

void links_walk(struct links *t, int (*visit)(struct link *, void *), void *arg)
{
	for (size_t i = 0; i < t->n_buckets; i++)
		for (struct link *l = t->by_index[i]; l; l = l->next_index)
			if (visit(l, arg))
				return;
}

void links_sweep(struct links *t, int (*visit)(struct link *, void *), void *arg)
{
	struct link *l, *next;

	for (size_t i = 0; i < t->n_buckets; i++)
		for (l = t->by_index[i]; l; l = next) {
			next = l->next_index;
			if (visit(l, arg))
				links_remove(t, l);
		}
}
