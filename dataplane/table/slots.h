// SPDX-License-Identifier: BSD-3-Clause
// Numbers of a table's slots, which come back only a grace period after they were given up: a
// worker that still holds the number finds in the slot what it was told, never its successor.
//
// Control thread only. Nothing is allocated after slots_create(), so giving up never fails; lists
// are threaded through one word per slot that is not touched before the slot's first use.
#pragma once

#include "base/compiler.h"

#define SLOT_NONE UINT32_MAX

struct slots;

// Slots first .. first + n - 1. freed(owner, slot) is called on the control thread, by
// rcu_reclaim(), when no worker can hold the slot's number any more; NULL = nothing to do then.
// 0 or -ENOMEM.
int slots_create(struct slots **out, uint32_t first, uint32_t n,
	void (*freed)(void *owner, uint32_t slot), void *owner);
// NULL is fine. freed() is not called any more, also for slots that wait.
void slots_destroy(struct slots *);

uint32_t slots_take(struct slots *); // SLOT_NONE when all are in use or wait
void slots_retire(struct slots *, uint32_t slot);
void slots_untake(struct slots *, uint32_t slot); // no worker ever heard of it: free at once

uint32_t slots_end(const struct slots *);   // above every slot that was ever taken
uint32_t slots_taken(const struct slots *); // in use or waiting
uint64_t slots_bytes(const struct slots *);
