// SPDX-License-Identifier: BSD-3-Clause
// The immutable configuration that workers read: one pointer, fetched once per
// loop, replaced as a whole. Control builds and publishes it, and frees the
// old one a grace period later; nobody writes a published snapshot.
#pragma once

#include "base/rcu.h"
#include "dataplane/port/port.h"
#include "dataplane/table/fdb.h"
#include "dataplane/table/vlan.h"

#define WORKERS_MAX        16
#define SOURCE_FILTER_LOG2 10
#define SOURCE_FILTER_SIZE (1u << SOURCE_FILTER_LOG2)

struct exception;
struct fib;
struct neigh;
struct nexthops;

// IEEE 802.1Q 8.4, as `bridge link set state` names them.
enum port_state { PORT_DISABLED, PORT_BLOCKING, PORT_LISTENING, PORT_LEARNING, PORT_FORWARDING };

enum port_flag {
	PORT_LEARN = 1 << 0,
	PORT_ISOLATED = 1 << 1,        // isolated ports do not reach each other
	PORT_FLOOD_BROADCAST = 1 << 2, // takes flooded frames of this class
	PORT_FLOOD_UNKNOWN = 1 << 3,
	PORT_FLOOD_MULTICAST = 1 << 4,
	PORT_BPDU_GUARD = 1 << 5,
	PORT_STORM = 1 << 6,  // some storm rate is set
	PORT_EGRESS = 1 << 7, // attached, link up and forwarding: the bridge may send to it
	PORT_ROUTED = 1 << 8, // the kernel's own interface: no bridge, no VLAN; none of the above
	PORT_ROUTED_EGRESS = 1 << 9, // and attached with link up: the router may send to it
	PORT_TAKES_IPV4 = 1 << 10,   // and we forward what comes in by IPv4; else the kernel does
	PORT_TAKES_IPV6 = 1 << 11,
};

// As sysctl net.ipv4.conf.*.rp_filter.
enum rp_filter { RP_FILTER_OFF, RP_FILTER_STRICT, RP_FILTER_LOOSE };

enum bum_class { BUM_BROADCAST, BUM_UNKNOWN, BUM_MULTICAST, N_BUM };

// One port as the workers see it.
struct snapshot_port {
	uint8_t present; // the id is in use and the port is attached
	uint8_t state;   // enum port_state
	uint16_t flags;  // enum port_flag
	vlan_id_t pvid;  // 0 = untagged frames are refused
	uint16_t pad;
	uint32_t max_bytes;         // longest frame without tag: MTU + 14
	uint32_t caps;              // enum port_cap
	uint32_t storm_rate[N_BUM]; // packets per second; 0 = no limit
	struct mac mac;             // of a routed port: the only destination that it forwards
	uint8_t rp_filter;          // of a routed port: enum rp_filter
};

// One worker's share of the ports.
struct snapshot_worker {
	unsigned n_rx;
	struct port_queue **rx; // queues that this worker receives from
	struct port_queue **tx; // by port id: where this worker sends; NULL = nowhere
};

struct snapshot {
	struct rcu_retired retired;
	uint64_t generation;
	unsigned n_ports; // highest port id + 1
	unsigned n_workers;
	struct snapshot_port *port; // by port id
	struct vlan_table *vlans;
	uint64_t *flood[N_BUM]; // bitmap by port id: PORT_EGRESS and takes this class of floods
	uint64_t *isolated;     // bitmap by port id
	struct fdb *fdb;        // not owned: outlives the snapshots
	// The router; none owned, all NULL without one.
	const struct fib *fib;
	const struct nexthops *nexthops;
	const struct neigh *neigh;
	struct exception *exception;
	uint32_t flow_secret; // of the hash that chooses among equal ways
	uint8_t strangers[SOURCE_FILTER_SIZE];
	struct snapshot_worker worker[WORKERS_MAX];
};

// IPv4 sources that are surely none of the router's own addresses need no lookup where rp_filter
// is off: those for which this says 1. All zero (the default) is always right, but slow.
static fast_inline unsigned snapshot_source_slot(uint32_t addr)
{
	return addr * 0x9e3779b1u >> (32 - SOURCE_FILTER_LOG2);
}

static fast_inline uint8_t snapshot_is_stranger(const struct snapshot *s, uint32_t addr)
{
	return s->strangers[snapshot_source_slot(addr)];
}

// Control: these are all of the router's own IPv4 addresses, as numbers.
void snapshot_set_own(struct snapshot *, const uint32_t *addrs, size_t n);

// An empty snapshot for ids below n_ports. NULL when memory is short.
must_check struct snapshot *snapshot_new(unsigned n_ports, unsigned n_workers);
void snapshot_free(struct snapshot *); // NULL is fine; not for published ones

// Control, after setting port[id]: enters its flags into the bitmaps.
void snapshot_index(struct snapshot *, port_id_t);

// Adds the port's queues: receive queues dealt to workers round robin from its
// id, and a transmit queue for every worker, shared where workers are more.
void snapshot_attach(struct snapshot *, struct port *);
