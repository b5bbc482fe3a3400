// SPDX-License-Identifier: BSD-3-Clause
#include "tests/unit/router_twin.h"

#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "base/compiler.h"
#include "base/rcu.h"
#include "tests/unit/router_kernel.h"

// -- the kernel's way -----------------------------------------------------------------------
static bool contains(const struct ip_prefix *p, const struct ip_addr *a)
{
	for (unsigned bit = 0; bit < p->len; bit++)
		if ((p->addr.b[bit / 8] ^ a->b[bit / 8]) & 0x80 >> bit % 8)
			return false;
	return p->addr.family == a->family;
}

static bool is_alive(const struct kernel *k, const struct k_hop *h, unsigned family)
{
	const struct k_link *l = &k->links[h->ifindex];

	return l->exists && l->is_up && (l->has_carrier || !l->ignores_linkdown[family]);
}

// The hops that are alive; false: the route does not count.
static bool collect(const struct kernel *k, const struct k_route *r, struct k_answer *out)
{
	const struct k_object *g = r->object > 10 ? &k->groups[r->object - 11] : NULL;
	unsigned n = g ? g->n_members : r->object ? 1 : r->n_hops;

	out->type = r->type;
	out->n_hops = 0;
	out->is_multi = g || n > 1;
	if (r->type != RTN_UNICAST)
		return true;
	for (unsigned i = 0; i < n; i++) {
		uint32_t id = g ? g->members[i] : r->object;
		const struct k_hop *h = r->object ? &k->objects[id].hop : &r->hops[i];

		unsigned family = r->object ? k->objects[id].family : r->family;

		if (!is_alive(k, h, family))
			continue;
		out->hops[out->n_hops] = *h;
		out->hops[out->n_hops++].family = family;
	}
	return out->n_hops;
}

// What the fast path may leave to the kernel although it would forward.
static bool is_plain(const struct kernel *k, unsigned family, const struct ip_addr *a)
{
	for (unsigned n = 0; n < K_PREFIXES; n++) {
		struct ip_prefix p = k_prefix(family, n);

		if (k->is_tainted[family][n] && contains(&p, a))
			return false;
	}
	for (unsigned n = 0; n < K_ROUTES; n++) {
		const struct k_route *r = &k->routes[n];
		struct ip_prefix p = k_prefix(r->family, r->prefix);

		if (!r->exists || r->family != family || !contains(&p, a))
			continue;
		if (r->tos || r->has_source || r->table == RT_TABLE_DEFAULT || r->mtu ||
			r->type == RTN_THROW)
			return false;
		for (unsigned m = 0; m < K_ROUTES; m++) {
			const struct k_route *o = &k->routes[m];

			if (m != n && o->exists && o->family == family && o->table == r->table &&
				o->prefix == r->prefix && o->metric == r->metric)
				return false;
		}
	}
	return true;
}

struct k_answer k_lookup(const struct kernel *k, unsigned family, const struct ip_addr *a)
{
	static const uint32_t tables[] = {RT_TABLE_LOCAL, RT_TABLE_MAIN, RT_TABLE_DEFAULT};
	struct k_answer out = {0};

	out.is_plain = is_plain(k, family, a);
	for (unsigned t = 0; t < ARRAY_SIZE(tables); t++) {
		const struct k_route *best = NULL;
		uint8_t best_len = 0;

		for (unsigned n = 0; n < K_ROUTES; n++) {
			const struct k_route *r = &k->routes[n];
			struct ip_prefix p = k_prefix(r->family, r->prefix);

			// The packet has no tos, and no source that a route asks for.
			if (!r->exists || r->family != family || r->table != tables[t] || r->tos ||
				r->has_source || !contains(&p, a) || !collect(k, r, &out))
				continue;
			if (best &&
				(p.len < best_len ||
					(p.len == best_len &&
						(r->metric > best->metric ||
							(r->metric == best->metric &&
								r->position > best->position)))))
				continue;
			best = r;
			best_len = p.len;
		}
		if (!best || best->type == RTN_THROW)
			continue;
		collect(k, best, &out);
		return out;
	}
	out.type = RTN_UNSPEC;
	out.n_hops = 0;
	return out;
}

bool k_is_local(const struct kernel *k, const struct ip_prefix *p)
{
	for (unsigned n = 0; n < K_ROUTES; n++) {
		const struct k_route *r = &k->routes[n];
		struct ip_prefix q = k_prefix(r->family, r->prefix);

		if (r->exists && r->table == RT_TABLE_LOCAL && r->type == RTN_LOCAL &&
			!memcmp(&q, p, sizeof(q)))
			return true;
	}
	return false;
}

