// SPDX-License-Identifier: BSD-3-Clause
// Messages to records: the choice by type, and the kinds without hops. Routes and next hops are in
// control/netlink/decode_route.c.
#include "control/netlink/decode.h"

#include <arpa/inet.h>
#include <linux/fib_rules.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/netconf.h>
#include <linux/rtnetlink.h>

#include "control/netlink/decode_private.h"

static_assert(sizeof(struct nl_route) + NL_MAX_HOPS * sizeof(struct nl_hop) <= DECODE_MAX_SIZE,
	"the largest route fits");
static_assert(sizeof(struct nl_nexthop) + NL_MAX_HOPS * sizeof(struct nl_nexthop_member) <=
		      DECODE_MAX_SIZE,
	"the largest group fits");
static_assert(DECODE_MAX_SIZE % 8 == 0 && DECODE_MAX_SIZE <= UINT16_MAX, "nl_change.size");

// -- links ----------------------------------------------------------------------------

// Copies a text attribute; cut to fit, always terminated.
static void get_text(const struct nlattr *a, char *out, size_t size)
{
	size_t n = strnlen(mnl_attr_get_payload(a), mnl_attr_get_payload_len(a));

	n = MIN(n, size - 1);
	memset(out, 0, size);
	memcpy(out, mnl_attr_get_payload(a), n);
}

static void get_info_attribute(const struct nlattr *a, struct nl_link *out)
{
	uint16_t type = mnl_attr_get_type(a);

	if (!strcmp(out->type, "vlan") && type == IFLA_VLAN_ID)
		out->vlan = decode_u16(a, 0);
	else if (!strcmp(out->type, "vlan") && type == IFLA_VLAN_PROTOCOL)
		out->vlan_protocol = ntohs(decode_u16(a, 0));
	else if (!strcmp(out->type, "vrf") && type == IFLA_VRF_TABLE)
		out->vrf_table = decode_u32(a, 0);
	else if (!strncmp(out->type, "macv", 4) && type == IFLA_MACVLAN_MODE)
		out->is_passthru = decode_u32(a, 0) == MACVLAN_MODE_PASSTHRU;
}

// The kind says how the data are to be read, and may stand behind them.
static void get_linkinfo(const struct nlattr *nest, struct nl_link *out, bool *is_vrf_slave)
{
	const struct nlattr *a, *data = NULL;
	char kind[16];

	mnl_attr_for_each_nested(a, nest) switch (mnl_attr_get_type(a))
	{
	case IFLA_INFO_KIND:
		get_text(a, out->type, sizeof(out->type));
		break;
	case IFLA_INFO_DATA:
		data = a;
		break;
	case IFLA_INFO_SLAVE_KIND:
		get_text(a, kind, sizeof(kind));
		*is_vrf_slave = !strcmp(kind, "vrf");
		break;
	}
	if (data)
		mnl_attr_for_each_nested(a, data) get_info_attribute(a, out);
}

// A program may be attached in several modes at once; one id is enough to know of it.
static void get_xdp(const struct nlattr *nest, struct nl_link *out)
{
	const struct nlattr *a;

	mnl_attr_for_each_nested(a, nest) switch (mnl_attr_get_type(a))
	{
	case IFLA_XDP_PROG_ID:
	case IFLA_XDP_DRV_PROG_ID:
	case IFLA_XDP_SKB_PROG_ID:
	case IFLA_XDP_HW_PROG_ID:
		if (decode_u32(a, 0))
			out->xdp_program = decode_u32(a, 0);
	}
}

