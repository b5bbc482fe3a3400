// SPDX-License-Identifier: BSD-3-Clause
#include "control/events.h"

#include <sys/epoll.h>

#include "base/clock.h"
#include "base/log.h"
#include "control/control.h"

#define DRAIN_NS     (2 * NS_PER_MS)
#define DRAIN_BATCH  64
#define LOG_EVERY_NS NS_PER_SEC
#define AGE_MIN_NS   (2 * NS_PER_MS)
#define AGE_MAX_NS   (750 * NS_PER_MS)

// -- learning -------------------------------------------------------------------

static void report_flap(struct control *c, fdb_key_t key, port_id_t port, port_id_t old)
{
	const struct model_port *to = model_port_at(c->model, port);
	const struct model_port *from = model_port_at(c->model, old);
	struct events *e = &c->events;
	uint64_t now = clock_now_ns();
	char mac[MAC_TEXT_SIZE], more[64] = "";

	e->n_flaps++;
	if (now < e->next_flap_log) {
		e->quiet_flaps++;
		return;
	}
	if (e->quiet_flaps)
		snprintf(more, sizeof(more), " (%lu more flaps were not logged)", e->quiet_flaps);
	log_warn("MAC flap: %s in VLAN %u moved %u times within %u s, now from port %s to %s; is "
		 "there a loop, or the address twice?%s",
		mac_format(fdb_key_mac(key), mac), fdb_key_vlan(key), c->model->bridge.flap_moves,
		c->model->bridge.flap_window, from ? from->set.name : "(removed)", to->set.name,
		more);
	e->quiet_flaps = 0;
	e->next_flap_log = now + LOG_EVERY_NS;
}

static void note_move(struct control *c, fdb_key_t key, port_id_t port, port_id_t old)
{
	const struct bridge_settings *b = &c->model->bridge;
	struct flap *f = &c->events.flap[(key * 0x9e3779b97f4a7c15ull) >> 54];
	uint64_t now = clock_now_ns();

	if (!b->flap_moves)
		return;
	if (f->key != key || now - f->since > b->flap_window * NS_PER_SEC)
		*f = (struct flap){.key = key, .since = now};
	if (++f->n_moves < b->flap_moves)
		return;
	*f = (struct flap){0};
	report_flap(c, key, port, old);
}

// Once a minute for each limit: that of a port must not hide another's, or that in total.
static void report_limit(struct control *c, struct model_port *p, int err)
{
	uint64_t *next = err == -EDQUOT ? &p->next_limit_log : &c->events.next_limit_log;
	uint64_t now = clock_now_ns();

	if (now < *next)
		return;
	*next = now + 60 * LOG_EVERY_NS;
	if (err == -EDQUOT)
		log_warn("port %s: its fdb_limit of %u addresses is reached; traffic to further "
			 "ones is flooded",
			p->set.name, p->set.fdb_limit);
	else
		log_warn("the forwarding database is full (fdb_max %u); traffic to further "
			 "addresses is flooded",
			c->model->bridge.fdb_max);
}

// The observation may be older than the last change: what holds now decides.
static bool may_learn(const struct control *c, const struct model_port *p, vlan_id_t vlan)
{
	return p->port && p->is_link_up && p->set.learning &&
	       model_port_state(p) >= PORT_LEARNING && port_vlans_has(&p->set.vlans, vlan) &&
	       !(c->model->vlan[vlan % N_VLANS].flags & VLAN_NO_LEARNING);
}

// Brings the entries of a batch near, all at once: waiting for them one by one would be most of
// the time that learning takes.
static void prefetch(const struct control *c, const struct event *batch, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (batch[i].type == EVENT_MAC_SEEN)
			fdb_prefetch(c->fdb, fdb_key(batch[i].vlan, batch[i].mac));
}

static void learn(struct control *c, struct model_port *p, const struct event *e)
{
	fdb_key_t key = fdb_key(e->vlan, e->mac);
	port_id_t old = PORT_NONE;
	int did;

	if (!may_learn(c, p, e->vlan))
		return;
	did = fdb_learn(c->fdb, key, p->id, &old);
	if (did == FDB_MOVED)
		note_move(c, key, p->id, old);
	else if (did == -EDQUOT || did == -ENOSPC)
		report_limit(c, p, did);
}

// -- the others -------------------------------------------------------------------

