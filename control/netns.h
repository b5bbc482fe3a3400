// SPDX-License-Identifier: BSD-3-Clause
// Network namespaces: find one by what the user wrote, work inside it, and learn
// when it comes and goes. Control thread only.
//
// A specification is a name known to `ip netns`, an absolute path of a namespace
// file, or a process id ("/proc/PID/ns/net" means the same as the id). Empty or
// NULL: the namespace that the daemon itself runs in.
//
// An open struct netns keeps the namespace alive after its name was deleted, and
// so do our sockets and TAPs in it. Whoever is told NETNS_GONE therefore closes
// everything that it holds there; only then does the kernel take it apart.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

#define NETNS_SPEC_SIZE 256 // with the final zero
#define NETNS_DIR       "/run/netns"

// Two namespaces are the same one if dev and ino are equal while both are open.
struct netns {
	int fd; // of the namespace, O_CLOEXEC; -1 = none
	dev_t dev;
	ino_t ino;
};

// 0, or negative errno with a sentence: -EINVAL (not a specification, not a network
// namespace), -ENOENT, -ESRCH (no such process), -EACCES, -EMFILE.
int netns_open(const char *spec, struct netns *out, char *error);
void netns_close(struct netns *); // fd -1 is fine

bool netns_equal(const struct netns *a, const struct netns *b);
bool netns_is_own(const struct netns *);

// -EINVAL with a sentence if no namespace can be meant by this text.
int netns_check_spec(const char *spec, char *error);

// Runs fn(arg) inside the namespace and returns its result, or a negative errno if
// the thread cannot enter it. netns_fd -1: just calls. Ends the process when it
// cannot come back, because everything after that would happen in the wrong place.
int netns_run(int netns_fd, int (*fn)(void *arg), void *arg);

// -- coming and going -------------------------------------------------------------
// A watch follows a specification. A namespace deleted and made again under the same
// name is reported as GONE, then PRESENT, even when nobody looked in between. A
// process id is GONE when that process ends, and never comes back.
struct netns_monitor;
struct netns_watch;

enum netns_event { NETNS_PRESENT, NETNS_GONE };

// Called by netns_monitor_on_readable() only. May remove any watch and add new ones. `ns` is
// the watch's own: good until GONE was delivered or the watch is removed.
typedef void netns_watch_fn(void *arg, enum netns_event, const struct netns *ns);

int netns_monitor_create(struct netns_monitor **out);
void netns_monitor_destroy(struct netns_monitor *); // after its watches; NULL is fine
int netns_monitor_fd(const struct netns_monitor *); // readable: call on_readable
void netns_monitor_on_readable(struct netns_monitor *);

// The namespace need not exist yet. No event for the state found here: ask netns_watch_get().
// 0, -EINVAL, -ENOMEM, ... with a sentence.
int netns_watch_create(struct netns_watch **out, struct netns_monitor *, const char *spec,
	netns_watch_fn *fn, void *arg, char *error);
void netns_watch_destroy(struct netns_watch *); // NULL is fine; no event after it

// The namespace as the watch last saw it; NULL while there is none.
const struct netns *netns_watch_get(const struct netns_watch *);
