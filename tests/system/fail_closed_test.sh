#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A switched port fails closed: whatever becomes of the daemon, what a container sends never
# enters the host's own stack, and nothing but the guard stays on the machine.
#
#	a (stock veth)   c (veth leg made by garudad)   b (TAP)
#	|                |                              |
#	v-a              g-c                            (fd)
#	+--------------- sw: the host's stack, forwarding ------- h-up --- up
#	                 10.0.0.100, 10.7.0.1 (lo)                10.8.0.1  10.8.0.2
#
# The hosts a and c send to addresses of the host, to what the host would forward to, to
# multicast and broadcast, all the time: while garudad runs, stands still, is killed,
# starts again and stops. Counted is what the host's IP, IPv6 and ARP took in.
# asan: yes
source "$(dirname "$0")/_init.sh"

GT_CONFIG=$GT_TMP/config.json
cat >"$GT_CONFIG" <<END
{"ports": [
  {"name": "a", "netdev": "v-a"},
  {"name": "b", "container": "$GT_PREFIX-b"},
  {"name": "c", "kind": "af_xdp", "container": "$GT_PREFIX-c"},
  {"name": "own", "netdev": "v-own"}]}
END

sw() {
	on sw "$@"
}

gt_netns_add "$GT_SWITCH"
for host in a b c own up; do
	host_new $host
done
# IPv6 of the uplink would count as the host's.
sw sysctl -qw net.ipv4.ip_forward=1
wire_add a 02:00:00:00:00:0a
wire_add own 02:00:00:00:00:0b
sw sysctl -qw net.ipv6.conf.all.forwarding=1
ip -n "$GT_SWITCH" link add h-up type veth peer name eth0 netns "$GT_PREFIX-up"
sw sysctl -qw net.ipv6.conf.h-up.disable_ipv6=1
on up sysctl -qw net.ipv6.conf.all.disable_ipv6=1
for host in a own up; do
	ip -n "$GT_PREFIX-$host" link set eth0 up
done
ip -n "$GT_SWITCH" link set h-up up
ip -n "$GT_SWITCH" addr add 10.8.0.1/24 dev h-up
ip -n "$GT_SWITCH" addr add 10.7.0.1/32 dev lo
ip -n "$GT_SWITCH" addr add 10.0.0.100/24 dev v-a
ip -n "$GT_PREFIX-up" addr add 10.8.0.2/24 dev eth0
ip -n "$GT_PREFIX-up" route add default via 10.8.0.1
ip -n "$GT_PREFIX-a" addr add 10.0.0.1/24 dev eth0
ip -n "$GT_PREFIX-a" route add default via 10.0.0.100
ip -n "$GT_SWITCH" -6 addr add fd00::100/64 dev v-a nodad
# An operator's own filter, which must survive everything.
sw tc qdisc add dev v-own clsact
sw tc filter add dev v-own egress pref 77 bpf da obj "$GARUDA_BUILD/tests/system/vlan_push.bpf.o" \
	sec tc

mac_of() {
	ip -n "$GT_SWITCH" -j link show "$1" | jq -r '.[0].address'
}

# Frames from HOST, whose way leads to the host's netdev NETDEV, with sender address IP.
intrusions() {
	local mac ip=$2
	mac=$(mac_of "$1")
	frames=(
		"arp sip=$ip dip=10.0.0.100"
		"arp sip=$ip dip=10.7.0.1"
		"udp dst=$mac sip=$ip dip=10.0.0.100"
		"udp dst=$mac sip=$ip dip=10.7.0.1"
		"udp dst=$mac sip=$ip dip=10.8.0.2"
		"udp dst=$mac sip=$ip dip=10.8.0.1"
		"udp sip=$ip dip=255.255.255.255"
		"udp dst=01:00:5e:00:00:01 sip=$ip dip=224.0.0.1"
		"udp6 dst=$mac sip=fd00::1 dip=fd00::100"
		"udp6 dst=33:33:00:00:00:01 sip=fe80::1 dip=ff02::1"
		"udp6 dst=33:33:00:00:00:02 sip=fe80::1 dip=ff02::2"
	)
}

