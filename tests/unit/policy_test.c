// SPDX-License-Identifier: BSD-3-Clause
// From the kernel's bytes to findings, without a kernel.
#include "tests/unit/test.h"

#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>

#include "base/mem.h"
#include "control/policy/bpf.h"
#include "control/policy/findings.h"
#include "control/policy/iptables.h"
#include "control/policy/ipvs.h"
#include "control/policy/nft.h"
#include "control/policy/tc.h"
#include "control/policy/xfrm.h"
#include "tests/unit/policy_messages.h"

static struct findings found;
static struct nft nft;

static int teardown(void **state)
{
	findings_fini(&found);
	findings_fini(&nft.now);
	findings_fini(&nft.next);
	memset(&nft, 0, sizeof(nft));
	return 0;
}

// The finding number n says this; NULL: there is none of that number.
static void assert_found(
	unsigned n, const char *text, const char *ifname, uint8_t directions, uint8_t families)
{
	assert_true(n < found.n);
	assert_string_equal(found.at[n].text, text);
	assert_string_equal(found.at[n].ifname, ifname);
	assert_int_equal(found.at[n].directions, directions);
	assert_int_equal(found.at[n].families, families);
}

static void judge_chain(uint8_t family, uint32_t hook, uint32_t n_rules, uint32_t policy)
{
	static const struct device eth0 = {NFTA_DEVICE_NAME, "eth0", 0};

	findings_clear(&found);
	nft_judge_chain(&nft, nft_chain(family, hook, n_rules, policy, &eth0, 1), &found);
}

#define BOTH (FINDING_IN | FINDING_OUT)

static void test_nft_hooks(void **state)
{
	judge_chain(NFPROTO_INET, NF_INET_FORWARD, 1, NF_ACCEPT);
	assert_found(0, "nft: inet t c", "", BOTH, FINDING_ANY);
	judge_chain(NFPROTO_IPV4, NF_INET_PRE_ROUTING, 3, NF_ACCEPT);
	assert_found(0, "nft: ip t c", "", FINDING_IN, FINDING_IP4);
	judge_chain(NFPROTO_IPV6, NF_INET_POST_ROUTING, 3, NF_ACCEPT);
	assert_found(0, "nft: ip6 t c", "", FINDING_OUT, FINDING_IP6);
	judge_chain(NFPROTO_INET, NF_INET_INGRESS, 1, NF_ACCEPT);
	assert_found(0, "nft: inet t c on eth0", "eth0", FINDING_IN, FINDING_ANY);
	judge_chain(NFPROTO_NETDEV, NF_NETDEV_INGRESS, 1, NF_ACCEPT);
	assert_found(0, "nft: netdev t c on eth0", "eth0", FINDING_IN, FINDING_ANY);
	judge_chain(NFPROTO_NETDEV, NF_NETDEV_EGRESS, 1, NF_ACCEPT);
	assert_found(0, "nft: netdev t c on eth0", "eth0", FINDING_OUT, FINDING_ANY);
	// What is not known must be supposed to act, on everything.
	judge_chain(NFPROTO_INET, 9, 1, NF_ACCEPT);
	assert_found(0, "nft: inet t c", "", BOTH, FINDING_ANY);
	judge_chain(NFPROTO_NETDEV, 2, 1, NF_ACCEPT);
	assert_found(0, "nft: netdev t c", "", BOTH, FINDING_ANY);
	judge_chain(77, 0, 1, NF_ACCEPT);
	assert_found(0, "nft: unknown t c", "", BOTH, FINDING_ANY);
}

