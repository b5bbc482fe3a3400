// SPDX-License-Identifier: BSD-3-Clause
#include "control/routing.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "control/control.h"
#include "control/netlink/mirror.h"
#include "control/policy/policy.h"
#include "control/router/router.h"
#include "dataplane/exception.h"
#include "dataplane/port/admission.h"

#define POLL_NS      (POLICY_POLL_MS * NS_PER_MS) // of what the kernel gives no notice of
#define AUDIT_NS     (300 * NS_PER_SEC)
#define FORGET_NS    (1 * NS_PER_SEC)
#define DUMP_NS      (10 * NS_PER_SEC) // between dumps asked for because a table was full
#define DRAIN_NS     (5 * NS_PER_MS)
#define DRAIN_ALL_NS (100 * NS_PER_MS) // at the end, when control has nothing else to do
#define APPLY_NS     (1 * NS_PER_MS)   // of a turn of the loop, for what the mirror brought

// -- what may be taken from the kernel ----------------------------------------------------
static bool is_ready(const struct routing *r)
{
	return router_is_complete(r->router) && policy_is_complete(r->policy);
}

static void allowed(const struct routing *r, int ifindex, bool *ip4, bool *ip6)
{
	struct router_interface i;
	bool is_ours = is_ready(r) && !r->is_broken && router_interface(r->router, ifindex, &i) &&
		       i.port != PORT_NONE;

	*ip4 = is_ours && i.is_accelerated4;
	*ip6 = is_ours && i.is_accelerated6;
}

// Off at once; on when the snapshot that goes with it is published.
static void interface_changed(void *arg, int ifindex)
{
	struct routing *r = arg;
	bool ip4, ip6;

	allowed(r, ifindex, &ip4, &ip6);
	admission_restrict(r->admission, ifindex, ip4, ip6);
	publish_request(r->control);
}

void routing_published(struct control *c)
{
	const struct routing *r = &c->routing;

	for (unsigned i = 0; r->is_running && i < c->model->n_ports; i++) {
		const struct model_port *p = c->model->by_name[i];
		bool ip4, ip6;

		if (!p->set.routed || !p->port)
			continue;
		allowed(r, p->port->ifindex, &ip4, &ip6);
		admission_switch(r->admission, p->port->ifindex, ip4, ip6);
	}
}

// The machine's own IPv4 addresses, for snapshot_set_own(). Rarely more than a few.
static int keep_own(struct routing *r, const struct ip_prefix *prefix, bool is_there)
{
	uint32_t addr;
	size_t at = 0;

	if (prefix->addr.family != AF_INET)
		return 0;
	if (prefix->len != 32) { // all of them are own: no list will do
		r->n_own_prefixes += is_there ? 1 : -1;
		return 0;
	}
	memcpy(&addr, prefix->addr.b, sizeof(addr));
	addr = be32toh(addr);
	while (at < r->n_own && r->own[at] != addr)
		at++;
	if (!is_there && at < r->n_own)
		r->own[at] = r->own[--r->n_own];
	if (!is_there || at < r->n_own)
		return 0;
	if (r->n_own == ADMISSION_LOCAL_MAX)
		return -ENOSPC;
	r->own[r->n_own++] = addr;
	return 0;
}

// A local prefix that admission has no room for must not be taken from the kernel: the family is
// off until all are in. The router tries again what failed.
static int local_changed(void *arg, const struct ip_prefix *prefix, bool is_there)
{
	struct routing *r = arg;
	int err = keep_own(r, prefix, is_there);

	if (!err)
		err = admission_local(r->admission, prefix, is_there);
	if (prefix->addr.family == AF_INET)
		r->is_local4_missing = err;
	else
		r->is_local6_missing = err;
	if (!r->is_broken)
		admission_switch_all(r->admission, !r->is_local4_missing, !r->is_local6_missing);
	publish_request(r->control);
	return err;
}

static void leave_changed(void *arg)
{
	struct routing *r = arg;

	r->must_forget = true;
}

