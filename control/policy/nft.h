// SPDX-License-Identifier: BSD-3-Clause
// nftables: the base chains that forwarded packets meet. One matters if it has a rule or a policy
// of dropping, unless its table is dormant; whom its rules would match is not asked. iptables-nft
// shows here as well. A flowtable matters to its devices while it exists: the kernel may still
// know flows to rewrite.
//
// A chain's number of rules is its number of uses: nobody can jump to a base chain. While a
// transaction is under way it may be that of a ruleset which never comes to be. So a reading
// by which something went is only believed when a second one, made later, says the same.
#pragma once

#include <linux/netlink.h>
#include <stdbool.h>
#include <stdint.h>

#include "control/policy/dump.h"
#include "control/policy/findings.h"

#define NFT_MAX_DORMANT 64

struct nft_table_name {
	uint8_t family;
	char name[256];
};

struct nft {
	struct dump dump;
	struct findings now, next;
	bool is_known;    // `now` is what was read
	bool is_complete; // read, or found unreadable
	bool has_lost;    // the last reading lacked something of `now`: look again
	bool has_genid;   // of this reading:
	uint16_t genid;   // the ruleset's generation, its low half
	unsigned n_dormant;
	struct nft_table_name dormant[NFT_MAX_DORMANT];
};

// 0 or negative errno. EPROTONOSUPPORT: the kernel has no netfilter, so there are no rules.
int nft_open(struct nft *, int netns_fd);
void nft_close(struct nft *);
void nft_poll(struct nft *); // before dump_start() of the same turn

// -- pure: from a message to what it means -----------------------------------------------------
void nft_judge_table(struct nft *, const struct nlmsghdr *);
void nft_judge_chain(const struct nft *, const struct nlmsghdr *, struct findings *out);
// The reading of `next` ended: what is believed from now on. err, is_intact: as of dump_ops.done.
void nft_end(struct nft *, int err, bool is_intact);
void nft_judge_flowtable(const struct nlmsghdr *, struct findings *out);
