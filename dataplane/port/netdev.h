// SPDX-License-Identifier: BSD-3-Clause
// Facts about a kernel netdev that a port wants to use. Control thread, in the
// netdev's own namespace.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/net.h"

struct netdev_facts {
	int ifindex;
	int master;      // the bridge, bond or team it is enslaved to; 0 = none
	uint32_t mtu;    // bytes
	uint16_t type;   // ARPHRD_*
	bool loopback;   //
	bool xdp_is_skb; // an XDP program is attached in generic mode
	char kind[16];   // as `ip link add type` names it; "" for hardware
	struct mac mac;  //
	uint32_t queues; // receive queues in use, 1 or more
};

// 0, -ENODEV, or another negative errno.
int netdev_read(const char *name, struct netdev_facts *out);

// The ifindex of a macvlan, macvtap or ipvlan over the netdev in this namespace, which lives on the
// frames that a port takes; 0 = none.
int netdev_find_child(int ifindex);

// The name of a netdev in `buf` of IF_NAMESIZE bytes, or "?".
const char *netdev_name(int ifindex, char *buf);
