// SPDX-License-Identifier: BSD-3-Clause
// The forwarding information base as workers and control see it: two LPM tables and the checks
// that stand before them.
#include "dataplane/table/fib.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "dataplane/table/lpm.h"

#define DEFAULT_ROUTES4 (2u << 20)
#define DEFAULT_ROUTES6 (1u << 20)

struct fib {
	struct lpm *ip4, *ip6;
	const struct lpm_ops *ops; // of this CPU
};

// -- worker side ---------------------------------------------------------------------
void fib_lookup4_bulk(const struct fib *f, const uint32_t *addrs, fib_nexthop_t *nh, unsigned n)
{
	struct lpm_root *root = atomic_load_explicit(&f->ip4->root, memory_order_acquire);

	f->ops->lookup4(root, f->ip4->base, addrs, nh, n);
}

void fib_lookup6_bulk(
	const struct fib *f, const uint8_t (*addrs)[16], fib_nexthop_t *nh, unsigned n)
{
	struct lpm_root *root = atomic_load_explicit(&f->ip6->root, memory_order_acquire);

	f->ops->lookup6(root, f->ip6->base, addrs, nh, n);
}

// -- control side -----------------------------------------------------------------------
int fib_create(struct fib **out, const struct fib_config *c)
{
	uint32_t max4 = c && c->max_routes4 ? c->max_routes4 : DEFAULT_ROUTES4;
	uint32_t max6 = c && c->max_routes6 ? c->max_routes6 : DEFAULT_ROUTES6;
	const struct lpm_ops *ops;
	struct fib *f;
	int err;

	if (max4 > FIB_MAX_ROUTES || max6 > FIB_MAX_ROUTES)
		return -EINVAL;
	f = mem_zalloc(sizeof(*f), 0);
	if (!f)
		return -ENOMEM;
	for (unsigned i = 0; (ops = lpm_ops_nth(i)); i++)
		f->ops = ops;
	err = lpm_create(&f->ip4, false, max4);
	if (!err)
		err = lpm_create(&f->ip6, true, max6);
	if (err) {
		fib_destroy(f);
		return err;
	}
	*out = f;
	return 0;
}

void fib_destroy(struct fib *f)
{
	if (!f)
		return;
	lpm_destroy(f->ip4);
	lpm_destroy(f->ip6);
	mem_free(f);
}

static struct lpm *of_family(const struct fib *f, int family)
{
	return family == AF_INET ? f->ip4 : family == AF_INET6 ? f->ip6 : NULL;
}

// The table and key of a canonical prefix; NULL when it is none.
static struct lpm *key_of(const struct fib *f, const struct ip_prefix *p, struct lpm_key *key)
{
	struct lpm *t = of_family(f, p->addr.family);
	unsigned max = t && t->ip6 ? 16 : 4, byte = p->len / 8;

	if (!t || p->len > 8 * max)
		return NULL;
	memset(key, 0, sizeof(*key));
	memcpy(key->b, p->addr.b, max);
	key->len = p->len;
	if (byte < max && key->b[byte] & 0xffu >> p->len % 8)
		return NULL;
	while (++byte < max)
		if (key->b[byte])
			return NULL;
	return t;
}

static struct lpm_op op_of(const struct lpm_key *key, fib_nexthop_t nexthop, int *result)
{
	unsigned depth = lpm_node_depth(key->len);

	return (struct lpm_op){(uint8_t)(key->len - 8 * depth), key->len ? key->b[depth] : 0,
		(uint16_t)nexthop, result};
}

static int change_one(struct fib *f, const struct ip_prefix *p, fib_nexthop_t nexthop)
{
	struct lpm_key key;
	struct lpm *t = key_of(f, p, &key);
	int result = 0;
	struct lpm_op op;

	if (!t)
		return -EINVAL;
	if (nexthop > FIB_MAX_NEXTHOP) {
		t->full++;
		return -ENOSPC;
	}
	op = op_of(&key, nexthop, &result);
	lpm_change(t, &key, &op, 1);
	return result;
}

int fib_set(struct fib *f, const struct ip_prefix *p, fib_nexthop_t nexthop)
{
	return nexthop == FIB_NO_ROUTE ? -EINVAL : change_one(f, p, nexthop);
}

int fib_remove(struct fib *f, const struct ip_prefix *p)
{
	return change_one(f, p, FIB_NO_ROUTE);
}

// -- many changes -------------------------------------------------------------------------
// Changes are taken in the order of their nodes, so that each node is made anew once.
struct item {
	uint64_t order; // depth of the node, then the address's first 60 bits
	size_t index;
};

#define DIGIT_BITS 11
#define N_DIGITS   6

static bool sorted(const struct item *item, size_t n)
{
	for (size_t i = 1; i < n; i++)
		if (item[i - 1].order > item[i].order)
			return false;
	return true;
}

// By digits from the lowest, each pass stable. Returns where the result is.
static struct item *sort(struct item *item, struct item *spare, size_t n)
{
	for (unsigned d = 0; d < N_DIGITS; d++) {
		uint32_t count[1u << DIGIT_BITS] = {0}, at = 0;
		unsigned shift = d * DIGIT_BITS;
		struct item *swap = item;

		for (size_t i = 0; i < n; i++)
			count[item[i].order >> shift & (ARRAY_SIZE(count) - 1)]++;
		if (count[item[0].order >> shift & (ARRAY_SIZE(count) - 1)] == n)
			continue;
		for (unsigned i = 0; i < ARRAY_SIZE(count); i++) {
			uint32_t c = count[i];

			count[i] = at;
			at += c;
		}
		for (size_t i = 0; i < n; i++)
			spare[count[item[i].order >> shift & (ARRAY_SIZE(count) - 1)]++] = item[i];
		item = spare;
		spare = swap;
	}
	return item;
}

