// SPDX-License-Identifier: BSD-3-Clause
// Forwarding database, control's side: one entry at a time. The layout and the rules that keep
// readers right are in fdb_table.h, lookups in fdb_lookup.c, growth in fdb_grow.c, everything that
// passes over the whole table in fdb_scan.c.
#include "dataplane/table/fdb_table.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "base/mem.h"

#define DEFAULT_ENTRIES (1u << 20)

// -- creation -----------------------------------------------------------------------
// Of an odd number modulo 2^64: Newton's step doubles the number of right bits, from 3.
static uint64_t inverse(uint64_t odd)
{
	uint64_t x = odd;

	for (int i = 0; i < 5; i++)
		x *= 2 - odd * x;
	return x;
}

static int init_mix(struct fdb_mix *m, const uint64_t *secret)
{
	uint64_t own[3];

	if (!secret) {
		if (getrandom(own, sizeof(own), 0) != sizeof(own))
			return -errno;
		secret = own;
	}
	m->xor = secret[0] & ~15ull;
	m->mul1 = secret[1] | 1;
	m->mul2 = secret[2] | 1;
	m->inv1 = inverse(m->mul1);
	m->inv2 = inverse(m->mul2);
	return 0;
}

static void init_layout(struct fdb *f)
{
	uint32_t bits = 1;

	while (1u << bits < f->max_ports)
		bits++;
	f->layout.port_bits = bits;
	f->layout.port_mask = (1ull << bits) - 1;
	f->layout.match_mask =
		SLOT_VALID | SLOT_ALT | (((1ull << HASH_SHIFT) - 1) & ~f->layout.port_mask);
}

// With 2^(port_bits + 3) buckets the bucket's number and the stored bits make a whole hash.
static uint32_t min_buckets(const struct fdb *f)
{
	return 8u << f->layout.port_bits;
}

int fdb_create(struct fdb **out, const struct fdb_config *c)
{
	uint32_t max_entries = c->max_entries ? c->max_entries : DEFAULT_ENTRIES;
	uint32_t max_ports = c->max_ports ? c->max_ports : FDB_MAX_PORTS;
	const struct fdb_ops *ops;
	struct fdb_table *t;
	struct fdb *f;
	int err;

	if (max_entries > FDB_MAX_ENTRIES || max_ports > FDB_MAX_PORTS)
		return -EINVAL;
	f = mem_zalloc(sizeof(*f), CACHE_LINE);
	if (!f)
		return -ENOMEM;
	f->max_entries = max_entries;
	f->max_ports = max_ports;
	f->ageing_ns = c->ageing_ns;
	for (unsigned i = 0; (ops = fdb_ops_nth(i)); i++)
		f->ops = ops;
	init_layout(f);
	err = init_mix(&f->mix, c->hash_secret);
	if (err)
		goto undo_fdb;
	err = -ENOMEM;
	f->counts = mem_zalloc((3 * (size_t)max_ports + N_VLANS) * sizeof(uint32_t), CACHE_LINE);
	if (!f->counts)
		goto undo_fdb;
	f->n_vlan = f->counts;
	f->n_port = f->n_vlan + N_VLANS;
	f->n_port_learned = f->n_port + max_ports;
	f->port_limit = f->n_port_learned + max_ports;
	memset(f->port_limit, 0xff, max_ports * sizeof(uint32_t));
	t = fdb_table_new(min_buckets(f));
	if (!t)
		goto undo_counts;
	memset((void *)t->slots, 0, t->bytes);
	atomic_store_explicit(&f->table, t, memory_order_release);
	*out = f;
	return 0;

undo_counts:
	mem_free(f->counts);
undo_fdb:
	mem_free(f);
	return err;
}

void fdb_destroy(struct fdb *f)
{
	struct fdb_table *t;

	if (!f)
		return;
	t = atomic_load_explicit(&f->table, memory_order_relaxed);
	fdb_table_free(atomic_load_explicit(&t->next, memory_order_relaxed));
	fdb_table_free(t);
	fdb_table_free(f->fresh);
	mem_free(f->counts);
	mem_free(f);
}

