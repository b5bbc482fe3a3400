// SPDX-License-Identifier: BSD-3-Clause
// The kernel's rules, and why packets are not taken from an interface.
#include <linux/fib_rules.h>
#include <stdio.h>

#include "base/mem.h"
#include "control/router/router_private.h"

// -- rules ------------------------------------------------------------------------------
static bool same_rule(const struct nl_rule *a, const struct nl_rule *b)
{
	return a->family == b->family && a->priority == b->priority && a->hash == b->hash;
}

void rules_apply(struct router *r, const struct nl_rule *rule)
{
	uint32_t k = 0;

	if (rule->family != AF_INET && rule->family != AF_INET6)
		return;
	while (k < r->n_rules && !same_rule(&r->rules[k].rule, rule))
		k++;
	if (rule->change.verb == NL_GONE) {
		if (k < r->n_rules)
			r->rules[k] = r->rules[--r->n_rules];
		interfaces_refresh(r);
		return;
	}
	if (k == r->max_rules) {
		uint32_t max = MAX(2 * r->max_rules, 16);
		struct rule *more = mem_zalloc(max * sizeof(*more), 0);

		if (!more) { // one is not known: those that are there cannot be trusted to be all
			r->is_full[family_index(rule->family)] = true;
			r->stats.refused++;
			interfaces_refresh(r);
			return;
		}
		if (k)
			memcpy(more, r->rules, k * sizeof(*more));
		mem_free(r->rules);
		r->rules = more;
		r->max_rules = max;
	}
	r->rules[k] = (struct rule){*rule, r->generation[NL_RULE]};
	r->n_rules = MAX(r->n_rules, k + 1);
	interfaces_refresh(r);
}

void rules_sweep(struct router *r)
{
	for (uint32_t k = r->n_rules; k-- > 0;)
		if (r->rules[k].generation != r->generation[NL_RULE])
			r->rules[k] = r->rules[--r->n_rules];
	interfaces_refresh(r);
}

// The kernel's own rules: local first, then main, then default, which IPv6 does not have. Whoever
// made other ones wants other ways through the tables than the one FIB has.
static bool rules_forbid(const struct router *r, uint8_t family, char *reason)
{
	bool has_local = false, has_main = false;

	for (uint32_t k = 0; k < r->n_rules; k++) {
		const struct nl_rule *u = &r->rules[k].rule;
		bool is_plain = u->is_plain && !u->is_inverse && u->action == FR_ACT_TO_TBL;

		if (u->family != family || u->is_l3mdev)
			continue;
		if (is_plain && u->priority == 0 && u->table == RT_TABLE_LOCAL) {
			has_local = true;
		} else if (is_plain && u->priority == 32766 && u->table == RT_TABLE_MAIN) {
			has_main = true;
		} else if (!is_plain || u->priority != 32767 || u->table != RT_TABLE_DEFAULT) {
			snprintf(reason, ROUTER_REASON_SIZE, "rule %u of %s", u->priority,
				family == AF_INET ? "IPv4" : "IPv6");
			return true;
		}
	}
	if (has_local && has_main)
		return false;
	snprintf(reason, ROUTER_REASON_SIZE, "the rule of table %s is gone from %s",
		has_local ? "main" : "local", family == AF_INET ? "IPv4" : "IPv6");
	return true;
}

// -- reasons ----------------------------------------------------------------------------
static bool say(char *reason, const char *format, const char *what)
{
	snprintf(reason, ROUTER_REASON_SIZE, format, what);
	return true;
}

static bool master_forbids(const struct router *r, const struct interface *i, char *reason)
{
	const struct interface *m = i->link.master ? interface_find(r, i->link.master) : NULL;
	bool is_known = m && m->is_known;

	if (!i->link.master && !i->link.bridge_or_bond)
		return false;
	if (is_known && !strcmp(m->link.type, "vrf"))
		return say(reason, "in the VRF %s", m->link.name);
	return say(reason, "enslaved to %s", is_known ? m->link.name : "another interface");
}

// Of both families; then of one.
static bool forbids(const struct router *r, const struct interface *i, char *reason)
{
	if (!i->is_known)
		return say(reason, "%s", "the interface is not there");
	if (i->port.port == PORT_NONE)
		return say(reason, "%s", "no routed port");
	if (!i->link.is_running)
		return say(reason, "%s", i->link.flags & IFF_UP ? "no carrier" : "down");
	if (master_forbids(r, i, reason))
		return true;
	return !r->is_synchronized && say(reason, "%s", "the kernel's tables are still being read");
}

static bool family_forbids(
	const struct router *r, const struct interface *i, uint8_t family, char *reason)
{
	unsigned f = family_index(family);

	if (i->conf[f].forwarding <= 0)
		return say(reason,
			family == AF_INET ? "net.ipv4.conf.%s.forwarding is off"
					  : "net.ipv6.conf.%s.forwarding is off",
			i->link.name);
	if (family == AF_INET6 && r->all[f].forwarding <= 0) // it decides in ip6_forward()
		return say(reason, "net.ipv6.conf.%s.forwarding is off", "all");
	if (r->policy_in[f][0] || r->policy_out[f][0])
		return say(reason, "%s", r->policy_in[f][0] ? r->policy_in[f] : r->policy_out[f]);
	if (i->policy_in[f][0])
		return say(reason, "%s", i->policy_in[f]);
	if (r->is_full[f])
		return say(reason, "not all routes of %s fit: table full or no memory",
			family == AF_INET ? "IPv4" : "IPv6");
	return rules_forbid(r, family, reason);
}

void interface_tell(const struct router *r, const struct interface *i, struct router_interface *out)
{
	int8_t all = r->all[0].rp_filter, own = i->conf[0].rp_filter;
	char reason4[ROUTER_REASON_SIZE] = "", reason6[ROUTER_REASON_SIZE] = "";
	uint32_t mtu = i->link.mtu;

	if (i->port.port != PORT_NONE && i->port.mtu && (!mtu || i->port.mtu < mtu))
		mtu = i->port.mtu;
	out->ifindex = i->ifindex;
	memcpy(out->name, i->link.name, sizeof(out->name));
	out->port = i->port.port;
	out->mac =
		i->port.port != PORT_NONE && mac_is_zero(i->link.mac) ? i->port.mac : i->link.mac;
	out->mtu = mtu;
	out->is_up = i->is_known && i->link.is_running;
	out->forwarding4 = i->conf[0].forwarding > 0;
	out->forwarding6 = i->conf[1].forwarding > 0;
	out->rp_filter = (uint8_t)MAX(MAX(all, own), 0);
	if (!forbids(r, i, reason4)) {
		out->is_accelerated4 = !family_forbids(r, i, AF_INET, reason4);
		out->is_accelerated6 = !family_forbids(r, i, AF_INET6, reason6);
	}
	if (!reason4[0] && !reason6[0] && (i->policy_out[0][0] || i->policy_out[1][0]))
		snprintf(reason4, sizeof(reason4), "what leaves by it: %.108s",
			i->policy_out[0][0] ? i->policy_out[0] : i->policy_out[1]);
	memcpy(out->reason, reason4[0] ? reason4 : reason6, sizeof(out->reason));
}
