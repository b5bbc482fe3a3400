// SPDX-License-Identifier: BSD-3-Clause
#include <limits.h>
#include <net/if.h>

#include <linux/netfilter.h>
#include <linux/netfilter/x_tables.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include <string.h>

#include "control/policy/iptables.h"

static const struct {
	uint8_t directions;
	const char *name;
} hooks[IPTABLES_HOOKS] = {
	[NF_INET_PRE_ROUTING] = {FINDING_IN, "PREROUTING"},
	[NF_INET_FORWARD] = {FINDING_IN | FINDING_OUT, "FORWARD"},
	[NF_INET_POST_ROUTING] = {FINDING_OUT, "POSTROUTING"},
};

static bool is_met(const struct iptables_table *t, unsigned hook)
{
	return hooks[hook].directions && t->valid_hooks & 1u << hook;
}

bool iptables_needs_entries(const struct iptables_table *t)
{
	for (unsigned h = 0; h < IPTABLES_HOOKS; h++)
		if (is_met(t, h) && t->hook_entry[h] == t->underflow[h])
			return true;
	return false;
}

// A policy is an entry with the standard target, whose verdict is written as -NF_x - 1.
static bool is_accept(const uint8_t *entries, size_t size, uint32_t at, bool is_ip6)
{
	size_t head = is_ip6 ? sizeof(struct ip6t_entry) : sizeof(struct ipt_entry);
	size_t place = is_ip6 ? offsetof(struct ip6t_entry, target_offset)
			      : offsetof(struct ipt_entry, target_offset);
	struct xt_standard_target target;
	uint16_t target_offset;

	if (at > size || size - at < head)
		return false;
	memcpy(&target_offset, entries + at + place, sizeof(target_offset));
	if (target_offset > size - at || size - at - target_offset < sizeof(target))
		return false;
	memcpy(&target, entries + at + target_offset, sizeof(target));
	return !target.target.u.user.name[0] && target.verdict == -NF_ACCEPT - 1;
}

void iptables_judge(const struct iptables_table *t, bool is_ip6, const void *entries, size_t size,
	struct findings *out)
{
	const char *program = is_ip6 ? "ip6tables" : "iptables";
	int name_size = (int)strnlen(t->name, sizeof(t->name));
	struct finding where = {.families = is_ip6 ? FINDING_IP6 : FINDING_IP4};

	for (unsigned h = 0; h < IPTABLES_HOOKS; h++) {
		if (!is_met(t, h))
			continue;
		where.directions = hooks[h].directions;
		if (t->hook_entry[h] != t->underflow[h])
			findings_add(out, &where, "%s: %.*s %s", program, name_size, t->name,
				hooks[h].name);
		else if (!entries)
			findings_add(out, &where, "%s: %.*s is too large to be read", program,
				name_size, t->name);
		else if (!is_accept(entries, size, t->underflow[h], is_ip6))
			findings_add(out, &where, "%s: %.*s %s (policy)", program, name_size,
				t->name, hooks[h].name);
	}
}
