// SPDX-License-Identifier: BSD-3-Clause
// Handlers for the tests of everything between the socket and a real handler. They
// keep a list of ports, count their calls and answer the rest with constants.
#include "tests/rpc/fake_handlers.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/compiler.h"
#include "schemas/rpc_gen.h"

struct fake fake;

void fake_reset(void)
{
	memset(&fake, 0, sizeof(fake));
}

static struct rpc_port *find_port(const char *name)
{
	for (unsigned i = 0; i < fake.n_ports; i++) {
		if (!strcmp(fake.ports[i].name, name))
			return &fake.ports[i];
	}
	return NULL;
}

static int no_port(struct rpc_call *call, const char *name)
{
	return rpc_error(call, -ENOENT, "%s: there is no port '%s'; port.list shows them",
		call->method, name);
}

int rpc_port_add(
	struct rpc_call *call, const struct rpc_port_add_params *p, struct rpc_port_add_result *r)
{
	struct rpc_port *port;

	fake.n_calls++;
	fake.add = *p;
	if (find_port(p->name))
		return rpc_error(call, -EEXIST, "port.add: there is already a port '%s'", p->name);
	if (p->has_vlan && p->has_trunk)
		return rpc_error(call, -EINVAL, "port.add: vlan and trunk exclude each other");
	if (fake.n_ports == ARRAY_SIZE(fake.ports))
		return -ENOSPC;
	port = &fake.ports[fake.n_ports++];
	memset(port, 0, sizeof(*port));
	strcpy(port->name, p->name);
	port->kind = p->kind;
	port->has_vlan = p->has_vlan;
	port->vlan = p->vlan;
	port->has_trunk = p->has_trunk;
	port->trunk = p->trunk;
	port->has_container = p->has_container;
	port->container = p->container;
	port->has_mac = p->has_mac;
	port->mac = p->mac;
	port->learning = p->learning;
	port->state = p->state;
	port->counters.rx_packets = 12345;
	strcpy(r->name, p->name);
	r->oper = RPC_PORT_OPER_UP;
	return 0;
}

int rpc_port_del(
	struct rpc_call *call, const struct rpc_port_del_params *p, struct rpc_port_del_result *r)
{
	struct rpc_port *port = find_port(p->name);

	fake.n_calls++;
	if (!port)
		return no_port(call, p->name);
	*port = fake.ports[--fake.n_ports];
	return 0;
}

int rpc_port_set(
	struct rpc_call *call, const struct rpc_port_set_params *p, struct rpc_port_set_result *r)
{
	struct rpc_port *port = find_port(p->name);

	fake.n_calls++;
	if (!port)
		return no_port(call, p->name);
	if (p->has_learning)
		port->learning = p->learning;
	return 0;
}

int rpc_port_list(
	struct rpc_call *call, const struct rpc_port_list_params *p, struct rpc_port_list_result *r)
{
	fake.n_calls++;
	for (unsigned i = 0; i < fake.n_ports; i++) {
		struct rpc_port *port = rpc_port_array_append(&r->ports);

		if (!port)
			return -ENOMEM;
		*port = fake.ports[i];
	}
	return 0;
}

int rpc_port_show(
	struct rpc_call *call, const struct rpc_port_show_params *p, struct rpc_port_show_result *r)
{
	struct rpc_port *port = find_port(p->name);

	fake.n_calls++;
	if (!port)
		return no_port(call, p->name);
	r->port = *port;
	return 0;
}

int rpc_vlan_list(
	struct rpc_call *call, const struct rpc_vlan_list_params *p, struct rpc_vlan_list_result *r)
{
	struct rpc_vlan *vlan = rpc_vlan_array_append(&r->vlans);

	if (!vlan)
		return -ENOMEM;
	vlan->vlan = 10;
	strcpy(vlan->name, "front");
	for (unsigned i = 0; i < 20; i++) {
		struct rpc_port_name *name = rpc_port_name_array_append(&vlan->tagged);

		if (!name)
			return -ENOMEM;
		snprintf(name->text, sizeof(name->text), "p%u", i);
	}
	return 0;
}

int rpc_vlan_set(
	struct rpc_call *call, const struct rpc_vlan_set_params *p, struct rpc_vlan_set_result *r)
{
	return 0;
}

// 1200 entries in pages.
int rpc_fdb_list(
	struct rpc_call *call, const struct rpc_fdb_list_params *p, struct rpc_fdb_list_result *r)
{
	unsigned from = 0;

	if (p->has_cursor && sscanf(p->cursor, "%u", &from) != 1)
		return rpc_error(call, -EINVAL, "fdb.list: '%s' is no cursor", p->cursor);
	for (unsigned i = from; i < 1200 && i < from + p->limit; i++) {
		struct rpc_fdb_entry *e = rpc_fdb_entry_array_append(&r->entries);

		if (!e)
			return -ENOMEM;
		e->vlan = 1;
		e->mac = mac_from_u64(0x020000000000 + i);
		e->has_port = true;
		strcpy(e->port, "p0");
		e->has_age = true;
		e->age = i;
	}
	if (from + p->limit < 1200) {
		r->has_next = true;
		snprintf(r->next, sizeof(r->next), "%u", from + p->limit);
	}
	return 0;
}

int rpc_fdb_add(
	struct rpc_call *call, const struct rpc_fdb_add_params *p, struct rpc_fdb_add_result *r)
{
	return -ENOSPC; // no sentence: the dispatcher must find one
}

