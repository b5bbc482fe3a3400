// SPDX-License-Identifier: BSD-3-Clause
#include "tests/unit/fdb_twin.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "dataplane/table/fdb_table.h"

#define N_KEYS  4096 // MACs 0..1023 in four VLANs
#define N_PORTS 8    // used, of the table's max_ports

struct naive {
	bool present;
	uint16_t port;
	uint32_t flags;
	uint64_t seen_ns;
};

struct twin {
	struct fdb *fdb;
	struct naive e[N_KEYS];
	uint32_t n_ports;
	uint64_t now_ns, ageing_ns;
	uint32_t limit, port_limit[N_PORTS];
	struct twin_input *in;
	struct twin_totals totals;
};

#define must(t, what) ((what) ? (void)0 : failed(t, #what, __LINE__))

static void failed(const struct twin *t, const char *what, int line)
{
	fprintf(stderr, "fdb and its twin differ after %llu operations: line %d: %s\n",
		(unsigned long long)t->totals.operations, line, what);
	abort();
}

// MACs that differ in few bits at either end, as vendors and test generators number them.
static fdb_key_t key_of(unsigned i)
{
	static const vlan_id_t vlans[4] = {1, 2, 100, VLAN_MAX};
	uint64_t mac = 0x020000000000ull;

	mac |= i & 1 ? (uint64_t)(i >> 2) << 30 : (uint64_t)(i >> 2) + 1;
	return fdb_key(vlans[i & 3], mac_from_u64(mac | (uint64_t)(i & 2) << 23));
}

static unsigned index_of(fdb_key_t key)
{
	uint64_t mac = key >> 16;
	unsigned v = 0;

	while (v < 3 && fdb_key_vlan(key_of(v)) != fdb_key_vlan(key))
		v++;
	return (unsigned)(v & 1 ? mac >> 30 & 1023 : (mac & 0xffff) - 1) << 2 | v;
}

static unsigned pick(struct twin *t, unsigned below)
{
	return t->in->next(t->in) % below;
}

static unsigned pick_key(struct twin *t)
{
	return pick(t, N_KEYS);
}

static size_t count(const struct twin *t, int port, int vlan, bool learned)
{
	size_t n = 0;

	for (unsigned i = 0; i < N_KEYS; i++)
		n += t->e[i].present && (port < 0 || t->e[i].port == port) &&
		     (vlan < 0 || fdb_key_vlan(key_of(i)) == vlan) &&
		     !(learned && t->e[i].flags & FDB_STATIC);
	return n;
}

static bool full(const struct twin *t)
{
	return t->limit < N_KEYS && count(t, -1, -1, false) >= t->limit;
}

static fdb_hit_t expected(const struct twin *t, unsigned i)
{
	return t->e[i].present ? t->e[i].port | t->e[i].flags : FDB_MISS;
}

// -- operations -----------------------------------------------------------------------
static void learn(struct twin *t, unsigned i, port_id_t port)
{
	struct naive *e = &t->e[i];
	port_id_t old = PORT_NONE;
	int got = fdb_learn(t->fdb, key_of(i), port, &old), want;
	bool port_full = t->port_limit[port] != UINT32_MAX &&
			 count(t, port, -1, true) >= t->port_limit[port];

	if (e->present && e->port == port)
		want = FDB_REFRESHED;
	else if (e->present && e->flags & (FDB_STATIC | FDB_STICKY))
		want = FDB_REFUSED;
	else if (port_full)
		want = -EDQUOT;
	else if (e->present)
		want = FDB_MOVED;
	else
		want = full(t) ? -ENOSPC : FDB_NEW;
	must(t, got == want);
	if (want == FDB_MOVED || want == FDB_REFUSED)
		must(t, old == e->port);
	if (want >= 0 && want != FDB_REFUSED)
		*e = (struct naive){true, port, e->present ? e->flags : 0, t->now_ns};
}

static void add(struct twin *t, unsigned i, port_id_t port, uint32_t flags)
{
	int want = t->e[i].present || !full(t) ? 0 : -ENOSPC;

	must(t, fdb_add(t->fdb, key_of(i), port, flags) == want);
	if (flags & FDB_LOCAL)
		flags |= FDB_STATIC;
	if (!want)
		t->e[i] = (struct naive){true, port, flags, t->now_ns};
}

static void take_away(struct twin *t, unsigned i)
{
	must(t, fdb_remove(t->fdb, key_of(i)) == (t->e[i].present ? 0 : -ENOENT));
	t->e[i].present = false;
}

static struct fdb_filter pick_filter(struct twin *t)
{
	struct fdb_filter f = FDB_ANY;
	unsigned what = pick(t, 16);

