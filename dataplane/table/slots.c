// SPDX-License-Identifier: BSD-3-Clause
// One grace period at a time serves a whole batch of slots: what is given up meanwhile waits for
// the next. So a burst of removals costs liburcu one callback, and memory is bounded.
#include "dataplane/table/slots.h"

#include <errno.h>
#include <stdbool.h>

#include "base/mem.h"
#include "base/rcu.h"

#define MAX_FREED 16384 // by one release, so that it stays well below 2 ms

// Outlives the slots when they are destroyed during a grace period.
struct grace {
	struct rcu_retired retired;
	struct slots *slots;
	bool running;
};

struct slots {
	uint32_t *next; // by slot - first: the next one of its list
	uint32_t first, end;
	uint32_t fresh; // this one and those above were never taken
	uint32_t n_taken;
	uint32_t free;    // list
	uint32_t leaving; // list: given up since the grace period began
	uint32_t waiting; // list: for the grace period that is running
	struct grace *grace;
	void (*freed)(void *owner, uint32_t slot);
	void *owner;
};

int slots_create(struct slots **out, uint32_t first, uint32_t n,
	void (*freed)(void *owner, uint32_t slot), void *owner)
{
	struct slots *s = mem_zalloc(sizeof(*s), 0);

	if (!s)
		return -ENOMEM;
	s->grace = mem_zalloc(sizeof(*s->grace), 0);
	if (!s->grace)
		goto undo_slots;
	s->next = mem_alloc((size_t)n * sizeof(*s->next), 0);
	if (!s->next)
		goto undo_grace;
	s->first = s->fresh = first;
	s->end = first + n;
	s->free = s->leaving = s->waiting = SLOT_NONE;
	s->freed = freed;
	s->owner = owner;
	s->grace->slots = s;
	*out = s;
	return 0;

undo_grace:
	mem_free(s->grace);
undo_slots:
	mem_free(s);
	return -ENOMEM;
}

void slots_destroy(struct slots *s)
{
	if (!s)
		return;
	if (s->grace->running)
		s->grace->slots = NULL; // grace_over() frees it
	else
		mem_free(s->grace);
	mem_free(s->next);
	mem_free(s);
}

static void push(struct slots *s, uint32_t *list, uint32_t slot)
{
	s->next[slot - s->first] = *list;
	*list = slot;
}

static uint32_t pop(struct slots *s, uint32_t *list)
{
	uint32_t slot = *list;

	*list = s->next[slot - s->first];
	return slot;
}

uint32_t slots_take(struct slots *s)
{
	uint32_t slot = SLOT_NONE;

	if (s->free != SLOT_NONE)
		slot = pop(s, &s->free);
	else if (s->fresh < s->end)
		slot = s->fresh++;
	s->n_taken += slot != SLOT_NONE;
	return slot;
}

void slots_untake(struct slots *s, uint32_t slot)
{
	push(s, &s->free, slot);
	s->n_taken--;
}

static void grace_over(struct rcu_retired *r)
{
	struct grace *g = container_of(r, struct grace, retired);
	struct slots *s = g->slots;

	if (!s) {
		mem_free(g);
		return;
	}
	// Still running: what freed() gives up waits for the next one.
	for (unsigned n = 0; s->waiting != SLOT_NONE && n < MAX_FREED; n++) {
		uint32_t slot = pop(s, &s->waiting);

		if (s->freed)
			s->freed(s->owner, slot);
		push(s, &s->free, slot);
		s->n_taken--;
	}
	if (s->waiting == SLOT_NONE) {
		s->waiting = s->leaving;
		s->leaving = SLOT_NONE;
	}
	g->running = s->waiting != SLOT_NONE;
	if (g->running)
		rcu_retire(&g->retired, grace_over);
}

void slots_retire(struct slots *s, uint32_t slot)
{
	if (s->grace->running) {
		push(s, &s->leaving, slot);
		return;
	}
	push(s, &s->waiting, slot);
	s->grace->running = true;
	rcu_retire(&s->grace->retired, grace_over);
}

uint32_t slots_end(const struct slots *s)
{
	return s->fresh;
}

uint32_t slots_taken(const struct slots *s)
{
	return s->n_taken;
}

uint64_t slots_bytes(const struct slots *s)
{
	return sizeof(*s) + sizeof(*s->grace) + (uint64_t)(s->end - s->first) * sizeof(*s->next);
}
