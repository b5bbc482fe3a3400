// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/port/af_xdp_routed.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dataplane/port/guard.h"

// The device takes VLAN tags off the frames. veth does, too, but tells the program of them.
static bool hides_tags(const char *netdev)
{
	struct ethtool_value value = {.cmd = ETHTOOL_GFLAGS};
	struct ifreq request = {.ifr_data = (void *)&value};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool hides;

	if (fd < 0)
		return true;
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", netdev);
	hides = !ioctl(fd, SIOCETHTOOL, &request) && value.data & ETH_FLAG_RXVLAN;
	close(fd);
	return hides;
}

int routed_check(struct port *port, const struct port_config *c, const struct netdev_facts *f)
{
	if (!c->admission)
		return port_fail(port, -EINVAL, "port %s: routed, but nothing says what to take",
			port->name);
	if (c->netns_fd >= 0)
		return port_fail(port, -EOPNOTSUPP,
			"port %s: a routed port's netdev lies in the daemon's own namespace: move "
			"%s there, or run a daemon in the other one",
			port->name, c->netdev);
	// Frames that the exception path gives back would come to the program again, and to us.
	if (c->generic_xdp)
		return port_fail(port, -EOPNOTSUPP,
			"port %s: generic XDP would see the packets again that Garuda gives back "
			"to the kernel: leave out generic XDP, or leave %s to the kernel",
			port->name, c->netdev);
	if (strcmp(f->kind, "veth") && hides_tags(c->netdev))
		return port_fail(port, -EOPNOTSUPP,
			"port %s: netdev %s takes VLAN tags off, so that tagged frames look like "
			"its own: ethtool -K %s rxvlan off",
			port->name, c->netdev, c->netdev);
	return 0;
}

void routed_settle(struct port *port, const struct port_config *c, const struct netdev_facts *f)
{
	if (strcmp(f->kind, "veth") == 0)
		snprintf(port->warning, sizeof(port->warning),
			"port %s: while XDP is attached to veth %s, its peer sends no segments "
			"larger than the MTU (TSO, GSO): bulk TCP from there to this machine "
			"itself "
			"costs more CPU",
			port->name, c->netdev);
	else
		snprintf(port->warning, sizeof(port->warning),
			"port %s: while XDP is attached to %s, the device puts no TCP segments "
			"together (LRO, hardware GRO): bulk TCP to this machine itself costs more "
			"CPU",
			port->name, c->netdev);
	guard_remove(-1, f->ifindex, true);
}
