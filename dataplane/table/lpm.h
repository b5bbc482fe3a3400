// SPDX-License-Identifier: BSD-3-Clause
// Private to fib.c, lpm*.c and their tests: longest prefix match for one address family.
//
// A trie with a stride of 8 bits. Workers read *blocks*; control keeps for each block a *node*
// with the block's routes, from which the block is built anew when they change.
//
//	root: an array by the first bits of the address. Entry: LPM_DIRECT | next hop, or the
//	      block or page for longer prefixes.
//	block at byte d: 256 slots by the address's byte d, cut in runs of equal value. A bitmap
//	      says where runs begin; popcount of the bits up to the slot is the run's number;
//	      leaf[number] is its value: next hop, or LPM_CHILD | k for the k-th child, or 0:
//	      leaf[0], which is what the block inherits from shorter prefixes.
//	page: IPv4: the values of 128 slots of byte 2, one by one and with what they inherit.
//	array: IPv4, large tables: a byte with the answer of each /24 (lpm_flat.c).
//	index: from the first four or five bytes (IPv4: three) to the block, past the levels above
//	      (lpm_index.c).
//
// The root has 8 bits in a small table, so that an empty one costs 1 KiB, and 17 (IPv4) or 16
// (IPv6) in others. With 17 bits its entries lead to pages: an IPv4 address that matches a /24 or
// shorter touches two cache lines, with the array one. IPv6 blocks carry their whole prefix, so
// that levels without a branch or route are skipped; the few IPv4 levels are not.
//
// Why this, and not another: cycles per address (bursts of 32, 2.6 GHz TSC, Zen 5) for a hot set of
// 1k and of 10k addresses, a million destinations, uniformly random and Zipf, with the Internet's
// million IPv4 routes. Quiet machine, nothing else in the caches:
//	rte_fib, DIR-24-8 of two bytes, AVX-512     32 MiB   2.0   2.6   4.1  10.4   3.7
//	rte_lpm, DIR-24-8 of four bytes             64 MiB   1.7   2.6   5.0    16   3.2
//	root of 16 bits, bitmap blocks (as Poptrie)  8 MiB   6.5   8.5
//	root of 18 bits, bitmaps of 64 slots        10 MiB   3.9   4.9   5.9   4.8   5.6
//	root of 17 bits, pages, two gathers         19 MiB   3.4   4.4   6.0   5.1   5.1
// What counts there is the number of cache lines that an address touches, then whether a branch
// must wait for them: bitmaps save memory that the caches hold anyway. But on a machine whose last
// cache others use too, in turn with the peers (table_bench --filter "fib4 lookup, 1M"):
//	the better of rte_lpm and rte_fib                    1.8   2.8  12.0  14.7  10.4
//	a bare loop of one load from 32 MiB                  1.6   2.2   9.0  13.1   8.5
//	root of 17 bits, pages, two gathers         22 MiB   3.7   5.0    17    16    15
//	root of 17 bits, pages, one gather, loads   22 MiB   3.3   4.7    16    12    11
//	the array before these, in bytes            39 MiB   1.8   2.0   8.3   9.8   8.5   <- this
// Two misses one after the other cost more than twice one: pages push the root out of the near
// cache, and while the first miss is waited for, the others do not begin. One load from an array of
// two bytes would be the least that DIR-24-8 can do; bytes halve what competes for the caches.
//
// IPv6, the same columns with 200k routes, in turn (table_bench --filter "fib6 lookup, 200k"). The
// better of the peers is always rte_fib6:
//	rte_fib6                                              11    23    88   9.0    66
//	the trie and indexes by 32 and 40 bits                19    23    35   6.6    37
//	the same, eight addresses at a time                 13.6  17.5    34   6.5    32   <- this
//	the keys, and one line of memory as large            3.0   6.0    26          21
// An index by 32 bits alone was 1.3 to 2 times as slow. The goal, 0.4 of the better peer, is met
// with a million destinations among 200k routes (0.36 to 0.40), and nowhere else: 1.2, 0.76 for the
// hot sets, 0.7 uniform, 0.5 Zipf. Among 500k: 1.04, 0.8, 0.58, 0.7, 0.65. Among 10k, where the
// peer's table fits the near cache: 1.2 to 1.4, 1.1, 1.0, 1.2, 1.0.
//
// Why not more. A hot address costs 3 cycles in any case, to read it and one line. Then the root
// and the two indexes cost about 4, the block about 4, and second blocks 2: one address in 25 has
// one, so that the CPU guesses wrong in every other burst. Cold ones touch up to four lines: two
// buckets and the block's head and leaf. They cannot have 0.4 where one line costs 0.3, as it does
// above and among 500k. An index whose entries are the answer where a block has only one would save
// lines; control would have to keep track of which. Among 10k the last line of the table is 2.8,
// 4.8, 11 and 16 (Zipf): 0.25, 0.37, 0.7 and 1.1 of the peer.
//
// Why every lookup sees one state of the table: a block or page does not change once it is
// published, but for words that are stored as a whole: a child's reference, a root's entry, and a
// value that is inherited. The answer for an address is decided by one word of the deepest block,
// or by its byte of the array, which is stored as a whole, too, and follows after the blocks. A
// reader may come by words that are out of date, but only in a block replaced after it came there,
// and they stay as they were at that moment, because changes go to the replacement.
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"
#include "base/rcu.h"
#include "dataplane/table/fib.h"

