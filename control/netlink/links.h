// SPDX-License-Identifier: BSD-3-Clause
// The netdevs of one namespace, by number and by name; for control/netlink/watch.c. Control
// thread only. A link without name is one whose name another link took meanwhile, or a dead one.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/netlink/netdev.h"

struct link {
	struct link *next_index, *next_name;
	struct netdev dev;
	int ifindex;
	uint32_t seen; // generation of the last message about it
	uint32_t told; // generation of the last notification about it
	bool named;    // dev is valid, and the link is found by its name
	bool dead;     // removed while a dump runs that may still mention it
};

struct links {
	struct link **by_index, **by_name; // n_buckets each, a power of two; NULL while empty
	size_t n_buckets, n;
};

void links_fini(struct links *); // frees all; zeroed memory is an empty table

struct link *links_by_index(const struct links *, int ifindex);
struct link *links_by_name(const struct links *, const char *name);

struct link *links_add(struct links *, int ifindex); // without name; NULL: no memory
void links_remove(struct links *, struct link *);    // and frees
void links_name(struct links *, struct link *);      // by dev.name, which must be free
void links_unname(struct links *, struct link *);

// visit() must not change the table. links_sweep() removes those for which it returns non-zero;
// it may unname them.
void links_walk(struct links *, int (*visit)(struct link *, void *), void *arg);
void links_sweep(struct links *, int (*visit)(struct link *, void *), void *arg);
