// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>

#include "control/methods/methods.h"

static int add_member(struct rpc_port_name_array *to, const struct model_port *p)
{
	struct rpc_port_name *name = rpc_port_name_array_append(to);

	if (!name)
		return -ENOMEM;
	memcpy(name->text, p->set.name, sizeof(name->text));
	return 0;
}

static int add_members(const struct model *m, vlan_id_t vlan, struct rpc_vlan *out)
{
	int err = 0;

	for (unsigned i = 0; !err && i < m->n_ports; i++) {
		const struct model_port *p = m->by_name[i];

		if (p->set.vlans.untagged == vlan)
			err = add_member(&out->untagged, p);
		else if (port_vlans_is_tagged(&p->set.vlans, vlan))
			err = add_member(&out->tagged, p);
	}
	return err;
}

static int add_vlan(const struct control *c, vlan_id_t vlan, struct rpc_vlan_list_result *result)
{
	const struct vlan_settings *set = &c->model->vlan[vlan];
	struct rpc_vlan *out = rpc_vlan_array_append(&result->vlans);

	if (!out)
		return -ENOMEM;
	out->vlan = vlan;
	memcpy(out->name, set->name, sizeof(out->name));
	out->fdb_entries = fdb_count_vlan(c->fdb, vlan);
	out->learning = !(set->flags & VLAN_NO_LEARNING);
	out->flood = !(set->flags & VLAN_NO_FLOOD);
	return add_members(c->model, vlan, out);
}

// The VLANs that exist: with a member or a setting.
static void collect(const struct model *m, struct vlan_set *all)
{
	model_vlans(m, all);
	for (unsigned v = 1; v <= VLAN_MAX; v++)
		if (m->vlan[v].is_set)
			vlan_set_add(all, (vlan_id_t)v);
}

int rpc_vlan_list(struct rpc_call *call, const struct rpc_vlan_list_params *params,
	struct rpc_vlan_list_result *result)
{
	const struct control *c = call->ctx;
	const struct model_port *port = NULL;
	struct vlan_set all;
	int err = 0;

	if (params->has_port) {
		port = method_port(call, params->port, &err);
		if (!port)
			return err;
	}
	collect(c->model, &all);
	for (unsigned v = 1; !err && v <= VLAN_MAX; v++) {
		if (!vlan_set_has(&all, (vlan_id_t)v) || (params->has_vlan && params->vlan != v) ||
			(port && !port_vlans_has(&port->set.vlans, (vlan_id_t)v)))
			continue;
		err = add_vlan(c, (vlan_id_t)v, result);
	}
	return err;
}

static void set_flag(struct vlan_settings *v, uint8_t flag, bool on)
{
	v->flags = on ? v->flags | flag : v->flags & (uint8_t)~flag;
}

int rpc_vlan_set(struct rpc_call *call, const struct rpc_vlan_set_params *params,
	struct rpc_vlan_set_result *result)
{
	struct control *c = call->ctx;
	struct vlan_settings *v = &c->model->vlan[params->vlan];

	if (params->has_name)
		memcpy(v->name, params->name, sizeof(v->name));
	if (params->has_learning)
		set_flag(v, VLAN_NO_LEARNING, !params->learning);
	if (params->has_flood)
		set_flag(v, VLAN_NO_FLOOD, !params->flood);
	if (params->has_learning && !params->learning)
		fdb_flush(c->fdb, &(struct fdb_filter){.port = PORT_NONE,
					  .vlan = params->vlan,
					  .flags_mask = FDB_STATIC | FDB_STICKY});
	v->is_set = v->name[0] || v->flags;
	publish_request(c);
	return 0;
}
