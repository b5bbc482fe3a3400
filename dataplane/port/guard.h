// SPDX-License-Identifier: BSD-3-Clause
// The guard of a switched netdev: a persistent tc ingress program that drops
// what a tenant sends, so that it never reaches the host's own stack when the
// daemon is gone. It sees nothing while XDP diverts the frames, outlives a
// crash, and is adopted by the next guard_attach().
//
// It is ours when the program behind our handle and priority is named
// garuda_guard. Control thread; netns_fd -1 = our own namespace.
#pragma once

#include <stdbool.h>

enum guard_state {
	GUARD_NEW,       // attached now
	GUARD_NEW_QDISC, // and the clsact qdisc had to be made for it
	GUARD_ADOPTED,   // one of ours was there already: its maker has crashed, or still runs
};

// enum guard_state, or negative errno; -EEXIST: a foreign filter stands in our place.
int guard_attach(int netns_fd, int ifindex);

// Removes our guard if there is one; with `and_qdisc` also the clsact qdisc,
// unless it holds other filters. After a crash (GUARD_ADOPTED) nobody knows who made
// the qdisc: pass true, an empty one does nothing. 0, -ENOENT (no guard), or negative errno.
int guard_remove(int netns_fd, int ifindex, bool and_qdisc);

// Whether a guard of ours is there.
bool guard_present(int netns_fd, int ifindex);
