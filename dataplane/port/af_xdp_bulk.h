// SPDX-License-Identifier: BSD-3-Clause
// The way out for packets with GSO on veth. AF_XDP sends nothing longer than the MTU; a packet
// socket with virtio_net_hdr does, and the receiver's stack then works once for up to
// 64 KiB instead of once per segment. Private to the af_xdp port.
#pragma once

#include <stdbool.h>

#include "dataplane/packet.h"

// Prepares a packet socket of protocol 0, which receives nothing, to send on a netdev of its
// namespace. False when the kernel will not.
bool bulk_prepare(int fd, int ifindex);

// 0 or negative errno. The data is copied: the packet stays the caller's. Never blocks.
int bulk_send(int fd, const struct packet *);
