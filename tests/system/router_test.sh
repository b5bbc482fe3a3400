#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A Linux router is made fast with one command per interface, and stays the router that it was: hosts
# reach each other with stock offloads, errors and traceroutes are the kernel's, `ip` configures it.
#
#	a 10.1.0.2 ---- eth0 [ router with garudad ] eth1 ---- 10.2.0.2 b
#	                                             eth2 ---- 10.3.0.2 c   (MTU 1400)
#
# b and c both have 10.99.0.0/24 and fd00:99::/64; c starts at hop limit 63, so an answer tells whose it is.
# What the router says is recorded before garudad has the ports, and must be the same afterwards.
# asan: yes
source "$(dirname "$0")/_init.sh"
source "$(dirname "$0")/_traffic.sh"
source "$(dirname "$0")/_router.sh"

router_start
router_wire a eth0 1
router_wire b eth1 2
router_wire c eth2 3 1400
for host in b c; do
	ip -n "$(netns $host)" addr add 10.99.0.1/24 dev lo
	ip -n "$(netns $host)" route add local fd00:99::/64 dev lo
done
on c sysctl -qw net.ipv4.ip_default_ttl=63 net.ipv6.conf.all.hop_limit=63 net.ipv6.conf.eth0.hop_limit=63
on b sysctl -qw net.ipv4.conf.eth0.arp_notify=1 net.ipv6.conf.eth0.ndisc_notify=1
router() {
	ip -n "$GT_SWITCH" "$@"
}

