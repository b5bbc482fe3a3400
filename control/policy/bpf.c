// SPDX-License-Identifier: BSD-3-Clause
// Direct system calls: the packaged headers and libbpf are older than what is asked for here.
#include "control/policy/bpf.h"

#include <errno.h>
#include <linux/bpf.h>
#include <linux/netfilter.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "control/netns.h"

#define TCX_INGRESS    46 // BPF_TCX_INGRESS, since Linux 6.6
#define TCX_EGRESS     47
#define LINK_NETFILTER 10  // BPF_LINK_TYPE_NETFILTER, since Linux 6.4
#define LINKS_PER_POLL 256 // a few microseconds each

static int call(int command, union bpf_attr *attr)
{
	long n = syscall(SYS_bpf, command, attr, sizeof(*attr));

	return n < 0 ? -errno : (int)n;
}

// -- tcx ------------------------------------------------------------------------------------

static int count_programs(int ifindex, uint32_t type, uint32_t *n)
{
	union bpf_attr attr = {.query = {.target_fd = (uint32_t)ifindex, .attach_type = type}};
	int err = call(BPF_PROG_QUERY, &attr);

	*n = err ? 0 : attr.query.prog_cnt;
	return err == -ENODEV || err == -ENOENT ? 0 : err;
}

static int read_interface(struct tcx *t, const struct policy_interface *i)
{
	static const struct {
		uint32_t type;
		uint8_t direction;
		const char *name;
	} sides[] = {
		{TCX_INGRESS, FINDING_IN, "ingress"},
		{TCX_EGRESS, FINDING_OUT, "egress"},
	};
	struct finding where = {.ifindex = i->ifindex, .families = FINDING_ANY};

	for (size_t s = 0; s < ARRAY_SIZE(sides); s++) {
		uint32_t n;
		int err = count_programs(i->ifindex, sides[s].type, &n);

		if (err)
			return err;
		where.directions = sides[s].direction;
		if (n)
			findings_add(&t->next, &where, "tc: tcx program on %s %s", i->name,
				sides[s].name);
	}
	return 0;
}

// Within the namespace: the kernel looks for the interface in the caller's.
static int read_all(void *arg)
{
	struct tcx *t = arg;
	int err = 0;

	for (unsigned i = 0; i < t->interfaces->n && !err; i++)
		err = read_interface(t, &t->interfaces->at[i]);
	return err;
}

void tcx_open(struct tcx *t, int netns_fd, const struct policy_interfaces *interfaces)
{
	memset(t, 0, sizeof(*t));
	t->netns_fd = netns_fd;
	t->interfaces = interfaces;
	findings_unread(&t->now, POLICY_TC);
}

void tcx_close(struct tcx *t)
{
	findings_fini(&t->now);
	findings_fini(&t->next);
}

void tcx_poll(struct tcx *t)
{
	int err = 0;

	findings_clear(&t->next);
	if (!t->is_absent && t->interfaces->n)
		err = netns_run(t->netns_fd, read_all, t);
	if (err == -EINVAL || err == -ENOSYS) { // no such attachment, and none will come
		t->is_absent = true;
		err = 0;
	}
	t->is_complete = true;
	if (err) {
		findings_unreadable(&t->now, POLICY_TC, err);
		return;
	}
	findings_swap(&t->now, &t->next);
}

// -- netfilter's hooks ------------------------------------------------------------------------

void bpf_judge_link(const struct netfilter_link *l, struct findings *out)
{
	struct finding where = finding_everything;
	const char *hook;

	switch (l->hook) {
	case NF_INET_PRE_ROUTING:
		hook = "prerouting";
		where.directions = FINDING_IN;
		break;
	case NF_INET_FORWARD:
		hook = "forward";
		break;
	case NF_INET_POST_ROUTING:
		hook = "postrouting";
		where.directions = FINDING_OUT;
		break;
	case NF_INET_LOCAL_IN:
	case NF_INET_LOCAL_OUT:
		return;
	default:
		hook = "unknown hook";
	}
	if (l->family == NFPROTO_IPV4)
		where.families = FINDING_IP4;
	else if (l->family == NFPROTO_IPV6)
		where.families = FINDING_IP6;
	findings_add(out, &where, "bpf: netfilter program at %s", hook);
}

static int open_link(uint32_t id)
{
	union bpf_attr attr = {.link_id = id};

	return call(BPF_LINK_GET_FD_BY_ID, &attr);
}

static void note(struct bpf_links *b, const struct netfilter_link *l)
{
	for (unsigned i = 0; i < b->n; i++)
		if (b->at[i].id == l->id)
			return;
	if (b->n < BPF_MAX_LINKS)
		b->at[b->n++] = *l;
	else
		b->is_cut = true;
}

static int look_at(struct bpf_links *b, uint32_t id)
{
	struct {
		struct bpf_link_info info;
		uint64_t room[8]; // the kernel's may be longer than the header's
	} answer = {0};
	union bpf_attr attr = {0};
	int fd = open_link(id), err;

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd; // it went meanwhile
	attr.info.bpf_fd = (uint32_t)fd;
	attr.info.info_len = sizeof(answer.info);
	attr.info.info = (uintptr_t)&answer.info;
	err = call(BPF_OBJ_GET_INFO_BY_FD, &attr);
	close(fd);
	if (!err && answer.info.type == LINK_NETFILTER) {
		// Behind the common head: family, hook, priority, flags.
		const uint32_t *netfilter = (const uint32_t *)&answer.info.raw_tracepoint;
		struct netfilter_link l = {id, netfilter[0], netfilter[1]};

		note(b, &l);
	}
	return err;
}

static int look_at_new(struct bpf_links *b)
{
	for (int i = 0; i < LINKS_PER_POLL; i++) {
		union bpf_attr attr = {.start_id = b->last};
		int err = call(BPF_LINK_GET_NEXT_ID, &attr);

		if (err == -ENOENT || err == -EINVAL || err == -ENOSYS) {
			b->is_complete = true; // the last one, or a kernel before links
			return 0;
		}
		if (!err)
			err = look_at(b, attr.next_id);
		if (err)
			return err;
		b->last = attr.next_id;
	}
	return 0;
}

// Forgets those that are no more.
static int look_at_known(struct bpf_links *b)
{
	unsigned n = 0;

	for (unsigned i = 0; i < b->n; i++) {
		int fd = open_link(b->at[i].id);

		if (fd == -ENOENT)
			continue;
		if (fd < 0)
			return fd;
		close(fd);
		b->at[n++] = b->at[i];
	}
	b->n = n;
	return 0;
}

void bpf_links_open(struct bpf_links *b)
{
	memset(b, 0, sizeof(*b));
	findings_unread(&b->now, POLICY_BPF);
}

void bpf_links_close(struct bpf_links *b)
{
	findings_fini(&b->now);
}

void bpf_links_poll(struct bpf_links *b)
{
	int err = look_at_known(b);

	if (!err)
		err = look_at_new(b);
	if (err) {
		b->is_complete = true;
		findings_unreadable(&b->now, POLICY_BPF, err);
		return;
	}
	if (!b->is_complete)
		return;
	findings_clear(&b->now);
	b->now.is_cut = b->is_cut;
	for (unsigned i = 0; i < b->n; i++)
		bpf_judge_link(&b->at[i], &b->now);
}

void bpf_links_recount(struct bpf_links *b)
{
	b->last = 0;
	b->is_cut = false;
}
