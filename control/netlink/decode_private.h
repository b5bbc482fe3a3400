// SPDX-License-Identifier: BSD-3-Clause
// What the files of the decoder share; see control/netlink/decode.h. Each kind's function gets a
// message whose length was checked, and `out` zeroed as far as the record without its arrays goes;
// it returns the record's size, not yet aligned, or 0.
#pragma once

#include <libmnl/libmnl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include "base/compiler.h"
#include "control/netlink/change.h"

size_t decode_link(const struct nlmsghdr *nlh, struct nl_link *out);
size_t decode_address(const struct nlmsghdr *nlh, struct nl_address *out);
size_t decode_neigh(const struct nlmsghdr *nlh, struct nl_neigh *out);
size_t decode_route(const struct nlmsghdr *nlh, struct nl_route *out);
size_t decode_nexthop(const struct nlmsghdr *nlh, struct nl_nexthop *out);
size_t decode_rule(const struct nlmsghdr *nlh, struct nl_rule *out);
size_t decode_netconf(const struct nlmsghdr *nlh, struct nl_netconf *out);

// -- attributes: the value, or what is given for an attribute that is too short --------------
static inline uint32_t decode_u32(const struct nlattr *a, uint32_t otherwise)
{
	return mnl_attr_get_payload_len(a) >= sizeof(uint32_t) ? mnl_attr_get_u32(a) : otherwise;
}

static inline uint16_t decode_u16(const struct nlattr *a, uint16_t otherwise)
{
	return mnl_attr_get_payload_len(a) >= sizeof(uint16_t) ? mnl_attr_get_u16(a) : otherwise;
}

static inline uint8_t decode_u8(const struct nlattr *a, uint8_t otherwise)
{
	return mnl_attr_get_payload_len(a) >= sizeof(uint8_t) ? mnl_attr_get_u8(a) : otherwise;
}

static inline size_t decode_address_size(uint8_t family)
{
	return family == AF_INET ? 4 : family == AF_INET6 ? 16 : 0;
}

// Sets *out if that many bytes are an address of the family.
static inline bool decode_ip(const void *bytes, size_t size, uint8_t family, struct ip_addr *out)
{
	if (size == 0 || size != decode_address_size(family))
		return false;
	memset(out, 0, sizeof(*out));
	out->family = family;
	memcpy(out->b, bytes, size);
	return true;
}

static inline bool decode_attr_ip(const struct nlattr *a, uint8_t family, struct ip_addr *out)
{
	return decode_ip(mnl_attr_get_payload(a), mnl_attr_get_payload_len(a), family, out);
}
