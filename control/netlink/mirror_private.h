// SPDX-License-Identifier: BSD-3-Clause
// What the files of the mirror share: control/netlink/mirror.c (thread, notifications) and
// control/netlink/mirror_dump.c. All but the interface of mirror.h runs on the mirror's thread.
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/netlink/change.h"
#include "control/netlink/handover.h"

struct nlmsghdr;

// A datagram: an attribute has at most 64 KiB, and no message has two of that size.
#define MIRROR_DATAGRAM_SIZE (72u << 10)

struct mirror {
	struct handover *handover;
	pthread_t thread;
	int netns_fd; // -1 = our own
	int kick;     // eventfd: something is wanted of the thread
	size_t receive_buffer;
	_Atomic bool stopping, wanted; // written by control; wanted: a resync

	// The thread's own from here on, but for the counters: those control reads.
	int fd;      // notifications; -1 = to be opened
	int dump_fd; // -1 outside of a resync
	uint32_t seq;
	bool due;         // a resync, for a reason of ours
	uint64_t routes6; // notifications of IPv6 routes
	uint64_t logged_at;
	uint8_t *buffers; // some datagrams; a dump uses the first
	_Atomic uint64_t notifications, records, resyncs, overflows, reopened, resync_ns;
};

// Counters have one writer, the thread.
static inline void mirror_count(_Atomic uint64_t *counter, uint64_t n)
{
	uint64_t v = atomic_load_explicit(counter, memory_order_relaxed);

	atomic_store_explicit(counter, v + n, memory_order_relaxed);
}

static inline bool mirror_stopping(struct mirror *m)
{
	return atomic_load_explicit(&m->stopping, memory_order_acquire);
}

// All of these: 0 or negative errno; -ECANCELED = the mirror stops, -ENOBUFS = notifications were
// lost, -EAGAIN = tables changed too fast.
int mirror_put_mark(struct mirror *m, enum nl_kind kind, enum nl_verb verb);
int mirror_put_message(struct mirror *m, const struct nlmsghdr *nlh, size_t size);
int mirror_read(struct mirror *m); // notifications: what is there, but no more than a turn's worth
int mirror_discard(struct mirror *m); // all notifications that are there
int mirror_dump(struct mirror *m);    // every kind, complete
