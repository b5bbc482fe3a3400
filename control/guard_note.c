// SPDX-License-Identifier: BSD-3-Clause
#include "control/guard_note.h"

#include <errno.h>

#include "control/netlink/netdev.h"
#include "control/netns.h"
#include "dataplane/port/guard.h"

int guard_note_take(
	struct guard_note *n, struct state *state, const struct state_entry *e, char *error)
{
	bool was_there = state_has(state, e);
	int err = state_add(state, e, error);

	if (err)
		return err;
	n->is_inherited |= was_there && !n->is_noted;
	n->is_noted = true;
	n->entry = *e;
	return 0;
}

void guard_note_drop(struct guard_note *n, struct state *state)
{
	if (n->is_noted)
		state_remove(state, &n->entry);
	n->is_noted = n->is_inherited = false;
}

void guard_note_not_open(struct guard_note *n, struct state *state)
{
	if (!n->is_inherited)
		guard_note_drop(n, state);
}

void guard_note_undo(struct guard_note *n, struct state *state)
{
	if (n->is_noted && !guard_note_remove_guard(&n->entry))
		guard_note_drop(n, state);
}

int guard_note_remove_guard(const struct state_entry *e)
{
	struct netns ns;
	struct netdev dev;
	int err = netns_open(e->netns, &ns, NULL);

	if (err == -ENOENT || err == -ESRCH)
		return 0; // gone with its namespace
	if (err)
		return err;
	err = netdev_query(ns.fd, e->ifname, &dev);
	if (!err)
		err = guard_remove(ns.fd, dev.ifindex, true);
	netns_close(&ns);
	return err == -ENODEV || err == -ENOENT ? 0 : err;
}
