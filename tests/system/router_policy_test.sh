#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A router with a fast path is no weaker than the kernel alone: whatever the kernel is told to do besides
# forwarding has the traffic back with the kernel within a second, `router show` names it, and when
# it is gone the fast path has the traffic again.
#
#	a 10.1.0.2 ---- eth0 [ router with garudad ] eth1 ---- 10.2.0.2 b
source "$(dirname "$0")/_init.sh"
source "$(dirname "$0")/_router.sh"

router_start
router_wire a eth0 1
router_wire b eth1 2
router_attach eth0 eth1
router() {
	ip -n "$GT_SWITCH" "$@"
}

v4() {
	on a ping -q -n -c 2 -i 0.02 -W 0.3 10.2.0.2
}

v6() {
	on a ping -q -n -c 2 -i 0.02 -W 0.3 fd00:2::2
}

# v4_unheard, v6_unheard: nothing comes back.
v4_unheard() {
	! v4
}

v6_unheard() {
	! v6
}

reasons() {
	g router show --json | jq -r '[.interfaces[].reason // empty] | join("; ")'
}

# from_a: packets that the fast path forwarded of those that came in by eth0.
from_a() {
	g stats show --json | jq '.ports[] | select(.port == "eth0").forwarded'
}

# What a sends does not take the fast path.
bypasses() {
	local before
	before=$(from_a)
	"$1" >/dev/null 2>&1
	[ "$(from_a)" = "$before" ]
}

is_fast() {
	local before
	before=$(forwarded)
	"$1" && [ $(($(forwarded) - before)) -ge 4 ]
}

named() {
	reasons | grep -iE "$1"
}

# policy TEXT FAMILY WORD ADD REMOVE [EFFECT]: FAMILY v4 or v6: which traffic; WORD: a pattern that
# `router show` must name it by; EFFECT: what must come of it within a second, or nothing.
policy() {
	local text=$1 traffic=$2 word=$3 add=$4 remove=$5 effect=${6:-}
	if has_garuda; then
		check "$text: before it, fast" wait_for 3 is_fast "$traffic"
	fi
	check "$text" eval "$add"
	if [ -n "$effect" ]; then
		within "$text: it has its effect" 1000 eval "$effect"
	fi
	if has_garuda; then
		within "$text: the traffic is with the kernel" 1000 bypasses "$traffic"
		within "$text: it is named" 1000 named "$word"
		echo "      $(reasons)"
	fi
	check "$text: removed" eval "$remove"
	within "$text: reaches b again" 2000 "$traffic"
	if has_garuda; then
		within "$text: fast again" 3000 is_fast "$traffic"
	fi
}

# nft rules, one per family and hook.
nft_add() {
	on sw nft -f - <<-END
		table $1 tested {
			chain c {
				type filter hook $2 priority 0;
				${3:-counter}
			}
		}
	END
}

nft_del() {
	on sw nft delete table "$1" tested
}

nft_counts() {
	v4 >/dev/null
	on sw nft list table "$1" tested | grep -E 'counter packets [1-9]'
}

policy "nft counts what is forwarded" v4 "nft: inet tested" "nft_add inet forward" "nft_del inet" "nft_counts inet"
policy "nft drops what is forwarded" v4 "nft" "nft_add ip forward 'icmp type echo-request drop'" \
	"nft_del ip" v4_unheard
policy "nft drops IPv6" v6 "nft" "nft_add ip6 forward 'icmpv6 type echo-request drop'" "nft_del ip6" v6_unheard
policy "nft before routing" v4 "nft" "nft_add ip prerouting 'icmp type echo-request drop'" "nft_del ip" v4_unheard
policy "nft behind routing" v4 "nft" "nft_add ip postrouting" "nft_del ip" "nft_counts ip"
policy "nft at the device" v4 "nft" "nft_add netdev 'ingress device eth0'" "nft_del netdev" "nft_counts netdev"
policy "iptables" v4 "iptables" "on sw iptables-legacy -A FORWARD -p icmp -j DROP" \
	"on sw iptables-legacy -F FORWARD" v4_unheard
policy "iptables' policy of the chain" v4 "iptables" "on sw iptables-legacy -P FORWARD DROP" \
	"on sw iptables-legacy -P FORWARD ACCEPT" v4_unheard
policy "ip6tables" v6 "ip6tables" "on sw ip6tables-legacy -A FORWARD -j DROP" \
	"on sw ip6tables-legacy -F FORWARD" v6_unheard
policy "a filter at ingress" v4 "tc" "on sw tc qdisc add dev eth0 clsact &&
	on sw tc filter add dev eth0 ingress protocol ip u32 match ip protocol 1 0xff action mirred egress redirect dev lo" \
	"on sw tc qdisc del dev eth0 clsact" v4_unheard
policy "a shaper at egress" v4 "tc" \
	"on sw tc qdisc add dev eth1 root tbf rate 8mbit burst 20k latency 50ms" "on sw tc qdisc del dev eth1 root"
policy "a rule to another table" v4 "rule" "router route add blackhole default table 100 &&
	router rule add from 10.1.0.0/24 lookup 100" "router rule del from 10.1.0.0/24 lookup 100" v4_unheard
policy "a rule that prohibits, IPv6" v6 "rule" "router -6 rule add to fd00:2::/64 prohibit" \
	"router -6 rule del to fd00:2::/64 prohibit" v6_unheard
policy "an xfrm policy" v4 "xfrm" \
	"router xfrm policy add src 10.1.0.0/24 dst 10.2.0.0/24 dir fwd action block" \
	"router xfrm policy deleteall" v4_unheard
policy "forwarding off" v4 "forwarding" "on sw sysctl -qw net.ipv4.conf.eth0.forwarding=0" \
	"on sw sysctl -qw net.ipv4.conf.eth0.forwarding=1" v4_unheard
policy "forwarding off, IPv6" v6 "forwarding" "on sw sysctl -qw net.ipv6.conf.all.forwarding=0" \
	"on sw sysctl -qw net.ipv6.conf.all.forwarding=1" v6_unheard

# The strict check of sources is the fast path's own business: a has a second address that the
# router would send elsewhere.
router route add 10.77.0.0/24 via 10.2.0.2
ip -n "$(netns a)" addr add 10.77.0.1/32 dev eth0
spoofed_arrives() {
	local before after
	before=$(on b nstat -asz IcmpInEchos | awk '/InEchos/ {print $2}')
	on a ping -q -n -c 3 -i 0.02 -W 0.2 -I 10.77.0.1 10.2.0.2 >/dev/null 2>&1
	after=$(on b nstat -asz IcmpInEchos | awk '/InEchos/ {print $2}')
	[ $((after - before)) -gt 0 ]
}
spoofed_stopped() {
	! spoofed_arrives
}
check "without rp_filter a source is not asked where it comes from" spoofed_arrives
on sw sysctl -qw net.ipv4.conf.eth0.rp_filter=1
within "strict rp_filter: it does not arrive" 1000 spoofed_stopped
if has_garuda; then
	check "strict rp_filter: good ones stay fast" wait_for 2 is_fast v4
fi
on sw sysctl -qw net.ipv4.conf.eth0.rp_filter=2
within "loose rp_filter: it arrives" 1000 spoofed_arrives
finish
