// SPDX-License-Identifier: BSD-3-Clause
// port.set prepares all changes and makes the fallible ones first, so that it changes everything or
// nothing; port.add is in port_add.c.
#include <errno.h>

#include "base/error.h"
#include "control/adjust.h"
#include "control/container.h"
#include "control/methods/methods.h"

static int check_kind(struct rpc_call *call, const struct port_settings *s)
{
	if (s->kind == RPC_PORT_KIND_MEMORY && (s->has_container || s->netdev[0] || s->netns[0]))
		return rpc_error(call, -EINVAL,
			"port %s: a memory port has no wire; leave out netdev, netns and "
			"container, or choose another kind",
			s->name);
	if (s->has_container && (s->netdev[0] || s->netns[0]))
		return rpc_error(call, -EINVAL,
			"port %s: container makes the interface itself, so netdev and netns do not "
			"go with it; leave them out, or leave out container",
			s->name);
	if (s->generic_xdp && s->kind != RPC_PORT_KIND_AF_XDP)
		return rpc_error(call, -EINVAL,
			"port %s: generic_xdp is for ports of kind af_xdp; this one is %s", s->name,
			rpc_port_kind_name(s->kind));
	if (!mac_is_zero(s->mac) && mac_is_group(s->mac))
		return rpc_error(call, -EINVAL,
			"port %s: mac is a group address; the first byte of an interface's own is "
			"even",
			s->name);
	if (!mac_is_zero(s->mac) && s->kind == RPC_PORT_KIND_AF_XDP && !s->has_container)
		return rpc_error(call, -EINVAL,
			"port %s: mac is for interfaces that garudad makes (container, tap); set "
			"that of an existing one with 'ip link set ... address'",
			s->name);
	if (s->queue_size & (s->queue_size - 1))
		return rpc_error(call, -EINVAL,
			"port %s: queue_size %u is not a power of two; take one, as 1024", s->name,
			s->queue_size);
	return 0;
}

// What belongs to a bridge's port has no meaning on a routed one.
static int check_routed(struct rpc_call *call, const struct port_settings *s, bool has_vlans)
{
	if (!s->routed)
		return 0;
	if (s->kind != RPC_PORT_KIND_AF_XDP || s->has_container || s->generic_xdp)
		return rpc_error(call, -EINVAL,
			"port %s: a routed port is an interface of the kernel's, taken by native "
			"XDP; leave out kind, container and generic_xdp",
			s->name);
	if (s->netns[0])
		return rpc_error(call, -EOPNOTSUPP,
			"port %s: a routed port must be in garudad's own network namespace; run "
			"garudad in that one (ip netns exec %s garudad)",
			s->name, s->netns);
	if (has_vlans)
		return rpc_error(call, -EINVAL,
			"port %s: a routed port is in no VLAN of the switch; leave out vlan, trunk "
			"and native, or leave out routed",
			s->name);
	if (s->bpdu_guard || s->isolated || s->state != RPC_STP_STATE_FORWARDING ||
		s->storm[BUM_BROADCAST] || s->storm[BUM_UNKNOWN] || s->storm[BUM_MULTICAST])
		return rpc_error(call, -EINVAL,
			"port %s: isolated, bpdu_guard, state and storm limits are for ports of "
			"the switch; leave them out of a routed one",
			s->name);
	return 0;
}

int method_check_port(struct rpc_call *call, const struct port_settings *s, bool has_vlans)
{
	int err = check_routed(call, s, has_vlans);

	return err ? err : check_kind(call, s);
}

uint32_t method_learn_limit(uint32_t fdb_limit)
{
	return fdb_limit ? fdb_limit : UINT32_MAX;
}

int rpc_port_del(struct rpc_call *call, const struct rpc_port_del_params *params,
	struct rpc_port_del_result *result)
{
	struct model_port *p;
	int err = 0;

	p = method_port(call, params->name, &err);
	if (p)
		attach_remove(call->ctx, p);
	return err;
}

// -- port.set -----------------------------------------------------------------------

