// SPDX-License-Identifier: BSD-3-Clause
// The daemon's parts, together: what main.c makes, and what the handlers in
// methods/ get as rpc_call.ctx. Control thread only.
#pragma once

#include "control/attach.h"
#include "control/events.h"
#include "control/loop.h"
#include "control/model.h"
#include "control/publish.h"
#include "dataplane/dataplane.h"

struct feature; // features.c

struct control {
	struct loop *loop;
	struct dataplane *dp;
	struct fdb *fdb;
	struct model *model;
	struct publish publish;
	struct events events;
	struct attach attach;
	uint64_t started_at;     // ns
	const char *config_path; // NULL = none
	// The configuration file is being carried out: a port that cannot be opened now
	// is kept and tried again, where port.add would refuse.
	bool is_loading;
};

// Everything between the loop and the dataplane, without threads and sockets: what
// main.c runs and tests drive by hand. 0 or negative errno.
struct control_config {
	struct dataplane_config dataplane;
	const char *state_path; // crash record; NULL = none
};
int control_create(struct control **out, const struct control_config *);
// Closes every port and undoes what was done to netdevs. Workers must be stopped. NULL is fine.
void control_destroy(struct control *);
// Takes every port out of service, as on exit, while workers still run.
void control_close_ports(struct control *);