static void guard(struct control *c, struct model_port *p)
{
	if (!p->set.bpdu_guard || p->is_guarded)
		return;
	p->is_guarded = true;
	model_port_settle(p);
	attach_flush_learned(c, p->id);
	publish_request(c);
	log_warn("port %s: %s", p->set.name, p->reason);
}

static void handle(struct control *c, const struct event *e)
{
	struct model_port *p = model_port_at(c->model, e->port);

	if (!p)
		return; // it was removed meanwhile
	switch (e->type) {
	case EVENT_MAC_SEEN:
		learn(c, p, e);
		break;
	case EVENT_BPDU:
		guard(c, p);
		break;
	case EVENT_PORT_ERROR:
		attach_broken(c, p, e->error);
		break;
	}
}

static void keep_counters(struct control *c, port_id_t id)
{
	struct port_counters n;

	for (unsigned i = 0; i < dataplane_n_workers(c->dp); i++) {
		dataplane_counters(c->dp, (int)i, id, &n);
		port_counters_add(&c->removed[i], &n);
	}
}

static void free_ids(struct control *c)
{
	struct events *ev = &c->events;

	ev->has_ids_leaving = false;
	for (unsigned word = 0; word < PORT_MAX / 64; word++) {
		for (uint64_t bits = ev->ids_leaving[word]; bits; bits &= bits - 1) {
			port_id_t id = (port_id_t)(word * 64 + (unsigned)__builtin_ctzll(bits));

			keep_counters(c, id);
			dataplane_counters_forget(c->dp, id);
			fdb_set_port_limit(c->fdb, id, UINT32_MAX);
			model_id_free(c->model, id);
		}
		ev->ids_leaving[word] = 0;
	}
}

void events_drain(struct control *c)
{
	struct event batch[DRAIN_BATCH];
	uint64_t until = clock_now_ns() + DRAIN_NS;
	unsigned n;

	do {
		n = dataplane_events(c->dp, batch, DRAIN_BATCH);
		prefetch(c, batch, n);
		for (unsigned i = 0; i < n; i++)
			handle(c, &batch[i]);
	} while (n == DRAIN_BATCH && clock_now_ns() < until);
	if (n < DRAIN_BATCH && c->events.has_ids_leaving)
		free_ids(c); // every ring was empty after the ids left
}

static void ready(struct loop_io *io, uint32_t what)
{
	events_drain(container_of(io, struct events, io)->control);
}

void events_free_id(struct control *c, port_id_t id)
{
	c->events.ids_leaving[id / 64] |= 1ull << (id % 64);
	c->events.has_ids_leaving = true;
	dataplane_notify(c->dp);
}

// -- ageing -------------------------------------------------------------------------

// The table wants at least 20 calls in every 20th of the ageing time.
static void arm_age_timer(struct control *c)
{
	uint64_t every = c->model->bridge.ageing_time * NS_PER_SEC / 400;

	every = every ? MIN(MAX(every, AGE_MIN_NS), AGE_MAX_NS) : AGE_MAX_NS;
	loop_timer_set(c->loop, &c->events.age_timer, every);
}

static void age(struct loop_timer *timer)
{
	struct control *c = container_of(timer, struct events, age_timer)->control;

	if (fdb_age(c->fdb, clock_now_ns()))
		loop_job_start(c->loop, &c->events.age_job);
	arm_age_timer(c);
}

static bool age_more(struct loop_job *job)
{
	struct control *c = container_of(job, struct events, age_job)->control;

	return fdb_age(c->fdb, clock_now_ns());
}

void events_ageing_changed(struct control *c)
{
	fdb_set_ageing(c->fdb, c->model->bridge.ageing_time * NS_PER_SEC);
	arm_age_timer(c);
}

int events_init(struct events *e, struct control *c)
{
	e->control = c;
	e->io = (struct loop_io){.fd = dataplane_event_fd(c->dp), .ready = ready};
	e->age_timer.fire = age;
	e->age_job.step = age_more;
	arm_age_timer(c);
	return loop_watch(c->loop, &e->io, EPOLLIN);
}

void events_fini(struct events *e)
{
	if (!e->control)
		return;
	loop_unwatch(e->control->loop, &e->io);
	loop_timer_cancel(e->control->loop, &e->age_timer);
	loop_job_cancel(e->control->loop, &e->age_job);
}
