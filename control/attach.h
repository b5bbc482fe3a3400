// SPDX-License-Identifier: BSD-3-Clause
// What a port stands on: opens it, follows its netdev, its namespace and its
// container's leg, closes it, and opens it again when they come back. Control
// thread only; nothing here waits for a worker.
//
// A port that lost its netdev is `absent`: its configuration, id and counters stay.
// A port that could not be opened again is in `error` and tried every second.
#pragma once

#include "base/clock.h"
#include "control/loop.h"
#include "control/netlink/netdev.h"
#include "control/netns.h"
#include "control/state.h"
#include "control/model.h"

#define ATTACH_RETRY_NS NS_PER_SEC

struct container;
struct control;

struct attach {
	struct control *control;
	struct netns_monitor *namespaces;
	struct netdev_monitor *netdevs;
	struct loop_io namespaces_io, netdevs_io;
	struct loop_timer retry;
	struct state *state;        // NULL = no crash record
	char instance[108];         // tells daemons on one machine apart
	struct attachment *closing; // ports on their way out
	unsigned next_retried;      // id
};

struct attach_config {
	const char *state_path; // crash record; NULL = none
	const char *instance;   // see container.h
};

int attach_init(struct attach *, struct control *, const struct attach_config *); // says why
void attach_fini(struct attach *);
void attach_retry(struct loop_timer *); // attach.retry's

// Opens a port that is in the model since just now. 0, or negative errno with a sentence and
// nothing left behind. While the configuration file is loaded, a reason that may pass is no
// error: the port stays, absent or in error, and is tried again.
int attach_add(struct control *, struct model_port *, char *error);

// Out of service and out of the model; p is gone on return. Its id comes back later.
void attach_remove(struct control *, struct model_port *);

// Closes and opens it again, for settings that only open can change.
void attach_reopen(struct control *, struct model_port *);

// The container's leg shall have the port's MAC and MTU also when it is made the next time.
void attach_update_leg(struct model_port *);

// A worker found the port's queue useless.
void attach_broken(struct control *, struct model_port *, int error);

// Forgets what was learned behind the port; static and sticky entries stay.
size_t attach_flush_learned(struct control *, port_id_t);

// What the port stands on; defined also while it is not open.
const char *attach_netdev(const struct model_port *);          // "" = none
int attach_netns_fd(const struct model_port *);                // -1 = our own
const struct container *attach_leg(const struct model_port *); // NULL = none
bool attach_mac(const struct model_port *, struct mac *out);   // false: not known now

bool attach_is_idle(const struct control *); // nothing is being closed

// What a killed daemon left on the machine and the configuration did not claim: undone.
void attach_undo_leftovers(struct control *);
bool attach_has_leftovers(const struct control *);
