// SPDX-License-Identifier: BSD-3-Clause
#include "tests/unit/router_kernel.h"

#include <linux/neighbour.h>
#include <linux/netconf.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/compiler.h"

unsigned k_pick(struct kernel *k, unsigned below)
{
	return operations_pick(k->o, below);
}

// -- the universe -------------------------------------------------------------------------
static const char *const prefixes[2][K_PREFIXES] = {
	{"0.0.0.0/0", "20.0.0.0/8", "20.1.0.0/16", "20.1.2.0/24", "20.1.2.3/32", "30.0.0.0/8",
		"10.1.0.0/16", "10.2.0.0/16", "10.3.0.0/16", "10.4.0.0/16", "10.5.0.0/16",
		"10.1.0.0/24", "10.1.0.1/32", "10.9.0.1/32", "10.0.0.0/8", "10.9.0.0/16"},
	{"::/0", "2001:db8::/32", "2001:db8:1::/48", "2001:db8:1:2::/64", "2001:db8:1:2::3/128",
		"3000::/8", "fd00:1::/32", "fd00:2::/32", "fd00:3::/32", "fd00:4::/32",
		"fd00:5::/32", "fd00:1::/64", "fd00:1::1/128", "fd00:9::1/128", "fd00::/16",
		"fd00:9::/32"},
};
#define CONNECTED 5 // + ifindex: the prefix of the link

// Read once: they are asked for millions of times.
struct ip_prefix k_prefix(unsigned family, unsigned number)
{
	static struct ip_prefix read[2][K_PREFIXES];
	struct ip_prefix *p = &read[family][number];

	if (!p->addr.family)
		*p = prefix(prefixes[family][number]);
	return *p;
}

static const char *neighbour_text(int ifindex, unsigned family, unsigned n, char *text, size_t size)
{
	if (n == K_NEIGHBOURS - 1)
		snprintf(text, size, family ? "fd00:9::1" : "10.9.0.1");
	else
		snprintf(text, size, family ? "fd00:%d::%u" : "10.%d.0.%u", ifindex, n + 1);
	return text;
}

struct ip_addr k_neighbour_addr(int ifindex, unsigned family, unsigned n)
{
	static struct ip_addr read[K_LINKS + 1][2][K_NEIGHBOURS];
	struct ip_addr *a = &read[ifindex][family][n];
	char text[IP_TEXT_SIZE];

	if (!a->family)
		*a = addr(neighbour_text(ifindex, family, n, text, sizeof(text)));
	return *a;
}

// -- records --------------------------------------------------------------------------------
void k_say_link(const struct kernel *k, int i, enum nl_verb verb)
{
	const struct k_link *l = &k->links[i];

	if (!k->is_lossy)
		tell_link(k->w, verb, i,
			!l->is_up        ? LINK_DOWN
			: l->has_carrier ? LINK_UP
					 : LINK_IDLE);
}

void k_say_conf(const struct kernel *k, int i)
{
	for (unsigned f = 0; f < 2 && !k->is_lossy; f++) {
		struct nl_netconf n = {{NL_NETCONF, NL_SET, sizeof(n), 0}, f ? AF_INET6 : AF_INET,
			i, 1, 0, k->links[i].ignores_linkdown[f]};

		router_apply(k->w->router, &n.change);
	}
}

void k_say_address(const struct kernel *k, int i, unsigned n, enum nl_verb verb)
{
	char text[32];

	snprintf(text, sizeof(text), n ? "10.%d.9.9/16" : "10.%d.0.254/16", i);
	if (!k->is_lossy)
		tell_address(k->w, verb, i, text);
}

void k_say_neighbour(const struct kernel *k, int i, unsigned f, unsigned n, enum nl_verb verb)
{
	const struct k_neighbour *e = &k->neighbours[i][f][n];
	char text[IP_TEXT_SIZE];

	neighbour_text(i, f, n, text, sizeof(text));
	if (!k->is_lossy)
		tell_neigh(k->w, verb, i, text, e->is_valid ? NUD_STALE : NUD_FAILED,
			e->is_valid ? e->mac : 0);
}

