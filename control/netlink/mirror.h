// SPDX-License-Identifier: BSD-3-Clause
// The mirror: everything that the kernel says of a namespace's links, addresses, neighbours, next
// hop objects, routes, rules and forwarding switches, as a stream of records (change.h) for
// control.
//
// A thread of its own subscribes, dumps every kind, and then follows the notifications. The stream:
//   - dump of each kind: BEGIN, SETs, END, in the order links, netconf, addresses, neighbours, next
//     hops, rules, routes. Notifications stand between, always behind what they are newer than. A
//     SET may come more than once.
//   - then SET and GONE as they happen.
//   - after notifications were lost (ENOBUFS), when it is asked for, and when the socket had to be
//     made anew: all kinds again. What was SET before BEGIN and not after it is gone at END; a dump
//     that ends by BROKEN removes nothing, and comes again.
// So the records, applied in their order, lead to the kernel's state; during a dump an older state
// of something may be seen again for a moment.
//
// What the kernel does not say, the reader derives: IPv4 routes that go because an interface went
// down, lost its last address or was removed, or because their next hop object went; the next hop
// objects of an interface that went down.
//
// Memory: at most 16 MiB of records wait for control. Then the thread reads no more and the
// notifications collect in the kernel (64 MiB, of which a message takes about 0.8 KiB), until they
// are lost and the next dump makes good for it. Nothing is needed but CAP_NET_ADMIN for that
// buffer; without it, it is smaller, and dumps are more frequent.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "control/netlink/change.h"

struct mirror;

struct mirror_config {
	int netns_fd;          // -1 = our own; may be closed after mirror_start()
	size_t receive_buffer; // bytes; 0 = 64 MiB. For tests
};

// Control thread. 0 or negative errno of the first sockets; later failures are logged and mended.
int mirror_start(struct mirror **out, const struct mirror_config *);
void mirror_stop(struct mirror *); // joins the thread, within milliseconds; NULL is fine

int mirror_fd(const struct mirror *); // readable while there is something to take

// The next batch: its size in bytes and its first record; 0 = nothing more now. Never blocks. The
// batch is good until the next call. A batch has up to 64 KiB: one or two per turn of the loop.
size_t mirror_take(struct mirror *, const struct nl_change **first);

// Dump everything again, soon.
void mirror_resync(struct mirror *);

struct mirror_stats {
	uint64_t notifications; // messages, whether or not they gave a record
	uint64_t records;       // BEGIN and its like included
	uint64_t resyncs;       // complete ones, the first included
	uint64_t overflows;     // times that the kernel lost notifications of ours
	uint64_t reopened;      // sockets made anew
	uint64_t resync_ns;     // how long the last complete one took, waiting for control included
	uint64_t waiting;       // batches that control has not taken yet
};
void mirror_stats(struct mirror *, struct mirror_stats *);

// The next record of a batch that ends at `end`, or NULL.
static inline const struct nl_change *mirror_next(const struct nl_change *c, const void *end)
{
	c = (const struct nl_change *)((const uint8_t *)c + c->size);
	return (const void *)c < end ? c : NULL;
}
