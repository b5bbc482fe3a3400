// SPDX-License-Identifier: BSD-3-Clause
// A port: an attachment point of the dataplane, with one or more queues, driven
// by one of a few kinds. Everything a kind must supply is in struct port_ops.
//
// Threads: control opens, closes and reads statistics; between its publication
// in a snapshot and the end of the grace period after its removal from it, the
// queue's owning worker alone calls rx_burst, and the worker that the snapshot
// gives the transmit queue to alone calls tx_burst.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/net.h"
#include "dataplane/packet.h"

#define PORT_NAME_SIZE  32 // with the final zero
#define PORT_MAX        2048
#define PORT_QUEUES_MAX 16
#define PORT_ERROR_SIZE 256

// What a port's transmit side takes as it is. What it does not take, output() completes.
enum port_cap {
	PORT_TX_CSUM = 1 << 0, // PACKET_CSUM, any csum_start
	PORT_TX_TSO = 1 << 1,  // GSO_TCP4, GSO_TCP6
	PORT_TX_USO = 1 << 2,  // GSO_UDP
	PORT_RX_UNFINISHED =
		1 << 3, // received L4 checksums may hold only the pseudo-header's sum (veth)
	PORT_RX_SYSCALL = 1 << 4, // asking for packets costs a system call: ask epoll first
};

// Frames that waited longer for their worker are not delivered any more: it was stopped or hung.
#define PORT_STALL_NS (500 * NS_PER_MS)

// A routed port's are the kernel's again sooner.
#define PORT_ROUTED_STALL_NS (40 * NS_PER_MS)

// Why a routed port left a packet to the kernel, which was not asked to begin with: names and
// sentences in port_pass_name(), port_pass_text(). The first ones as enum route_pass.
#define PORT_PASSES(X)                                                                             \
	X(off, "the family is not accelerated on this interface")                                  \
	X(mac, "not to the interface's MAC address")                                               \
	X(tagged, "with a VLAN tag")                                                               \
	X(not_ip, "neither IPv4 nor IPv6")                                                         \
	X(header, "IP options, TTL at its end, neighbour discovery, or a bad header")              \
	X(address, "from or to an address that is not routed")                                     \
	X(local, "to an address of this machine")                                                  \
	X(left, "its route is not one that Garuda forwards by")                                    \
	X(stalled, "came while the worker stood still")                                            \
	X(no_socket, "came in on a queue that the port has no socket for")

enum port_pass {
#define PORT_PASS_ENUM(name, text) PORT_PASS_##name,
	PORT_PASSES(PORT_PASS_ENUM)
#undef PORT_PASS_ENUM
		N_PORT_PASSES
};

const char *port_pass_name(enum port_pass); // "not_ip"
const char *port_pass_text(enum port_pass); // its sentence

struct admission;
struct port_queue;
struct port;

// What control asks for. Text members belong to the caller.
struct port_config {
	const char *name;   // the port's name in Garuda
	const char *netdev; // af_xdp: the kernel's name; tap: the name the device gets
	int netns_fd;       // where the netdev lives; -1 = our own namespace. Stays the caller's.
	uint32_t mtu;       // 0 = the netdev's own
	uint16_t n_queues;  // 0 = 1
	uint16_t ring_size; // descriptors per ring, a power of two; 0 = the kind's default
	bool generic_xdp;   // af_xdp: generic XDP on explicit request
	bool bpdu_guard;    // af_xdp: BPDUs come to the worker instead of the netdev
	struct mac mac;     // tap: of the device; zero = the kernel chooses
	struct packet_pool *pool;
	// af_xdp: the netdev stays the kernel's own interface, and only transit is taken from it
	// (dataplane/port/admission.h), none before admission_switch(). `admission` is set then.
	bool routed;
	struct admission *admission;
};

// Losses on the kernel's side of a port, cumulative since open.
struct port_stats {
	uint64_t kernel_ring_full;      // receive ring full: the worker was late
	uint64_t kernel_fill_empty;     // no frame to receive into
	uint64_t kernel_invalid;        // frames that the kernel could not hand over (too long) or
					// descriptors it refused
	uint64_t kernel_stalled;        // came while the worker stood still for PORT_STALL_NS
	uint64_t kernel_no_socket;      // came in on a queue that the port has no socket for
	uint64_t tx_merged;             // packets sent that left as part of the one before them
	uint64_t tx_merged_bytes;       // their headers, which did not leave
	uint64_t tx_bytes_copied;       // bytes that userspace copied for this port
	uint64_t passed[N_PORT_PASSES]; // routed: left to the kernel; these are not lost
};

