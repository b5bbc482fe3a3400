// SPDX-License-Identifier: BSD-3-Clause
// What the kernel says of its network, decoded: one record per notification or line of a dump.
// Made by control/netlink/decode.c on the mirror's thread, applied by control/router on the
// control thread. Plain values; addresses in network byte order, all else in the host's.
//
// Records stand one behind the other in a batch (control/netlink/mirror.h); nl_change.size leads to
// the next one. They are aligned to 8 bytes.
#pragma once

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/net.h"

#define NL_MAX_HOPS 256 // of a multipath route or group; more: `is_cut`, and the kernel forwards

enum nl_kind {
	NL_LINK,
	NL_ADDRESS,
	NL_NEIGH,
	NL_ROUTE,
	NL_NEXTHOP,
	NL_RULE,
	NL_NETCONF,
	N_NL_KINDS
};

enum nl_verb {
	NL_SET,    // it is there, and this is all of it
	NL_GONE,   // it is there no more; the fields that name it are set
	NL_BEGIN,  // of a dump of this kind, no fields: what is not SET before NL_END is gone
	NL_END,    // of that dump: complete
	NL_BROKEN, // of that dump: not complete, another one follows; nothing is gone by it
};

struct nl_change {
	uint8_t kind; // enum nl_kind
	uint8_t verb; // enum nl_verb
	uint16_t size;
	uint32_t pad;
};

struct nl_link {
	struct nl_change change;
	int32_t ifindex;
	char name[IFNAMSIZ];
	char type[16];  // IFLA_INFO_KIND: "veth", "vlan", "vrf", "bridge", "macvlan"; "" for
			// hardware
	uint32_t flags; // IFF_*
	uint32_t mtu;
	struct mac mac;
	uint16_t device_type; // ARPHRD_*
	bool is_running;      // administratively up, and operstate up or unknown
	int32_t master;       // 0 = none
	int32_t lower;        // IFLA_LINK: of a VLAN interface; 0 = none, or in another namespace
	bool is_lower_elsewhere; // IFLA_LINK_NETNSID is there
	vlan_id_t vlan;          // of type "vlan"
	uint16_t vlan_protocol;  // 0x8100, 0x88a8
	uint32_t vrf_table;      // of type "vrf"
	bool is_passthru;        // of type "macvlan", "macvtap": takes all frames of `lower`
	uint8_t bridge_or_bond;  // the master is one that takes all frames: any but a VRF
	uint32_t xdp_program;    // id; 0 = none
};

struct nl_address { // RTM_NEWADDR
	struct nl_change change;
	int32_t ifindex;
	struct ip_prefix prefix; // of the interface's network; host bits as given (IFA_LOCAL)
	uint32_t flags;          // IFA_F_*
	uint8_t scope;           // RT_SCOPE_*
};

struct nl_neigh { // RTM_NEWNEIGH of AF_INET and AF_INET6, no proxy entries
	struct nl_change change;
	int32_t ifindex;
	struct ip_addr addr;
	uint16_t nud;  // NUD_*
	uint8_t flags; // NTF_*
	bool has_mac;
	struct mac mac;
};

struct nl_hop {
	int32_t ifindex;        // 0 = none
	struct ip_addr gateway; // family 0 = none: the destination itself is the neighbour. May be
				// of the other family (RTA_VIA, RFC 8950)
	uint16_t weight;        // 1 .. 65535
	uint8_t flags;          // RTNH_F_*
	bool has_encap;         // RTA_ENCAP (lightweight tunnel): not ours
};

// RTM_NEWROUTE of AF_INET and AF_INET6. Table, prefix, metric and tos name it, but not it alone:
//   IPv4: `ip route append` and `prepend` make several of one name; the first is in use. A dump has
//         them in their order, GONE means the one of these hops, type and protocol.
//   IPv6: hops with a gateway are one multipath route: SET has all of its hops, also when one was
//         added (is_append or not, is_beside); those without stand each for themselves (fe80::/64
//         of every interface). GONE takes away the hops that it has; the others stay.
struct nl_route {
	struct nl_change change;
	uint32_t table; // RT_TABLE_* or any number
	struct ip_prefix prefix;
	uint32_t metric;
	uint32_t nexthop;      // RTA_NH_ID; 0 = the hops here
	uint32_t mtu;          // RTAX_MTU; 0 = none of its own
	struct ip_addr source; // RTA_PREFSRC; family 0 = none. An IPv4 route goes with that address
	uint8_t protocol;      // RTPROT_*
	uint8_t scope;         // RT_SCOPE_*
	uint8_t type;          // RTN_*
	uint8_t tos;
	uint8_t preference; // of an IPv6 router: ICMPV6_ROUTER_PREF_*
	uint32_t flags;     // RTM_F_*
	bool has_source;    // IPv6 route with a source prefix: not ours
	// Of notifications; a line of a dump has none of the three.
	bool is_replace; // NLM_F_REPLACE: takes the place of the first of the same name
	bool is_append;  // NLM_F_APPEND: IPv4: stands behind others of the same name
	bool is_beside;  // others of the same name stay. IPv6 multipath: also if there are none
	bool is_cut;     // more than NL_MAX_HOPS
	uint16_t n_hops;
	struct nl_hop hops[];
};

struct nl_nexthop_member {
	uint32_t id;
	uint16_t weight;
};

struct nl_nexthop { // RTM_NEWNEXTHOP
	struct nl_change change;
	uint32_t id;
	uint8_t family;
	bool is_blackhole;
	bool is_group;
	bool is_resilient; // a group of type NEXTHOP_GRP_TYPE_RES
	bool is_fdb;       // NHA_FDB: no route uses it
	bool is_cut;
	struct nl_hop hop; // of one that is no group
	uint16_t n_members;
	struct nl_nexthop_member members[];
};

struct nl_rule { // RTM_NEWRULE
	struct nl_change change;
	uint8_t family;
	uint32_t priority;
	uint32_t table;
	uint8_t action;  // FR_ACT_*
	bool is_l3mdev;  // FRA_L3MDEV
	bool is_plain;   // chooses by nothing: no prefix, interface, mark, tos, port, uid, protocol
			 // ...
	bool is_inverse; // FIB_RULE_INVERT
	uint64_t hash;   // of the whole message: tells rules of one priority apart
};

struct nl_netconf { // RTM_NEWNETCONF
	struct nl_change change;
	uint8_t family;
	int32_t ifindex;   // or NETCONFA_IFINDEX_ALL, NETCONFA_IFINDEX_DEFAULT
	int8_t forwarding; // -1 = not said, here and below
	int8_t rp_filter;
	int8_t ignore_routes_with_linkdown;
};
