#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# What a port stands on comes and goes, and the port follows without a command: containers
# restarted (their namespace deleted and made again), netdevs deleted, made again, moved,
# renamed, set down.
#
#	a (stock veth)   t (TAP)   l (veth leg)   n (stock veth, its other end in --netns nsw)
#	      |             |           |          |
#	     [ -------------------- garudad ------------------ ]
# asan: yes
source "$(dirname "$0")/_init.sh"

dut_start
host_add a 10.0.0.1/24
host_add t 10.0.0.2/24 --kind tap
host_new l
host_new n
host_new nsw
host_new elsewhere
check "a veth leg is added" g port add l --kind af_xdp --container "$GT_PREFIX-l"
ip -n "$GT_PREFIX-l" addr add 10.0.0.3/24 dev eth0

# The kernel takes a deleted namespace apart in its own time.
no_eth0() {
	! ip -n "$GT_PREFIX-n" link show eth0
}

wire_n() {
	wait_for 5 no_eth0
	ip -n "$GT_PREFIX-nsw" link add wire type veth \
		peer name eth0 address 02:00:00:00:00:04 netns "$GT_PREFIX-n"
	ip -n "$GT_PREFIX-nsw" link set wire up
	ip -n "$GT_PREFIX-n" link set eth0 up
	ip -n "$GT_PREFIX-n" addr add 10.0.0.4/24 dev eth0
}

wire_n
check "a port of another namespace is added" g port add n --netdev wire --netns "$GT_PREFIX-nsw"
for port in a t l n; do
	check "port $port is up" wait_for 5 port_is_up $port
done

reaches() {
	on "$1" ping -c 1 -W 1 "$2"
}

address() {
	[ "$1" = t ] && echo 10.0.0.2 || echo 10.0.0.3
}

# fdb_of PORT: what was learned behind it.
fdb_of() {
	g fdb list --port "$1" --json | jq '[.entries[] | select(.type == "learned")] | length'
}

oper() {
	g port show "$1" --json | jq -r .port.oper
}

is_oper() {
	[ "$(oper "$1")" = "$2" ]
}

# absent PORT TEXT PATTERN: it is, and the reason fits.
absent() {
	check "$2: port $1 is absent" wait_for 3 is_oper "$1" absent
	check_json "$2: it says why" "$(g port show "$1" --json)" '.port.reason | test($p)' --arg p "$3"
	check_equal "$2: nothing is learned behind it" "$(fdb_of "$1")" 0
	check "$2: the others go on" reaches a "${4:-10.0.0.2}"
}

check "a reaches t" wait_for 3 reaches a 10.0.0.2
check "a reaches l" wait_for 3 reaches a 10.0.0.3
check "a reaches n" wait_for 3 reaches a 10.0.0.4

# -- containers restarted ------------------------------------------------------------------------
# restart HOST: as a container runtime does: the old one is gone before the new one is there.
restart() {
	ip netns del "$GT_PREFIX-$1"
	ip netns add "$GT_PREFIX-$1"
	ip -n "$GT_PREFIX-$1" link set lo up
}

has_eth0() {
	ip -n "$GT_PREFIX-$1" link show eth0
}

for round in 1 2 3; do
	for host in t l; do
		restart $host
		check "round $round: $host gets its eth0 again" wait_for 5 has_eth0 $host
		ip -n "$GT_PREFIX-$host" addr add "$(address $host)/24" dev eth0
	done
	check "round $round: a reaches t" wait_for 3 reaches a 10.0.0.2
	check "round $round: a reaches l" wait_for 3 reaches a 10.0.0.3
	check "round $round: t reaches l" wait_for 3 reaches t 10.0.0.3
done
check_equal "the MAC is the same" "$(ip -n "$GT_PREFIX-t" -j link show eth0 | jq -r '.[0].address')" \
	"$(g port show t --json | jq -r .port.mac)"