struct port_ops {
	const char *kind; // "af_xdp", "tap", "memory"

	// Control thread only. open: 0 or negative errno with a sentence in port->error, nothing
	// left behind. close: after the grace period; returns every frame to the pool.
	int (*open)(struct port *, const struct port_config *);
	void (*close)(struct port *);
	int (*read_stats)(const struct port *, struct port_stats *);
	bool (*is_drained)(const struct port *); // NULL = nothing ever waits

	// Owning worker only. Never block.
	// rx: up to n (at most BURST_MAX) whole packets, with data, len, chain and offloads set.
	uint16_t (*rx_burst)(
		struct port_queue *, struct packet_cache *, struct packet **, uint16_t n);
	// tx: takes ownership of the first `returned` packets; the caller keeps the rest.
	uint16_t (*tx_burst)(
		struct port_queue *, struct packet_cache *, struct packet **, uint16_t n);
};

// One queue pair. The first line is what the workers touch.
struct port_queue {
	uint16_t (*rx_burst)(
		struct port_queue *, struct packet_cache *, struct packet **, uint16_t n);
	uint16_t (*tx_burst)(
		struct port_queue *, struct packet_cache *, struct packet **, uint16_t n);
	void *driver;  // the kind's own state of this queue
	uint32_t caps; // enum port_cap
	port_id_t port;
	uint16_t index; // of the queue in its port
	int fd;     // becomes readable when packets wait; -1 = none: they wake no sleeping worker
	bool ready; // worker: PORT_RX_SYSCALL queues only: epoll said that packets wait
	int error;  // worker: first errno that made the queue useless; 0 = fine
	uint32_t serial; // of the opening, never used twice: a reopened port is another one
	bool error_told; // worker: and control has been told
	bool shared;     // several workers send here: tx_burst only under tx_lock
	// Time (ns, CLOCK_MONOTONIC) at which the oldest frame began to wait; 0 = none. Written by
	// the kernel's side of the port when it is 0, and set to 0 by the worker at every look.
	// NULL: the kind does not tell.
	uint64_t *first_pending;
	uint64_t stall_ns; // what waited longer is not delivered any more: PORT_STALL_NS, or less
	_Atomic bool tx_lock;
} cache_aligned;

struct port {
	char name[PORT_NAME_SIZE];
	port_id_t id;
	const struct port_ops *ops;
	uint16_t n_queues;
	uint32_t mtu;                  // bytes of the largest layer-3 packet
	uint32_t mtu_max;              // the largest that the kind can carry; 0 = no limit
	struct mac mac;                // of the netdev
	int ifindex;                   // of the netdev in its namespace; 0 = none
	char error[PORT_ERROR_SIZE];   // the sentence for the last failure of open
	char warning[PORT_ERROR_SIZE]; // what the port costs its netdev, a sentence; "" = nothing
	void *driver;                  // the kind's own state
	struct port_queue queue[PORT_QUEUES_MAX];
};

// -- control thread --------------------------------------------------------------
// Opens a port of that kind under that id. 0, or negative errno with a sentence
// (object, reason, remedy) in error[PORT_ERROR_SIZE].
int port_open(
	struct port **out, const char *kind, port_id_t id, const struct port_config *, char *error);
void port_close(struct port *); // NULL is fine; after the grace period

// Whether no packet waits in the port, received or to be sent.
//
// To take a routed port out of service without loss: admission_switch() it off; from 2 ms later on
// (programs that had begun have ended) ask port_is_drained() every ms, for at most 100 ms, while
// the workers still serve the port; publish the snapshot without it; wait for the grace period,
// and until exception_is_idle(); then port_close().
bool port_is_drained(const struct port *);

const char *const *port_kinds(void); // NULL-terminated

void port_stats_add(struct port_stats *sum, const struct port_stats *);
void port_stats_sub(struct port_stats *sum, const struct port_stats *);

// For kinds: writes the sentence and returns `err` (a negative errno).
int port_fail(struct port *, int err, const char *fmt, ...) printf_like(3, 4);
