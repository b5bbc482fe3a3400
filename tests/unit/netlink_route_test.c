// SPDX-License-Identifier: BSD-3-Clause
// rtnetlink messages to records: routes and next hop objects. See netlink_test.c.
#include "tests/unit/netlink_messages.h"

#include <linux/lwtunnel.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>

// -- routes ---------------------------------------------------------------------------

static struct nlmsghdr *begin_route(uint16_t type, uint16_t flags, const char *prefix)
{
	struct ip_prefix p;
	struct rtmsg rtm = {
		.rtm_table = RT_TABLE_MAIN, .rtm_protocol = RTPROT_STATIC, .rtm_type = RTN_UNICAST};
	struct nlmsghdr *nlh;

	assert_true(prefix_parse(prefix, &p));
	rtm.rtm_family = p.addr.family;
	rtm.rtm_dst_len = p.len;
	nlh = begin(type, flags, &rtm, sizeof(rtm));
	if (p.len)
		mnl_attr_put(nlh, RTA_DST, p.addr.family == AF_INET ? 4 : 16, p.addr.b);
	return nlh;
}

static struct rtmsg *rtmsg_of(struct nlmsghdr *nlh)
{
	return mnl_nlmsg_get_payload(nlh);
}

static void put_via(struct nlmsghdr *nlh, const char *text)
{
	uint8_t via[18] = {0};
	struct ip_addr a;
	uint16_t family;

	assert_true(ip_parse(text, &a));
	family = a.family;
	memcpy(via, &family, 2);
	memcpy(via + 2, a.b, a.family == AF_INET ? 4 : 16);
	mnl_attr_put(nlh, RTA_VIA, a.family == AF_INET ? 6 : 18, via);
}

// A part of RTA_MULTIPATH: it is no attribute, but is as long as it says.
static void put_hop(struct nlmsghdr *nlh, int ifindex, const char *gateway, uint8_t weight)
{
	struct rtnexthop *hop = mnl_nlmsg_get_payload_tail(nlh);

	hop->rtnh_ifindex = ifindex;
	hop->rtnh_hops = weight - 1;
	nlh->nlmsg_len += sizeof(*hop);
	if (strchr(gateway, ':') && rtmsg_of(nlh)->rtm_family == AF_INET)
		put_via(nlh, gateway);
	else
		put_ip(nlh, RTA_GATEWAY, gateway);
	hop->rtnh_len = (uint16_t)((uint8_t *)mnl_nlmsg_get_payload_tail(nlh) - (uint8_t *)hop);
}

static void route_has_its_fields(void **state)
{
	struct nlmsghdr *nlh = begin_route(RTM_NEWROUTE, NLM_F_EXCL | NLM_F_CREATE, "10.9.0.0/16");
	struct nlattr *metrics;
	struct nl_route *r;

	rtmsg_of(nlh)->rtm_tos = 0x10;
	rtmsg_of(nlh)->rtm_scope = RT_SCOPE_LINK;
	rtmsg_of(nlh)->rtm_flags = RTNH_F_ONLINK;
	mnl_attr_put_u32(nlh, RTA_TABLE, 1000);
	mnl_attr_put_u32(nlh, RTA_PRIORITY, 77);
	put_ip(nlh, RTA_GATEWAY, "10.0.0.2");
	mnl_attr_put_u32(nlh, RTA_OIF, 7);
	metrics = mnl_attr_nest_start(nlh, RTA_METRICS);
	mnl_attr_put_u32(nlh, RTAX_HOPLIMIT, 5);
	mnl_attr_put_u32(nlh, RTAX_MTU, 1300);
	mnl_attr_nest_end(nlh, metrics);
	r = decoded(nlh, NL_ROUTE, NL_SET);
	assert_prefix(&r->prefix, "10.9.0.0/16");
	assert_int_equal(r->table, 1000);
	assert_int_equal(r->metric, 77);
	assert_int_equal(r->mtu, 1300);
	assert_int_equal(r->tos, 0x10);
	assert_int_equal(r->scope, RT_SCOPE_LINK);
	assert_int_equal(r->protocol, RTPROT_STATIC);
	assert_int_equal(r->type, RTN_UNICAST);
	assert_false(r->is_replace || r->is_append || r->is_beside || r->is_cut || r->has_source);
	assert_int_equal(r->n_hops, 1);
	assert_int_equal(r->hops[0].ifindex, 7);
	assert_ip(&r->hops[0].gateway, "10.0.0.2");
	assert_int_equal(r->hops[0].weight, 1);
	assert_int_equal(r->hops[0].flags, RTNH_F_ONLINK);
	assert_false(r->hops[0].has_encap);
}

