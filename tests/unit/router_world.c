// SPDX-License-Identifier: BSD-3-Clause
#include "tests/unit/router_world.h"

#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/neighbour.h>
#include <linux/netconf.h>
#include <linux/rtnetlink.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/rcu.h"
#include "dataplane/table/fib.h"
#include "dataplane/table/neigh.h"
#include "dataplane/table/nexthop.h"

#define need(what) ((what) ? (void)0 : broken(#what, __LINE__))

static void broken(const char *what, int line)
{
	fprintf(stderr, "%s:%d: %s\n", __FILE__, line, what);
	abort();
}

// -- the sink -----------------------------------------------------------------------------
static int local(void *arg, const struct ip_prefix *p, bool is_there)
{
	struct world *w = arg;
	unsigned k = 0;

	if (w->refuse_local)
		return w->refuse_local;
	while (k < w->n_locals && memcmp(&w->locals[k], p, sizeof(*p)))
		k++;
	need(is_there == (k == w->n_locals)); // never told twice
	if (!is_there) {
		w->locals[k] = w->locals[--w->n_locals];
	} else {
		need(k < WORLD_LOCALS);
		w->locals[w->n_locals++] = *p;
	}
	return 0;
}

static void leave_changed(void *arg)
{
	((struct world *)arg)->n_leave++;
}

static void interface_changed(void *arg, int ifindex)
{
	((struct world *)arg)->n_changed++;
}

void world_make(struct world *w, const struct router_config *c)
{
	struct router_config config = c ? *c : (struct router_config){0};

	memset(w, 0, sizeof(*w));
	config.sink = (struct router_sink){local, leave_changed, interface_changed, w};
	need(!router_create(&w->router, &config));
}

void world_free(struct world *w)
{
	router_destroy(w->router);
	rcu_barrier_reclaim();
}

void world_settle(struct world *w)
{
	for (unsigned n = 0; router_step(w->router); n++)
		need(n < 1000000);
	rcu_reclaim(0);
}

bool world_knows_local(const struct world *w, const struct ip_prefix *p)
{
	for (unsigned k = 0; k < w->n_locals; k++)
		if (!memcmp(&w->locals[k], p, sizeof(*p)))
			return true;
	return false;
}

bool world_has_local(const struct world *w, const char *text)
{
	struct ip_prefix p = prefix(text);

	return world_knows_local(w, &p);
}

void world_dumped(struct world *w)
{
	for (unsigned kind = 0; kind < N_NL_KINDS; kind++) {
		tell(w, kind, NL_BEGIN);
		for (unsigned f = 0; f < 2 && kind == NL_RULE; f++) {
			tell_rule(w, NL_SET, f ? AF_INET6 : AF_INET, 0, RT_TABLE_LOCAL);
			tell_rule(w, NL_SET, f ? AF_INET6 : AF_INET, 32766, RT_TABLE_MAIN);
		}
		tell(w, kind, NL_END);
	}
	tell_rule(w, NL_SET, AF_INET, 32767, RT_TABLE_DEFAULT);
	world_settle(w);
}

// -- values -------------------------------------------------------------------------------
struct ip_addr addr(const char *text)
{
	struct ip_addr a = {0};

	need(!*text || ip_parse(text, &a));
	return a;
}

struct ip_prefix prefix(const char *text)
{
	char host[IP_TEXT_SIZE] = {0};
	const char *slash = strchr(text, '/');
	struct ip_prefix p;

	need(slash && (size_t)(slash - text) < sizeof(host));
	memcpy(host, text, (size_t)(slash - text));
	p.addr = addr(host);
	p.len = (uint8_t)strtoul(slash + 1, NULL, 10);
	return p;
}

struct mac mac(unsigned n)
{
	return (struct mac){{2, 0, 0, 0, (uint8_t)(n >> 8), (uint8_t)n}};
}

// -- records ------------------------------------------------------------------------------
#define TRACE_SIZE 512
static char *printf_like(1, 2) trace(const char *format, ...)
{
	static char text[TRACE_SIZE];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	return text;
}

// Every record in a line, for whoever has to find out why: ROUTER_TRACE=1.
static void apply(struct world *w, const struct nl_change *c, const char *text)
{
	static const char *const kinds[] = {
		"link", "address", "neighbour", "route", "nexthop", "rule", "netconf"};
	static const char *const verbs[] = {"set", "gone", "begin", "end", "broken"};

	if (getenv("ROUTER_TRACE"))
		fprintf(stderr, "%s %s %s\n", verbs[c->verb], kinds[c->kind], text);
	router_apply(w->router, c);
}

static struct nl_change change(enum nl_kind kind, enum nl_verb verb, size_t size)
{
	return (struct nl_change){kind, verb, (uint16_t)size, 0};
}

