// SPDX-License-Identifier: BSD-3-Clause
// Link messages to structs. The attributes are read in any order and any number; the last one
// of a type wins; one whose length is not that of its type is as good as absent.
#include "control/netlink/link.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

static uint32_t get_u32(const struct nlattr *a)
{
	return mnl_attr_get_payload_len(a) >= sizeof(uint32_t) ? mnl_attr_get_u32(a) : 0;
}

// Copies a text attribute; cut to fit, always terminated.
static void get_text(const struct nlattr *a, char *out, size_t size)
{
	size_t n = strnlen(mnl_attr_get_payload(a), mnl_attr_get_payload_len(a));

	n = MIN(n, size - 1);
	memset(out, 0, size);
	memcpy(out, mnl_attr_get_payload(a), n);
}

static void get_linkinfo(const struct nlattr *nest, struct netdev *out)
{
	const struct nlattr *a;

	mnl_attr_for_each_nested(a, nest) if (mnl_attr_get_type(a) == IFLA_INFO_KIND)
		get_text(a, out->kind, sizeof(out->kind));
}

// A program may be attached in several modes at once; one id is enough to know that it is busy.
static void get_xdp(const struct nlattr *nest, struct netdev *out)
{
	const struct nlattr *a;

	mnl_attr_for_each_nested(a, nest) switch (mnl_attr_get_type(a))
	{
	case IFLA_XDP_PROG_ID:
	case IFLA_XDP_DRV_PROG_ID:
	case IFLA_XDP_SKB_PROG_ID:
	case IFLA_XDP_HW_PROG_ID:
		if (get_u32(a))
			out->xdp_prog = get_u32(a);
	}
}

static void get_attribute(const struct nlattr *a, struct netdev *out, int *link)
{
	switch (mnl_attr_get_type(a)) {
	case IFLA_IFNAME:
		get_text(a, out->name, sizeof(out->name));
		break;
	case IFLA_IFALIAS:
		get_text(a, out->alias, sizeof(out->alias));
		break;
	case IFLA_ADDRESS:
		if (mnl_attr_get_payload_len(a) == sizeof(out->mac))
			memcpy(&out->mac, mnl_attr_get_payload(a), sizeof(out->mac));
		break;
	case IFLA_MTU:
		out->mtu = get_u32(a);
		break;
	case IFLA_MIN_MTU:
		out->min_mtu = get_u32(a);
		break;
	case IFLA_MAX_MTU:
		out->max_mtu = get_u32(a);
		break;
	case IFLA_MASTER:
		out->master = (int)get_u32(a);
		break;
	case IFLA_LINK:
		*link = (int)get_u32(a);
		break;
	case IFLA_NUM_RX_QUEUES:
		out->n_rxq = get_u32(a);
		break;
	case IFLA_NUM_TX_QUEUES:
		out->n_txq = get_u32(a);
		break;
	case IFLA_PROMISCUITY:
		out->promiscuous = get_u32(a) != 0;
		break;
	case IFLA_LINKINFO:
		get_linkinfo(a, out);
		break;
	case IFLA_XDP:
		get_xdp(a, out);
		break;
	}
}

static enum link_message decode_link(const struct nlmsghdr *nlh, struct netdev *out)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *a;
	int link = 0;

	if (nlh->nlmsg_len < mnl_nlmsg_size(sizeof(*ifi)))
		return LINK_OTHER;
	// A bridge sends messages of its own family about its ports' life as ports.
	if (ifi->ifi_family != AF_UNSPEC || ifi->ifi_index <= 0)
		return LINK_OTHER;
	out->ifindex = ifi->ifi_index;
	mnl_attr_for_each(a, nlh, sizeof(*ifi))
	{
		// Events of wireless drivers, which say nothing else of the device.
		if (mnl_attr_get_type(a) == IFLA_WIRELESS)
			return LINK_OTHER;
		get_attribute(a, out, &link);
	}
	if (nlh->nlmsg_type == RTM_DELLINK)
		return LINK_REMOVED;
	if (!netdev_name_valid(out->name))
		return LINK_OTHER;
	out->up = ifi->ifi_flags & IFF_UP;
	out->carrier = out->up && (ifi->ifi_flags & IFF_LOWER_UP);
	out->loopback = ifi->ifi_flags & IFF_LOOPBACK;
	out->promiscuous |= !!(ifi->ifi_flags & IFF_PROMISC);
	if (!strcmp(out->kind, "veth"))
		out->peer = link;
	return LINK_PRESENT;
}

enum link_message link_decode(const struct nlmsghdr *nlh, size_t size, struct netdev *out, int *err)
{
	const uint8_t *payload = mnl_nlmsg_get_payload(nlh);
	int32_t code = 0;

	memset(out, 0, sizeof(*out));
	*err = 0;
	// The attributes are walked up to the aligned end.
	if (size < sizeof(*nlh) || nlh->nlmsg_len < sizeof(*nlh) || nlh->nlmsg_len > size ||
		MNL_ALIGN((size_t)nlh->nlmsg_len) > size)
		return LINK_OTHER;
	switch (nlh->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		return decode_link(nlh, out);
	case NLMSG_ERROR:
	case NLMSG_DONE:
		if (nlh->nlmsg_len >= mnl_nlmsg_size(sizeof(code)))
			memcpy(&code, payload, sizeof(code));
		else if (nlh->nlmsg_type == NLMSG_ERROR)
			return LINK_OTHER;
		*err = code;
		return nlh->nlmsg_type == NLMSG_DONE ? LINK_DONE : LINK_ERROR;
	}
	return LINK_OTHER;
}

const struct nlmsghdr *link_next(const void *bytes, size_t size, size_t *length)
{
	const struct nlmsghdr *nlh = bytes;

	if (size < sizeof(*nlh) || nlh->nlmsg_len < sizeof(*nlh) || nlh->nlmsg_len > size)
		return NULL;
	*length = MIN(MNL_ALIGN((size_t)nlh->nlmsg_len), size);
	return nlh;
}

bool netdev_name_valid(const char *name)
{
	size_t n = strnlen(name, IFNAMSIZ);

	if (n == 0 || n == IFNAMSIZ || !strcmp(name, ".") || !strcmp(name, ".."))
		return false;
	for (; *name; name++)
		// What the kernel refuses: '/', ':' and what isspace() is to it.
		if (*name == '/' || *name == ':' || *name == ' ' ||
			(*name >= '\t' && *name <= '\r') || (unsigned char)*name == 0xa0)
			return false;
	return true;
}
