// SPDX-License-Identifier: BSD-3-Clause
// Keeps neighbours alive that the workers send to. The kernel does not see that traffic, so by
// itself it would neither notice that a neighbour has gone or has another MAC, nor keep its entry.
// Every few seconds those in use that the kernel has not heard of lately are marked as used
// (NTF_USE): it then asks them, and the mirror tells what came of it. Control thread only.
#pragma once

#include "control/loop.h"

struct router;

struct keepalive {
	struct loop *loop;
	struct router *router;
	int fd; // -1 = not running
	uint32_t cursor;
	uint64_t n_asked;
	struct loop_timer timer;
	struct loop_job job;
};

int keepalive_start(struct keepalive *, struct loop *, struct router *); // 0 or negative errno
void keepalive_stop(struct keepalive *);                                 // also of a zeroed one
