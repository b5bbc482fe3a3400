// SPDX-License-Identifier: BSD-3-Clause
// A TAP is made in our own namespace under a temporary name and moved, by one
// netlink message that also names it and brings it up. Opening /dev/net/tun inside
// the other namespace would be shorter, but such a descriptor holds a reference to
// the namespace: a deleted container would live on for as long as its port does.
#include "dataplane/port/tap_device.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dataplane/port/probe.h"

// In headers since Linux 6.2.
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

#define TEMPORARY_NAME "gtap%d" // the kernel fills in the number

static bool name_valid(const char *name)
{
	if (!*name || !strcmp(name, ".") || !strcmp(name, ".."))
		return false;
	for (; *name; name++)
		if (*name == '/' || *name == ':' || *name == '%' || *name <= ' ')
			return false;
	return true;
}

static int check_config(struct port *port, const struct port_config *config)
{
	if (!config->netdev || !name_valid(config->netdev))
		return port_fail(port, -EINVAL, "port %s: \"%s\" cannot be the name of a netdev",
			port->name, config->netdev ? config->netdev : "");
	if (strlen(config->netdev) >= IFNAMSIZ)
		return port_fail(port, -ENAMETOOLONG,
			"port %s: the netdev name %s is too long; at most %d characters",
			port->name, config->netdev, IFNAMSIZ - 1);
	if (config->mtu && (config->mtu < TAP_MTU_MIN || config->mtu > TAP_MTU_MAX))
		return port_fail(port, -ERANGE, "port %s: MTU %u is out of range; %d to %d",
			port->name, config->mtu, TAP_MTU_MIN, TAP_MTU_MAX);
	if (port->n_queues > PORT_QUEUES_MAX)
		return port_fail(port, -EINVAL, "port %s: %u queues; at most %d", port->name,
			port->n_queues, PORT_QUEUES_MAX);
	if (mac_is_group(config->mac))
		return port_fail(port, -EINVAL,
			"port %s: a netdev cannot have a multicast MAC address", port->name);
	return 0;
}

static int open_tun(struct port *port)
{
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (fd >= 0)
		return fd;
	if (errno == EACCES || errno == EPERM)
		return port_fail(port, -errno,
			"port %s: no permission to open /dev/net/tun; run as root", port->name);
	if (errno == ENOENT || errno == ENODEV || errno == ENXIO)
		return port_fail(port, -errno,
			"port %s: there is no /dev/net/tun; load it with: modprobe tun",
			port->name);
	return port_fail(
		port, -errno, "port %s: opening /dev/net/tun: %s", port->name, strerror(errno));
}

static int fail_name_in_use(struct port *port, const char *name)
{
	return port_fail(port, -EEXIST,
		"port %s: the netdev name %s is in use in that namespace; remove that netdev or "
		"choose another name",
		port->name, name);
}

// Opens one descriptor and attaches it. `ifr` carries the wanted name in and the given one out.
static int attach_queue(struct port *port, struct ifreq *ifr, bool first)
{
	const char *wanted = ifr->ifr_name;
	int fd = open_tun(port);
	int err;

	if (fd < 0)
		return fd;
	ifr->ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
	if (first)
		ifr->ifr_flags |= (short)IFF_TUN_EXCL; // never take over somebody's persistent TAP
	if (port->n_queues > 1)
		ifr->ifr_flags |= IFF_MULTI_QUEUE;
	if (ioctl(fd, TUNSETIFF, ifr) == 0)
		return fd;
	err = -errno;
	close(fd);
	if (err == -EBUSY || err == -EEXIST)
		return fail_name_in_use(port, wanted);
	if (err == -EPERM)
		return port_fail(port, err,
			"port %s: no permission to create a TAP; CAP_NET_ADMIN is needed",
			port->name);
	return port_fail(
		port, err, "port %s: creating the TAP %s: %s", port->name, wanted, strerror(-err));
}

// The offloads that the kernel may leave to us, as many as it knows.
static int set_offloads(struct port *port, int fd, uint32_t *caps)
{
	static const struct {
		unsigned tun;
		uint32_t caps;
	} levels[] = {
		{TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN | TUN_F_USO4 | TUN_F_USO6,
			PORT_TX_CSUM | PORT_TX_TSO | PORT_TX_USO},
		{TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN, PORT_TX_CSUM | PORT_TX_TSO},
		{TUN_F_CSUM, PORT_TX_CSUM},
		{0, 0},
	};
	int size = sizeof(struct virtio_net_hdr_v1);

	if (ioctl(fd, TUNSETVNETHDRSZ, &size))
		return port_fail(port, -errno, "port %s: setting the TAP's header size: %s",
			port->name, strerror(errno));
	for (unsigned i = probe_has(PROBE_TAP_USO) ? 0 : 1; i < ARRAY_SIZE(levels); i++) {
		if (ioctl(fd, TUNSETOFFLOAD, levels[i].tun) == 0) {
			*caps = levels[i].caps;
			return 0;
		}
	}
	return port_fail(port, -errno, "port %s: setting the TAP's offloads: %s", port->name,
		strerror(errno));
}

