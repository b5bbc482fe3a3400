// SPDX-License-Identifier: BSD-3-Clause
#include "control/model.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/mem.h"

#define DEFAULT_AGEING      300
#define DEFAULT_FDB_MAX     131072
#define DEFAULT_FLAP_MOVES  10
#define DEFAULT_FLAP_WINDOW 10

// settings.state goes to the workers as it is.
static_assert((int)RPC_STP_STATE_DISABLED == PORT_DISABLED &&
		      (int)RPC_STP_STATE_BLOCKING == PORT_BLOCKING &&
		      (int)RPC_STP_STATE_LISTENING == PORT_LISTENING &&
		      (int)RPC_STP_STATE_LEARNING == PORT_LEARNING &&
		      (int)RPC_STP_STATE_FORWARDING == PORT_FORWARDING,
	"one order of port states");

static int printf_like(3, 4) fail(char *error, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(error, PORT_ERROR_SIZE, fmt, ap);
	va_end(ap);
	return err;
}

int model_create(struct model **out, unsigned n_workers)
{
	struct model *m = mem_zalloc(sizeof(*m), 0);

	if (!m)
		return -ENOMEM;
	m->n_workers = n_workers;
	m->bridge = (struct bridge_settings){
		.ageing_time = DEFAULT_AGEING,
		.fdb_max = DEFAULT_FDB_MAX,
		.flap_moves = DEFAULT_FLAP_MOVES,
		.flap_window = DEFAULT_FLAP_WINDOW,
	};
	*out = m;
	return 0;
}

static void free_port(struct model_port *p)
{
	if (!p)
		return;
	mem_free(p->cleared);
	mem_free(p);
}

void model_destroy(struct model *m)
{
	if (!m)
		return;
	for (unsigned i = 0; i < m->n_ports; i++)
		free_port(m->by_name[i]);
	mem_free(m);
}