static void test_nft_does_nothing(void **state)
{
	judge_chain(NFPROTO_INET, NF_INET_FORWARD, 0, NF_ACCEPT);
	assert_int_equal(found.n, 0);
	judge_chain(NFPROTO_INET, NF_INET_LOCAL_IN, 5, NF_DROP);
	assert_int_equal(found.n, 0);
	judge_chain(NFPROTO_IPV4, NF_INET_LOCAL_OUT, 5, NF_DROP);
	assert_int_equal(found.n, 0);
	judge_chain(NFPROTO_BRIDGE, NF_INET_FORWARD, 5, NF_DROP);
	assert_int_equal(found.n, 0);
	judge_chain(NFPROTO_ARP, NF_INET_PRE_ROUTING, 5, NF_DROP);
	assert_int_equal(found.n, 0);
	judge_chain(NFPROTO_INET, NF_INET_FORWARD, 0, NF_DROP);
	assert_found(0, "nft: inet t c (policy drop)", "", BOTH, FINDING_ANY);
}

static void test_nft_not_a_base_chain(void **state)
{
	struct nlmsghdr *nlh = nft_begin(NFT_MSG_NEWCHAIN, NFPROTO_INET);

	mnl_attr_put_strz(nlh, NFTA_CHAIN_TABLE, "t");
	mnl_attr_put_strz(nlh, NFTA_CHAIN_NAME, "jumped_to");
	mnl_attr_put_u32(nlh, NFTA_CHAIN_USE, htonl(8));
	nft_judge_chain(&nft, nlh, &found);
	assert_int_equal(found.n, 0);
}

static void test_nft_dormant(void **state)
{
	nft_judge_table(&nft, nft_table(NFPROTO_INET, "t", NFT_TABLE_F_DORMANT));
	judge_chain(NFPROTO_INET, NF_INET_FORWARD, 1, NF_DROP);
	assert_int_equal(found.n, 0);
	judge_chain(NFPROTO_IPV4, NF_INET_FORWARD, 1, NF_DROP); // another table of that name
	assert_int_equal(found.n, 1);
	// More dormant tables than are remembered: those beyond count as awake.
	for (int i = 0; i < NFT_MAX_DORMANT + 5; i++) {
		char name[16];

		snprintf(name, sizeof(name), "d%d", i);
		nft_judge_table(&nft, nft_table(NFPROTO_INET, name, NFT_TABLE_F_DORMANT));
	}
	nft_judge_table(&nft, nft_table(NFPROTO_IPV4, "t", NFT_TABLE_F_DORMANT));
	judge_chain(NFPROTO_IPV4, NF_INET_FORWARD, 1, NF_DROP);
	assert_int_equal(found.n, 1);
}

static void test_nft_devices(void **state)
{
	static const struct device devices[] = {
		{NFTA_DEVICE_NAME, "eth0", 0}, {2, "wan", 3}, // Linux 6.18
		{NFTA_DEVICE_NAME, "lan", 3},                 // 6.16: no final zero
		{9, "eth7", 0},                               // not known
	};

	nft_judge_chain(&nft,
		nft_chain(NFPROTO_NETDEV, NF_NETDEV_INGRESS, 1, NF_ACCEPT, devices, 4), &found);
	assert_int_equal(found.n, 4);
	assert_found(0, "nft: netdev t c on eth0", "eth0", FINDING_IN, FINDING_ANY);
	assert_found(1, "nft: netdev t c on wan*", "wan", FINDING_IN, FINDING_ANY);
	assert_found(2, "nft: netdev t c on lan*", "lan", FINDING_IN, FINDING_ANY);
	assert_found(3, "nft: netdev t c on unknown devices", "", FINDING_IN, FINDING_ANY);
	assert_true(finding_names(&found.at[0], "eth0"));
	assert_false(finding_names(&found.at[0], "eth01"));
	assert_true(finding_names(&found.at[1], "wan17"));
	assert_true(finding_names(&found.at[2], "lan"));
	assert_false(finding_names(&found.at[2], "la"));
}