int rpc_fdb_del(
	struct rpc_call *call, const struct rpc_fdb_del_params *p, struct rpc_fdb_del_result *r)
{
	return rpc_error(call, -EIO, "fdb.del: \xff\xfe is not UTF-8");
}

int rpc_fdb_flush(
	struct rpc_call *call, const struct rpc_fdb_flush_params *p, struct rpc_fdb_flush_result *r)
{
	fake.n_calls++;
	r->flushed = p->all ? UINT64_MAX : 1; // more than JSON's integers hold here
	return 0;
}

int rpc_bridge_show(struct rpc_call *call, const struct rpc_bridge_show_params *p,
	struct rpc_bridge_show_result *r)
{
	r->ageing_time = 300;
	r->fdb_max = 1000;
	r->flap_window = 10;
	return 0;
}

// Slow on purpose, by as many milliseconds as flap_window says.
int rpc_bridge_set(struct rpc_call *call, const struct rpc_bridge_set_params *p,
	struct rpc_bridge_set_result *r)
{
	fake.n_calls++;
	usleep(p->has_flap_window ? p->flap_window * 1000 : 0);
	return 0;
}

int rpc_worker_list(struct rpc_call *call, const struct rpc_worker_list_params *p,
	struct rpc_worker_list_result *r)
{
	return rpc_worker_array_append(&r->workers) ? 0 : -ENOMEM;
}

int rpc_worker_set(struct rpc_call *call, const struct rpc_worker_set_params *p,
	struct rpc_worker_set_result *r)
{
	return 0;
}

int rpc_router_show(struct rpc_call *call, const struct rpc_router_show_params *p,
	struct rpc_router_show_result *r)
{
	struct rpc_router_interface *i = rpc_router_interface_array_append(&r->interfaces);

	if (!i)
		return -ENOMEM;
	strcpy(i->interface, "eth0");
	strcpy(i->port, "eth0");
	return 0;
}

int rpc_router_set(struct rpc_call *call, const struct rpc_router_set_params *p,
	struct rpc_router_set_result *r)
{
	return 0;
}

int rpc_router_audit(struct rpc_call *call, const struct rpc_router_audit_params *p,
	struct rpc_router_audit_result *r)
{
	return 0;
}

int rpc_interface_list(struct rpc_call *call, const struct rpc_interface_list_params *p,
	struct rpc_interface_list_result *r)
{
	struct rpc_interface *i = rpc_interface_array_append(&r->interfaces);

	if (!i)
		return -ENOMEM;
	strcpy(i->name, "eth0");
	i->ifindex = 2;
	return 0;
}

static int fill_route(struct rpc_route *r)
{
	struct rpc_route_hop *hop = rpc_route_hop_array_append(&r->hops);

	if (!hop)
		return -ENOMEM;
	strcpy(r->prefix, "192.0.2.0/24");
	strcpy(r->action, "forward");
	hop->weight = 1;
	return 0;
}

int rpc_route_list(struct rpc_call *call, const struct rpc_route_list_params *p,
	struct rpc_route_list_result *r)
{
	struct rpc_route *route = rpc_route_array_append(&r->routes);

	return route ? fill_route(route) : -ENOMEM;
}

int rpc_route_get(
	struct rpc_call *call, const struct rpc_route_get_params *p, struct rpc_route_get_result *r)
{
	return fill_route(&r->route);
}

int rpc_neigh_list(struct rpc_call *call, const struct rpc_neigh_list_params *p,
	struct rpc_neigh_list_result *r)
{
	struct rpc_neighbour *n = rpc_neighbour_array_append(&r->neighbours);

	if (!n)
		return -ENOMEM;
	strcpy(n->address, "192.0.2.7");
	strcpy(n->interface, "eth0");
	strcpy(n->state, "reachable");
	return 0;
}

int rpc_stats_show(struct rpc_call *call, const struct rpc_stats_show_params *p,
	struct rpc_stats_show_result *r)
{
	struct rpc_stats_row *row = rpc_stats_row_array_append(&r->ports);
	struct rpc_drop_count *drop = rpc_drop_count_array_append(&r->drops);

	if (!row || !drop)
		return -ENOMEM;
	row->has_port = true;
	strcpy(row->port, "p0");
	row->rx_packets = 7;
	r->total.rx_packets = 7;
	strcpy(drop->port, "p0");
	strcpy(drop->reason, "l2_hairpin");
	strcpy(drop->text, "The destination is behind the port that the frame came from.");
	drop->packets = 7;
	return 0;
}

int rpc_stats_clear(struct rpc_call *call, const struct rpc_stats_clear_params *p,
	struct rpc_stats_clear_result *r)
{
	fake.n_calls++;
	return 0;
}

int rpc_system_show(struct rpc_call *call, const struct rpc_system_show_params *p,
	struct rpc_system_show_result *r)
{
	struct rpc_feature *feature = rpc_feature_array_append(&r->features);

	if (!feature)
		return -ENOMEM;
	strcpy(feature->name, "xdp_multi_buffer");
	feature->available = true;
	r->pid = (uint32_t)getpid();
	return 0;
}

int rpc_system_version(struct rpc_call *call, const struct rpc_system_version_params *p,
	struct rpc_system_version_result *r)
{
	strcpy(r->version, "0.0-fake");
	strcpy(r->api_version, RPC_API_VERSION);
	strcpy(r->compatibility, RPC_COMPATIBILITY);
	return 0;
}
