// SPDX-License-Identifier: BSD-3-Clause
#include <libmnl/libmnl.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "control/policy/attributes.h"
#include "control/policy/tc.h"

static const struct nlattr *get_attribute(const struct nlmsghdr *nlh, unsigned type)
{
	const struct nlattr *a[TCA_OPTIONS + 1];

	attributes_get(nlh, sizeof(struct tcmsg), a, ARRAY_SIZE(a));
	return a[type];
}

static bool get_kind(const struct nlmsghdr *nlh, char *out)
{
	const struct nlattr *a = get_attribute(nlh, TCA_KIND);
	size_t n;

	memset(out, 0, TC_KIND_SIZE);
	if (!a)
		return false;
	n = strnlen(mnl_attr_get_payload(a), mnl_attr_get_payload_len(a));
	memcpy(out, mnl_attr_get_payload(a), MIN(n, TC_KIND_SIZE - 1));
	return true;
}

static bool is_one_of(const char *kind, const char *const *kinds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(kind, kinds[i]))
			return true;
	return false;
}

// fq spreads packets over flows, which does no harm to leave out; with a rate it is a shaper.
static bool fq_has_rate(const struct nlmsghdr *nlh)
{
	const struct nlattr *options = get_attribute(nlh, TCA_OPTIONS), *a;
	bool has_rate = false;

	if (!options)
		return false;
	mnl_attr_for_each_nested(a, options) if (mnl_attr_get_type(a) == TCA_FQ_FLOW_MAX_RATE &&
						 mnl_attr_get_payload_len(a) >= sizeof(uint32_t))
		has_rate = mnl_attr_get_u32(a) != UINT32_MAX;
	return has_rate;
}

bool tc_judge_qdisc(const struct nlmsghdr *nlh, struct tc_qdisc *out)
{
	static const char *const defaults[] = {
		"noqueue", "pfifo_fast", "pfifo", "bfifo", "fq_codel", "mq"};
	static const char *const shapers[] = {"tbf", "htb", "hfsc", "cbq", "cake", "fq"};
	const struct tcmsg *t = mnl_nlmsg_get_payload(nlh);

	if (nlh->nlmsg_type != RTM_NEWQDISC || mnl_nlmsg_get_payload_len(nlh) < sizeof(*t))
		return false;
	out->ifindex = t->tcm_ifindex;
	if (!get_kind(nlh, out->kind))
		memcpy(out->kind, "?", 2);
	if (!strcmp(out->kind, "ingress"))
		out->role = TC_INGRESS;
	else if (!strcmp(out->kind, "clsact"))
		out->role = TC_CLSACT;
	else if (is_one_of(out->kind, defaults, ARRAY_SIZE(defaults)) ||
		 (!strcmp(out->kind, "fq") && !fq_has_rate(nlh)))
		out->role = TC_DEFAULT;
	else if (is_one_of(out->kind, shapers, ARRAY_SIZE(shapers)))
		out->role = TC_SHAPER;
	else
		out->role = TC_OTHER;
	return true;
}

// A classifier is listed first without options, then with those of each of its filters. For
// most kinds one without filters does nothing; some, like fw and route, act without any.
bool tc_judge_filter(const struct nlmsghdr *nlh)
{
	static const char *const need_options[] = {"bpf", "u32", "flower", "matchall", "basic"};
	char kind[TC_KIND_SIZE];

	if (nlh->nlmsg_type != RTM_NEWTFILTER)
		return false;
	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(struct tcmsg) || !get_kind(nlh, kind))
		return true;
	return get_attribute(nlh, TCA_OPTIONS) ||
	       !is_one_of(kind, need_options, ARRAY_SIZE(need_options));
}
