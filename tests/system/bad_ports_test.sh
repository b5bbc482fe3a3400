#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# What cannot be a port is refused with one sentence that names object, reason and remedy, and
# nothing is left of the attempt: no port, no program, no guard, no netdev.
#
#	a (stock veth)   c (a namespace)   ... and netdevs of every unsuitable kind in sw
#	      |             |
#	     [ -- garudad -- ]
source "$(dirname "$0")/_init.sh"

dut_start
host_add a 10.0.0.1/24
host_new c
host_new d
for n in down foreign skb slave parent many filter big good; do
	host_new $n
	wire_add $n "02:00:00:00:01:0${#n}"
	ip -n "$GT_PREFIX-$n" link set eth0 up
done
sw() {
	on sw "$@"
}
objects=$GARUDA_BUILD/tests/system
sw ip link set v-down down
sw ip link set dev v-foreign xdpdrv obj "$objects/xdp_pass.bpf.o" sec xdp
sw ip link set dev v-skb xdpgeneric obj "$objects/xdp_pass.bpf.o" sec xdp
sw ip link add br0 type bridge
sw ip link set v-slave master br0
sw ip link add mv0 link v-parent type macvlan mode passthru
sw ip link set mv0 up
sw ip tuntap add dev tun0 mode tun
sw ip link del v-many
sw ip link add v-many numrxqueues 1 numtxqueues 1 type veth \
	peer name eth0 numrxqueues 2 numtxqueues 2 netns "$GT_PREFIX-many"
sw ip link set v-many up
ip -n "$GT_PREFIX-many" link set eth0 up
on many ethtool -L eth0 tx 2 rx 1 2>/dev/null || on many ethtool -L eth0 tx 2
sw tc qdisc add dev v-filter clsact
sw tc filter add dev v-filter ingress pref 1 handle 0x6a7da bpf da \
	obj "$objects/vlan_push.bpf.o" sec tc
sw ip link set v-big mtu 65535
ip -n "$GT_PREFIX-c" link add taken type veth peer name other

# Everything that an attempt could leave behind.
scene() {
	local host
	g port list --json | jq -c '[.ports[].name]'
	for host in sw c d good; do
		ip -n "$GT_PREFIX-$host" -d -j link show | jq -Sc --arg h $host \
			'.[] | [$h, .ifname, .mtu, .flags, .master, .promiscuity, .xdp.prog.id]'
		on $host bash -c 'tc qdisc show; tc filter show dev v-filter ingress 2>/dev/null'
	done
	find "/proc/$gt_daemon/fd" | wc -l
	jq -c '[.changes[].ifname]' "$GT_SOCKET.state"
}

# nothing_left TEXT: the scene is the one before.
nothing_left() {
	check_equal "$1: nothing is left" "$(scene)" "$before"
}

# refused TEXT PATTERN port.add's arguments...
refused() {
	says "$@"
	nothing_left "$1"
}

says() {
	local text=$1 pattern=$2 output status=0
	shift 2
	output=$(g port add "$@" 2>&1) || status=$?
	check "$text: refused" test $status != 0
	if [[ $output =~ $pattern ]] && [ "$(wc -l <<<"$output")" = 1 ]; then
		pass "$text: $output"
	else
		fail "$text: '$output' does not say '$pattern' in one sentence"
	fi
}

before=$(scene)
# -- netdevs ---------------------------------------------------------------------------------------
refused "missing" "port x: there is no netdev none: create it, or check the name" x --netdev none
refused "missing by the port's name" "port nosuch: there is no netdev nosuch: " nosuch
refused "missing elsewhere" "there is no netdev v-good in that namespace" \
	x --netdev v-good --netns "$GT_PREFIX-c"
refused "no namespace" "no network namespace" x --netdev v-good --netns nowhere
refused "loopback" "port x: netdev lo is not an Ethernet device: choose" x --netdev lo
refused "not Ethernet" "port x: netdev tun0 is not an Ethernet device" x --netdev tun0
refused "foreign XDP" "another XDP program is attached to netdev v-foreign: detach it first \(ip link set dev v-foreign xdp off" \
	x --netdev v-foreign
