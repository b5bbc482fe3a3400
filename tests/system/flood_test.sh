#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Broadcast, multicast and unknown unicast are flooded within the VLAN, never back, once to each;
# each is switchable per port and per VLAN. Isolated ports reach only those that are not.
#
#	a (10)   b (10)   c (10)   t (trunk 10,20)   d (20)
#	  |        |        |        |                 |
#	[ device under test                              ]
source "$(dirname "$0")/_init.sh"

all=a,b,c,d,t
broadcast=ff:ff:ff:ff:ff:ff unknown=02:aa:00:00:00:99 multicast=33:33:00:00:00:99 group=01:00:5e:01:02:03

# flooded [HOST]: who gets a broadcast, an unknown unicast, and two multicasts of HOST.
flooded() {
	local host=${1:-a} words=() dst
	for dst in $broadcast $unknown $multicast $group; do
		words+=("$host raw src=02:aa:00:00:00:01 dst=$dst ${2:-}")
	done
	frames_play $all "${words[@]}" | paste -sd/
}

dut_start
for host in a b c; do
	host_add $host --vlan 10
done
host_add d --vlan 20
host_add t --trunk 10,20

check_equal "each class goes to the VLAN, once, not back" "$(flooded)" "b c t/b c t/b c t/b c t"
check_equal "from a trunk by the tag" "$(flooded t tags=20)" "d/d/d/d"
copies=$(g stats show --port a --json | jq '.total.flood_copies')
frames_play $all "a raw" >/dev/null
check "copies are counted" test "$(g stats show --port a --json | jq '.total.flood_copies')" -ge $((copies + 2))

check "no broadcast out of b" g port set b --flood-broadcast off
check_equal "broadcast only" "$(flooded)" "c t/b c t/b c t/b c t"
check "no unknown unicast out of c" g port set c --flood-unknown off
check_equal "unknown unicast only" "$(flooded)" "c t/b t/b c t/b c t"
check "no multicast out of t" g port set t --flood-multicast off
check_equal "multicast only" "$(flooded)" "c t/b t/b c/b c"
check_json "port show tells" "$(g port show c --json)" \
	'.port | .flood_unknown == false and .flood_broadcast and .flood_multicast'
frames_send c "raw src=02:aa:00:00:00:0c"
sleep 0.1
check_equal "known unicast passes all the same" \
	"$(frames_play $all "a raw src=02:aa:00:00:00:01 dst=02:aa:00:00:00:0c")" c
g port set b --flood-broadcast on
g port set c --flood-unknown on
g port set t --flood-multicast on

no_egress=$(drops a l2_no_egress)
check "no flooding in VLAN 10" g vlan set 10 --flood off
check_equal "nothing is flooded" "$(flooded)" "-/-/-/-"
check "each is a drop with a name" test "$(drops a l2_no_egress)" -ge $((no_egress + 4))
check_equal "other VLANs are" "$(flooded t tags=20)" "d/d/d/d"
check_equal "known unicast is not affected" \
	"$(frames_play $all "a raw src=02:aa:00:00:00:01 dst=02:aa:00:00:00:0c")" c
g vlan set 10 --flood on
check_equal "on again" "$(flooded)" "b c t/b c t/b c t/b c t"

for host in a b; do
	check "$host is isolated" g port set $host --isolated on
done
check_equal "isolated ports reach the others only" "$(flooded)" "c t/c t/c t/c t"
check_equal "the others reach all" "$(flooded c)" "a b t/a b t/a b t/a b t"
frames_send b "raw src=02:aa:00:00:00:0b"
sleep 0.1
check_equal "also with a known address" \
	"$(frames_play $all "a raw dst=02:aa:00:00:00:0b" "c raw dst=02:aa:00:00:00:0b")" $'-\nb'
check_equal "by name" "$(drops a l2_isolated)" 1
g port set b --isolated off
check_equal "no more" "$(frames_play $all "a raw dst=02:aa:00:00:00:0b")" b
finish