static void test_nft_flowtable(void **state)
{
	static const struct device devices[] = {{NFTA_DEVICE_NAME, "eth0", 0}, {1, "eth1", 0}};

	nft_judge_flowtable(nft_flowtable(devices, 2), &found);
	assert_int_equal(found.n, 2);
	assert_found(1, "nft: inet t flowtable f on eth1", "eth1", FINDING_IN, FINDING_ANY);
}

// What went is believed at the second look only, what came at once.
static void test_nft_second_look(void **state)
{
	static const struct finding all = {.directions = BOTH, .families = FINDING_ANY};

	findings_unread(&nft.now, POLICY_NFT);
	findings_add(&nft.next, &all, "a");
	nft_end(&nft, 0, true);
	assert_int_equal(nft.now.n, 1);
	assert_string_equal(nft.now.at[0].text, "a");
	assert_true(nft.is_complete);

	findings_clear(&nft.next);
	findings_add(&nft.next, &all, "b");
	nft_end(&nft, 0, true);
	assert_int_equal(nft.now.n, 2); // a stays, b is there
	assert_true(nft.has_lost);
	nft_end(&nft, 0, true);
	assert_int_equal(nft.now.n, 1);
	assert_string_equal(nft.now.at[0].text, "b");

	// A reading of two rulesets takes nothing away, however often.
	findings_clear(&nft.next);
	nft_end(&nft, 0, false);
	nft_end(&nft, 0, false);
	assert_int_equal(nft.now.n, 1);
	assert_true(nft.dump.is_due);

	nft_end(&nft, -EPERM, true);
	assert_string_equal(nft.now.at[0].text, "cannot read nft rules: Operation not permitted");
	findings_clear(&nft.next);
	nft_end(&nft, 0, true); // that was no rule: it goes at once
	assert_int_equal(nft.now.n, 0);
}

static void test_nft_unread_while_changing(void **state)
{
	findings_unread(&nft.now, POLICY_NFT);
	nft_end(&nft, 0, false);
	assert_false(nft.is_complete);
	assert_string_equal(nft.now.at[0].text, "nft: not read yet");
}

static void test_tc_qdiscs(void **state)
{
	static const struct {
		const char *kind;
		enum tc_role role;
	} cases[] = {{"noqueue", TC_DEFAULT}, {"pfifo_fast", TC_DEFAULT}, {"fq_codel", TC_DEFAULT},
		{"mq", TC_DEFAULT}, {"fq", TC_DEFAULT}, {"pfifo", TC_DEFAULT},
		{"ingress", TC_INGRESS}, {"clsact", TC_CLSACT}, {"tbf", TC_SHAPER},
		{"htb", TC_SHAPER}, {"cake", TC_SHAPER}, {"netem", TC_OTHER}, {"prio", TC_OTHER},
		{"of_the_future", TC_OTHER}};
	struct tc_qdisc q;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_true(tc_judge_qdisc(tc_message(RTM_NEWQDISC, 5, cases[i].kind), &q));
		assert_int_equal(q.ifindex, 5);
		assert_int_equal(q.role, cases[i].role);
	}
	assert_true(tc_judge_qdisc(tc_message(RTM_NEWQDISC, 5, NULL), &q));
	assert_int_equal(q.role, TC_OTHER);
	assert_false(tc_judge_qdisc(tc_message(RTM_DELQDISC, 5, "tbf"), &q));
}

static void test_tc_fq_with_a_rate(void **state)
{
	struct nlmsghdr *nlh = tc_message(RTM_NEWQDISC, 5, "fq");
	struct nlattr *nest = mnl_attr_nest_start(nlh, TCA_OPTIONS);
	struct tc_qdisc q;

	mnl_attr_put_u32(nlh, TCA_FQ_FLOW_MAX_RATE, 125000);
	mnl_attr_nest_end(nlh, nest);
	assert_true(tc_judge_qdisc(nlh, &q));
	assert_int_equal(q.role, TC_SHAPER);
	nlh = tc_message(RTM_NEWQDISC, 5, "fq");
	nest = mnl_attr_nest_start(nlh, TCA_OPTIONS);
	mnl_attr_put_u32(nlh, TCA_FQ_FLOW_MAX_RATE, UINT32_MAX);
	mnl_attr_nest_end(nlh, nest);
	assert_true(tc_judge_qdisc(nlh, &q));
	assert_int_equal(q.role, TC_DEFAULT);
}