# Gone for a while.
for host in t l; do
	ip netns del "$GT_PREFIX-$host"
	other=$([ $host = t ] && echo 10.0.0.3 || echo 10.0.0.4)
	absent $host "no container" "network namespace $GT_PREFIX-$host is gone" $other
	check_not "no container: nothing of its leg stays" ip -n "$GT_SWITCH" link show "g-$host"
done
for host in t l; do
	ip netns add "$GT_PREFIX-$host"
	check "back: port $host is up" wait_for 5 port_is_up $host
	ip -n "$GT_PREFIX-$host" addr add "$(address $host)/24" dev eth0
	check "back: a reaches $host" wait_for 3 reaches a "$(address $host)"
done

# The leg's device deleted inside the container, which lives on: it is made again.
for host in t l; do
	ip -n "$GT_PREFIX-$host" link del eth0
	check "deleted inside: $host gets its eth0 again" wait_for 5 has_eth0 $host
	check "deleted inside: port $host is up" wait_for 5 port_is_up $host
	ip -n "$GT_PREFIX-$host" addr add "$(address $host)/24" dev eth0
	check "deleted inside: a reaches $host" wait_for 3 reaches a "$(address $host)"
done

# The namespace of a --netns port deleted and made again.
ip netns del "$GT_PREFIX-nsw"
absent n "no namespace" "network namespace $GT_PREFIX-nsw is gone"
ip netns add "$GT_PREFIX-nsw"
wait_for 5 no_eth0
sleep 0.1
check_json "namespace back, without netdev: it says why" "$(g port show n --json)" \
	'.port.reason | test("there is no netdev wire in that namespace")'
wire_n
check "namespace back: port n is up" wait_for 5 port_is_up n
check "namespace back: a reaches n" wait_for 3 reaches a 10.0.0.4

# -- netdevs deleted, made again -------------------------------------------------------------------
ip -n "$GT_SWITCH" link del v-a
check "deleted: port a is absent" wait_for 3 is_oper a absent
check_json "deleted: it says why" "$(g port show a --json)" '.port.reason | test("netdev v-a is gone")'
check "deleted: the others go on" reaches t 10.0.0.3
wire_add a 02:00:00:00:00:02
ip -n "$GT_PREFIX-a" link set eth0 up
ip -n "$GT_PREFIX-a" addr add 10.0.0.1/24 dev eth0
check "made again: port a is up" wait_for 5 port_is_up a
check "made again: a reaches t" wait_for 3 reaches a 10.0.0.2
ip -n "$GT_PREFIX-nsw" link del wire
absent n "deleted in --netns" "netdev wire is gone"
wire_n
check "made again in --netns: port n is up" wait_for 5 port_is_up n
check "made again in --netns: a reaches n" wait_for 3 reaches a 10.0.0.4

# Replaced at once, so that nobody sees it absent.
ip -n "$GT_SWITCH" link del v-a
wire_add a 02:00:00:00:00:02
ip -n "$GT_PREFIX-a" link set eth0 up
ip -n "$GT_PREFIX-a" addr add 10.0.0.1/24 dev eth0
check "replaced at once: port a is up" wait_for 5 port_is_up a
check "replaced at once: a reaches t" wait_for 3 reaches a 10.0.0.2

# -- moved and renamed -----------------------------------------------------------------------------
clean() { # clean NAMESPACE NETDEV: nothing of ours is on it
	local link
	link=$(ip -n "$1" -d -j link show "$2") || return 1
	jq -e '.[0] | .promiscuity == 0 and (has("xdp") | not)' <<<"$link" &&
		[ -z "$(nsenter --net="/run/netns/$1" tc qdisc show dev "$2" clsact)" ]
}

ip -n "$GT_SWITCH" link set v-a netns "$GT_PREFIX-elsewhere"
check "moved: port a is absent" wait_for 3 is_oper a absent
check "moved: nothing of ours is on the netdev" wait_for 3 clean "$GT_PREFIX-elsewhere" v-a
ip -n "$GT_PREFIX-elsewhere" link set v-a netns "$GT_SWITCH"
ip -n "$GT_SWITCH" link set v-a up
check "moved back: port a is up" wait_for 5 port_is_up a
check "moved back: a reaches t" wait_for 3 reaches a 10.0.0.2

