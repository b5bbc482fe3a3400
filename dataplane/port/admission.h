// SPDX-License-Identifier: BSD-3-Clause
// What the XDP programs of all routed ports of the daemon share: which destinations are this
// machine's own, which are left to the kernel, and per interface whether packets are taken at all.
// The programs (bpf/route.bpf.c) read it, packet by packet; a change holds from the next packet on.
// An interface is known from the opening of its port to its close, and begins switched off.
//
// Interfaces are named by ifindex: all lie in one network namespace.
//
// Threads: control, but for admission_leave() and admission_generation(), which any thread may
// call, and the two of the thread whose life is the daemon's.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/net.h"

#define ADMISSION_LOCAL_MAX 4096  // prefixes of each family
#define ADMISSION_LEFT_MAX  65536 // the least recently used one goes
#define ADMISSION_PORTS_MAX 2048  // PORT_MAX
// A destination is left to the kernel for so long; then a packet of it is looked at again.
#define ADMISSION_LEFT_S 10

struct admission;

// 0 or negative errno: -EPERM without the privilege to make BPF maps.
int admission_create(struct admission **out);
void admission_destroy(struct admission *); // no routed port may be open; NULL is fine

// A prefix of the kernel's local table (with its broadcast and anycast addresses) came or went.
// 0 or negative errno. After -ENOSPC or -ENOMEM packets to that address would be taken from the
// kernel: switch the family off on all interfaces (admission_switch_all) until it is in.
int admission_local(struct admission *, const struct ip_prefix *, bool is_there);

// Packets to this address are the kernel's from now on. `generation`: of admission_generation(),
// read before the route was looked up, so that what was decided by an older route is not believed.
// 0 or negative errno, which costs speed only.
int admission_leave(struct admission *, const struct ip_addr *, uint32_t generation);
uint32_t admission_generation(const struct admission *);
void admission_forget(struct admission *); // nothing is left to the kernel any more

// Which families are taken from the interface. 0, or -ENOENT: no routed port is open there.
int admission_switch(struct admission *, int ifindex, bool ip4, bool ip6);
int admission_restrict(struct admission *, int ifindex, bool may_ip4, bool may_ip6); // masks it
void admission_switch_all(struct admission *, bool may_ip4, bool may_ip6); // masks what is set

// The interface's MAC changed. Until this call frames to the new one stay with the kernel.
int admission_set_mac(struct admission *, int ifindex, struct mac);

// -- a thread that lives as long as packets may be taken: the exception path's ------------------
// When the calling thread dies between the two, as all do when the process is killed, nothing is
// taken any more from that instant on. One thread at a time.
void admission_live(struct admission *);
void admission_end(struct admission *);

// -- for the af_xdp port ------------------------------------------------------------------------
struct route_interface; // bpf/shared.h

struct admission_maps { // descriptors that the programs use
	int local4, local6, left, shared;
};
const struct admission_maps *admission_maps(const struct admission *);

// `interface` is the program's own, mapped; good until admission_remove(). 0, -EEXIST or -ENOSPC.
int admission_add(struct admission *, int ifindex, struct route_interface *interface, struct mac);
void admission_remove(struct admission *, int ifindex);
