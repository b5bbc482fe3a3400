// SPDX-License-Identifier: BSD-3-Clause
// IPsec: policies of the directions fwd and out, which forwarded packets meet, and the default
// policy. Policies bound to an xfrm interface or to a mark do not act on what has neither.
#pragma once

#include <linux/netlink.h>
#include <stdbool.h>
#include <stdint.h>

#include "control/policy/dump.h"
#include "control/policy/findings.h"

struct xfrm_count {
	uint64_t n4, n6; // policies
	bool blocks;     // the default policy
};

struct xfrm {
	struct dump dump;
	struct findings now;
	struct xfrm_count count; // so far
	bool is_complete;
};

// 0 or negative errno; -EPROTONOSUPPORT: the kernel has no IPsec.
int xfrm_open(struct xfrm *, int netns_fd);
void xfrm_close(struct xfrm *);

// Pure: adds what a message says.
void xfrm_judge(const struct nlmsghdr *, struct xfrm_count *);
