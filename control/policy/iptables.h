// SPDX-License-Identifier: BSD-3-Clause
// Legacy iptables and ip6tables: tables of which a chain that forwarded packets meet has rules, or
// a policy other than ACCEPT. Asked by the old socket options, at every poll: nothing tells of
// changes. Only tables that exist are asked for, because asking makes them.
//
// Whether a chain has rules stands in the table's short description. Its policy stands among the
// entries, which are read for that only: of tables up to IPTABLES_MAX_SIZE.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/policy/findings.h"

#define IPTABLES_MAX_SIZE (4u << 20) // of all entries of a table; larger: not looked into
#define IPTABLES_NAME     32         // with the final zero
#define IPTABLES_HOOKS    5

struct iptables {
	struct findings now, next;
	bool is_complete;
	int netns_fd;
	int fds[2], names_fds[2]; // IPv4, IPv6; -1 = not open
	void *buffer;             // for entries
	size_t room;
};

void iptables_open(struct iptables *, int netns_fd);
void iptables_close(struct iptables *);
void iptables_poll(struct iptables *); // about 10 us per table

// -- pure --------------------------------------------------------------------------------------
struct iptables_table { // as struct ipt_getinfo and struct ip6t_getinfo
	char name[IPTABLES_NAME];
	uint32_t valid_hooks;
	uint32_t hook_entry[IPTABLES_HOOKS]; // offset of a chain's first entry
	uint32_t underflow[IPTABLES_HOOKS];  // and of its policy
	uint32_t n_entries, size;
};

// True if the entries must be read: some chain that matters has no rules.
bool iptables_needs_entries(const struct iptables_table *);
// entries NULL: too large to be read.
void iptables_judge(const struct iptables_table *, bool is_ip6, const void *entries, size_t size,
	struct findings *out);
