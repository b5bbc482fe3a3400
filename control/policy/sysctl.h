// SPDX-License-Identifier: BSD-3-Clause
// Sysctls that change what the kernel does to forwarded packets and that neither netconf nor a
// route tells: net.ipv4.ip_forward_use_pmtu (the MTU of a path that was learned, in place of the
// interface's) and net.ipv6.conf.IF.disable_ipv6 (the interface drops IPv6). Read at every poll.
//
// Others that look as if they belonged here do not: seg6_enabled, rpl_seg_enabled and
// accept_source_route concern packets to the router itself, ioam6_enabled those with hop-by-hop
// options, route_localnet, bc_forwarding and drop_unicast_in_l2_multicast addresses that are never
// taken from the kernel, proxy_arp, proxy_ndp and medium_id ARP and ND; disable_policy,
// disable_xfrm, src_valid_mark and fib_multipath_hash_policy act where another reason or the kernel
// already stands; ip_forward_update_priority sorts only for qdiscs that are a reason.
#pragma once

#include <stdbool.h>

#include "control/policy/findings.h"
#include "control/policy/interfaces.h"

struct sysctl {
	struct findings now, next;
	struct policy_interfaces *interfaces;
	bool is_complete;
	int netns_fd;
	int use_pmtu_fd; // -1 = not open
};

void sysctl_open(struct sysctl *, int netns_fd, struct policy_interfaces *);
void sysctl_close(struct sysctl *);
void sysctl_poll(struct sysctl *); // less than 1 us per interface
