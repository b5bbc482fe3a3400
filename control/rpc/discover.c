// SPDX-License-Identifier: BSD-3-Clause
// rpc.discover: the API's own description, generated with everything else.
#include "schemas/rpc_gen.h"

int rpc_rpc_discover(struct rpc_call *call, const struct rpc_rpc_discover_params *params,
	struct rpc_rpc_discover_result *result)
{
	result->document = rpc_openrpc_text;
	return 0;
}
