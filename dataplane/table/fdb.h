// SPDX-License-Identifier: BSD-3-Clause
// Forwarding database: (VLAN, MAC) -> port, flags, age.
//
// Readers: any worker on its RCU read side, whole bursts at a time. A lookup touches one
//          cache line in the common case, and never misses an entry that is there, also
//          while the table grows.
// Writer:  the control thread only. Workers tell it by a ring what fdb_source_bulk()
//          returned as not known; it calls fdb_learn().
// Workers' one write: the "seen" mark of a source's entry, when it is not set yet.
// Memory:  nothing that is returned points into the table. Outgrown tables go to rcu_retire().
// Time:    passed in (ns, any monotonic clock), never read inside. No call blocks; each is
//          bounded (fdb_flush() by one pass over the table, the others by far less than 2 ms).
// Hash:    keyed by a secret of the table's own, so nobody can choose MACs that collide.
#pragma once

#include <stdbool.h>

#include "base/compiler.h"
#include "base/net.h"

#define FDB_BURST       64   // most keys of a bulk call
#define FDB_MAX_PORTS   4096 // port ids are below this
#define FDB_MAX_ENTRIES (64u << 20)

// The MAC in the 48 high bits (first byte highest), then 12 bits VLAN, then 4 zero bits.
typedef uint64_t fdb_key_t;

static fast_inline fdb_key_t fdb_key(vlan_id_t vlan, struct mac mac)
{
	return mac_to_u64(mac) << 16 | (uint64_t)(vlan & 0xfff) << 4;
}

// The same from a MAC inside a frame by one load: 8 bytes from `mac` must be readable.
static fast_inline fdb_key_t fdb_key_in_frame(vlan_id_t vlan, const void *mac)
{
	uint64_t v;

	memcpy(&v, mac, sizeof(v));
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	v = __builtin_bswap64(v);
#endif
	return (v & ~0xffffull) | (uint64_t)vlan << 4;
}

static inline struct mac fdb_key_mac(fdb_key_t key)
{
	return mac_from_u64(key >> 16);
}

static inline vlan_id_t fdb_key_vlan(fdb_key_t key)
{
	return key >> 4 & 0xfff;
}

// What a lookup gives: FDB_MISS, or the port in the 16 low bits and flags above.
typedef uint32_t fdb_hit_t;
#define FDB_MISS   UINT32_MAX
#define FDB_STATIC (1u << 16) // configured: never ages, no learning moves it
#define FDB_STICKY (1u << 17) // no learning moves it, but it may age
#define FDB_LOCAL  (1u << 18) // the switch's own MAC; implies FDB_STATIC
#define FDB_FLAGS  (FDB_STATIC | FDB_STICKY | FDB_LOCAL)

static fast_inline port_id_t fdb_hit_port(fdb_hit_t hit)
{
	return (port_id_t)hit;
}

struct fdb;

// -- worker side, n <= FDB_BURST -----------------------------------------------
// Destinations. A group MAC is never in the table: FDB_MISS.
void fdb_lookup_bulk(const struct fdb *, const fdb_key_t *keys, fdb_hit_t *hits, unsigned n);

// Sources of frames that came in on `ingress`. Marks the entries of that port as seen.
// Bit i of the result is set when control should hear of key i: it is not in the table, or it is
// there with another port (hits[i] tells; whether static or sticky entries are worth an event
// is the caller's business). 0, the common case: nothing to learn.
uint64_t fdb_source_bulk(
	struct fdb *, const fdb_key_t *keys, port_id_t ingress, fdb_hit_t *hits, unsigned n);

// Both at once, so that their cache misses overlap. Returns what fdb_source_bulk() does.
uint64_t fdb_both_bulk(struct fdb *, const fdb_key_t *src, port_id_t ingress, fdb_hit_t *src_hits,
	const fdb_key_t *dst, fdb_hit_t *dst_hits, unsigned n);

// -- control side: 0 or negative errno ------------------------------------------
struct fdb_config {
	uint32_t max_entries;        // 0 = 1M (1 << 20); at most FDB_MAX_ENTRIES
	uint32_t max_ports;          // 0 = FDB_MAX_PORTS. A smaller number permits a smaller table
	uint64_t ageing_ns;          // see fdb_set_ageing()
	const uint64_t *hash_secret; // 3 words for tests and benches; NULL = from getrandom()
};