static void policy_changed(void *arg, int ifindex)
{
	static const int families[] = {AF_INET, AF_INET6};
	struct routing *r = arg;

	for (size_t i = 0; i < ARRAY_SIZE(families); i++)
		router_set_policy(r->router, ifindex, families[i],
			policy_in(r->policy, ifindex, families[i]),
			policy_out(r->policy, ifindex, families[i]));
	loop_job_start(r->control->loop, &r->step); // what the router has to do now
}

// -- what comes in ---------------------------------------------------------------------------
// The first time that all is known, and when it is not any more.
static void settle(struct routing *r)
{
	if (is_ready(r) == r->was_ready)
		return;
	r->was_ready = !r->was_ready;
	publish_request(r->control);
}

static void mirror_ready(struct loop_io *io, uint32_t what)
{
	struct routing *r = container_of(io, struct routing, mirror_io);
	uint64_t until = clock_now_ns() + APPLY_NS;
	const struct nl_change *first;
	size_t size;

	while ((size = mirror_take(r->mirror, &first))) {
		router_apply_batch(r->router, first, size);
		if (clock_now_ns() >= until)
			break;
	}
	loop_job_start(r->control->loop, &r->step);
	settle(r);
}

static bool step(struct loop_job *job)
{
	struct routing *r = container_of(job, struct routing, step);
	bool more = router_step(r->router);

	settle(r);
	return more;
}

static void policy_ready(struct loop_io *io, uint32_t what)
{
	struct routing *r = container_of(io, struct routing, policy_io);

	policy_on_readable(r->policy);
	settle(r);
}

// Without the way to the kernel nothing may be taken from it.
static void look_at_exceptions(struct routing *r)
{
	int err = exception_error(r->exception);

	if (!err || r->is_broken)
		return;
	r->is_broken = true;
	admission_switch_all(r->admission, false, false);
	log_error(
		"the kernel forwards everything from now on: the exception path's TAP %s does not "
		"work any more (%s); restart garudad",
		exception_netdev(r->exception), strerror(err));
	publish_request(r->control);
}

static void poll_kernel(struct loop_timer *timer)
{
	struct routing *r = container_of(timer, struct routing, poll);
	uint64_t now = clock_now_ns();

	if (router_needs_dump(r->router) && now >= r->next_dump) {
		mirror_resync(r->mirror);
		r->next_dump = now + DUMP_NS;
	}
	settle(r);
	look_at_exceptions(r);
	if (r->must_forget && now >= r->next_forget) {
		admission_forget(r->admission);
		r->must_forget = false;
		r->next_forget = now + FORGET_NS;
	}
	loop_timer_set(r->control->loop, timer, POLL_NS);
}

void routing_audit(struct control *c)
{
	if (c->routing.is_running)
		mirror_resync(c->routing.mirror);
}

static void audit(struct loop_timer *timer)
{
	struct routing *r = container_of(timer, struct routing, audit);

	mirror_resync(r->mirror);
	loop_timer_set(r->control->loop, timer, AUDIT_NS);
}

static int parse_kinds(const char *text, uint32_t *kinds, char *error)
{
	char list[sizeof((struct routing){0}.ignore_policy)], *rest = list, *name;

	*kinds = 0;
	snprintf(list, sizeof(list), "%s", text);
	while ((name = strsep(&rest, ","))) {
		int kind = *name ? policy_kind_by_name(name) : 0;

		if (kind < 0)
			return error_say(error, -EINVAL,
				"ignore_policy: there is no kind of policy %s; take some of nft, "
				"iptables, tc, xfrm, ipvs, bpf, sysctl, with commas",
				name);
		*kinds |= *name ? 1u << kind : 0;
	}
	return 0;
}

int routing_ignore(struct control *c, const char *text, char *error)
{
	struct routing *r = &c->routing;
	uint32_t kinds;
	int err = parse_kinds(text, &kinds, error);

	if (err)
		return err;
	if (kinds)
		log_warn("policy of these kinds is ignored, so the fast path may let pass what the "
			 "kernel would not: %s",
			text);
	snprintf(r->ignore_policy, sizeof(r->ignore_policy), "%s", text);
	r->ignored = kinds;
	if (r->is_running)
		policy_set_ignored(r->policy, kinds);
	return 0;
}

