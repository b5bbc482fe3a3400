// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/port/guard.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <unistd.h>

#include "bpf/guard.skel.h"
#include "bpf/shared.h"
#include "dataplane/port/netns.h"

#define DUMP_SIZE 32768

static int silent(enum libbpf_print_level level, const char *format, va_list args)
{
	return 0;
}

static bool program_is_ours(uint32_t id)
{
	struct bpf_prog_info info = {0};
	uint32_t len = sizeof(info);
	int fd = bpf_prog_get_fd_by_id(id);
	bool ours;

	if (fd < 0)
		return false;
	ours = !bpf_obj_get_info_by_fd(fd, &info, &len) && strcmp(info.name, GUARD_PROGRAM) == 0;
	close(fd);
	return ours;
}

// 0 = ours stands there, -ENOENT = nothing, -EEXIST = something foreign, or another errno.
static int query(const struct bpf_tc_hook *hook)
{
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = GUARD_HANDLE, .priority = GUARD_PRIORITY);
	int err = bpf_tc_query(hook, &opts);

	if (err == -EINVAL) // no clsact, or a filter that is no BPF program
		return -ENOENT;
	if (err)
		return err;
	return program_is_ours(opts.prog_id) ? 0 : -EEXIST;
}

static int attach_program(const struct bpf_tc_hook *hook)
{
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = GUARD_HANDLE, .priority = GUARD_PRIORITY);
	struct guard_bpf *bpf = guard_bpf__open_and_load();
	int err;

	if (!bpf)
		return -errno;
	opts.prog_fd = bpf_program__fd(bpf->progs.garuda_guard);
	err = bpf_tc_attach(hook, &opts);
	guard_bpf__destroy(bpf);
	return err;
}

static int count_filter(const struct nlmsghdr *h, void *arg)
{
	unsigned *n = arg;

	if (h->nlmsg_type == RTM_NEWTFILTER)
		(*n)++;
	return MNL_CB_OK;
}

// Whether anybody's filter hangs on this side of the clsact qdisc; true when in doubt.
static bool has_filters(int ifindex, uint32_t parent)
{
	struct mnl_socket *s = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	char buf[DUMP_SIZE];
	struct nlmsghdr *h;
	struct tcmsg *tc;
	unsigned n = 0;
	ssize_t got;
	int more = -1;

	if (!s)
		return true;
	h = mnl_nlmsg_put_header(buf);
	h->nlmsg_type = RTM_GETTFILTER;
	h->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	tc = mnl_nlmsg_put_extra_header(h, sizeof(*tc));
	tc->tcm_family = AF_UNSPEC;
	tc->tcm_ifindex = ifindex;
	tc->tcm_parent = parent;
	if (mnl_socket_sendto(s, h, h->nlmsg_len) > 0) {
		do {
			got = mnl_socket_recvfrom(s, buf, sizeof(buf));
			more = got < 0 ? -1 : mnl_cb_run(buf, (size_t)got, 0, 0, count_filter, &n);
		} while (more > 0);
	}
	mnl_socket_close(s);
	return more < 0 || n > 0;
}

static void remove_qdisc(int ifindex)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex,
		.attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);

	if (!has_filters(ifindex, TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS)) &&
		!has_filters(ifindex, TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS)))
		bpf_tc_hook_destroy(&hook);
}

static int attach_here(int ifindex)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex, .attach_point = BPF_TC_INGRESS);
	int err = bpf_tc_hook_create(&hook);
	bool made_qdisc = !err;

	if (err && err != -EEXIST)
		return err;
	err = query(&hook);
	if (!err)
		return GUARD_ADOPTED;
	if (err == -ENOENT)
		err = attach_program(&hook);
	if (!err)
		return made_qdisc ? GUARD_NEW_QDISC : GUARD_NEW;
	if (made_qdisc)
		remove_qdisc(ifindex);
	return err;
}

int guard_attach(int netns_fd, int ifindex)
{
	libbpf_print_fn_t print = libbpf_set_print(silent);
	int back;
	int ret = netns_enter(netns_fd, &back);

	if (!ret) {
		ret = attach_here(ifindex);
		netns_leave(back);
	}
	libbpf_set_print(print);
	return ret;
}

int guard_remove(int netns_fd, int ifindex, bool and_qdisc)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = GUARD_HANDLE, .priority = GUARD_PRIORITY);
	libbpf_print_fn_t print = libbpf_set_print(silent);
	int back;
	int err = netns_enter(netns_fd, &back);

	if (!err) {
		err = query(&hook);
		if (!err)
			err = bpf_tc_detach(&hook, &opts);
		if (!err && and_qdisc)
			remove_qdisc(ifindex);
		netns_leave(back);
	}
	libbpf_set_print(print);
	return err == -EEXIST ? -ENOENT : err;
}

bool guard_present(int netns_fd, int ifindex)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex, .attach_point = BPF_TC_INGRESS);
	libbpf_print_fn_t print = libbpf_set_print(silent);
	bool present = false;
	int back;

	if (!netns_enter(netns_fd, &back)) {
		present = !query(&hook);
		netns_leave(back);
	}
	libbpf_set_print(print);
	return present;
}
