// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The group addresses that no bridge forwards (IEEE 802.1Q 8.6.3): they belong to
// the netdev's own protocols (LLDP, LACP, STP).
#pragma once

#include "bpf/vmlinux.h"

// Whether `data` begins with 01-80-C2-00-00-0x. The caller has checked 6 bytes.
static inline __attribute__((always_inline)) int is_reserved(const __u8 *data)
{
	return data[0] == 0x01 && data[1] == 0x80 && data[2] == 0xc2 && data[3] == 0 &&
	       data[4] == 0 && (data[5] & 0xf0) == 0;
}
