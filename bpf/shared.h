// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What the BPF programs and dataplane/port/ agree on. Plain C types only: both
// sides include it.
#pragma once

// One receive queue as the program sees it; a cache line each, mapped by the port.
// The program writes first_pending when it hands a frame to a queue whose worker owes
// nothing; the worker sets it back to 0 at every look. The counters are the program's. What is
// refused is dropped on a switched port, and passed to the kernel on a routed one.
struct admit_watch {
	unsigned long long first_pending; // coarse monotonic time, ns; 0 = nothing waits
	unsigned long long let_through;   // when a stalled queue was last given a frame, ns
	unsigned long long stalled;       // frames refused because the worker does not come
	unsigned long long malformed;     // frames refused because they are no Ethernet frames
	unsigned long long unserved;      // frames refused because no socket serves the queue
	unsigned long long pad[3];
};

// Why a routed port's program left a frame to the kernel. As enum port_pass (port.h) begins.
enum route_pass {
	ROUTE_PASS_OFF,     // its family is not accelerated on this interface
	ROUTE_PASS_MAC,     // not to the interface's MAC
	ROUTE_PASS_TAGGED,  // a VLAN tag, in the frame or beside it
	ROUTE_PASS_NOT_IP,  // ARP, LLDP, ...
	ROUTE_PASS_HEADER,  // options, hop-by-hop, TTL at its end, neighbour discovery, cut short
	ROUTE_PASS_ADDRESS, // an address that is not routed: group, loopback, link-local, reserved
	ROUTE_PASS_LOCAL,   // to an address of this machine
	ROUTE_PASS_LEFT,    // the route is not ours: left to the kernel
	N_ROUTE_PASSES
};

// Frames that a routed port's program left to the kernel, of one receive queue; a cache line.
struct route_passed {
	unsigned long long n[N_ROUTE_PASSES];
};

// One routed port: written by control, read by its program.
#define ROUTE_ACCELERATE4 1
#define ROUTE_ACCELERATE6 2
struct route_interface {
	unsigned int accelerate; // ROUTE_ACCELERATE*
	unsigned int pad;
	unsigned long long mac; // as eight bytes loaded from a frame's start, the last two zero
};

// One for all routed ports: written by control and the exception thread, read by the programs.
struct route_shared {
	unsigned int generation;      // destinations left in an earlier one are forgotten
	unsigned int left_generation; // that of the last destination left: no look-up before
	// A robust mutex that a thread of the daemon holds. When it dies, of whatever, the kernel
	// itself writes ROUTE_OWNER_DIED into the first word: before any descriptor is closed,
	// which takes tens of milliseconds.
	unsigned int owner[14];
};

#define ROUTE_OWNER_DIED 0x40000000 // FUTEX_OWNER_DIED

struct route_left_key {
	unsigned int family;
	unsigned int addr[4]; // IPv4: the first
};

struct route_left {
	unsigned int generation;
	unsigned int pad;
	unsigned long long until; // coarse monotonic time, ns
};

struct route_key4 {
	unsigned int prefix_len;
	unsigned char addr[4];
};

struct route_key6 {
	unsigned int prefix_len;
	unsigned char addr[16];
};

#define ADMIT_QUEUES_MAX 16             // receive queues of one netdev; PORT_QUEUES_MAX
#define GUARD_PROGRAM    "garuda_guard" // by this name a guard is known to be ours
#define GUARD_HANDLE     0x6a7da
#define GUARD_PRIORITY   1
#define EXCEPTION_VLANS  4096 // outer tags on the exception TAP; 0 is none