refused "foreign generic XDP" "another XDP program is attached to netdev v-skb: detach it first \(ip link set dev v-skb xdpgeneric off" \
	x --netdev v-skb
refused "enslaved" "netdev v-slave belongs to br0: take it out first \(ip link set dev v-slave nomaster\)" \
	x --netdev v-slave
refused "a macvlan's parent" "mv0 lives on the frames of netdev v-parent, .*: remove it first \(ip link del mv0\)" \
	x --netdev v-parent
refused "the peer's queues" "the peer of netdev v-many has more transmit queues than it has receive queues: raise them" \
	x --netdev v-many
refused "a foreign filter" "a foreign tc filter holds the guard's place on netdev v-filter: remove it \(tc filter del dev v-filter ingress pref 1\)" \
	x --netdev v-filter
refused "MTU of the netdev" "netdev v-big has MTU 65535 and AF_XDP carries at most [0-9]+: lower it \(ip link set dev v-big mtu" \
	x --netdev v-big
refused "MTU above the netdev's" "MTU 9000 is more than netdev v-good has \(1500\): raise that first" \
	x --netdev v-good --mtu 9000
refused "generic on veth" "generic XDP on veth v-good would lose VLAN tags and break TCP: leave out" \
	x --netdev v-good --generic_xdp on
refused "a bridge" "netdev br0 .*(native XDP|tap port)" x --netdev br0
refused "in use by a port" "the netdev v-a is in use by port a; remove that first" x --netdev v-a
refused "a port's name twice" "port a: there is a port of that name already; choose another name or remove it with 'garuda port del a'" \
	a --netdev v-good

# -- containers ------------------------------------------------------------------------------------
for kind in tap af_xdp; do
	refused "$kind: no container" "port x: there is no network namespace nowhere; make it" x --kind $kind --container nowhere
	refused "$kind: no process" "port x: there is neither a process 4194303 nor" x --kind $kind --container 4194303
	refused "$kind: the host itself" "daemon itself" x --kind $kind --container "/run/netns/$GT_SWITCH"
	refused "$kind: the name is taken" "port x: namespace .* has an interface taken already: choose another name" \
		x --kind $kind --container "$GT_PREFIX-c:taken"
	refused "$kind: no such name" "at most 15|interface" x --kind $kind --container "$GT_PREFIX-c:much-too-long-a-name"
	refused "$kind: MTU" "mtu|MTU" x --kind $kind --container "$GT_PREFIX-c" --mtu 66000
	refused "$kind: a group address" "group address" x --kind $kind --container "$GT_PREFIX-c" \
		--mac 01:00:00:00:00:01
done
refused "container and netdev" "container makes the interface itself" \
	x --container "$GT_PREFIX-c" --netdev v-good

# -- VLANs and numbers -------------------------------------------------------------------------------
says "VLAN 0" "vlan" x --netdev v-good --vlan 0
says "VLAN 4095" "vlan" x --netdev v-good --vlan 4095
says "VLAN text" "vlan" x --netdev v-good --vlan ten
for list in 0 4095 10,4095 20-10 "10," ",10" 10--20 10-20-30 a 10,,20 10-; do
	says "trunk $list" "trunk" x --netdev v-good --trunk "$list"
done
says "vlan and trunk" "vlan and trunk contradict each other; give" \
	x --netdev v-good --vlan 10 --trunk 20
says "native without trunk" "native 5 is for trunks only; give" x --netdev v-good --native 5
says "native 4095" "native" x --netdev v-good --trunk 10 --native 4095
says "queue size" "queue_size 1000 is not a power of two" x --netdev v-good --queue_size 1000
says "MTU 10" "mtu" x --netdev v-good --mtu 10
says "an unknown parameter" "colour" x --netdev v-good --colour red
says "a name with a blank" "name" "x y" --netdev v-good
says "a long name" "name" "$(printf 'x%.0s' {1..40})" --netdev v-good
nothing_left "VLANs and numbers"

# -- what can be a port after all ----------------------------------------------------------------------
check "a netdev that is down can be added" g port add down --netdev v-down
check_json "it says so" "$(g port show down --json)" \
	'.port.oper == "down" and (.port.reason | test("link of v-down is down"))'