static int new_settings(struct rpc_call *call, const struct model_port *port,
	const struct rpc_port_set_params *p, struct port_settings *s)
{
	char error[ERROR_TEXT_SIZE];

	*s = port->set;
	if (p->has_mac)
		s->mac = p->mac;
	if (p->has_mtu)
		s->mtu = p->mtu;
	if (p->has_learning)
		s->learning = p->learning;
	if (p->has_fdb_limit)
		s->fdb_limit = p->fdb_limit;
	if (p->has_isolated)
		s->isolated = p->isolated;
	if (p->has_flood_broadcast)
		s->flood[BUM_BROADCAST] = p->flood_broadcast;
	if (p->has_flood_unknown)
		s->flood[BUM_UNKNOWN] = p->flood_unknown;
	if (p->has_flood_multicast)
		s->flood[BUM_MULTICAST] = p->flood_multicast;
	if (p->has_storm_broadcast)
		s->storm[BUM_BROADCAST] = p->storm_broadcast;
	if (p->has_storm_unknown)
		s->storm[BUM_UNKNOWN] = p->storm_unknown;
	if (p->has_storm_multicast)
		s->storm[BUM_MULTICAST] = p->storm_multicast;
	if (p->has_state)
		s->state = p->state;
	if (p->has_bpdu_guard)
		s->bpdu_guard = p->bpdu_guard;
	if (!s->routed && port_vlans_apply(&s->vlans,
				  &(struct vlan_request){p->has_vlan, p->has_trunk, p->has_native,
					  p->vlan, p->native, &p->trunk},
				  s->name, error))
		return rpc_error(call, -EINVAL, "%s", error);
	return method_check_port(call, s, p->has_vlan || p->has_trunk || p->has_native);
}

// What reaches the netdev and may fail.
static int adjust(struct control *c, struct model_port *p, const struct rpc_port_set_params *params,
	char *error)
{
	uint32_t old_mtu = p->port ? p->port->mtu : 0;
	int err = 0;

	if (params->has_mtu)
		err = adjust_mtu(c, p, params->mtu, error);
	if (!err && params->has_mac) {
		err = adjust_mac(c, p, params->mac, error);
		if (err && params->has_mtu && old_mtu)
			adjust_mtu(c, p, old_mtu, NULL);
	}
	return err;
}

// Learned addresses that the new settings would not learn.
static void flush_outdated(
	struct control *c, const struct model_port *p, const struct port_settings *old)
{
	bool learns = model_port_state(p) >= PORT_LEARNING && p->set.learning;

	if (!learns || !port_vlans_equal(&old->vlans, &p->set.vlans))
		attach_flush_learned(c, p->id);
}

static bool needs_reopening(const struct port_settings *old, const struct port_settings *new)
{
	// An af_xdp port leaves BPDUs to the netdev unless it guards.
	return new->kind == RPC_PORT_KIND_AF_XDP && old->bpdu_guard != new->bpdu_guard;
}

int rpc_port_set(struct rpc_call *call, const struct rpc_port_set_params *params,
	struct rpc_port_set_result *result)
{
	struct control *c = call->ctx;
	char error[ERROR_TEXT_SIZE] = "";
	struct port_settings old, new;
	struct model_port *p;
	int err = 0;

	p = method_port(call, params->name, &err);
	if (p)
		err = new_settings(call, p, params, &new);
	if (err)
		return err;
	err = adjust(c, p, params, error);
	if (err)
		return rpc_error(call, err, "%s", error);
	old = p->set;
	p->set = new;
	if (params->has_state || !new.bpdu_guard)
		p->is_guarded = false;
	attach_update_leg(p);
	fdb_set_port_limit(c->fdb, p->id, method_learn_limit(new.fdb_limit));
	flush_outdated(c, p, &old);
	if (p->port)
		model_port_settle(p);
	if (needs_reopening(&old, &new))
		attach_reopen(c, p);
	publish_request(c);
	return 0;
}

// -- port.list, port.show -------------------------------------------------------------

