// SPDX-License-Identifier: BSD-3-Clause
// nftables messages to findings. What cannot be understood counts as acting.
#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>
#include <string.h>

#include "control/policy/attributes.h"
#include "control/policy/nft.h"

#define DEVICE_PREFIX 2 // NFTA_DEVICE_PREFIX, in headers since Linux 6.18

static uint32_t get_u32(const struct nlattr *a, uint32_t otherwise)
{
	return a && mnl_attr_get_payload_len(a) >= sizeof(uint32_t) ? ntohl(mnl_attr_get_u32(a))
								    : otherwise;
}

// A text attribute of any message; "?" if there is none.
static void get_text(const struct nlattr *a, char *out, size_t size)
{
	size_t n;

	if (!a) {
		memcpy(out, "?", 2);
		return;
	}
	n = strnlen(mnl_attr_get_payload(a), mnl_attr_get_payload_len(a));
	n = MIN(n, size - 1);
	memcpy(out, mnl_attr_get_payload(a), n);
	out[n] = 0;
}

static uint8_t family_of(const struct nlmsghdr *nlh)
{
	return ((const struct nfgenmsg *)mnl_nlmsg_get_payload(nlh))->nfgen_family;
}

static const char *family_name(uint8_t family)
{
	switch (family) {
	case NFPROTO_INET:
		return "inet";
	case NFPROTO_IPV4:
		return "ip";
	case NFPROTO_IPV6:
		return "ip6";
	case NFPROTO_NETDEV:
		return "netdev";
	default:
		return "unknown";
	}
}

void nft_judge_table(struct nft *nft, const struct nlmsghdr *nlh)
{
	const struct nlattr *a[NFTA_TABLE_FLAGS + 1];
	struct nft_table_name *t = &nft->dormant[nft->n_dormant];

	if (!attributes_get(nlh, sizeof(struct nfgenmsg), a, ARRAY_SIZE(a)) ||
		!a[NFTA_TABLE_NAME] || !(get_u32(a[NFTA_TABLE_FLAGS], 0) & NFT_TABLE_F_DORMANT) ||
		nft->n_dormant == NFT_MAX_DORMANT)
		return; // one too many counts as awake
	t->family = family_of(nlh);
	get_text(a[NFTA_TABLE_NAME], t->name, sizeof(t->name));
	nft->n_dormant++;
}

static bool is_dormant(const struct nft *nft, uint8_t family, const char *table)
{
	for (unsigned i = 0; i < nft->n_dormant; i++)
		if (nft->dormant[i].family == family && !strcmp(nft->dormant[i].name, table))
			return true;
	return false;
}

// Where a hook stands in the way of forwarded packets: directions, and families in *families.
// has_devices: only of those that are named.
static uint8_t hook_directions(uint8_t family, uint32_t hook, uint8_t *families, bool *has_devices)
{
	*families = family == NFPROTO_IPV4   ? FINDING_IP4
		    : family == NFPROTO_IPV6 ? FINDING_IP6
					     : FINDING_ANY;
	*has_devices = false;
	switch (family) {
	case NFPROTO_INET:
	case NFPROTO_IPV4:
	case NFPROTO_IPV6:
		switch (hook) {
		case NF_INET_PRE_ROUTING:
			return FINDING_IN;
		case NF_INET_FORWARD:
			return FINDING_IN | FINDING_OUT;
		case NF_INET_POST_ROUTING:
			return FINDING_OUT;
		case NF_INET_LOCAL_IN:
		case NF_INET_LOCAL_OUT:
			return 0;
		case NF_INET_INGRESS:
			*has_devices = true;
			return FINDING_IN;
		}
		break;
	case NFPROTO_NETDEV:
		*has_devices = true;
		switch (hook) {
		case NF_NETDEV_INGRESS:
			return FINDING_IN;
		case NF_NETDEV_EGRESS:
			return FINDING_OUT;
		}
		break;
	case NFPROTO_BRIDGE: // only what a bridge forwards, and its ports are never routed ports
	case NFPROTO_ARP:
		return 0;
	}
	*has_devices = false;
	return FINDING_IN | FINDING_OUT; // unknown
}

