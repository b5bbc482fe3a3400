// SPDX-License-Identifier: BSD-3-Clause
// rtnetlink sockets and single requests. Used by the files that build messages (netdev.c,
// watch.c, control/container.c); the messages themselves are made with libmnl.
#pragma once

#include <linux/rtnetlink.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define RTNL_BUFFER_SIZE  32768 // a receive buffer: the largest piece of a dump
#define RTNL_REQUEST_SIZE 1024  // a request: ours are shorter

// A socket in that namespace (-1 = our own), bound to the multicast groups (RTMGRP_*),
// close-on-exec. Its descriptor, or negative errno.
int rtnl_open(int netns_fd, uint32_t groups, int flags);
// The same for another family (NETLINK_*).
int netlink_open(int netns_fd, int protocol, uint32_t groups, int flags);

// One datagram of the kernel's. Bytes, 0 (of somebody else's: ignore it), or negative errno.
ssize_t rtnl_receive(int fd, void *buffer, size_t size);

// Sends a message that asks for an acknowledgement and returns what the kernel says to it.
int rtnl_call(int netns_fd, struct nlmsghdr *nlh);

// Sends a message and returns the size of the one answer put in `buffer`, or negative errno.
ssize_t rtnl_ask(int netns_fd, struct nlmsghdr *nlh, void *buffer, size_t size);

// The head of a link message in `buffer`, which must be zero from there on as far as it is used.
struct nlmsghdr *rtnl_put_link(void *buffer, uint16_t type, uint16_t flags, int ifindex);
