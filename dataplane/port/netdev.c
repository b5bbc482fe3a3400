// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/port/netdev.h"

#include <errno.h>
#include <net/if.h>
#include <libmnl/libmnl.h>
#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/compiler.h"

#define REPLY_SIZE 32768

static void read_link_info(const struct nlattr *info, struct netdev_facts *f)
{
	const struct nlattr *a;

	mnl_attr_for_each_nested(a, info) if (mnl_attr_get_type(a) == IFLA_INFO_KIND)
		snprintf(f->kind, sizeof(f->kind), "%s", mnl_attr_get_str(a));
}

static void read_xdp(const struct nlattr *xdp, struct netdev_facts *f)
{
	const struct nlattr *a;

	mnl_attr_for_each_nested(a, xdp) if (mnl_attr_get_type(a) == IFLA_XDP_ATTACHED)
		f->xdp_is_skb = mnl_attr_get_u8(a) == XDP_ATTACHED_SKB;
}

static int read_link(const struct nlmsghdr *h, void *arg)
{
	const struct ifinfomsg *link = mnl_nlmsg_get_payload(h);
	struct netdev_facts *f = arg;
	const struct nlattr *a;

	f->ifindex = link->ifi_index;
	f->type = link->ifi_type;
	f->loopback = link->ifi_flags & IFF_LOOPBACK;
	mnl_attr_for_each(a, h, sizeof(*link))
	{
		switch (mnl_attr_get_type(a)) {
		case IFLA_MASTER:
			f->master = (int)mnl_attr_get_u32(a);
			break;
		case IFLA_MTU:
			f->mtu = mnl_attr_get_u32(a);
			break;
		case IFLA_ADDRESS:
			if (mnl_attr_get_payload_len(a) == sizeof(f->mac))
				memcpy(&f->mac, mnl_attr_get_payload(a), sizeof(f->mac));
			break;
		case IFLA_LINKINFO:
			read_link_info(a, f);
			break;
		case IFLA_XDP:
			read_xdp(a, f);
			break;
		default:
			break;
		}
	}
	return MNL_CB_OK;
}

static int ask_link(struct mnl_socket *s, const char *name, struct netdev_facts *out)
{
	char buf[REPLY_SIZE];
	struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
	struct ifinfomsg *link;
	ssize_t n;

	h->nlmsg_type = RTM_GETLINK;
	h->nlmsg_flags = NLM_F_REQUEST;
	link = mnl_nlmsg_put_extra_header(h, sizeof(*link));
	link->ifi_family = AF_UNSPEC;
	mnl_attr_put_strz(h, IFLA_IFNAME, name);
	mnl_attr_put_u32(h, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	if (mnl_socket_sendto(s, h, h->nlmsg_len) < 0)
		return -errno;
	n = mnl_socket_recvfrom(s, buf, sizeof(buf));
	if (n < 0 || mnl_cb_run(buf, (size_t)n, 0, 0, read_link, out) < 0)
		return -errno;
	return 0;
}

struct child_search {
	int parent;
	int found;
};

static int look_for_child(const struct nlmsghdr *h, void *arg)
{
	static const char *const kinds[] = {"macvlan", "macvtap", "ipvlan", "ipvtap"};
	const struct ifinfomsg *link = mnl_nlmsg_get_payload(h);
	struct child_search *search = arg;
	struct netdev_facts f = {0};
	bool is_elsewhere = false;
	const struct nlattr *a;
	int parent = 0;

	mnl_attr_for_each(a, h, sizeof(*link))
	{
		switch (mnl_attr_get_type(a)) {
		case IFLA_LINK:
			parent = (int)mnl_attr_get_u32(a);
			break;
		case IFLA_LINK_NETNSID:
			is_elsewhere = true;
			break;
		case IFLA_LINKINFO:
			read_link_info(a, &f);
			break;
		default:
			break;
		}
	}
	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++)
		if (parent == search->parent && !is_elsewhere && !strcmp(f.kind, kinds[i]))
			search->found = link->ifi_index;
	return MNL_CB_OK;
}

int netdev_find_child(int ifindex)
{
	struct child_search search = {.parent = ifindex};
	struct mnl_socket *s = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	char buf[REPLY_SIZE];
	struct nlmsghdr *h;
	struct ifinfomsg *link;
	ssize_t n;
	int more = -1;

	if (!s)
		return 0;
	h = mnl_nlmsg_put_header(buf);
	h->nlmsg_type = RTM_GETLINK;
	h->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	link = mnl_nlmsg_put_extra_header(h, sizeof(*link));
	link->ifi_family = AF_UNSPEC;
	mnl_attr_put_u32(h, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	if (mnl_socket_sendto(s, h, h->nlmsg_len) > 0) {
		do {
			n = mnl_socket_recvfrom(s, buf, sizeof(buf));
			more = n < 0 ? -1
				     : mnl_cb_run(buf, (size_t)n, 0, 0, look_for_child, &search);
		} while (more > 0);
	}
	mnl_socket_close(s);
	return search.found;
}

// Drivers that cannot tell have one.
static uint32_t count_queues(const char *name)
{
	struct ethtool_channels channels = {.cmd = ETHTOOL_GCHANNELS};
	struct ifreq request = {.ifr_data = (void *)&channels};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	uint32_t n = 0;

	if (fd < 0)
		return 1;
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (!ioctl(fd, SIOCETHTOOL, &request))
		n = channels.rx_count + channels.combined_count;
	close(fd);
	return MAX(n, 1u);
}

int netdev_read(const char *name, struct netdev_facts *out)
{
	struct mnl_socket *s;
	int err;

	*out = (struct netdev_facts){0};
	if (!*name || strlen(name) >= IF_NAMESIZE)
		return -ENODEV;
	s = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!s)
		return -errno;
	err = ask_link(s, name, out);
	mnl_socket_close(s);
	if (!err)
		out->queues = count_queues(name);
	return err;
}

const char *netdev_name(int ifindex, char *buf)
{
	if (!if_indextoname((unsigned)ifindex, buf))
		snprintf(buf, IF_NAMESIZE, "?");
	return buf;
}
