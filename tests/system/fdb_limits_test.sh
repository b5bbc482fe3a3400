#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The forwarding database ages, keeps its limits in total and per port, and tells of addresses that
# flap between ports. Beyond a limit traffic is flooded, never lost.
#
#	a   b   c      (VLAN 1)
#	|   |   |
#	[ device ]
source "$(dirname "$0")/_init.sh"

# learned PORT: addresses of ours learned there, by their last byte.
learned() {
	g fdb list --port "$1" --type learned --json |
		jq -r '[.entries[].mac | select(startswith("02:aa")) | .[-2:]] | sort | join(" ")'
}

bridge() {
	g bridge show --json | jq ".$1"
}

# hears HOST BYTE...: HOST sends a broadcast from 02:aa:00:00:00:BYTE each.
hears() {
	local host=$1 frames=() byte
	shift
	for byte; do
		frames+=("raw src=02:aa:00:00:00:$byte")
	done
	frames_send "$host" "${frames[@]}"
	sleep 0.1
}

dut_start
for host in a b c; do
	host_add $host
done
quiet a b c
g fdb flush --all

# -- limits ------------------------------------------------------------------------------------
check "a limit of three addresses for a" g port set a --fdb-limit 3
hits=$(bridge limit_hits)
hears a 01 02 03 04 05
check_equal "three are learned" "$(learned a)" "01 02 03"
check "the others are counted" test "$(bridge limit_hits)" -ge $((hits + 2))
check "the log says so once" eval '[ $(grep -c "port a: its fdb_limit of 3" "$GT_TMP/garudad.log") = 1 ]'
check_equal "traffic to the others is flooded" \
	"$(frames_play a,b,c "b raw src=02:aa:00:00:00:0b dst=02:aa:00:00:00:05")" "a c"
check_equal "and to those learned is not" \
	"$(frames_play a,b,c "b raw src=02:aa:00:00:00:0b dst=02:aa:00:00:00:02")" a
hears b 06
hears a 06
check_equal "an address does not move to a port at its limit" "$(learned b)" "06 0b"
check "static entries do not count" g fdb add 02:aa:00:00:00:07 --port a
check "the limit is raised" g port set a --fdb-limit 4
hears a 04
check_equal "one more is learned" "$(learned a)" "01 02 03 04"
check "no limit" g port set a --fdb-limit 0
hears a 05 06
check_equal "all are learned" "$(learned a)" "01 02 03 04 05 06"

entries=$(bridge fdb_entries)
check "a limit in total" g bridge set --fdb-max $((entries + 2))
hears c 10 11 12 13
check_equal "two more are learned" "$(learned c)" "10 11"
check_equal "traffic to the others is flooded" \
	"$(frames_play a,b,c "b raw src=02:aa:00:00:00:0b dst=02:aa:00:00:00:13")" "a c"
text=$(g fdb add 02:aa:00:00:00:14 --port a 2>&1)
check_equal "a static entry beyond it is refused" $? 1
check "with the remedy: $text" grep -q 'fdb-max' <<<"$text"
check "the log says so" grep -q "the forwarding database is full (fdb_max $((entries + 2)))" "$GT_TMP/garudad.log"
g bridge set --fdb-max 131072
hears c 12
check_equal "with room again it is learned" "$(learned c)" "10 11 12"

# -- flapping ----------------------------------------------------------------------------------
check "five moves in ten seconds are flapping" g bridge set --flap-moves 5 --flap-window 10
for i in 1 2 3; do
	hears a 20
	hears b 20
done
check_equal "it is counted" "$(bridge flaps)" 1
check "the log names address, VLAN and ports" grep -q \
	'MAC flap: 02:aa:00:00:00:20 in VLAN 1 moved 5 times within 10 s, now from port a to b' "$GT_TMP/garudad.log"
check "not watched" g bridge set --flap-moves 0
for i in 1 2 3; do
	hears a 20
	hears b 20
done
check_equal "nothing more is counted" "$(bridge flaps)" 1

# -- ageing ------------------------------------------------------------------------------------
g fdb flush --all
check "ageing after two seconds" g bridge set --ageing-time 2
aged=$(bridge aged)
hears a 30 31
g fdb add 02:aa:00:00:00:32 --port a --sticky
g fdb add 02:aa:00:00:00:33 --port a
"$GT_FRAMES" --netns "$(netns a)" send --count 18 --gap 0.2 eth0 "raw src=02:aa:00:00:00:30"
check_equal "the silent address is gone, the talking one is not" "$(learned a)" "30"
check_equal "a sticky entry ages" "$(g fdb list --type sticky --json | jq '.entries | length')" 0
check_equal "a static one does not" "$(g fdb list --port a --type static --json | jq '.entries | length')" 2
check "it is counted" test "$(bridge aged)" -ge $((aged + 2))
check_json "the age is shown" "$(g fdb list --mac 02:aa:00:00:00:30 --json)" '.entries[0].age | . >= 0 and . < 3'
check "no ageing" g bridge set --ageing-time 0
sleep 2.5
check_equal "nothing ages" "$(learned a)" "30"
finish
