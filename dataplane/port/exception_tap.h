// SPDX-License-Identifier: BSD-3-Clause
// The TAP of the exception path, with the program on it that moves every frame to the ingress of
// the interface that its outer VLAN tag stands for (bpf/exception.bpf.c). It has no addresses and
// sends nothing; it goes with the process. Private to the exception path; control thread.
#pragma once

#include <net/if.h>

struct exception_bpf;

struct exception_tap {
	int fd; // takes a struct virtio_net_hdr_v1 and a frame, in one write; does not block
	int ifindex;
	char name[IF_NAMESIZE];
	struct exception_bpf *bpf;
	int link; // tcx; -1 = a filter on a clsact qdisc, which goes with the device
};

// 0, or negative errno and in *step what failed, with nothing left behind.
int exception_tap_open(struct exception_tap *, int netns_fd, const char **step);
void exception_tap_close(struct exception_tap *);

// Where frames with this VLAN as their outer tag go; ifindex 0 = nowhere. 0 or negative errno.
int exception_tap_map(struct exception_tap *, unsigned vlan, int ifindex);
