// SPDX-License-Identifier: BSD-3-Clause
// rtnetlink messages to records: all kinds but those with hops (netlink_route_test.c). Messages are
// made by hand; what a kernel really sends is in tests/fuzz/corpus/netlink (netlink_damage_test.c),
// and in tests/system/netlink_mirror_test.sh.
#include "tests/unit/netlink_messages.h"

#include <arpa/inet.h>
#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/netconf.h>
#include <linux/rtnetlink.h>

// -- links ----------------------------------------------------------------------------

static struct nlmsghdr *begin_link(uint16_t type, uint32_t flags)
{
	struct ifinfomsg ifi = {.ifi_index = 7, .ifi_type = 1, .ifi_flags = flags};
	struct nlmsghdr *nlh = begin(type, 0, &ifi, sizeof(ifi));

	mnl_attr_put_strz(nlh, IFLA_IFNAME, "eth0");
	return nlh;
}

static struct nl_link *decoded_kind(const char *kind, uint16_t type, size_t size, const void *data)
{
	struct nlmsghdr *nlh = begin_link(RTM_NEWLINK, 0);
	struct nlattr *info = mnl_attr_nest_start(nlh, IFLA_LINKINFO), *nest;

	mnl_attr_put_strz(nlh, IFLA_INFO_KIND, kind);
	nest = mnl_attr_nest_start(nlh, IFLA_INFO_DATA);
	mnl_attr_put(nlh, type, size, data);
	mnl_attr_nest_end(nlh, nest);
	mnl_attr_nest_end(nlh, info);
	return decoded(nlh, NL_LINK, NL_SET);
}

static void link_has_its_fields(void **state)
{
	struct nlmsghdr *nlh = begin_link(RTM_NEWLINK, 0x1 | 0x40);
	struct nlattr *xdp;
	struct nl_link *l;

	mnl_attr_put(nlh, IFLA_ADDRESS, 6, "\x02\0\0\0\0\x09");
	mnl_attr_put_u32(nlh, IFLA_MTU, 9000);
	mnl_attr_put_u32(nlh, IFLA_LINK, 3);
	xdp = mnl_attr_nest_start(nlh, IFLA_XDP);
	mnl_attr_put_u32(nlh, IFLA_XDP_DRV_PROG_ID, 44);
	mnl_attr_nest_end(nlh, xdp);
	l = decoded(nlh, NL_LINK, NL_SET);
	assert_int_equal(l->ifindex, 7);
	assert_string_equal(l->name, "eth0");
	assert_string_equal(l->type, "");
	assert_int_equal(l->mac.b[5], 9);
	assert_int_equal(l->mtu, 9000);
	assert_int_equal(l->lower, 3);
	assert_int_equal(l->device_type, 1);
	assert_int_equal(l->xdp_program, 44);
	assert_true(l->is_running);
	assert_false(l->bridge_or_bond);
	mnl_attr_put_u32(nlh, IFLA_LINK_NETNSID, 0);
	l = decoded(nlh, NL_LINK, NL_SET);
	assert_true(l->is_lower_elsewhere);
	assert_int_equal(l->lower, 0);
	l = decoded(begin_link(RTM_NEWLINK, 0x1), NL_LINK, NL_SET); // up, but no carrier
	assert_false(l->is_running);
	l = decoded(begin_link(RTM_DELLINK, 0), NL_LINK, NL_GONE);
	assert_int_equal(l->ifindex, 7);
}

