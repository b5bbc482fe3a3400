// SPDX-License-Identifier: BSD-3-Clause
// What control may do with the dataplane: make it, start and stop workers,
// publish a snapshot, open and close ports, drain events, read counters.
// All functions are for the control thread unless they say otherwise.
#pragma once

#include "dataplane/counters.h"
#include "dataplane/events.h"
#include "dataplane/packet.h"
#include "dataplane/port/port.h"
#include "dataplane/snapshot.h"
#include "dataplane/worker.h"

struct dataplane_config {
	uint32_t n_frames;  // 0 = 131072 (264 MiB)
	unsigned n_workers; // 0 = 1
	enum worker_mode mode;
	unsigned without_memory; // kinds of pages not to use: bits 1 << enum pool_memory
};

struct dataplane;

// 0, -ENOMEM or -EINVAL. Workers are made but not started.
int dataplane_create(struct dataplane **out, const struct dataplane_config *);
void dataplane_destroy(struct dataplane *); // stops workers; ports must be closed. NULL is fine

int dataplane_start(struct dataplane *); // starts the worker threads
bool dataplane_stop(struct dataplane *); // false: a worker stands still and goes on to hold all

struct packet_pool *dataplane_pool(struct dataplane *);
unsigned dataplane_n_workers(const struct dataplane *);
struct worker *dataplane_worker(struct dataplane *, unsigned index);

// Makes room for a port id in every worker; call before it first appears in a snapshot.
int dataplane_add_port(struct dataplane *, port_id_t);

// Replaces the snapshot and wakes sleeping workers. Takes ownership of it; the
// old one is freed after a grace period. Sets its generation and returns it.
uint64_t dataplane_publish(struct dataplane *, struct snapshot *);

// Calls closed(arg) on the control thread once no worker can touch the port any
// more, having closed it. The port must not be in the published snapshot.
int dataplane_retire_port(struct dataplane *, struct port *, void (*closed)(void *), void *arg);

// Readable when workers posted events.
int dataplane_event_fd(const struct dataplane *);

// Worker: events wait; wakes control if it sleeps.
void dataplane_notify(struct dataplane *);

// Takes up to max events of all workers; returns how many.
unsigned dataplane_events(struct dataplane *, struct event *out, unsigned max);

// Sum over workers (worker < 0) or one worker's counters of a port.
void dataplane_counters(const struct dataplane *, int worker, port_id_t, struct port_counters *out);

// Forgets the counters of a port id, before the id is used again. No worker may count meanwhile.
void dataplane_counters_forget(struct dataplane *, port_id_t);
