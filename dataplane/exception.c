// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/exception.h"

bool exception_push(struct exception *e, unsigned worker, struct packet *p, port_id_t in_port,
	enum exception_reason reason)
{
	return false;
}
