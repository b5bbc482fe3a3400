#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# An idle switch of 16 ports of all kinds uses less than 1 % of one core, and still forwards the
# first frame that comes.
#
#	v1..v6 (stock veth)   t1..t6 (TAP)   l1..l4 (veth legs)
#	      |                    |               |
#	     [ ------------- garudad ------------- ]
source "$(dirname "$0")/_init.sh"

dut_start
for i in 1 2 3 4 5 6; do
	host_add v$i 10.0.0.$i/24 >/dev/null
	host_add t$i 10.0.0.1$i/24 --kind tap >/dev/null
done
for i in 1 2 3 4; do
	host_new l$i
	g port add l$i --kind af_xdp --container "$GT_PREFIX-l$i" >/dev/null
	ip -n "$GT_PREFIX-l$i" addr add 10.0.0.2$i/24 dev eth0
done
# What the hosts say by themselves (MLD, router solicitations) is not idleness.
for host in v{1..6} t{1..6} l{1..4}; do
	on "$host" sysctl -qw net.ipv6.conf.eth0.disable_ipv6=1
done
check_equal "16 ports" "$(g port list --json | jq '.ports | length')" 16
all_up() {
	[ "$(g port list --json | jq '[.ports[] | select(.oper == "up")] | length')" = 16 ]
}
check "all are up" wait_for 5 all_up

# cpu_ns: what all threads of the daemon have used.
cpu_ns() {
	cat /proc/"$gt_daemon"/task/*/schedstat | awk '{n += $1} END {printf "%d\n", n}'
}

# used SECONDS: in that time, in hundredths of a percent of one core.
used() {
	local before after from to
	before=$(cpu_ns) from=${EPOCHREALTIME/./}
	sleep "$1"
	after=$(cpu_ns) to=${EPOCHREALTIME/./}
	echo $(((after - before) * 10 / (to - from)))
}

percent() {
	printf '%d.%02d %%' $(($1 / 100)) $(($1 % 100))
}

for mode in adaptive interrupt; do
	check "mode $mode" g worker set --mode $mode
	check "$mode: v1 reaches t1" wait_for 3 on v1 ping -c 1 -W 1 10.0.0.11
	sleep 1
	idle=$(used 5)
	check "$mode: idle with 16 ports it uses $(percent "$idle") of one core" test "$idle" -lt 100
	check_equal "$mode: the worker sleeps" "$(g worker list --json | jq -r '.workers[0].state')" sleeping
	check_equal "$mode: the mode is shown" "$(g worker list --json | jq -r '.workers[0].mode')" $mode
	check "$mode: l1 reaches v6" on l1 ping -c 1 -W 1 10.0.0.6
done
check "mode poll" g worker set --mode poll
sleep 0.2
busy=$(used 1)
check "poll: it spins, $(percent "$busy") of one core" test "$busy" -gt 300
check_equal "poll: the mode is shown" "$(g worker list --json | jq -r '.workers[0].mode')" poll
check_equal "poll: the worker polls" "$(g worker list --json | jq -r '.workers[0].state')" polling
check "poll: t2 reaches l2" on t2 ping -c 1 -W 1 10.0.0.22
check "mode adaptive" g worker set --mode adaptive
sleep 0.5
idle=$(used 2)
check "adaptive again: $(percent "$idle")" test "$idle" -lt 100
finish
