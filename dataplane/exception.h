// SPDX-License-Identifier: BSD-3-Clause
// The exception path: single packets that a routed port took and that Garuda cannot finish go to
// the kernel, as if they had just come in by the interface that they came in by. The kernel then
// does what it would have done without us: resolves a neighbour, answers by ICMP, fragments.
//
// A thread of its own writes them to a TAP (dataplane/port/exception_tap.h); workers only push to a
// ring each, and wake the thread when it sleeps. A packet is the frame as it was received, its
// offload request included.
//
// Threads: control creates, maps and destroys; exception_push() is for workers, one thread per
// index; statistics may be read by any thread.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/net.h"
#include "dataplane/exception_reason.h"
#include "dataplane/packet.h"

#define EXCEPTION_RATE_DEFAULT 10000 // packets per second of one ingress port
#define EXCEPTION_RING_SIZE    1024  // packets of one worker that wait
#define EXCEPTION_ERROR_SIZE   256
// What waited longer is not given to the kernel any more: the process was stopped.
#define EXCEPTION_STALE_NS (100 * NS_PER_MS)

struct admission;
struct exception;

struct exception_config {
	struct packet_pool *pool;
	unsigned n_workers;
	int netns_fd; // of the ports' netdevs; -1 = our own. Stays the caller's.
	int fd;       // -1 = a TAP; tests: where the packets are written. Stays the caller's.
	struct admission *admission; // learns what is left to the kernel; NULL = nobody does
};

struct exception_stats {
	uint64_t pushed;
	uint64_t written; // taken by the kernel
	uint64_t left;    // destinations told to the admission
	// Lost. The first two never were in the ring: exception_push() said false.
	uint64_t metered; // over the rate of their ingress port
	uint64_t full;    // the worker's ring had no room
	uint64_t gone;    // the ingress port has no interface any more
	uint64_t stale;   // waited longer than EXCEPTION_STALE_NS
	uint64_t errors;  // the TAP refused them
};

// -- control thread -------------------------------------------------------------------------------
// Makes the TAP and starts the thread. 0, or negative errno with a sentence in
// error[EXCEPTION_ERROR_SIZE].
int exception_create(struct exception **out, const struct exception_config *, char *error);

// No worker may push any more. What still waits is lost: wait for exception_is_idle() first.
void exception_destroy(struct exception *); // NULL is fine

// Packets that came in by the port go to that interface of the namespace, from now on; after
// exception_unmap_port() they are lost (`gone`). 0 or negative errno.
int exception_map_port(struct exception *, port_id_t, int ifindex);
void exception_unmap_port(struct exception *, port_id_t);

// Packets per second that the port may give to the kernel; 0 = no limit. Packets to the machine
// itself, and those that are the kernel's to forward, never count.
void exception_set_rate(struct exception *, port_id_t, uint32_t packets_per_second);

// Nothing waits, and nothing is being written.
bool exception_is_idle(const struct exception *);

// The kernel's name and number of the TAP, which is no interface for anybody's routes. "" and 0
// where there is none.
const char *exception_netdev(const struct exception *);
int exception_ifindex(const struct exception *);

// The errno that made the TAP useless (somebody deleted it, or set it down); 0 = it works.
// Interfaces must be switched off until there is another one.
int exception_error(const struct exception *);

void exception_stats(const struct exception *, struct exception_stats *out);

// -- workers --------------------------------------------------------------------------------------
// Hands over a packet. False: no room, or over the port's rate; the packet stays the caller's.
// `now`: the worker's, ns.
bool exception_push(struct exception *, unsigned worker, struct packet *, port_id_t in_port,
	enum exception_reason, uint64_t now);
