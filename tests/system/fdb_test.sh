#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The forwarding database learns, follows a station, keeps what the operator pinned, and forgets
# on command, when a link goes down and when a port is removed. Each VLAN learns for itself.
#
#	a (10)   b (10)   c (10)   t (trunk 10,20)   d (20)
#	  |        |        |        |                 |
#	[ device under test                              ]
source "$(dirname "$0")/_init.sh"

all=a,b,c,d,t
s1=02:aa:00:00:00:01 s2=02:aa:00:00:00:02 s3=02:aa:00:00:00:03 nobody=02:aa:00:00:00:99

# entry MAC [VLAN]: "port type" of each entry.
entry() {
	g fdb list --mac "$1" ${2:+--vlan "$2"} --json |
		jq -r '[.entries[] | "\(.port) \(.type)"] | sort | join(", ")'
}

# hears HOST MAC [TAGS]: HOST sends one broadcast from MAC.
hears() {
	frames_send "$1" "raw src=$2 ${3:+tags=$3}"
	sleep 0.1
}

dut_start
for host in a b c; do
	host_add $host --vlan 10
done
host_add d --vlan 20
host_add t --trunk 10,20

# -- learning ----------------------------------------------------------------------------------
check_equal "unknown unicast goes to all of the VLAN, not back" \
	"$(frames_play $all "a raw src=$s1 dst=$nobody")" "b c t"
check_equal "its source is learned" "$(entry $s1)" "a learned"
check_equal "known unicast goes to its port only" "$(frames_play $all "b raw src=$s2 dst=$s1")" a
check_equal "and so does the answer" "$(frames_play $all "a raw src=$s1 dst=$s2")" b
check_equal "a destination behind the same port is not sent back" \
	"$(frames_play $all "a raw src=$s3" "sleep 0.2" "a raw src=$s1 dst=$s3")" $'b c t\n-'
check_equal "that is a drop with a name" "$(drops a l2_same_port)" 1
hears t $s1 20
check_equal "the same address in another VLAN is another entry" "$(entry $s1)" "a learned, t learned"
check_equal "each VLAN goes its own way" \
	"$(frames_play $all "b raw src=$s2 dst=$s1" "d raw src=$s2 dst=$s1")" $'a\nt'
check_json "list by port" "$(g fdb list --port t --json)" \
	'[.entries[] | select(.mac == $m)] | length == 1 and .[0].vlan == 20' --arg m $s1
check_json "list by VLAN" "$(g fdb list --vlan 20 --json)" '.entries | map(.vlan) | unique == [20]'

# -- moving ------------------------------------------------------------------------------------
moved=$(g bridge show --json | jq .moved)
hears c $s1
check_equal "a station that moved is found at its new port" "$(entry $s1 10)" "c learned"
check_equal "traffic follows it" "$(frames_play $all "b raw src=$s2 dst=$s1")" c
check_equal "the move is counted" "$(g bridge show --json | jq .moved)" $((moved + 1))

# -- static and sticky -------------------------------------------------------------------------
check "a static entry" g fdb add $s1 --vlan 10 --port b
check_equal "replaces the learned one" "$(entry $s1 10)" "b static"
hears a $s1
hears c $s1
check_equal "no frame moves it" "$(entry $s1 10)" "b static"
check_equal "traffic goes where the operator said" "$(frames_play $all "a raw src=$s3 dst=$s1")" b
check "a sticky entry" g fdb add $s3 --vlan 10 --port a --sticky
hears c $s3
check_equal "no frame moves it" "$(entry $s3)" "a sticky"
check_json "list by type" "$(g fdb list --type static --json)" \
	'.entries | length == 1 and (.[0] | has("age") | not)'
check "adding it once more is no change" g fdb add $s1 --vlan 10 --port b
text=$(g fdb add $s1 --vlan 10 --port c 2>&1)
check_equal "another port for it is refused" $? 1
check "the refusal names the port there and the remedy: $text" grep -q 'port b .*fdb del' <<<"$text"
for wrong in "01:00:5e:00:00:01 --vlan 10 --port a" "00:00:00:00:00:00 --vlan 10 --port a" \
	"$s2 --vlan 20 --port a" "$s2 --vlan 10 --port nowhere" "$s2 --vlan 4095 --port a" \
	"02:aa --vlan 10 --port a"; do
	# shellcheck disable=SC2086 # words
	check_not "refused: fdb add $wrong" g fdb add $wrong
done
check "del" g fdb del $s3 --vlan 10
check_not "del of what is not there" g fdb del $s3 --vlan 10

