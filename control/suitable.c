// SPDX-License-Identifier: BSD-3-Clause
#include "control/suitable.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "control/netlink/netdev.h"

// Kinds whose frames are another interface's, or that are no Ethernet wires.
static const char *const unsuitable_kinds[] = {"bond", "bridge", "dummy", "gre", "gretap", "ifb",
	"ipip", "ipvlan", "macsec", "macvlan", "macvtap", "sit", "team", "tun", "vlan", "vrf",
	"vxlan", "wireguard"};

static bool forwards(const char *netdev, const char *family)
{
	char path[64 + IFNAMSIZ];
	char value = '0';
	FILE *f;

	snprintf(path, sizeof(path), "/proc/sys/net/%s/conf/%s/forwarding", family, netdev);
	f = fopen(path, "re");
	if (f && fread(&value, 1, 1, f) != 1)
		value = '0';
	if (f)
		fclose(f);
	return value != '0';
}

static bool has_port(const struct model *m, const char *netdev)
{
	for (unsigned i = 0; i < m->n_ports; i++)
		if (!strcmp(m->by_name[i]->set.netdev, netdev) && !m->by_name[i]->set.netns[0])
			return true;
	return false;
}

static const char *unsuitable(const struct model *m, const struct netdev *dev)
{
	for (size_t i = 0; i < ARRAY_SIZE(unsuitable_kinds); i++)
		if (!strcmp(dev->kind, unsuitable_kinds[i]))
			return "is of a kind that cannot be a routed port";
	if (has_port(m, dev->name))
		return "has a port already";
	if (!dev->up)
		return "is down";
	if (dev->master)
		return "belongs to a bridge, bond or VRF";
	if (dev->xdp_prog)
		return "has another XDP program";
	if (!forwards(dev->name, "ipv4") && !forwards(dev->name, "ipv6"))
		return "does not forward (sysctl net.ipv4.ip_forward, "
		       "net.ipv6.conf.all.forwarding)";
	return "";
}

int suitable_interfaces(const struct model *m,
	void (*visit)(void *arg, const char *netdev, const char *reason), void *arg)
{
	struct if_nameindex *names = if_nameindex();

	if (!names)
		return -errno;
	for (const struct if_nameindex *i = names; i->if_index; i++) {
		struct netdev dev;

		if (!netdev_query(-1, i->if_name, &dev) && !dev.loopback)
			visit(arg, dev.name, unsuitable(m, &dev));
	}
	if_freenameindex(names);
	return 0;
}
