// SPDX-License-Identifier: BSD-3-Clause
// router.*, interface.*: what the router does for each interface, and why not.
#include <errno.h>

#include "control/methods/methods.h"
#include "control/router/router.h"
#include "dataplane/exception.h"

static enum rpc_acceleration who(bool is_accelerated)
{
	return is_accelerated ? RPC_ACCELERATION_FAST_PATH : RPC_ACCELERATION_KERNEL;
}

static int add_interface(const struct control *c, const struct router_interface *i,
	struct rpc_router_show_result *result)
{
	const struct model_port *p = model_port_at(c->model, i->port);
	struct rpc_router_interface *out;

	if (!p)
		return 0;
	out = rpc_router_interface_array_append(&result->interfaces);
	if (!out)
		return -ENOMEM;
	snprintf(out->interface, sizeof(out->interface), "%s", i->name);
	memcpy(out->port, p->set.name, sizeof(out->port));
	out->ipv4 = who(i->is_accelerated4);
	out->ipv6 = who(i->is_accelerated6);
	out->has_reason = i->reason[0];
	snprintf(out->reason, sizeof(out->reason), "%s", i->reason);
	return 0;
}

int rpc_router_show(struct rpc_call *call, const struct rpc_router_show_params *params,
	struct rpc_router_show_result *result)
{
	const struct control *c = call->ctx;
	const struct routing *r = &c->routing;
	struct exception_stats e;
	struct router_interface i;
	struct router_stats s;
	int err = 0;

	result->running = r->is_running;
	snprintf(result->ignore_policy, sizeof(result->ignore_policy), "%s", r->ignore_policy);
	if (!r->is_running)
		return 0;
	for (int at = 0; !err && router_next_interface(r->router, at, &i); at = i.ifindex)
		err = add_interface(c, &i, result);
	router_stats(r->router, &s);
	exception_stats(r->exception, &e);
	result->routes4 = s.routes4;
	result->routes6 = s.routes6;
	result->fib4 = s.fib4;
	result->fib6 = s.fib6;
	result->neighbours = s.neighbours;
	result->next_hops = s.next_hops;
	result->groups = s.groups;
	result->refused = s.refused;
	result->resyncs = s.resyncs;
	result->corrected = s.corrected;
	result->exceptions = e.written;
	result->exceptions_metered = e.metered;
	result->left = e.left;
	return err;
}

int rpc_router_set(struct rpc_call *call, const struct rpc_router_set_params *params,
	struct rpc_router_set_result *result)
{
	char error[ERROR_TEXT_SIZE];
	int err = 0;

	if (params->has_ignore_policy)
		err = routing_ignore(call->ctx, params->ignore_policy, error);
	return err ? rpc_error(call, err, "%s", error) : 0;
}

int rpc_router_audit(struct rpc_call *call, const struct rpc_router_audit_params *params,
	struct rpc_router_audit_result *result)
{
	routing_audit(call->ctx);
	return 0;
}

int rpc_interface_list(struct rpc_call *call, const struct rpc_interface_list_params *params,
	struct rpc_interface_list_result *result)
{
	static const enum rpc_rp_filter filters[] = {
		RPC_RP_FILTER_OFF, RPC_RP_FILTER_STRICT, RPC_RP_FILTER_LOOSE};
	const struct control *c = call->ctx;
	struct router_interface i;

	if (!c->routing.is_running)
		return 0;
	for (int at = 0; router_next_interface(c->routing.router, at, &i); at = i.ifindex) {
		const struct model_port *p = model_port_at(c->model, i.port);
		struct rpc_interface *out = rpc_interface_array_append(&result->interfaces);

		if (!out)
			return -ENOMEM;
		snprintf(out->name, sizeof(out->name), "%s", i.name);
		out->ifindex = (uint32_t)i.ifindex;
		out->has_port = p;
		if (p)
			memcpy(out->port, p->set.name, sizeof(out->port));
		out->up = i.is_up;
		out->mac = i.mac;
		out->mtu = i.mtu;
		out->forwarding4 = i.forwarding4;
		out->forwarding6 = i.forwarding6;
		out->rp_filter = filters[i.rp_filter % ARRAY_SIZE(filters)];
		out->ipv4 = who(i.is_accelerated4);
		out->ipv6 = who(i.is_accelerated6);
		out->has_reason = i.reason[0];
		snprintf(out->reason, sizeof(out->reason), "%s", i.reason);
	}
	return 0;
}
