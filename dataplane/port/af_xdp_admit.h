// SPDX-License-Identifier: BSD-3-Clause
// The XDP program of one AF_XDP port, switched or routed: loaded for its netdev, attached by a link
// that dies with the process. Private to the af_xdp port; control thread, in the netdev's
// namespace.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/net.h"

struct admission;
struct admit;
struct admit_watch;  // bpf/shared.h
struct route_passed; //

struct admit_config {
	int ifindex;
	bool bpdu_guard; // BPDUs go to the socket
	bool put_tags;   // device-bound program that sees tags in metadata, and puts them back
	bool generic;    // generic XDP
	uint64_t stall_ns;
	struct admission *admission; // of a routed port; NULL = switched
	struct mac mac;              // of a routed port's netdev
};

// 0 or negative errno. Nothing is attached yet.
int admit_load(struct admit **out, const struct admit_config *);

// Of one queue, mapped; until admit_close().
struct admit_watch *admit_watch(struct admit *, uint32_t queue);
struct route_passed *admit_passed(struct admit *, uint32_t queue); // NULL: switched

int admit_add_socket(struct admit *, uint32_t queue, int fd);
int admit_attach(struct admit *);

// Detaches and unloads. NULL is fine.
void admit_close(struct admit *);
