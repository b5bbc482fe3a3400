// SPDX-License-Identifier: BSD-3-Clause
// Batches of records on their way from the mirror's thread to control: a bounded queue, with an
// eventfd that is readable while there is something in it.
//
// The mirror's thread fills a batch of its own and puts it; a small one is added to the last batch
// that waits, so that many small ones take no more room than few large ones. Control takes, and
// never waits: the lock is held for moments only. Whoever puts into a full queue waits for control.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

#define HANDOVER_BATCH_SIZE  65536
#define HANDOVER_MAX_BATCHES 256 // 16 MiB, allocated as they are needed

struct handover;

struct handover_batch {
	struct handover_batch *next; // the queue's own
	size_t size;                 // bytes used
	uint8_t bytes[HANDOVER_BATCH_SIZE] __attribute__((aligned(8)));
};

int handover_create(struct handover **out);
void handover_destroy(struct handover *); // no thread may be in it; NULL is fine

// -- the mirror's thread ----------------------------------------------------------------
// The batch to fill: empty at first, and after each put. NULL: no memory.
struct handover_batch *handover_open(struct handover *);
// Hands over the open batch, if it has anything. False: closed while it waited; nothing arrives
// any more.
bool handover_put(struct handover *);

// -- control ----------------------------------------------------------------------------
int handover_fd(const struct handover *);
// The next batch, or NULL. It is good until the next call.
const struct handover_batch *handover_take(struct handover *);
// Ends the waiting of handover_put(), for good.
void handover_close(struct handover *);
size_t handover_waiting(struct handover *); // batches; any thread