// A device's name in *x: whole, or the beginning of names. Linux 6.16 and 6.17 told these apart
// by the missing final zero. False: not understood.
static bool get_device(const struct nlattr *a, struct finding *x)
{
	const char *name = mnl_attr_get_payload(a);
	size_t size = mnl_attr_get_payload_len(a);
	size_t n = strnlen(name, size);
	unsigned type = mnl_attr_get_type(a);

	if (!n || n >= IFNAMSIZ || (type != NFTA_DEVICE_NAME && type != DEVICE_PREFIX))
		return false;
	memset(x->ifname, 0, sizeof(x->ifname));
	memcpy(x->ifname, name, n);
	x->name_size = type == DEVICE_PREFIX || n == size ? (uint8_t)n : 0;
	return true;
}

// One finding per device in the nest, or one of all interfaces if a device is not understood.
static void add_devices(
	const struct nlattr *nest, struct finding *x, const char *text, struct findings *out)
{
	const struct nlattr *a;

	mnl_attr_for_each_nested(a, nest)
	{
		if (get_device(a, x)) {
			findings_add(
				out, x, "%s on %s%s", text, x->ifname, x->name_size ? "*" : "");
			continue;
		}
		x->ifname[0] = x->name_size = 0;
		findings_add(out, x, "%s on unknown devices", text);
	}
}

static const struct nlattr *get_nested(const struct nlattr *nest, unsigned type)
{
	const struct nlattr *a, *found = NULL;

	mnl_attr_for_each_nested(a, nest) if (mnl_attr_get_type(a) == type) found = a;
	return found;
}

void nft_judge_chain(const struct nft *nft, const struct nlmsghdr *nlh, struct findings *out)
{
	const struct nlattr *a[NFTA_CHAIN_USERDATA + 1];
	char table[256], chain[256], text[2 * 256 + 32];
	bool has_devices, has_rules, drops;
	struct finding x = {0};
	const struct nlattr *devices, *device;
	uint32_t hook;

	if (!attributes_get(nlh, sizeof(struct nfgenmsg), a, ARRAY_SIZE(a))) {
		findings_add(out, &finding_everything, "nft: a chain that cannot be read");
		return;
	}
	if (!a[NFTA_CHAIN_HOOK])
		return;
	get_text(a[NFTA_CHAIN_TABLE], table, sizeof(table));
	if (is_dormant(nft, family_of(nlh), table))
		return;
	has_rules = get_u32(a[NFTA_CHAIN_USE], 1) > 0;
	drops = get_u32(a[NFTA_CHAIN_POLICY], NF_ACCEPT) != NF_ACCEPT;
	if (!has_rules && !drops)
		return;
	hook = get_u32(get_nested(a[NFTA_CHAIN_HOOK], NFTA_HOOK_HOOKNUM), UINT32_MAX);
	x.directions = hook_directions(family_of(nlh), hook, &x.families, &has_devices);
	if (!x.directions)
		return;
	get_text(a[NFTA_CHAIN_NAME], chain, sizeof(chain));
	snprintf(text, sizeof(text), "nft: %s %s %s%s", family_name(family_of(nlh)), table, chain,
		has_rules ? "" : " (policy drop)");
	if (!has_devices) {
		findings_add(out, &x, "%s", text);
		return;
	}
	devices = get_nested(a[NFTA_CHAIN_HOOK], NFTA_HOOK_DEVS);
	device = get_nested(a[NFTA_CHAIN_HOOK], NFTA_HOOK_DEV);
	if (devices) {
		add_devices(devices, &x, text, out);
	} else if (device) { // one only, from kernels that do not list them
		get_text(device, x.ifname, sizeof(x.ifname));
		findings_add(out, &x, "%s on %s", text, x.ifname);
	}
}

void nft_judge_flowtable(const struct nlmsghdr *nlh, struct findings *out)
{
	const struct nlattr *a[NFTA_FLOWTABLE_FLAGS + 1], *devices;
	struct finding x = {.directions = FINDING_IN, .families = FINDING_ANY};
	char table[256], name[256], text[2 * 256 + 32];

	if (!attributes_get(nlh, sizeof(struct nfgenmsg), a, ARRAY_SIZE(a))) {
		findings_add(out, &x, "nft: a flowtable that cannot be read");
		return;
	}
	get_text(a[NFTA_FLOWTABLE_TABLE], table, sizeof(table));
	get_text(a[NFTA_FLOWTABLE_NAME], name, sizeof(name));
	snprintf(text, sizeof(text), "nft: %s %s flowtable %s", family_name(family_of(nlh)), table,
		name);
	devices = a[NFTA_FLOWTABLE_HOOK]
			  ? get_nested(a[NFTA_FLOWTABLE_HOOK], NFTA_FLOWTABLE_HOOK_DEVS)
			  : NULL;
	if (devices)
		add_devices(devices, &x, text, out);
}
