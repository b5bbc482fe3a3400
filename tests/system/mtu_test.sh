#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# asan: yes
# Ports of different MTU: what fits passes to the last byte, what does not is dropped by name.
# MTUs change in service, from either side, and the port follows.
#
#	x: veth 9000   y: veth 1500   t: TAP 9000   u: TAP 1500
#	   |              |              |             |
#	[ device under test                              ]
#
# later w, a container's leg on veth, and v: a port that takes less than its veth could
source "$(dirname "$0")/_init.sh"
source "$(dirname "$0")/_traffic.sh"

dut_start
switch_silence
host_add x 10.0.0.1/24 fd00::1/64 --kind af_xdp --mtu 9000
host_add y 10.0.0.2/24 fd00::2/64 --kind af_xdp
host_add t 10.0.0.3/24 fd00::3/64 --kind tap --mtu 9000
host_new u # without an MTU of the port's own, which would bound it
check "a container's leg on TAP" g port add u --container "$(netns u)"
ip -n "$(netns u)" addr add 10.0.0.4/24 dev eth0
check "u is up" wait_for 5 port_is_up u
declare -A address=([x]=10.0.0.1 [y]=10.0.0.2 [t]=10.0.0.3 [u]=10.0.0.4)

# df SIZE: ping options for an IP packet of SIZE bytes that nobody may cut.
df() {
	echo -q -c 3 -i 0.02 -W 1 -M "do" -s $(($1 - 28))
}

# shellcheck disable=SC2046 # options
for pair in "x t" "t x"; do
	read -r from to <<<"$pair"
	check "$from-$to, both 9000: 9000 bytes pass" on $from ping $(df 9000) ${address[$to]}
done
# shellcheck disable=SC2046
for pair in "x y" "x u" "t y" "t u"; do
	read -r from to <<<"$pair"
	check "$from-$to, 9000 to 1500: 1500 bytes pass" on $from ping $(df 1500) ${address[$to]}
	drop_check "$from-$to, 9000 to 1500: more does not" $from output_mtu 3 \
		on $from ping $(df 1505) ${address[$to]}
	drop_check "$from-$to, 9000 to 1500: nor does a jumbo" $from output_mtu 3 \
		on $from ping $(df 9000) ${address[$to]}
	tcp_check "$from-$to, TCP agrees on what passes" $from $to ${address[$to]} -n 8M
done
# A large segment is judged by the packets that it stands for.
datagrams_check "t-u, segments that fit" t u 10.0.0.4 60 --segment 1400 --size 8400
drop_check "t-u, segments that do not" t output_mtu 5 \
	datagrams_any t u 10.0.0.4 20 --segment 4000 --size 16000
datagrams_check "t-y, segments that fit" t y 10.0.0.2 60 --segment 1400 --size 8400
drop_check "t-y, segments that do not" t output_mtu 5 \
	datagrams_any t y 10.0.0.2 20 --segment 4000 --size 16000

# Flooded: each egress port for itself.
frames_expect t 3 id=77 size=5000
frames_expect y 1 id=77 --none
before=$(drops x output_mtu)
frames_send x "raw id=77 size=5000"
frames_verdict "a broadcast of 5000 bytes reaches the port that takes it, and no other"
check_equal "and counts as dropped for the others" $(($(drops x output_mtu) - before)) 2
# Frames are neither padded nor cut.
for size in 30 59 61; do
	frames_expect t 3 id=$size size=$size
	frames_expect y 3 id=$size size=$size
	frames_send x "raw id=$size size=$size"
	frames_verdict "a frame of $size bytes stays one"
done

# -- in service ---------------------------------------------------------------------------------