// -- comparison -----------------------------------------------------------------------------
static const struct k_neighbour *neighbour_of(
	const struct kernel *k, const struct k_hop *h, unsigned family, const struct ip_addr *a)
{
	static const struct k_neighbour nobody;

	if (h->gateway)
		return &k->neighbours[h->ifindex][h->family][h->gateway - 1];
	for (unsigned n = 0; n < K_NEIGHBOURS; n++) {
		struct ip_addr b = k_neighbour_addr(h->ifindex, family, n);

		if (!memcmp(&b, a, sizeof(b)))
			return &k->neighbours[h->ifindex][family][n];
	}
	return &nobody;
}

// Ours: it can go out by each hop that is alive.
static bool is_ours(const struct kernel *k, const struct k_answer *a)
{
	for (unsigned h = 0; h < a->n_hops; h++) {
		const struct k_link *l = &k->links[a->hops[h].ifindex];

		if (l->port == PORT_NONE || l->has_policy)
			return false;
	}
	return a->n_hops;
}

static bool is_what(const struct seen *s, const char *what)
{
	return !strcmp(s->what, what);
}

// For whoever has to find out why.
static void explain(const struct kernel *k, unsigned family, const struct ip_addr *a,
	const struct seen *s, const struct k_answer *want)
{
	char text[PREFIX_TEXT_SIZE];

	fprintf(stderr, "%s: workers: %s, port %u, MAC %u; kernel: type %u, %u hops%s\n",
		ip_format(a, text), s->what, s->port, s->mac.b[4] << 8 | s->mac.b[5], want->type,
		want->n_hops, want->is_plain ? ", plain" : "");
	for (unsigned n = 0; n < K_ROUTES; n++) {
		const struct k_route *r = &k->routes[n];
		struct ip_prefix p = k_prefix(r->family, r->prefix);

		if (!r->exists || r->family != family || !contains(&p, a))
			continue;
		fprintf(stderr, "%s table %u metric %u type %u tos %u proto %u object %u mtu %u",
			prefix_format(&p, text), r->table, r->metric, r->type, r->tos, r->protocol,
			r->object, r->mtu);
		for (unsigned h = 0; h < r->n_hops; h++)
			fprintf(stderr, ", %u of eth%d", r->hops[h].gateway, r->hops[h].ifindex);
		fprintf(stderr, "\n");
	}
	for (int i = 1; i <= K_LINKS; i++) {
		const struct k_link *l = &k->links[i];

		fprintf(stderr, "eth%d:%s%s%s%s port %u;", i, l->exists ? "" : " gone",
			l->is_up ? " up" : "", l->has_carrier ? "" : " no carrier",
			l->has_policy ? " policy" : "", l->port);
	}
	for (unsigned id = 1; id <= K_OBJECTS; id++)
		if (k->objects[id].exists)
			fprintf(stderr, " object %u of IPv%u: %u of eth%d;", id,
				k->objects[id].family ? 6 : 4, k->objects[id].hop.gateway,
				k->objects[id].hop.ifindex);
	for (unsigned g = 0; g < K_GROUPS; g++)
		for (unsigned m = 0; k->groups[g].exists && m < k->groups[g].n_members; m++)
			fprintf(stderr, " %u in %u;", k->groups[g].members[m], 11 + g);
	fprintf(stderr, "\n");
}

static void compare(struct kernel *k, unsigned family, const struct ip_addr *a,
	struct router_twin_totals *totals)
{
	struct k_answer want = k_lookup(k, family, a);
	bool can_all = is_ours(k, &want), knows_all = can_all;

