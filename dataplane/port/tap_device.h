// SPDX-License-Identifier: BSD-3-Clause
// Making the kernel's side of a TAP port. For tap.c only; control thread.
#pragma once

#include "dataplane/port/port.h"

#define TAP_MTU_MIN 68    // RFC 791; the kernel's lower bound
#define TAP_MTU_MAX 65521 // the largest frame is 65535 bytes

// Creates the TAP config->netdev with one descriptor per queue in fd[], non-blocking,
// in the namespace config->netns_fd, with MTU and MAC, up. It lives until the last
// descriptor is closed, or until its namespace ends: the descriptors do not keep
// that alive. Fills port->mtu, mac, ifindex and *caps (enum port_cap, transmit side).
// 0, or negative errno with a sentence in port->error and nothing left behind.
int tap_device_create(struct port *port, const struct port_config *config, int *fd, uint32_t *caps);