static void link_kinds_have_their_data(void **state)
{
	uint16_t vid = 100, protocol = htons(0x88a8);
	uint32_t table = 77, passthru = MACVLAN_MODE_PASSTHRU, bridge = MACVLAN_MODE_BRIDGE;

	assert_int_equal(decoded_kind("vlan", IFLA_VLAN_ID, 2, &vid)->vlan, 100);
	assert_int_equal(
		decoded_kind("vlan", IFLA_VLAN_PROTOCOL, 2, &protocol)->vlan_protocol, 0x88a8);
	assert_int_equal(decoded_kind("vrf", IFLA_VRF_TABLE, 4, &table)->vrf_table, 77);
	assert_int_equal(decoded_kind("veth", IFLA_VRF_TABLE, 4, &table)->vrf_table, 0);
	assert_true(decoded_kind("macvtap", IFLA_MACVLAN_MODE, 4, &passthru)->is_passthru);
	assert_false(decoded_kind("macvlan", IFLA_MACVLAN_MODE, 4, &bridge)->is_passthru);
	// Too short for its type: as good as absent.
	assert_int_equal(decoded_kind("vrf", IFLA_VRF_TABLE, 3, &table)->vrf_table, 0);
	// A kind that is longer than any is cut, not overrun.
	assert_string_equal(
		decoded_kind("a-kind-of-20-letters", 1, 0, "")->type, "a-kind-of-20-le");
}

static void masters_take_the_frames_but_for_a_vrf(void **state)
{
	static const struct {
		const char *kind;
		bool takes;
	} cases[] = {
		{"bridge", true}, {"bond", true}, {"team", true}, {"vrf", false}, {NULL, true}};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct nlmsghdr *nlh = begin_link(RTM_NEWLINK, 0);
		struct nlattr *info;
		struct nl_link *l;

		mnl_attr_put_u32(nlh, IFLA_MASTER, 9);
		info = mnl_attr_nest_start(nlh, IFLA_LINKINFO);
		if (cases[i].kind)
			mnl_attr_put_strz(nlh, IFLA_INFO_SLAVE_KIND, cases[i].kind);
		mnl_attr_nest_end(nlh, info);
		l = decoded(nlh, NL_LINK, NL_SET);
		assert_int_equal(l->master, 9);
		assert_int_equal(l->bridge_or_bond, cases[i].takes);
	}
}

static void links_of_others_are_nothing(void **state)
{
	struct ifinfomsg ifi = {.ifi_family = AF_BRIDGE, .ifi_index = 7};
	struct nlmsghdr *nlh = begin(RTM_NEWLINK, 0, &ifi, sizeof(ifi));

	mnl_attr_put_strz(nlh, IFLA_IFNAME, "eth0");
	assert_nothing(nlh);
	nlh = begin_link(RTM_NEWLINK, 0);
	mnl_attr_put(nlh, IFLA_WIRELESS, 4, "abcd");
	assert_nothing(nlh);
	nlh = begin_link(RTM_NEWLINK, 0);
	((struct ifinfomsg *)mnl_nlmsg_get_payload(nlh))->ifi_index = 0;
	assert_nothing(nlh);
	ifi.ifi_family = AF_UNSPEC;
	assert_nothing(begin(RTM_NEWLINK, 0, &ifi, sizeof(ifi))); // without a name
}

// -- addresses and neighbours ---------------------------------------------------------

static void address_is_ours_not_the_peers(void **state)
{
	struct ifaddrmsg ifa = {
		.ifa_family = AF_INET, .ifa_prefixlen = 24, .ifa_index = 7, .ifa_flags = 0x80};
	struct nlmsghdr *nlh = begin(RTM_NEWADDR, 0, &ifa, sizeof(ifa));
	struct nl_address *a;

	put_ip(nlh, IFA_ADDRESS, "10.0.0.2");
	put_ip(nlh, IFA_LOCAL, "10.0.0.1");
	mnl_attr_put_u32(nlh, IFA_FLAGS, 0x280);
	a = decoded(nlh, NL_ADDRESS, NL_SET);
	assert_prefix(&a->prefix, "10.0.0.1/24");
	assert_int_equal(a->ifindex, 7);
	assert_int_equal(a->flags, 0x280);
	ifa = (struct ifaddrmsg){.ifa_family = AF_INET6, .ifa_prefixlen = 64, .ifa_index = 7};
	nlh = begin(RTM_DELADDR, 0, &ifa, sizeof(ifa));
	assert_nothing(nlh); // without an address
	put_ip(nlh, IFA_ADDRESS, "2001:db8::1");
	assert_prefix(&((struct nl_address *)decoded(nlh, NL_ADDRESS, NL_GONE))->prefix,
		"2001:db8::1/64");
	ifa.ifa_prefixlen = 129;
	nlh = begin(RTM_NEWADDR, 0, &ifa, sizeof(ifa));
	put_ip(nlh, IFA_ADDRESS, "2001:db8::1");
	assert_nothing(nlh);
}

