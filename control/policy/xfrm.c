// SPDX-License-Identifier: BSD-3-Clause
#include "control/policy/xfrm.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/xfrm.h>
#include <string.h>
#include <sys/socket.h>

#include "base/compiler.h"
#include "control/policy/attributes.h"

enum { STEP_DEFAULT, STEP_POLICIES, N_STEPS };

static bool request(struct dump *d, unsigned step, void *buffer)
{
	struct xfrm *x = container_of(d, struct xfrm, dump);
	struct nlmsghdr *nlh;

	if (step == STEP_DEFAULT)
		x->count = (struct xfrm_count){0};
	if (step >= N_STEPS)
		return false;
	nlh = mnl_nlmsg_put_header(buffer);
	if (step == STEP_DEFAULT) {
		nlh->nlmsg_type = XFRM_MSG_GETDEFAULT;
		nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
		mnl_nlmsg_put_extra_header(nlh, sizeof(struct xfrm_userpolicy_default));
	} else {
		nlh->nlmsg_type = XFRM_MSG_GETPOLICY;
		nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
		mnl_nlmsg_put_extra_header(nlh, sizeof(struct xfrm_userpolicy_id));
	}
	return true;
}

// Bound to an xfrm interface, or to a mark that a packet has not unless something marks it.
static bool is_bound(const struct nlmsghdr *nlh)
{
	const struct nlattr *a[XFRMA_IF_ID + 1], *id, *mark;
	struct xfrm_mark m = {0};

	attributes_get(nlh, sizeof(struct xfrm_userpolicy_info), a, ARRAY_SIZE(a));
	id = a[XFRMA_IF_ID];
	mark = a[XFRMA_MARK];
	if (mark && mnl_attr_get_payload_len(mark) >= sizeof(m))
		memcpy(&m, mnl_attr_get_payload(mark), sizeof(m));
	return m.v ||
	       (id && mnl_attr_get_payload_len(id) >= sizeof(uint32_t) && mnl_attr_get_u32(id));
}

static void judge_policy(const struct nlmsghdr *nlh, struct xfrm_count *count)
{
	struct xfrm_userpolicy_info info;

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(info)) {
		count->n4++;
		count->n6++;
		return;
	}
	memcpy(&info, mnl_nlmsg_get_payload(nlh), sizeof(info));
	// Directions above those three are of single sockets.
	if ((info.dir != XFRM_POLICY_FWD && info.dir != XFRM_POLICY_OUT) || is_bound(nlh))
		return;
	count->n4 += info.sel.family != AF_INET6;
	count->n6 += info.sel.family != AF_INET;
}

void xfrm_judge(const struct nlmsghdr *nlh, struct xfrm_count *count)
{
	struct xfrm_userpolicy_default policy;

	if (nlh->nlmsg_type == XFRM_MSG_NEWPOLICY) {
		judge_policy(nlh, count);
	} else if (nlh->nlmsg_type == XFRM_MSG_GETDEFAULT) {
		if (mnl_nlmsg_get_payload_len(nlh) < sizeof(policy)) {
			count->blocks = true;
			return;
		}
		memcpy(&policy, mnl_nlmsg_get_payload(nlh), sizeof(policy));
		count->blocks |=
			policy.fwd == XFRM_USERPOLICY_BLOCK || policy.out == XFRM_USERPOLICY_BLOCK;
	}
}

static void message(struct dump *d, unsigned step, const struct nlmsghdr *nlh)
{
	xfrm_judge(nlh, &container_of(d, struct xfrm, dump)->count);
}

static bool refused(struct dump *d, unsigned step, int err)
{
	return step == STEP_DEFAULT && err == -EINVAL; // before Linux 5.15 the default is to accept
}

static void add_count(struct findings *f, uint8_t family, uint64_t n)
{
	struct finding where = finding_everything;

	where.families = family;
	if (n)
		findings_add(f, &where, "xfrm: %llu polic%s", (unsigned long long)n,
			n == 1 ? "y" : "ies");
}

static void done(struct dump *d, int err, bool is_intact)
{
	struct xfrm *x = container_of(d, struct xfrm, dump);

	d->is_due |= !is_intact;
	x->is_complete = true;
	if (err) {
		findings_unreadable(&x->now, POLICY_XFRM, err);
		return;
	}
	findings_clear(&x->now);
	if (x->count.blocks)
		findings_add(&x->now, &finding_everything, "xfrm: default policy block");
	add_count(&x->now, FINDING_IP4, x->count.n4);
	add_count(&x->now, FINDING_IP6, x->count.n6);
}

static bool notified(struct dump *d, const struct nlmsghdr *nlh)
{
	return true;
}

static const struct dump_ops ops = {request, message, refused, done, notified};

int xfrm_open(struct xfrm *x, int netns_fd)
{
	static const unsigned groups[] = {XFRMNLGRP_POLICY};

	memset(x, 0, sizeof(*x));
	findings_unread(&x->now, POLICY_XFRM);
	return dump_open(&x->dump, &ops, netns_fd, NETLINK_XFRM, groups, ARRAY_SIZE(groups));
}

void xfrm_close(struct xfrm *x)
{
	dump_close(&x->dump);
	findings_fini(&x->now);
}