# What came into the host's stack so far: IPv4 and IPv6 packets, and neighbours it learned.
taken_in() {
	sw bash -c '
		awk "/^Ip: [0-9]/ {print \"ip\", \$4}" /proc/net/snmp
		for f in /proc/net/dev_snmp6/v-a /proc/net/dev_snmp6/g-c; do
			[ ! -e $f ] || awk "/^Ip6InReceives/ {n += \$2} END {print \"ip6\", n + 0}" $f
		done
		ip neigh show dev v-a | grep -c "^10.0.0" | sed "s/^/neigh /"
		ip neigh flush dev v-a' | awk '{n[$1] += $2} END {print "ip=" n["ip"] " ip6=" n["ip6"] " neigh=" n["neigh"]}'
}

# intrude COUNT: every intrusion of a and c COUNT times. c: only once its leg is there.
intrude() {
	intrusions v-a 10.0.0.1
	frames_send a "${frames[@]}" --count "$1"
	if ip -n "$GT_SWITCH" link show g-c >/dev/null 2>&1; then
		intrusions g-c 10.0.0.3
		frames_send c "${frames[@]}" --count "$1"
	fi
	sleep 0.1
}

shut() {
	local before after
	before=$(taken_in)
	intrude "${2:-5}" >/dev/null
	after=$(taken_in)
	check_equal "$1: nothing enters the host's stack" "${after% *} neigh=${after##*=}" \
		"${before% *} neigh=0"
	check_not "$1: the host does not answer a" on a ping -c 1 -W 0.2 10.0.0.100
}

open() {
	local before after
	before=$(taken_in)
	intrude 5 >/dev/null
	after=$(taken_in)
	check_not "$1: intrusions are taken in" test "${after% *} neigh=0" = "${before% *} neigh=0"
	check "$1: a reaches the host" on a ping -c 1 -W 2 10.0.0.100
	check "$1: a reaches what the host forwards to" on a ping -c 1 -W 2 10.8.0.2
}

features() {
	on "$1" ethtool -k eth0 | grep -v '^Features'
}

# The netdev as others see it: what may differ are counters.
netdev() {
	ip -n "$GT_SWITCH" -d -j link show "$1" | jq -Sc '.[0] | del(.stats64)'
	sw tc qdisc show dev "$1"
	sw tc filter show dev "$1" ingress
	sw tc filter show dev "$1" egress
}

xdp() {
	sw bash -c 'ip link' | grep -c 'xdp\|prog/'
}

taps() {
	ip -n "$GT_SWITCH" link show type tun
	ip -n "$GT_PREFIX-b" link show type tun
}

guarded() {
	sw tc filter show dev "$1" ingress | grep -q garuda_guard
}

promiscuity() {
	ip -n "$GT_SWITCH" -d -j link show "$1" | jq '.[0].promiscuity'
}

own_is_as_before() {
	[ "$(netdev v-own)" = "$own_before" ]
}

# -- before ------------------------------------------------------------------------------------
open "without garudad"
features_before=$(features a)
netdev_before=$(netdev v-a)
own_before=$(netdev v-own)

# -- while it runs -----------------------------------------------------------------------------
daemon_start
for port in a b c own; do
	check "port $port is up" wait_for 5 port_is_up $port
done
ip -n "$GT_PREFIX-b" addr add 10.0.0.2/24 dev eth0
ip -n "$GT_PREFIX-c" addr add 10.0.0.3/24 dev eth0
check "a reaches b" on a ping -c 1 -W 2 10.0.0.2
check "c reaches a" on c ping -c 1 -W 2 10.0.0.1
check "the netdev is promiscuous" test "$(promiscuity v-a)" = 1
shut "running"
leg_features=$(features c)

# -- stopped -----------------------------------------------------------------------------------
kill -STOP "$gt_daemon"
shut "SIGSTOP" 600 # also when every ring is full
kill -CONT "$gt_daemon"
check "after SIGCONT a reaches b" wait_for 5 on a ping -c 1 -W 1 10.0.0.2

# -- a crash and a new start under one continuous intrusion --------------------------------------
for host in a c; do
	intrusions "$(ip -n "$GT_SWITCH" -j link show | jq -r '.[].ifname' | grep -x "[vg]-$host")" \
		"$([ $host = a ] && echo 10.0.0.1 || echo 10.0.0.3)"
	spawn_on $host "$GT_FRAMES" send eth0 "${frames[@]}" --count 1000000 --gap 0.001
	intruders+=("$spawned")
