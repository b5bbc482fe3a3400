// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>

#include "control/methods/methods.h"

#define STATIC_PAGE 256

static uint64_t count_static(const struct control *c)
{
	const struct fdb_filter filters[] = {
		{.port = PORT_NONE, .flags_mask = FDB_STATIC, .flags_value = FDB_STATIC},
		{.port = PORT_NONE,
			.flags_mask = FDB_STATIC | FDB_STICKY,
			.flags_value = FDB_STICKY},
	};
	struct fdb_entry page[STATIC_PAGE];
	uint64_t n = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(filters); i++)
		for (uint64_t cursor = 0; cursor != FDB_WALK_END;)
			n += fdb_walk(c->fdb, &filters[i], &cursor, 0, page, STATIC_PAGE);
	return n;
}

int rpc_bridge_show(struct rpc_call *call, const struct rpc_bridge_show_params *params,
	struct rpc_bridge_show_result *result)
{
	const struct control *c = call->ctx;
	const struct bridge_settings *b = &c->model->bridge;
	struct vlan_set vlans;
	struct fdb_stats s;

	fdb_stats(c->fdb, &s);
	model_vlans(c->model, &vlans);
	*result = (struct rpc_bridge_show_result){
		.ageing_time = b->ageing_time,
		.fdb_max = b->fdb_max,
		.flap_moves = b->flap_moves,
		.flap_window = b->flap_window,
		.fdb_entries = s.entries,
		.fdb_static = count_static(c),
		.learned = s.learned,
		.moved = s.moved,
		.aged = s.aged,
		.limit_hits = s.full + s.port_full,
		.flaps = c->events.n_flaps,
		.n_ports = c->model->n_ports,
		.n_vlans = vlan_set_count(&vlans),
	};
	return 0;
}

int rpc_bridge_set(struct rpc_call *call, const struct rpc_bridge_set_params *params,
	struct rpc_bridge_set_result *result)
{
	struct control *c = call->ctx;
	struct bridge_settings *b = &c->model->bridge;
	int err;

	if (params->has_fdb_max) {
		err = fdb_set_limit(c->fdb, params->fdb_max);
		if (err)
			return err;
		b->fdb_max = params->fdb_max;
	}
	if (params->has_flap_moves)
		b->flap_moves = params->flap_moves;
	if (params->has_flap_window)
		b->flap_window = params->flap_window;
	if (params->has_ageing_time) {
		b->ageing_time = params->ageing_time;
		events_ageing_changed(c);
	}
	return 0;
}
