// SPDX-License-Identifier: BSD-3-Clause
// Control's side of neigh.h: a hash from (interface, address) to the number of the line, and per
// interface a list of its neighbours. All arrays are sized by the limit at creation and touched
// only as far as they are used; nothing is allocated later.
#include "dataplane/table/neigh.h"

#include <errno.h>
#include <linux/neighbour.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "dataplane/table/slots.h"

#define DEFAULT_ENTRIES (1u << 16)
#define STEP            1024 // lines written by one call
#define NUD_VALID       (NUD_PERMANENT | NUD_NOARP | NUD_REACHABLE | NUD_PROBE | NUD_STALE | NUD_DELAY)

struct entry {
	struct ip_addr addr;
	struct mac mac;
	bool is_known;
	uint16_t nud;
	uint16_t interface;
	uint32_t n_holds;
	uint32_t next;          // of the same hash, SLOT_NONE = last
	uint32_t after, before; // of the same interface
};

struct interface {
	struct neigh_interface is;
	bool is_up;
	uint32_t first;   // its neighbours
	uint32_t pending; // this one and those after it still have the old settings
};

struct neigh {
	struct adjacency *lines; // read by workers
	_Atomic uint8_t *used;   // written by workers
	struct entry *entries;   // by adjacency
	struct slots *slots;
	uint32_t *heads;
	uint32_t head_mask;
	uint32_t max_entries;
	uint64_t secret[2];
	unsigned n_pending; // interfaces
	unsigned step_at;
	struct neigh_stats stats;
	struct interface interfaces[NEIGH_MAX_INTERFACES];
};

// -- creation -----------------------------------------------------------------------
int neigh_create(struct neigh **out, const struct neigh_config *c)
{
	uint32_t max = c->max_entries ? c->max_entries : DEFAULT_ENTRIES, n_heads = 16;
	struct neigh *t;
	int err = -ENOMEM;

	if (max > NEIGH_MAX)
		return -EINVAL;
	while (n_heads < max)
		n_heads *= 2;
	t = mem_zalloc(sizeof(*t), CACHE_LINE);
	if (!t)
		return -ENOMEM;
	t->max_entries = max;
	t->head_mask = n_heads - 1;
	for (unsigned i = 0; i < NEIGH_MAX_INTERFACES; i++)
		t->interfaces[i].first = t->interfaces[i].pending = SLOT_NONE;
	if (c->hash_secret) {
		memcpy(t->secret, c->hash_secret, sizeof(t->secret));
	} else if (getrandom(t->secret, sizeof(t->secret), 0) != sizeof(t->secret)) {
		err = -errno;
		goto undo_table;
	}
	t->lines = mem_alloc((max + 1ull) * sizeof(*t->lines), CACHE_LINE);
	if (!t->lines)
		goto undo_table;
	memset((void *)&t->lines[0], 0, sizeof(t->lines[0]));
	t->used = mem_zalloc(max + 1ull, CACHE_LINE);
	if (!t->used)
		goto undo_lines;
	t->entries = mem_alloc((max + 1ull) * sizeof(*t->entries), 0);
	if (!t->entries)
		goto undo_used;
	t->heads = mem_alloc((size_t)n_heads * sizeof(*t->heads), CACHE_LINE);
	if (!t->heads)
		goto undo_entries;
	memset(t->heads, 0xff, (size_t)n_heads * sizeof(*t->heads));
	err = slots_create(&t->slots, 1, max, NULL, NULL);
	if (err)
		goto undo_heads;
	*out = t;
	return 0;

undo_heads:
	mem_free(t->heads);
undo_entries:
	mem_free(t->entries);
undo_used:
	mem_free((void *)t->used);
undo_lines:
	mem_free(t->lines);
undo_table:
	mem_free(t);
	return err;
}

void neigh_destroy(struct neigh *t)
{
	if (!t)
		return;
	slots_destroy(t->slots);
	mem_free(t->heads);
	mem_free(t->entries);
	mem_free((void *)t->used);
	mem_free(t->lines);
	mem_free(t);
}

const struct adjacency *neigh_lines(const struct neigh *t)
{
	return t->lines;
}

_Atomic uint8_t *neigh_used(const struct neigh *t)
{
	return t->used;
}

bool neigh_take_used(struct neigh *t, uint32_t adjacency)
{
	return atomic_exchange_explicit(&t->used[adjacency], 0, memory_order_relaxed);
}

// -- the key ------------------------------------------------------------------------
static bool valid(uint16_t interface, const struct ip_addr *a)
{
	static const struct ip_addr zero;
	static const uint8_t ones[4] = {255, 255, 255, 255};

	if (interface >= NEIGH_MAX_INTERFACES)
		return false;
	if (a->family == AF_INET)
		return memcmp(a->b, zero.b, 4) && memcmp(a->b, ones, 4) && (a->b[0] & 0xf0) != 0xe0;
	return a->family == AF_INET6 && memcmp(a->b, zero.b, 16) && a->b[0] != 0xff;
}