#define LPM_LINE      64     // blocks begin at a cache line
#define LPM_REF_UNIT  8      // references count these from the arena's start
#define LPM_CHILD     0xff00 // leaf values from here are children
#define LPM_DIRECT    (1u << 31)
#define LPM_MAX_ORDER 5 // largest block: 64 << 5 bytes

static_assert(FIB_MAX_NEXTHOP < LPM_CHILD, "a next hop is no child");

// Workers' block. IPv4: bits, tail. IPv6: bits, prefix, tail. Behind the leaves, at byte
// 4 * children, stand the children's references.
struct lpm_tail {
	uint8_t before[4]; // runs that begin in the words before this one; [0] = 0
	uint8_t children;
	uint8_t depth; // in bytes
	_Atomic uint16_t leaf[];
};

#define LPM_TAIL4      32
#define LPM_TAIL6      48
#define LPM_BLOCK_SIZE (LPM_TAIL6 + sizeof(struct lpm_tail) + 2 * 257 + 4 * 257) // at most

// A page is as large as its children need. A leaf is CHILD | k here too, counted in the page.
#define LPM_ROOT4_BITS 17
#define LPM_N_PAGES    (1u << (LPM_ROOT4_BITS - 16)) // of a node
#define LPM_PAGE_SLOTS (256 / LPM_N_PAGES)

struct lpm_page {
	_Atomic uint16_t leaf[LPM_PAGE_SLOTS];
	_Atomic uint32_t child[];
};

// IPv4, large tables: the answer of each /24, or LPM_FLAT_DEEPER. See lpm_flat.c.
#define LPM_FLAT_DEEPER 0xffu

struct lpm_flat {
	struct rcu_retired retired;
	cache_aligned _Atomic uint8_t leaf[1u << 24];
};

// See lpm_index.c. Two buckets in the one that stands for "none".
#define LPM_INDEX_SLOTS 8

struct lpm_index {
	struct rcu_retired retired;
	uint32_t shift; // buckets: 2^(64 - shift)
	uint32_t n_used;
	cache_aligned _Atomic uint64_t slot[]; // tag, reference
};

// The first 24 bits (IPv4), 32 or 40 bits (IPv6) of an address, at the top of a word, turned into
// 40 bits there. Different keys stay different, because multiplying by an odd number can be undone.
// The first 8 or more of these bits are the bucket's number, the last 32 the tag.
static fast_inline uint64_t lpm_index_hash(uint64_t key)
{
	return key * 0x9e3779b97f4a7c15ull;
}

static fast_inline _Atomic uint64_t *lpm_index_bucket(struct lpm_index *x, uint64_t hash)
{
	return &x->slot[(size_t)(hash >> x->shift) * LPM_INDEX_SLOTS];
}

static fast_inline uint32_t lpm_index_tag(uint64_t hash)
{
	return (uint32_t)(hash >> 24);
}

#define LPM_INDEX_KEY4(addr)      ((uint64_t)(addr) >> 8 << 40)
#define LPM_INDEX_KEY6(high, nth) ((high) & ~0ull << ((nth) ? 24 : 32))
#define LPM_N_INDEXES             2 // IPv6: by 32 and by 40 bits. IPv4 has the first one

