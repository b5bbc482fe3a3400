// SPDX-License-Identifier: BSD-3-Clause
// The veth pair of a container's leg; for control/container.c only. Our end carries its origin
// in its MAC address, derived from machine, instance and port: set in the same request that
// makes the pair, so that no crash leaves one that nobody recognizes.
#pragma once

#include <net/if.h>
#include <stdint.h>

#include "base/error.h"
#include "base/net.h"

struct veth_config {
	const char *port, *instance;
	int netns_fd;       // the container's
	const char *inside; // name of the end there
	struct mac mac;     // of the end there
	uint32_t mtu;       // of both
};

struct veth {
	char name[IFNAMSIZ]; // of our end
	int ifindex;         // of our end; 0 = does not exist
};

// The name that our end has or shall have: "g-PORT", or cut and with a hash if that is too long or
// somebody else's. ifindex is set if a pair of ours of that name is there and fits `config`; one
// of ours that does not fit is deleted. 0 or negative errno with a sentence.
int veth_choose_name(const struct veth_config *, struct veth *out, char *error);

// Both ends are down: ours may not come up before its guard stands. Nothing left on failure.
int veth_create(const struct veth_config *, struct veth *, char *error);

// Takes over the pair that veth_choose_name() found: sets MAC and MTU.
int veth_adopt(const struct veth_config *, struct veth *, char *error);

// Deletes the pair if it is ours; 0 also if it is not there. -EPERM: the name is somebody else's.
int veth_delete(const char *port, const char *instance, const char *name);