// The adjacency of the link itself: no neighbour has this address.
static bool is_link(uint16_t interface, const struct ip_addr *a)
{
	static const struct ip_addr zero;

	return interface < NEIGH_MAX_INTERFACES &&
	       (a->family == AF_INET || a->family == AF_INET6) &&
	       !memcmp(a->b, zero.b, a->family == AF_INET ? 4 : 16);
}

static size_t address_size(const struct ip_addr *a)
{
	return a->family == AF_INET ? 4 : 16;
}

// Keyed, as hosts on the link choose addresses: 64x64 -> 128-bit products, folded.
static uint32_t *head(const struct neigh *t, uint16_t interface, const struct ip_addr *a)
{
	uint64_t w[2] = {0};
	__uint128_t p;

	memcpy(w, a->b, address_size(a));
	p = (__uint128_t)(w[0] ^ t->secret[0]) * (w[1] ^ t->secret[1]);
	w[0] = (uint64_t)p ^ (uint64_t)(p >> 64);
	p = (__uint128_t)(w[0] ^ t->secret[1]) * (interface ^ t->secret[0] ^ a->family << 16);
	return &t->heads[((uint64_t)p ^ (uint64_t)(p >> 64)) & t->head_mask];
}

static uint32_t find(const struct neigh *t, uint16_t interface, const struct ip_addr *a)
{
	uint32_t i = SLOT_NONE;

	if (valid(interface, a) || is_link(interface, a))
		i = *head(t, interface, a);
	for (; i != SLOT_NONE; i = t->entries[i].next) {
		const struct entry *e = &t->entries[i];

		if (e->interface == interface && e->addr.family == a->family &&
			!memcmp(e->addr.b, a->b, address_size(a)))
			break;
	}
	return i;
}

// -- lines --------------------------------------------------------------------------
static void write_line(struct neigh *t, uint32_t i)
{
	const struct entry *e = &t->entries[i];
	const struct interface *f = &t->interfaces[e->interface];
	struct adjacency_config c = {
		e->mac, f->is.mac, f->is.is_tagged, f->is.vlan, f->is.port, f->is.mtu, true};

	c.is_unresolved = !e->is_known || !(e->nud & NUD_VALID) || mac_is_zero(e->mac) ||
			  mac_is_group(e->mac);
	adjacency_write(&t->lines[i], f->is_up ? &c : NULL);
	t->stats.writes++;
}

static int make(struct neigh *t, uint16_t interface, const struct ip_addr *a, uint32_t *out)
{
	struct interface *f = &t->interfaces[interface];
	uint32_t used = slots_end(t->slots), i = slots_take(t->slots), *h;
	struct entry *e;

	if (i == SLOT_NONE) {
		t->stats.full++;
		return -ENOSPC;
	}
	if (i >= used) // its first use; else it was left as exception
		memset((void *)&t->lines[i], 0, sizeof(t->lines[i]));
	h = head(t, interface, a);
	e = &t->entries[i];
	*e = (struct entry){
		.interface = interface, .next = *h, .after = f->first, .before = SLOT_NONE};
	e->addr.family = a->family;
	memcpy(e->addr.b, a->b, address_size(a));
	*h = i;
	if (f->first != SLOT_NONE)
		t->entries[f->first].before = i;
	f->first = i;
	write_line(t, i);
	*out = i;
	return 0;
}

static void set_pending(struct neigh *t, struct interface *f, uint32_t first)
{
	t->n_pending -= f->pending != SLOT_NONE;
	f->pending = first;
	t->n_pending += f->pending != SLOT_NONE;
}

// Nobody wants it any more: out of the lists now, its number free a grace period later. Its line
// says exception, as of every neighbour that the kernel does not know.
static void drop_if_unused(struct neigh *t, uint32_t i)
{
	struct entry *e = &t->entries[i];
	struct interface *f = &t->interfaces[e->interface];
	uint32_t *link;

	if (e->n_holds || e->is_known)
		return;
	for (link = head(t, e->interface, &e->addr); *link != i; link = &t->entries[*link].next)
		;
	*link = e->next;
	if (f->pending == i)
		set_pending(t, f, e->after);
	if (e->before != SLOT_NONE)
		t->entries[e->before].after = e->after;
	else
		f->first = e->after;
	if (e->after != SLOT_NONE)
		t->entries[e->after].before = e->before;
	slots_retire(t->slots, i);
}

