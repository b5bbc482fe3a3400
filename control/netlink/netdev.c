// SPDX-License-Identifier: BSD-3-Clause
// Questions about one netdev and changes to it: one rtnetlink request each.
#include "control/netlink/netdev.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "control/netlink/link.h"
#include "control/netlink/rtnl.h"

#ifndef RTEXT_FILTER_SKIP_STATS
#define RTEXT_FILTER_SKIP_STATS (1 << 3)
#endif

union request {
	struct nlmsghdr nlh;
	uint8_t bytes[RTNL_REQUEST_SIZE];
};

int netdev_query(int netns_fd, const char *name, struct netdev *out)
{
	union request req = {0};
	uint8_t answer[RTNL_BUFFER_SIZE / 2] __attribute__((aligned(MNL_ALIGNTO)));
	struct nlmsghdr *nlh = rtnl_put_link(&req, RTM_GETLINK, 0, 0);
	struct netdev dev;
	ssize_t n;
	int err;

	if (!netdev_name_valid(name))
		return -ENODEV;
	mnl_attr_put_strz(nlh, IFLA_IFNAME, name);
	mnl_attr_put_u32(nlh, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	n = rtnl_ask(netns_fd, nlh, answer, sizeof(answer));
	if (n < 0)
		return n;
	if (link_decode((struct nlmsghdr *)answer, n, &dev, &err) != LINK_PRESENT)
		return -EBADMSG;
	// The kernel also looks among alternative names, which nobody is told changes of.
	if (strcmp(dev.name, name) != 0)
		return -ENODEV;
	memcpy(out, &dev, sizeof(dev));
	return 0;
}

static int set_flag(int netns_fd, int ifindex, unsigned flag, bool on)
{
	union request req = {0};
	struct nlmsghdr *nlh = rtnl_put_link(&req, RTM_NEWLINK, 0, ifindex);
	struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);

	ifi->ifi_change = flag;
	ifi->ifi_flags = on ? flag : 0;
	return rtnl_call(netns_fd, nlh);
}

int netdev_set_up(int netns_fd, int ifindex, bool up)
{
	return set_flag(netns_fd, ifindex, IFF_UP, up);
}

int netdev_set_mtu(int netns_fd, int ifindex, uint32_t mtu)
{
	union request req = {0};
	struct nlmsghdr *nlh = rtnl_put_link(&req, RTM_NEWLINK, 0, ifindex);

	mnl_attr_put_u32(nlh, IFLA_MTU, mtu);
	return rtnl_call(netns_fd, nlh);
}

int netdev_set_mac(int netns_fd, int ifindex, struct mac mac)
{
	union request req = {0};
	struct nlmsghdr *nlh = rtnl_put_link(&req, RTM_NEWLINK, 0, ifindex);

	mnl_attr_put(nlh, IFLA_ADDRESS, sizeof(mac), &mac);
	return rtnl_call(netns_fd, nlh);
}

int netdev_rename(int netns_fd, int ifindex, const char *name)
{
	union request req = {0};
	struct nlmsghdr *nlh = rtnl_put_link(&req, RTM_NEWLINK, 0, ifindex);

	if (!netdev_name_valid(name))
		return -EINVAL;
	mnl_attr_put_strz(nlh, IFLA_IFNAME, name);
	return rtnl_call(netns_fd, nlh);
}

int netdev_delete(int netns_fd, int ifindex)
{
	union request req = {0};

	return rtnl_call(netns_fd, rtnl_put_link(&req, RTM_DELLINK, 0, ifindex));
}
