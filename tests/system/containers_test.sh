#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# asan: yes
# Stock containers, nothing tuned in any of them: ping, TCP and UDP, IPv4 and IPv6, between all
# kinds of port, at three MTUs. No receiver finds a wrong checksum, and the hosts' own counters agree
# with the switch's.
#
#	x: eth0 (veth)   y: eth0 (veth)   t: eth0 (TAP)   u: eth0 (TAP)
#	  10.0.0.1         10.0.0.2         10.0.0.3        10.0.0.4
#	     |                |                |               |
#	[ device under test                                       ]
source "$(dirname "$0")/_init.sh"
source "$(dirname "$0")/_traffic.sh"

hosts=(x y t u)
declare -A number=([x]=1 [y]=2 [t]=3 [u]=4)

# hosts_make MTU
hosts_make() {
	local host kind
	for host in "${hosts[@]}"; do
		kind=af_xdp
		[[ $host == [xy] ]] || kind=tap
		host_add "$host" "10.0.0.${number[$host]}/24" "fd00::${number[$host]}/64" --kind $kind --mtu "$1"
	done
	counts_begin "${hosts[@]}"
}

hosts_remove() {
	local host
	for host in "${hosts[@]}"; do
		host_del "$host"
	done
}

# pairs_check MTU TCP-BYTES UDP-BYTES: every kind of pair; -R and IPv6 spread over them, so that each
# direction of each kind sees TCP and UDP of both families.
pairs_check() {
	local mtu=$1 size=$2 udp=$3 from to v4 v6
	while read -r from to; do
		[ -n "$to" ] || continue
		v4=10.0.0.${number[$to]} v6=fd00::${number[$to]}
		ping_check "MTU $mtu $from-$to ping" "$from" "$v4"
		ping_check "MTU $mtu $from-$to ping of the whole MTU" "$from" "$v4" -M "do" -s $((mtu - 28))
		ping_check "MTU $mtu $from-$to ping, IPv6" "$from" "$v6" -M "do" -s $((mtu - 48))
		# Fragments: more than a packet, and an unfinished checksum of none of them.
		ping_check "MTU $mtu $from-$to ping in fragments" "$from" "$v4" -s $((2 * mtu + 100))
		tcp_check "MTU $mtu $from-$to TCP" "$from" "$to" "$v4" -n "$size"
		tcp_check "MTU $mtu $to-$from TCP" "$from" "$to" "$v4" -n "$size" -R
		tcp_check "MTU $mtu $from-$to TCP, IPv6" "$from" "$to" "$v6" -n "$size"
		tcp_check "MTU $mtu $to-$from TCP, IPv6" "$from" "$to" "$v6" -n "$size" -R
		udp_check "MTU $mtu $from-$to UDP" "$from" "$to" "$v4" -b 100M -n "$udp"
		udp_check "MTU $mtu $to-$from UDP" "$from" "$to" "$v4" -b 100M -n "$udp" -R
		udp_check "MTU $mtu $from-$to UDP, IPv6" "$from" "$to" "$v6" -b 100M -n "$udp"
	done
}

dut_start
switch_silence
for mtu in 1500 9000 30000; do
	[ $mtu = 1500 ] || hosts_remove
	hosts_make $mtu
	pairs_check $mtu 8M 2M <<<"$([ $mtu = 30000 ] || printf 'x y\nt u\n')"$'\nx t'
	checksums_check "${hosts[@]}"
	counts_check "${hosts[@]}"
	check_conservation
done
finish
