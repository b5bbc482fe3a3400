// SPDX-License-Identifier: BSD-3-Clause
#include "control/adjust.h"

#include <errno.h>

#include "base/error.h"
#include "control/container.h"
#include "control/control.h"

// A veth pair's ends have an MTU and a MAC of their own; the container's is set first.
static int inside_end(const struct model_port *p, struct netns *ns, int *ifindex, char *error)
{
	const struct container *leg = attach_leg(p);
	struct netdev dev;
	int err = netns_open(container_netns_spec(leg), ns, error);

	if (err)
		return err;
	err = netdev_query(ns->fd, container_ifname(leg), &dev);
	if (err) {
		netns_close(ns);
		return error_say(error, err, "port %s: there is no %s in the container",
			p->set.name, container_ifname(leg));
	}
	*ifindex = dev.ifindex;
	return 0;
}

static bool is_veth_leg(const struct model_port *p)
{
	return attach_leg(p) && p->set.kind == RPC_PORT_KIND_AF_XDP;
}

static int set_mtu_inside(const struct model_port *p, uint32_t mtu, char *error)
{
	struct netns ns;
	int ifindex, err = inside_end(p, &ns, &ifindex, error);

	if (err)
		return err;
	err = netdev_set_mtu(ns.fd, ifindex, mtu);
	netns_close(&ns);
	if (err)
		return error_say(error, err, "port %s: cannot set the container's MTU to %u: %s",
			p->set.name, mtu, strerror(-err));
	return 0;
}

// A netdev that was there before keeps its MTU: the port only takes less of it.
static int check_foreign_mtu(const struct model_port *p, uint32_t mtu, char *error)
{
	struct netdev dev;
	int err = netdev_query(attach_netns_fd(p), attach_netdev(p), &dev);

	if (err)
		return error_say(error, err, "port %s: cannot read the MTU of netdev %s: %s",
			p->set.name, attach_netdev(p), strerror(-err));
	if (mtu > dev.mtu)
		return error_say(error, -EINVAL,
			"port %s: MTU %u is more than netdev %s has (%u): raise that first (ip "
			"link set dev %s mtu %u)",
			p->set.name, mtu, dev.name, dev.mtu, dev.name, mtu);
	return 0;
}

int adjust_mtu(struct control *c, struct model_port *p, uint32_t mtu, char *error)
{
	int err = 0;

	if (!p->port)
		return 0;
	if (p->port->mtu_max && mtu > p->port->mtu_max)
		return error_say(error, -ERANGE,
			"port %s: MTU %u is more than a port of kind %s carries here: at most %u",
			p->set.name, mtu, rpc_port_kind_name(p->set.kind), p->port->mtu_max);
	if (p->set.kind == RPC_PORT_KIND_AF_XDP && !attach_leg(p)) {
		err = check_foreign_mtu(p, mtu, error);
		if (err)
			return err;
	} else if (p->set.kind != RPC_PORT_KIND_MEMORY)
		err = netdev_set_mtu(attach_netns_fd(p), p->port->ifindex, mtu);
	if (err)
		return error_say(error, err,
			"port %s: the netdev %s does not take an MTU of %u: %s", p->set.name,
			attach_netdev(p), mtu, strerror(-err));
	if (is_veth_leg(p)) {
		err = set_mtu_inside(p, mtu, error);
		if (err) {
			netdev_set_mtu(attach_netns_fd(p), p->port->ifindex, p->port->mtu);
			return err;
		}
	}
	p->port->mtu = mtu;
	publish_request(c);
	if (p->set.routed)
		routing_port_changed(c, p);
	return 0;
}

int adjust_mac(struct control *c, struct model_port *p, struct mac mac, char *error)
{
	struct netns ns = {.fd = -1};
	int ifindex, err = 0;

	if (p->set.kind == RPC_PORT_KIND_AF_XDP && !p->set.has_container)
		return error_say(error, -EOPNOTSUPP,
			"port %s: the netdev %s was not made by garudad; set its MAC with "
			"'ip link set %s address'",
			p->set.name, p->set.netdev, p->set.netdev);
	if (!p->port)
		return 0;
	if (p->set.kind == RPC_PORT_KIND_MEMORY) {
		p->port->mac = mac;
		return 0;
	}
	if (is_veth_leg(p)) {
		err = inside_end(p, &ns, &ifindex, error);
		if (err)
			return err;
		err = netdev_set_mac(ns.fd, ifindex, mac);
		netns_close(&ns);
	} else {
		err = netdev_set_mac(attach_netns_fd(p), p->port->ifindex, mac);
		if (!err)
			p->port->mac = mac;
	}
	if (err)
		return error_say(
			error, err, "port %s: cannot set its MAC: %s", p->set.name, strerror(-err));
	attach_flush_learned(c, p->id);
	return 0;
}

// The netdev's, unless the operator wants less or the port can carry less.
static void set_mtu(struct control *c, struct model_port *p, uint32_t mtu)
{
	if (p->port->mtu_max)
		mtu = MIN(mtu, p->port->mtu_max);
	if (p->set.mtu)
		mtu = MIN(mtu, p->set.mtu);
	if (p->port->mtu == mtu)
		return;
	p->port->mtu = mtu;
	publish_request(c);
}

void adjust_to_netdev(struct control *c, struct model_port *p, const struct netdev *dev)
{
	if (!mac_equal(p->port->mac, dev->mac)) {
		p->port->mac = dev->mac;
		publish_request(c);
	}
	set_mtu(c, p, dev->mtu);
	if (p->set.routed)
		routing_port_changed(c, p);
}