static void fill_hop(struct nl_hop *h, const struct k_hop *from, unsigned family)
{
	*h = (struct nl_hop){.ifindex = from->ifindex, .weight = from->weight};
	if (from->gateway)
		h->gateway = k_neighbour_addr(from->ifindex, family, from->gateway - 1);
}

void k_say_route(const struct kernel *k, const struct k_route *r, enum nl_verb verb,
	bool is_replace, bool is_append)
{
	struct route_record n;

	if (k->is_lossy)
		return;
	route_record(&n, prefixes[r->family][r->prefix]);
	n.route.table = r->table;
	n.route.metric = r->metric;
	n.route.nexthop = r->object;
	n.route.mtu = r->mtu;
	n.route.type = r->type;
	n.route.tos = r->tos;
	n.route.protocol = r->protocol;
	n.route.has_source = r->has_source;
	n.route.is_replace = is_replace;
	n.route.is_append = is_append;
	if (r->source) {
		char text[IP_TEXT_SIZE];

		snprintf(text, sizeof(text), "10.%d.0.254", r->source);
		n.route.source = addr(text);
	}
	n.route.n_hops = (uint16_t)r->n_hops;
	for (unsigned h = 0; h < r->n_hops; h++)
		fill_hop(&n.route.hops[h], &r->hops[h], r->family);
	tell_route(k->w, verb, &n);
}

void k_say_object(const struct kernel *k, uint32_t id, enum nl_verb verb)
{
	const struct k_object *b = id > 10 ? &k->groups[id - 11] : &k->objects[id];
	struct nl_nexthop_member members[K_HOPS];
	struct nl_nexthop n = {{NL_NEXTHOP, verb, sizeof(n), 0}, .id = id,
		.family = b->family ? AF_INET6 : AF_INET, .is_blackhole = b->is_blackhole};

	if (k->is_lossy)
		return;
	if (id > 10 && verb == NL_SET) {
		for (unsigned m = 0; m < b->n_members; m++)
			members[m] = (struct nl_nexthop_member){b->members[m], 1};
		tell_group(k->w, id, b->n_members, members);
		return;
	}
	if (!b->is_blackhole && id <= 10)
		fill_hop(&n.hop, &b->hop, b->family);
	router_apply(k->w->router, &n.change);
}

// -- what goes by itself ----------------------------------------------------------------------
bool k_is_up(const struct kernel *k, int i)
{
	return k->links[i].exists && k->links[i].is_up;
}

// IPv6 says so, if it is not told to be quiet.
static void vanish(struct kernel *k, struct k_route *r)
{
	r->exists = false;
	if (r->family && k_pick(k, 4))
		k_say_route(k, r, NL_GONE, false, false);
}

void k_remove_object(struct kernel *k, uint32_t id)
{
	struct k_object *b = id > 10 ? &k->groups[id - 11] : &k->objects[id];

	b->exists = false;
	for (unsigned n = 0; n < K_ROUTES; n++)
		if (k->routes[n].exists && k->routes[n].object == id)
			vanish(k, &k->routes[n]);
	for (unsigned g = 0; g < K_GROUPS && id <= 10; g++) {
		struct k_object *group = &k->groups[g];
		unsigned kept = 0;

		for (unsigned m = 0; group->exists && m < group->n_members; m++)
			if (group->members[m] != id)
				group->members[kept++] = group->members[m];
		if (!group->exists || kept == group->n_members)
			continue;
		group->n_members = kept;
		if (!kept)
			k_remove_object(k, 11 + g);
	}
}

static void lose_objects(struct kernel *k, int i)
{
	for (uint32_t id = 1; id <= K_OBJECTS; id++)
		if (k->objects[id].exists && !k->objects[id].is_blackhole &&
			k->objects[id].hop.ifindex == i)
			k_remove_object(k, id);
}

static bool uses(const struct k_route *r, int i)
{
	for (unsigned h = 0; h < r->n_hops; h++)
		if (r->hops[h].ifindex == i)
			return true;
	return false;
}