static struct nlmsghdr *begin_neigh(uint8_t family, uint8_t flags)
{
	struct ndmsg ndm = {.ndm_family = family,
		.ndm_ifindex = 7,
		.ndm_state = NUD_REACHABLE,
		.ndm_flags = flags};

	return begin(RTM_NEWNEIGH, 0, &ndm, sizeof(ndm));
}

static void neigh_has_its_mac(void **state)
{
	struct nlmsghdr *nlh = begin_neigh(AF_INET, NTF_ROUTER);
	struct nl_neigh *n;

	put_ip(nlh, NDA_DST, "10.0.0.2");
	n = decoded(nlh, NL_NEIGH, NL_SET);
	assert_false(n->has_mac);
	mnl_attr_put(nlh, NDA_LLADDR, 6, "\x02\0\0\0\0\x05");
	n = decoded(nlh, NL_NEIGH, NL_SET);
	assert_ip(&n->addr, "10.0.0.2");
	assert_true(n->has_mac);
	assert_int_equal(n->mac.b[5], 5);
	assert_int_equal(n->nud, NUD_REACHABLE);
	assert_int_equal(n->flags, NTF_ROUTER);
	nlh = begin_neigh(AF_INET6, 0);
	put_ip(nlh, NDA_DST, "fe80::2");
	mnl_attr_put(nlh, NDA_LLADDR, 4, "\x0a\0\0\x01"); // of a tunnel
	assert_false(((struct nl_neigh *)decoded(nlh, NL_NEIGH, NL_SET))->has_mac);
}

static void neighs_of_others_are_nothing(void **state)
{
	struct nlmsghdr *nlh = begin_neigh(AF_INET, NTF_PROXY);

	put_ip(nlh, NDA_DST, "10.0.0.2");
	assert_nothing(nlh);
	nlh = begin_neigh(AF_BRIDGE, 0);
	mnl_attr_put(nlh, NDA_LLADDR, 6, "\x02\0\0\0\0\x05");
	put_ip(nlh, NDA_DST, "10.0.0.2"); // of a VXLAN
	assert_nothing(nlh);
	nlh = begin_neigh(AF_INET6, 0);
	put_ip(nlh, NDA_DST, "10.0.0.2"); // 4 bytes are no IPv6 address
	assert_nothing(nlh);
}

// -- rules and netconf ----------------------------------------------------------------

static struct nlmsghdr *begin_rule(uint32_t priority)
{
	struct fib_rule_hdr rule = {.family = AF_INET, .table = 254, .action = FR_ACT_TO_TBL};
	struct nlmsghdr *nlh = begin(RTM_NEWRULE, 0, &rule, sizeof(rule));

	mnl_attr_put_u32(nlh, FRA_PRIORITY, priority);
	mnl_attr_put_u32(nlh, FRA_SUPPRESS_PREFIXLEN, UINT32_MAX);
	mnl_attr_put_u8(nlh, FRA_PROTOCOL, RTPROT_KERNEL);
	return nlh;
}

