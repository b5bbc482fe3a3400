// SPDX-License-Identifier: BSD-3-Clause
// What control/netns.c and control/netns_watch.c share: a specification taken apart.
#pragma once

#include "control/netns.h"

struct netns_spec {
	char text[NETNS_SPEC_SIZE]; // as the user wrote it
	char path[NETNS_SPEC_SIZE]; // the namespace file
	pid_t pid;                  // the process whose namespace is meant; 0 = not a process's
};

int netns_spec_parse(const char *text, struct netns_spec *out, char *error);

// As netns_open(); -EINVAL also for a name on which nothing is mounted yet.
int netns_spec_open(const struct netns_spec *, struct netns *out, char *error);