static void test_tc_filters(void **state)
{
	struct nlmsghdr *nlh = tc_message(RTM_NEWTFILTER, 5, "flower");

	assert_false(tc_judge_filter(nlh)); // a classifier before its filters
	mnl_attr_nest_end(nlh, mnl_attr_nest_start(nlh, TCA_OPTIONS));
	assert_true(tc_judge_filter(nlh));
	assert_true(tc_judge_filter(tc_message(RTM_NEWTFILTER, 5, "fw"))); // needs none
	assert_true(tc_judge_filter(tc_message(RTM_NEWTFILTER, 5, NULL)));
	assert_false(tc_judge_filter(tc_message(RTM_NEWQDISC, 5, "clsact")));
}

static void test_xfrm(void **state)
{
	struct xfrm_count count = {0};
	struct xfrm_mark mark = {.v = 42, .m = UINT32_MAX};
	struct nlmsghdr *nlh;
	struct xfrm_userpolicy_default *policy;

	xfrm_judge(xfrm_policy(XFRM_POLICY_IN, AF_INET), &count);
	xfrm_judge(xfrm_policy(4, AF_INET), &count); // of a socket
	assert_int_equal(count.n4 + count.n6, 0);
	xfrm_judge(xfrm_policy(XFRM_POLICY_FWD, AF_INET), &count);
	xfrm_judge(xfrm_policy(XFRM_POLICY_OUT, AF_INET), &count);
	xfrm_judge(xfrm_policy(XFRM_POLICY_OUT, AF_INET6), &count);
	assert_int_equal(count.n4, 2);
	assert_int_equal(count.n6, 1);
	nlh = xfrm_policy(XFRM_POLICY_OUT, AF_INET);
	mnl_attr_put_u32(nlh, XFRMA_IF_ID, 7);
	xfrm_judge(nlh, &count);
	nlh = xfrm_policy(XFRM_POLICY_OUT, AF_INET);
	mnl_attr_put(nlh, XFRMA_MARK, sizeof(mark), &mark);
	xfrm_judge(nlh, &count);
	assert_int_equal(count.n4, 2);
	xfrm_judge(xfrm_policy(XFRM_POLICY_FWD, AF_UNSPEC), &count);
	assert_int_equal(count.n4, 3);
	assert_int_equal(count.n6, 2);
	nlh = xfrm_policy(XFRM_POLICY_FWD, AF_INET);
	nlh->nlmsg_len = NLMSG_HDRLEN + 20; // cut: of either family
	xfrm_judge(nlh, &count);
	assert_int_equal(count.n4, 4);
	assert_int_equal(count.n6, 3);

	nlh = message_begin(XFRM_MSG_GETDEFAULT, sizeof(*policy));
	policy = mnl_nlmsg_get_payload(nlh);
	policy->in = policy->fwd = policy->out = XFRM_USERPOLICY_ACCEPT;
	xfrm_judge(nlh, &count);
	assert_false(count.blocks);
	policy->in = XFRM_USERPOLICY_BLOCK;
	xfrm_judge(nlh, &count);
	assert_false(count.blocks);
	policy->out = XFRM_USERPOLICY_BLOCK;
	xfrm_judge(nlh, &count);
	assert_true(count.blocks);
}