// -- interfaces -----------------------------------------------------------------------
int neigh_set_interface(struct neigh *t, uint16_t interface, const struct neigh_interface *is)
{
	struct interface *f;

	if (interface >= NEIGH_MAX_INTERFACES)
		return -EINVAL;
	if (is && (mac_is_zero(is->mac) || mac_is_group(is->mac) || is->vlan > VLAN_MAX ||
			  (is->is_tagged && !is->vlan) || is->port == PORT_NONE || !is->mtu))
		return -EINVAL;
	f = &t->interfaces[interface];
	f->is_up = is;
	if (is)
		f->is = *is;
	set_pending(t, f, f->first);
	neigh_step(t);
	return 0;
}

bool neigh_step(struct neigh *t)
{
	unsigned budget = STEP;

	while (t->n_pending && budget) {
		struct interface *f = &t->interfaces[t->step_at];
		uint32_t i = f->pending;

		if (i == SLOT_NONE) {
			t->step_at = (t->step_at + 1) % NEIGH_MAX_INTERFACES;
			continue;
		}
		for (; i != SLOT_NONE && budget; budget--) {
			write_line(t, i);
			i = t->entries[i].after;
		}
		set_pending(t, f, i);
	}
	return t->n_pending;
}

// -- neighbours -----------------------------------------------------------------------
int neigh_hold(struct neigh *t, uint16_t interface, const struct ip_addr *a, uint32_t *adjacency)
{
	uint32_t i;
	int err;

	if (!valid(interface, a) && !is_link(interface, a))
		return -EINVAL;
	i = find(t, interface, a);
	if (i == SLOT_NONE) {
		err = make(t, interface, a, &i);
		if (err)
			return err;
	}
	t->entries[i].n_holds++;
	*adjacency = i;
	return 0;
}

void neigh_hold_more(struct neigh *t, uint32_t adjacency)
{
	t->entries[adjacency].n_holds++;
}

void neigh_put(struct neigh *t, uint32_t adjacency)
{
	t->entries[adjacency].n_holds--;
	drop_if_unused(t, adjacency);
}

int neigh_update(struct neigh *t, uint16_t interface, const struct ip_addr *a, uint16_t nud,
	const struct mac *mac)
{
	struct mac m = mac ? *mac : (struct mac){{0}};
	struct entry *e;
	uint32_t i;
	int err;

	if (!valid(interface, a))
		return -EINVAL;
	i = find(t, interface, a);
	if (i == SLOT_NONE) {
		err = make(t, interface, a, &i);
		if (err)
			return err;
	}
	e = &t->entries[i];
	// The kernel repeats itself: reachable, stale, delay, probe are all the same to a worker.
	if (e->is_known && mac_equal(e->mac, m) && !(e->nud & NUD_VALID) == !(nud & NUD_VALID)) {
		e->nud = nud;
		return 0;
	}
	e->is_known = true;
	e->nud = nud;
	e->mac = m;
	write_line(t, i);
	return 0;
}

int neigh_remove(struct neigh *t, uint16_t interface, const struct ip_addr *a)
{
	uint32_t i = find(t, interface, a);
	struct entry *e;

	if (i == SLOT_NONE || !t->entries[i].is_known)
		return -ENOENT;
	e = &t->entries[i];
	e->is_known = false;
	e->nud = 0;
	e->mac = (struct mac){{0}};
	write_line(t, i);
	drop_if_unused(t, i);
	return 0;
}

// -- what is there ----------------------------------------------------------------------
static void tell(const struct neigh *t, uint32_t i, struct neigh_entry *out)
{
	const struct entry *e = &t->entries[i];

	*out = (struct neigh_entry){
		e->interface, e->addr, i, e->n_holds, e->is_known, e->nud, e->mac};
}

int neigh_find(
	const struct neigh *t, uint16_t interface, const struct ip_addr *a, struct neigh_entry *out)
{
	uint32_t i = find(t, interface, a);

	if (i == SLOT_NONE)
		return -ENOENT;
	tell(t, i, out);
	return 0;
}

size_t neigh_walk(const struct neigh *t, uint16_t interface, uint32_t *cursor,
	struct neigh_entry *out, size_t max)
{
	uint32_t end = slots_end(t->slots), i = *cursor ? *cursor : 1;
	uint32_t stop = end - MIN(i, end) > 16 * STEP ? i + 16 * STEP : end;
	size_t n = 0;

	for (; i < stop && n < max; i++) {
		const struct entry *e = &t->entries[i];

		if ((e->n_holds || e->is_known) &&
			(interface >= NEIGH_MAX_INTERFACES || e->interface == interface))
			tell(t, i, &out[n++]);
	}
	*cursor = i < end ? i : NEIGH_WALK_END;
	return n;
}

void neigh_stats(const struct neigh *t, struct neigh_stats *out)
{
	*out = t->stats;
	out->entries = slots_taken(t->slots);
	out->max_entries = t->max_entries;
	out->memory_bytes =
		sizeof(*t) + slots_bytes(t->slots) +
		(t->max_entries + 1ull) * (sizeof(*t->lines) + sizeof(*t->entries) + 1) +
		(t->head_mask + 1ull) * sizeof(*t->heads);
}
