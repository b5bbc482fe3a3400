// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "control/methods/methods.h"

#define PAGE       256
#define LIST_NS    (1 * NS_PER_MS) // a longer walk goes on in the next page
#define PINNED     (FDB_STATIC | FDB_STICKY)
#define MAC_BUFFER ((char[MAC_TEXT_SIZE]){0})

static enum rpc_fdb_type type_of(uint32_t flags)
{
	if (flags & FDB_LOCAL)
		return RPC_FDB_TYPE_OWN;
	if (flags & FDB_STATIC)
		return RPC_FDB_TYPE_STATIC;
	return flags & FDB_STICKY ? RPC_FDB_TYPE_STICKY : RPC_FDB_TYPE_LEARNED;
}

static void filter_type(struct fdb_filter *f, enum rpc_fdb_type type)
{
	static const struct {
		uint32_t mask, value;
	} by_type[RPC_FDB_TYPE_N] = {
		[RPC_FDB_TYPE_LEARNED] = {PINNED, 0},
		[RPC_FDB_TYPE_STATIC] = {FDB_STATIC | FDB_LOCAL, FDB_STATIC},
		[RPC_FDB_TYPE_STICKY] = {PINNED, FDB_STICKY},
		[RPC_FDB_TYPE_OWN] = {FDB_LOCAL, FDB_LOCAL},
	};

	f->flags_mask = by_type[type].mask;
	f->flags_value = by_type[type].value;
}

// -- fdb.list -----------------------------------------------------------------------

static int add_entry(
	const struct control *c, const struct fdb_entry *e, struct rpc_fdb_list_result *result)
{
	const struct model_port *p = model_port_at(c->model, e->port);
	struct rpc_fdb_entry *out = rpc_fdb_entry_array_append(&result->entries);

	if (!out)
		return -ENOMEM;
	out->vlan = fdb_key_vlan(e->key);
	out->mac = fdb_key_mac(e->key);
	out->type = type_of(e->flags);
	out->has_port = p;
	if (p)
		memcpy(out->port, p->set.name, sizeof(out->port));
	out->has_age = !(e->flags & FDB_STATIC);
	out->age = (uint32_t)MIN(e->age_ns / NS_PER_SEC, (uint64_t)UINT32_MAX);
	return 0;
}

static bool chosen(const struct fdb_filter *f, const struct fdb_entry *e)
{
	return (f->port == PORT_NONE || f->port == e->port) &&
	       (e->flags & f->flags_mask) == f->flags_value;
}

// One MAC: asked for by key, in the VLAN given or in each.
static int list_mac(const struct control *c, const struct fdb_filter *f, struct mac mac,
	struct rpc_fdb_list_result *result)
{
	unsigned first = f->vlan ? f->vlan : 1, last = f->vlan ? f->vlan : VLAN_MAX;
	uint64_t now = clock_now_ns();
	struct fdb_entry e;
	int err = 0;

	for (unsigned v = first; !err && v <= last; v++)
		if (!fdb_find(c->fdb, fdb_key((vlan_id_t)v, mac), now, &e) && chosen(f, &e))
			err = add_entry(c, &e, result);
	return err;
}

static int list_page(const struct control *c, const struct fdb_filter *f, uint64_t cursor,
	uint32_t limit, struct rpc_fdb_list_result *result)
{
	uint64_t now = clock_now_ns(), until = now + LIST_NS;
	struct fdb_entry page[PAGE];
	int err = 0;

	while (!err && cursor != FDB_WALK_END && result->entries.n < limit &&
		clock_now_ns() < until) {
		size_t want = MIN((size_t)PAGE, (size_t)(limit - result->entries.n));
		size_t n = fdb_walk(c->fdb, f, &cursor, now, page, want);

		for (size_t i = 0; !err && i < n; i++)
			err = add_entry(c, &page[i], result);
	}
	result->has_next = cursor != FDB_WALK_END;
	snprintf(result->next, sizeof(result->next), "%016" PRIx64, cursor);
	return err;
}

static int filter_of(
	struct rpc_call *call, const struct rpc_fdb_list_params *params, struct fdb_filter *f)
{
	const struct model_port *p;
	int err = 0;

	*f = FDB_ANY;
	if (params->has_port) {
		p = method_port(call, params->port, &err);
		if (!p)
			return err;
		f->port = p->id;
	}
	if (params->has_vlan)
		f->vlan = params->vlan;
	if (params->has_type)
		filter_type(f, params->type);
	return 0;
}

int rpc_fdb_list(struct rpc_call *call, const struct rpc_fdb_list_params *params,
	struct rpc_fdb_list_result *result)
{
	const struct control *c = call->ctx;
	struct fdb_filter f;
	uint64_t cursor = 0;
	int err = filter_of(call, params, &f);
	char *end;

