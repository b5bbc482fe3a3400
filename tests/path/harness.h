// SPDX-License-Identifier: BSD-3-Clause
// A switch of memory ports for the path tests: no threads, no privileges, a
// warped clock. The test is control: it publishes, drains events and learns.
#pragma once

#include "tests/unit/test.h"

#include "dataplane/dataplane.h"
#include "dataplane/exception.h"
#include "dataplane/port/memory.h"

#define NET_PORTS 8

// What a test says of a port. Zero = access port of VLAN 1 that does everything.
struct port_setup {
	vlan_id_t access;        // untagged member and PVID
	const vlan_id_t *tagged; // zero-terminated
	vlan_id_t native;        // untagged member and PVID of a trunk
	enum port_state
		state;       // PORT_DISABLED is written PORT_STATE_OFF here, as 0 means forwarding
	uint16_t set, clear; // enum port_flag, relative to the default
	uint32_t caps;       // of the memory port
	uint32_t mtu;
	uint32_t storm[N_BUM];
	bool routed;              // a port of the router; set and clear change its flags too
	enum rp_filter rp_filter; // of a routed port
};
#define PORT_STATE_OFF ((enum port_state)99)

// Stands in for dataplane/exception.c: keeps what workers hand over until the test takes it.
#define EXCEPTIONS_MAX 1024
struct exception {
	unsigned n, limit; // at most `limit` at a time
	struct {
		struct packet *packet;
		port_id_t in_port;
		enum exception_reason reason;
	} held[EXCEPTIONS_MAX];
};

struct net {
	struct dataplane *dp;
	struct fdb *fdb;
	struct worker *w;
	struct packet_cache cache;
	unsigned n;
	struct port *port[NET_PORTS];
	struct port_setup setup[NET_PORTS];
	uint8_t vlan_flags[N_VLANS];
	// The router's tables, all NULL without one. The test's own.
	struct fib *fib;
	struct nexthops *nexthops;
	struct neigh *neigh;
	const uint32_t *own; // the router's IPv4 addresses; NULL = not told to the workers
	unsigned n_own;
	struct exception exception;
	bool learn; // net_run() learns what workers saw (true at first)
	struct event last_event;
	unsigned n_events;
};

struct frame {
	uint32_t len;
	uint8_t b[PACKET_MAX_BYTES];
};

// Freezes the clock. n_frames 0 = 4096.
void net_open(struct net *, const struct port_setup *, unsigned n, uint32_t n_frames);
void net_publish(struct net *); // after a change of setup[] or vlan_flags[]

// Asserts conservation of packets and frames, and frees everything.
void net_close(struct net *);

// Hands a frame to a port. `offload`, if any, gives flags, gso and checksum fields.
void net_send(struct net *, unsigned port, const struct frame *, const struct packet *offload);

// Runs the worker until it is idle, learning from its events in between.
void net_run(struct net *);

// The next frame sent out of a port; false when there is none. `offload` may be NULL.
bool net_receive(struct net *, unsigned port, struct frame *, struct packet *offload);

// The oldest packet handed to the kernel; false when there is none.
bool net_exception(struct net *, struct frame *, struct packet *offload, unsigned *port,
	enum exception_reason *);

// Asserts that nothing waits at any port or for the kernel.
void net_expect_silence(struct net *);

struct port_counters net_counters(struct net *, unsigned port);
uint64_t net_drops(struct net *, unsigned port, enum drop_reason);

// dst and src are small numbers: the MACs 02:00:00:00:00:NN; 0xff.. as MAC_BROADCAST.
#define MAC_BROADCAST 0x1ff
#define UNTAGGED      (-1)
struct mac host_mac(unsigned number);
struct mac router_mac(unsigned port); // of a routed port: 02:00:00:00:ee:NN
struct frame frame_of(unsigned dst, unsigned src, int tci, uint32_t len); // payload: a pattern