ip -n "$GT_SWITCH" link set v-down up
check "and comes up with its netdev" wait_for 5 port_is_up down
check "the good one can" g port add good --netdev v-good
check "and is up" wait_for 5 port_is_up good
sw ip link set dev v-foreign xdp off
check "the busy one can, once it is free" g port add foreign --netdev v-foreign
sw ip link set dev v-skb xdpgeneric off
check "the other busy one too" g port add skb --netdev v-skb
# Somebody else cannot take a port's netdev away.
check_not "an XDP program cannot be put over ours" \
	sw ip link set dev v-good xdpdrv obj "$objects/xdp_pass.bpf.o" sec xdp
check "the port is up" port_is_up good
for port in down good foreign skb; do
	check "port $port is removed" g port del $port
done
for port in down good foreign skb; do
	check_not "and removed once only" g port del $port
done
output=$(g port del none 2>&1)
check_equal "a port that is not there" "$output" \
	"garuda: port none: there is no port of that name; 'garuda port list' shows all"

# -- no privilege ------------------------------------------------------------------------------------
daemon_kill
# unprivileged CAPABILITIES: garudad without them.
unprivileged() {
	nsenter --net="/run/netns/$GT_SWITCH" setpriv --bounding-set "$1" --inh-caps "$1" \
		"$GARUDA_BUILD/control/garudad" --socket "$GT_SOCKET" </dev/null >>"$GT_TMP/garudad.log" 2>&1 &
	gt_daemon=$!
	wait_for 10 g system show
}
for caps in -net_admin -net_raw -bpf,-sys_admin -all; do
	unprivileged "$caps" && pass "garudad starts with capabilities $caps"
	before=$(scene)
	for add in "--netdev v-good" "--container $GT_PREFIX-d" "--kind af_xdp --container $GT_PREFIX-d"; do
		case "$caps $add" in
		"-net_raw --container"* | "-bpf,-sys_admin --container"*) continue ;; # a TAP needs less
		esac
		# shellcheck disable=SC2086
		refused "$caps, $add" "x: .*(privilege|permission).*(CAP_|root)" x $add
	done
	daemon_kill
done

# -- a file with a mistake ---------------------------------------------------------------------------
gt_daemon=
good_before=$(ip -n "$GT_SWITCH" -d -j link show v-good | jq -Sc '.[0] | del(.stats64)')
mistake() { # mistake TEXT PATTERN JSON
	local output status=0
	echo "$3" >"$GT_TMP/bad.json"
	output=$(on sw timeout 10 "$GARUDA_BUILD/control/garudad" --socket "$GT_SOCKET" \
		--config "$GT_TMP/bad.json" 2>&1) || status=$?
	check_equal "$1: the start is refused" $status 1
	check "$1: $output" grep -qE "$2" <<<"$output"
	check_equal "$1: nothing is left" \
		"$(ip -n "$GT_SWITCH" -d -j link show v-good | jq -Sc '.[0] | del(.stats64)')$(sw tc qdisc show dev v-good clsact)$(ls "$GT_SOCKET"* 2>/dev/null)" \
		"$good_before"
}
mistake "not JSON" "bad.json:[0-9]+:[0-9]+: is not JSON" '{"ports": ['
mistake "an unknown section" "portz: is not known here" '{"portz": []}'
mistake "an unknown parameter" "ports\[1\] \(y\): .*colour" \
	'{"ports": [{"name": "x", "netdev": "v-good"}, {"name": "y", "netdev": "v-a", "colour": 1}]}'
mistake "VLAN 4095" "ports\[1\] \(y\): .*vlan" \
	'{"ports": [{"name": "x", "netdev": "v-good"}, {"name": "y", "netdev": "v-a", "vlan": 4095}]}'
mistake "a name twice" "ports\[1\] \(x\): .*name already" \
	'{"ports": [{"name": "x", "netdev": "v-good"}, {"name": "x", "netdev": "v-a"}]}'
mistake "loopback" "ports\[1\] \(y\): .*not an Ethernet device" \
	'{"ports": [{"name": "x", "netdev": "v-good"}, {"name": "y", "netdev": "lo"}]}'
mistake "no file" "bad.json" ''
finish
