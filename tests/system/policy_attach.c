// SPDX-License-Identifier: BSD-3-Clause
// Attaches a BPF program that lets everything pass, until it is killed:
//
//	policy_attach tcx IFNAME ingress|egress
//	policy_attach netfilter prerouting|forward|postrouting|input     (of IPv4)
//
// Direct system calls: Debian 12's headers and libbpf are older than both. Says "attached".
#include <errno.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PROG_TYPE_NETFILTER 32
#define ATTACH_NETFILTER    45
#define ATTACH_TCX_INGRESS  46
#define ATTACH_TCX_EGRESS   47

#define TCX_NEXT  -1 // TCX_NEXT: on to what the kernel does
#define NF_ACCEPT 1

struct link_create { // as union bpf_attr has it today
	__u32 prog_fd, target, attach_type, flags;
	__u32 family, hook;
	__s32 priority;
	__u32 netfilter_flags;
	__u64 room[4];
};

static int call(int command, void *attr, size_t size)
{
	return (int)syscall(SYS_bpf, command, attr, size);
}

static int load(__u32 type, __u32 attach_type, __s32 verdict)
{
	const struct bpf_insn code[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = verdict},
		{.code = BPF_JMP | BPF_EXIT},
	};
	union bpf_attr attr = {
		.prog_type = type,
		.insns = (unsigned long)code,
		.insn_cnt = 2,
		.license = (unsigned long)"Dual BSD/GPL",
		.expected_attach_type = attach_type,
	};

	return call(BPF_PROG_LOAD, &attr, sizeof(attr));
}

static int hook_number(const char *name)
{
	static const char *const names[] = {
		"prerouting", "input", "forward", "output", "postrouting"};

	for (int i = 0; i < 5; i++)
		if (!strcmp(names[i], name))
			return i;
	return -1;
}

int main(int argc, char **argv)
{
	struct link_create link = {0};
	int program = -1;

	if (argc == 4 && !strcmp(argv[1], "tcx")) {
		program = load(BPF_PROG_TYPE_SCHED_CLS, 0, TCX_NEXT);
		link.target = if_nametoindex(argv[2]);
		link.attach_type =
			!strcmp(argv[3], "egress") ? ATTACH_TCX_EGRESS : ATTACH_TCX_INGRESS;
	} else if (argc == 3 && !strcmp(argv[1], "netfilter")) {
		program = load(PROG_TYPE_NETFILTER, ATTACH_NETFILTER, NF_ACCEPT);
		link.attach_type = ATTACH_NETFILTER;
		link.family = 2; // NFPROTO_IPV4
		link.hook = (__u32)hook_number(argv[2]);
		link.priority = 10;
	}
	link.prog_fd = (__u32)program;
	if (program < 0 || call(BPF_LINK_CREATE, &link, sizeof(link)) < 0) {
		fprintf(stderr, "policy_attach: %s\n", strerror(errno));
		return 1;
	}
	puts("attached");
	fflush(stdout);
	pause();
	return 0;
}
