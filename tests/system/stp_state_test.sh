#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# What a spanning tree needs: 01-80-C2-00-00-0x is never forwarded but left to the port's netdev,
# where lldpd or mstpd sits; each port has a state, and BPDU guard takes out a port with a bridge
# behind it.
#
#	a (veth)   b (veth)   c (TAP)
#	   |          |          |
#	[ device under test       ]
source "$(dirname "$0")/_init.sh"

all=a,b,c
bpdu="raw src=02:aa:00:00:00:01 dst=01:80:c2:00:00:00"
lldp="raw src=02:aa:00:00:00:01 dst=01:80:c2:00:00:0e"

# at_netdev FRAME: how often the device's end of a's wire sees it (a frame that XDP passes). An LLDP
# frame behind it tells when to stop waiting.
at_netdev() {
	local pid seen=$GT_TMP/netdev
	: >"$seen.ready"
	"$GT_FRAMES" --netns "$GT_SWITCH" receive v-a --seconds 30 >"$seen" 2>"$seen.ready" &
	pid=$!
	wait_for 10 grep -q listening "$seen.ready"
	frames_send a "$1 id=1" "$lldp id=99"
	wait_for 10 grep -q '"id": 99' "$seen"
	kill $pid
	wait $pid 2>/dev/null
	grep -c '"id": 1,' "$seen"
}

state() {
	g port show "$1" --json | jq -r '"\(.port.oper) \(.port.state)"'
}

dut_start
host_add a --kind af_xdp
host_add b --kind af_xdp
host_add c --kind tap
quiet a b c

# -- reserved addresses ------------------------------------------------------------------------
steps=() expected=()
for i in 0 1 2 3 4 5 6 7 8 9 a b c d e f; do
	steps+=("a raw src=02:aa:00:00:00:01 dst=01:80:c2:00:00:0$i" "c raw src=02:aa:00:00:00:03 dst=01:80:c2:00:00:0$i")
	expected+=(- -)
done
check_equal "none of the reserved addresses is forwarded" "$(frames_play $all "${steps[@]}" | paste -sd' ')" "${expected[*]}"
check_equal "the next address is" "$(frames_play $all "a raw dst=01:80:c2:00:00:10")" "b c"
check_equal "LLDP is left to the netdev" "$(at_netdev "$lldp")" 1
check_equal "and so are BPDUs" "$(at_netdev "$bpdu")" 1
check_equal "and LACP, behind a tag of a VLAN that the port has not" \
	"$(at_netdev "raw dst=01:80:c2:00:00:02 tags=77")" 1
check_equal "nothing else is" "$(at_netdev "raw dst=01:80:c2:00:00:10")" 0
check_equal "a TAP has no netdev to leave it to: a drop with a name" "$(drops c classify_reserved)" 16
check_equal "the source of such a frame is not learned" \
	"$(g fdb list --mac 02:aa:00:00:00:03 --json | jq '.entries | length')" 0

# -- states ------------------------------------------------------------------------------------
frames_send b "raw src=02:aa:00:00:00:02"
sleep 0.1
# state: who gets a frame of a, is its source learned, who gets what b sends to it / to all, the drop's name
while read -r name passes learned reaches reason; do
	g fdb flush --port a >/dev/null
	check "a is $name" g port set a --state $name
	check_equal "$name is shown" "$(g port show a --json | jq -r .port.state)" $name
	before=$(drops a "$reason")
	check_equal "$name: frames from it, to it, and broadcast" "$(frames_play $all "a raw src=02:aa:00:00:00:11 dst=02:aa:00:00:00:02" \
		"sleep 0.1" "b raw src=02:aa:00:00:00:02 dst=02:aa:00:00:00:11" \
		"b raw src=02:aa:00:00:00:02" | paste -sd/ | tr -d ' ')" "$passes/$reaches"
	check_equal "$name: its source is learned" "$(g fdb list --mac 02:aa:00:00:00:11 --json | jq '.entries | length')" $learned
	[ $reason = - ] || check_equal "$name: the drop has a name" $(($(drops a $reason) - before)) 1
	check_equal "$name: BPDUs reach the netdev" "$(at_netdev "$bpdu")" 1
done <<-'END'
	disabled - 0 c/c classify_port_state
	blocking - 0 c/c classify_port_state
	listening - 0 c/c classify_port_state
	learning - 1 -/c l2_learning_state
	forwarding b 1 a/ac -
END
frames_send a "raw src=02:aa:00:00:00:11"
sleep 0.1
g port set a --state blocking
check_equal "a state that learns nothing forgets what was learned" \
	"$(g fdb list --port a --type learned --json | jq '.entries | length')" 0
g port set a --state forwarding

# -- BPDU guard --------------------------------------------------------------------------------
for port in a c; do
	check "BPDU guard on $port" g port set $port --bpdu-guard on
	check "$port goes on" wait_for 5 eval '[ "$(state '$port')" = "up forwarding" ]'
	frames_send $port "$lldp"
	sleep 0.2
	check_equal "LLDP does not disturb it" "$(state $port)" "up forwarding"
	frames_send $port "$bpdu"
	check "a BPDU takes $port out of service" wait_for 5 eval '[ "$(state '$port')" = "down disabled" ]'
	check_equal "it is a drop with a name" "$(drops $port classify_bpdu_guard)" 1
	check_json "port list says why and how to go on" "$(g port list --json)" \
		'.ports[] | select(.name == $p) | .reason | test("BPDU guard") and test("--state forwarding")' --arg p $port
	check "the log says so" grep -q "port $port: BPDU guard" "$GT_TMP/garudad.log"
	check_equal "nothing passes" "$(frames_play $all "$port raw" "b raw" | paste -sd/ | tr -d "$port")" \
		"-/$(tr -d "$port" <<<"a c" | tr -d ' ')"
	check "the operator brings it back" g port set $port --state forwarding
	check_not "without being opened again by trial" grep "socket holds a queue" "$GT_TMP/garudad.log"
	check "$port is up" wait_for 5 eval '[ "$(state '$port')" = "up forwarding" ]'
	g port set $port --bpdu-guard off
	wait_for 5 eval '[ "$(state '$port')" = "up forwarding" ]'
done
check_equal "all pass again" "$(frames_play $all "a raw" "b raw" "c raw" | paste -sd/)" "b c/a c/a b"
finish
