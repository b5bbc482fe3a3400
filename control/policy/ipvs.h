// SPDX-License-Identifier: BSD-3-Clause
// IPVS: a virtual service takes packets, and their answers, out of the forwarding path. Read at
// every poll: nothing tells of changes.
#pragma once

#include <stdbool.h>

#include "control/policy/findings.h"

struct ipvs {
	struct findings now;
	bool is_complete;
	int netns_fd;
};

void ipvs_open(struct ipvs *, int netns_fd);
void ipvs_close(struct ipvs *);
void ipvs_poll(struct ipvs *);

// Pure: the beginning of /proc/net/ip_vs.
void ipvs_judge(const char *text, struct findings *out);