// -- ports -----------------------------------------------------------------------------------
static int tell_router(struct routing *r, const struct model_port *p)
{
	loop_job_start(r->control->loop, &r->step);
	return router_set_port(r->router, p->port->ifindex,
		&(struct router_port){.port = p->id, .mac = p->port->mac, .mtu = p->port->mtu});
}

int routing_port_opened(struct control *c, const struct model_port *p, char *error)
{
	struct routing *r = &c->routing;
	int err = exception_map_port(r->exception, p->id, p->port->ifindex);

	if (!err)
		err = policy_watch(r->policy, p->port->ifindex);
	if (!err)
		err = tell_router(r, p);
	if (!err) {
		policy_changed(r, p->port->ifindex);
		return 0;
	}
	policy_unwatch(r->policy, p->port->ifindex);
	exception_unmap_port(r->exception, p->id);
	return error_say(
		error, err, "port %s: cannot be a routed port: %s", p->set.name, strerror(-err));
}

// Packets that were taken before the switch are in the rings: the workers finish them.
static bool is_drained(const struct routing *r, const struct port *only)
{
	const struct model *m = r->control->model;

	for (unsigned i = 0; i < m->n_ports; i++) {
		const struct port *port = m->by_name[i]->set.routed ? m->by_name[i]->port : NULL;

		if (port && (!only || port == only) && !port_is_drained(port))
			return false;
	}
	return exception_is_idle(r->exception);
}

static void drain(const struct routing *r, const struct port *only, uint64_t ns)
{
	uint64_t until = clock_now_ns() + ns;

	poll(NULL, 0, 2); // programs that had begun have ended
	while (!is_drained(r, only) && clock_now_ns() < until)
		poll(NULL, 0, 1);
}

void routing_quiesce(struct control *c)
{
	struct routing *r = &c->routing;

	if (!r->is_running)
		return;
	admission_switch_all(r->admission, false, false);
	r->is_broken = true; // nothing is switched on any more
	drain(r, NULL, DRAIN_ALL_NS);
}

void routing_port_closing(struct control *c, const struct model_port *p)
{
	struct routing *r = &c->routing;

	if (!admission_switch(r->admission, p->port->ifindex, false, false) && !r->is_broken)
		drain(r, p->port, DRAIN_NS);
	router_set_port(r->router, p->port->ifindex, NULL);
	loop_job_start(r->control->loop, &r->step);
	policy_unwatch(r->policy, p->port->ifindex);
}

void routing_port_closed(struct control *c, port_id_t id)
{
	if (c->routing.is_running)
		exception_unmap_port(c->routing.exception, id);
}

void routing_port_changed(struct control *c, const struct model_port *p)
{
	struct routing *r = &c->routing;

	if (!p->port)
		return;
	admission_set_mac(r->admission, p->port->ifindex, p->port->mac);
	if (tell_router(r, p))
		log_warn("port %s: its new MAC or MTU does not reach the router", p->set.name);
}

void routing_fill(const struct control *c, struct snapshot *s)
{
	const struct routing *r = &c->routing;

	if (!r->is_running)
		return;
	s->fib = router_fib(r->router);
	s->nexthops = router_nexthops(r->router);
	s->neigh = router_neigh(r->router);
	s->exception = r->exception;
	s->flow_secret = r->flow_secret;
	if (is_ready(r) && !r->n_own_prefixes)
		snapshot_set_own(s, r->own, r->n_own);
}

void routing_fill_port(
	const struct control *c, const struct model_port *p, struct snapshot_port *view)
{
	const struct routing *r = &c->routing;
	struct router_interface i;
	bool ip4, ip6;

	view->flags = PORT_ROUTED | (p->is_link_up ? PORT_ROUTED_EGRESS : 0);
	if (!r->is_running)
		return;
	allowed(r, p->port->ifindex, &ip4, &ip6);
	view->flags |= (ip4 ? PORT_TAKES_IPV4 : 0) | (ip6 ? PORT_TAKES_IPV6 : 0);
	if (router_interface(r->router, p->port->ifindex, &i))
		view->rp_filter = i.rp_filter;
}