// -- one entry ----------------------------------------------------------------------
// The slot in this table, or NO_SLOT; then *free_slot is one at home where it could go, or NO_SLOT.
static uint32_t find_in(
	const struct fdb *f, const struct fdb_table *t, uint64_t hash, uint32_t *free_slot)
{
	uint64_t want = fdb_stored(&f->layout, hash) | SLOT_VALID;
	uint32_t home = fdb_home(hash, t->n_buckets), slot = home * SLOTS;
	unsigned found = f->ops->scan(&t->slots[slot], want, f->layout.match_mask);

	*free_slot = found >> SLOTS ? slot + (uint32_t)__builtin_ctz(found >> SLOTS) : NO_SLOT;
	if (!(found & 0xff) &&
		slot_load(&t->slots[slot + fdb_overflow_lane(hash)]) & SLOT_OVERFLOW) {
		slot = fdb_alt(home, hash, t->n_buckets, t->alt_mask) * SLOTS;
		found = f->ops->scan(&t->slots[slot], want | SLOT_ALT, f->layout.match_mask);
	}
	found &= 0xff;
	return found ? slot + (uint32_t)__builtin_ctz(found) : NO_SLOT;
}

struct fdb_place fdb_locate(const struct fdb *f, uint64_t hash)
{
	struct fdb_table *t = atomic_load_explicit(&f->table, memory_order_relaxed), *next;
	struct fdb_place at;

	for (;; t = next) {
		at.table = t;
		at.slot = find_in(f, t, hash, &at.free_slot);
		next = atomic_load_explicit(&t->next, memory_order_relaxed);
		if (at.slot != NO_SLOT || !next)
			return at;
	}
}

static uint64_t slot_flags(uint32_t flags)
{
	if (flags & FDB_LOCAL)
		flags |= FDB_STATIC;
	return (uint64_t)(flags & FDB_FLAGS) >> 16 << SLOT_FLAGS_SHIFT;
}

// An entry begins (by = 1) or ceases (by = -1) to be on a port, with the flags of its slot.
static void count_port(struct fdb *f, port_id_t port, uint64_t fields, uint32_t by)
{
	f->n_port[port] += by;
	if (!(fields & SLOT_STATIC))
		f->n_port_learned[port] += by;
}

void fdb_drop_entry(struct fdb *f, struct fdb_table *t, uint32_t slot)
{
	uint64_t old = slot_load(&t->slots[slot]);
	uint32_t home = fdb_slot_home(f, t, slot / SLOTS, old);
	fdb_key_t key = fdb_unhash(&f->mix, fdb_slot_hash(f, t, home, old));

	fdb_clear_slot(f, t, slot);
	count_port(f, (port_id_t)(old & f->layout.port_mask), old, (uint32_t)-1);
	f->n_vlan[fdb_key_vlan(key)]--;
	f->n_entries--;
}

static bool valid(const struct fdb *f, fdb_key_t key, port_id_t port)
{
	return port < f->max_ports && vlan_id_valid(fdb_key_vlan(key)) && !(key & 15) &&
	       key >> 16 && !(key >> 56 & 1);
}

static int insert(struct fdb *f, fdb_key_t key, uint64_t hash, const struct fdb_place *at,
	port_id_t port, uint64_t fields)
{
	int err = 0;

	if (f->n_entries >= f->max_entries) {
		f->stats.full++;
		return -ENOSPC;
	}
	// Growing may have taken the free slot.
	if (fdb_make_room(f) || at->free_slot == NO_SLOT)
		err = fdb_place_new(f, hash, fields | port);
	else
		fdb_place_at(f, at->table, at->free_slot, hash, fields | port);
	if (err) {
		f->stats.full++;
		return err;
	}
	count_port(f, port, fields, 1);
	f->n_vlan[fdb_key_vlan(key)]++;
	f->n_entries++;
	return 0;
}

// Give an entry that is there another port and flags, and count it as seen now.
static void change(struct fdb *f, slot_t *s, port_id_t port, uint64_t fields)
{
	uint64_t keep = ~(SLOT_FIELDS | f->layout.port_mask);
	uint64_t old = atomic_load_explicit(s, memory_order_relaxed);

	while (!atomic_compare_exchange_weak_explicit(
		s, &old, (old & keep) | fields | port, memory_order_release, memory_order_relaxed))
		;
	count_port(f, (port_id_t)(old & f->layout.port_mask), old, (uint32_t)-1);
	count_port(f, port, fields, 1);
}

