// SPDX-License-Identifier: BSD-3-Clause
// What is special about an af_xdp port whose netdev stays the kernel's own interface. Private to
// the af_xdp port; control thread, in the netdev's namespace.
#pragma once

#include "dataplane/port/netdev.h"
#include "dataplane/port/port.h"

// Whether the netdev can be one, beyond what every af_xdp port asks. 0, or negative errno with a
// sentence.
int routed_check(struct port *, const struct port_config *, const struct netdev_facts *);

// After the program is attached: says what that costs the kernel's own traffic (port->warning), and
// removes the guard that a switched port may have left there.
void routed_settle(struct port *, const struct port_config *, const struct netdev_facts *);
