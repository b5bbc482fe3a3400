// SPDX-License-Identifier: BSD-3-Clause
// port.add checks, enters the port into the model and opens it; whatever fails takes it out again.
#include <errno.h>

#include "base/error.h"
#include "control/methods/methods.h"
#include "control/netlink/netdev.h"
#include "control/suitable.h"

static int settings_of(
	struct rpc_call *call, const struct rpc_port_add_params *p, struct port_settings *s)
{
	char error[ERROR_TEXT_SIZE];

	*s = (struct port_settings){
		.kind = p->has_kind        ? p->kind
			: p->has_container ? RPC_PORT_KIND_TAP
					   : RPC_PORT_KIND_AF_XDP,
		.has_container = p->has_container,
		.container = p->container,
		.mac = p->mac,
		.mtu = p->has_mtu ? p->mtu : 0,
		.learning = p->learning,
		.isolated = p->isolated,
		.flood = {p->flood_broadcast, p->flood_unknown, p->flood_multicast},
		.bpdu_guard = p->bpdu_guard,
		.generic_xdp = p->generic_xdp,
		.routed = p->routed,
		.storm = {p->storm_broadcast, p->storm_unknown, p->storm_multicast},
		.fdb_limit = p->fdb_limit,
		.queue_size = p->has_queue_size ? p->queue_size : 0,
		.state = p->state,
	};
	memcpy(s->name, p->name, sizeof(s->name));
	memcpy(s->netdev, p->netdev, sizeof(s->netdev));
	memcpy(s->netns, p->netns, sizeof(s->netns));
	if (!s->routed && port_vlans_apply(&s->vlans,
				  &(struct vlan_request){p->has_vlan, p->has_trunk, p->has_native,
					  p->vlan, p->native, &p->trunk},
				  s->name, error))
		return rpc_error(call, -EINVAL, "%s", error);
	return method_check_port(call, s, p->has_vlan || p->has_trunk);
}

// The port's own name stands for a netdev that was not named.
static int name_netdev(struct rpc_call *call, struct port_settings *s)
{
	if (s->kind == RPC_PORT_KIND_MEMORY || s->has_container || s->netdev[0])
		return 0;
	if (!netdev_name_valid(s->name))
		return rpc_error(call, -EINVAL,
			"port %s: no network interface can have this name; give the interface's "
			"with netdev",
			s->name);
	memcpy(s->netdev, s->name, sizeof(s->netdev) - 1);
	return 0;
}

// One netdev, one port.
static int check_netdev(struct rpc_call *call, const struct port_settings *s)
{
	const struct control *c = call->ctx;

	if (!s->netdev[0])
		return 0;
	for (unsigned i = 0; i < c->model->n_ports; i++) {
		const struct port_settings *other = &c->model->by_name[i]->set;

		if (!strcmp(other->netdev, s->netdev) && !strcmp(other->netns, s->netns))
			return rpc_error(call, -EBUSY,
				"port %s: the netdev %s is in use by port %s; remove that first",
				s->name, s->netdev, other->name);
	}
	return 0;
}

// Enters the port and opens it, or leaves nothing behind.
static int add_port(struct rpc_call *call, const struct port_settings *set, struct model_port **out)
{
	struct control *c = call->ctx;
	char error[ERROR_TEXT_SIZE] = "";
	struct model_port *p;
	int err = 0;

	if (!model_port_find(c->model, set->name))
		err = check_netdev(call, set);
	if (err)
		return err;
	err = model_port_add(c->model, set, &p, error);
	if (err)
		return rpc_error(call, err, "%s", error);
	fdb_set_port_limit(c->fdb, p->id, method_learn_limit(set->fdb_limit));
	err = attach_add(c, p, error);
	if (err) {
		attach_remove(c, p);
		return rpc_error(call, err, "%s", error);
	}
	*out = p;
	return 0;
}

static int printf_like(2, 3) note(struct rpc_port_add_result *result, const char *format, ...)
{
	struct rpc_reason *n = rpc_reason_array_append(&result->notes);
	va_list ap;

	if (!n)
		return -ENOMEM;
	va_start(ap, format);
	vsnprintf(n->text, sizeof(n->text), format, ap);
	va_end(ap);
	result->has_notes = true;
	return 0;
}

static int add_one(
	struct rpc_call *call, struct port_settings *set, struct rpc_port_add_result *result)
{
	struct model_port *p = NULL;
	int err = name_netdev(call, set);

	if (!err)
		err = add_port(call, set, &p);
	if (err)
		return err;
	memcpy(result->name, p->set.name, sizeof(result->name));
	result->oper = p->oper;
	result->has_reason = p->reason[0];
	snprintf(result->reason, sizeof(result->reason), "%s", p->reason);
	return p->port && p->port->warning[0] ? note(result, "%s", p->port->warning) : 0;
}

// 'port add all --routed'
struct adding {
	struct rpc_call *call;
	const struct port_settings *like;
	struct rpc_port_add_result *result;
	unsigned n_added;
	bool no_memory;
};

static void add_suitable(void *arg, const char *netdev, const char *reason)
{
	struct adding *a = arg;
	struct port_settings set = *a->like;
	struct model_port *p;
	int err;

	snprintf(set.name, sizeof(set.name), "%s", netdev);
	snprintf(set.netdev, sizeof(set.netdev), "%s", netdev);
	if (reason[0]) {
		err = note(a->result, "%s: left alone: it %s", netdev, reason);
	} else if (add_port(a->call, &set, &p)) {
		err = note(a->result, "%s: left alone: %.200s", netdev, a->call->fault.text);
		a->call->fault = (struct rpc_fault){0};
	} else {
		a->n_added++;
		err = note(a->result, "%s: routed port%s%.200s", netdev,
			p->port && p->port->warning[0] ? "; " : "",
			p->port ? p->port->warning : "");
	}
	a->no_memory |= err != 0;
}

static int add_all(
	struct rpc_call *call, const struct port_settings *like, struct rpc_port_add_result *result)
{
	struct control *c = call->ctx;
	struct adding a = {.call = call, .like = like, .result = result};
	int err = suitable_interfaces(c->model, add_suitable, &a);

	if (err || a.no_memory)
		return err ? err : -ENOMEM;
	snprintf(result->name, sizeof(result->name), "all");
	result->oper = a.n_added ? RPC_PORT_OPER_UP : RPC_PORT_OPER_ABSENT;
	result->has_reason = !a.n_added;
	if (!a.n_added)
		snprintf(result->reason, sizeof(result->reason),
			"no interface is suitable; the notes say why");
	return 0;
}

int rpc_port_add(struct rpc_call *call, const struct rpc_port_add_params *params,
	struct rpc_port_add_result *result)
{
	struct port_settings set;
	int err = settings_of(call, params, &set);

	if (err)
		return err;
	if (set.routed && !strcmp(set.name, "all") && !set.netdev[0])
		return add_all(call, &set, result);
	return add_one(call, &set, result);
}