int fdb_create(struct fdb **out, const struct fdb_config *); // -EINVAL, -ENOMEM, getrandom's
void fdb_destroy(struct fdb *);                              // no reader may be left; NULL is fine

enum fdb_learned {
	FDB_NEW,       // was not there
	FDB_REFRESHED, // was there with this port
	FDB_MOVED,     // was at *old_port
	FDB_REFUSED,   // static or sticky at *old_port: unchanged
};

// enum fdb_learned, or -ENOSPC at the total limit (or no memory to grow and no room),
// -EDQUOT at the port's limit, -EINVAL for a group or zero MAC, VLAN 0 or 4095, or port. On error
// the table is unchanged; an entry that would move to a port at its limit stays.
// old_port may be NULL; it is set for FDB_MOVED and FDB_REFUSED.
int fdb_learn(struct fdb *, fdb_key_t, port_id_t, port_id_t *old_port);

// A hint that fdb_learn() or fdb_add() of this key follows soon: with a batch of observations in
// hand, prefetch all, then learn all, and their cache misses overlap.
void fdb_prefetch(const struct fdb *, fdb_key_t);

// Insert or overwrite by the administrator's will; flags of FDB_FLAGS, 0 = as if learned. The
// port's limit counts learned entries only, so it does not apply here. Errors as fdb_learn().
int fdb_add(struct fdb *, fdb_key_t, port_id_t, uint32_t flags);
int fdb_remove(struct fdb *, fdb_key_t); // -ENOENT

// Entries are chosen by a filter; FDB_ANY chooses all.
struct fdb_filter {
	port_id_t port;      // PORT_NONE = any
	vlan_id_t vlan;      // 0 = any
	uint32_t flags_mask; // (flags & flags_mask) == flags_value
	uint32_t flags_value;
};
#define FDB_ANY     ((struct fdb_filter){.port = PORT_NONE})
#define FDB_DYNAMIC ((struct fdb_filter){.port = PORT_NONE, .flags_mask = FDB_STATIC})

// Remove what the filter chooses; returns how many. Stops early at the last one of a port or VLAN.
size_t fdb_flush(struct fdb *, const struct fdb_filter *);

struct fdb_entry {
	fdb_key_t key;
	port_id_t port;
	uint32_t flags;  // of FDB_FLAGS
	uint64_t age_ns; // since last seen, too low by at most one period of fdb_age()
};

int fdb_find(const struct fdb *, fdb_key_t, uint64_t now_ns, struct fdb_entry *out); // -ENOENT

// One page of a walk: up to `max` chosen entries, in no useful order; returns how many. *cursor is
// 0 at first and FDB_WALK_END after the last page; a page may be short, or empty, before the end.
// Entries that stay during the whole walk come exactly once, also when the table grows meanwhile.
#define FDB_WALK_END UINT64_MAX
size_t fdb_walk(const struct fdb *, const struct fdb_filter *, uint64_t *cursor, uint64_t now_ns,
	struct fdb_entry *out, size_t max);

// Entries not seen for this long disappear, at the latest 1/8 later; 0 = never. Marks are collected
// in passes, one per period of ageing/20 (15 s when ageing is off): 15 s at the usual 300 s.
void fdb_set_ageing(struct fdb *, uint64_t ageing_ns);

// A bounded piece of ageing and growing. Call it at least 20 times per period, and again at
// once (or in the next loop) while it returns true: a pass is not finished.
bool fdb_age(struct fdb *, uint64_t now_ns);

int fdb_set_limit(struct fdb *, uint32_t max_entries); // below the count: no new ones
int fdb_set_port_limit(struct fdb *, port_id_t, uint32_t max_learned); // UINT32_MAX = none

size_t fdb_count(const struct fdb *);
size_t fdb_count_port(const struct fdb *, port_id_t);
size_t fdb_count_vlan(const struct fdb *, vlan_id_t);

struct fdb_stats {
	uint64_t entries, max_entries, memory_bytes; // all of the table, control's part too
	uint64_t buckets, displaced;                 // entries in their second bucket
	uint64_t learned, moved, refused, removed, aged, full, port_full, grown;
};
void fdb_stats(const struct fdb *, struct fdb_stats *);
