// SPDX-License-Identifier: BSD-3-Clause
// Reading tc: first all qdiscs, then the filters of those interfaces that are watched and have a
// qdisc to hang them on. tc_judge.c says what the messages mean.
#include "control/policy/tc.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "base/compiler.h"

#ifndef TCM_IFINDEX_MAGIC_BLOCK
#define TCM_IFINDEX_MAGIC_BLOCK (0xFFFFFFFFU)
#endif

// policy_interface.tc
enum part { PART_INGRESS, PART_EGRESS, PART_ROOT, N_PARTS }; // bits: it may have filters there

#define IS_COVERED (1 << N_PARTS) // it was watched when this reading began

static const uint32_t parents[N_PARTS] = {
	TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS), TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS),
	0, // that of the root
};

static void begin(struct tc *tc)
{
	findings_clear(&tc->next);
	for (unsigned i = 0; i < tc->interfaces->n; i++)
		tc->interfaces->at[i].tc = IS_COVERED;
	tc->ifindex = 0;
	tc->part = N_PARTS;
}

static struct nlmsghdr *put_request(void *buffer, uint16_t type, int ifindex, uint32_t parent)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buffer);
	struct tcmsg *t;

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	t = mnl_nlmsg_put_extra_header(nlh, sizeof(*t));
	t->tcm_family = AF_UNSPEC;
	t->tcm_ifindex = ifindex;
	t->tcm_parent = parent;
	return nlh;
}

// The next place where filters can be. False: there is none left.
static bool advance(struct tc *tc)
{
	const struct policy_interface *i = policy_interface_find(tc->interfaces, tc->ifindex);

	for (;;) {
		if (++tc->part >= N_PARTS || !i) {
			i = policy_interface_next(tc->interfaces, tc->ifindex);
			if (!i)
				return false;
			tc->ifindex = i->ifindex;
			tc->part = PART_INGRESS;
		}
		if (i->tc & 1 << tc->part)
			return true;
	}
}

static bool request(struct dump *d, unsigned step, void *buffer)
{
	struct tc *tc = container_of(d, struct tc, dump);

	if (step == 0) {
		begin(tc);
		put_request(buffer, RTM_GETQDISC, 0, 0);
		return true;
	}
	if (!advance(tc))
		return false;
	put_request(buffer, RTM_GETTFILTER, tc->ifindex, parents[tc->part]);
	return true;
}

static void take_qdisc(struct tc *tc, const struct nlmsghdr *nlh)
{
	struct policy_interface *i;
	struct tc_qdisc q;

	if (!tc_judge_qdisc(nlh, &q))
		return;
	i = policy_interface_find(tc->interfaces, q.ifindex);
	if (!i)
		return;
	if (q.role == TC_INGRESS) {
		i->tc |= 1 << PART_INGRESS;
	} else if (q.role == TC_CLSACT) {
		i->tc |= 1 << PART_INGRESS | 1 << PART_EGRESS;
	} else if (q.role == TC_DEFAULT) {
		i->tc |= 1 << PART_ROOT;
	} else {
		struct finding where = {
			.ifindex = i->ifindex, .directions = FINDING_OUT, .families = FINDING_ANY};

		findings_add(&tc->next, &where, "tc: %s %s on %s",
			q.role == TC_SHAPER ? "shaper" : "qdisc", q.kind, i->name);
	}
}

static void take_filter(struct tc *tc, const struct nlmsghdr *nlh)
{
	static const char *const names[N_PARTS] = {"ingress", "egress", "root"};
	const struct policy_interface *i = policy_interface_find(tc->interfaces, tc->ifindex);
	struct finding where = {.ifindex = tc->ifindex,
		.directions = tc->part == PART_INGRESS ? FINDING_IN : FINDING_OUT,
		.families = FINDING_ANY};

	if (i && tc_judge_filter(nlh))
		findings_add(&tc->next, &where, "tc: filter on %s %s", i->name, names[tc->part]);
}

static void message(struct dump *d, unsigned step, const struct nlmsghdr *nlh)
{
	struct tc *tc = container_of(d, struct tc, dump);

	if (step == 0)
		take_qdisc(tc, nlh);
	else
		take_filter(tc, nlh);
}

// A kernel without qdiscs, or without filters; an interface that went away.
static bool refused(struct dump *d, unsigned step, int err)
{
	return err == -EOPNOTSUPP || (step > 0 && err == -ENODEV);
}

static void add_unread(struct findings *f, const struct policy_interface *i)
{
	struct finding where = finding_everything;

	where.ifindex = i->ifindex;
	findings_add(f, &where, "tc: %s is not read yet", i->name[0] ? i->name : "interface");
}

static void done(struct dump *d, int err, bool is_intact)
{
	struct tc *tc = container_of(d, struct tc, dump);

	tc->is_complete = true;
	if (err) {
		findings_unreadable(&tc->now, POLICY_TC, err);
		return;
	}
	// Of interfaces that came meanwhile nothing is known yet.
	for (unsigned i = 0; i < tc->interfaces->n; i++) {
		if (!(tc->interfaces->at[i].tc & IS_COVERED)) {
			add_unread(&tc->next, &tc->interfaces->at[i]);
			d->is_due = true;
		}
	}
	// A list that changed while it was read may lack something; the reading that follows
	// tells.
	if (!is_intact) {
		findings_add_all(&tc->next, &tc->now);
		d->is_due = true;
	}
	findings_swap(&tc->now, &tc->next);
}

static bool notified(struct dump *d, const struct nlmsghdr *nlh)
{
	struct tc *tc = container_of(d, struct tc, dump);
	const struct tcmsg *t = mnl_nlmsg_get_payload(nlh);

	switch (nlh->nlmsg_type) {
	case RTM_NEWQDISC:
	case RTM_DELQDISC:
	case RTM_NEWTFILTER:
	case RTM_DELTFILTER:
		break;
	default:
		return false;
	}
	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*t))
		return true;
	return (uint32_t)t->tcm_ifindex == TCM_IFINDEX_MAGIC_BLOCK ||
	       policy_interface_find(tc->interfaces, t->tcm_ifindex);
}

static const struct dump_ops ops = {request, message, refused, done, notified};

int tc_open(struct tc *tc, int netns_fd, struct policy_interfaces *interfaces)
{
	static const unsigned groups[] = {RTNLGRP_TC};

	memset(tc, 0, sizeof(*tc));
	tc->interfaces = interfaces;
	findings_unread(&tc->now, POLICY_TC);
	return dump_open(&tc->dump, &ops, netns_fd, NETLINK_ROUTE, groups, ARRAY_SIZE(groups));
}

void tc_close(struct tc *tc)
{
	dump_close(&tc->dump);
	findings_fini(&tc->now);
	findings_fini(&tc->next);
}

void tc_watch(struct tc *tc, const struct policy_interface *i)
{
	add_unread(&tc->now, i);
	tc->dump.is_due = true;
}