	for (unsigned h = 0; h < want.n_hops; h++)
		knows_all &= neighbour_of(k, &want.hops[h], family, a)->is_valid &&
			     k->links[want.hops[h].ifindex].has_carrier &&
			     (!want.is_multi || want.hops[h].gateway);
	for (uint32_t n = 0; n < 8; n++) {
		struct seen s = look(k->w, a, n * 0x20000000u + 0x1234567u);
		bool found = false, is_right;

		totals->answers++;
		if (is_what(&s, "forward")) {
			for (unsigned h = 0; h < want.n_hops && !found; h++) {
				const struct k_link *l = &k->links[want.hops[h].ifindex];
				const struct k_neighbour *e =
					neighbour_of(k, &want.hops[h], family, a);

				found = want.type == RTN_UNICAST && s.port == l->port &&
					e->is_valid && mac_equal(s.mac, mac(e->mac));
			}
			if (!found)
				explain(k, family, a, &s, &want);
			must(k->o, found);
			totals->forwarded++;
			continue;
		}
		is_right = (!is_what(&s, "none") || want.type == RTN_UNSPEC) &&
			   (!is_what(&s, "local") || want.type == RTN_LOCAL) &&
			   (!is_what(&s, "drop") || want.type == RTN_BLACKHOLE) &&
			   (!is_what(&s, "unreachable") || want.type == RTN_UNREACHABLE) &&
			   (!is_what(&s, "prohibit") || want.type == RTN_PROHIBIT);
		// What can be the router's is: only the neighbour may be missing.
		if (want.type == RTN_UNICAST && can_all && want.is_plain)
			is_right &= is_what(&s, "link") && !knows_all;
		if (!is_right)
			explain(k, family, a, &s, &want);
		must(k->o, is_right);
		totals->left += want.type == RTN_UNICAST && knows_all;
		totals->other += !(want.type == RTN_UNICAST && knows_all);
	}
}

// What is told to people is what workers do.
static void compare_get(struct kernel *k, const struct ip_addr *a)
{
	struct seen s = look(k->w, a, 0x55555555);
	struct router_route got;
	int err = router_get(k->w->router, a, &got);
	bool found = false;

	must(k->o, !err == !is_what(&s, "none"));
	if (err)
		return;
	for (unsigned h = 0; h < got.n_hops; h++)
		found |= got.hops[h].is_resolved && mac_equal(got.hops[h].mac, s.mac);
	if (is_what(&s, "forward"))
		must(k->o, found && !strcmp(got.action, "forward"));
	else if (is_what(&s, "link"))
		must(k->o, !strcmp(got.action, "forward"));
	else if (is_what(&s, "drop"))
		must(k->o, !strcmp(got.action, "blackhole"));
	else
		must(k->o, !strcmp(got.action, s.what));
}

static void compare_all(struct kernel *k, struct router_twin_totals *totals)
{
	static const char *const others[] = {"20.1.2.3", "20.1.2.4", "20.1.9.9", "20.9.9.9",
		"30.1.1.1", "99.9.9.9", "10.1.0.77", "10.1.7.7", "10.1.0.254", "2001:db8:1:2::3",
		"2001:db8:1:2::4", "2001:db8:1::1", "2001:db8:9::1", "3001::1", "4001::1",
		"fd00:1::77", "fd00:1:7::1", "fd00:77::1"};
	unsigned n_local = 0;

	for (unsigned i = 1; i <= K_LINKS; i++)
		for (unsigned n = 0; n < 2 * K_NEIGHBOURS; n++) {
			struct ip_addr a = k_neighbour_addr((int)i, n % 2, n / 2);

			compare(k, n % 2, &a, totals);
			compare_get(k, &a);
		}
	for (unsigned n = 0; n < ARRAY_SIZE(others); n++) {
		struct ip_addr a = addr(others[n]);

		compare(k, a.family == AF_INET6, &a, totals);
		compare_get(k, &a);
	}
	for (unsigned f = 0; f < 2; f++)
		for (unsigned n = 0; n < K_PREFIXES; n++) {
			struct ip_prefix p = k_prefix(f, n);

			n_local += k_is_local(k, &p);
			must(k->o, !k_is_local(k, &p) || world_knows_local(k->w, &p));
		}
	must(k->o, n_local == k->w->n_locals);
}

struct router_twin_totals router_twin_run(struct operations *o)
{
	struct router_twin_totals totals = {0};
	static struct kernel k;
	struct world w;

	world_make(&w, NULL);
	world_dumped(&w);
	k_make(&k, &w, o);
	while (operations_more(o)) {
		unsigned what = operations_pick(o, 256);

		if (what == 0)
			k.is_lossy = true;
		else if (what == 1 && !k.is_lossy) {
			// One that is broken ends what the last one began.
			world_settle(&w);
			k_dump_routes(&k, operations_pick(o, 2));
		} else
			k_operate(&k);
		if (k.is_lossy && operations_pick(o, 8) == 0) {
			k.is_lossy = false;
			k_dump(&k);
		}
		if (k.is_lossy || operations_pick(o, 4))
			continue;
		world_settle(&w);
		compare_all(&k, &totals);
	}
	k.is_lossy = false;
	k_dump(&k);
	world_settle(&w);
	compare_all(&k, &totals);
	must(o, router_is_complete(w.router));
	world_free(&w);
	rcu_barrier_reclaim();
	return totals;
}