// -- begin and end ---------------------------------------------------------------------------
void routing_init(struct routing *r, struct control *c)
{
	*r = (struct routing){
		.control = c, .poll.fire = poll_kernel, .audit.fire = audit, .step.step = step};
}

static void stop(struct routing *r)
{
	struct loop *loop = r->control->loop;

	r->is_running = false;
	loop_timer_cancel(loop, &r->poll);
	loop_timer_cancel(loop, &r->audit);
	loop_job_cancel(loop, &r->step);
	keepalive_stop(&r->keepalive);
	if (r->mirror)
		loop_unwatch(loop, &r->mirror_io);
	if (r->policy)
		loop_unwatch(loop, &r->policy_io);
	mirror_stop(r->mirror);
	policy_destroy(r->policy);
	router_destroy(r->router);
	exception_destroy(r->exception);
	admission_destroy(r->admission);
	mem_free(r->own);
	r->own = NULL;
	r->mirror = NULL;
	r->policy = NULL;
	r->router = NULL;
	r->exception = NULL;
	r->admission = NULL;
}

void routing_fini(struct routing *r)
{
	if (r->is_running)
		stop(r);
}

static int watch(struct routing *r)
{
	struct loop *loop = r->control->loop;
	int err;

	r->mirror_io = (struct loop_io){.fd = mirror_fd(r->mirror), .ready = mirror_ready};
	r->policy_io = (struct loop_io){.fd = policy_fd(r->policy), .ready = policy_ready};
	err = loop_watch(loop, &r->mirror_io, EPOLLIN);
	return err ? err : loop_watch(loop, &r->policy_io, EPOLLIN);
}

static int make_parts(struct routing *r, const char **what, char *error)
{
	struct control *c = r->control;
	int err;

	*what = "memory";
	r->own = mem_zalloc(ADMISSION_LOCAL_MAX * sizeof(*r->own), 0);
	if (!r->own || getrandom(&r->flow_secret, sizeof(r->flow_secret), 0) < 0)
		return -ENOMEM;
	*what = "the maps of the XDP programs";
	err = admission_create(&r->admission);
	if (err)
		return err;
	*what = "the routing tables";
	err = router_create(
		&r->router, &(struct router_config){.sink = {.local = local_changed,
							    .leave_changed = leave_changed,
							    .interface_changed = interface_changed,
							    .arg = r}});
	if (err)
		return err;
	*what = "the exception path";
	err = exception_create(&r->exception,
		&(struct exception_config){.pool = dataplane_pool(c->dp),
			.n_workers = dataplane_n_workers(c->dp),
			.netns_fd = -1,
			.fd = -1,
			.admission = r->admission},
		error);
	if (err)
		return err;
	*what = "the watch over the kernel's policy";
	err = policy_create(&r->policy,
		&(struct policy_config){.netns_fd = -1, .changed = policy_changed, .arg = r});
	if (err)
		return err;
	*what = "the mirror of the kernel's tables";
	err = mirror_start(&r->mirror, &(struct mirror_config){.netns_fd = -1});
	if (!err)
		err = watch(r);
	return err ? err : keepalive_start(&r->keepalive, c->loop, r->router);
}

int routing_start(struct control *c, char *error)
{
	struct routing *r = &c->routing;
	char why[EXCEPTION_ERROR_SIZE] = "";
	const char *what = "";
	int err;

	if (r->is_running)
		return 0;
	err = make_parts(r, &what, why);
	if (err) {
		stop(r);
		return error_say(
			error, err, "the router cannot be started: %s: %s", what, strerror(-err));
	}
	r->is_running = true;
	policy_set_ignored(r->policy, r->ignored);
	policy_changed(r, 0);
	poll_kernel(&r->poll);
	loop_timer_set(c->loop, &r->audit, AUDIT_NS);
	log_info("the router has started: the kernel's tables are mirrored");
	return 0;
}
