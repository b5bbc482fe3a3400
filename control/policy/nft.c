// SPDX-License-Identifier: BSD-3-Clause
// Reading nftables: tables (which are dormant), chains, flowtables. nft_judge.c says what they
// mean.
#include "control/policy/nft.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

#include "base/compiler.h"

enum { STEP_TABLES, STEP_CHAINS, STEP_FLOWTABLES, N_STEPS };

static bool request(struct dump *d, unsigned step, void *buffer)
{
	static const uint8_t types[N_STEPS] = {
		NFT_MSG_GETTABLE, NFT_MSG_GETCHAIN, NFT_MSG_GETFLOWTABLE};
	struct nft *nft = container_of(d, struct nft, dump);
	struct nlmsghdr *nlh;
	struct nfgenmsg *g;

	if (step == STEP_TABLES) {
		findings_clear(&nft->next);
		nft->n_dormant = 0;
		nft->has_genid = false;
	}
	if (step >= N_STEPS)
		return false;
	nlh = mnl_nlmsg_put_header(buffer);
	nlh->nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | types[step];
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	g = mnl_nlmsg_put_extra_header(nlh, sizeof(*g));
	g->nfgen_family = NFPROTO_UNSPEC;
	g->version = NFNETLINK_V0;
	return true;
}

// Every message says of which ruleset it is.
static void note_genid(struct nft *nft, const struct nlmsghdr *nlh)
{
	const struct nfgenmsg *g = mnl_nlmsg_get_payload(nlh);

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*g))
		return;
	if (nft->has_genid && nft->genid != g->res_id)
		nft->dump.is_intact = false;
	nft->has_genid = true;
	nft->genid = g->res_id;
}

static void message(struct dump *d, unsigned step, const struct nlmsghdr *nlh)
{
	struct nft *nft = container_of(d, struct nft, dump);

	note_genid(nft, nlh);
	switch (nlh->nlmsg_type) {
	case NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWTABLE:
		nft_judge_table(nft, nlh);
		break;
	case NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWCHAIN:
		nft_judge_chain(nft, nlh, &nft->next);
		break;
	case NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWFLOWTABLE:
		nft_judge_flowtable(nlh, &nft->next);
		break;
	}
}

// -EINVAL is nfnetlink's word for a subsystem that it has not: a kernel without nftables, or one
// whose nftables know no flowtables.
static bool refused(struct dump *d, unsigned step, int err)
{
	return (step == STEP_TABLES || step == STEP_FLOWTABLES) &&
	       (err == -EINVAL || err == -EOPNOTSUPP);
}

void nft_end(struct nft *nft, int err, bool is_intact)
{
	if (err) {
		findings_unreadable(&nft->now, POLICY_NFT, err);
		nft->is_known = nft->has_lost = false;
		nft->is_complete = true;
		return;
	}
	if (!is_intact) { // of two rulesets: what is new counts at once, all else is read again
		if (nft->is_known)
			findings_add_all(&nft->now, &nft->next);
		nft->dump.is_due = true;
		return;
	}
	if (nft->is_known && !nft->has_lost && !findings_include(&nft->next, &nft->now)) {
		findings_add_all(&nft->now, &nft->next);
		nft->has_lost = true;
		return;
	}
	nft->has_lost = false;
	nft->is_known = nft->is_complete = true;
	findings_swap(&nft->now, &nft->next);
}

static void done(struct dump *d, int err, bool is_intact)
{
	nft_end(container_of(d, struct nft, dump), err, is_intact);
}

static bool notified(struct dump *d, const struct nlmsghdr *nlh)
{
	if (nlh->nlmsg_type >> 8 != NFNL_SUBSYS_NFTABLES)
		return false;
	switch (nlh->nlmsg_type & 0xff) {
	case NFT_MSG_NEWTABLE:
	case NFT_MSG_DELTABLE:
	case NFT_MSG_NEWCHAIN:
	case NFT_MSG_DELCHAIN:
	case NFT_MSG_NEWRULE:
	case NFT_MSG_DELRULE:
	case NFT_MSG_NEWFLOWTABLE:
	case NFT_MSG_DELFLOWTABLE:
		return true;
	default: // elements of sets, which fail2ban and others change all the time; objects; traces
		return false;
	}
}

static const struct dump_ops ops = {request, message, refused, done, notified};

int nft_open(struct nft *nft, int netns_fd)
{
	static const unsigned groups[] = {NFNLGRP_NFTABLES};

	memset(nft, 0, sizeof(*nft));
	findings_unread(&nft->now, POLICY_NFT);
	return dump_open(&nft->dump, &ops, netns_fd, NETLINK_NETFILTER, groups, ARRAY_SIZE(groups));
}

void nft_close(struct nft *nft)
{
	dump_close(&nft->dump);
	findings_fini(&nft->now);
	findings_fini(&nft->next);
}

void nft_poll(struct nft *nft)
{
	nft->dump.is_due |= nft->has_lost;
}
