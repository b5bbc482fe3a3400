#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# asan: yes
# Ports whose interface lies in another namespace, and interfaces made for containers: named, moved
# inside, with the MAC and MTU asked for, and gone with the port. Nobody else's traffic notices.
#
#	f: eth0                   k: eth0 (TAP)   l: net1 (veth)  m: eth0, net2   a: veth   b: TAP
#	   |                         |               |               |    |          |         |
#	v-f, in namespace far        |            g-l |              |    |          |         |
#	   |                         |               |               |    |          |         |
#	[ device under test                                                                     ]
source "$(dirname "$0")/_init.sh"
source "$(dirname "$0")/_traffic.sh"

# link HOST DEVICE FILTER: of what ip says about it.
link() {
	ip -n "$(netns "$1")" -json -details link show "$2" 2>/dev/null | jq -r ".[0] | $3"
}

no_link() {
	! ip -n "$(netns "$1")" link show "$2"
}

dut_start
switch_silence
host_add a 10.0.0.1/24 --kind af_xdp
host_add b 10.0.0.2/24 --kind tap

# -- an interface that lies elsewhere --------------------------------------------------------------

host_new far
host_new f
ip -n "$(netns far)" link add v-f type veth peer name eth0 netns "$(netns f)"
ip -n "$(netns far)" link set v-f up
ip -n "$(netns f)" link set eth0 up
ip -n "$(netns f)" addr add 10.0.0.3/24 dev eth0
features=$(on f ethtool -k eth0)
for spec in "$(netns far)" "/run/netns/$(netns far)"; do
	check "a port in namespace $spec" g port add f --netdev v-f --netns "$spec"
	check "it comes up" wait_for 5 port_is_up f
	check_json "and says where it is" "$(g port show f --json)" '.port.netns == $n and .port.netdev == "v-f"' \
		--arg n "$spec"
	ping_check "f-a" f 10.0.0.1
	tcp_check "f-b TCP" f b 10.0.0.2 -n 8M
	tcp_check "b-f TCP" f b 10.0.0.2 -n 8M -R
	check_not "a second port on it is refused" g port add f2 --netdev v-f --netns "$spec"
	check "port del" g port del f
	check "the program is gone from v-f" wait_for 2 eval '[ "$(link far v-f .xdp.mode)" = null ]'
	check "so is promiscuity" wait_for 2 eval '[ "$(link far v-f .promiscuity)" = 0 ]'
	check "and the guard" wait_for 2 eval \
		'[ -z "$(ip netns exec "$(netns far)" tc filter show dev v-f ingress)" ]'
	check_equal "the container has its offloads back" "$(on f ethtool -k eth0)" "$features"
done
check_not "an interface that is not there is refused" g port add f --netdev v-f
check_not "a namespace that is not there is refused" g port add f --netdev v-f --netns "$(netns none)"
check_equal "and nothing of it stays" "$(g port list --json | jq -c '[.ports[].name]')" '["a","b"]'

# -- interfaces made for containers -----------------------------------------------------------------

for host in k l m; do
	host_new $host
done
spawn_on m sleep 300
sleeper=$spawned
check "a TAP, by the namespace's name" g port add k --container "$(netns k)" --mac 02:00:00:00:0a:01 --mtu 1400
check "a veth, by name and with a name inside" g port add l --container "$(netns l):net1" \
	--kind af_xdp --mac 02:00:00:00:0a:02 --mtu 2000
check "a TAP, by a process" g port add m --container "$sleeper:eth0"
check "a veth, by the same process" g port add m2 --container "$sleeper:net2" --kind af_xdp --vlan 7
while read -r port host device mac mtu kind; do
	check "$port is up" wait_for 5 port_is_up "$port"
	check_equal "$port: its interface, MAC and MTU inside" \
		"$(link "$host" "$device" '"\(.address) \(.mtu) \(.linkinfo.info_kind) \(.flags | index("UP") != null)"')" \
		"$mac $mtu $kind true"
	check_json "$port: garuda says the same" "$(g port show "$port" --json)" \
		'.port | .mac == $mac and .mtu == ($mtu | tonumber) and (.container | endswith(":" + $dev))' \
		--arg mac "$mac" --arg mtu "$mtu" --arg dev "$device"