# By ip, at the device's end of the wire and in the container.
ip -n "$GT_SWITCH" link set v-y mtu 9000
check "y follows its netdev" wait_for 3 eval '[ $(port_mtu y) = 9000 ]'
ip -n "$(netns y)" link set eth0 mtu 9000
# shellcheck disable=SC2046
check "x-y: 9000 bytes pass now" on x ping $(df 9000) 10.0.0.2
ip -n "$(netns u)" link set eth0 mtu 9000
check "u follows its netdev" wait_for 3 eval '[ $(port_mtu u) = 9000 ]'
# shellcheck disable=SC2046
check "x-u: 9000 bytes pass now" on x ping $(df 9000) 10.0.0.4
tcp_check "y-u: TCP of 9000" y u 10.0.0.4 -n 8M
ip -n "$GT_SWITCH" link set v-y mtu 1500
check "y follows down, too" wait_for 3 eval '[ $(port_mtu y) = 1500 ]'
# shellcheck disable=SC2046
drop_check "x-y: 9000 bytes do not pass any more" x output_mtu 3 on x ping $(df 9000) 10.0.0.2
ip -n "$(netns y)" link set eth0 mtu 1500

# By garuda: the container's end is set, for both kinds of leg.
host_new w
check "a container's leg on veth" g port add w --container "$(netns w)" --kind af_xdp --mtu 1500
ip -n "$(netns w)" addr add 10.0.0.6/24 dev eth0
check "w is up" wait_for 5 port_is_up w
for host in w u; do
	check "port set $host --mtu 4000" g port set $host --mtu 4000
	check "port $host has it" wait_for 3 eval "[ \$(port_mtu $host) = 4000 ]"
	check_equal "eth0 of $host has it" "$(link_mtu $host)" 4000
	check "$host is up" wait_for 5 port_is_up $host
done
# shellcheck disable=SC2046
check "w-u: 4000 bytes pass" on w ping $(df 4000) 10.0.0.4
# shellcheck disable=SC2046
drop_check "x-w: more does not" x output_mtu 3 on x ping $(df 4005) 10.0.0.6
check_not "an MTU that no veth has is refused" g port set w --mtu 70000
check_not "an MTU that AF_XDP cannot carry is refused" g port set w --mtu 60000
check_equal "and nothing has changed" "$(port_mtu w) $(link_mtu w)" "4000 4000"
# shellcheck disable=SC2046
check "w still works" on w ping $(df 4000) 10.0.0.4

# A port with an MTU below its netdev's keeps it, whatever happens to the netdev.
host_new v
wire_add v 02:00:00:00:00:07 1500
check "a port that takes less than its netdev" g port add v --netdev v-v --mtu 1400
ip -n "$(netns v)" link set eth0 up
ip -n "$(netns v)" addr add 10.0.0.7/24 dev eth0
check "v is up" wait_for 5 port_is_up v
for round in first second; do
	check_equal "its MTU, $round" "$(port_mtu v)" 1400
	# shellcheck disable=SC2046
	check "v-x: 1400 bytes pass, $round" on v ping $(df 1400) 10.0.0.1
	# shellcheck disable=SC2046
	drop_check "v-x: more is refused as oversize, $round" v parse_oversize 3 on v ping $(df 1500) 10.0.0.1
	ip -n "$(netns v)" link set eth0 down
	check "v is down" wait_for 3 eval '! port_is_up v'
	ip -n "$(netns v)" link set eth0 up
	check "v is up again" wait_for 3 port_is_up v
done
ip -n "$GT_SWITCH" link set v-v mtu 1300
check "but it follows below" wait_for 3 eval '[ $(port_mtu v) = 1300 ]'

# Traffic goes on while MTUs change.
spawn_on t ping -q -i 0.01 -c 100 10.0.0.4
for mtu in 1500 9000 4000; do
	g port set u --mtu $mtu
	ip -n "$(netns t)" link set eth0 mtu $mtu
	sleep 0.25
done
wait "$spawned"
check "not one ping lost while MTUs change" grep -q '100 received' "$GT_TMP/log.$spawned"
checksums_check x y t u
finish