static void take_down(struct kernel *k, int i)
{
	k->links[i].is_up = false;
	k_say_link(k, i, NL_SET);
	lose_objects(k, i);
	for (unsigned n = 0; n < K_ROUTES; n++) {
		struct k_route *r = &k->routes[n];
		bool all = true;

		for (unsigned h = 0; h < r->n_hops; h++)
			all &= !k_is_up(k, r->hops[h].ifindex);
		if (r->exists && r->type != RTN_LOCAL && uses(r, i) && all)
			vanish(k, r);
	}
}

struct k_route *k_new_route(struct kernel *k)
{
	for (unsigned n = 0; n < K_ROUTES; n++)
		if (!k->routes[n].exists) {
			memset(&k->routes[n], 0, sizeof(k->routes[n]));
			return &k->routes[n];
		}
	return NULL;
}

bool k_same_key(const struct k_route *a, const struct k_route *b)
{
	return a->exists && b->exists && a->family == b->family && a->table == b->table &&
	       a->prefix == b->prefix && a->metric == b->metric && a->tos == b->tos &&
	       a->has_source == b->has_source;
}

static void add_connected(struct kernel *k, int i)
{
	struct k_route *r = k_new_route(k), like = {.exists = true,
						    .prefix = CONNECTED + (unsigned)i,
						    .table = RT_TABLE_MAIN};

	for (unsigned n = 0; n < K_ROUTES; n++)
		if (k_same_key(&k->routes[n], &like))
			return;
	if (!r)
		return;
	*r = like;
	r->type = RTN_UNICAST;
	r->protocol = RTPROT_KERNEL;
	r->n_hops = 1;
	r->hops[0] = (struct k_hop){i, 0, 1};
	k_say_route(k, r, NL_SET, false, false);
}

static void take_up(struct kernel *k, int i)
{
	k->links[i].is_up = true;
	k_say_link(k, i, NL_SET);
	if (k->links[i].has_address[0] || k->links[i].has_address[1])
		add_connected(k, i);
}

static void drop_address(struct kernel *k, int i, unsigned a)
{
	struct k_link *l = &k->links[i];

	l->has_address[a] = false;
	k_say_address(k, i, a, NL_GONE);
	for (unsigned n = 0; n < K_ROUTES; n++) {
		struct k_route *r = &k->routes[n];

		if (!r->exists || r->family)
			continue;
		if ((!a && r->source == i) ||
			(uses(r, i) && !l->has_address[0] && !l->has_address[1] && r->n_hops == 1))
			r->exists = false;
		// Several hops, all dead or over this link.
		if (r->exists && uses(r, i) && !l->has_address[0] && !l->has_address[1]) {
			bool all = true;

			for (unsigned h = 0; h < r->n_hops; h++)
				all &= r->hops[h].ifindex == i || !k_is_up(k, r->hops[h].ifindex);
			r->exists = !all;
		}
	}
}

static void delete_link(struct kernel *k, int i)
{
	bool is_chatty = k_pick(k, 2);

	k->links[i].exists = k->links[i].is_up = false;
	k->links[i].has_address[0] = k->links[i].has_address[1] = false;
	for (unsigned f = 0; f < 2; f++)
		for (unsigned n = 0; n < K_NEIGHBOURS; n++) {
			if (k->neighbours[i][f][n].exists && is_chatty)
				k_say_neighbour(k, i, f, n, NL_GONE);
			k->neighbours[i][f][n] = (struct k_neighbour){0};
		}
	k_say_link(k, i, NL_GONE);
	lose_objects(k, i);
	for (unsigned n = 0; n < K_ROUTES; n++) {
		struct k_route *r = &k->routes[n], gone = *r;

		if (!r->exists || !uses(r, i))
			continue;
		if (!r->family) {
			r->exists = false;
			continue;
		}
		// IPv6 loses the hops, one by one.
		gone.n_hops = 1;
		for (unsigned h = r->n_hops; h-- > 0;) {
			if (r->hops[h].ifindex != i)
				continue;
			gone.hops[0] = r->hops[h];
			r->hops[h] = r->hops[--r->n_hops];
			k_say_route(k, &gone, NL_GONE, false, false);
		}
		r->exists = r->n_hops;
	}
}

