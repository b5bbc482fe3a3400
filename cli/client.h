// SPDX-License-Identifier: BSD-3-Clause
// A connection to the daemon, for calls one after the other.
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct json_t;

#define CLIENT_TIMEOUT_S 10

struct client {
	int fd;
	const char *path;
	char *data; // what was received and not yet used
	size_t size, cap;
	unsigned id;
};

// 0, or negative errno after saying on standard error what is wrong and what helps.
int client_open(struct client *c, const char *path);
void client_close(struct client *c);

// One call; `params` is borrowed. 0 with a new *result or *error (JSON-RPC's error
// object), the other NULL; negative errno, said on standard error, if the daemon is gone.
int client_call(struct client *c, const char *method, struct json_t *params, struct json_t **result,
	struct json_t **error);
