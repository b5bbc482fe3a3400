// SPDX-License-Identifier: BSD-3-Clause
// Model -> snapshot: the only place that publishes or retires anything. Changes
// are collected: however many a loop turn makes, one snapshot follows at its end.
// Control thread only; never waits for a worker.
#pragma once

#include "control/loop.h"
#include "dataplane/dataplane.h"

struct control;

// A port on its way out. Embedded in its owner's object, which must live until closed().
struct publish_leaving {
	struct port *port;
	void (*closed)(void *arg); // the port was closed, no worker can touch it any more
	void *arg;
	struct publish_leaving *next;
};

struct publish {
	struct loop_job job;
	struct loop_timer retry; // after memory was short
	struct control *control;
	struct publish_leaving *leaving; // to be retired behind the next snapshot
	uint64_t n_published;
};

void publish_init(struct publish *, struct control *);

// The model changed: a snapshot at the end of this loop turn.
void publish_request(struct control *);

// At once. 0 or -ENOMEM, and then the old snapshot stays and the request is kept.
int publish_now(struct control *);

// Closes l->port a grace period after the next snapshot, which must not hold it. Requests it.
void publish_retire(struct control *, struct publish_leaving *l);
