// SPDX-License-Identifier: BSD-3-Clause
// Interfaces: what links, addresses, netconf and ports say of them, and which of the kernel's
// silent removals follow.
#include "control/router/router_private.h"

#include <errno.h>
#include <linux/if.h> // behind net/if.h: it does not tolerate it the other way round
#include <linux/netconf.h>

#include "base/mem.h"

// -- the table --------------------------------------------------------------------------
static uint32_t place_of(const struct router *r, int32_t ifindex)
{
	uint32_t low = 0, high = r->n_interfaces;

	while (low < high) {
		uint32_t mid = (low + high) / 2;

		if (r->interfaces[mid]->ifindex < ifindex)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

struct interface *interface_find(const struct router *r, int32_t ifindex)
{
	uint32_t at = place_of(r, ifindex);

	return at < r->n_interfaces && r->interfaces[at]->ifindex == ifindex ? r->interfaces[at]
									     : NULL;
}

static const struct netconf unknown_conf = {-1, -1, -1, 0};

struct interface *interface_get(struct router *r, int32_t ifindex)
{
	uint32_t at = place_of(r, ifindex);
	struct interface *i;

	if (ifindex <= 0)
		return NULL;
	if (at < r->n_interfaces && r->interfaces[at]->ifindex == ifindex)
		return r->interfaces[at];
	if (r->n_interfaces == r->max_interfaces) {
		uint32_t max = MAX(2 * r->max_interfaces, 64);
		struct interface **more = mem_zalloc(max * sizeof(*more), 0);

		if (!more)
			return NULL;
		if (r->n_interfaces)
			memcpy(more, r->interfaces, r->n_interfaces * sizeof(*more));
		mem_free(r->interfaces);
		r->interfaces = more;
		r->max_interfaces = max;
	}
	i = mem_zalloc(sizeof(*i), 0);
	if (!i)
		return NULL;
	i->ifindex = ifindex;
	i->number = NO_NUMBER;
	i->port.port = PORT_NONE;
	i->conf[0] = i->conf[1] = unknown_conf;
	memmove(&r->interfaces[at + 1], &r->interfaces[at],
		(r->n_interfaces - at) * sizeof(*r->interfaces));
	r->interfaces[at] = i;
	r->n_interfaces++;
	return i;
}

static void forget_number(struct router *r, struct interface *i)
{
	if (i->number == NO_NUMBER)
		return;
	neigh_set_interface(r->neigh, (uint16_t)i->number, NULL);
	i->can_send = false;
	r->of_number[i->number] = NULL;
	i->number = NO_NUMBER;
}

static void interface_free(struct interface *i)
{
	mem_free(i->addresses);
	mem_free(i);
}

static bool has_policy(const struct interface *i)
{
	return i->policy_in[0][0] || i->policy_in[1][0] || i->policy_out[0][0] ||
	       i->policy_out[1][0];
}

void interface_gc(struct router *r, struct interface *i)
{
	uint32_t at;

	if (i->is_kept || i->is_known || i->n_hops || i->n_neighbours || i->port.port != PORT_NONE)
		return;
	forget_number(r, i);
	if (has_policy(i) || i->n_addresses || i->was_told ||
		memcmp(&i->conf[0], &unknown_conf, 3) || memcmp(&i->conf[1], &unknown_conf, 3))
		return;
	at = place_of(r, i->ifindex);
	r->n_interfaces--;
	memmove(&r->interfaces[at], &r->interfaces[at + 1],
		(r->n_interfaces - at) * sizeof(*r->interfaces));
	interface_free(i);
}

void interfaces_free(struct router *r)
{
	for (uint32_t k = 0; k < r->n_interfaces; k++)
		interface_free(r->interfaces[k]);
	mem_free(r->interfaces);
}

uint32_t interface_number(struct router *r, struct interface *i)
{
	if (i->number != NO_NUMBER)
		return i->number;
	for (uint32_t k = 0; k < NEIGH_MAX_INTERFACES; k++) {
		uint32_t number = (r->next_number + k) % NEIGH_MAX_INTERFACES;

		if (r->of_number[number])
			continue;
		r->next_number = number + 1;
		r->of_number[number] = i;
		i->number = number;
		i->can_send = false;
		interface_refresh(r, i);
		return number;
	}
	r->stats.refused++;
	return NO_NUMBER;
}

struct interface *interface_of_number(const struct router *r, uint32_t number)
{
	return number < NEIGH_MAX_INTERFACES ? r->of_number[number] : NULL;
}

// -- what may be done with one -------------------------------------------------------------
bool interface_is_usable(const struct router *r, const struct interface *i)
{
	return i->is_known && i->port.port != PORT_NONE && i->number != NO_NUMBER &&
	       !i->policy_out[0][0] && !i->policy_out[1][0] &&
	       (!r->policy_out[0][0] || !r->policy_out[1][0]);
}

bool interface_is_dead(const struct router *r, const struct interface *i, uint8_t family)
{
	unsigned f = family_index(family);

	if (!i->is_known)
		return false; // nothing is known: the kernel decides
	if (!(i->link.flags & IFF_UP))
		return true;
	// IPv4: all's or its own; IPv6: its own.
	return !(i->link.flags & IFF_LOWER_UP) &&
	       (i->conf[f].ignore_linkdown > 0 ||
		       (family == AF_INET && r->all[f].ignore_linkdown > 0));
}

static uint32_t mtu_of(const struct interface *i)
{
	uint32_t mtu = i->link.mtu;

	if (i->port.mtu && (!mtu || i->port.mtu < mtu))
		mtu = i->port.mtu;
	return MIN(mtu, UINT16_MAX);
}

static void tell_neigh(struct router *r, struct interface *i)
{
	bool can_send = interface_is_usable(r, i) && i->link.is_running;
	struct neigh_interface is = {.port = i->port.port,
		.mtu = (uint16_t)mtu_of(i),
		.mac = mac_is_zero(i->link.mac) ? i->port.mac : i->link.mac};

	if (i->number == NO_NUMBER)
		return;
	// What it refuses (a MAC that no port can have, ...) cannot be sent by.
	if (can_send && neigh_set_interface(r->neigh, (uint16_t)i->number, &is))
		can_send = false;
	if (!can_send && i->can_send)
		neigh_set_interface(r->neigh, (uint16_t)i->number, NULL);
	i->can_send = can_send;
}

// neigh.h walks all neighbours when it is told: only what changed is told.
void interface_refresh(struct router *r, struct interface *i)
{
	struct router_interface now;
	bool could_send = i->can_send;

	memset(&now, 0, sizeof(now));
	interface_tell(r, i, &now);
	if (could_send != (interface_is_usable(r, i) && i->link.is_running) ||
		memcmp(&now.mac, &i->told.mac, sizeof(now.mac)) || now.mtu != i->told.mtu ||
		now.port != i->told.port)
		tell_neigh(r, i);
	if (i->was_told == i->is_known && !memcmp(&now, &i->told, sizeof(now)))
		return;
	i->told = now;
	i->was_told = i->is_known;
	r->sink.interface_changed(r->sink.arg, i->ifindex);
}

void interfaces_refresh(struct router *r)
{
	for (uint32_t k = 0; k < r->n_interfaces; k++)
		interface_refresh(r, r->interfaces[k]);
}

// -- links ------------------------------------------------------------------------------
static void unmark(struct router *r)
{
	for (uint32_t k = 0; k < r->n_interfaces; k++) {
		struct interface *i = r->interfaces[k];

		i->is_down_now = i->has_lost_carrier = false;
		i->is_gone_now = i->has_lost_address = false;
	}
}

// What the kernel removed without a word since the marks were set.
static void derive(struct router *r)
{
	objects_lose_interfaces(r);
	sets_doom(r);
	unmark(r);
	router_pass_hops(r);
}

static void lose(struct router *r, struct interface *i)
{
	i->is_known = false;
	i->is_gone_now = true;
	memset(&i->link, 0, sizeof(i->link));
	i->conf[0] = i->conf[1] = unknown_conf;
	i->n_addresses = i->n_addresses4 = 0;
	interface_refresh(r, i);
	neighbours_of_gone(r, i);
}

static bool has_carrier(const struct nl_link *l)
{
	return l->flags & (IFF_RUNNING | IFF_LOWER_UP);
}

void interfaces_apply_link(struct router *r, const struct nl_link *l)
{
	struct interface *i = l->change.verb == NL_SET ? interface_get(r, l->ifindex)
						       : interface_find(r, l->ifindex);
	struct nl_link old;
	bool was_known;

	if (!i) {
		r->stats.refused += l->change.verb == NL_SET;
		return;
	}
	was_known = i->is_known;
	if (l->change.verb == NL_GONE) {
		if (!was_known)
			return;
		i->is_kept = true;
		lose(r, i);
		derive(r);
		i->is_kept = false;
		interface_gc(r, i);
		interfaces_refresh(r); // it may have been the master of others
		return;
	}
	old = i->link;
	i->link = *l;
	i->link.name[IFNAMSIZ - 1] = i->link.type[sizeof(i->link.type) - 1] = '\0';
	i->generation = r->generation[NL_LINK];
	i->is_known = true;
	// Taken down, it has lost its routes; its nexthop objects go with the carrier already.
	i->is_down_now = was_known && old.flags & IFF_UP && !(l->flags & IFF_UP);
	i->has_lost_carrier = was_known && has_carrier(&old) && !has_carrier(l);
	interface_refresh(r, i);
	if (i->is_down_now || i->has_lost_carrier)
		derive(r);
	else if (!was_known || old.flags != l->flags || old.mtu != l->mtu)
		router_pass_hops(r);
	if (!was_known || strcmp(old.name, l->name) || strcmp(old.type, l->type))
		interfaces_refresh(r);
}

// -- addresses --------------------------------------------------------------------------
static uint32_t find_address(const struct interface *i, const struct ip_prefix *p)
{
	uint32_t k = 0;

	while (k < i->n_addresses && (i->addresses[k].prefix.len != p->len ||
					     !addr_equal(&i->addresses[k].prefix.addr, &p->addr)))
		k++;
	return k;
}

static void add_address(struct router *r, const struct nl_address *a)
{
	struct interface *i = interface_get(r, a->ifindex);
	uint32_t k;

	if (!i) {
		routes_refused(r, a->prefix.addr.family);
		return;
	}
	k = find_address(i, &a->prefix);
	if (k == i->n_addresses) {
		if (k == i->max_addresses) {
			uint32_t max = MAX(2 * i->max_addresses, 4);
			struct address *more = mem_zalloc(max * sizeof(*more), 0);

			if (!more) { // what goes with it would not be seen to go
				routes_refused(r, a->prefix.addr.family);
				return;
			}
			if (k)
				memcpy(more, i->addresses, k * sizeof(*more));
			mem_free(i->addresses);
			i->addresses = more;
			i->max_addresses = max;
		}
		i->addresses[k].prefix = a->prefix;
		i->n_addresses++;
		i->n_addresses4 += a->prefix.addr.family == AF_INET;
	}
	i->addresses[k].generation = r->generation[NL_ADDRESS];
}

// The kernel flushes the IPv4 routes that had the address as their source, and with the last one
// of an interface all routes over it.
static bool drop_address(struct router *r, struct interface *i, uint32_t k)
{
	struct ip_addr a = i->addresses[k].prefix.addr;

	i->addresses[k] = i->addresses[--i->n_addresses];
	if (a.family != AF_INET)
		return false;
	i->has_lost_address = !--i->n_addresses4;
	for (uint32_t j = 0; j < r->n_interfaces; j++)
		for (uint32_t n = 0; n < r->interfaces[j]->n_addresses; n++)
			if (addr_equal(&r->interfaces[j]->addresses[n].prefix.addr, &a))
				return i->has_lost_address; // it is still the machine's
	sets_doom_source(r, &a);
	return true;
}

void interfaces_apply_address(struct router *r, const struct nl_address *a)
{
	struct interface *i;
	uint32_t k;

	if (a->change.verb == NL_SET) {
		add_address(r, a);
		return;
	}
	i = interface_find(r, a->ifindex);
	if (!i)
		return;
	i->is_kept = true;
	k = find_address(i, &a->prefix);
	if (k < i->n_addresses && drop_address(r, i, k))
		derive(r);
	i->is_kept = false;
	interface_gc(r, i);
}

// -- netconf ------------------------------------------------------------------------------
static void take(int8_t *to, int8_t said)
{
	if (said >= 0)
		*to = said;
}

void interfaces_apply_netconf(struct router *r, const struct nl_netconf *n)
{
	unsigned f = family_index(n->family);
	struct netconf *c = &r->all[f];
	struct interface *i = NULL;
	int8_t linkdown;

	if ((n->family != AF_INET && n->family != AF_INET6) ||
		n->ifindex == NETCONFA_IFINDEX_DEFAULT)
		return; // new interfaces say it themselves
	if (n->ifindex != NETCONFA_IFINDEX_ALL) {
		i = n->change.verb == NL_SET ? interface_get(r, n->ifindex)
					     : interface_find(r, n->ifindex);
		if (!i) {
			r->stats.refused += n->change.verb == NL_SET;
			return;
		}
		c = &i->conf[f];
	}
	linkdown = c->ignore_linkdown;
	if (n->change.verb == NL_GONE) {
		*c = unknown_conf;
	} else {
		take(&c->forwarding, n->forwarding);
		take(&c->rp_filter, n->rp_filter);
		take(&c->ignore_linkdown, n->ignore_routes_with_linkdown);
		c->generation = r->generation[NL_NETCONF];
	}
	if (linkdown != c->ignore_linkdown)
		router_pass_hops(r);
	if (!i) {
		interfaces_refresh(r);
		return;
	}
	interface_refresh(r, i);
	interface_gc(r, i);
}

// -- the end of a dump ------------------------------------------------------------------
static void sweep_links(struct router *r)
{
	bool any = false;

	for (uint32_t k = 0; k < r->n_interfaces; k++) {
		struct interface *i = r->interfaces[k];

		if (!i->is_known || i->generation == r->generation[NL_LINK])
			continue;
		lose(r, i);
		any = true;
	}
	if (!any)
		return;
	derive(r);
	for (uint32_t k = r->n_interfaces; k-- > 0;)
		interface_gc(r, r->interfaces[k]);
	interfaces_refresh(r);
}

static void sweep_addresses(struct router *r)
{
	bool any = false;

	for (uint32_t k = 0; k < r->n_interfaces; k++) {
		struct interface *i = r->interfaces[k];

		for (uint32_t n = i->n_addresses; n-- > 0;)
			if (i->addresses[n].generation != r->generation[NL_ADDRESS])
				any |= drop_address(r, i, n);
	}
	if (any)
		derive(r);
}

static void sweep_netconf(struct router *r)
{
	for (uint32_t k = 0; k < r->n_interfaces; k++)
		for (unsigned f = 0; f < FAMILIES; f++) {
			struct netconf *c = &r->interfaces[k]->conf[f];

			if (c->generation != r->generation[NL_NETCONF])
				*c = unknown_conf;
		}
	router_pass_hops(r);
	interfaces_refresh(r);
}

void interfaces_sweep(struct router *r, enum nl_kind kind)
{
	if (kind == NL_LINK)
		sweep_links(r);
	else if (kind == NL_ADDRESS)
		sweep_addresses(r);
	else
		sweep_netconf(r);
}

// -- ports and policy -------------------------------------------------------------------
int router_set_port(struct router *r, int ifindex, const struct router_port *p)
{
	struct interface *i = p ? interface_get(r, ifindex) : interface_find(r, ifindex);

	if (ifindex <= 0 || (p && p->port == PORT_NONE))
		return -EINVAL;
	if (!i)
		return p ? -ENOMEM : 0;
	if (p && interface_number(r, i) == NO_NUMBER) {
		interface_gc(r, i);
		return -ENOSPC;
	}
	i->port = p ? *p : (struct router_port){.port = PORT_NONE};
	interface_refresh(r, i);
	router_pass_hops(r);
	interface_gc(r, i);
	return 0;
}

static bool say(char *to, const char *reason)
{
	if (!reason)
		reason = "";
	if (!strncmp(to, reason, ROUTER_REASON_SIZE - 1))
		return false;
	memset(to, 0, ROUTER_REASON_SIZE);
	strncpy(to, reason, ROUTER_REASON_SIZE - 1);
	return true;
}

// True if `out` changed.
static bool say_policy(char (*in)[ROUTER_REASON_SIZE], char (*out)[ROUTER_REASON_SIZE], int family,
	const char *new_in, const char *new_out)
{
	bool other_out = false;

	for (unsigned f = 0; f < FAMILIES; f++) {
		if (family && family_index((uint8_t)family) != f)
			continue;
		say(in[f], new_in);
		other_out |= say(out[f], new_out);
	}
	return other_out;
}

void router_set_policy(struct router *r, int ifindex, int family, const char *in, const char *out)
{
	struct interface *i;
	bool other_out;

	if (!ifindex) {
		other_out = say_policy(r->policy_in, r->policy_out, family, in, out);
		interfaces_refresh(r);
		if (other_out)
			router_pass_hops(r);
		return;
	}
	i = interface_get(r, ifindex);
	if (!i) {
		r->stats.refused++;
		return;
	}
	other_out = say_policy(i->policy_in, i->policy_out, family, in, out);
	interface_refresh(r, i);
	if (other_out)
		router_pass_hops(r);
	interface_gc(r, i);
}

// -- what is there ------------------------------------------------------------------------
bool router_interface(const struct router *r, int ifindex, struct router_interface *out)
{
	const struct interface *i = interface_find(r, ifindex);

	if (!i || (!i->is_known && i->port.port == PORT_NONE))
		return false;
	memset(out, 0, sizeof(*out));
	interface_tell(r, i, out);
	return true;
}

bool router_next_interface(const struct router *r, int after, struct router_interface *out)
{
	for (uint32_t k = after < INT32_MAX ? place_of(r, after + 1) : r->n_interfaces;
		k < r->n_interfaces; k++)
		if (router_interface(r, r->interfaces[k]->ifindex, out))
			return true;
	return false;
}
