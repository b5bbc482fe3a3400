#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The router by its commands: all suitable interfaces at once, what is refused, what is listed, policy
# that the operator wants ignored.
#
#	a (10.1) --- eth0 [ router ] eth1 --- b (10.2)
source "$(dirname "$0")/_init.sh"
# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/_router.sh"
[ "$GT_DUT" = garuda ] || skip "the kernel has no such commands"

# refused TEXT OPTION...: port.add says no, and why.
refused() {
	local text=$1
	shift
	g port add "$@" >"$GT_TMP/out" 2>&1
	check_equal "refused: $text: status" $? 1
	check "refused: $text: the reason" grep -qF "$text" "$GT_TMP/out"
}

router_start
router_wire a eth0 1
router_wire b eth1 2
ip -n "$GT_SWITCH" link add idle type veth peer name other
ip -n "$GT_SWITCH" tuntap add dev d0 mode tap
ip -n "$GT_SWITCH" link set d0 up

check_json "before: nothing is mirrored" "$(g router show --json)" '.running == false and .interfaces == []'
g port add --routed all >"$GT_TMP/all"
check "all: eth0" grep -q '^ *eth0: routed port' "$GT_TMP/all"
check "all: eth1" grep -q '^ *eth1: routed port' "$GT_TMP/all"
check "all: what is down is left alone" grep -q '^ *idle: left alone: it is down' "$GT_TMP/all"
check "all: what is no wire is left alone" grep -q '^ *d0: left alone: it is of a kind' "$GT_TMP/all"
check_json "all: two ports" "$(g port list --json)" '[.ports[] | select(.routed) | .name] == ["eth0", "eth1"]'
for dev in eth0 eth1; do
	check "$dev: on the fast path" wait_for 3 is_with $dev ipv4 fast_path
done
on a ping -q -c 2 -i 0.2 10.2.0.2 >/dev/null
fast_check "b answers" 4 on a ping -q -c 3 -i 0.2 10.2.0.2

refused "is in no VLAN" x --routed --vlan 5
refused "own network namespace" x --routed --netns "$GT_PREFIX-a"
refused "is an interface of the kernel's" x --routed --kind tap
refused "are for ports of the switch" x --routed --isolated

router_route=$(g route get 10.2.0.2 --json)
check_json "route get" "$router_route" \
	'.route.prefix == "10.2.0.2/32" and .route.action == "forward" and .route.hops[0].interface == "eth1" and .route.hops[0].resolved'
check_json "route get: the router itself" "$(g route get 10.2.0.1 --json)" '.route.action == "local"'
g route get nonsense >"$GT_TMP/out" 2>&1
check_equal "route get: no address" $? 1
check_json "route list" "$(g route list --json)" '[.routes[].prefix] | index("10.1.0.0/24") and index("fd00:2::/64")'
check_json "neigh list" "$(g neigh list --json)" 'any(.neighbours[]; .address == "10.2.0.2" and .interface == "eth1")'
check_json "interface list" "$(g interface list --json)" \
	'any(.interfaces[]; .name == "eth0" and .port == "eth0" and .forwarding4 and .ipv4 == "fast_path")'

before=$(g router show --json | jq .resyncs)
check "audit" g router audit
resynced() {
	[ "$(g router show --json | jq .resyncs)" -gt "$before" ]
}
check "audit: the tables were read anew" wait_for 5 resynced
check_json "audit: nothing was to be corrected" "$(g router show --json)" '.corrected == 0'

on sw nft add table inet t
on sw nft 'add chain inet t forward { type filter hook forward priority 0; policy drop; }'
check "a firewall: the kernel's" wait_for 2 is_with eth0 ipv4 kernel
check "a firewall: nothing passes" bash -c '! ip netns exec "$1" ping -q -c 1 -W 1 10.2.0.2' - "$GT_PREFIX-a"
check "ignored" g router set --ignore-policy nft
check "ignored: on the fast path" wait_for 2 is_with eth0 ipv4 fast_path
fast_check "ignored: b answers" 2 on a ping -q -c 2 -i 0.2 10.2.0.2
g router set --ignore-policy nonsense >"$GT_TMP/out" 2>&1
check_equal "ignored: no such kind" $? 1
check "not ignored any more" g router set --ignore-policy ""
check "not ignored any more: the kernel's" wait_for 2 is_with eth0 ipv4 kernel
finish
