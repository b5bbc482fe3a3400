// SPDX-License-Identifier: BSD-3-Clause
// Reading a netlink family of the kernel's as a whole: one request after the other, each answered
// by any number of messages, in pieces that fit between other work; and again whenever a
// notification says that something changed. One socket for the answers, one for notifications,
// so that a flood of these does not hold up those.
#pragma once

#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dump;

struct dump_ops {
	// Request number `step` of this reading, from 0, into a buffer of DUMP_REQUEST_SIZE zeros;
	// the sequence number is dump.c's. A request that is no dump must ask for NLM_F_ACK.
	// False: there are no more.
	bool (*request)(struct dump *, unsigned step, void *buffer);
	void (*message)(struct dump *, unsigned step, const struct nlmsghdr *);
	// A request was refused. True: the others make sense without it.
	bool (*refused)(struct dump *, unsigned step, int err);
	// The reading ended. err: negative errno if it has failed, else 0; is_intact: nothing
	// changed in between as far as the kernel told.
	void (*done)(struct dump *, int err, bool is_intact);
	// A notification: true if everything must be read again.
	bool (*notified)(struct dump *, const struct nlmsghdr *);
};

#define DUMP_REQUEST_SIZE 512

struct dump {
	const struct dump_ops *ops;
	int fd, notify_fd; // -1 = none
	uint32_t seq;
	unsigned step;
	bool is_running, is_due;
	bool is_intact;
	uint64_t started_at, ended_at; // ns
	uint64_t n_dumps, n_resyncs;
};

// Sockets in that namespace, and the first reading is due. 0 or negative errno: -EPROTONOSUPPORT
// if the kernel has no such family. d->fd and d->notify_fd are to be watched.
int dump_open(struct dump *d, const struct dump_ops *ops, int netns_fd, int protocol,
	const unsigned *groups, unsigned n_groups);
void dump_close(struct dump *);

// What can be read until about `until` (ns): notifications, answers, and the next requests. More
// may wait: then a descriptor stays readable.
void dump_read(struct dump *, uint64_t until);

// Starts a reading that is due. One that took long waits ten times that long before the next,
// for which dump_read() does not come by itself: call this in between.
void dump_start(struct dump *);
