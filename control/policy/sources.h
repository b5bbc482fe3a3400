// SPDX-License-Identifier: BSD-3-Clause
// All that policy reads, and the reasons that follow: each source keeps a list of what it found;
// after whatever may have changed one of them the reasons are derived again. The reading thread's
// own; policy.c hands the reasons on.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control/policy/bpf.h"
#include "control/policy/interfaces.h"
#include "control/policy/iptables.h"
#include "control/policy/ipvs.h"
#include "control/policy/nft.h"
#include "control/policy/policy.h"
#include "control/policy/sysctl.h"
#include "control/policy/tc.h"
#include "control/policy/xfrm.h"

enum { N_DUMPS = 3 };

struct sources {
	int netns_fd;
	int epoll, name_fd;
	uint32_t ignored;            // kinds that are no reason
	struct policy_interface all; // ifindex 0
	struct policy_interfaces interfaces;
	struct nft nft;
	struct xfrm xfrm;
	struct tc tc;
	struct tcx tcx;
	struct iptables iptables;
	struct ipvs ipvs;
	struct bpf_links links;
	struct sysctl sysctl;
	struct dump *dumps[N_DUMPS];
	bool has_new; // an interface is watched that no poll has looked at
	struct policy_stats stats;
};

// 0 or negative errno. close: also after an open that failed.
int sources_open(struct sources *, int netns_fd);
void sources_close(struct sources *);

// s->epoll is readable: reads what is there, for some milliseconds at most.
void sources_read(struct sources *);
void sources_poll(struct sources *); // every POLICY_POLL_MS

int sources_watch(struct sources *, int ifindex, uint64_t generation); // 0 or -ENOMEM

// Derives the reasons of all interfaces; those that are other ones than before are `is_changed`,
// until the caller says otherwise.
void sources_derive(struct sources *);
bool sources_are_complete(const struct sources *);