// -- operations -------------------------------------------------------------------------------
// Trouble does not last: else nothing would be forwarded for long.
static bool mend(struct kernel *k, int i)
{
	struct k_link *l = &k->links[i];

	if (l->port == PORT_NONE && i < 4) {
		l->port = (port_id_t)(20 + i);
		set_port(k->w, i, l->port);
	} else if (l->has_policy) {
		l->has_policy = false;
		router_set_policy(k->w->router, i, 0, "", "");
	} else if (l->exists && l->is_up && !l->has_carrier) {
		l->has_carrier = true;
		k_say_link(k, i, NL_SET);
	} else {
		return false;
	}
	return true;
}

void k_operate_link(struct kernel *k)
{
	int i = 1 + (int)k_pick(k, K_LINKS);
	struct k_link *l = &k->links[i];
	unsigned what = k_pick(k, 16);

	if (k_pick(k, 2) && mend(k, i))
		return;

	if (!l->exists) {
		*l = (struct k_link){.exists = true,
			.has_carrier = true,
			.port = l->port,
			.has_policy = l->has_policy};
		k_say_link(k, i, NL_SET);
		k_say_conf(k, i);
	} else if (what == 0) {
		delete_link(k, i);
	} else if (what < 5 && l->is_up) {
		take_down(k, i);
	} else if (!l->is_up) {
		take_up(k, i);
	} else if (what < 8) {
		l->has_carrier = !l->has_carrier;
		k_say_link(k, i, NL_SET);
		if (!l->has_carrier)
			lose_objects(k, i);
	} else if (what < 10) {
		l->ignores_linkdown[k_pick(k, 2)] ^= 1;
		k_say_conf(k, i);
	} else if (what < 12) { // these are not the kernel's: nothing of them is lost
		l->has_policy = !l->has_policy;
		router_set_policy(k->w->router, i, 0, "", l->has_policy ? "policy" : "");
	} else if (what < 13) {
		l->port = l->port == PORT_NONE ? (port_id_t)(20 + i) : PORT_NONE;
		set_port(k->w, i, l->port);
	} else {
		unsigned a = k_pick(k, 2);

		if (l->has_address[a]) {
			drop_address(k, i, a);
			return;
		}
		l->has_address[a] = true;
		k_say_address(k, i, a, NL_SET);
		add_connected(k, i);
	}
}

void k_operate_neighbour(struct kernel *k)
{
	int i = 1 + (int)k_pick(k, K_LINKS);
	unsigned f = k_pick(k, 2), n = k_pick(k, K_NEIGHBOURS);
	struct k_neighbour *e = &k->neighbours[i][f][n];

	if (!k->links[i].exists)
		return;
	if (e->exists && k_pick(k, 4) == 0) {
		e->exists = e->is_valid = false;
		k_say_neighbour(k, i, f, n, NL_GONE);
		return;
	}
	*e = (struct k_neighbour){true, k_pick(k, 8) > 0, 100 * (unsigned)i + k_pick(k, 50)};
	k_say_neighbour(k, i, f, n, NL_SET);
}

void k_make(struct kernel *k, struct world *w, struct operations *o)
{
	memset(k, 0, sizeof(*k));
	k->w = w;
	k->o = o;
	for (int i = 1; i <= K_LINKS; i++) {
		k->links[i].port = i < 4 ? (port_id_t)(20 + i) : PORT_NONE;
		k->links[i].exists = k->links[i].has_carrier = true;
		if (i < 4)
			set_port(w, i, k->links[i].port);
		k_say_link(k, i, NL_SET);
		k_say_conf(k, i);
		take_up(k, i);
		k->links[i].has_address[0] = true;
		k_say_address(k, i, 0, NL_SET);
		add_connected(k, i);
	}
}
