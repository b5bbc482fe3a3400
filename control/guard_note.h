// SPDX-License-Identifier: BSD-3-Clause
// A port's guard in the crash record (control/state.h): noted before it is attached, dropped when
// it is removed. A guard that a killed daemon noted is inherited: it stands also while the port
// cannot be opened, until the port goes. Control thread only.
#pragma once

#include <stdbool.h>

#include "control/state.h"

struct guard_note {
	struct state_entry entry;
	bool is_noted;
	bool is_inherited;
};

// 0, or negative errno with a sentence and nothing changed.
int guard_note_take(struct guard_note *, struct state *, const struct state_entry *, char *error);
void guard_note_drop(struct guard_note *, struct state *);     // not noted: nothing
void guard_note_not_open(struct guard_note *, struct state *); // drops what is not inherited
void guard_note_undo(struct guard_note *, struct state *);     // removes the guard, and drops

// Removes the guard that an entry tells of. 0 also when it is gone already, or negative errno.
int guard_note_remove_guard(const struct state_entry *);