# -- the switch's own --------------------------------------------------------------------------
own=$(ip -n "$GT_SWITCH" -j link show v-a | jq -r '.[0].address')
check_equal "the address of a port's netdev is the switch's own" "$(entry "$own")" "a own"
hears c "$own"
check_equal "it cannot be learned away" "$(entry "$own")" "a own"
check_equal "frames to it are not flooded, and have a name" \
	"$(frames_play $all "b raw src=$s2 dst=$own") $(drops b l2_to_switch)" "- 1"
check_not "nor can it be deleted" g fdb del "$own" --vlan 10
check_not "nor set elsewhere" g fdb add "$own" --vlan 10 --port b
ip -n "$GT_SWITCH" link set v-a address 02:bb:00:00:00:01
check "it follows a change of the address" \
	wait_for 5 eval '[ "$(entry 02:bb:00:00:00:01),$(entry $own)" = "a own," ]'

# -- flush -------------------------------------------------------------------------------------
learn() {
	hears a 02:aa:00:00:01:0a
	hears b 02:aa:00:00:01:0b
	hears t 02:aa:00:00:01:10 10
	hears t 02:aa:00:00:01:20 20
	hears d 02:aa:00:00:01:0d
}
# Which of those are there, by their last byte.
learned() {
	g fdb list --type learned --json |
		jq -r '[.entries[].mac | select(startswith("02:aa:00:00:01")) | .[-2:]] | sort | join(" ")'
}
learn
check_equal "five learned" "$(learned)" "0a 0b 0d 10 20"
check "flush by port" g fdb flush --port t
check_equal "that port's are gone" "$(learned)" "0a 0b 0d"
learn
check "flush by VLAN" g fdb flush --vlan 10
check_equal "that VLAN's are gone" "$(learned)" "0d 20"
learn
check "flush by port and VLAN" g fdb flush --port t --vlan 10
check_equal "only that VLAN on that port" "$(learned)" "0a 0b 0d 20"
check "flush all" g fdb flush --all
check_equal "nothing learned is left" "$(learned)" ""
check_equal "static entries stay" "$(entry $s1 10)" "b static"
check_not "flush of nothing in particular is refused" g fdb flush
check_not "flush of all and a port is refused" g fdb flush --all --port a

# -- learning off ------------------------------------------------------------------------------
learn
check "learning off on port a" g port set a --learning off
check_equal "what it had learned is forgotten" "$(learned)" "0b 0d 10 20"
hears a 02:aa:00:00:01:0a
check_equal "nothing new is learned there" "$(learned)" "0b 0d 10 20"
check "learning on" g port set a --learning on
hears a 02:aa:00:00:01:0a
check_equal "is learned again" "$(learned)" "0a 0b 0d 10 20"
check "learning off in VLAN 20" g vlan set 20 --learning off
hears d 02:aa:00:00:01:0d
hears t 02:aa:00:00:01:20 20
check_equal "nothing is learned in it" "$(learned)" "0a 0b 10"
check_json "vlan list shows it" "$(g vlan list --vlan 20 --json)" '.vlans[0].learning == false'
check_equal "its unicast is flooded" "$(frames_play $all "d raw src=$s2 dst=02:aa:00:00:01:20")" t
g vlan set 20 --learning on

# -- what else forgets -------------------------------------------------------------------------
learn
check "static on a" g fdb add $s3 --vlan 10 --port a
ip -n "$(netns a)" link set eth0 down
check "the link of a goes down" wait_for 5 eval 'g port show a --json | jq -e ".port.oper == \"down\""'
check_equal "what was learned there is forgotten" "$(learned)" "0b 0d 10 20"
check_equal "what the operator set is not" "$(entry $s3)" "a static"
check_equal "frames to it have no egress, by name" \
	"$(frames_play b "b raw src=$s2 dst=$s3") $(drops b output_port_gone)" "- 1"
ip -n "$(netns a)" link set eth0 up
check "the link comes back" wait_for 5 port_is_up a
check "the port leaves VLAN 10 for 20" g port set b --vlan 20
check_equal "what was learned there is forgotten" "$(learned)" "0d 10 20"
check_equal "a static entry in a VLAN that its port left: a drop with a name" \
	"$(frames_play $all "c raw src=$s2 dst=$s1") $(drops c output_vlan)" "- 1"
check_equal "the own addresses follow" "$(g fdb list --type own --json |
	jq -r '[.entries[] | "\(.port):\(.vlan)"] | sort | join(" ")')" "a:10 b:20 c:10 d:20"
check "port del" g port del t
check_equal "its entries go with it" "$(learned)" "0d"
check_json "and the counts agree" "$(g bridge show --json)" \
	'.fdb_entries == $n' --argjson n "$(g fdb list --json | jq '.entries | length')"
finish