static uint64_t order_of(const struct lpm_key *key)
{
	uint64_t address = 0;

	for (unsigned i = 0; i < 8; i++)
		address = address << 8 | key->b[i];
	return (uint64_t)lpm_node_depth(key->len) << 60 | address >> 4;
}

// A run of changes of the same node, as it grows.
struct run {
	struct lpm *t;
	struct lpm_key key;
	unsigned depth, n;
	struct lpm_op op[LPM_MAX_RUN];
};

static void end_run(struct run *r)
{
	if (r->n)
		lpm_change(r->t, &r->key, r->op, r->n);
	r->n = 0;
}

static void add_to_run(struct run *r, struct fib *f, struct fib_change *c)
{
	struct lpm_key key;
	struct lpm *t = key_of(f, &c->prefix, &key);
	unsigned depth;

	if (!t)
		return; // judged before
	depth = lpm_node_depth(key.len);
	if (r->n == LPM_MAX_RUN || t != r->t || depth != r->depth ||
		memcmp(key.b, r->key.b, depth) != 0)
		end_run(r);
	if (!r->n) {
		r->t = t;
		r->key = key;
		r->depth = depth;
	}
	r->op[r->n++] = op_of(&key, c->nexthop, &c->result);
}

static size_t change_family(struct fib *f, struct fib_change *changes, size_t n, struct lpm *t,
	struct item *item, struct run *run)
{
	struct lpm_key key;
	size_t chosen = 0;

	for (size_t i = 0; i < n; i++) {
		if (key_of(f, &changes[i].prefix, &key) != t)
			continue;
		if (changes[i].nexthop > FIB_MAX_NEXTHOP) {
			t->full++;
			changes[i].result = -ENOSPC;
			continue;
		}
		if (item)
			item[chosen++] = (struct item){order_of(&key), i};
		else
			add_to_run(run, f, &changes[i]);
	}
	if (item && !sorted(item, chosen))
		item = sort(item, item + n, chosen);
	for (size_t i = 0; item && i < chosen; i++)
		add_to_run(run, f, &changes[item[i].index]);
	end_run(run);
	return chosen;
}

size_t fib_change_bulk(struct fib *f, struct fib_change *changes, size_t n)
{
	struct item *item = n && n <= UINT32_MAX ? mem_alloc(2 * n * sizeof(*item), 0) : NULL;
	struct run run = {0};
	size_t failed = 0;

	for (size_t i = 0; i < n; i++)
		changes[i].result = -EINVAL;
	change_family(f, changes, n, f->ip4, item, &run);
	change_family(f, changes, n, f->ip6, item, &run);
	mem_free(item);
	for (size_t i = 0; i < n; i++)
		failed += changes[i].result < 0;
	return failed;
}

// -- questions ------------------------------------------------------------------------------
int fib_find(const struct fib *f, const struct ip_prefix *p, fib_nexthop_t *nexthop)
{
	struct lpm_key key;
	const struct lpm *t = key_of(f, p, &key);
	uint16_t value;
	int err = t ? lpm_find(t, &key, &value) : -EINVAL;

	if (!err)
		*nexthop = value;
	return err;
}

int fib_match(const struct fib *f, const struct ip_addr *addr, struct ip_prefix *prefix,
	fib_nexthop_t *nexthop)
{
	const struct lpm *t = of_family(f, addr->family);
	struct lpm_key key = {{0}, 0};
	uint16_t value = 0;
	uint8_t len = 0;
	int err;

	if (!t)
		return -EINVAL;
	memcpy(key.b, addr->b, t->ip6 ? 16 : 4);
	err = lpm_match(t, &key, &len, &value);
	if (err)
		return err;
	memset(prefix, 0, sizeof(*prefix));
	prefix->addr.family = addr->family;
	prefix->len = len;
	for (unsigned i = 0; 8 * i < len; i++)
		prefix->addr.b[i] = (uint8_t)(key.b[i] & 0xff00 >> MIN(len - 8 * i, 8u));
	*nexthop = value;
	return 0;
}

size_t fib_walk(const struct fib *f, int family, const struct ip_prefix *after,
	struct fib_route *out, size_t max)
{
	const struct lpm *t = of_family(f, family);
	struct lpm_key key = {{0}, 0};

	if (!t)
		return 0;
	if (after) {
		memcpy(key.b, after->addr.b, t->ip6 ? 16 : 4);
		key.len = after->len;
	}
	return lpm_walk(t, after ? &key : NULL, out, max);
}

int fib_set_limit(struct fib *f, int family, uint32_t max_routes)
{
	struct lpm *t = of_family(f, family);

	if (!t || !max_routes || max_routes > FIB_MAX_ROUTES)
		return -EINVAL;
	t->max_routes = max_routes;
	return 0;
}

void fib_stats(const struct fib *f, int family, struct fib_stats *s)
{
	const struct lpm *t = of_family(f, family);
	const struct lpm_arena *a;

	memset(s, 0, sizeof(*s));
	if (!t)
		return;
	a = t->arena;
	s->routes = t->n_routes;
	s->max_routes = t->max_routes;
	s->workers_bytes = lpm_root_bytes(t) + a->bytes;
	s->control_bytes = sizeof(*t) + sizeof(*a) + t->node_bytes + a->side_bytes +
			   a->max_chunks * sizeof(*a->chunk);
	s->blocks = a->n_blocks;
	s->retired = a->n_retired;
	s->full = t->full;
	s->no_memory = t->no_memory;
}