	if (err)
		return err;
	if (params->has_cursor) {
		errno = 0;
		cursor = strtoull(params->cursor, &end, 16);
		if (errno || *end || strlen(params->cursor) != 16)
			return rpc_error(call, -EINVAL,
				"cursor %s: is none that a reply to fdb.list gave; begin without",
				params->cursor);
	}
	if (params->has_mac)
		return list_mac(c, &f, params->mac, result);
	return list_page(c, &f, cursor, params->limit, result);
}

// -- fdb.add, fdb.del -----------------------------------------------------------------

static int check_mac(struct rpc_call *call, struct mac mac)
{
	if (mac_is_group(mac))
		return rpc_error(call, -EINVAL,
			"%s: is a group address, and those are flooded; give a unicast address",
			mac_format(mac, MAC_BUFFER));
	if (mac_is_zero(mac))
		return rpc_error(
			call, -EINVAL, "%s: is no station's address", mac_format(mac, MAC_BUFFER));
	return 0;
}

// What the user set before is not replaced silently.
static int check_pinned(struct rpc_call *call, fdb_key_t key, port_id_t port, uint32_t flags)
{
	const struct control *c = call->ctx;
	const struct model_port *there;
	struct fdb_entry e;

	if (fdb_find(c->fdb, key, clock_now_ns(), &e) || !(e.flags & FDB_FLAGS) ||
		(e.port == port && e.flags == flags))
		return 0;
	there = model_port_at(c->model, e.port);
	if (e.flags & FDB_LOCAL || !there)
		return rpc_error(call, -EEXIST, "%s: is the switch's own address in VLAN %u",
			mac_format(fdb_key_mac(key), MAC_BUFFER), fdb_key_vlan(key));
	return rpc_error(call, -EEXIST,
		"%s: is a %s entry of port %s in VLAN %u already; remove that first with 'garuda "
		"fdb del'",
		mac_format(fdb_key_mac(key), MAC_BUFFER), rpc_fdb_type_name(type_of(e.flags)),
		there->set.name, fdb_key_vlan(key));
}

int rpc_fdb_add(struct rpc_call *call, const struct rpc_fdb_add_params *params,
	struct rpc_fdb_add_result *result)
{
	struct control *c = call->ctx;
	fdb_key_t key = fdb_key(params->vlan, params->mac);
	uint32_t flags = params->sticky ? FDB_STICKY : FDB_STATIC;
	const struct model_port *p;
	int err = check_mac(call, params->mac);

	if (err)
		return err;
	p = method_port(call, params->port, &err);
	if (!p)
		return err;
	if (!port_vlans_has(&p->set.vlans, params->vlan))
		return rpc_error(call, -EINVAL,
			"port %s: is not a member of VLAN %u; give one of its VLANs with vlan, or "
			"change them with 'garuda port set'",
			p->set.name, params->vlan);
	err = check_pinned(call, key, p->id, flags);
	if (err)
		return err;
	err = fdb_add(c->fdb, key, p->id, flags);
	if (err == -ENOSPC)
		return rpc_error(call, err,
			"the forwarding database is full (fdb_max %u); raise it with 'garuda "
			"bridge "
			"set --fdb-max'",
			c->model->bridge.fdb_max);
	return err;
}

int rpc_fdb_del(struct rpc_call *call, const struct rpc_fdb_del_params *params,
	struct rpc_fdb_del_result *result)
{
	struct control *c = call->ctx;
	fdb_key_t key = fdb_key(params->vlan, params->mac);
	struct fdb_entry e;

	if (fdb_find(c->fdb, key, clock_now_ns(), &e))
		return rpc_error(call, -ENOENT, "%s: there is no entry for it in VLAN %u",
			mac_format(params->mac, MAC_BUFFER), params->vlan);
	if (e.flags & FDB_LOCAL)
		return rpc_error(call, -EPERM,
			"%s: is the switch's own address in VLAN %u and stays as long as that is "
			"so",
			mac_format(params->mac, MAC_BUFFER), params->vlan);
	return fdb_remove(c->fdb, key);
}

int rpc_fdb_flush(struct rpc_call *call, const struct rpc_fdb_flush_params *params,
	struct rpc_fdb_flush_result *result)
{
	struct control *c = call->ctx;
	struct fdb_filter f = FDB_ANY;
	const struct model_port *p;
	int err = 0;

	if (!params->has_port && !params->has_vlan && !params->all)
		return rpc_error(
			call, -EINVAL, "fdb.flush: says not what to flush; give port, vlan or all");
	if (params->all && (params->has_port || params->has_vlan))
		return rpc_error(call, -EINVAL,
			"fdb.flush: all does not go with port or vlan; leave one out");
	if (params->has_port) {
		p = method_port(call, params->port, &err);
		if (!p)
			return err;
		f.port = p->id;
	}
	f.vlan = params->has_vlan ? params->vlan : 0;
	filter_type(&f, RPC_FDB_TYPE_LEARNED);
	result->flushed = fdb_flush(c->fdb, &f);
	return 0;
}
