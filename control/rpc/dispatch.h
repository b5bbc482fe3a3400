// SPDX-License-Identifier: BSD-3-Clause
// A line of JSON-RPC 2.0 -> calls of handlers -> a line of reply.
//
// A line is one request or a batch. A batch runs one call per step, so that the
// loop stays fair. The handlers are the functions rpc_NOUN_VERB() that
// schemas/rpc_gen.h declares; they run on the control thread, see decoded and
// checked parameters, and know nothing of JSON, sockets or ids. Their errno
// becomes a JSON-RPC error code here and nowhere else.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "control/rpc/codec.h"

#define RPC_MAX_LINE   (1u << 20) // bytes of a request line
#define RPC_MAX_DEPTH  32         // nesting of JSON
#define RPC_MAX_VALUES 100000     // JSON values in a line: bounds the parsed tree's memory
#define RPC_MAX_BATCH  1024       // calls in a batch
#define RPC_MAX_REPLY  (8u << 20) // bytes of a reply line

// Who asks. The configuration file's loader uses {.may_write = true}.
struct rpc_peer {
	pid_t pid;
	uid_t uid;
	gid_t gid;
	bool may_write;
};

// What a handler is given.
struct rpc_call {
	const char *method;
	const struct rpc_peer *peer;
	void *ctx; // the daemon's own, as handed to the dispatcher
	struct rpc_fault fault;
};

// A handler's refusal: a whole sentence that names the object, the reason and the
// remedy. Returns err, so that a handler ends with
//	return rpc_error(call, -ENOENT, "There is no port '%s'.", p->name);
// A handler that returns an errno without a sentence gets the system's words for it.
int rpc_error(struct rpc_call *call, int err, const char *fmt, ...) printf_like(3, 4);

// -- generated tables -----------------------------------------------------------
struct rpc_method {
	const char *name; // "port.add"
	bool write;       // needs peer->may_write
	bool bare_result; // the only member of the result is the result
	const struct rpc_object *params, *result;
	int (*call)(struct rpc_call *, const void *params, void *result);
};

struct rpc_error_kind {
	const char *name;
	int code;
	int errnos[8]; // ends with 0
};

const struct rpc_method *rpc_method_find(const char *name); // NULL if unknown

// One call without JSON-RPC around it, as the configuration file makes it. `call`
// has method, peer and ctx; `params` may be NULL. 0 with a new *result (if `result`
// is not NULL), or a negative errno with the sentence in call->fault.
int rpc_invoke(const struct rpc_method *method, struct rpc_call *call, const struct json_t *params,
	struct json_t **result);

// -- one line ---------------------------------------------------------------------
struct rpc_message {
	struct json_t *calls; // a batch's array, or an array of the one request
	size_t next;          // index of the next call
	bool is_batch;
	char *reply; // text without the final newline; NULL: nothing to send
	size_t reply_size, reply_cap;
	bool broken; // no memory, or the reply got too long: hang up
};

// Never fails: what is wrong with the line becomes the reply.
void rpc_message_open(struct rpc_message *m, const char *line, size_t size);

// Run one call. True while calls remain; false: the reply is complete.
bool rpc_message_step(struct rpc_message *m, const struct rpc_peer *peer, void *ctx);

void rpc_message_close(struct rpc_message *m);
