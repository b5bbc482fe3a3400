// SPDX-License-Identifier: BSD-3-Clause
#include "control/policy/findings.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

const struct finding finding_everything = {
	.directions = FINDING_IN | FINDING_OUT, .families = FINDING_ANY};

static bool is_same(const struct finding *a, const struct finding *b)
{
	return a->ifindex == b->ifindex && a->name_size == b->name_size &&
	       a->directions == b->directions && a->families == b->families &&
	       !strcmp(a->ifname, b->ifname) && !strcmp(a->text, b->text);
}

static bool is_listed(const struct findings *f, const struct finding *wanted)
{
	for (unsigned i = f->n; i-- > 0;) {
		if (wanted->ifindex && f->at[i].ifindex != wanted->ifindex)
			return false;
		if (is_same(&f->at[i], wanted))
			return true;
	}
	return false;
}

static bool make_room(struct findings *f)
{
	unsigned room = f->room ? f->room * 2 : 8;
	struct finding *at;

	if (f->n < f->room)
		return true;
	at = room <= FINDINGS_MAX ? mem_alloc(room * sizeof(*at), 0) : NULL;
	if (!at)
		return false;
	if (f->n)
		memcpy(at, f->at, f->n * sizeof(*at));
	mem_free(f->at);
	f->at = at;
	f->room = room;
	return true;
}

static void add(struct findings *f, const struct finding *x)
{
	if (is_listed(f, x))
		return;
	if (make_room(f))
		f->at[f->n++] = *x;
	else
		f->is_cut = true;
}

void findings_add(struct findings *f, const struct finding *where, const char *fmt, ...)
{
	struct finding x = *where;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(x.text, sizeof(x.text), fmt, ap);
	va_end(ap);
	add(f, &x);
}

void findings_add_all(struct findings *f, const struct findings *from)
{
	for (unsigned i = 0; i < from->n; i++)
		add(f, &from->at[i]);
	f->is_cut |= from->is_cut;
}

void findings_swap(struct findings *a, struct findings *b)
{
	struct findings x = *a;

	*a = *b;
	*b = x;
}

void findings_clear(struct findings *f)
{
	f->n = 0;
	f->is_cut = false;
}

void findings_unread(struct findings *f, enum policy_kind kind)
{
	findings_clear(f);
	findings_add(f, &finding_everything, "%s: not read yet", policy_kind_name(kind));
}

void findings_unreadable(struct findings *f, enum policy_kind kind, int err)
{
	static const char *const what[] = {
#define X(id, name, text) text,
		POLICY_KINDS(X)
#undef X
	};

	findings_clear(f);
	findings_add(f, &finding_everything, "cannot read %s: %s", what[kind], strerror(-err));
}

void findings_fini(struct findings *f)
{
	mem_free(f->at);
	memset(f, 0, sizeof(*f));
}

bool findings_equal(const struct findings *a, const struct findings *b)
{
	if (a->n != b->n || a->is_cut != b->is_cut)
		return false;
	for (unsigned i = 0; i < a->n; i++)
		if (!is_same(&a->at[i], &b->at[i]))
			return false;
	return true;
}

bool findings_include(const struct findings *now, const struct findings *old)
{
	for (unsigned i = 0; i < old->n; i++)
		if (!is_listed(now, &old->at[i]))
			return false;
	return now->is_cut || !old->is_cut;
}

bool finding_names(const struct finding *x, const char *ifname)
{
	return x->name_size ? !strncmp(x->ifname, ifname, x->name_size)
			    : !strcmp(x->ifname, ifname);
}