struct lpm_root {
	struct rcu_retired retired;
	uint32_t bits; // 8; IPv4: LPM_ROOT4_BITS; IPv6: 16
	_Atomic(struct lpm_index *) index[LPM_N_INDEXES];
	_Atomic(struct lpm_flat *) flat; // NULL = none
	_Atomic uint32_t entry[];
};

static fast_inline struct lpm_tail *lpm_tail(const void *block, bool ip6)
{
	return (struct lpm_tail *)((char *)block + (ip6 ? LPM_TAIL6 : LPM_TAIL4));
}

static fast_inline _Atomic uint32_t *lpm_child(const void *block, bool ip6, unsigned k)
{
	return (_Atomic uint32_t *)((char *)block + 4 * lpm_tail(block, ip6)->children) + k;
}

// A route in its node: bits d..d+7 of the address, and how many of them count.
struct lpm_route {
	uint8_t bits;
	uint8_t len; // 1..8; 0 for the default route only
	uint16_t nexthop;
};

// Control's side of a block. Of variable size: routes in order of (bits, len), then children and
// their slots in the order of the block's references.
struct lpm_node {
	uint32_t ref; // the block; 0 = none, workers have entries of the root instead
	uint16_t inherit;
	uint16_t n_routes;
	uint16_t n_children;
	uint8_t depth; // in bytes
	struct lpm_route routes[];
};

// A node taken apart for a change. 511 prefixes and 256 children are the most there can be.
struct lpm_edit {
	uint8_t prefix[16]; // IPv6: of the block
	uint16_t inherit;
	uint16_t n_routes;
	uint16_t n_children;
	uint8_t depth;
	struct lpm_route routes[512];
	struct lpm_node *child[256];
	uint8_t slot[256];
};

// -- memory of blocks: lpm_arena.c --------------------------------------------------
struct lpm_chunk;

struct lpm_arena {
	char *base; // workers: one piece of address space. Reference 0 is the empty block
	size_t reserved;
	struct lpm_chunk **chunk;
	uint32_t n_chunks, max_chunks;
	uint32_t free_list[LPM_MAX_ORDER + 1]; // references, 0 = end
	uint64_t bytes, side_bytes;            // workers' memory; what control keeps beside it
	uint64_t used_lines, n_blocks, n_retired;

	// Lists of replaced blocks: not yet in a grace period, in one, and free to be used again.
	uint32_t waiting, grace, ready;
	bool in_grace;
	bool dead; // destroyed, but the grace period has not ended
	struct rcu_retired retired;
};

static fast_inline void *lpm_at(char *base, uint32_t ref)
{
	return base + (size_t)ref * LPM_REF_UNIT;
}

int lpm_arena_create(struct lpm_arena **out, uint64_t max_bytes);
void lpm_arena_destroy(struct lpm_arena *);
uint32_t lpm_block_alloc(struct lpm_arena *, size_t size); // 0 = no memory
void lpm_block_free(struct lpm_arena *, uint32_t ref);     // that no reader has seen
void lpm_block_retire(struct lpm_arena *, uint32_t ref);   // that readers may still use
void lpm_arena_grace(struct lpm_arena *);                  // after a change: begin a grace period

// -- the table: lpm.c, lpm_build.c, lpm_change.c ---------------------------------------
struct lpm_ops {
	const char *name;
	void (*lookup4)(
		const struct lpm_root *, char *base, const uint32_t *, fib_nexthop_t *, unsigned n);
	void (*lookup6)(const struct lpm_root *, char *base, const uint8_t (*)[16], fib_nexthop_t *,
		unsigned n);
};

// What this CPU can do, the plainest (the scalar twin) first; NULL after the last. Tests try all.
const struct lpm_ops *lpm_ops_nth(unsigned nth);

struct lpm {
	_Atomic(struct lpm_root *) root; // workers
	char *base;                      // workers: the arena's
	struct lpm_arena *arena;
	bool ip6;

