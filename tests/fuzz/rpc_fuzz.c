// SPDX-License-Identifier: BSD-3-Clause
// Any line to the dispatcher, over fake handlers. What it answers must be JSON on one line.
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tests/rpc/fake_handlers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct rpc_peer peer = {.may_write = true};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rpc_message m;
	json_t *reply;

	if (size > RPC_MAX_LINE)
		return 0;
	fake_reset();
	rpc_message_open(&m, (const char *)data, size);
	while (rpc_message_step(&m, &peer, NULL))
		;
	if (m.broken)
		abort();
	if (m.reply_size) {
		if (memchr(m.reply, '\n', m.reply_size))
			abort();
		reply = json_loadb(m.reply, m.reply_size, 0, NULL);
		if (!reply)
			abort();
		json_decref(reply);
	}
	rpc_message_close(&m);
	return 0;
}
