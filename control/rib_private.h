// SPDX-License-Identifier: BSD-3-Clause
// Private to rib*.c: the RIB and its batch of changes that the FIB is asked for.
#pragma once

#include "control/rib.h"
#include "control/rib_store.h"

#define RIB_BATCH 256

struct rib_pending {
	enum {
		RIB_NEW_PREFIX,    // `first`, linked already
		RIB_NEW_BEST,      // `candidate` before `first`
		RIB_OTHER_NEXTHOP, // `nexthop`, held already, for `first`
		RIB_REMOVE_BEST,   // `first` goes
		RIB_PURGE,         // all of the prefix that rib_is_chosen() go
	} what;
	uint32_t first; // of the prefix, marked as pending
	uint32_t candidate;
	uint32_t nexthop;
	int *result; // of the change, or NULL
};

struct rib {
	rib_install install;
	void *arg;
	struct nexthops *nexthops;
	struct store store[2]; // IPv4, IPv6

	uint8_t generation; // of what is set now
	uint8_t oldest;     // no candidate has one from behind `generation` up to before this
	bool is_resyncing;
	struct rib_filter scope; // of the resync
	uint64_t swept_to;       // its cursor

	// What commit_purge() takes: the filter, and whether the current generation stays.
	struct rib_filter purge;
	bool purge_keeps_current;

	struct store *batch_store;
	uint16_t batch_table;
	unsigned n_pending;
	int batch_error; // the last one of install
	struct rib_pending pending[RIB_BATCH];
	struct rib_best best[RIB_BATCH];

	uint64_t n_full[2], n_refused[2], n_purged[2], n_swept[2];
	uint32_t n_table[RIB_MAX_TABLES][2];
};

// The store of its family, or NULL when the prefix is not canonical.
struct store *rib_store_of(const struct rib *, const struct ip_prefix *);

void rib_batch_add(struct rib *, struct store *, const struct rib_pending *, uint32_t nexthop);
void rib_batch_end(struct rib *);
// Room in the batch, and nothing of another family or table in it.
void rib_batch_ready(struct rib *, const struct store *, uint16_t table);

// rib_walk.c: by the purge.
bool rib_is_chosen(const struct rib *, const struct store *, const struct candidate *);