static void route_flags_tell_of_others(void **state)
{
	static const struct {
		uint16_t flags;
		bool replace, append, beside;
	} cases[] = {{NLM_F_CREATE | NLM_F_EXCL, 0, 0, 0}, {NLM_F_REPLACE, 1, 0, 0},
		{NLM_F_CREATE | NLM_F_APPEND, 0, 1, 1}, {NLM_F_CREATE, 0, 0, 1},
		{NLM_F_MULTI, 0, 0, 0}};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct nl_route *r = decoded(
			begin_route(RTM_NEWROUTE, cases[i].flags, "10.9.0.0/16"), NL_ROUTE, NL_SET);

		assert_int_equal(r->is_replace, cases[i].replace);
		assert_int_equal(r->is_append, cases[i].append);
		assert_int_equal(r->is_beside, cases[i].beside);
	}
}

static void default_route_and_host_bits(void **state)
{
	struct nlmsghdr *nlh = begin_route(RTM_NEWROUTE, 0, "::/0");
	struct nl_route *r;

	mnl_attr_put_u8(nlh, RTA_PREF, 1);
	r = decoded(nlh, NL_ROUTE, NL_SET);
	assert_prefix(&r->prefix, "::/0");
	assert_int_equal(r->preference, 1);
	assert_int_equal(r->n_hops, 0);
	nlh = begin_route(RTM_NEWROUTE, 0, "0.0.0.0/0");
	rtmsg_of(nlh)->rtm_dst_len = 8;
	assert_nothing(nlh); // a prefix without its address
	rtmsg_of(nlh)->rtm_dst_len = 33;
	assert_nothing(nlh);
	nlh = begin_route(RTM_NEWROUTE, 0, "10.1.2.255/32");
	rtmsg_of(nlh)->rtm_dst_len = 23;
	assert_prefix(&((struct nl_route *)decoded(nlh, NL_ROUTE, NL_SET))->prefix, "10.1.2.0/23");
}

static void multipath_has_its_hops(void **state)
{
	struct nlmsghdr *nlh = begin_route(RTM_NEWROUTE, 0, "10.11.0.0/16");
	struct nlattr *nest = mnl_attr_nest_start(nlh, RTA_MULTIPATH);
	struct nl_route *r;

	put_hop(nlh, 7, "10.0.0.2", 1);
	put_hop(nlh, 8, "2001:db8::2", 256 - 1);
	mnl_attr_nest_end(nlh, nest);
	r = decoded(nlh, NL_ROUTE, NL_SET);
	assert_int_equal(r->n_hops, 2);
	assert_ip(&r->hops[0].gateway, "10.0.0.2");
	assert_int_equal(r->hops[1].ifindex, 8);
	assert_ip(&r->hops[1].gateway, "2001:db8::2");
	assert_int_equal(r->hops[1].weight, 255);
	mnl_attr_put_u32(nlh, RTA_NH_ID, 5); // then the hops are only a copy
	r = decoded(nlh, NL_ROUTE, NL_SET);
	assert_int_equal(r->nexthop, 5);
	assert_int_equal(r->n_hops, 0);
}

static void too_many_hops_are_cut(void **state)
{
	for (unsigned n = NL_MAX_HOPS - 1; n <= NL_MAX_HOPS + 1; n++) {
		struct nlmsghdr *nlh = begin_route(RTM_NEWROUTE, 0, "2001:db8::/32");
		struct nlattr *nest = mnl_attr_nest_start(nlh, RTA_MULTIPATH);
		struct nl_route *r;

		for (unsigned i = 0; i < n; i++)
			put_hop(nlh, 7, "2001:db8::2", 1);
		mnl_attr_nest_end(nlh, nest);
		r = decoded(nlh, NL_ROUTE, NL_SET);
		assert_int_equal(r->n_hops, MIN(n, NL_MAX_HOPS));
		assert_int_equal(r->is_cut, n > NL_MAX_HOPS);
	}
}