	if (what & 1)
		f.port = (port_id_t)pick(t, t->n_ports);
	if (what & 2)
		f.vlan = fdb_key_vlan(key_of(pick(t, 4)));
	if (what & 4)
		f.flags_mask = (uint32_t)pick(t, 8) << 16;
	if (what & 8)
		f.flags_value = f.flags_mask & (uint32_t)pick(t, 8) << 16;
	return f;
}

static bool chosen(const struct twin *t, unsigned i, const struct fdb_filter *f)
{
	const struct naive *e = &t->e[i];

	return e->present && (f->port == PORT_NONE || f->port == e->port) &&
	       (!f->vlan || f->vlan == fdb_key_vlan(key_of(i))) &&
	       (e->flags & f->flags_mask) == f->flags_value;
}

static void flush(struct twin *t)
{
	struct fdb_filter f = pick_filter(t);
	size_t want = 0;

	for (unsigned i = 0; i < N_KEYS; i++)
		if (chosen(t, i, &f)) {
			t->e[i].present = false;
			want++;
		}
	must(t, fdb_flush(t->fdb, &f) == want);
}

static void lookup(struct twin *t, bool source)
{
	unsigned n = 1 + pick(t, FDB_BURST), which[FDB_BURST];
	port_id_t port = (port_id_t)pick(t, t->n_ports);
	fdb_hit_t hits[FDB_BURST + 1], dst_hits[FDB_BURST + 1];
	fdb_key_t keys[FDB_BURST], dst[FDB_BURST];
	unsigned dst_which[FDB_BURST];
	const struct fdb_ops *ops;
	uint64_t unknown = 0;

	for (unsigned i = 0; i < n; i++) {
		which[i] = pick_key(t);
		keys[i] = key_of(which[i]);
		dst_which[i] = pick_key(t);
		dst[i] = key_of(dst_which[i]);
		unknown |= (uint64_t) !(t->e[which[i]].present && t->e[which[i]].port == port) << i;
	}
	for (unsigned v = 0; (ops = fdb_ops_nth(v)); v++) {
		hits[n] = dst_hits[n] = 0x12345678;
		if (!source)
			ops->lookup(t->fdb, keys, hits, n);
		else if (n % 2)
			must(t, ops->source(t->fdb, keys, port, hits, n) == unknown);
		else
			must(t, ops->both(t->fdb, keys, port, hits, dst, dst_hits, n) == unknown);
		must(t, hits[n] == 0x12345678 && dst_hits[n] == 0x12345678);
		for (unsigned i = 0; i < n; i++) {
			must(t, hits[i] == expected(t, which[i]));
			must(t, !source || n % 2 || dst_hits[i] == expected(t, dst_which[i]));
		}
	}
	for (unsigned i = 0; i < n; i++) {
		t->totals.lookups++;
		t->totals.hits += t->e[which[i]].present;
		if (source && !(unknown >> i & 1))
			t->e[which[i]].seen_ns = t->now_ns;
	}
}

// What must be gone is gone, what must be there is there; between the two the twin follows.
static void advance(struct twin *t)
{
	uint64_t step = t->ageing_ns ? t->ageing_ns / 20 : 15 * NS_PER_SEC;
	struct fdb_entry got;

	for (unsigned n = 1 + pick(t, 30); n; n--) {
		t->now_ns += step;
		while (fdb_age(t->fdb, t->now_ns))
			;
	}
	for (unsigned i = 0; i < N_KEYS; i++) {
		struct naive *e = &t->e[i];
		uint64_t age = t->now_ns - e->seen_ns;
		bool there = !fdb_find(t->fdb, key_of(i), t->now_ns, &got);

		must(t, e->present || !there);
		if (!e->present)
			continue;
		if (!there) {
			must(t, !(e->flags & FDB_STATIC) && t->ageing_ns && age >= t->ageing_ns);
			e->present = false;
			t->totals.aged++;
			continue;
		}
		must(t, e->flags & FDB_STATIC || !t->ageing_ns ||
				age <= t->ageing_ns + t->ageing_ns / 8);
		must(t, got.age_ns <= age);
	}
}

// A walk with changes between its pages: what stays comes exactly once, as it was then.
static void walk(struct twin *t)
{
	static uint8_t times[N_KEYS];
	static bool stayed[N_KEYS];
	struct fdb_filter f = pick_filter(t);
	size_t max = 1 + pick(t, 200), n;
	bool change = pick(t, 2);
	struct fdb_entry page[200];
	uint64_t cursor = 0;

	for (unsigned i = 0; i < N_KEYS; i++) {
		times[i] = 0;
		stayed[i] = chosen(t, i, &f);
	}
	while (cursor != FDB_WALK_END) {
		n = fdb_walk(t->fdb, &f, &cursor, t->now_ns, page, max);
		must(t, n <= max);
		for (size_t k = 0; k < n; k++) {
			unsigned i = index_of(page[k].key);

			must(t, i < N_KEYS && key_of(i) == page[k].key && chosen(t, i, &f));
			must(t, page[k].port == t->e[i].port && page[k].flags == t->e[i].flags);
			must(t, page[k].age_ns <= t->now_ns - t->e[i].seen_ns);
			times[i]++;
		}
		for (unsigned c = change ? pick(t, 30) : 0; c; c--) {
			unsigned i = pick_key(t);

			if (pick(t, 4))
				learn(t, i, (port_id_t)pick(t, t->n_ports));
			else
				take_away(t, i);
			stayed[i] = false;
		}
	}
	for (unsigned i = 0; i < N_KEYS; i++) {
		must(t, !stayed[i] || times[i] == 1);
		must(t, change || times[i] == stayed[i]);
	}
}

