// SPDX-License-Identifier: BSD-3-Clause
// One attachment per port, for as long as the port is in the model and until its
// last opening is closed. It is open, or closing (one grace period, see publish.h),
// or waiting: for its namespace, its netdev, or the next retry.
#include "control/attach.h"

#include <errno.h>
#include <poll.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "control/adjust.h"
#include "control/container.h"
#include "control/control.h"
#include "control/guard_note.h"
#include "control/privilege.h"

#define RETRY_AT_ONCE  8  // ports per retry
#define SETTLE_WAIT_MS 50 // for the previous owner of a netdev to let go

struct attachment {
	struct control *control;
	struct model_port *owner; // NULL: removed, and only the closing remains
	port_id_t id;
	char netdev[IFNAMSIZ];
	char wanted[IFNAMSIZ]; // as the user named it: of a container's leg, the inside end
	char netns[NETNS_SPEC_SIZE];
	struct container *leg;
	struct netns_watch *namespace;
	struct netdev_watch *watch;
	struct guard_note guard;
	bool is_closing;
	int absence;    // what it was taken out of service for, until something else is the matter
	bool keeps_leg; // closing only to be opened again: the container keeps its interface
	struct publish_leaving leaving;
	struct attachment *next; // of those closing
};

// Whether the reason lies in what the machine is now, not in what was asked for.
static bool may_pass(int err)
{
	return err != -EINVAL && err != -EOPNOTSUPP && err != -EPERM && err != -EACCES;
}

static bool is_absence(int err)
{
	return err == -ENODEV || err == -ENOENT || err == -ENXIO || err == -ESRCH;
}

// -- the crash record -------------------------------------------------------------

static int note_guard(struct attachment *a, char *error)
{
	struct state_entry e = {.kind = STATE_GUARD};

	if (a->owner->set.kind != RPC_PORT_KIND_AF_XDP || a->owner->set.routed ||
		!a->control->attach.state)
		return 0;
	snprintf(e.port, sizeof(e.port), "%s", a->owner->set.name);
	snprintf(e.netns, sizeof(e.netns), "%s", a->leg ? "" : a->netns); // a leg's end is here
	snprintf(e.ifname, sizeof(e.ifname), "%s", a->netdev);
	return guard_note_take(&a->guard, a->control->attach.state, &e, error);
}

// -- link ---------------------------------------------------------------------------

static void set_link(struct control *c, struct model_port *p, bool up)
{
	bool was_up = p->is_link_up;

	p->is_link_up = up;
	model_port_settle(p);
	if (was_up == up)
		return;
	if (!up)
		attach_flush_learned(c, p->id);
	publish_request(c);
	log_info("port %s: link %s", p->set.name, up ? "up" : "down");
}

static void set_out_of_service(struct model_port *p, int err, const char *reason)
{
	enum rpc_port_oper oper = is_absence(err) ? RPC_PORT_OPER_ABSENT : RPC_PORT_OPER_ERROR;
	char object[sizeof("port : ") + PORT_NAME_SIZE];
	int n = snprintf(object, sizeof(object), "port %s: ", p->set.name);

	if (!strncmp(reason, object, n)) // what port.add would answer names the port
		reason += n;
	if (p->oper != oper || strcmp(p->reason, reason))
		log_warn("port %s: %s: %s", p->set.name, rpc_port_oper_name(oper), reason);
	p->oper = oper;
	snprintf(p->reason, sizeof(p->reason), "%s", reason);
}

// -- opening ------------------------------------------------------------------------

static int namespace_fd(const struct attachment *a)
{
	const struct netns *ns;

	if (a->leg)
		return container_netns_fd(a->leg);
	ns = a->namespace ? netns_watch_get(a->namespace) : NULL;
	return ns ? ns->fd : -1;
}

static int check_presence(const struct attachment *a, char *error)
{
	bool is_absent = (a->leg && !container_present(a->leg)) ||
			 (a->namespace && !netns_watch_get(a->namespace));

	if (is_absent && a->netns[strspn(a->netns, "0123456789")] == 0)
		return error_say(error, -ENOENT,
			"port %s: there is neither a process %s nor a network namespace of that "
			"name; give one of 'ip netns list'",
			a->owner->set.name, a->netns);
	if (is_absent)
		return error_say(error, -ENOENT,
			"port %s: there is no network namespace %s; make it (ip netns add), or "
			"check the name",
			a->owner->set.name, a->netns);
	return 0;
}

static void on_netdev(void *arg, enum netdev_event, const struct netdev *);

