// SPDX-License-Identifier: BSD-3-Clause
// The router's place in the daemon: ties the mirror, the router, policy, admission and the
// exception path to ports and snapshots. Started by the first routed port, so that a switch pays
// nothing for it. Control thread only.
//
// Order, so that the router is never weaker than the kernel alone: packets are taken from an
// interface only after the kernel's tables were read once, policy was looked at, and the snapshot
// that forwards for it is published; when a reason against it comes up they are let go at once,
// before anything else is done about it.
#pragma once

#include "base/error.h"
#include "control/keepalive.h"
#include "control/loop.h"
#include "control/model.h"

struct admission;
struct control;
struct exception;
struct mirror;
struct policy;
struct router;
struct snapshot;
struct snapshot_port;

struct routing {
	struct control *control;
	bool is_running;
	bool is_broken;       // no way to the kernel, or about to end: nothing is taken from it
	bool was_ready;       // when last looked at: every table of the kernel's was read
	bool must_forget;     // what was left to the kernel may be ours now
	uint64_t next_forget; // ns: not before, for the sake of what floods of changes would cost
	uint64_t next_dump;   // ns
	char ignore_policy[64];
	uint32_t ignored;     // bits of enum policy_kind
	uint32_t flow_secret; // snapshot.h
	uint32_t *own;        // the machine's own IPv4 addresses
	size_t n_own;
	int n_own_prefixes; // and prefixes of them
	bool is_local4_missing, is_local6_missing;
	struct mirror *mirror;
	struct router *router;
	struct policy *policy;
	struct admission *admission;
	struct exception *exception;
	struct keepalive keepalive;
	struct loop_io mirror_io, policy_io;
	struct loop_timer poll, audit;
	struct loop_job step;
};

void routing_init(struct routing *, struct control *);
void routing_fini(struct routing *); // ports closed, workers stopped

// Before the first routed port is opened; does nothing when it runs. 0, or negative errno with a
// sentence.
int routing_start(struct control *, char *error);

// Before all ports are closed: packets are the kernel's again, and those taken are finished, within
// 100 ms.
void routing_quiesce(struct control *);

// A routed port was opened; or is about to be closed: nothing is taken from its interface any more.
int routing_port_opened(struct control *, const struct model_port *, char *error);
void routing_port_closing(struct control *, const struct model_port *);
void routing_port_closed(struct control *, port_id_t); // no worker can touch it any more
void routing_port_changed(struct control *, const struct model_port *); // MAC, MTU

// For publish.c: what the snapshot holds of the router, and of a routed port; and, when it is
// published, that packets may be taken accordingly.
void routing_fill(const struct control *, struct snapshot *);
void routing_fill_port(const struct control *, const struct model_port *, struct snapshot_port *);
void routing_published(struct control *);

// Kinds of policy to ignore, with commas. -EINVAL: there is no such kind.
int routing_ignore(struct control *, const char *kinds, char *error);
void routing_audit(struct control *);
