// SPDX-License-Identifier: BSD-3-Clause
// Messages to records: routes and next hop objects; see control/netlink/decode.c.
#include "control/netlink/decode_private.h"

#include <linux/nexthop.h>
#include <linux/rtnetlink.h>

static_assert(sizeof(struct nhmsg) == 8, "of the table in decode.c");

// RTA_VIA: an address that says its family.
static void get_via(const struct nlattr *a, struct ip_addr *out)
{
	const uint8_t *bytes = mnl_attr_get_payload(a);
	size_t size = mnl_attr_get_payload_len(a);
	uint16_t family;

	if (size < sizeof(family))
		return;
	memcpy(&family, bytes, sizeof(family));
	if (family == AF_INET || family == AF_INET6)
		decode_ip(bytes + sizeof(family), size - sizeof(family), (uint8_t)family, out);
}

// The attributes that a route of one hop and a part of RTA_MULTIPATH have in common.
static void get_hop_attribute(const struct nlattr *a, uint8_t family, struct nl_hop *out)
{
	switch (mnl_attr_get_type(a)) {
	case RTA_GATEWAY:
		decode_attr_ip(a, family, &out->gateway);
		break;
	case RTA_VIA:
		get_via(a, &out->gateway);
		break;
	case RTA_ENCAP:
	case RTA_ENCAP_TYPE:
		out->has_encap = true;
		break;
	}
}

static void get_multipath(const struct nlattr *nest, uint8_t family, struct nl_route *out)
{
	const uint8_t *at = mnl_attr_get_payload(nest);
	size_t left = mnl_attr_get_payload_len(nest);

	out->n_hops = 0;
	out->is_cut = false;
	for (const struct rtnexthop *hop; left >= sizeof(*hop);) {
		struct nl_hop *h = &out->hops[out->n_hops];
		const struct nlattr *attr; // the macro's name for it
		size_t step;

		hop = (const struct rtnexthop *)at;
		if (hop->rtnh_len < sizeof(*hop) || hop->rtnh_len > left)
			break;
		if (out->n_hops == NL_MAX_HOPS) {
			out->is_cut = true;
			break;
		}
		memset(h, 0, sizeof(*h));
		h->ifindex = hop->rtnh_ifindex;
		h->flags = hop->rtnh_flags;
		h->weight = hop->rtnh_hops + 1;
		mnl_attr_for_each_payload((const void *)(at + sizeof(*hop)),
			hop->rtnh_len - sizeof(*hop)) get_hop_attribute(attr, family, h);
		out->n_hops++;
		step = MIN(RTNH_ALIGN((size_t)hop->rtnh_len), left);
		at += step;
		left -= step;
	}
}

static void get_metrics(const struct nlattr *nest, struct nl_route *out)
{
	const struct nlattr *a;

	mnl_attr_for_each_nested(a, nest)
	{
		if (mnl_attr_get_type(a) == RTAX_MTU)
			out->mtu = decode_u32(a, 0);
	}
}

static void get_route_attribute(const struct nlattr *a, uint8_t family, struct nl_route *out)
{
	switch (mnl_attr_get_type(a)) {
	case RTA_DST:
		decode_attr_ip(a, family, &out->prefix.addr);
		break;
	case RTA_TABLE:
		out->table = decode_u32(a, out->table);
		break;
	case RTA_PREFSRC:
		decode_attr_ip(a, family, &out->source);
		break;
	case RTA_PRIORITY:
		out->metric = decode_u32(a, 0);
		break;
	case RTA_METRICS:
		get_metrics(a, out);
		break;
	case RTA_NH_ID:
		out->nexthop = decode_u32(a, 0);
		break;
	case RTA_PREF:
		out->preference = decode_u8(a, 0);
		break;
	}
}

// Host bits should be zero; a key that they are part of would not be found again.
static void clear_host_bits(struct ip_prefix *p)
{
	unsigned size = p->addr.family == AF_INET ? 4 : 16;

	for (unsigned i = 0; i < size; i++) {
		unsigned kept = p->len > i * 8 ? MIN(p->len - i * 8, 8) : 0;

		p->addr.b[i] &= (uint8_t)(0xff00 >> kept);
	}
}