// Where the name is, or would be.
static unsigned name_index(const struct model *m, const char *name)
{
	unsigned low = 0, high = m->n_ports;

	while (low < high) {
		unsigned middle = (low + high) / 2;

		if (strcmp(m->by_name[middle]->set.name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct model_port *model_port_find(const struct model *m, const char *name)
{
	unsigned i = name_index(m, name);

	return i < m->n_ports && !strcmp(m->by_name[i]->set.name, name) ? m->by_name[i] : NULL;
}

struct model_port *model_port_at(const struct model *m, port_id_t id)
{
	return id < PORT_MAX ? m->by_id[id] : NULL;
}

unsigned model_n_ids(const struct model *m)
{
	unsigned n = PORT_MAX;

	while (n && !m->by_id[n - 1])
		n--;
	return n;
}

static unsigned lowest_free_id(const struct model *m)
{
	unsigned id = 0;

	while (id < PORT_MAX && m->id_state[id] != ID_FREE)
		id++;
	return id;
}

int model_port_add(
	struct model *m, const struct port_settings *set, struct model_port **out, char *error)
{
	unsigned id = lowest_free_id(m), at = name_index(m, set->name);
	struct model_port *p;

	if (model_port_find(m, set->name))
		return fail(error, -EEXIST,
			"port %s: there is a port of that name already; choose another name or "
			"remove it with 'garuda port del %s'",
			set->name, set->name);
	if (id == PORT_MAX)
		return fail(error, -ENOSPC,
			"port %s: all %u port ids are in use; remove a port first", set->name,
			PORT_MAX);
	p = mem_zalloc(sizeof(*p), 0);
	if (p)
		p->cleared = mem_zalloc(m->n_workers * sizeof(*p->cleared), CACHE_LINE);
	if (!p || !p->cleared) {
		free_port(p);
		return fail(error, -ENOMEM, "port %s: out of memory", set->name);
	}
	p->id = (port_id_t)id;
	p->set = *set;
	p->oper = RPC_PORT_OPER_ERROR;
	memmove(&m->by_name[at + 1], &m->by_name[at], (m->n_ports - at) * sizeof(*m->by_name));
	m->by_name[at] = p;
	m->n_ports++;
	m->by_id[id] = p;
	m->id_state[id] = ID_USED;
	*out = p;
	return 0;
}

void model_port_remove(struct model *m, struct model_port *p)
{
	unsigned at = name_index(m, p->set.name);

	m->n_ports--;
	memmove(&m->by_name[at], &m->by_name[at + 1], (m->n_ports - at) * sizeof(*m->by_name));
	m->by_id[p->id] = NULL;
	m->id_state[p->id] = ID_LEAVING;
	free_port(p);
}

void model_id_free(struct model *m, port_id_t id)
{
	m->id_state[id] = ID_FREE;
}

int port_vlans_apply(
	struct port_vlans *v, const struct vlan_request *r, const char *port, char *error)
{
	struct port_vlans new = *v;

	if (r->has_vlan && r->has_trunk)
		return fail(error, -EINVAL,
			"port %s: vlan and trunk contradict each other; give vlan for an access "
			"port, or trunk (and native) for a trunk",
			port);
	if (r->has_vlan && r->has_native && r->native)
		return fail(error, -EINVAL,
			"port %s: native belongs to a trunk and vlan to an access port; give trunk "
			"with native, or vlan alone",
			port);
	if (r->has_vlan) {
		new = (struct port_vlans){.untagged = r->vlan};
	} else if (r->has_trunk) {
		new.untagged = r->has_native ? r->native : v->is_trunk ? v->untagged : 0;
		new.tagged = *r->trunk;
		new.is_trunk = true;
	} else if (r->has_native && v->is_trunk) {
		new.untagged = r->native;
	} else if (r->has_native && r->native) {
		return fail(error, -EINVAL,
			"port %s: native %u is for trunks only; give the tagged VLANs with trunk, "
			"or use vlan %u",
			port, r->native, r->native);
	} else if (!v->is_trunk && !v->untagged) {
		new.untagged = 1; // IEEE 802.1Q 12.10.1: untagged in VLAN 1
	}
	if (new.is_trunk && !new.untagged && !vlan_set_count(&new.tagged))
		return fail(error, -EINVAL,
			"port %s: the trunk carries no VLAN; name its VLANs with trunk, as in "
			"10,20-29, or give a native VLAN",
			port);
	*v = new;
	return 0;
}

bool port_vlans_is_tagged(const struct port_vlans *v, vlan_id_t vlan)
{
	return v->is_trunk && vlan != v->untagged && vlan_set_has(&v->tagged, vlan);
}

bool port_vlans_has(const struct port_vlans *v, vlan_id_t vlan)
{
	return vlan == v->untagged || port_vlans_is_tagged(v, vlan);
}

bool port_vlans_equal(const struct port_vlans *a, const struct port_vlans *b)
{
	return a->is_trunk == b->is_trunk && a->untagged == b->untagged &&
	       !memcmp(&a->tagged, &b->tagged, sizeof(a->tagged));
}

void model_vlans(const struct model *m, struct vlan_set *out)
{
	*out = (struct vlan_set){0};
	for (unsigned i = 0; i < m->n_ports; i++) {
		const struct port_vlans *v = &m->by_name[i]->set.vlans;

		for (unsigned w = 0; v->is_trunk && w < ARRAY_SIZE(out->bits); w++)
			out->bits[w] |= v->tagged.bits[w];
		if (v->untagged)
			vlan_set_add(out, v->untagged);
	}
}

enum port_state model_port_state(const struct model_port *p)
{
	return p->is_guarded ? PORT_DISABLED : (enum port_state)p->set.state;
}

void model_port_settle(struct model_port *p)
{
	p->oper = RPC_PORT_OPER_DOWN;
	if (p->is_guarded) {
		fail(p->reason, 0,
			"BPDU guard: a BPDU came in, so the port was disabled; remove the bridge "
			"behind it, then 'garuda port set %s --state forwarding'",
			p->set.name);
	} else if (p->set.state == RPC_STP_STATE_DISABLED) {
		fail(p->reason, 0, "its state was set to disabled");
	} else if (!p->is_link_up) {
		fail(p->reason, 0, "the link of %s is down", p->set.netdev);
	} else {
		p->oper = RPC_PORT_OPER_UP;
		p->reason[0] = 0;
	}
}