static void get_link_attribute(const struct nlattr *a, struct nl_link *out, bool *is_vrf_slave)
{
	switch (mnl_attr_get_type(a)) {
	case IFLA_IFNAME:
		get_text(a, out->name, sizeof(out->name));
		break;
	case IFLA_ADDRESS:
		if (mnl_attr_get_payload_len(a) == sizeof(out->mac))
			memcpy(&out->mac, mnl_attr_get_payload(a), sizeof(out->mac));
		break;
	case IFLA_MTU:
		out->mtu = decode_u32(a, 0);
		break;
	case IFLA_MASTER:
		out->master = (int32_t)decode_u32(a, 0);
		break;
	case IFLA_LINK:
		out->lower = (int32_t)decode_u32(a, 0);
		break;
	case IFLA_LINK_NETNSID:
		out->is_lower_elsewhere = true;
		break;
	case IFLA_LINKINFO:
		get_linkinfo(a, out, is_vrf_slave);
		break;
	case IFLA_XDP:
		get_xdp(a, out);
		break;
	}
}

size_t decode_link(const struct nlmsghdr *nlh, struct nl_link *out)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);
	bool is_vrf_slave = false;
	const struct nlattr *a;

	// A bridge sends messages of its own family about its ports' life as ports.
	if (ifi->ifi_family != AF_UNSPEC || ifi->ifi_index <= 0)
		return 0;
	out->ifindex = ifi->ifi_index;
	out->flags = ifi->ifi_flags;
	out->device_type = ifi->ifi_type;
	// The kernel sets IFF_RUNNING for the operational states up and unknown.
	out->is_running = (ifi->ifi_flags & IFF_UP) && (ifi->ifi_flags & IFF_RUNNING);
	mnl_attr_for_each(a, nlh, sizeof(*ifi))
	{
		// Events of wireless drivers, which say nothing else of the device.
		if (mnl_attr_get_type(a) == IFLA_WIRELESS)
			return 0;
		get_link_attribute(a, out, &is_vrf_slave);
	}
	if (nlh->nlmsg_type == RTM_NEWLINK && !out->name[0])
		return 0;
	if (out->is_lower_elsewhere)
		out->lower = 0; // the number means something in that namespace only
	// Bridges, bonds, teams, hsr, batman, Open vSwitch: every master but a VRF takes the
	// frames.
	out->bridge_or_bond = out->master != 0 && !is_vrf_slave;
	return sizeof(*out);
}

// -- addresses and neighbours ---------------------------------------------------------

size_t decode_address(const struct nlmsghdr *nlh, struct nl_address *out)
{
	const struct ifaddrmsg *ifa = mnl_nlmsg_get_payload(nlh);
	struct ip_addr address = {0}, local = {0};
	const struct nlattr *a;

	if (ifa->ifa_prefixlen > decode_address_size(ifa->ifa_family) * 8)
		return 0;
	out->ifindex = (int32_t)ifa->ifa_index;
	out->flags = ifa->ifa_flags;
	out->scope = ifa->ifa_scope;
	mnl_attr_for_each(a, nlh, sizeof(*ifa)) switch (mnl_attr_get_type(a))
	{
	case IFA_ADDRESS:
		decode_attr_ip(a, ifa->ifa_family, &address);
		break;
	case IFA_LOCAL:
		decode_attr_ip(a, ifa->ifa_family, &local);
		break;
	case IFA_FLAGS:
		out->flags = decode_u32(a, out->flags);
		break;
	}
	// IFA_ADDRESS is the peer's if there is one, and then IFA_LOCAL is ours; IPv6 leaves
	// IFA_LOCAL out otherwise.
	out->prefix.addr = local.family ? local : address;
	out->prefix.len = ifa->ifa_prefixlen;
	return out->prefix.addr.family ? sizeof(*out) : 0;
}