done
before=$(taken_in)
sent() {
	ip -n "$GT_PREFIX-a" -s -j link show eth0 | jq '.[0].stats64.tx.packets'
}
sent_before=$(sent)
sleep 0.3
daemon_kill 9
sleep 0.3
check_equal "killed: no XDP program stays" "$(xdp)" 0
check_equal "killed: no TAP stays" "$(taps)" ""
check "killed: v-a is guarded" guarded v-a
check "killed: g-c is guarded" guarded g-c
check_equal "killed: promiscuity is undone" "$(promiscuity v-a)$(promiscuity g-c)" 00
check_equal "killed: a has its features back" "$(features a)" "$features_before"
check_equal "killed: c has a veth's features" "$(features c)" "$features_before"
check "killed: features were taken away" test "$leg_features" != "$features_before"
daemon_start
for port in a c; do
	check "started again: port $port is up" wait_for 5 port_is_up $port
done
check "the guard stays below the new daemon" guarded v-a
check "c reaches a again" on c ping -c 1 -W 2 10.0.0.1
daemon_kill 9
daemon_start
check "after a second crash c reaches a" wait_for 5 on c ping -c 1 -W 1 10.0.0.1
for pid in "${intruders[@]}"; do
	stop "$pid"
done
after=$(taken_in)
check "the intrusion was real: $(($(sent) - sent_before)) frames of a" \
	test $(($(sent) - sent_before)) -gt 500
check_equal "crashes and starts: nothing entered the host's stack" \
	"${after% *} neigh=${after##*=}" "${before% *} neigh=0"

# -- a crash for good: the operator's commands ---------------------------------------------------
daemon_kill 9
shut "killed for good"
check "the operator removes the guard" sw tc qdisc del dev v-a clsact
open "without the guard"
check "the operator removes the leg" ip -n "$GT_SWITCH" link del g-c

# -- a normal stop -----------------------------------------------------------------------------
daemon_start
for port in a b c own; do
	check "port $port is up" wait_for 5 port_is_up $port
done
shut "running again"
daemon_kill
check_equal "stopped: v-a is as before" "$(netdev v-a)" "$netdev_before"
check_equal "stopped: v-own, with a filter of its own, is as before" "$(netdev v-own)" "$own_before"
check_equal "stopped: a's features are as before" "$(features a)" "$features_before"
check_equal "stopped: no TAP stays" "$(taps)" ""
check_not "stopped: the leg is gone" ip -n "$GT_SWITCH" link show g-c
check_equal "stopped: socket, lock and record are gone" "$(find "$GT_TMP" -name 'garuda.sock*')" ""
open "stopped"

# -- guards without a port -----------------------------------------------------------------------
# A crash; the next daemon's configuration knows v-a no more: its guard is undone.
daemon_start
daemon_kill 9
check "killed: v-a is guarded" guarded v-a
jq 'del(.ports[0])' "$GT_CONFIG" >"$GT_TMP/without" && mv "$GT_TMP/without" "$GT_CONFIG"
daemon_start
check_equal "a port taken from the file: v-a is as before" "$(netdev v-a)" "$netdev_before"
open "a port taken from the file"
# A crash; a start without any configuration and a stop undo everything.
daemon_kill 9
check "killed: v-own is guarded" guarded v-own
check "killed: the leg stays" ip -n "$GT_SWITCH" link show g-c
config=$GT_CONFIG
GT_CONFIG=
daemon_start
check_not "started without a file: the leg is gone" ip -n "$GT_SWITCH" link show g-c
check_equal "started without a file: v-own is as before" "$(netdev v-own)" "$own_before"
daemon_kill
check_equal "and stopped: no record stays" "$(find "$GT_TMP" -name 'garuda.sock*')" ""
GT_CONFIG=$config
daemon_start
check "port own is up" wait_for 5 port_is_up own
g port del own >/dev/null
wait_for 2 own_is_as_before
check_equal "a port deleted: v-own is as before" "$(netdev v-own)" "$own_before"
finish