done <<-END
	k k eth0 02:00:00:00:0a:01 1400 tun
	l l net1 02:00:00:00:0a:02 2000 veth
	m m eth0 $(g port show m --json | jq -r .port.mac) 1500 tun
	m2 m net2 $(g port show m2 --json | jq -r .port.mac) 1500 veth
END
ip -n "$(netns k)" addr add 10.0.0.11/24 dev eth0
ip -n "$(netns l)" addr add 10.0.0.12/24 dev net1
ip -n "$(netns m)" addr add 10.0.0.13/24 dev eth0
ip -n "$(netns m)" addr add 10.0.7.13/24 dev net2
ping_check "k-l" k 10.0.0.12
ping_check "l-m" l 10.0.0.13
tcp_check "k-l TCP" k l 10.0.0.12 -n 8M
tcp_check "l-m TCP" l m 10.0.0.13 -n 8M
check_not "the second leg is in its own VLAN" on m ping -q -c 2 -i 0.1 -W 0.3 -I net2 10.0.0.1

# A name that is taken; the other's interface is left alone, and nothing of ours stays.
for kind in tap af_xdp; do
	check_not "a $kind leg of a name that is taken" g port add n --container "$(netns k):eth0" --kind $kind
	check_not "a $kind leg for a namespace that is not there" g port add n --container "$(netns none)" --kind $kind
done
check "no half of a pair stays" no_link sw g-n
ping_check "k still works" k 10.0.0.12

# What is set in service reaches the leg, which keeps its addresses; and the container's next one.
for port in k l; do
	device=eth0 mac=02:00:00:00:0b:01
	[ $port = k ] || device=net1 mac=02:00:00:00:0b:02
	check "$port: port set" g port set $port --mac $mac --mtu 1600
	check "$port: BPDU guard" g port set $port --bpdu-guard true
	check "$port is up" wait_for 5 port_is_up $port
	ping_check "$port has kept its address" $port 10.0.0.2
	ip netns del "$(netns $port)"
	check "$port is absent without its container" wait_for 5 eval \
		"g port show $port --json | jq -e '.port.oper == \"absent\"'"
	ip netns add "$(netns $port)"
	check "$port is up with the next" wait_for 5 port_is_up $port
	check_equal "$port: MAC and MTU are those set" "$(link $port $device '"\(.address) \(.mtu)"')" \
		"$mac 1600"
done

# Removed with the port; a process's namespace stays.
for port in k l m m2; do
	check "port del $port" g port del $port
done
for leg in "k eth0" "l net1" "m eth0" "m net2" "sw g-l" "sw g-m2"; do
	read -r host device <<<"$leg"
	check "$device of $host is gone" wait_for 2 no_link "$host" "$device"
done

# -- the others are not disturbed --------------------------------------------------------------------

spawn_on a ping -q -i 0.005 -c 600 10.0.0.2
pinging=$spawned
(bulk b a 10.0.0.1 -t 3 >"$GT_TMP/bulk") &
bulk=$!
n=0
while kill -0 $bulk 2>/dev/null; do
	g port add k --container "$(netns k)" >/dev/null &&
		g port add l --container "$(netns l):net1" --kind af_xdp >/dev/null &&
		g port add f --netdev v-f --netns "$(netns far)" >/dev/null &&
		g port del l && g port del k && g port del f && n=$((n + 1))
done
wait $bulk
wait "$pinging"
check "ports were added and removed $n times three meanwhile" [ $n -ge 2 ]
check "not one ping of the others was lost" grep -q '600 received' "$GT_TMP/log.$pinging"
retransmitted=$(jq '.end.sum_sent.retransmits' "$GT_TMP/bulk")
check "a few segments at most were sent twice: $retransmitted" [ "$retransmitted" -le 20 ]
checksums_check a b f
finish
