// SPDX-License-Identifier: BSD-3-Clause
// rtnetlink link messages: bytes -> struct netdev. Pure: any bytes of any length are safe,
// nothing outside of the result is touched. Used by control/netlink/netdev.c.
#pragma once

#include <stddef.h>

#include "control/netlink/netdev.h"

struct nlmsghdr;

enum link_message {
	LINK_OTHER,   // not about a netdev, or malformed: nothing to do
	LINK_PRESENT, // *out is the whole state of a netdev
	LINK_REMOVED, // the netdev out->ifindex left the namespace; only ifindex and name are set
	LINK_ERROR,   // NLMSG_ERROR: *err; 0 is an acknowledgement
	LINK_DONE,    // end of a dump; *err
};

// One message, complete in the `size` bytes at nlh (nlmsg_len is checked against them).
enum link_message link_decode(
	const struct nlmsghdr *nlh, size_t size, struct netdev *out, int *err);

// The first message of `size` bytes at `bytes`, or NULL. *length: what to skip to the next one.
const struct nlmsghdr *link_next(const void *bytes, size_t size, size_t *length);