// A table with FORWARD only, and this policy, at `at`.
static size_t make_entries(uint8_t *out, uint32_t at, bool is_ip6, int verdict)
{
	uint16_t head = is_ip6 ? sizeof(struct ip6t_entry) : sizeof(struct ipt_entry);
	struct xt_standard_target target = {.verdict = verdict};

	target.target.u.target_size = sizeof(target);
	memcpy(out + at +
			(is_ip6 ? offsetof(struct ip6t_entry, target_offset)
				: offsetof(struct ipt_entry, target_offset)),
		&head, sizeof(head));
	memcpy(out + at + head, &target, sizeof(target));
	return at + head + sizeof(target);
}

static void test_iptables(void **state)
{
	struct iptables_table t = {.name = "filter", .valid_hooks = 0xe};
	uint8_t entries[1024] = {0};
	size_t size;

	for (int is_ip6 = 0; is_ip6 < 2; is_ip6++) {
		uint8_t family = is_ip6 ? FINDING_IP6 : FINDING_IP4;

		t.hook_entry[NF_INET_FORWARD] = t.underflow[NF_INET_FORWARD] = 64;
		assert_true(iptables_needs_entries(&t));
		size = make_entries(entries, 64, is_ip6, -NF_ACCEPT - 1);
		findings_clear(&found);
		iptables_judge(&t, is_ip6, entries, size, &found);
		assert_int_equal(found.n, 0);
		// Cut anywhere, it cannot be said to accept.
		for (size_t cut = 0; cut < size; cut++) {
			uint8_t *exact = malloc(cut ? cut : 1);

			memcpy(exact, entries, cut);
			findings_clear(&found);
			iptables_judge(&t, is_ip6, exact, cut, &found);
			assert_int_equal(found.n, 1);
			free(exact);
		}
		make_entries(entries, 64, is_ip6, -NF_DROP - 1);
		findings_clear(&found);
		iptables_judge(&t, is_ip6, entries, size, &found);
		assert_found(0,
			is_ip6 ? "ip6tables: filter FORWARD (policy)"
			       : "iptables: filter FORWARD (policy)",
			"", BOTH, family);
		findings_clear(&found);
		iptables_judge(&t, is_ip6, NULL, 0, &found);
		assert_int_equal(found.n, 1);
		t.hook_entry[NF_INET_FORWARD] = 0; // a rule before the policy
		assert_false(iptables_needs_entries(&t));
		findings_clear(&found);
		iptables_judge(&t, is_ip6, NULL, 0, &found);
		assert_found(0, is_ip6 ? "ip6tables: filter FORWARD" : "iptables: filter FORWARD",
			"", BOTH, family);
	}
}

static void test_iptables_local_chains(void **state)
{
	struct iptables_table t = {.name = "filter", .valid_hooks = 1 << NF_INET_LOCAL_IN};

	t.underflow[NF_INET_LOCAL_IN] = 500;
	t.underflow[NF_INET_FORWARD] = 900; // not a chain of this table
	assert_false(iptables_needs_entries(&t));
	iptables_judge(&t, false, NULL, 0, &found);
	assert_int_equal(found.n, 0);
}

#define IPVS_HEADING                                                                               \
	"IP Virtual Server version 1.2.1 (size=4096)\n"                                            \
	"Prot LocalAddress:Port Scheduler Flags\n"                                                 \
	"  -> RemoteAddress:Port Forward Weight ActiveConn InActConn\n"

static void test_ipvs(void **state)
{
	ipvs_judge("", &found);
	ipvs_judge(IPVS_HEADING, &found);
	assert_int_equal(found.n, 0);
	ipvs_judge(IPVS_HEADING "TCP  0A000001:0050 rr \n  -> 0A000002:0050 Masq 1 0 0\n", &found);
	assert_found(0, "ipvs: service TCP 0A000001:0050", "", BOTH, FINDING_ANY);
	findings_clear(&found);
	ipvs_judge(IPVS_HEADING "FWM  00000001 wlc \n", &found);
	assert_found(0, "ipvs: service FWM 00000001", "", BOTH, FINDING_ANY);
}

