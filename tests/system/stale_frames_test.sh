#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# What was sent while the daemon stood still is not delivered when it goes on: a switch that
# replays the past is worse than one that loses it. Everything is counted by name.
#
#	a (veth)    b (veth)
#	   |           |
#	[ garudad, SIGSTOP for a second and a half ]
source "$(dirname "$0")/_init.sh"

dut_start
host_add a 10.0.0.1/24
host_add b 10.0.0.2/24
check "a reaches b" on a ping -c 2 -i 0.2 -W 2 10.0.0.2
g stats clear

drops() {
	g stats show --json | jq "[.drops[] | select(.port == \"a\" and .reason == \"$1\") | .packets] | add // 0"
}

on b tcpdump -i eth0 -nl --immediate-mode icmp >"$GT_TMP/dump" 2>/dev/null </dev/null &
gt_pids+=("$!")
sleep 0.5
kill -STOP "$gt_daemon"
# Some wait in the ring; those sent after the stall is known are dropped by the program.
on a ping -q -c 100 -i 0.002 -W 1 10.0.0.2 >/dev/null
sleep 0.3
on a ping -q -c 100 -i 0.002 -W 1 10.0.0.2 >/dev/null
kill -CONT "$gt_daemon"
sleep 0.5
check_equal "nothing sent during the stop is delivered" "$(grep -c 'echo request' "$GT_TMP/dump")" 0
stale=$(drops rx_stale) stalled=$(drops kernel_stalled)
check "frames that waited are dropped as rx_stale ($stale)" [ "$stale" -ge 20 ]
check "frames that came later are counted as kernel_stalled ($stalled)" [ "$stalled" -ge 50 ]
check_equal "each of the 200 has one end" "$((stale + stalled >= 200))" 1
check "service goes on at once" on a ping -c 3 -i 0.2 -W 1 10.0.0.2

# An idle worker owes nothing, however long it sleeps.
sleep 1.5
stale=$(drops rx_stale)
check "the first frame after an idle time passes" on a ping -c 1 -W 1 10.0.0.2
check_equal "and nothing is called stale" "$(drops rx_stale)" "$stale"
finish
