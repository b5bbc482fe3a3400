// SPDX-License-Identifier: BSD-3-Clause
// The interfaces that policy is asked about, in the order of their numbers.
#pragma once

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "control/policy/policy.h"

struct policy_interface {
	int ifindex;
	char name[IFNAMSIZ]; // "" = it is gone
	int disable_ipv6_fd; // -1 = not open; see sysctl.h
	uint8_t tc;          // tc.h: bits of the reading under way
	uint64_t generation; // counts policy_watch(): tells the interface from an earlier one
	bool is_changed;     // the reasons are other ones than before
	// [in, out][IPv4, IPv6]: the reasons as last derived or told, and while they are derived.
	char reasons[2][2][POLICY_REASON_SIZE];
	const char *found[2][2];
};

struct policy_interfaces {
	struct policy_interface *at;
	unsigned n, room;
};

struct policy_interface *policy_interface_find(const struct policy_interfaces *, int ifindex);
// The first whose number is above `after`; NULL = none.
struct policy_interface *policy_interface_next(const struct policy_interfaces *, int after);
// -ENOMEM, -EEXIST. Moves the others.
int policy_interface_add(struct policy_interfaces *, int ifindex);
void policy_interface_remove(struct policy_interfaces *, struct policy_interface *);
void policy_interfaces_fini(struct policy_interfaces *);
