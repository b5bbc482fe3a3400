// SPDX-License-Identifier: BSD-3-Clause
// One connection of the RPC server: its buffers, lines and pace. Private to
// control/rpc; the policy over all clients is server.c's.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/loop.h"
#include "control/rpc/dispatch.h"

struct rpc_buffer {
	char *data;
	size_t start, end; // the bytes held
	size_t cap;
};

struct rpc_client {
	struct loop_io io;
	uint32_t events; // watched for
	struct loop *loop;
	struct rpc_server *server;
	struct rpc_client *next, **prev; // server's list
	struct rpc_peer peer;
	struct rpc_buffer in, out;
	size_t scanned;         // bytes of `in` known to hold no newline
	bool has_line;          // a whole line is in `in`
	size_t line_size;       // of it
	struct rpc_message msg; // in work if `in_call`
	bool in_call;
	bool eof;           // the peer sends no more
	bool hanging_up;    // send what is in `out`, read nothing more, then close
	bool said_end;      // ... and that is done
	uint64_t n_calls;   // messages answered
	uint64_t active_ns; // last time that anything moved
};

// Bytes held by the buffers and the reply in the making.
static inline size_t rpc_client_memory(const struct rpc_client *c)
{
	return c->in.cap + c->out.cap + c->msg.reply_cap;
}

static inline bool rpc_client_idle(const struct rpc_client *c)
{
	return !c->in_call && !c->has_line && c->out.start == c->out.end;
}

// Whether a call may run now: there is one, and the replies get away.
bool rpc_client_ready(const struct rpc_client *c);

// Move bytes. False: the connection is over, close it.
bool rpc_client_read(struct rpc_client *c);
bool rpc_client_write(struct rpc_client *c);

// Run one call of the line at hand. False: close it.
bool rpc_client_step(struct rpc_client *c, void *ctx);

// Send an error without id and begin to hang up. False: close it.
bool rpc_client_refuse(struct rpc_client *c, int code, const char *sentence);

// Have the loop watch for what this client waits for.
void rpc_client_watch(struct rpc_client *c);

// Free what it holds, and close the descriptor. Not the struct.
void rpc_client_fini(struct rpc_client *c);
