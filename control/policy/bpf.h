// SPDX-License-Identifier: BSD-3-Clause
// BPF programs in the way of forwarded packets: on tcx (the ingress and egress of an interface,
// without a qdisc; kind "tc") and on netfilter's hooks (kind "bpf"; the kernel does not say of
// which namespace, so those of all count). Read at every poll: nothing tells of changes.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control/policy/findings.h"
#include "control/policy/interfaces.h"

#define BPF_MAX_LINKS 64 // on netfilter's hooks

struct tcx {
	struct findings now, next;
	const struct policy_interfaces *interfaces;
	bool is_complete, is_absent; // absent: a kernel before 6.6
	int netns_fd;
};

void tcx_open(struct tcx *, int netns_fd, const struct policy_interfaces *);
void tcx_close(struct tcx *);
void tcx_poll(struct tcx *); // less than 1 us per interface

struct netfilter_link {
	uint32_t id, family, hook;
};

// Links have ascending numbers: a poll looks at those that are new, and asks whether the ones on
// netfilter's hooks are still there.
struct bpf_links {
	struct findings now;
	bool is_complete;
	bool is_cut;   // more than BPF_MAX_LINKS
	uint32_t last; // number of the last one that was looked at
	unsigned n;
	struct netfilter_link at[BPF_MAX_LINKS];
};

void bpf_links_open(struct bpf_links *);
void bpf_links_close(struct bpf_links *);
void bpf_links_poll(struct bpf_links *);
void bpf_links_recount(struct bpf_links *); // the next polls look at all of them again

void bpf_judge_link(const struct netfilter_link *, struct findings *out); // pure
