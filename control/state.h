// SPDX-License-Identifier: BSD-3-Clause
// Crash state: a file that says what the daemon changed on the machine that outlives its file
// descriptors, so that the next start can adopt it or undo it. Control thread only.
//
// Order of work: state_add() before the change, state_remove() after it was undone; so that
// whatever exists is noted. What a killed daemon noted is a leftover until the configuration
// claims it by state_add() of the same entry; when the start is complete, the owner undoes the
// leftovers that remain.
//
// The file is JSON, replaced as a whole (written beside, then renamed). One that cannot be read
// as such is set aside as PATH.bad and counts as empty; so does one of an earlier boot.
#pragma once

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "control/netns.h"
#include "dataplane/port/port.h"

enum state_kind {
	STATE_GUARD, // tc ingress drop on a switched netdev
	STATE_VETH,  // veth pair made for a container; ifname is our end, in our own namespace
};

// Two entries are the same one if kind, netns and ifname are equal.
struct state_entry {
	enum state_kind kind;
	char port[PORT_NAME_SIZE];
	char netns[NETNS_SPEC_SIZE]; // specification; "" = our own
	char ifname[IFNAMSIZ];
	int ifindex; // 0 = not known yet
};

struct state;

// Reads what a killed daemon left. 0 or negative errno with a sentence: the file cannot be
// written (-EACCES, -ENOENT: no directory, -EROFS).
int state_open(struct state **out, const char *path, char *error);

// Removes the file if nothing is noted, and forgets. NULL is fine.
void state_close(struct state *);

// Notes or updates an entry; claims the leftover that is the same. 0, -ENOMEM or the errno of
// writing; on failure nothing is noted.
int state_add(struct state *, const struct state_entry *, char *error);
int state_remove(struct state *, const struct state_entry *); // not noted: 0

// Between hold and release changes are collected and written once. May be nested. An entry added
// under a hold must not be acted on before the release succeeded.
void state_hold(struct state *);
int state_release(struct state *, char *error);

bool state_has(const struct state *, const struct state_entry *); // noted, claimed or not
size_t state_n_leftovers(const struct state *);

// visit() returns 0 when the leftover is undone: it is then removed from the file; else it
// stays, and the number of those is returned.
int state_undo_leftovers(
	struct state *, int (*visit)(const struct state_entry *, void *arg), void *arg);