// MTU and MAC, through a socket of the namespace that the device is in; then what they are.
static int set_addresses(struct port *port, const struct port_config *config, const char *name)
{
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq ifr = {0};
	int err = 0;

	if (s < 0)
		return port_fail(port, -errno, "port %s: socket: %s", port->name, strerror(errno));
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	ifr.ifr_mtu = (int)config->mtu;
	if (config->mtu && ioctl(s, SIOCSIFMTU, &ifr)) {
		err = port_fail(port, -errno, "port %s: setting MTU %u: %s", port->name,
			config->mtu, strerror(errno));
		goto out;
	}
	ifr.ifr_hwaddr.sa_family = ARPHRD_ETHER;
	memcpy(ifr.ifr_hwaddr.sa_data, &config->mac, sizeof(config->mac));
	if (!mac_is_zero(config->mac) && ioctl(s, SIOCSIFHWADDR, &ifr)) {
		err = port_fail(port, -errno, "port %s: setting the MAC address: %s", port->name,
			strerror(errno));
		goto out;
	}
	if (ioctl(s, SIOCGIFHWADDR, &ifr) == 0)
		memcpy(&port->mac, ifr.ifr_hwaddr.sa_data, sizeof(port->mac));
	if (ioctl(s, SIOCGIFMTU, &ifr) == 0)
		port->mtu = (uint32_t)ifr.ifr_mtu;
	if (ioctl(s, SIOCGIFINDEX, &ifr) == 0)
		port->ifindex = ifr.ifr_ifindex;
out:
	close(s);
	return err;
}

struct link_request {
	struct nlmsghdr header;
	struct ifinfomsg link;
	uint8_t attributes[64];
};

static void add_attribute(struct link_request *r, uint16_t type, const void *value, size_t size)
{
	struct rtattr *a = (struct rtattr *)((uint8_t *)r + r->header.nlmsg_len);

	a->rta_type = type;
	a->rta_len = (uint16_t)RTA_LENGTH(size);
	memcpy(RTA_DATA(a), value, size);
	r->header.nlmsg_len += (uint32_t)RTA_SPACE(size);
}

// Sends the request and waits for the kernel's answer, which is immediate. 0 or negative errno.
static int send_request(const struct link_request *r)
{
	int s = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	struct {
		struct nlmsghdr header;
		struct nlmsgerr error;
		uint8_t rest[512];
	} answer;
	int err = 0;

	if (s < 0)
		return -errno;
	if (send(s, r, r->header.nlmsg_len, 0) < 0 || recv(s, &answer, sizeof(answer), 0) < 0)
		err = -errno;
	else if (answer.header.nlmsg_type == NLMSG_ERROR)
		err = answer.error.error;
	close(s);
	return err;
}

// Up, and if a namespace is given: moved there and renamed, in one step.
static int bring_up(struct port *port, const struct port_config *config)
{
	struct link_request r = {
		.header = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct ifinfomsg)),
			.nlmsg_type = RTM_NEWLINK,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK},
		.link = {.ifi_index = port->ifindex, .ifi_flags = IFF_UP, .ifi_change = IFF_UP},
	};
	int err;

	if (config->netns_fd >= 0) {
		add_attribute(&r, IFLA_NET_NS_FD, &config->netns_fd, sizeof(config->netns_fd));
		add_attribute(&r, IFLA_IFNAME, config->netdev, strlen(config->netdev) + 1);
	}
	err = send_request(&r);
	if (err == -EEXIST)
		return fail_name_in_use(port, config->netdev);
	if (err)
		return port_fail(port, err, "port %s: bringing up the TAP %s: %s", port->name,
			config->netdev, strerror(-err));
	return 0;
}

// The index may have changed on the way into the namespace.
static int find_ifindex(struct port *port, const struct port_config *config)
{
	int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	int s, err = 0;
	struct ifreq ifr = {0};

	if (home < 0 || setns(config->netns_fd, CLONE_NEWNET)) {
		err = port_fail(port, -errno, "port %s: entering the namespace: %s", port->name,
			strerror(errno));
		goto out;
	}
	s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", config->netdev);
	if (s < 0 || ioctl(s, SIOCGIFINDEX, &ifr))
		err = port_fail(port, -errno, "port %s: the TAP %s is not in its namespace: %s",
			port->name, config->netdev, strerror(errno));
	port->ifindex = ifr.ifr_ifindex;
	if (s >= 0)
		close(s);
	if (setns(home, CLONE_NEWNET))
		abort(); // in a foreign namespace nothing else we do would be right
out:
	if (home >= 0)
		close(home);
	return err;
}

int tap_device_create(struct port *port, const struct port_config *config, int *fd, uint32_t *caps)
{
	const bool moves = config->netns_fd >= 0;
	struct ifreq ifr = {0};
	unsigned n = 0;
	int err = check_config(port, config);

	if (err)
		return err;
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", moves ? TEMPORARY_NAME : config->netdev);
	for (; n < port->n_queues; n++) {
		fd[n] = attach_queue(port, &ifr, n == 0);
		if (fd[n] < 0) {
			err = fd[n];
			goto err;
		}
		err = set_offloads(port, fd[n], caps);
		if (err) {
			n++;
			goto err;
		}
	}
	err = set_addresses(port, config, ifr.ifr_name);
	if (!err)
		err = bring_up(port, config);
	if (!err && moves)
		err = find_ifindex(port, config);
	if (!err)
		return 0;
err:
	while (n-- > 0)
		close(fd[n]);
	return err;
}
