// SPDX-License-Identifier: BSD-3-Clause
// What workers tell control: learning, BPDU guard, broken queues; and the ageing
// of the FDB. Runs when the dataplane's event descriptor is readable, at most 2 ms
// per loop turn. Control thread only.
#pragma once

#include "control/loop.h"
#include "dataplane/dataplane.h"

#define FLAP_TABLE 1024

struct control;

// An address that moved, and how often since then: bounded memory, a newer mover of
// the same slot replaces an older one.
struct flap {
	fdb_key_t key;
	uint64_t since; // ns
	uint32_t n_moves;
};

struct events {
	struct control *control;
	struct loop_io io;
	struct loop_timer age_timer;
	struct loop_job age_job; // a pass of ageing that is not finished
	struct flap flap[FLAP_TABLE];
	uint64_t n_flaps;
	uint64_t next_flap_log, next_limit_log; // ns
	uint64_t quiet_flaps;                   // not logged since the last line
	uint64_t ids_leaving[PORT_MAX / 64];    // ids to be freed once the rings were empty
	bool has_ids_leaving;
};

int events_init(struct events *, struct control *); // starts watching
void events_fini(struct events *);

// No worker can post about this id any more: forget its counters and free it, once what
// was posted before is drained.
void events_free_id(struct control *, port_id_t);

// The bridge's ageing time was set.
void events_ageing_changed(struct control *);

// Drains what waits, for at most 2 ms. For tests; the loop does it by itself.
void events_drain(struct control *);