router addr add 10.1.7.1/24 dev eth0
router addr add 10.98.0.1/32 dev lo
router addr add fd00:98::1/128 dev lo
for kind in unreachable prohibit blackhole; do
	router route add $kind 10.90.${#kind}.0/24
	router -6 route add $kind fd00:90:${#kind}::/64
done
router route add 10.99.0.0/24 via 10.2.0.2
router route add fd00:99::/64 via fd00:2::2

# -- what the router says ------------------------------------------------------------------------

# said HOST COMMAND...: what ping or traceroute says, without times.
said() {
	local host=$1
	shift
	on "$host" "$@" 2>&1 | sed -E 's/time[= ][0-9.]+ ?ms//; s/ +[0-9.]+ ms//g; /^rtt|^PING|^$|statistics|packets transmitted|^traceroute/d'
}

answers() {
	local address kind
	on a ip route flush cache
	on a ip -6 route flush cache
	for address in 10.2.0.2 10.3.0.2 10.99.0.7 fd00:2::2 fd00:3::2 fd00:99::7; do
		echo "$address"
		said a traceroute -n -q 1 -w 1 -m 4 $address
		said a traceroute -n -I -q 1 -w 1 -m 4 $address
		said a ping -n -c 1 -W 1 -t 1 $address
	done
	for address in 10.3.0.2 fd00:3::2; do # MTU 1400 behind it
		said a ping -n -c 1 -W 1 -M "do" -s 1440 $address
		said a ping -n -c 1 -W 1 -M dont -s 1440 $address
		said a ping -n -c 1 -W 1 -s 1440 $address
	done
	for address in 10.2.0.99 fd00:2::99 172.31.0.1 fd01::1; do # nobody there; no route
		said a ping -n -c 1 -W 2 $address
	done
	for kind in unreachable prohibit blackhole; do
		said a ping -n -c 1 -W 0.3 10.90.${#kind}.1
		said a ping -n -c 1 -W 0.3 fd00:90:${#kind}::1
	done
}

addresses_answer() {
	local address
	for address in 10.1.0.1 10.2.0.1 10.3.0.1 10.1.7.1 10.98.0.1 fd00:1::1 fd00:2::1 fd00:3::1 fd00:98::1; do
		on "$1" ping -q -n -c 3 -i 0.02 -W 1 $address || return 1
	done
}

answers >"$GT_TMP/answers.kernel"
check "what the kernel says is something" test "$(wc -l <"$GT_TMP/answers.kernel")" -gt 40

router_attach eth0 eth1 eth2
for dev in eth0 eth1 eth2; do
	check "$dev is the kernel's own as before" test -d "/proc/1" -a -n "$(router addr show "$dev" | grep 'inet 10')"
done

# -- hosts reach each other ----------------------------------------------------------------------
for host in a c; do
	check "$host: every address of the router answers" addresses_answer $host
done
for address in 10.2.0.2 fd00:2::2; do
	fast_check "a pings $address" 40 on a ping -q -c 30 -i 0.01 -W 1 $address
	before=$(forwarded_or_0)
	tcp_check "TCP a to $address" a b $address -t 1 -C cubic
	fast_moved "TCP a to $address" 500 "$before"
	before=$(forwarded_or_0)
	tcp_check "TCP to a from $address" a b $address -t 1 -R -C cubic
	fast_moved "TCP to a from $address" 500 "$before"
	udp_check "UDP a to $address" a b $address -t 1 -b 50M -l 1200
done
tcp_check "TCP into the smaller MTU" a c 10.3.0.2 -t 1 -C cubic
tcp_check "TCP into the smaller MTU, IPv6" a c fd00:3::2 -t 1 -C cubic
checksums_check a b c

answers >"$GT_TMP/answers.garuda"
check "every error and traceroute is the kernel's" diff "$GT_TMP/answers.kernel" "$GT_TMP/answers.garuda"

spawn_on a ping -q -f -w 3 10.2.0.2
check "every address of the router answers during a flood" addresses_answer a

# -- `ip` configures it ----------------------------------------------------------------------------

# whose ADDRESS: b or c, whoever answers it.
whose() {
	case "$(on a ping -n -c 1 -W 0.2 "$1" | sed -nE 's/.*ttl=([0-9]+).*/\1/p')" in
	63) echo b ;;
	62) echo c ;;
	*) echo nobody ;;
	esac
}

is_whose() {
	[ "$(whose "$1")" = "$2" ]
}

# both_answer PREFIX: of many addresses some are answered by b and some by c.
both_answer() {
	local i all=''
	for ((i = 1; i <= 24; i++)); do
		all+=$(whose "$1$i")
	done
	[[ $all == *b* && $all == *c* && $all != *nobody* ]]
}

check_equal "10.99.0.1 is b's" "$(whose 10.99.0.1)" b
router route replace 10.99.0.0/24 via 10.3.0.2
within "the route now leads to c" 1000 is_whose 10.99.0.1 c
router route add 10.99.0.128/25 via 10.2.0.2
within "a longer prefix leads to b" 1000 is_whose 10.99.0.200 b
check_equal "the others still to c" "$(whose 10.99.0.1)" c
router route del 10.99.0.128/25
within "removed: to c again" 1000 is_whose 10.99.0.200 c
router -6 route replace fd00:99::/64 via fd00:3::2
within "the IPv6 route now leads to c" 1000 is_whose fd00:99::1 c
fast_check "over the new routes" 20 on a ping -q -c 20 -i 0.01 -W 1 10.99.0.1
fast_check "over the new routes, IPv6" 20 on a ping -q -c 20 -i 0.01 -W 1 fd00:99::1

router nexthop add id 1 via 10.2.0.2 dev eth1
router nexthop add id 2 via 10.3.0.2 dev eth2
router nexthop add id 10 group 1/2
router route replace 10.99.0.0/24 nhid 10
on sw sysctl -qw net.ipv4.fib_multipath_hash_policy=1
check "a group of next hops: both get some" wait_for 2 both_answer 10.99.0.
router nexthop replace id 10 group 2
within "the group now is c alone" 1000 is_whose 10.99.0.1 c
sleep 0.1
for i in 1 5 9 13; do
	check_equal "10.99.0.$i too" "$(whose 10.99.0.$i)" c
done
router nexthop del id 10
within "the group is gone, and its route" 1000 is_whose 10.99.0.1 nobody

router route add 10.99.0.0/24 via 10.3.0.2 metric 10
router route add 10.99.0.0/24 via 10.2.0.2 metric 20
within "the lower metric wins" 1000 is_whose 10.99.0.1 c
router link set eth2 down
within "its link goes down: the other takes over" 1000 is_whose 10.99.0.1 b
router link set eth2 up
router addr replace fd00:3::1/64 dev eth2 nodad
router route add 10.99.0.0/24 via 10.3.0.2 metric 10
within "back again" 2000 is_whose 10.99.0.1 c
if has_garuda; then
	check "eth2 is back on the fast path" wait_for 3 is_with eth2 ipv4 fast_path
fi

# -- a neighbour moves -------------------------------------------------------------------------------
flow_start a b 10.2.0.2 20000 3
sleep 1
on b ip link set eth0 address 02:00:00:00:02:77
flow_end
flow_check "b gets another MAC under load: out for a second at most" '$lost < 20000 and .outage_ms < 1000'
check "the router knows it" wait_for 2 eval "router neigh show 10.2.0.2 | grep 02:00:00:00:02:77"
fast_check "to b's new MAC" 30 on a ping -q -c 30 -i 0.01 -W 1 10.2.0.2
fast_check "to b's new MAC, IPv6" 30 on a ping -q -c 30 -i 0.01 -W 1 fd00:2::2

# -- an interface goes under load ----------------------------------------------------------------------
flow_start a c 10.3.0.2 20000 2
sleep 0.5
router link del eth2
wait "$flow_sender" # its receiver has no interface any more
check "the others go on" on a ping -q -c 5 -i 0.02 -W 1 10.2.0.2
stop "$flow_receiver"

# -- given back ------------------------------------------------------------------------------------------
if has_garuda; then
	flow_start a b 10.2.0.2 20000 2
	sleep 0.5
	check "port del eth0 under load" g port del eth0
	check "port del eth1 under load" g port del eth1
	flow_end
	flow_check "nothing is lost when the ports are given back" '$lost == 0'
	check "the kernel forwards" on a ping -q -c 5 -i 0.02 -W 1 10.2.0.2
	check_equal "no XDP program is left" "$(router -d link show eth0 | grep -c xdp)" 0
fi
finish