static void test_bpf_links(void **state)
{
	bpf_judge_link(&(struct netfilter_link){1, NFPROTO_IPV4, NF_INET_LOCAL_IN}, &found);
	assert_int_equal(found.n, 0);
	bpf_judge_link(&(struct netfilter_link){1, NFPROTO_IPV6, NF_INET_PRE_ROUTING}, &found);
	bpf_judge_link(&(struct netfilter_link){1, NFPROTO_IPV4, NF_INET_FORWARD}, &found);
	bpf_judge_link(&(struct netfilter_link){1, 99, 99}, &found);
	assert_found(0, "bpf: netfilter program at prerouting", "", FINDING_IN, FINDING_IP6);
	assert_found(1, "bpf: netfilter program at forward", "", BOTH, FINDING_IP4);
	assert_found(2, "bpf: netfilter program at unknown hook", "", BOTH, FINDING_ANY);
}

// Nothing is read beyond a message's end, and a message cut short is no message of its own.
static void test_cut_anywhere(void **state)
{
	static const struct device devices[] = {{1, "eth0", 0}, {2, "wan", 3}};
	const struct nlmsghdr *messages[5];
	struct tc_qdisc q;

	for (int which = 0; which < 5; which++) {
		messages[0] = nft_chain(NFPROTO_NETDEV, 0, 1, NF_DROP, devices, 2);
		if (which == 1)
			messages[1] = nft_flowtable(devices, 2);
		if (which == 2)
			messages[2] = nft_table(NFPROTO_INET, "t", 1);
		if (which == 3)
			messages[3] = tc_message(RTM_NEWTFILTER, 5, "flower");
		if (which == 4)
			messages[4] = xfrm_policy(XFRM_POLICY_FWD, AF_INET);
		for (size_t cut = NLMSG_HDRLEN; cut <= messages[which]->nlmsg_len; cut++) {
			struct nlmsghdr *nlh = malloc(cut);
			struct xfrm_count count = {0};

			memcpy(nlh, messages[which], cut);
			nlh->nlmsg_len = (uint32_t)cut;
			nft_judge_table(&nft, nlh);
			nft_judge_chain(&nft, nlh, &found);
			nft_judge_flowtable(nlh, &found);
			tc_judge_qdisc(nlh, &q);
			tc_judge_filter(nlh);
			xfrm_judge(nlh, &count);
			free(nlh);
		}
	}
}

static void test_findings_bounded(void **state)
{
	struct finding x = {.directions = FINDING_IN, .families = FINDING_ANY};

	for (int i = 0; i < FINDINGS_MAX + 1; i++) {
		assert_false(found.is_cut);
		x.ifindex = i + 1;
		findings_add(&found, &x, "number %d", i);
		findings_add(&found, &x, "number %d", i); // the same one
	}
	assert_int_equal(found.n, FINDINGS_MAX);
	assert_true(found.is_cut);
}

static void test_findings_no_memory(void **state)
{
	mem_fail_at(1);
	findings_add(&found, &finding_everything, "x");
	mem_fail_at(0);
	assert_int_equal(found.n, 0);
	assert_true(found.is_cut); // which is a reason
}

// -- the thread, with whatever this machine has or forbids
// ------------------------------------------

static struct policy *policy;
static unsigned n_changes;

static void on_change(void *arg, int ifindex)
{
	assert_ptr_equal(arg, &n_changes);
	n_changes++;
	if (ifindex > 1 &&
		n_changes % 3 == 0) // the list may be changed in the middle of being told
		policy_unwatch(policy, ifindex);
}

// Until the loopback's reasons were read; false after 10 s.
static bool wait_until_read(void)
{
	for (int i = 0; i < 1000; i++) {
		struct pollfd fd = {.fd = policy_fd(policy), .events = POLLIN};

		if (policy_is_complete(policy) &&
			!strstr(policy_in(policy, 1, AF_INET), "read yet"))
			return true;
		if (poll(&fd, 1, 10) == 1)
			policy_on_readable(policy);
	}
	return false;
}

