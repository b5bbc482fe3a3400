// SPDX-License-Identifier: BSD-3-Clause
// A worker: one thread that polls its queues, runs every burst through the
// pipeline to completion, and sleeps when nothing comes.
//
// Everything here belongs to the worker's thread, but for what is marked.
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "base/ring.h"
#include "dataplane/counters.h"
#include "dataplane/events.h"
#include "dataplane/packet.h"
#include "dataplane/snapshot.h"

enum worker_mode {
	WORKER_POLL,      // never sleeps
	WORKER_ADAPTIVE,  // sleeps after an idle spell that follows the traffic
	WORKER_INTERRUPT, // sleeps whenever a loop found nothing
};

#define TXQ_SIZE    256 // packets that wait for one port until the end of the loop
#define LEARN_CACHE 1024

// Packets on their way to one port.
struct txq {
	uint16_t n;
	struct packet *packet[TXQ_SIZE];
};

// Token bucket of one ingress port and class.
struct storm_bucket {
	uint64_t filled_at; // worker time, ns
	uint64_t tokens;    // packets
};

// What the worker tells about itself. Written by the worker, read by control.
struct worker_stats {
	uint64_t loops;
	uint64_t sleeps;
	uint64_t packets;
	uint64_t events_lost;
};

// A source MAC that was posted a moment ago: not posted again.
struct learn_recent {
	uint64_t key; // fdb key
	uint64_t port_and_time;
};

struct dataplane;

struct worker {
	// -- shared, read mostly ----------------------------------------------------
	struct dataplane *dataplane;
	struct snapshot **published; // where control publishes
	unsigned index;
	_Atomic int mode;               // enum worker_mode; written by control
	_Atomic bool stop;              // written by control
	_Atomic bool asleep;            // read by control, like the next
	_Atomic int tid;                // the kernel's thread id; 0 before the thread runs
	struct worker_stats stats;      // relaxed
	struct port_counters *counters; // by port id, PORT_MAX of them
	struct ring events;             // worker -> control

	// -- the worker's own ---------------------------------------------------------
	cache_aligned uint64_t now; // ns, read once per loop
	struct packet_cache cache;
	unsigned n_dirty; // ports with something in their txq
	port_id_t dirty[PORT_MAX];
	struct txq **txq; // by port id; made by control before the port is published
	struct storm_bucket (*storm)[N_BUM]; // by port id
	struct learn_recent recent[LEARN_CACHE];
	bool events_posted;
	bool has_unwatched;                   // queues that must join epoll_fd before a sleep
	uint32_t busy_loops;                  // since the last sleep
	int epoll_fd;                         // what ends a sleep
	int syscall_epoll_fd;                 // the queues that cost a system call to ask
	int wake_fd;                          // eventfd: control -> worker
	uint64_t idle_since;                  // ns; 0 = not idle
	uint64_t spin_ns;                     // how long an idle worker spins before it sleeps
	uint64_t next_syscall_poll;           // when silent TAPs are asked next
	uint64_t watched_generation;          // of the snapshot whose queues are in the epoll sets
	uint32_t (*watched)[PORT_QUEUES_MAX]; // by port and queue: serial of the opening watched,
					      // or 0
	pthread_t thread;
	bool running;
};

// -- control thread ----------------------------------------------------------------
int worker_init(struct worker *, struct dataplane *, unsigned index, struct packet_pool *,
	struct snapshot **published);
void worker_fini(struct worker *);
int worker_start(struct worker *);               // starts the thread
bool worker_stop(struct worker *);               // joins it; false: it does not end within 2 s
void worker_wake(struct worker *);               // out of its sleep, to see a new snapshot
int worker_add_port(struct worker *, port_id_t); // room for its packets; 0 or -ENOMEM

// What ends its sleep is there: it is about to wake, or stands still.
bool worker_is_called(const struct worker *);

static inline bool worker_is_asleep(const struct worker *w)
{
	return atomic_load_explicit(&w->asleep, memory_order_relaxed);
}

static inline int worker_tid(const struct worker *w)
{
	return atomic_load_explicit(&w->tid, memory_order_relaxed);
}

// -- the worker's thread; tests call it without one -----------------------------------
// One loop: every queue once, transmit, quiescent state. Returns packets received.
unsigned worker_run_once(struct worker *);

// Posts n events to control; counts what the ring refuses.
void worker_post(struct worker *, const struct event *, unsigned n);
