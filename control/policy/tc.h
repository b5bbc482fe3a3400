// SPDX-License-Identifier: BSD-3-Clause
// Traffic control: filters on the ingress of an interface (in) or its egress (out), and a qdisc
// on its egress that somebody chose in order to shape, drop or sort (out). The defaults of
// kernels and drivers are none: noqueue, pfifo_fast, pfifo, bfifo, fq_codel, fq without a rate, mq.
//
// The guard of a switched port is no exception: while it stands the kernel drops what comes in,
// and a routed port has none.
#pragma once

#include <linux/netlink.h>
#include <stdbool.h>
#include <stdint.h>

#include "control/policy/dump.h"
#include "control/policy/findings.h"
#include "control/policy/interfaces.h"

struct tc {
	struct dump dump;
	struct findings now, next;
	struct policy_interfaces *interfaces;
	bool is_complete;
	int ifindex; // whose filters are being read, and which of them
	uint8_t part;
};

// 0 or negative errno. The list stays the caller's.
int tc_open(struct tc *, int netns_fd, struct policy_interfaces *);
void tc_close(struct tc *);
void tc_watch(struct tc *, const struct policy_interface *); // it is new: nothing is known of it

// -- pure: from a message to what it means -----------------------------------------------------
#define TC_KIND_SIZE 16

enum tc_role {
	TC_DEFAULT, // forwards as we do
	TC_INGRESS, // acts by its filters only
	TC_CLSACT,  // the same, for both directions
	TC_SHAPER,
	TC_OTHER,
};

struct tc_qdisc {
	int ifindex;
	enum tc_role role;
	char kind[TC_KIND_SIZE];
};

bool tc_judge_qdisc(const struct nlmsghdr *, struct tc_qdisc *out); // false: not one
bool tc_judge_filter(const struct nlmsghdr *);                      // true: it acts