void tell(struct world *w, enum nl_kind kind, enum nl_verb verb)
{
	struct nl_change c = change(kind, verb, sizeof(c));

	apply(w, &c, "");
}

struct nl_link link_record(int ifindex, uint32_t flags)
{
	struct nl_link l = {change(NL_LINK, NL_SET, sizeof(l)), .ifindex = ifindex};

	snprintf(l.name, sizeof(l.name), "eth%d", ifindex);
	snprintf(l.type, sizeof(l.type), "veth");
	l.flags = flags;
	l.mtu = 1500;
	l.mac = mac(1000 + (unsigned)ifindex);
	l.is_running = (flags & LINK_UP) == LINK_UP;
	return l;
}

void tell_link(struct world *w, enum nl_verb verb, int ifindex, uint32_t flags)
{
	struct nl_link l = link_record(ifindex, flags);

	l.change.verb = verb;
	apply(w, &l.change, trace("%s flags %x", l.name, flags));
}

void tell_address(struct world *w, enum nl_verb verb, int ifindex, const char *text)
{
	struct nl_address a = {change(NL_ADDRESS, verb, sizeof(a)), ifindex, prefix(text), 0, 0};

	apply(w, &a.change, trace("eth%d %s", ifindex, text));
}

void tell_neigh(struct world *w, enum nl_verb verb, int ifindex, const char *text, uint16_t nud,
	unsigned mac_number)
{
	struct nl_neigh n = {change(NL_NEIGH, verb, sizeof(n)), .ifindex = ifindex,
		.addr = addr(text), .nud = nud, .has_mac = mac_number, .mac = mac(mac_number)};

	apply(w, &n.change, trace("eth%d %s MAC %u", ifindex, text, mac_number));
}

void tell_forwarding(struct world *w, uint8_t family, int ifindex, int forwarding)
{
	struct nl_netconf n = {
		change(NL_NETCONF, NL_SET, sizeof(n)), family, ifindex, (int8_t)forwarding, -1, -1};

	router_apply(w->router, &n.change);
}

void tell_rule(
	struct world *w, enum nl_verb verb, uint8_t family, uint32_t priority, uint32_t table)
{
	struct nl_rule r = {change(NL_RULE, verb, sizeof(r)), family, priority, table,
		FR_ACT_TO_TBL, false, true, false, priority * 77 + table};

	router_apply(w->router, &r.change);
}

void tell_object(struct world *w, enum nl_verb verb, uint32_t id, int ifindex, const char *gateway)
{
	struct nl_nexthop n = {change(NL_NEXTHOP, verb, sizeof(n)), .id = id, .family = AF_INET};

	n.hop = (struct nl_hop){.ifindex = ifindex, .gateway = addr(gateway), .weight = 1};
	if (n.hop.gateway.family)
		n.family = n.hop.gateway.family;
	router_apply(w->router, &n.change);
}

void tell_group(struct world *w, uint32_t id, unsigned n_members, const struct nl_nexthop_member *m)
{
	union {
		struct nl_nexthop n;
		uint8_t room[sizeof(struct nl_nexthop) + 32 * sizeof(*m)];
	} u = {.n = {change(NL_NEXTHOP, NL_SET, sizeof(u)), .id = id, .is_group = true}};

	u.n.n_members = (uint16_t)n_members;
	memcpy(u.n.members, m, n_members * sizeof(*m));
	apply(w, &u.n.change, trace("group %u of %u", id, n_members));
}

int set_port(struct world *w, int ifindex, port_id_t port)
{
	struct router_port p = {port, mac(1000 + (unsigned)ifindex), 1500};

	return router_set_port(w->router, ifindex, port == PORT_NONE ? NULL : &p);
}

void route_record(struct route_record *r, const char *text)
{
	memset(r, 0, sizeof(*r));
	r->route.change.kind = NL_ROUTE;
	r->route.table = RT_TABLE_MAIN;
	r->route.prefix = prefix(text);
	r->route.protocol = RTPROT_STATIC;
	r->route.type = RTN_UNICAST;
}

void route_hop(struct route_record *r, int ifindex, const char *gateway, uint16_t weight)
{
	r->route.hops[r->route.n_hops++] =
		(struct nl_hop){.ifindex = ifindex, .gateway = addr(gateway), .weight = weight};
}

