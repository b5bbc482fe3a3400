#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A worker that stands still, as in a debugger, holds up its own ports and nothing else: control
# answers, ports are added and removed, and when it goes on everything is put in order.
#
#	a (stock veth)   b (TAP)     x (stock veth)   y (TAP)   z (veth leg): removed meanwhile
#	      |             |             |              |           |
#	     [ ----------------------- garudad, 1 worker -------------------- ]
#
# Twice: the worker is stopped in its loop (mode poll), where it holds a snapshot, and asleep.
source "$(dirname "$0")/_init.sh"

dut_start --mode poll
host_add a 10.0.0.1/24
host_add b 10.0.0.2/24 --kind tap
for host in x y z new newer; do
	host_new $host
done
wire_add x 02:00:00:00:00:71
wire_add newer 02:00:00:00:00:72
for host in x newer; do
	ip -n "$GT_PREFIX-$host" link set eth0 up
done

add_xyz() {
	check "port x is added" g port add x --netdev v-x
	check "port y is added" g port add y --container "$GT_PREFIX-y"
	check "port z is added" g port add z --kind af_xdp --container "$GT_PREFIX-z"
}

worker() {
	g worker list --json | jq -r ".workers[0].$1"
}

is_state() {
	[ "$(worker state)" = "$1" ]
}

hold() {
	spawn "$GT_TOP/tests/system/stop_thread.py" "$(worker tid)"
	holder=$spawned
	wait_for 5 grep -q stopped "$GT_TMP/log.$holder"
}

# calls TEXT: control answers; prints how fast.
calls() {
	local took
	took=$("$GT_TOP/tests/system/stalled_calls.py" "$GT_SOCKET" "$GT_PREFIX-new" v-newer x y z)
	echo "      $1: milliseconds $took"
	check_json "$1: control answers within 100 ms" "$took" '[del(.["port.add"])[]] | max < 100'
	# This is the kernel's time, 25 ms for a veth, and that of whatever else the machine does.
	check_json "$1: port.add does too, on an idle machine" "$took" '.["port.add"] < 300'
}

leg_there() {
	ip -n "$GT_PREFIX-$1" link show eth0
}

check "a reaches b" wait_for 3 on a ping -c 1 -W 1 10.0.0.2

# -- stopped in its loop ---------------------------------------------------------------------------
add_xyz
free_before=$(g system show --json | jq .memory.frames_free)
check_equal "the worker spins" "$(worker mode)" poll
hold
check "the worker is said to be stalled" wait_for 4 is_state stalled
calls "in its loop"
check_equal "the ports are out of the list" "$(g port list --json | jq -c '[.ports[].name]')" '["a","b"]'
# What the worker may still touch is there: netdevs, TAPs, guards.
check "the TAP of y is not closed yet" leg_there y
check "the leg of z is not closed yet" leg_there z
guard=$(on sw tc filter show dev v-x ingress)
check "the guard of x stands" grep -q garuda_guard <<<"$guard"
output=$(g port add x --netdev v-x 2>&1)
check_equal "a netdev that is still held is refused" "$output" \
	"garuda: port x: the netdev v-x is still held by a port that was removed, because a worker does not answer; try again later"
check_not "nothing half-added" g port show x
check_not "a has no way to b" on a ping -c 1 -W 0.3 10.0.0.2
stop "$holder"
check "after the release the worker polls" wait_for 4 is_state polling
check "after the release a reaches b" wait_for 3 on a ping -c 1 -W 1 10.0.0.2
no_leg() {
	! leg_there "$1"
}
for host in y z; do
	check "after the release the leg of $host is closed" wait_for 3 no_leg $host
done
x_is_free() {
	[ -z "$(on sw tc qdisc show dev v-x clsact)" ]
}
check "after the release x is as before" wait_for 3 x_is_free
add_xyz
for port in x y z; do
	check "port $port is up again" wait_for 5 port_is_up $port
done
frames_are_back() {
	local now
	now=$(g system show --json | jq .memory.frames_free)
	[ $((free_before - now)) -le 300 ]
}
check "every frame is back" wait_for 3 frames_are_back

# -- stopped asleep --------------------------------------------------------------------------------
check "the mode is changed" g worker set --mode adaptive
check "the worker sleeps" wait_for 4 is_state sleeping
hold
check "nothing to do: it still sleeps" is_state sleeping
spawn_on a ping -i 0.2 10.0.0.2
pinging=$spawned
check "with something to do it is said to be stalled" wait_for 4 is_state stalled
calls "asleep"
stop "$holder"
stop "$pinging"
not_stalled() {
	! is_state stalled
}
check "after the release the worker goes on" wait_for 4 not_stalled
check "after the release a reaches b" wait_for 3 on a ping -c 1 -W 1 10.0.0.2
for host in y z; do
	check "after the release the leg of $host is closed" wait_for 3 no_leg $host
done

# -- a stop of the daemon while its worker stands still ----------------------------------------------
check "the mode is changed" g worker set --mode poll
check "the worker polls" wait_for 4 is_state polling
before=$SECONDS
hold
kill -TERM "$gt_daemon"
ended() {
	! kill -0 "$gt_daemon" 2>/dev/null || [[ $(ps -o stat= -p "$gt_daemon") == Z* ]]
}
check "garudad ends all the same" wait_for 6 ended
echo "      garudad ended after $((SECONDS - before)) s"
stop "$holder"
wait "$gt_daemon" 2>/dev/null
gt_daemon=
check_equal "no XDP program stays" "$(ip -n "$GT_SWITCH" link | grep -c 'prog/xdp')" 0
check_not "no TAP stays" leg_there b
# As after a crash: guards stay, and the next daemon knows them.
dut_start
g port add a --netdev v-a >/dev/null
check "the next daemon works" wait_for 5 port_is_up a
finish
