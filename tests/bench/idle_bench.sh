#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# CPU time of the whole daemon, with 16 ports, when there is nothing to do.
#
#	16 x veth pair, each with one end in a container
#	[ garudad, adaptive ]
source "$(dirname "$0")/_bench.sh" "CPU time of the idle daemon with 16 ports." "$@"

dut_start
for ((i = 1; i <= 8; i++)); do
	pair_add "v$i" "10.2.$i" --kind af_xdp --vlan "$i"
done

# Of all threads, in ns.
daemon_ns() {
	local tid sum=0
	for tid in /proc/"$gt_daemon"/task/*; do
		sum=$((sum + $(cpu_ns "$gt_daemon" "${tid##*/}")))
	done
	echo $sum
}

sleep 2 # neighbour discovery of the hosts comes to rest
for ((round = 0; round < $(rounds 3 5); round++)); do
	before=$(daemon_ns) began=$EPOCHREALTIME
	sleep "$(rounds 2 5)"
	sample idle "$(awk -v a="$before" -v b="$(daemon_ns)" -v t="$began" -v u="$EPOCHREALTIME" \
		'BEGIN {print (b - a) / 1e7 / (u - t)}')"
done
row "idle daemon, 16 af_xdp ports" idle "% of core" - - lower 1
bench_end