void tell_route(struct world *w, enum nl_verb verb, struct route_record *r)
{
	char text[PREFIX_TEXT_SIZE], *at;

	r->route.change.verb = verb;
	r->route.change.size = (uint16_t)ALIGN_UP(
		sizeof(r->route) + r->route.n_hops * sizeof(r->route.hops[0]), 8);
	at = trace("%s table %u metric %u type %u tos %u object %u%s%s%s",
		prefix_format(&r->route.prefix, text), r->route.table, r->route.metric,
		r->route.type, r->route.tos, r->route.nexthop, r->route.has_source ? " source" : "",
		r->route.is_replace ? " replace" : "", r->route.is_append ? " append" : "");
	for (unsigned h = 0; h < r->route.n_hops; h++) {
		ip_format(&r->route.hops[h].gateway, text);
		snprintf(at + strlen(at), TRACE_SIZE - strlen(at), ", eth%d via %s",
			r->route.hops[h].ifindex, r->route.hops[h].gateway.family ? text : "link");
	}
	apply(w, &r->route.change, at);
}

void tell_via(
	struct world *w, enum nl_verb verb, const char *text, int ifindex, const char *gateway)
{
	struct route_record r;

	route_record(&r, text);
	route_hop(&r, ifindex, gateway, 1);
	tell_route(w, verb, &r);
}

// -- what workers do ----------------------------------------------------------------------
struct seen look(const struct world *w, const struct ip_addr *a, uint32_t hash)
{
	static const char *const names[N_NEXTHOP_KINDS] = {
		"none", "forward", "kernel", "local", "drop", "unreachable", "prohibit"};
	fib_nexthop_t nexthop;
	nexthop_hit_t hit;
	struct rewrite r;
	struct seen s;

	if (a->family == AF_INET) {
		uint32_t v = (uint32_t)a->b[0] << 24 | (uint32_t)a->b[1] << 16 |
			     (uint32_t)a->b[2] << 8 | a->b[3];

		fib_lookup4_bulk(router_fib(w->router), &v, &nexthop, 1);
	} else {
		fib_lookup6_bulk(router_fib(w->router), (const uint8_t(*)[16])a->b, &nexthop, 1);
	}
	nexthop_resolve_bulk(router_nexthops(w->router), &nexthop, &hash, &hit, 1);
	s = (struct seen){.what = names[nexthop_hit_kind(hit)], .port = PORT_NONE};
	if (nexthop_hit_kind(hit) != NEXTHOP_ADJACENCY)
		return s;
	r = adjacency_read(&neigh_lines(router_neigh(w->router))[nexthop_hit_adjacency(hit)]);
	if (!rewrite_can_forward(r)) {
		s.what = "link";
		return s;
	}
	s.port = rewrite_port(r);
	memcpy(&s.mac, (const uint8_t *)r.word + 2, sizeof(s.mac));
	return s;
}

unsigned seen_as(const struct world *w, const char *to)
{
	struct ip_addr a = addr(to);
	struct seen s = look(w, &a, 0x12345678);

	if (strcmp(s.what, "forward") != 0)
		return ~0u;
	return (unsigned)s.port << 16 | (unsigned)s.mac.b[4] << 8 | s.mac.b[5];
}

const char *seen_what(const struct world *w, const char *to)
{
	struct ip_addr a = addr(to);

	return look(w, &a, 0x12345678).what;
}

// -- the usual world ------------------------------------------------------------------------
void world_usual(struct world *w, const struct router_config *c)
{
	char text[64];

	world_make(w, c);
	world_dumped(w);
	tell_forwarding(w, AF_INET6, NETCONFA_IFINDEX_ALL, 1);
	tell_link(w, NL_SET, DOCKER, LINK_UP);
	tell_via(w, NL_SET, "172.17.0.0/16", DOCKER, "");
	for (int i = ETH1; i <= ETH4; i++) {
		struct route_record r;

		tell_link(w, NL_SET, i, LINK_UP);
		tell_forwarding(w, AF_INET, i, 1);
		tell_forwarding(w, AF_INET6, i, 1);
		need(!set_port(w, i, (port_id_t)i));
		snprintf(text, sizeof(text), "10.%d.0.254/16", i);
		tell_address(w, NL_SET, i, text);
		snprintf(text, sizeof(text), "10.%d.0.0/16", i);
		tell_via(w, NL_SET, text, i, "");
		snprintf(text, sizeof(text), "fd00:%d::/32", i);
		tell_via(w, NL_SET, text, i, "");
		snprintf(text, sizeof(text), "10.%d.0.254/32", i);
		route_record(&r, text);
		r.route.type = RTN_LOCAL;
		r.route.table = RT_TABLE_LOCAL;
		route_hop(&r, i, "", 1);
		tell_route(w, NL_SET, &r);
		snprintf(text, sizeof(text), "10.%d.0.1", i);
		tell_neigh(w, NL_SET, i, text, NUD_REACHABLE, 10 * (unsigned)i);
		snprintf(text, sizeof(text), "fd00:%d::1", i);
		tell_neigh(w, NL_SET, i, text, NUD_REACHABLE, 10 * (unsigned)i);
	}
	world_settle(w);
}
