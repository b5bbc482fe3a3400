// SPDX-License-Identifier: BSD-3-Clause
// Private to lpm_*.c: the parts of a change, control side.
#pragma once

#include "dataplane/table/lpm.h"

struct lpm_root *lpm_root_of(const struct lpm *);
unsigned lpm_root_depth(const struct lpm *);            // nodes from this depth on have blocks
bool lpm_has_pages(const struct lpm *, unsigned depth); // nodes there have pages, the root's
const uint8_t *lpm_prefix_of(const struct lpm *, const struct lpm_node *); // IPv6, of its block

// IPv6: the block once more, 0 = no memory. Before a node comes to stand below a new one.
uint32_t lpm_copy_block(struct lpm *, const struct lpm_node *, struct lpm_edit *scratch);

// What a node, and all below it that have none of their own, inherit.
void lpm_set_inherit(struct lpm *, struct lpm_node *, uint16_t inherit);
// Root entries of slots lo..hi-1 of a node above blocks and pages; `first`: the address's first
// byte.
void lpm_fill_root(struct lpm *, struct lpm_root *, struct lpm_node *, uint8_t first, unsigned lo,
	unsigned hi);

uint32_t lpm_load_entry(const struct lpm_root *, uint32_t index);
void lpm_store_entry(struct lpm_root *, uint32_t index, uint32_t entry);
// The same where entries lead to pages: the page that was there retires.
void lpm_store_page(struct lpm *, struct lpm_root *, uint32_t index, uint32_t entry);

// Change to the root that the number of routes wants, if there is memory.
void lpm_fit_root(struct lpm *);
