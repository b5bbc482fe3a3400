// SPDX-License-Identifier: BSD-3-Clause
// The kernel's messages about policy, made by hand: for policy_test.c.
#pragma once

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/xfrm.h>
#include <string.h>
#include <sys/socket.h>

static _Alignas(8) uint8_t message_buffer[1024];

static inline struct nlmsghdr *message_begin(uint16_t type, size_t head)
{
	struct nlmsghdr *nlh;

	memset(message_buffer, 0, sizeof(message_buffer));
	nlh = mnl_nlmsg_put_header(message_buffer);
	nlh->nlmsg_type = type;
	mnl_nlmsg_put_extra_header(nlh, head);
	return nlh;
}

static inline struct nlmsghdr *nft_begin(uint8_t message, uint8_t family)
{
	struct nlmsghdr *nlh =
		message_begin(NFNL_SUBSYS_NFTABLES << 8 | message, sizeof(struct nfgenmsg));

	((struct nfgenmsg *)mnl_nlmsg_get_payload(nlh))->nfgen_family = family;
	return nlh;
}

static inline struct nlmsghdr *nft_table(uint8_t family, const char *name, uint32_t flags)
{
	struct nlmsghdr *nlh = nft_begin(NFT_MSG_NEWTABLE, family);

	mnl_attr_put_strz(nlh, NFTA_TABLE_NAME, name);
	mnl_attr_put_u32(nlh, NFTA_TABLE_FLAGS, htonl(flags));
	return nlh;
}

// A device of a list: `type` 1 = a name, 2 = a beginning; size: how much of it, 0 = with the zero.
struct device {
	uint16_t type;
	const char *name;
	size_t size;
};

static inline void put_devices(
	struct nlmsghdr *nlh, uint16_t type, const struct device *devices, unsigned n)
{
	struct nlattr *nest = mnl_attr_nest_start(nlh, type);

	for (unsigned i = 0; i < n; i++)
		mnl_attr_put(nlh, devices[i].type,
			devices[i].size ? devices[i].size : strlen(devices[i].name) + 1,
			devices[i].name);
	mnl_attr_nest_end(nlh, nest);
}

// Chain "c" of table "t".
static inline struct nlmsghdr *nft_chain(uint8_t family, uint32_t hook, uint32_t n_rules,
	uint32_t policy, const struct device *devices, unsigned n_devices)
{
	struct nlmsghdr *nlh = nft_begin(NFT_MSG_NEWCHAIN, family);
	struct nlattr *nest;

	mnl_attr_put_strz(nlh, NFTA_CHAIN_TABLE, "t");
	mnl_attr_put_strz(nlh, NFTA_CHAIN_NAME, "c");
	nest = mnl_attr_nest_start(nlh, NFTA_CHAIN_HOOK);
	mnl_attr_put_u32(nlh, NFTA_HOOK_HOOKNUM, htonl(hook));
	mnl_attr_put_u32(nlh, NFTA_HOOK_PRIORITY, 0);
	if (n_devices)
		put_devices(nlh, NFTA_HOOK_DEVS, devices, n_devices);
	mnl_attr_nest_end(nlh, nest);
	mnl_attr_put_u32(nlh, NFTA_CHAIN_POLICY, htonl(policy));
	mnl_attr_put_u32(nlh, NFTA_CHAIN_USE, htonl(n_rules));
	return nlh;
}

static inline struct nlmsghdr *nft_flowtable(const struct device *devices, unsigned n)
{
	struct nlmsghdr *nlh = nft_begin(NFT_MSG_NEWFLOWTABLE, NFPROTO_INET);
	struct nlattr *nest;

	mnl_attr_put_strz(nlh, NFTA_FLOWTABLE_TABLE, "t");
	mnl_attr_put_strz(nlh, NFTA_FLOWTABLE_NAME, "f");
	nest = mnl_attr_nest_start(nlh, NFTA_FLOWTABLE_HOOK);
	put_devices(nlh, NFTA_FLOWTABLE_HOOK_DEVS, devices, n);
	mnl_attr_nest_end(nlh, nest);
	return nlh;
}

static inline struct nlmsghdr *tc_message(uint16_t type, int ifindex, const char *kind)
{
	struct nlmsghdr *nlh = message_begin(type, sizeof(struct tcmsg));

	((struct tcmsg *)mnl_nlmsg_get_payload(nlh))->tcm_ifindex = ifindex;
	if (kind)
		mnl_attr_put_strz(nlh, TCA_KIND, kind);
	return nlh;
}

static inline struct nlmsghdr *xfrm_policy(uint8_t direction, uint16_t family)
{
	struct nlmsghdr *nlh =
		message_begin(XFRM_MSG_NEWPOLICY, sizeof(struct xfrm_userpolicy_info));
	struct xfrm_userpolicy_info *info = mnl_nlmsg_get_payload(nlh);

	info->dir = direction;
	info->sel.family = family;
	return nlh;
}
