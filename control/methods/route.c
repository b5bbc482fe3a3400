// SPDX-License-Identifier: BSD-3-Clause
// route.*, neigh.*: the kernel's routes and neighbours as the router has them.
#include <errno.h>
#include <inttypes.h>
#include <linux/neighbour.h>
#include <stdlib.h>

#include "base/clock.h"
#include "control/methods/methods.h"
#include "control/router/router.h"

#define PAGE    32
#define LIST_NS (1 * NS_PER_MS) // a longer walk goes on in the next page

static bool parse_cursor(const char *text, uint64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoull(text, &end, 16);
	return !errno && end != text && !*end;
}

static int bad_cursor(struct rpc_call *call)
{
	return rpc_error(call, -EINVAL,
		"cursor is not one that a listing gave as next; leave it out to begin at the "
		"start");
}

static bool name_interface(const struct control *c, int ifindex, char *out, size_t size)
{
	struct router_interface i;

	if (!router_interface(c->routing.router, ifindex, &i))
		return false;
	snprintf(out, size, "%s", i.name);
	return true;
}

// -- route --------------------------------------------------------------------------
static int fill_hops(const struct control *c, const struct router_route *r, struct rpc_route *out)
{
	for (unsigned i = 0; i < r->n_hops; i++) {
		const struct router_hop *h = &r->hops[i];
		struct rpc_route_hop *hop = rpc_route_hop_array_append(&out->hops);

		if (!hop)
			return -ENOMEM;
		hop->has_gateway = h->gateway.family;
		if (hop->has_gateway)
			ip_format(&h->gateway, hop->gateway);
		hop->has_interface =
			name_interface(c, h->ifindex, hop->interface, sizeof(hop->interface));
		hop->weight = h->weight;
		hop->resolved = h->is_resolved;
		hop->has_mac = !mac_is_zero(h->mac);
		hop->mac = h->mac;
	}
	return 0;
}

static int fill_route(
	const struct control *c, const struct router_route *r, bool is_best, struct rpc_route *out)
{
	prefix_format(&r->prefix, out->prefix);
	snprintf(out->action, sizeof(out->action), "%s", r->action);
	out->best = is_best;
	out->table = r->table;
	out->protocol = r->protocol;
	out->metric = r->metric;
	return fill_hops(c, r, out);
}

int rpc_route_list(struct rpc_call *call, const struct rpc_route_list_params *params,
	struct rpc_route_list_result *result)
{
	const struct control *c = call->ctx;
	uint64_t cursor = 0, until = clock_now_ns() + LIST_NS;
	struct router_route page[PAGE];
	bool is_best[PAGE];
	int err = 0;

	if (params->has_cursor && !parse_cursor(params->cursor, &cursor))
		return bad_cursor(call);
	if (!c->routing.is_running)
		return 0;
	while (!err && cursor != ROUTER_WALK_END && result->routes.n < params->limit &&
		clock_now_ns() < until) {
		size_t want = MIN((size_t)PAGE, (size_t)(params->limit - result->routes.n));
		size_t n = router_walk(c->routing.router, &cursor, page, is_best, want);

		for (size_t i = 0; !err && i < n; i++) {
			struct rpc_route *out = rpc_route_array_append(&result->routes);

			err = out ? fill_route(c, &page[i], is_best[i], out) : -ENOMEM;
		}
	}
	result->has_next = cursor != ROUTER_WALK_END;
	snprintf(result->next, sizeof(result->next), "%016" PRIx64, cursor);
	return err;
}

int rpc_route_get(struct rpc_call *call, const struct rpc_route_get_params *params,
	struct rpc_route_get_result *result)
{
	const struct control *c = call->ctx;
	struct router_route r;
	struct ip_addr addr;

	if (!ip_parse(params->address, &addr))
		return rpc_error(call, -EINVAL,
			"address %s is neither an IPv4 nor an IPv6 address; give one, as 192.0.2.7",
			params->address);
	if (!c->routing.is_running)
		return rpc_error(call, -ENOENT,
			"there is no routed port yet, so no route is known; add one (garuda port "
			"add "
			"NAME --routed)");
	if (router_get(c->routing.router, &addr, &r))
		return rpc_error(
			call, -ENOENT, "no route of the kernel's is for %s", params->address);
	return fill_route(c, &r, true, &result->route);
}

// -- neigh --------------------------------------------------------------------------
static const char *state_name(uint16_t nud)
{
	switch (nud) {
	case NUD_INCOMPLETE:
		return "incomplete";
	case NUD_REACHABLE:
		return "reachable";
	case NUD_STALE:
		return "stale";
	case NUD_DELAY:
		return "delay";
	case NUD_PROBE:
		return "probe";
	case NUD_FAILED:
		return "failed";
	case NUD_NOARP:
		return "noarp";
	case NUD_PERMANENT:
		return "permanent";
	default:
		return "none";
	}
}

static int add_neighbour(const struct control *c, const struct router_neighbour *n,
	struct rpc_neigh_list_result *result)
{
	struct rpc_neighbour *out = rpc_neighbour_array_append(&result->neighbours);

	if (!out)
		return -ENOMEM;
	ip_format(&n->addr, out->address);
	if (!name_interface(c, n->ifindex, out->interface, sizeof(out->interface)))
		snprintf(out->interface, sizeof(out->interface), "%d", n->ifindex);
	out->has_mac = !mac_is_zero(n->mac);
	out->mac = n->mac;
	snprintf(out->state, sizeof(out->state), "%s", state_name(n->nud));
	out->routes = n->n_holds;
	return 0;
}

int rpc_neigh_list(struct rpc_call *call, const struct rpc_neigh_list_params *params,
	struct rpc_neigh_list_result *result)
{
	const struct control *c = call->ctx;
	uint64_t given = 0, until = clock_now_ns() + LIST_NS;
	struct router_neighbour page[PAGE];
	uint32_t cursor;
	int err = 0;

	if (params->has_cursor && (!parse_cursor(params->cursor, &given) || given > UINT32_MAX))
		return bad_cursor(call);
	if (!c->routing.is_running)
		return 0;
	cursor = (uint32_t)given;
	while (!err && cursor != ROUTER_NEIGH_WALK_END && result->neighbours.n < params->limit &&
		clock_now_ns() < until) {
		size_t want = MIN((size_t)PAGE, (size_t)(params->limit - result->neighbours.n));
		size_t n = router_walk_neigh(c->routing.router, &cursor, page, want);

		for (size_t i = 0; !err && i < n; i++)
			err = add_neighbour(c, &page[i], result);
	}
	result->has_next = cursor != ROUTER_NEIGH_WALK_END;
	snprintf(result->next, sizeof(result->next), "%08" PRIx32, cursor);
	return err;
}
