#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Storm control: each class of flooded traffic is limited to its rate at the port that it comes in
# on, the rest is dropped by name; known unicast and the other classes are not touched.
#
#	a   b
#	|   |
#	[ device ]
source "$(dirname "$0")/_init.sh"

# storm DST: a sends 400 frames; how many b got goes to $passed, how long it took to $seconds.
storm() {
	local before after start=$EPOCHREALTIME
	before=$(rx_packets b)
	"$GT_FRAMES" --netns "$(netns a)" send eth0 --count 400 --gap 0.002 "raw src=02:aa:00:00:00:01 dst=$1"
	sleep 0.1
	after=$(rx_packets b)
	seconds=$(awk -v a="$start" -v b="$EPOCHREALTIME" 'BEGIN {print b - a}')
	passed=$((after - before))
}

dut_start
for host in a b; do
	host_add $host
done
quiet a b
frames_send b "raw src=02:aa:00:00:00:02"
sleep 0.1

storm ff:ff:ff:ff:ff:ff
check_equal "without a limit all pass" $passed 400
for class in broadcast:ff:ff:ff:ff:ff:ff unknown:02:aa:00:00:00:99 multicast:33:33:00:00:00:01; do
	name=${class%%:*}
	check "$name is limited to 100 a second" g port set a --storm-$name 100
	before=$(drops a l2_storm_$name)
	storm "${class#*:}"
	# A burst of a tenth of a second, and 100 for each second that it took; fewer when the sender
	# was held up.
	check "$name: $passed of 400 passed in $seconds s" awk -v p=$passed -v s="$seconds" \
		'BEGIN {exit !(p >= 40 && p <= 100 * s + 12)}'
	check_equal "$name: the rest has the name of the limit" $(($(drops a l2_storm_$name) - before)) $((400 - passed))
done
storm 02:aa:00:00:00:02
check_equal "known unicast is not limited" $passed 400
g port set a --storm-broadcast 0
storm ff:ff:ff:ff:ff:ff
check_equal "limit 0 is none" $passed 400
check_json "the others stay" "$(g port show a --json)" '.port | [.storm_broadcast, .storm_unknown, .storm_multicast] == [0, 100, 100]'
finish