static int watch_netdev(struct attachment *a, char *error)
{
	int err;

	if (a->watch || a->owner->set.kind == RPC_PORT_KIND_MEMORY)
		return 0;
	err = netdev_watch_create(
		&a->watch, a->control->attach.netdevs, namespace_fd(a), a->netdev, on_netdev, a);
	if (err)
		return error_say(error, err, "port %s: cannot watch the netdev %s: %s",
			a->owner->set.name, a->netdev, strerror(-err));
	return 0;
}

static bool link_is_up(const struct attachment *a)
{
	struct netdev dev;

	if (a->owner->set.kind == RPC_PORT_KIND_MEMORY)
		return true;
	return !netdev_query(namespace_fd(a), a->netdev, &dev) && dev.up && dev.carrier;
}

static int open_port(struct attachment *a, char *error)
{
	const struct port_settings *set = &a->owner->set;
	struct port_config config = {
		.name = set->name,
		.netdev = a->netdev,
		.netns_fd = namespace_fd(a),
		.mtu = set->mtu,
		.n_queues = 1,
		.ring_size = (uint16_t)set->queue_size,
		.generic_xdp = set->generic_xdp,
		.routed = set->routed,
		.admission = a->control->routing.admission,
		.bpdu_guard = set->bpdu_guard,
		.mac = a->leg ? container_mac(a->leg) : set->mac,
		.pool = dataplane_pool(a->control->dp),
	};

	return port_open(&a->owner->port, rpc_port_kind_name(set->kind), a->id, &config, error);
}

// 0, or negative errno with a sentence; nothing is open then.
static int try_open(struct attachment *a, char *error)
{
	struct control *c = a->control;
	struct model_port *p = a->owner;
	bool had_leg = a->leg && container_attached(a->leg);
	int err = check_presence(a, error);

	if (!err && a->leg)
		err = container_attach(a->leg, error);
	if (err)
		return err;
	if (a->leg)
		snprintf(a->netdev, sizeof(a->netdev), "%s", container_netdev(a->leg));
	err = note_guard(a, error);
	if (err)
		goto detach;
	err = open_port(a, error);
	if (err)
		goto forget;
	if (a->leg)
		err = container_up(a->leg, error);
	if (!err)
		err = watch_netdev(a, error);
	if (!err && p->set.routed)
		err = routing_port_opened(c, p, error);
	if (err)
		goto close;
	p->is_link_up = link_is_up(a);
	model_port_settle(p);
	publish_request(c);
	return 0;

close:
	port_close(p->port); // no snapshot had it
	p->port = NULL;
forget:
	guard_note_not_open(&a->guard, a->control->attach.state);
detach:
	// A container keeps its interface while only we are in trouble.
	if (a->leg && (!had_leg || is_absence(err)))
		container_detach(a->leg);
	return err;
}

static void open_again(struct attachment *a)
{
	char error[ERROR_TEXT_SIZE];
	int err;

	if (a->is_closing || a->owner->port)
		return;
	err = try_open(a, error);
	if (err && err == a->absence)
		return; // that it is gone has been said better
	a->absence = 0;
	if (err)
		set_out_of_service(a->owner, err, error);
	else
		log_info("port %s: back in service", a->owner->set.name);
}

// -- closing ------------------------------------------------------------------------

static void destroy(struct attachment *a)
{
	if (!a)
		return;
	guard_note_undo(&a->guard, a->control->attach.state);
	netdev_watch_destroy(a->watch);
	netns_watch_destroy(a->namespace);
	container_destroy(a->leg);
	mem_free(a);
}

static void remember_losses(struct model_port *p)
{
	struct port_stats s = {0};

	if (p->port->ops->read_stats(p->port, &s))
		return;
	port_stats_add(&p->kernel_before, &s);
}

// publish.h's callback: no worker can touch the port any more.
static void closed(void *arg)
{
	struct attachment *a = arg, **at = &a->control->attach.closing;

	while (*at != a)
		at = &(*at)->next;
	*at = a->next;
	a->is_closing = false;
	guard_note_drop(&a->guard, a->control->attach.state);
	routing_port_closed(a->control, a->id);
	if (a->leg && !(a->keeps_leg && a->owner))
		container_detach(a->leg);
	a->keeps_leg = false;
	if (a->owner) {
		open_again(a);
		return;
	}
	events_free_id(a->control, a->id);
	destroy(a);
}

static void close_port(struct attachment *a)
{
	struct control *c = a->control;
	struct model_port *p = a->owner;

	if (p->set.routed)
		routing_port_closing(c, p);
	if ((a->leg && !a->keeps_leg) || p->set.kind == RPC_PORT_KIND_TAP) {
		netdev_watch_destroy(a->watch); // the netdev goes with the port
		a->watch = NULL;
	}
	remember_losses(p);
	a->leaving = (struct publish_leaving){.port = p->port, .closed = closed, .arg = a};
	a->is_closing = true;
	a->next = c->attach.closing;
	c->attach.closing = a;
	p->port = NULL;
	p->is_link_up = false;
	attach_flush_learned(c, p->id);
	publish_retire(c, &a->leaving);
}

