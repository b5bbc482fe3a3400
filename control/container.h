// SPDX-License-Identifier: BSD-3-Clause
// A container's leg: the interface inside a container's network namespace that is joined to a
// port, made with the port and removed with it. Control thread only.
//
// Two kinds. TAP: the port driver makes the device inside the namespace under its final name;
// here it is only checked that the name is free, and brought up afterwards. veth: our end
// lies in our own namespace and is what an af_xdp port opens; the other end is made directly
// in the container's namespace with its final name, MAC and MTU. The host never talks on our
// end: no IPv6 there, no addresses.
//
// Life: create -> [attach -> port_open -> up -> ... -> port_close -> detach]* -> destroy.
// The bracket runs whenever the namespace is there; `changed` tells when it comes and goes:
//	CONTAINER_PRESENT  attach, open the port
//	CONTAINER_GONE     close the port, detach: only then can the kernel remove the namespace
// After a crash attach adopts a veth pair that is still as it was made, with the addresses
// that the container gave to its end.
#pragma once

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/net.h"
#include "control/netns.h"

#define CONTAINER_SPEC_SIZE (NETNS_SPEC_SIZE + IFNAMSIZ)

struct state;
struct state_entry;
struct container;

// "NETNS|PID|PATH[:IFNAME]" taken apart; IFNAME is eth0 if not given.
struct container_spec {
	char netns[NETNS_SPEC_SIZE];
	char ifname[IFNAMSIZ];
};

enum container_event { CONTAINER_PRESENT, CONTAINER_GONE };

// Called from netns_monitor_on_readable(). Must not destroy the container.
typedef void container_fn(void *arg, enum container_event);

// Text is copied.
struct container_config {
	const char *port;     // the port's name
	const char *spec;     // what the user wrote after --container
	bool veth;            // a veth pair for af_xdp; else a TAP
	struct mac mac;       // of the inside end; zero = derived from port name and machine
	uint32_t mtu;         // 0 = 1500
	const char *instance; // tells daemons on one machine apart: the directory of the socket
	struct netns_monitor *namespaces;
	struct state *state; // veth pairs are noted here before they are made; NULL = not noted
	container_fn *changed;
	void *arg;
};

int container_parse(const char *text, struct container_spec *out, char *error);

// 0 or negative errno with a sentence. The namespace need not exist (container_present()).
int container_create(struct container **out, const struct container_config *, char *error);
void container_destroy(struct container *); // detaches; NULL is fine

// The inside end's MAC and the MTU from the next attachment on; as in the config.
void container_set(struct container *, struct mac mac, uint32_t mtu);

bool container_present(const struct container *); // the namespace is there
bool container_attached(const struct container *);

// Makes or adopts the leg, or (TAP) checks that it can be made. Attached already: 0. On failure
// nothing is left: -ENOENT (no namespace), -EEXIST (the name is taken inside), -EINVAL ...
int container_attach(struct container *, char *error);
void container_detach(struct container *); // deletes a veth pair; not attached: nothing

// Brings the ends up, after port_open(): what the container sends finds the port in place.
int container_up(struct container *, char *error);

// For struct port_config, while attached.
int container_netns_fd(const struct container *);       // tap: the container's; veth: -1
const char *container_netdev(const struct container *); // tap: name inside; veth: our end
struct mac container_mac(const struct container *);     // of the inside end
const char *container_ifname(const struct container *); // name inside
const char *container_netns_spec(const struct container *);

// The same MAC for the same port name on the same machine, for ever; locally administered.
// role tells several of one port apart ("inside", "outside", "tap").
struct mac container_default_mac(const char *port, const char *role);

// Undoes a STATE_VETH that nobody claimed after start: deletes our end if it is still the one
// that this instance made. 0 also when it is gone already.
int container_undo(const struct state_entry *, const char *instance);