int fdb_learn(struct fdb *f, fdb_key_t key, port_id_t port, port_id_t *old_port)
{
	uint64_t hash = fdb_hash(&f->mix, key), slot;
	struct fdb_place at;
	port_id_t was;
	slot_t *s;
	int err;

	if (!valid(f, key, port))
		return -EINVAL;
	at = fdb_locate(f, hash);
	if (at.slot == NO_SLOT) {
		if (f->n_port_learned[port] >= f->port_limit[port]) {
			f->stats.port_full++;
			return -EDQUOT;
		}
		err = insert(f, key, hash, &at, port, SLOT_SEEN);
		f->stats.learned += !err;
		return err ? err : FDB_NEW;
	}
	s = &at.table->slots[at.slot];
	slot = slot_load(s);
	was = (port_id_t)(slot & f->layout.port_mask);
	if (was == port) {
		if (!(slot & SLOT_SEEN))
			atomic_fetch_or_explicit(s, SLOT_SEEN, memory_order_relaxed);
		return FDB_REFRESHED;
	}
	if (old_port)
		*old_port = was;
	if (slot & (SLOT_STATIC | SLOT_STICKY)) {
		f->stats.refused++;
		return FDB_REFUSED;
	}
	if (f->n_port_learned[port] >= f->port_limit[port]) {
		f->stats.port_full++;
		return -EDQUOT;
	}
	change(f, s, port, SLOT_SEEN);
	f->stats.moved++;
	return FDB_MOVED;
}

void fdb_prefetch(const struct fdb *f, fdb_key_t key)
{
	const struct fdb_table *t = fdb_newest(f);
	uint32_t home = fdb_home(fdb_hash(&f->mix, key), t->n_buckets);

	__builtin_prefetch((const void *)&t->slots[(size_t)home * SLOTS], 1);
}

int fdb_add(struct fdb *f, fdb_key_t key, port_id_t port, uint32_t flags)
{
	uint64_t hash = fdb_hash(&f->mix, key), fields = slot_flags(flags) | SLOT_SEEN;
	struct fdb_place at;

	if (!valid(f, key, port) || flags & ~FDB_FLAGS)
		return -EINVAL;
	at = fdb_locate(f, hash);
	if (at.slot == NO_SLOT)
		return insert(f, key, hash, &at, port, fields);
	change(f, &at.table->slots[at.slot], port, fields);
	return 0;
}

int fdb_remove(struct fdb *f, fdb_key_t key)
{
	struct fdb_place at = fdb_locate(f, fdb_hash(&f->mix, key));

	if (key & 15 || at.slot == NO_SLOT)
		return -ENOENT;
	fdb_drop_entry(f, at.table, at.slot);
	f->stats.removed++;
	return 0;
}

// -- limits and counts --------------------------------------------------------------
int fdb_set_limit(struct fdb *f, uint32_t max_entries)
{
	if (!max_entries || max_entries > FDB_MAX_ENTRIES)
		return -EINVAL;
	f->max_entries = max_entries;
	return 0;
}

int fdb_set_port_limit(struct fdb *f, port_id_t port, uint32_t max_learned)
{
	if (port >= f->max_ports)
		return -EINVAL;
	f->port_limit[port] = max_learned;
	return 0;
}

size_t fdb_count(const struct fdb *f)
{
	return f->n_entries;
}

size_t fdb_count_port(const struct fdb *f, port_id_t port)
{
	return port < f->max_ports ? f->n_port[port] : 0;
}

size_t fdb_count_vlan(const struct fdb *f, vlan_id_t vlan)
{
	return vlan < N_VLANS ? f->n_vlan[vlan] : 0;
}

void fdb_stats(const struct fdb *f, struct fdb_stats *out)
{
	const struct fdb_table *t = atomic_load_explicit(&f->table, memory_order_relaxed);

	*out = f->stats;
	out->entries = f->n_entries;
	out->max_entries = f->max_entries;
	out->buckets = out->displaced = 0;
	out->memory_bytes = sizeof(*f) + (3 * (size_t)f->max_ports + N_VLANS) * sizeof(uint32_t);
	if (f->fresh)
		out->memory_bytes += f->fresh->bytes;
	for (; t; t = atomic_load_explicit(&t->next, memory_order_relaxed)) {
		out->buckets += t->n_buckets;
		out->displaced += t->n_displaced;
		out->memory_bytes += sizeof(*t) + t->bytes;
	}
}
