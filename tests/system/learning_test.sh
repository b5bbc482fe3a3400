#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A new address is learned within 5 ms (99th percentile) by an idle switch, of veth and of TAP:
# after that, replies to it reach nobody else.
#
#	a (sends from new addresses)   b (replies)   c (hears what is flooded)
#	      |                           |             |
#	     [ ------------------ garudad ------------------ ]
source "$(dirname "$0")/_init.sh"

dut_start
host_add av
host_add at --kind tap
host_add b
host_add c
for host in av at b c; do
	on $host sysctl -qw net.ipv6.conf.eth0.disable_ipv6=1
done
# The switch is measured, not what else this machine has to do.
realtime=(chrt -f 5)
for task in /proc/"$gt_daemon"/task/*; do
	chrt -f -p 10 "${task##*/}" || { realtime=() && echo "no real-time priority: other load counts"; }
done
sleep 0.5
for host in av at; do
	kind=$([ $host = at ] && echo tap || echo veth)
	for try in 1 2 3; do
		g fdb flush --all on >/dev/null
		result=$(${realtime[@]+"${realtime[@]}"} "$GT_TOP/tests/system/learning.py" "$GT_PREFIX-$host" "$GT_PREFIX-b" "$GT_PREFIX-c" 300 2>&1)
		echo "      $kind, try $try: $result"
		[ -n "$result" ] && jq -e '.p99_ms <= 5' <<<"$result" >/dev/null && break
	done
	check_json "$kind: learned within 5 ms, 99th percentile" "$result" '.p99_ms <= 5'
	check_json "$kind: every address" "$result" '.addresses == 300'
	check_json "$kind: they are in the table" "$(g fdb list --port $host --json)" \
		'[.entries[] | select(.mac | startswith("02:99:"))] | length == 300'
done
finish
