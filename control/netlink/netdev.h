// SPDX-License-Identifier: BSD-3-Clause
// Network devices: what there is in our own and in other network namespaces, what
// becomes of it, and the few changes that control makes. Control thread only.
//
// A monitor opens one rtnetlink socket in each namespace that somebody watches and
// keeps that namespace's devices: first a dump, then notifications, and after a lost
// notification a second dump that is compared with what was known. That socket keeps the
// namespace alive: remove the watch when control/netns.h says that it is gone.
#pragma once

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/net.h"

#define NETDEV_KIND_SIZE 16 // with the final zero

struct netdev {
	char name[IFNAMSIZ];
	char kind[NETDEV_KIND_SIZE]; // "veth", "tun", "bridge"; "" for hardware
	char alias[64];              // the operator's or our note on it; cut
	int ifindex;
	bool up;      // administratively
	bool carrier; // the wire works; false while not up
	bool loopback;
	bool promiscuous;               // somebody asked for it
	uint32_t mtu, min_mtu, max_mtu; // min, max: 0 = no limit known
	struct mac mac;
	int master; // ifindex of the bridge or bond that it is enslaved to; 0 = none
	int peer;   // veth: ifindex of the other end, in the other end's namespace; 0 = none
	uint32_t n_rxq, n_txq;
	uint32_t xdp_prog; // id of an XDP program on it; 0 = none
};

// -- questions and changes, at once ---------------------------------------------------
// netns_fd: -1 = our own namespace. All return 0 or negative errno.
int netdev_query(int netns_fd, const char *name, struct netdev *out); // -ENODEV

int netdev_set_up(int netns_fd, int ifindex, bool up);
int netdev_set_mtu(int netns_fd, int ifindex, uint32_t mtu);
int netdev_set_mac(int netns_fd, int ifindex, struct mac mac);
int netdev_rename(int netns_fd, int ifindex, const char *name); // also of one that is up
int netdev_delete(int netns_fd, int ifindex);

bool netdev_name_valid(const char *name); // as the kernel sees it

// -- coming, changing, going ----------------------------------------------------------
struct netdev_monitor;
struct netdev_watch;

// A rename and a move to another namespace are GONE under the old name or place, and NEW
// under the new one. After GONE the name may be NEW again at once with another ifindex.
enum netdev_event { NETDEV_NEW, NETDEV_CHANGED, NETDEV_GONE };

// Called by netdev_monitor_on_readable() only. May remove any watch and add new ones. `dev`
// is good during the call; for GONE it is the last state.
typedef void netdev_watch_fn(void *arg, enum netdev_event, const struct netdev *dev);

// buffer: bytes of each socket's receive buffer; 0 = enough for thousands of changes.
int netdev_monitor_create(struct netdev_monitor **out, size_t buffer);
void netdev_monitor_destroy(struct netdev_monitor *); // after its watches; NULL is fine
int netdev_monitor_fd(const struct netdev_monitor *); // readable: call on_readable
void netdev_monitor_on_readable(
	struct netdev_monitor *); // bounded work; more waits: fd stays readable

// name: the only one of interest, NULL = all. What is there already comes as NEW from the next
// calls of on_readable. netns_fd stays the caller's. 0 or negative errno.
int netdev_watch_create(struct netdev_watch **out, struct netdev_monitor *, int netns_fd,
	const char *name, netdev_watch_fn *fn, void *arg);
void netdev_watch_destroy(struct netdev_watch *); // NULL is fine; no event after it

// The named netdev in the watch's namespace as last reported; NULL: not there, or not yet seen.
const struct netdev *netdev_watch_find(const struct netdev_watch *, const char *name);
uint64_t netdev_watch_resyncs(const struct netdev_watch *); // times that notifications were lost