static void printf_like(3, 4)
	take_out_of_service(struct attachment *a, int err, const char *fmt, ...)
{
	char reason[ERROR_TEXT_SIZE];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(reason, sizeof(reason), fmt, ap);
	va_end(ap);
	if (a->owner->port)
		close_port(a);
	a->absence = err;
	set_out_of_service(a->owner, err, reason);
}

// -- what netlink and namespaces tell ---------------------------------------------------

static void on_netdev(void *arg, enum netdev_event event, const struct netdev *dev)
{
	struct attachment *a = arg;
	struct model_port *p = a->owner;

	if (!p || a->is_closing)
		return;
	if (event == NETDEV_GONE) {
		if (p->port)
			take_out_of_service(a, -ENODEV,
				"the netdev %s is gone; the port comes back when there is one of "
				"that name",
				a->netdev);
	} else if (!p->port) {
		open_again(a);
	} else if (p->port->ifindex && p->port->ifindex != dev->ifindex) {
		take_out_of_service(a, -ENODEV, "the netdev %s was replaced", a->netdev);
	} else {
		adjust_to_netdev(a->control, p, dev);
		set_link(a->control, p, dev->up && dev->carrier);
	}
}

static void on_presence(struct attachment *a, bool present)
{
	char error[ERROR_TEXT_SIZE];

	if (!a->owner)
		return;
	if (present) {
		if (!a->leg && !a->is_closing)
			watch_netdev(a, error); // what is there already comes as NEW
		open_again(a);
		return;
	}
	netdev_watch_destroy(a->watch);
	a->watch = NULL;
	take_out_of_service(a, -ENOENT,
		"the network namespace %s is gone; the port comes back with it",
		a->leg ? container_netns_spec(a->leg) : a->netns);
}

static void on_container(void *arg, enum container_event event)
{
	on_presence(arg, event == CONTAINER_PRESENT);
}

static void on_namespace(void *arg, enum netns_event event, const struct netns *ns)
{
	on_presence(arg, event == NETNS_PRESENT);
}

void attach_broken(struct control *c, struct model_port *p, int error)
{
	bool is_broken = false;

	for (unsigned q = 0; p->port && q < p->port->n_queues; q++)
		is_broken |= p->port->queue[q].error != 0;
	if (!is_broken)
		return; // said about an opening that is closed by now
	if (error == ENETDOWN || error == ENXIO || error == ENODEV || error == EBADFD)
		take_out_of_service(p->attachment, -ENODEV,
			"the netdev %s is gone; the port comes back when there is one of that name",
			p->attachment->netdev);
	else
		take_out_of_service(p->attachment, -EIO,
			"its queue failed: %s; it is opened again every second", strerror(error));
}

// Ports that could not be opened again, a few at a time.
void attach_retry(struct loop_timer *timer)
{
	struct attach *at = container_of(timer, struct attach, retry);
	struct model *m = at->control->model;
	unsigned n_tried = 0;

	for (unsigned i = 0; i < PORT_MAX && n_tried < RETRY_AT_ONCE; i++) {
		struct model_port *p = m->by_id[at->next_retried++ % PORT_MAX];

		if (!p || p->port || !p->attachment || p->attachment->is_closing)
			continue;
		if (p->oper != RPC_PORT_OPER_ERROR &&
			!(p->set.kind == RPC_PORT_KIND_TAP && p->oper == RPC_PORT_OPER_ABSENT))
			continue;
		open_again(p->attachment);
		n_tried++;
	}
	loop_timer_set(at->control->loop, &at->retry, ATTACH_RETRY_NS);
}

// -- the port's life ------------------------------------------------------------------------

static int make_leg(struct attachment *a, char *error)
{
	const struct port_settings *set = &a->owner->set;
	char spec[CONTAINER_SPEC_SIZE];

	if (!set->has_container)
		return 0;
	snprintf(spec, sizeof(spec), "%s:%s", set->container.netns, set->container.ifname);
	return container_create(&a->leg,
		&(struct container_config){.port = set->name,
			.spec = spec,
			.veth = set->kind == RPC_PORT_KIND_AF_XDP,
			.mac = set->mac,
			.mtu = set->mtu,
			.instance = a->control->attach.instance,
			.namespaces = a->control->attach.namespaces,
			.state = a->control->attach.state,
			.changed = on_container,
			.arg = a},
		error);
}