static void what_is_not_ours_is_marked(void **state)
{
	struct nlmsghdr *nlh = begin_route(RTM_NEWROUTE, 0, "10.15.0.0/16");
	struct nl_route *r;

	mnl_attr_put_u16(nlh, RTA_ENCAP_TYPE, LWTUNNEL_ENCAP_IP);
	r = decoded(nlh, NL_ROUTE, NL_SET);
	assert_int_equal(r->n_hops, 1);
	assert_true(r->hops[0].has_encap);
	nlh = begin_route(RTM_NEWROUTE, 0, "2001:db8::/32");
	rtmsg_of(nlh)->rtm_src_len = 48;
	assert_true(((struct nl_route *)decoded(nlh, NL_ROUTE, NL_SET))->has_source);
	rtmsg_of(nlh)->rtm_flags = RTM_F_CLONED;
	assert_nothing(nlh);
	nlh = begin_route(RTM_NEWROUTE, 0, "10.15.0.0/16");
	rtmsg_of(nlh)->rtm_family = 128; // multicast routing
	assert_nothing(nlh);
}

// -- next hop objects -----------------------------------------------------------------

static struct nlmsghdr *begin_nexthop(uint8_t family, uint32_t id)
{
	struct nhmsg nhm = {.nh_family = family};
	struct nlmsghdr *nlh = begin(RTM_NEWNEXTHOP, 0, &nhm, sizeof(nhm));

	if (id)
		mnl_attr_put_u32(nlh, NHA_ID, id);
	return nlh;
}

static void nexthop_kinds(void **state)
{
	struct nlmsghdr *nlh = begin_nexthop(AF_INET6, 5);
	struct nl_nexthop *n;

	mnl_attr_put_u32(nlh, NHA_OIF, 7);
	put_ip(nlh, NHA_GATEWAY, "fe80::2");
	n = decoded(nlh, NL_NEXTHOP, NL_SET);
	assert_int_equal(n->id, 5);
	assert_int_equal(n->hop.ifindex, 7);
	assert_ip(&n->hop.gateway, "fe80::2");
	assert_false(n->is_blackhole || n->is_group || n->is_resilient || n->is_fdb);
	mnl_attr_put(nlh, NHA_FDB, 0, NULL);
	mnl_attr_put_u16(nlh, NHA_ENCAP_TYPE, LWTUNNEL_ENCAP_IP);
	n = decoded(nlh, NL_NEXTHOP, NL_SET);
	assert_true(n->is_fdb && n->hop.has_encap);
	nlh = begin_nexthop(AF_INET, 6);
	mnl_attr_put(nlh, NHA_BLACKHOLE, 0, NULL);
	nlh->nlmsg_type = RTM_DELNEXTHOP;
	assert_true(((struct nl_nexthop *)decoded(nlh, NL_NEXTHOP, NL_GONE))->is_blackhole);
	assert_nothing(begin_nexthop(AF_INET, 0));
}

static void nexthop_groups(void **state)
{
	static const uint8_t entries[] = {1, 0, 0, 0, 4, 0, 0, 0, 7, 0, 0, 0, 0xff, 1, 0, 0};
	static uint8_t many[8 * (NL_MAX_HOPS + 1)];
	struct nlmsghdr *nlh = begin_nexthop(AF_UNSPEC, 3);
	struct nl_nexthop *n;

	mnl_attr_put(nlh, NHA_GROUP, sizeof(entries), entries);
	mnl_attr_put_u16(nlh, NHA_GROUP_TYPE, NEXTHOP_GRP_TYPE_RES);
	n = decoded(nlh, NL_NEXTHOP, NL_SET);
	assert_true(n->is_group && n->is_resilient);
	assert_int_equal(n->n_members, 2);
	assert_int_equal(n->members[0].id, 1);
	assert_int_equal(n->members[0].weight, 5);
	assert_int_equal(n->members[1].id, 7);
	assert_int_equal(n->members[1].weight, 512); // of 16 bits, Linux 6.12
	nlh = begin_nexthop(AF_UNSPEC, 3);
	mnl_attr_put(nlh, NHA_GROUP, sizeof(many), many);
	n = decoded(nlh, NL_NEXTHOP, NL_SET);
	assert_true(n->is_cut);
	assert_int_equal(n->n_members, NL_MAX_HOPS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(route_has_its_fields),
		cmocka_unit_test(route_flags_tell_of_others),
		cmocka_unit_test(default_route_and_host_bits),
		cmocka_unit_test(multipath_has_its_hops),
		cmocka_unit_test(too_many_hops_are_cut),
		cmocka_unit_test(what_is_not_ours_is_marked),
		cmocka_unit_test(nexthop_kinds),
		cmocka_unit_test(nexthop_groups),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
