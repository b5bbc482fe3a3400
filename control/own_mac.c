// SPDX-License-Identifier: BSD-3-Clause
#include "control/own_mac.h"

#include "base/log.h"
#include "control/control.h"

static fdb_key_t wanted(const struct model_port *p)
{
	if (!p->port || p->set.kind != RPC_PORT_KIND_AF_XDP || !p->set.vlans.untagged ||
		mac_is_zero(p->port->mac))
		return 0;
	return fdb_key(p->set.vlans.untagged, p->port->mac);
}

void own_mac_settle(struct control *c)
{
	const struct model *m = c->model;

	for (unsigned i = 0; i < m->n_ports; i++) {
		struct model_port *p = m->by_name[i];

		if (p->own_key && p->own_key != wanted(p)) {
			fdb_remove(c->fdb, p->own_key);
			p->own_key = 0;
		}
	}
	// Also those that are there: another port may have had the same address until now.
	for (unsigned i = 0; i < m->n_ports; i++) {
		struct model_port *p = m->by_name[i];
		fdb_key_t key = wanted(p);

		if (!key)
			continue;
		if (fdb_add(c->fdb, key, p->id, FDB_STATIC | FDB_LOCAL) && !p->own_key)
			log_warn("port %s: the forwarding database is full, so the address of its "
				 "netdev is not protected from being learned elsewhere",
				p->set.name);
		else
			p->own_key = key;
	}
}