size_t decode_neigh(const struct nlmsghdr *nlh, struct nl_neigh *out)
{
	const struct ndmsg *ndm = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *a;

	// AF_BRIDGE is the FDB of a bridge; a proxy entry is what we answer for, not a neighbour.
	if (!decode_address_size(ndm->ndm_family) || (ndm->ndm_flags & NTF_PROXY))
		return 0;
	out->ifindex = ndm->ndm_ifindex;
	out->nud = ndm->ndm_state;
	out->flags = ndm->ndm_flags;
	mnl_attr_for_each(a, nlh, sizeof(*ndm)) switch (mnl_attr_get_type(a))
	{
	case NDA_DST:
		decode_attr_ip(a, ndm->ndm_family, &out->addr);
		break;
	case NDA_LLADDR:
		if (mnl_attr_get_payload_len(a) != sizeof(out->mac))
			break;
		memcpy(&out->mac, mnl_attr_get_payload(a), sizeof(out->mac));
		out->has_mac = true;
		break;
	}
	return out->addr.family ? sizeof(*out) : 0;
}

// -- rules and netconf ----------------------------------------------------------------

// FNV-1a, 64 bits.
static uint64_t hash_bytes(uint64_t h, const void *bytes, size_t size)
{
	const uint8_t *b = bytes;

	for (size_t i = 0; i < size; i++)
		h = (h ^ b[i]) * 0x100000001b3;
	return h;
}

// Of what the rule is. Not of its present state, which may be another when it goes.
static uint64_t hash_rule(const struct nlmsghdr *nlh)
{
	struct fib_rule_hdr rule;
	size_t size = mnl_nlmsg_get_payload_len(nlh);

	memcpy(&rule, mnl_nlmsg_get_payload(nlh), sizeof(rule));
	rule.flags &=
		~(uint32_t)(FIB_RULE_UNRESOLVED | FIB_RULE_IIF_DETACHED | FIB_RULE_OIF_DETACHED);
	return hash_bytes(hash_bytes(0xcbf29ce484222325, &rule, sizeof(rule)),
		mnl_nlmsg_get_payload_offset(nlh, sizeof(rule)), size - sizeof(rule));
}

// Attributes that choose nothing, or say that nothing is chosen. Those that are not known here,
// also those of newer kernels, are taken to choose.
static bool attribute_is_plain(const struct nlattr *a)
{
	switch (mnl_attr_get_type(a)) {
	case FRA_TABLE:
	case FRA_PRIORITY:
	case FRA_PROTOCOL:
	case FRA_GOTO:
	case FRA_L3MDEV:
	case FRA_PAD:
		return true;
	case FRA_SUPPRESS_PREFIXLEN:
	case FRA_SUPPRESS_IFGROUP:
		return decode_u32(a, 0) == UINT32_MAX;
	}
	return false;
}

size_t decode_rule(const struct nlmsghdr *nlh, struct nl_rule *out)
{
	const struct fib_rule_hdr *rule = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *a;

	if (!decode_address_size(rule->family)) // not of multicast routing
		return 0;
	out->family = rule->family;
	out->action = rule->action;
	out->table = rule->table;
	out->is_inverse = rule->flags & FIB_RULE_INVERT;
	out->is_plain = !rule->src_len && !rule->dst_len && !rule->tos;
	mnl_attr_for_each(a, nlh, sizeof(*rule))
	{
		out->is_plain &= attribute_is_plain(a);
		switch (mnl_attr_get_type(a)) {
		case FRA_PRIORITY:
			out->priority = decode_u32(a, 0);
			break;
		case FRA_TABLE:
			out->table = decode_u32(a, out->table);
			break;
		case FRA_L3MDEV:
			out->is_l3mdev = decode_u8(a, 0) != 0;
			break;
		}
	}
	out->hash = hash_rule(nlh);
	return sizeof(*out);
}

static int8_t get_setting(const struct nlattr *a)
{
	int32_t v = (int32_t)decode_u32(a, UINT32_MAX);

	return (int8_t)MAX(MIN(v, INT8_MAX), -1);
}