size_t decode_route(const struct nlmsghdr *nlh, struct nl_route *out)
{
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *a, *multipath = NULL;
	struct nl_hop hop = {.weight = 1, .flags = (uint8_t)rtm->rtm_flags};
	size_t size = decode_address_size(rtm->rtm_family);

	if (!size || rtm->rtm_dst_len > size * 8 || (rtm->rtm_flags & RTM_F_CLONED))
		return 0;
	out->table = rtm->rtm_table;
	out->protocol = rtm->rtm_protocol;
	out->scope = rtm->rtm_scope;
	out->type = rtm->rtm_type;
	out->tos = rtm->rtm_tos;
	out->flags = rtm->rtm_flags;
	out->has_source = rtm->rtm_src_len != 0;
	mnl_attr_for_each(a, nlh, sizeof(*rtm))
	{
		get_route_attribute(a, rtm->rtm_family, out);
		get_hop_attribute(a, rtm->rtm_family, &hop);
		if (mnl_attr_get_type(a) == RTA_MULTIPATH)
			multipath = a;
		else if (mnl_attr_get_type(a) == RTA_OIF)
			hop.ifindex = (int32_t)decode_u32(a, 0);
	}
	// The default route has no RTA_DST; everything else must.
	if (!out->prefix.addr.family && rtm->rtm_dst_len)
		return 0;
	out->prefix.addr.family = rtm->rtm_family;
	out->prefix.len = rtm->rtm_dst_len;
	clear_host_bits(&out->prefix);
	// With a next hop object the hops are a copy for old programs, or are left out.
	if (!out->nexthop && multipath) {
		get_multipath(multipath, rtm->rtm_family, out);
	} else if (!out->nexthop && (hop.ifindex || hop.gateway.family || hop.has_encap)) {
		out->hops[0] = hop;
		out->n_hops = 1;
	}
	if (nlh->nlmsg_type == RTM_NEWROUTE && !(nlh->nlmsg_flags & NLM_F_MULTI)) {
		out->is_replace = nlh->nlmsg_flags & NLM_F_REPLACE;
		out->is_append = nlh->nlmsg_flags & NLM_F_APPEND;
		out->is_beside = !(nlh->nlmsg_flags & (NLM_F_REPLACE | NLM_F_EXCL));
	}
	return sizeof(*out) + out->n_hops * sizeof(out->hops[0]);
}

// -- next hop objects -----------------------------------------------------------------

// An entry of NHA_GROUP: id, weight - 1 (8 bits), its high 8 bits (0 in older kernels), 16 unused.
static void get_group(const struct nlattr *a, struct nl_nexthop *out)
{
	const uint8_t *at = mnl_attr_get_payload(a);
	size_t n = mnl_attr_get_payload_len(a) / sizeof(struct nexthop_grp);

	out->is_group = true;
	out->is_cut = n > NL_MAX_HOPS;
	out->n_members = (uint16_t)MIN(n, NL_MAX_HOPS);
	for (unsigned i = 0; i < out->n_members; i++, at += sizeof(struct nexthop_grp)) {
		struct nl_nexthop_member *m = &out->members[i];
		unsigned weight = (at[4] | (unsigned)at[5] << 8) + 1;

		memset(m, 0, sizeof(*m));
		memcpy(&m->id, at, sizeof(m->id));
		m->weight = (uint16_t)MIN(weight, UINT16_MAX);
	}
}

size_t decode_nexthop(const struct nlmsghdr *nlh, struct nl_nexthop *out)
{
	const struct nhmsg *nhm = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *a;

	out->family = nhm->nh_family;
	out->hop.weight = 1;
	out->hop.flags = (uint8_t)nhm->nh_flags;
	mnl_attr_for_each(a, nlh, sizeof(*nhm)) switch (mnl_attr_get_type(a))
	{
	case NHA_ID:
		out->id = decode_u32(a, 0);
		break;
	case NHA_GROUP:
		get_group(a, out);
		break;
	case NHA_GROUP_TYPE:
		out->is_resilient = decode_u16(a, 0) == NEXTHOP_GRP_TYPE_RES;
		break;
	case NHA_BLACKHOLE:
		out->is_blackhole = true;
		break;
	case NHA_OIF:
		out->hop.ifindex = (int32_t)decode_u32(a, 0);
		break;
	case NHA_GATEWAY:
		decode_attr_ip(a, nhm->nh_family, &out->hop.gateway);
		break;
	case NHA_ENCAP:
	case NHA_ENCAP_TYPE:
		out->hop.has_encap = true;
		break;
	case NHA_FDB:
		out->is_fdb = true;
		break;
	}
	return out->id ? sizeof(*out) + out->n_members * sizeof(out->members[0]) : 0;
}