	// Control's own.
	struct lpm_node *top; // at depth 0
	uint32_t n_routes, max_routes;
	uint32_t n_wide;       // routes with a next hop that has no place in a byte
	uint32_t flat_above;   // routes; tests set it
	uint32_t flat_pages;   // of the root's, that `flat` knows
	struct lpm_flat *flat; // also while it is made
	uint64_t node_bytes;
	uint64_t full, no_memory;
	struct lpm_edit edit[3]; // for the change in progress
	struct lpm_node *fresh;  // the node of lines that it made, and its root entries
	uint32_t fresh_entry[LPM_N_PAGES];
};

// An address or prefix of either family, first byte first; IPv4 uses four bytes.
struct lpm_key {
	uint8_t b[16];
	uint8_t len;
};

int lpm_create(struct lpm **out, bool ip6, uint32_t max_routes);
void lpm_destroy(struct lpm *);
size_t lpm_root_bytes(const struct lpm *);

// One change of the run of changes that lpm_change() makes together.
struct lpm_op {
	uint8_t len;
	uint8_t bits;     // of the byte that the prefix ends in
	uint16_t nexthop; // 0 = remove
	int *result;
};

#define LPM_MAX_RUN 256
// Changes of prefixes that have the same node: equal up to the byte before the one they end in.
void lpm_change(struct lpm *, const struct lpm_key *, const struct lpm_op *, unsigned n);

int lpm_find(const struct lpm *, const struct lpm_key *, uint16_t *nexthop);
int lpm_match(const struct lpm *, const struct lpm_key *, uint8_t *len, uint16_t *nexthop);
size_t lpm_walk(const struct lpm *, const struct lpm_key *after, struct fib_route *, size_t max);

// The byte at which the node of prefixes of this length stands.
static inline unsigned lpm_node_depth(unsigned len)
{
	return len ? (len - 1) / 8 : 0;
}

// -- the shortcuts: lpm_index.c, lpm_flat.c ----------------------------------------------------
struct lpm_index *lpm_index_none(void);
size_t lpm_index_bytes(const struct lpm *);
// The reference that the index has for the first bits of this address, 0 = none.
uint32_t lpm_index_find(const struct lpm *, unsigned nth, const struct lpm_key *);
void lpm_index_drop(struct lpm_root *, bool readers); // the root's; readers may still use them
// A node got this place below `parent`; it goes; all below the top that belong in the index.
// `key` begins with the node's prefix.
void lpm_index_node(struct lpm *, const struct lpm_node *parent, const struct lpm_node *node,
	const struct lpm_key *key);
void lpm_unindex_node(struct lpm *, const struct lpm_node *node, const struct lpm_key *key);
void lpm_index_all(struct lpm *);

// The array follows the root's entry, or one leaf of the page that this leads to.
void lpm_flat_entry(struct lpm *, const struct lpm_root *, uint32_t index);
void lpm_flat_leaf(struct lpm *, uint32_t index, unsigned slot, uint16_t value);
void lpm_flat_drop(struct lpm *);
void lpm_fit_flat(struct lpm *); // as the number of routes wants, if there is memory

// -- nodes and blocks: lpm_build.c --------------------------------------------------------
struct lpm_node **lpm_children(const struct lpm_node *);
const uint8_t *lpm_slots(const struct lpm_node *);       // of its children
int lpm_child_at(const struct lpm_node *, uint8_t slot); // index or -1
void lpm_open(const struct lpm *, struct lpm_edit *, const struct lpm_node *);
struct lpm_node *lpm_pack(struct lpm *, const struct lpm_edit *); // without block; NULL = no memory
uint32_t lpm_build(struct lpm *, const struct lpm_edit *);        // 0 = no memory
// Root entries for the lines that have slots of lo..hi-1, 0 for the others. False = no memory.
bool lpm_build_pages(struct lpm *, const struct lpm_edit *, unsigned lo, unsigned hi,
	uint32_t entry[LPM_N_PAGES]);
void lpm_node_free(struct lpm *, struct lpm_node *); // not its block or children
void lpm_add_child(struct lpm_edit *, uint8_t slot, struct lpm_node *);
void lpm_drop_child(struct lpm_edit *, uint8_t slot);
// Values by slot as the routes say; 0 where none does.
void lpm_paint(const struct lpm_route *, unsigned n, uint16_t value[256]);
uint16_t lpm_value_at(const struct lpm_route *, unsigned n, uint8_t slot);