static bool wait_for_none(int ifindex)
{
	for (int i = 0; i < 1000 && policy_in(policy, ifindex, AF_INET)[0]; i++) {
		struct pollfd fd = {.fd = policy_fd(policy), .events = POLLIN};

		if (poll(&fd, 1, 10) == 1)
			policy_on_readable(policy);
	}
	return !policy_in(policy, ifindex, AF_INET)[0];
}

static void test_thread(void **state)
{
	struct policy_config config = {.netns_fd = -1, .changed = on_change, .arg = &n_changes};
	struct policy_stats stats;

	assert_int_equal(policy_create(&policy, &config), 0);
	assert_string_equal(policy_in(policy, 0, AF_INET), "not read yet");
	assert_string_equal(policy_out(policy, 1, AF_INET6), "not watched");
	assert_int_equal(policy_watch(policy, 1), 0);
	assert_int_equal(policy_watch(policy, 1), 0); // again
	assert_string_equal(policy_out(policy, 1, AF_INET6), "not read yet");
	assert_true(wait_until_read());
	assert_true(n_changes > 0);
	for (int i = 0; i < 200; i++) { // some exist, most do not; coming and going meanwhile
		assert_int_equal(policy_watch(policy, 1 + i % 20), 0);
		policy_unwatch(policy, 1 + (i * 7) % 20);
		policy_set_ignored(policy, i & 1 ? ~0u : 0);
		if (i % 10 == 0)
			policy_on_readable(policy);
	}
	policy_unwatch(policy, 1);
	policy_unwatch(policy, 1); // again
	assert_string_equal(policy_in(policy, 1, AF_INET), "not watched");
	n_changes = 0;
	assert_int_equal(policy_watch(policy, 1), 0);
	assert_string_equal(policy_in(policy, 1, AF_INET), "not read yet"); // it may be another
	policy_set_ignored(policy, ~0u);
	for (int i = 0; i < 50; i++) { // faster than it is read
		policy_unwatch(policy, 1);
		assert_int_equal(policy_watch(policy, 1), 0);
		assert_true(wait_for_none(0) && wait_for_none(1)); // all is ignored
	}
	policy_stats(policy, &stats);
	assert_true(stats.polls > 0);
	policy_destroy(policy);
	policy_destroy(NULL);
}

static void test_kinds(void **state)
{
	for (int i = 0; i < N_POLICY_KINDS; i++)
		assert_int_equal(policy_kind_by_name(policy_kind_name(i)), i);
	assert_int_equal(policy_kind_by_name("nonsense"), -ENOENT);
	assert_int_equal(policy_kind_by_name(""), -ENOENT);
}

static void test_no_memory(void **state)
{
	struct policy_config config = {.netns_fd = -1, .changed = on_change, .arg = &n_changes};

	mem_fail_at(1);
	assert_int_equal(policy_create(&policy, &config), -ENOMEM);
	mem_fail_at(0);
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_nft_hooks),
		TEST(test_nft_does_nothing),
		TEST(test_nft_not_a_base_chain),
		TEST(test_nft_dormant),
		TEST(test_nft_devices),
		TEST(test_nft_flowtable),
		TEST(test_nft_second_look),
		TEST(test_nft_unread_while_changing),
		TEST(test_tc_qdiscs),
		TEST(test_tc_fq_with_a_rate),
		TEST(test_tc_filters),
		TEST(test_xfrm),
		TEST(test_iptables),
		TEST(test_iptables_local_chains),
		TEST(test_ipvs),
		TEST(test_bpf_links),
		TEST(test_cut_anywhere),
		TEST(test_findings_bounded),
		TEST(test_findings_no_memory),
		TEST(test_kinds),
		TEST(test_no_memory),
		TEST(test_thread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
