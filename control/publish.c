// SPDX-License-Identifier: BSD-3-Clause
// A snapshot is built from nothing each time: with a thousand ports that takes
// less than a millisecond, and there is no second way to get it wrong.
#include "control/publish.h"

#include <errno.h>

#include "base/clock.h"
#include "base/log.h"
#include "control/control.h"
#include "control/own_mac.h"

#define RETRY_NS (100 * NS_PER_MS)

static uint16_t port_flags(const struct model_port *p)
{
	const struct port_settings *set = &p->set;
	bool may_send = p->port && p->is_link_up && model_port_state(p) == PORT_FORWARDING;
	unsigned flags = 0;

	flags |= set->learning ? PORT_LEARN : 0;
	flags |= set->isolated ? PORT_ISOLATED : 0;
	flags |= set->flood[BUM_BROADCAST] ? PORT_FLOOD_BROADCAST : 0;
	flags |= set->flood[BUM_UNKNOWN] ? PORT_FLOOD_UNKNOWN : 0;
	flags |= set->flood[BUM_MULTICAST] ? PORT_FLOOD_MULTICAST : 0;
	flags |= set->bpdu_guard ? PORT_BPDU_GUARD : 0;
	flags |= may_send ? PORT_EGRESS : 0;
	for (unsigned i = 0; i < N_BUM; i++)
		flags |= set->storm[i] ? PORT_STORM : 0;
	return (uint16_t)flags;
}

static void add_vlans(struct vlan_table *t, const struct model_port *p)
{
	const struct port_vlans *v = &p->set.vlans;

	for (unsigned word = 0; v->is_trunk && word < N_VLANS / 64; word++) {
		for (uint64_t bits = v->tagged.bits[word]; bits; bits &= bits - 1) {
			unsigned vlan = word * 64 + (unsigned)__builtin_ctzll(bits);

			if (vlan != v->untagged)
				vlan_table_add(t, (vlan_id_t)vlan, p->id, false);
		}
	}
	if (v->untagged)
		vlan_table_add(t, v->untagged, p->id, true);
}

static void add_port(const struct control *c, struct snapshot *s, struct model_port *p)
{
	struct snapshot_port *view = &s->port[p->id];

	if (p->set.routed) {
		routing_fill_port(c, p, view);
		snapshot_attach(s, p->port);
		return;
	}
	view->state = (uint8_t)model_port_state(p);
	view->flags = port_flags(p);
	view->pvid = p->set.vlans.untagged;
	for (unsigned i = 0; i < N_BUM; i++)
		view->storm_rate[i] = p->set.storm[i];
	add_vlans(s->vlans, p);
	snapshot_attach(s, p->port);
	snapshot_index(s, p->id);
}

static struct snapshot *build(const struct control *c)
{
	const struct model *m = c->model;
	struct snapshot *s = snapshot_new(model_n_ids(m), dataplane_n_workers(c->dp));

	if (!s)
		return NULL;
	s->fdb = c->fdb;
	routing_fill(c, s);
	for (unsigned v = 0; v < N_VLANS; v++)
		s->vlans->flags[v] = m->vlan[v].flags;
	for (unsigned i = 0; i < m->n_ports; i++)
		if (m->by_name[i]->port)
			add_port(c, s, m->by_name[i]);
	return s;
}

// False: memory was short, and some still wait.
static bool retire_leaving(struct control *c)
{
	struct publish_leaving *l;

	while ((l = c->publish.leaving)) {
		struct publish_leaving *next = l->next;

		if (dataplane_retire_port(c->dp, l->port, l->closed, l->arg))
			return false;
		c->publish.leaving = next;
	}
	return true;
}

int publish_now(struct control *c)
{
	struct snapshot *s = build(c);

	own_mac_settle(c);
	loop_job_cancel(c->loop, &c->publish.job);
	if (s) {
		dataplane_publish(c->dp, s);
		routing_published(c);
		c->publish.n_published++;
		if (retire_leaving(c))
			return 0;
	}
	loop_timer_set(c->loop, &c->publish.retry, RETRY_NS);
	return -ENOMEM;
}

static bool publish_step(struct loop_job *job)
{
	if (publish_now(container_of(job, struct publish, job)->control))
		log_warn("no memory for a new snapshot; the workers go on with the old one");
	return false;
}

static void retry(struct loop_timer *timer)
{
	publish_request(container_of(timer, struct publish, retry)->control);
}

void publish_init(struct publish *p, struct control *c)
{
	*p = (struct publish){.job.step = publish_step, .retry.fire = retry, .control = c};
}

void publish_request(struct control *c)
{
	loop_job_start(c->loop, &c->publish.job);
}

void publish_retire(struct control *c, struct publish_leaving *l)
{
	l->next = c->publish.leaving;
	c->publish.leaving = l;
	publish_request(c);
}