static void fill_attachment(const struct model_port *p, struct rpc_port *out)
{
	out->has_netdev = attach_netdev(p)[0];
	snprintf(out->netdev, sizeof(out->netdev), "%s", attach_netdev(p));
	out->has_netns = p->set.netns[0];
	memcpy(out->netns, p->set.netns, sizeof(out->netns));
	out->has_container = p->set.has_container;
	out->container = p->set.container;
	out->has_mac = attach_mac(p, &out->mac);
	out->mtu = p->port ? p->port->mtu : p->set.mtu;
	out->has_mtu = out->mtu != 0;
}

static void fill_bridge(const struct model_port *p, struct rpc_port *out)
{
	const struct port_settings *s = &p->set;

	out->has_vlan = !s->vlans.is_trunk && !s->routed;
	out->vlan = s->vlans.untagged;
	out->has_trunk = s->vlans.is_trunk;
	out->trunk = s->vlans.tagged;
	out->has_native = s->vlans.is_trunk && s->vlans.untagged;
	out->native = s->vlans.untagged;
	out->learning = s->learning;
	out->fdb_limit = s->fdb_limit;
	out->isolated = s->isolated;
	out->flood_broadcast = s->flood[BUM_BROADCAST];
	out->flood_unknown = s->flood[BUM_UNKNOWN];
	out->flood_multicast = s->flood[BUM_MULTICAST];
	out->storm_broadcast = s->storm[BUM_BROADCAST];
	out->storm_unknown = s->storm[BUM_UNKNOWN];
	out->storm_multicast = s->storm[BUM_MULTICAST];
	out->state = p->is_guarded ? RPC_STP_STATE_DISABLED : s->state;
	out->bpdu_guard = s->bpdu_guard;
}

static void fill_counters(
	const struct control *c, const struct model_port *p, struct rpc_port_counters *out)
{
	struct port_counters n;
	struct port_stats lost;

	method_counters(c, p, -1, &n);
	method_losses(p, &lost);
	*out = (struct rpc_port_counters){
		.rx_packets = n.rx_packets,
		.rx_bytes = n.rx_bytes,
		.tx_packets = n.tx_packets,
		.tx_bytes = n.tx_bytes,
		.drops = method_drops(&n) + method_kernel_drops(&lost),
	};
}

static void fill_port(const struct control *c, const struct model_port *p, struct rpc_port *out)
{
	memcpy(out->name, p->set.name, sizeof(out->name));
	out->kind = p->set.kind;
	out->oper = p->oper;
	out->has_reason = p->reason[0];
	memcpy(out->reason, p->reason, sizeof(out->reason));
	fill_attachment(p, out);
	fill_bridge(p, out);
	out->fdb_entries = fdb_count_port(c->fdb, p->id);
	out->routed = p->set.routed;
	out->generic_xdp = p->set.generic_xdp;
	out->queue_size = p->set.queue_size;
	out->has_worker = p->port;
	out->worker = p->id % c->model->n_workers;
	fill_counters(c, p, &out->counters);
}

int rpc_port_list(struct rpc_call *call, const struct rpc_port_list_params *params,
	struct rpc_port_list_result *result)
{
	const struct control *c = call->ctx;

	for (unsigned i = 0; i < c->model->n_ports; i++) {
		const struct model_port *p = c->model->by_name[i];
		struct rpc_port *out;

		if ((params->has_vlan && !port_vlans_has(&p->set.vlans, params->vlan)) ||
			(params->has_kind && p->set.kind != params->kind) ||
			(params->has_oper && p->oper != params->oper))
			continue;
		out = rpc_port_array_append(&result->ports);
		if (!out)
			return -ENOMEM;
		fill_port(c, p, out);
	}
	return 0;
}

int rpc_port_show(struct rpc_call *call, const struct rpc_port_show_params *params,
	struct rpc_port_show_result *result)
{
	const struct model_port *p;
	int err = 0;

	p = method_port(call, params->name, &err);
	if (p)
		fill_port(call->ctx, p, &result->port);
	return err;
}