static void rules_that_choose_are_not_plain(void **state)
{
	struct nlmsghdr *nlh = begin_rule(32766);
	struct nl_rule *r = decoded(nlh, NL_RULE, NL_SET);

	assert_int_equal(r->priority, 32766);
	assert_int_equal(r->table, 254);
	assert_int_equal(r->action, FR_ACT_TO_TBL);
	assert_true(r->is_plain && !r->is_inverse && !r->is_l3mdev);
	mnl_attr_put_u32(nlh, FRA_TABLE, 1000);
	mnl_attr_put_u8(nlh, FRA_L3MDEV, 1);
	r = decoded(nlh, NL_RULE, NL_SET);
	assert_int_equal(r->table, 1000);
	assert_true(r->is_plain && r->is_l3mdev);
	for (uint16_t type = 1; type < 64; type++) {
		bool plain = type == FRA_TABLE || type == FRA_PRIORITY || type == FRA_PROTOCOL ||
			     type == FRA_GOTO || type == FRA_L3MDEV || type == FRA_PAD;

		nlh = begin_rule(1);
		mnl_attr_put_u32(nlh, type, 7);
		r = decoded(nlh, NL_RULE, NL_SET);
		assert_int_equal(r->is_plain, plain); // also of types that no one knows yet
	}
	nlh = begin_rule(1);
	((struct fib_rule_hdr *)mnl_nlmsg_get_payload(nlh))->src_len = 8;
	((struct fib_rule_hdr *)mnl_nlmsg_get_payload(nlh))->flags = FIB_RULE_INVERT;
	r = decoded(nlh, NL_RULE, NL_SET);
	assert_true(!r->is_plain && r->is_inverse);
	((struct fib_rule_hdr *)mnl_nlmsg_get_payload(nlh))->family = 128;
	assert_nothing(nlh);
}

static uint64_t hash_of(struct nlmsghdr *nlh)
{
	return ((struct nl_rule *)decoded(nlh, NL_RULE, NL_SET))->hash;
}

static void rule_hash_is_of_what_it_is(void **state)
{
	struct nlmsghdr *nlh = begin_rule(1);
	struct fib_rule_hdr *rule = mnl_nlmsg_get_payload(nlh);
	uint64_t hash = hash_of(nlh);

	nlh->nlmsg_seq = 77;
	nlh->nlmsg_flags = NLM_F_MULTI;
	rule->flags = FIB_RULE_UNRESOLVED | FIB_RULE_IIF_DETACHED | FIB_RULE_OIF_DETACHED;
	assert_true(hash_of(nlh) == hash);
	rule->flags = FIB_RULE_INVERT;
	assert_false(hash_of(nlh) == hash);
	rule->flags = 0;
	mnl_attr_put_u32(nlh, FRA_FWMARK, 7);
	assert_false(hash_of(nlh) == hash);
	assert_false(hash_of(begin_rule(2)) == hash);
}

static void netconf_says_what_it_says(void **state)
{
	struct netconfmsg ncm = {.ncm_family = AF_INET};
	struct nlmsghdr *nlh = begin(RTM_NEWNETCONF, 0, &ncm, sizeof(ncm));
	struct nl_netconf *n;

	assert_nothing(nlh); // of no interface
	mnl_attr_put_u32(nlh, NETCONFA_IFINDEX, (uint32_t)NETCONFA_IFINDEX_ALL);
	mnl_attr_put_u32(nlh, NETCONFA_RP_FILTER, 2);
	n = decoded(nlh, NL_NETCONF, NL_SET);
	assert_int_equal(n->ifindex, NETCONFA_IFINDEX_ALL);
	assert_int_equal(n->family, AF_INET);
	assert_int_equal(n->rp_filter, 2);
	assert_int_equal(n->forwarding, -1);
	assert_int_equal(n->ignore_routes_with_linkdown, -1);
	mnl_attr_put_u32(nlh, NETCONFA_FORWARDING, 1);
	assert_int_equal(((struct nl_netconf *)decoded(nlh, NL_NETCONF, NL_SET))->forwarding, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(link_has_its_fields),
		cmocka_unit_test(link_kinds_have_their_data),
		cmocka_unit_test(masters_take_the_frames_but_for_a_vrf),
		cmocka_unit_test(links_of_others_are_nothing),
		cmocka_unit_test(address_is_ours_not_the_peers),
		cmocka_unit_test(neigh_has_its_mac),
		cmocka_unit_test(neighs_of_others_are_nothing),
		cmocka_unit_test(rules_that_choose_are_not_plain),
		cmocka_unit_test(rule_hash_is_of_what_it_is),
		cmocka_unit_test(netconf_says_what_it_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
