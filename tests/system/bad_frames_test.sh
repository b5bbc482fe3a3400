#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Frames that no bridge may forward are dropped, each by its name, at the port that they came in on;
# what arrives at the hosts, what was dropped and what they sent add up by the hosts' own counts.
#
#	a (10)   b (10)   t (trunk 10,20)   j (10, MTU 9000)
#	  |        |        |                 |
#	[ device under test                    ]
source "$(dirname "$0")/_init.sh"

all=a,b,j,t
good="src=02:aa:00:00:00:01"

# bad TEXT REASON STEP: a frame that must go nowhere and be counted under that name. play_bad
# sends them all.
texts=() reasons=() steps=()
bad() {
	texts+=("$1") reasons+=("${3%% *} $2") steps+=("$3")
}

play_bad() {
	local i got
	mapfile -t got < <(frames_play $all "${steps[@]}")
	for i in "${!texts[@]}"; do
		check_equal "${texts[i]}: goes nowhere" "${got[i]}" -
	done
	check_json "each under its name" "$(g stats show --json)" \
		'([.drops[] | select(.reason | startswith("kernel") | not) | {("\(.port) \(.reason)"): .packets}] | add) ==
		($r | split("\n") | map(select(. != "")) | group_by(.) | map({(.[0]): length}) | add)' \
		--arg r "$(printf '%s\n' "${reasons[@]}")"
	texts=() reasons=() steps=()
	g stats clear
}

dut_start
host_add a --vlan 10
host_add b --vlan 10
host_add t --trunk 10,20
host_add j --vlan 10 --mtu 9000
quiet a b t j

frames_send a "raw src=02:aa:00:00:00:07"
sleep 0.2
g stats clear
for kind in raw udp; do
	bad "a multicast source ($kind)" classify_source_invalid "a $kind src=03:00:00:00:00:01"
	bad "a broadcast source ($kind)" classify_source_invalid "a $kind src=ff:ff:ff:ff:ff:ff"
	bad "a zero source ($kind)" classify_source_invalid "a $kind src=00:00:00:00:00:00"
done
bad "a VLAN that the access port has not" classify_vlan "a raw $good tags=20"
bad "VLAN 4095" classify_vlan "t raw $good tags=4095"
bad "no tag on a trunk without a native VLAN" classify_untagged "t raw $good"
bad "a priority tag there" classify_untagged "t raw $good tags=0:5"
bad "a destination behind the same port" l2_same_port "a raw $good dst=02:aa:00:00:00:07"
play_bad
check_equal "none of them is learned" "$(g fdb list --mac 03:00:00:00:00:01 --json | jq '.entries | length')" 0
before=$(drops j output_mtu)
check_equal "a jumbo frame reaches those that can take it" "$(frames_play $all "j raw $good size=4000")" -
check_equal "the others are counted" $(($(drops j output_mtu) - before)) 3
check_equal "the longest frame passes" "$(frames_play $all "j raw $good size=1514")" "a b t"
check_equal "and so does a tagged one" "$(frames_play $all "t raw $good size=1514 tags=10")" "a b j"
check_equal "the shortest frame passes" "$(frames_play $all "a raw $good size=30")" "b j t"

# Longer than the port's own MTU. The wire of a veth pair may take more; a TAP is set to it.
if [ "$(g port show j --json | jq -r .port.kind)" = af_xdp ]; then
	check "MTU of port j" g port set j --mtu 1500
	check "j goes on" wait_for 5 port_is_up j
	check_equal "its netdev is left alone" "$(ip -n "$GT_SWITCH" -j link show v-j | jq '.[0].mtu')" 9000
	ip -n "$GT_SWITCH" link set v-j alias touched # a notification
	g stats clear
	bad "longer than the ingress port's MTU" parse_oversize "j raw $good size=1600"
	play_bad
	text=$(g port set j --mtu 9001 2>&1)
	check_equal "more than the netdev has is refused" $? 1
	check "with the remedy: $text" grep -q 'ip link set dev v-j mtu 9001' <<<"$text"
fi

frames_send a "raw src=03:00:00:00:00:01"
sleep 0.1
text=$(g stats show)
check "stats show prints each reason with its sentence" grep -q \
	'a  *classify_source_invalid  *1  *the source MAC is zero or a group address' <<<"$text"
check_json "they add up to the port's drops" "$(g stats show --port a --json)" \
	'.total.rx_drops == ([.drops[].packets] | add)'

# By the hosts' own counts.
packets() {
	local host n=0
	for host in a b t j; do
		n=$((n + $($1 $host)))
	done
	echo $n
}
g stats clear
steps=()
sent=$(packets tx_packets) arrived=$(packets rx_packets)
for i in {1..50}; do
	steps+=("a raw $good" "b raw src=03:00:00:00:00:01" "t raw $good tags=10" "t raw $good tags=20" "a raw $good tags=33")
done
frames_play $all "${steps[@]}" >/dev/null
stats=$(g stats show --json)
check_json "received is what the hosts sent" "$stats" '.total.rx_packets + .total.kernel_drops == $n' \
	--argjson n $(($(packets tx_packets) - sent))
check_json "transmitted is what arrived at them" "$stats" '.total.tx_packets == $n' \
	--argjson n $(($(packets rx_packets) - arrived))
check_json "drops are what was wrong" "$stats" '[.drops[] | {(.port + " " + .reason): .packets}] | add ==
	{"a classify_vlan": 50, "b classify_source_invalid": 50, "t l2_no_egress": 50}'
finish
