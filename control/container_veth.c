// SPDX-License-Identifier: BSD-3-Clause
// The veth pair between the host and a container. Both ends have one queue: with more transmit
// queues at the peer than receive queues at our end the kernel refuses native XDP.
#include "control/container_veth.h"

#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "control/container.h"
#include "control/netlink/netdev.h"
#include "control/netlink/rtnl.h"

union request {
	struct nlmsghdr nlh;
	uint8_t bytes[RTNL_REQUEST_SIZE];
};

static uint64_t hash(uint64_t h, const void *bytes, size_t size)
{
	const uint8_t *p = bytes;

	while (size--) // FNV-1a
		h = (h ^ *p++) * 0x100000001b3;
	return h;
}

static uint64_t hash_text(uint64_t h, const char *text)
{
	return hash(h, text, strlen(text) + 1);
}

static uint64_t hash_final(uint64_t h)
{
	h = (h ^ h >> 33) * 0xff51afd7ed558ccd; // spreads the last bytes over all bits
	h = (h ^ h >> 33) * 0xc4ceb9fe1a85ec53;
	return h ^ h >> 33;
}

static uint64_t hash_machine(void)
{
	uint64_t h = 0xcbf29ce484222325;
	char id[64];
	int fd = open("/etc/machine-id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, id, sizeof(id));

	if (fd >= 0)
		close(fd);
	if (n <= 0)
		n = gethostname(id, sizeof(id)) == 0 ? (ssize_t)strnlen(id, sizeof(id)) : 0;
	return hash(h, id, n);
}

struct mac container_default_mac(const char *port, const char *role)
{
	uint64_t h = hash_final(hash_text(hash_text(hash_machine(), port), role));
	struct mac mac = mac_from_u64(h);

	mac.b[0] = (mac.b[0] & ~1) | 2; // individual, locally administered (IEEE 802 8.2)
	return mac;
}

static struct mac outside_mac(const char *port, const char *instance)
{
	char role[300];

	snprintf(role, sizeof(role), "outside %s", instance);
	return container_default_mac(port, role);
}

static bool is_ours(const struct netdev *dev, const char *port, const char *instance)
{
	return !strcmp(dev->kind, "veth") && mac_equal(dev->mac, outside_mac(port, instance));
}

int veth_delete(const char *port, const char *instance, const char *name)
{
	struct netdev dev;
	int err = netdev_query(-1, name, &dev);

	if (!err && !is_ours(&dev, port, instance))
		return -EPERM;
	if (!err)
		err = netdev_delete(-1, dev.ifindex);
	return err == -ENODEV ? 0 : err;
}

// The other end must be where and what a new one would be.
static bool fits(const struct veth_config *config, const struct netdev *ours)
{
	struct netdev inside;

	return netdev_query(config->netns_fd, config->inside, &inside) == 0 &&
	       !strcmp(inside.kind, "veth") && inside.ifindex == ours->peer &&
	       inside.peer == ours->ifindex;
}

static void make_name(const struct veth_config *config, int attempt, char *out)
{
	uint64_t h =
		hash_final(hash_text(hash_text(hash_machine(), config->port), config->instance));

	if (attempt == 0 && strlen(config->port) + 2 < IFNAMSIZ)
		snprintf(out, IFNAMSIZ, "g-%s", config->port);
	else
		snprintf(out, IFNAMSIZ, "g-%.8s-%04x", config->port,
			(unsigned)(h + attempt) & 0xffff);
}

int veth_choose_name(const struct veth_config *config, struct veth *out, char *error)
{
	struct netdev dev;
	int err = 0;

	for (int attempt = 0; attempt < 4; attempt++) {
		make_name(config, attempt, out->name);
		out->ifindex = 0;
		err = netdev_query(-1, out->name, &dev);
		if (err == -ENODEV)
			return 0;
		if (err)
			break;
		if (!is_ours(&dev, config->port, config->instance)) {
			err = -EEXIST;
			continue;
		}
		if (fits(config, &dev)) {
			out->ifindex = dev.ifindex;
			return 0;
		}
		log_info("port '%s': deleting '%s', left over with another end", config->port,
			out->name);
		err = netdev_delete(-1, dev.ifindex);
		if (!err || err == -ENODEV)
			return 0;
		break;
	}
	return error_say(error, err, "port %s: cannot make the veth %s: %s", config->port,
		out->name, strerror(-err));
}

// What both ends' parts of the request say.
static void put_end(struct nlmsghdr *nlh, const char *name, const struct mac *mac,
	const struct veth_config *config)
{
	mnl_attr_put_strz(nlh, IFLA_IFNAME, name);
	mnl_attr_put(nlh, IFLA_ADDRESS, sizeof(*mac), mac);
	mnl_attr_put_u32(nlh, IFLA_MTU, config->mtu);
	mnl_attr_put_u32(nlh, IFLA_NUM_TX_QUEUES, 1);
	mnl_attr_put_u32(nlh, IFLA_NUM_RX_QUEUES, 1);
}

static int request_pair(const struct veth_config *config, const char *name)
{
	union request req = {0};
	struct nlmsghdr *nlh = rtnl_put_link(&req, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0);
	struct mac mac = outside_mac(config->port, config->instance);
	struct nlattr *info, *data, *peer;

	put_end(nlh, name, &mac, config);
	info = mnl_attr_nest_start(nlh, IFLA_LINKINFO);
	mnl_attr_put_strz(nlh, IFLA_INFO_KIND, "veth");
	data = mnl_attr_nest_start(nlh, IFLA_INFO_DATA);
	peer = mnl_attr_nest_start(nlh, VETH_INFO_PEER);
	mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifinfomsg));
	put_end(nlh, config->inside, &config->mac, config);
	mnl_attr_put_u32(nlh, IFLA_NET_NS_FD, config->netns_fd);
	mnl_attr_nest_end(nlh, peer);
	mnl_attr_nest_end(nlh, data);
	mnl_attr_nest_end(nlh, info);
	return rtnl_call(-1, nlh);
}

