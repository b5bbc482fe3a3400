// SPDX-License-Identifier: BSD-3-Clause
// Neighbours in order of their addresses: a treap.
#include "control/router/router_private.h"

static int compare(const struct ip_addr *a, int32_t ifindex, const struct neighbour *n)
{
	int by_address = memcmp(a->b, n->addr.b, sizeof(a->b));

	if (by_address)
		return by_address;
	return (ifindex > n->interface->ifindex) - (ifindex < n->interface->ifindex);
}

// Into those before the key and those behind it.
static void split(struct neighbour *n, const struct neighbour *at, struct neighbour **before,
	struct neighbour **behind)
{
	while (n) {
		if (compare(&at->addr, at->interface->ifindex, n) > 0) {
			*before = n;
			before = &n->right;
			n = n->right;
		} else {
			*behind = n;
			behind = &n->left;
			n = n->left;
		}
	}
	*before = *behind = NULL;
}

void order_insert(struct order *o, struct neighbour *n)
{
	struct neighbour **link = &o->root;

	o->random = o->random * 6364136223846793005 + 1442695040888963407;
	n->priority = (uint32_t)(o->random >> 32);
	while (*link && (*link)->priority >= n->priority)
		link = compare(&n->addr, n->interface->ifindex, *link) < 0 ? &(*link)->left
									   : &(*link)->right;
	split(*link, n, &n->left, &n->right);
	*link = n;
}

void order_remove(struct order *o, struct neighbour *n)
{
	struct neighbour **link = &o->root, *a = n->left, *b = n->right;

	while (*link != n)
		link = compare(&n->addr, n->interface->ifindex, *link) < 0 ? &(*link)->left
									   : &(*link)->right;
	while (a && b) {
		if (a->priority >= b->priority) {
			*link = a;
			link = &a->right;
			a = a->right;
		} else {
			*link = b;
			link = &b->left;
			b = b->left;
		}
	}
	*link = a ? a : b;
}

struct neighbour *order_next(const struct order *o, const struct ip_addr *a, int32_t ifindex)
{
	struct neighbour *n = o->root, *found = NULL;

	while (n) {
		if (compare(a, ifindex, n) < 0) {
			found = n;
			n = n->left;
		} else {
			n = n->right;
		}
	}
	return found;
}

struct neighbour *order_find(const struct order *o, const struct ip_addr *a, int32_t ifindex)
{
	struct neighbour *n = o->root;

	while (n) {
		int c = compare(a, ifindex, n);

		if (!c)
			break;
		n = c < 0 ? n->left : n->right;
	}
	return n;
}