static void compare_counts(struct twin *t)
{
	struct fdb_stats s;

	fdb_stats(t->fdb, &s);
	must(t, fdb_count(t->fdb) == count(t, -1, -1, false));
	for (port_id_t p = 0; p < t->n_ports; p++)
		must(t, fdb_count_port(t->fdb, p) == count(t, p, -1, false));
	for (unsigned i = 0; i < 4; i++)
		must(t, fdb_count_vlan(t->fdb, fdb_key_vlan(key_of(i))) ==
				count(t, -1, fdb_key_vlan(key_of(i)), false));
	must(t, s.entries == fdb_count(t->fdb) && s.displaced <= s.entries);
	t->totals.most_entries = MAX(t->totals.most_entries, s.entries);
	t->totals.displaced = MAX(t->totals.displaced, s.displaced);
}

static void set_limits(struct twin *t)
{
	unsigned port = pick(t, t->n_ports), what = pick(t, 6);

	if (what == 0)
		t->limit = 1 + pick(t, N_KEYS);
	else if (what == 1)
		t->limit = N_KEYS;
	else if (what == 2)
		t->port_limit[port] = pick(t, N_KEYS / 4);
	else
		t->port_limit[port] = UINT32_MAX;
	must(t, !fdb_set_limit(t->fdb, t->limit));
	must(t, !fdb_set_port_limit(t->fdb, (port_id_t)port, t->port_limit[port]));
}

static void many(struct twin *t)
{
	port_id_t port = (port_id_t)pick(t, t->n_ports);
	unsigned n = pick(t, 256), i = pick_key(t);

	while (n--)
		learn(t, i++ % N_KEYS, port);
}

static void operate(struct twin *t)
{
	unsigned what = pick(t, 256), i = pick_key(t);
	port_id_t port = (port_id_t)pick(t, t->n_ports);

	if (what < 100)
		learn(t, i, port);
	else if (what < 115)
		add(t, i, port, (uint32_t)pick(t, 8) << 16);
	else if (what < 150)
		take_away(t, i);
	else if (what < 190)
		lookup(t, false);
	else if (what < 240)
		lookup(t, true);
	else if (what < 246)
		many(t);
	else if (what < 248)
		advance(t);
	else if (what < 250)
		compare_counts(t);
	else if (what < 252)
		walk(t);
	else if (what < 253)
		set_limits(t);
	else if (what < 254)
		fdb_set_ageing(t->fdb, t->ageing_ns = (uint64_t)pick(t, 4) * 100 * NS_PER_SEC);
	else if (what < 255)
		fdb_age(t->fdb, t->now_ns);
	else if (!pick(t, 4))
		flush(t);
}

struct twin_totals fdb_twin_run(struct twin_input *in, uint32_t max_ports, uint64_t secret)
{
	const uint64_t secrets[3] = {secret * 0x9e3779b97f4a7c15ull, secret * 0xda942042e4dd58b5ull,
		~secret * 0xd1342543de82ef95ull};
	struct twin *t = calloc(1, sizeof(*t));
	struct fdb_config config = {.max_entries = N_KEYS,
		.max_ports = max_ports,
		.ageing_ns = 300 * NS_PER_SEC,
		.hash_secret = secrets};
	struct twin_totals totals;
	struct fdb_stats s;

	if (!t || fdb_create(&t->fdb, &config))
		abort();
	t->in = in;
	t->now_ns = NS_PER_SEC;
	t->ageing_ns = config.ageing_ns;
	t->n_ports = MIN(max_ports, N_PORTS);
	t->limit = config.max_entries;
	for (unsigned p = 0; p < N_PORTS; p++)
		t->port_limit[p] = UINT32_MAX;
	while (in->more(in)) {
		operate(t);
		t->totals.operations++;
	}
	compare_counts(t);
	fdb_stats(t->fdb, &s);
	t->totals.grown = s.grown;
	t->totals.moved = s.moved;
	totals = t->totals;
	fdb_destroy(t->fdb);
	free(t);
	return totals;
}
