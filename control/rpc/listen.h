// SPDX-License-Identifier: BSD-3-Clause
// The socket's file: one daemon per path, stale files removed, live ones never.
#pragma once

#include <stddef.h>
#include <sys/types.h>

struct rpc_listener {
	int fd;      // listening, non-blocking; -1 if closed
	int lock_fd; // PATH.lock, locked as long as we live
	char path[108];
	char lock_path[128];
	dev_t dev; // of our socket file, so that another's is never removed
	ino_t ino;
};

// 0, or a negative errno with one sentence in `why`: the path is too long or no
// socket, a daemon lives there (-EADDRINUSE), no permission ... Makes the last
// directory of the path if it is missing. Everybody may connect (mode 0666).
int rpc_listen(struct rpc_listener *l, const char *path, char *why, size_t why_size);

// Close, and remove our two files.
void rpc_unlisten(struct rpc_listener *l);