size_t decode_netconf(const struct nlmsghdr *nlh, struct nl_netconf *out)
{
	const struct netconfmsg *ncm = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *a;

	if (!decode_address_size(ncm->ncm_family))
		return 0;
	out->family = ncm->ncm_family;
	out->forwarding = out->rp_filter = out->ignore_routes_with_linkdown = -1;
	mnl_attr_for_each(a, nlh, sizeof(*ncm)) switch (mnl_attr_get_type(a))
	{
	case NETCONFA_IFINDEX:
		out->ifindex = (int32_t)decode_u32(a, 0);
		break;
	case NETCONFA_FORWARDING:
		out->forwarding = get_setting(a);
		break;
	case NETCONFA_RP_FILTER:
		out->rp_filter = get_setting(a);
		break;
	case NETCONFA_IGNORE_ROUTES_WITH_LINKDOWN:
		out->ignore_routes_with_linkdown = get_setting(a);
		break;
	}
	return out->ifindex ? sizeof(*out) : 0;
}

// -- all of them ----------------------------------------------------------------------

// The fixed part of each kind's messages, and of its record.
static const struct {
	uint16_t new, del;
	size_t header, record;
} kinds[N_NL_KINDS] = {
	[NL_LINK] = {RTM_NEWLINK, RTM_DELLINK, sizeof(struct ifinfomsg), sizeof(struct nl_link)},
	[NL_ADDRESS] = {RTM_NEWADDR, RTM_DELADDR, sizeof(struct ifaddrmsg),
		sizeof(struct nl_address)},
	[NL_NEIGH] = {RTM_NEWNEIGH, RTM_DELNEIGH, sizeof(struct ndmsg), sizeof(struct nl_neigh)},
	[NL_ROUTE] = {RTM_NEWROUTE, RTM_DELROUTE, sizeof(struct rtmsg), sizeof(struct nl_route)},
	[NL_NEXTHOP] = {RTM_NEWNEXTHOP, RTM_DELNEXTHOP, 8, sizeof(struct nl_nexthop)},
	[NL_RULE] = {RTM_NEWRULE, RTM_DELRULE, sizeof(struct fib_rule_hdr), sizeof(struct nl_rule)},
	[NL_NETCONF] = {RTM_NEWNETCONF, RTM_DELNETCONF, sizeof(struct netconfmsg),
		sizeof(struct nl_netconf)},
};

static size_t decode_kind(enum nl_kind kind, const struct nlmsghdr *nlh, void *out)
{
	switch (kind) {
	case NL_LINK:
		return decode_link(nlh, out);
	case NL_ADDRESS:
		return decode_address(nlh, out);
	case NL_NEIGH:
		return decode_neigh(nlh, out);
	case NL_ROUTE:
		return decode_route(nlh, out);
	case NL_NEXTHOP:
		return decode_nexthop(nlh, out);
	case NL_RULE:
		return decode_rule(nlh, out);
	case NL_NETCONF:
		return decode_netconf(nlh, out);
	case N_NL_KINDS:
		break;
	}
	return 0;
}

size_t decode_message(const struct nlmsghdr *nlh, size_t size, void *out)
{
	struct nl_change *change = out;
	size_t n, end;

	// The attributes are walked up to the aligned end.
	if (size < sizeof(*nlh) || nlh->nlmsg_len < sizeof(*nlh) || nlh->nlmsg_len > size ||
		MNL_ALIGN((size_t)nlh->nlmsg_len) > size)
		return 0;
	for (enum nl_kind k = 0; k < N_NL_KINDS; k++) {
		if (nlh->nlmsg_type != kinds[k].new && nlh->nlmsg_type != kinds[k].del)
			continue;
		if (nlh->nlmsg_len < mnl_nlmsg_size(kinds[k].header))
			return 0;
		memset(out, 0, kinds[k].record);
		n = decode_kind(k, nlh, out);
		if (!n)
			return 0;
		end = ALIGN_UP(n, 8);
		memset((uint8_t *)out + n, 0, end - n);
		change->kind = k;
		change->verb = nlh->nlmsg_type == kinds[k].new ? NL_SET : NL_GONE;
		change->size = (uint16_t)end;
		return end;
	}
	return 0;
}