static int make_watches(struct attachment *a, char *error)
{
	int err = make_leg(a, error);

	if (err || a->leg || a->owner->set.kind == RPC_PORT_KIND_MEMORY)
		return err;
	if (a->netns[0]) {
		err = netns_watch_create(&a->namespace, a->control->attach.namespaces, a->netns,
			on_namespace, a, error);
		if (err)
			return err;
	}
	// A TAP's netdev is made by opening it, and watched from then on.
	if (a->owner->set.kind == RPC_PORT_KIND_TAP || (a->namespace && check_presence(a, NULL)))
		return 0;
	return watch_netdev(a, error);
}

// The port of that netdev that was removed a moment ago holds it until the grace period ends;
// that is a matter of microseconds unless a worker stands still.
static int wait_for_netdev(struct control *c, const struct attachment *a, char *error)
{
	uint64_t until = clock_now_ns() + SETTLE_WAIT_MS * NS_PER_MS;
	const struct attachment *other;

	for (;;) {
		for (other = c->attach.closing; other; other = other->next)
			if (a->wanted[0] && !strcmp(other->wanted, a->wanted) &&
				!strcmp(other->netns, a->netns))
				break;
		if (!other)
			return 0;
		if (clock_now_ns() >= until)
			return error_say(error, -EBUSY,
				"port %s: the netdev %s is still held by a port that was removed, "
				"because a worker does not answer; try again later",
				a->owner->set.name, a->netdev);
		if (c->publish.leaving)
			publish_now(c);
		poll(&(struct pollfd){.fd = rcu_reclaim_fd(), .events = POLLIN}, 1, 5);
		rcu_reclaim(0);
	}
}

int attach_add(struct control *c, struct model_port *p, char *error)
{
	struct attachment *a = NULL;
	int err = privilege_check(p->set.kind, p->set.name, error);

	if (!err && p->set.routed)
		err = routing_start(c, error);
	if (err)
		return err;
	a = mem_zalloc(sizeof(*a), 0);
	if (!a || dataplane_add_port(c->dp, p->id)) {
		mem_free(a);
		return error_say(error, -ENOMEM, "port %s: out of memory", p->set.name);
	}
	a->control = c;
	a->owner = p;
	a->id = p->id;
	snprintf(a->wanted, sizeof(a->wanted), "%s",
		p->set.has_container ? p->set.container.ifname : p->set.netdev);
	memcpy(a->netdev, a->wanted, sizeof(a->netdev));
	snprintf(a->netns, sizeof(a->netns), "%s",
		p->set.has_container ? p->set.container.netns : p->set.netns);
	err = p->set.kind == RPC_PORT_KIND_MEMORY ? 0 : wait_for_netdev(c, a, error);
	if (!err)
		err = make_watches(a, error);
	if (err)
		goto undo;
	p->attachment = a;
	err = try_open(a, error);
	if (err && c->is_loading && may_pass(err)) {
		set_out_of_service(p, err, error);
		err = 0;
	}
	if (!err)
		return 0;
	p->attachment = NULL;
undo:
	destroy(a);
	return err;
}

void attach_remove(struct control *c, struct model_port *p)
{
	struct attachment *a = p->attachment;
	port_id_t id = p->id;

	if (a && p->port)
		close_port(a);
	fdb_flush(c->fdb, &(struct fdb_filter){.port = id});
	for (unsigned i = 0; i < c->model->n_workers; i++)
		port_counters_sub(&c->removed[i], &p->cleared[i]); // the rest follows with the id
	port_stats_add(&c->removed_losses, &p->kernel_before);
	port_stats_sub(&c->removed_losses, &p->kernel_cleared);
	model_port_remove(c->model, p);
	if (a)
		a->owner = NULL;
	if (a && a->is_closing)
		return;
	destroy(a);
	events_free_id(c, id);
}

void attach_reopen(struct control *c, struct model_port *p)
{
	if (!p->port)
		return;
	p->attachment->keeps_leg = true;
	close_port(p->attachment);
	set_out_of_service(p, -EAGAIN, "it is being opened again");
}

void attach_update_leg(struct model_port *p)
{
	if (attach_leg(p))
		container_set(p->attachment->leg, p->set.mac, p->set.mtu);
}

const char *attach_netdev(const struct model_port *p)
{
	return p->attachment ? p->attachment->netdev : "";
}

int attach_netns_fd(const struct model_port *p)
{
	return p->attachment ? namespace_fd(p->attachment) : -1;
}

const struct container *attach_leg(const struct model_port *p)
{
	return p->attachment ? p->attachment->leg : NULL;
}

bool attach_mac(const struct model_port *p, struct mac *out)
{
	if (attach_leg(p))
		*out = container_mac(attach_leg(p));
	else if (p->port)
		*out = p->port->mac;
	else
		*out = p->set.mac;
	return !mac_is_zero(*out);
}