// The host shall not send anything by itself: no link-local address, and no IPv6 at all, as
// without an address it would still report multicast groups. The kernel takes the mode
// from a request of its own only, not from the one that makes the device.
static int silence(const struct veth_config *config, const struct veth *v)
{
	union request req = {0};
	struct nlmsghdr *nlh = rtnl_put_link(&req, RTM_NEWLINK, 0, v->ifindex);
	struct nlattr *spec, *inet6;
	char text[128];
	int fd, err;

	snprintf(text, sizeof(text), "Garuda port %s", config->port);
	mnl_attr_put_strz(nlh, IFLA_IFALIAS, text);
	spec = mnl_attr_nest_start(nlh, IFLA_AF_SPEC);
	inet6 = mnl_attr_nest_start(nlh, AF_INET6);
	mnl_attr_put_u8(nlh, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
	mnl_attr_nest_end(nlh, inet6);
	mnl_attr_nest_end(nlh, spec);
	err = rtnl_call(-1, nlh);
	if (err && err != -EAFNOSUPPORT && err != -EOPNOTSUPP) // a kernel without IPv6
		return err;
	snprintf(text, sizeof(text), "/proc/sys/net/ipv6/conf/%s/disable_ipv6", v->name);
	fd = open(text, O_WRONLY | O_CLOEXEC);
	if (fd >= 0) {
		if (write(fd, "1", 1) != 1)
			log_debug("'%s': %s", text, strerror(errno));
		close(fd);
	}
	return 0;
}

static int create_failed(
	const struct veth_config *config, const struct veth *v, int err, char *error)
{
	if (err == -EINVAL)
		return error_say(error, err,
			"port %s: the kernel refuses the veth pair with MTU %u: a veth takes one "
			"of 68 to 65535 bytes",
			config->port, config->mtu);
	if (err == -EPERM)
		return error_say(error, err,
			"port %s: no privilege to make interfaces: the daemon needs "
			"CAP_NET_ADMIN here and in the container's namespace",
			config->port);
	return error_say(error, err, "port %s: cannot make the veth pair %s - %s: %s", config->port,
		v->name, config->inside, strerror(-err));
}

int veth_create(const struct veth_config *config, struct veth *v, char *error)
{
	struct netdev dev;
	int err = request_pair(config, v->name);

	if (err)
		return create_failed(config, v, err, error);
	err = netdev_query(-1, v->name, &dev);
	if (err)
		goto fail;
	v->ifindex = dev.ifindex;
	err = silence(config, v);
	if (!err)
		return 0;
fail:
	veth_delete(config->port, config->instance, v->name);
	v->ifindex = 0;
	return create_failed(config, v, err, error);
}

int veth_adopt(const struct veth_config *config, struct veth *v, char *error)
{
	struct netdev inside;
	int err = netdev_query(config->netns_fd, config->inside, &inside);

	if (!err && inside.mtu != config->mtu) {
		err = netdev_set_mtu(-1, v->ifindex, config->mtu);
		if (!err)
			err = netdev_set_mtu(config->netns_fd, inside.ifindex, config->mtu);
	}
	if (!err && !mac_equal(inside.mac, config->mac))
		err = netdev_set_mac(config->netns_fd, inside.ifindex, config->mac);
	if (!err)
		err = silence(config, v);
	return err ? create_failed(config, v, err, error) : 0;
}
