// SPDX-License-Identifier: BSD-3-Clause
// The daemon's parts, together: what main.c makes, and what the handlers in
// methods/ get as rpc_call.ctx. Control thread only.
#pragma once

#include "control/attach.h"
#include "control/events.h"
#include "control/loop.h"
#include "control/model.h"
#include "control/publish.h"
#include "control/routing.h"
#include "dataplane/dataplane.h"

// Whether a worker goes on: looked at every second.
struct worker_watch {
	uint64_t loops; // at the last look
	bool is_busy;   // then: it was awake, or should have been
	bool is_stalled;
};

struct control {
	struct loop *loop;
	struct dataplane *dp;
	struct fdb *fdb;
	struct model *model;
	struct publish publish;
	struct events events;
	struct attach attach;
	struct routing routing;
	struct loop_io reclaim_io;
	struct loop_timer worker_timer;
	struct worker_watch worker_watch[WORKERS_MAX];
	// By worker: counters of ports that were removed, so that totals stay conserved.
	struct port_counters removed[WORKERS_MAX];
	struct port_stats removed_losses; // and what the kernel lost of theirs
	uint64_t started_at;              // ns
	const char *config_path;          // NULL = none
	// The configuration file is being carried out: a port that cannot be opened now
	// is kept and tried again, where port.add would refuse.
	bool is_loading;
};

// Everything but the socket, the signals and the worker threads: what main.c runs and tests
// drive by hand. create makes the loop, setup the rest; 0 or negative errno, having logged why.
struct control_config {
	struct dataplane_config dataplane;
	struct attach_config attach;
};
int control_create(struct control **out);
int control_setup(struct control *, const struct control_config *);

// Takes every port out of service and waits until they are closed, at most 2 s: a worker
// that stands still must not keep the daemon alive.
void control_close_ports(struct control *);

// Workers must be stopped and ports closed; also after a setup that failed. NULL is fine.
void control_destroy(struct control *);
