// SPDX-License-Identifier: BSD-3-Clause
// Changes of a port in service that reach its netdev, beyond what a snapshot
// holds. Control thread only. A port that is not open takes them when it opens.
#pragma once

#include "control/model.h"
#include "control/netlink/netdev.h"

struct control;

// 0, or negative errno with a sentence and nothing changed. p->set is the caller's to write.
int adjust_mtu(struct control *, struct model_port *, uint32_t mtu, char *error);
int adjust_mac(struct control *, struct model_port *, struct mac, char *error);

// What became of the netdev: the port's MAC and MTU follow. The port is open.
void adjust_to_netdev(struct control *, struct model_port *, const struct netdev *);
