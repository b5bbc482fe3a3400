// SPDX-License-Identifier: BSD-3-Clause
// The lines of tests/system/netlink_model.h.
#include <inttypes.h>
#include <stdio.h>

#include "base/compiler.h"
#include "base/net.h"
#include "tests/system/netlink_model.h"

static const char *ip_text(const struct ip_addr *a)
{
	static char texts[2][IP_TEXT_SIZE];
	static unsigned turn;
	char *text = texts[turn++ % 2];

	if (!a->family)
		return "-";
	ip_format(a, text);
	return text;
}

static const char *mac_text(const struct mac *m)
{
	static char text[MAC_TEXT_SIZE];

	mac_format(*m, text);
	return text;
}

static void print_link(FILE *f, const struct nl_link *l)
{
	fprintf(f,
		" %d %s type=%s mac=%s mtu=%u up=%d running=%d master=%d lower=%d%s slave=%d "
		"vlan=%u/%x "
		"vrf=%u xdp=%d passthru=%d",
		l->ifindex, l->name, l->type, mac_text(&l->mac), l->mtu, l->flags & IFF_UP,
		l->is_running, l->master, l->lower, l->is_lower_elsewhere ? "*" : "",
		l->bridge_or_bond, l->vlan, l->vlan_protocol, l->vrf_table, l->xdp_program != 0,
		l->is_passthru);
}

static void print_hop(FILE *f, const struct nl_hop *h)
{
	fprintf(f, " [%d %s %u%s%s]", h->ifindex, ip_text(&h->gateway), h->weight,
		h->flags & 1 ? " dead" : "", h->has_encap ? " encap" : "");
}

static void print_route(FILE *f, const struct nl_route *r)
{
	fprintf(f,
		" %s/%u table=%u metric=%u tos=%u proto=%u type=%u nhid=%u mtu=%u "
		"pref=%u%s%s%s%s%s",
		ip_text(&r->prefix.addr), r->prefix.len, r->table, r->metric, r->tos, r->protocol,
		r->type, r->nexthop, r->mtu, r->preference, r->has_source ? " source" : "",
		r->is_replace ? " replace" : "", r->is_append ? " append" : "",
		r->is_beside ? " beside" : "", r->is_cut ? " cut" : "");
	for (unsigned i = 0; i < r->n_hops; i++)
		print_hop(f, &r->hops[i]);
}

static void print_nexthop(FILE *f, const struct nl_nexthop *n)
{
	fprintf(f, " %u%s%s%s%s", n->id, n->is_blackhole ? " blackhole" : "",
		n->is_group ? " group" : "", n->is_resilient ? " resilient" : "",
		n->is_fdb ? " fdb" : "");
	for (unsigned i = 0; i < n->n_members; i++)
		fprintf(f, " [%u %u]", n->members[i].id, n->members[i].weight);
	if (!n->is_group)
		print_hop(f, &n->hop);
}

static void print_rule(FILE *f, const struct nl_rule *r)
{
	fprintf(f, " ip%d priority=%u table=%u action=%u%s%s%s hash=%016" PRIx64,
		r->family == AF_INET ? 4 : 6, r->priority, r->table, r->action,
		r->is_l3mdev ? " l3mdev" : "", r->is_plain ? " plain" : "",
		r->is_inverse ? " inverse" : "", r->hash);
}

static void print_fields(FILE *f, const struct nl_change *c)
{
	switch (c->kind) {
	case NL_LINK:
		print_link(f, (const void *)c);
		break;
	case NL_ADDRESS: {
		const struct nl_address *a = (const void *)c;

		fprintf(f, " %d %s/%u scope=%u", a->ifindex, ip_text(&a->prefix.addr),
			a->prefix.len, a->scope);
		break;
	}
	case NL_NEIGH: {
		const struct nl_neigh *n = (const void *)c;

		fprintf(f, " %d %s mac=%s nud=0x%x flags=0x%x", n->ifindex, ip_text(&n->addr),
			n->has_mac ? mac_text(&n->mac) : "-", n->nud, n->flags);
		break;
	}
	case NL_ROUTE:
		print_route(f, (const void *)c);
		break;
	case NL_NEXTHOP:
		print_nexthop(f, (const void *)c);
		break;
	case NL_RULE:
		print_rule(f, (const void *)c);
		break;
	case NL_NETCONF: {
		const struct nl_netconf *n = (const void *)c;

		fprintf(f, " ip%d %d forwarding=%d rp_filter=%d linkdown=%d",
			n->family == AF_INET ? 4 : 6, n->ifindex, n->forwarding, n->rp_filter,
			n->ignore_routes_with_linkdown);
		break;
	}
	}
}

void model_print_record(FILE *f, const struct nl_change *c)
{
	static const char *const kinds[N_NL_KINDS] = {[NL_LINK] = "link",
		[NL_ADDRESS] = "address",
		[NL_NEIGH] = "neigh",
		[NL_ROUTE] = "route",
		[NL_NEXTHOP] = "nexthop",
		[NL_RULE] = "rule",
		[NL_NETCONF] = "netconf"};
	static const char *const verbs[] = {[NL_SET] = "set",
		[NL_GONE] = "gone",
		[NL_BEGIN] = "begin",
		[NL_END] = "end",
		[NL_BROKEN] = "broken"};

	fprintf(f, "%s %s", verbs[c->verb], kinds[c->kind]);
	if (c->verb == NL_SET || c->verb == NL_GONE)
		print_fields(f, c);
}
