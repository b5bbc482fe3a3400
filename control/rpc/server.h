// SPDX-License-Identifier: BSD-3-Clause
// JSON-RPC 2.0 on a UNIX stream socket, one message per line, on the control loop.
//
// Who may write: root, the daemon's own user, and members of the operator group,
// by the peer's credentials at connect time; everybody else may call read methods.
// No client can hold up others or take unbounded memory:
//  - one call per client and turn, and at most 2 ms of calls per turn;
//  - a line has at most RPC_MAX_LINE bytes: an error is sent and the line is hung up;
//  - a client that does not read its replies is not read from, and is hung up after
//    10 s; one that leaves a line unfinished, after 30 s;
//  - beyond `max_clients` the one that was idle longest gives way, first those that
//    never asked anything; if all are busy the newcomer is told so;
//  - all buffers together have a limit, at which the largest client is hung up.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "schemas/rpc_gen.h" // RPC_SOCKET_PATH, RPC_GROUP

struct loop;
struct rpc_server;

struct rpc_server_config {
	const char *path;     // NULL: RPC_SOCKET_PATH
	const char *group;    // operator group; NULL: RPC_GROUP, if there is one
	void *ctx;            // handed to the handlers as call->ctx
	uint32_t max_clients; // 0: 256
	size_t max_buffers;   // bytes of all clients' buffers; 0: 64 MiB
};

struct rpc_server_stats {
	uint64_t n_accepted, n_refused, n_evicted, n_hung_up; // hung up: limits, not ends
	uint32_t n_clients;
	size_t buffered; // bytes now
};

// 0, or a negative errno with one sentence in `why`.
int rpc_server_create(struct rpc_server **out, struct loop *loop,
	const struct rpc_server_config *config, char *why, size_t why_size);
void rpc_server_destroy(struct rpc_server *server);
void rpc_server_stats(const struct rpc_server *server, struct rpc_server_stats *out);