ip -n "$GT_SWITCH" link set v-a name renamed
check "renamed: port a is absent" wait_for 3 is_oper a absent
check "renamed: nothing of ours is on the netdev" wait_for 3 clean "$GT_SWITCH" renamed
ip -n "$GT_SWITCH" link set renamed name v-a
check "renamed back: port a is up" wait_for 5 port_is_up a
check "renamed back: a reaches t" wait_for 3 reaches a 10.0.0.2
ip -n "$GT_PREFIX-nsw" link set wire name renamed
absent n "renamed in --netns" "netdev wire is gone"
check "renamed in --netns: nothing of ours is on the netdev" wait_for 3 clean "$GT_PREFIX-nsw" renamed
ip -n "$GT_PREFIX-nsw" link set renamed name wire
check "renamed back in --netns: port n is up" wait_for 5 port_is_up n
check "renamed back in --netns: a reaches n" wait_for 3 reaches a 10.0.0.4

# A port added for what does not exist is refused; one that the file names waits (crash_restart).
check_not "a port for no netdev is refused" g port add none --netdev none

# -- link ------------------------------------------------------------------------------------------
for host in a n l; do
	check "link up: something is learned behind $host" test "$(fdb_of $host)" -gt 0
	ip -n "$GT_PREFIX-$host" link set eth0 down
	check "link down: port $host is down" wait_for 3 is_oper $host down
	check_json "link down: it says why" "$(g port show $host --json)" '.port.reason | test("link")'
	check_equal "link down: nothing is learned behind $host" "$(fdb_of $host)" 0
done
for host in a n l; do
	ip -n "$GT_PREFIX-$host" link set eth0 up
	check "link up: port $host is up" wait_for 5 port_is_up $host
done
check "link up: t reaches a" wait_for 3 reaches t 10.0.0.1
check "link up: t reaches n" wait_for 3 reaches t 10.0.0.4
check "static entries stay while a link is down" g fdb add --mac 02:00:00:00:00:77 --vlan 1 --port a
ip -n "$GT_PREFIX-a" link set eth0 down
check "link down: port a is down" wait_for 3 is_oper a down
check_json "link down: the static entry stays" "$(g fdb list --port a --json)" \
	'[.entries[] | select(.mac == "02:00:00:00:00:77")] | length == 1'
ip -n "$GT_PREFIX-a" link set eth0 up
check "link up: port a is up" wait_for 5 port_is_up a
# A TAP set down by its container.
ip -n "$GT_PREFIX-t" link set eth0 down
check "a TAP set down inside: port t is down" wait_for 3 is_oper t down
ip -n "$GT_PREFIX-t" link set eth0 up
check "a TAP set up inside: port t is up" wait_for 5 port_is_up t
check "a TAP set up inside: a reaches t" wait_for 3 reaches a 10.0.0.2

# -- a process's namespace -----------------------------------------------------------------------
spawn unshare --net sleep 60
pid=$spawned
sleep 0.2
check "a container is named by its process" g port add p --container "$pid"
check "port p is up" wait_for 3 port_is_up p
kill "$pid"
check "the process ended: port p is absent" wait_for 3 is_oper p absent
check_json "it says why" "$(g port show p --json)" '.port.reason | test("gone")'
g port del p >/dev/null

# Namespaces that were deleted are really gone: nothing of ours keeps one alive.
for host in t l n nsw elsewhere; do
	ip netns del "$GT_PREFIX-$host"
done
nothing_kept() {
	! find "/proc/$gt_daemon/fd" -lname 'net:*' -o -lname '/run/netns/*' | grep -q .
}
check "no namespace is held by garudad" wait_for 3 nothing_kept
finish
