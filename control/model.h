// SPDX-License-Identifier: BSD-3-Clause
// The truth: what the user asked for (ports, VLANs, the switch's settings) and
// what became of it. Plain mutable data without RCU: the control thread alone
// reads and writes it. publish.c turns it into what workers see, attach.c opens
// and closes what the ports stand on. FDB entries, also static ones, live in the
// FDB itself (dataplane/table/fdb.h), not here.
//
// Port ids: the lowest free one. An id whose port was removed is not free before
// model_id_free(): attach.c calls it when no worker and no event knows it any more.
#pragma once

#include "base/vlan_set.h"
#include "dataplane/counters.h"
#include "dataplane/snapshot.h"
#include "schemas/rpc_gen.h"

// Membership of a port. Access: `untagged` alone. Trunk: `tagged`, and `untagged`
// is the native VLAN, which wins over the same id in `tagged`; 0 = none.
struct port_vlans {
	bool is_trunk;
	vlan_id_t untagged;
	struct vlan_set tagged;
};

// What the user asked for. All of it survives while the port is absent.
struct port_settings {
	char name[PORT_NAME_SIZE];
	enum rpc_port_kind kind;
	char netdev[16];
	char netns[256]; // "" = the daemon's own
	bool has_container;
	struct rpc_container container;
	struct mac mac; // zero = not given
	uint32_t mtu;   // 0 = not given
	struct port_vlans vlans;
	bool learning;
	bool isolated;
	bool flood[N_BUM];
	bool bpdu_guard;
	bool generic_xdp;
	bool routed;           // the netdev stays the kernel's: in no VLAN
	uint32_t storm[N_BUM]; // packets per second; 0 = no limit
	uint32_t fdb_limit;    // 0 = none
	uint32_t queue_size;   // 0 = the kind's default
	enum rpc_stp_state state;
};

struct attachment; // attach.c: what control made and watches for the port

struct model_port {
	port_id_t id;
	struct port_settings set;
	enum rpc_port_oper oper;
	char reason[PORT_ERROR_SIZE]; // why oper is not up; "" = nothing to say
	struct port *port;            // open, or NULL while absent or in error
	bool is_link_up;              // of the netdev; memory ports: always
	fdb_key_t own_key;            // FDB entry of the netdev's address (own_mac.h); 0 = none
	bool is_guarded;              // a BPDU came in: disabled until `state` is set again
	uint64_t next_limit_log;      // ns; events.c
	struct attachment *attachment;
	struct port_counters *cleared;    // by worker: readings at the last stats.clear
	struct port_stats kernel_before;  // losses counted by attachments that are closed now
	struct port_stats kernel_cleared; // reading at the last stats.clear
};

// Per VLAN, by id. Members are set at the ports.
struct vlan_settings {
	char name[64];
	bool is_set;   // the user gave it a setting: listed also without members
	uint8_t flags; // enum vlan_flag
};

struct bridge_settings {
	uint32_t ageing_time; // s; 0 = never
	uint32_t fdb_max;
	uint32_t flap_moves;  // 0 = not watched
	uint32_t flap_window; // s
};

enum id_state { ID_FREE, ID_USED, ID_LEAVING };

struct model {
	struct bridge_settings bridge;
	struct vlan_settings vlan[N_VLANS];
	unsigned n_ports;
	struct model_port *by_name[PORT_MAX]; // n_ports of them, sorted
	struct model_port *by_id[PORT_MAX];
	uint8_t id_state[PORT_MAX];
	unsigned n_workers;
};

int model_create(struct model **out, unsigned n_workers); // 0 or -ENOMEM
void model_destroy(struct model *);                       // ports must be closed; NULL is fine

// A new port with these settings, not open yet: oper is error until attach.c knows better. 0,
// -EEXIST, -ENOSPC or -ENOMEM, with a sentence in error[PORT_ERROR_SIZE].
int model_port_add(
	struct model *, const struct port_settings *, struct model_port **out, char *error);
// Out of the lists and freed; `port` and `attachment` are the caller's. The id is leaving.
void model_port_remove(struct model *, struct model_port *);
void model_id_free(struct model *, port_id_t);

struct model_port *model_port_find(const struct model *, const char *name); // or NULL
struct model_port *model_port_at(const struct model *, port_id_t);          // or NULL
unsigned model_n_ids(const struct model *);                                 // highest id in use + 1

// VLAN parameters as the user gave them, for port.add and port.set.
struct vlan_request {
	bool has_vlan, has_trunk, has_native;
	vlan_id_t vlan, native;
	const struct vlan_set *trunk;
};
// Applies the request to *vlans (a new port's are zero). 0, or -EINVAL with a sentence and
// *vlans unchanged.
int port_vlans_apply(
	struct port_vlans *, const struct vlan_request *, const char *port, char *error);
bool port_vlans_has(const struct port_vlans *, vlan_id_t);       // a member, tagged or not
bool port_vlans_is_tagged(const struct port_vlans *, vlan_id_t); // a tagged member
bool port_vlans_equal(const struct port_vlans *, const struct port_vlans *);
void model_vlans(const struct model *, struct vlan_set *out); // those with members

// The state that counts: a guarded port is disabled whatever was set.
enum port_state model_port_state(const struct model_port *);
// Works out oper and reason from what is known, for a port that is open.
void model_port_settle(struct model_port *);
