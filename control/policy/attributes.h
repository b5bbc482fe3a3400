// SPDX-License-Identifier: BSD-3-Clause
// The attributes of a netlink message by their types.
#pragma once

#include <libmnl/libmnl.h>
#include <stdbool.h>
#include <string.h>

// Fills by_type[0..n-1]: the last attribute of each type, NULL where there is none. `head`: size
// of the family's own header before them. False: the message is too short to have one.
//
// Not mnl_attr_for_each(), which rounds the message's end up and so may look behind it.
static inline bool attributes_get(
	const struct nlmsghdr *nlh, size_t head, const struct nlattr **by_type, unsigned n)
{
	const char *payload = mnl_nlmsg_get_payload(nlh);
	size_t size = mnl_nlmsg_get_payload_len(nlh);
	const struct nlattr *a;

	memset(by_type, 0, n * sizeof(*by_type));
	if (size < head)
		return false;
	if (size <= MNL_ALIGN(head))
		return true;
	a = (const struct nlattr *)(payload + MNL_ALIGN(head));
	for (; mnl_attr_ok(a, (int)(payload + size - (const char *)a)); a = mnl_attr_next(a))
		if (mnl_attr_get_type(a) < n)
			by_type[mnl_attr_get_type(a)] = a;
	return true;
}
