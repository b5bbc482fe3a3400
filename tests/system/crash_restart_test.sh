#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A daemon killed under traffic and started again with the same file forwards within a second of
# its start; it takes over what the dead one left, and a second daemon disturbs nothing.
#
#	a (stock veth)   c (veth leg made by garudad)   b (TAP)   n (stock veth in --netns)
#	      |                  |                       |         |
#	     [ ----------------------- garudad ---------------------- ]
#
# A TCP connection between a and c lives through the crash. A TAP is gone with its daemon: b gets
# a new one, whose address the test sets again, as what runs the container would.
# asan: yes
source "$(dirname "$0")/_init.sh"

GT_CONFIG=$GT_TMP/config.json
cat >"$GT_CONFIG" <<END
{"ports": [
  {"name": "a", "netdev": "v-a"},
  {"name": "b", "container": "$GT_PREFIX-b"},
  {"name": "c", "kind": "af_xdp", "container": "$GT_PREFIX-c"},
  {"name": "n", "netdev": "wire", "netns": "$GT_PREFIX-nsw"}]}
END

gt_netns_add "$GT_SWITCH"
for host in a b c n nsw; do
	host_new $host
done
wire_add a 02:00:00:00:00:0a
ip -n "$GT_PREFIX-nsw" link add wire type veth peer name eth0 netns "$GT_PREFIX-n"
ip -n "$GT_PREFIX-nsw" link set wire up
for host in a n; do
	ip -n "$GT_PREFIX-$host" link set eth0 up
done
ip -n "$GT_PREFIX-a" addr add 10.0.0.1/24 dev eth0
ip -n "$GT_PREFIX-n" addr add 10.0.0.4/24 dev eth0
daemon_start
for port in a b c n; do
	check "port $port is up" wait_for 5 port_is_up $port
done
ip -n "$GT_PREFIX-b" addr add 10.0.0.2/24 dev eth0
ip -n "$GT_PREFIX-c" addr add 10.0.0.3/24 dev eth0
for host in 2 3 4; do
	check "a reaches 10.0.0.$host" wait_for 3 on a ping -c 1 -W 1 10.0.0.$host
done

now_ms() {
	local t=${EPOCHREALTIME/./}
	echo $((t / 1000))
}

# -- killed under traffic ------------------------------------------------------------------------
leg() {
	ip -n "$GT_SWITCH" -j link show g-c | jq '.[0].ifindex'
}

spawn_on c iperf3 -s -1
wait_for 5 grep -q listening "$GT_TMP/log.$spawned"
spawn_on a iperf3 -c 10.0.0.3 -t 4 -C cubic
iperf=$spawned
spawn_on a ping -D -n -i 0.01 10.0.0.3
ping_c=$spawned
spawn_on a ping -D -n -i 0.01 10.0.0.4
ping_n=$spawned
spawn_on b ping -n -i 0.01 10.0.0.1
leg_before=$(leg)
sleep 1
killed=$(now_ms)
daemon_kill 9
check "the socket file stays behind" test -S "$GT_SOCKET"
sleep 0.5
started=$(now_ms)
daemon_start
answers=$(now_ms)

# first_reply LOG: ms from the start until the first answer to a ping.
first_reply() {
	tr -d '[]' <"$GT_TMP/log.$1" | awk -v from="$started" '/bytes from/ && $1 * 1000 > from {
		printf "%d\n", $1 * 1000 - from; exit}'
}

replied() {
	[ -n "$(first_reply "$1")" ]
}

# The new TAP: as soon as it is there, its address is.
until ip -n "$GT_PREFIX-b" addr add 10.0.0.2/24 dev eth0 2>/dev/null; do
	[ $(($(now_ms) - started)) -lt 5000 ] || break
	sleep 0.01
done
on a ping -c 1 -W 2 10.0.0.2 >/dev/null
tap=$(($(now_ms) - started))
wait_for 5 replied "$ping_c"
wait_for 5 replied "$ping_n"
ms_c=$(first_reply "$ping_c") ms_n=$(first_reply "$ping_n")
echo "      from the start: control answers after $((answers - started)) ms, ping to the veth leg" \
	"after ${ms_c:-never} ms, to the veth in another namespace ${ms_n:-never} ms, to the TAP $tap ms"
check "forwards between veth within 1 s of the start" test "${ms_c:-9999}" -lt 1000
check "forwards to another namespace within 1 s" test "${ms_n:-9999}" -lt 1000
check "forwards to the TAP within 1 s" test "$tap" -lt 1000
check_equal "the leg of the dead daemon is adopted" "$(leg)" "$leg_before"
check "b reaches c over the new TAP" on b ping -c 1 -W 2 10.0.0.3
wait "$iperf"
check_equal "a TCP connection lives through the crash of $((started - killed)) ms" $? 0
stop "$ping_c"
stop "$ping_n"

# -- a second daemon -----------------------------------------------------------------------------
ping_lost() {
	awk '/packets transmitted/ {print $1 - $4}' "$GT_TMP/log.$1"
}

second() {
	on sw timeout 10 "$GARUDA_BUILD/control/garudad" --config "$GT_CONFIG" "$@" 2>&1
}

spawn_on a ping -n -i 0.01 10.0.0.3
ping_c=$spawned
sleep 0.2
output=$(second --socket "$GT_SOCKET")
status=$?
check_equal "a second daemon on the same socket is refused" $status 1
check_equal "with one sentence that names process and remedy" "$output" \
	"garudad: Another garudad (process $gt_daemon) uses the control socket $GT_SOCKET; stop it, or give another path with --socket"
check "the first one answers" g system show
check "the first one's ports are up" port_is_up a

# On another socket it starts, but gets no port that is taken.
mkdir "$GT_TMP/other"
spawn_on sw "$GARUDA_BUILD/control/garudad" --config "$GT_CONFIG" --socket "$GT_TMP/other/sock"
other=$spawned
check "a second daemon on another socket answers" wait_for 10 "$GARUDA_BUILD/cli/garuda" \
	--socket "$GT_TMP/other/sock" system show
ports=$("$GARUDA_BUILD/cli/garuda" --socket "$GT_TMP/other/sock" port list --json)
check_json "its ports are in error and say why" "$ports" \
	'[.ports[] | select(.oper == "error" and (.reason | length > 20))] | length == 4'
check_json "it names what is in the way" "$ports" \
	'.ports[] | select(.name == "a") | .reason | test("another AF_XDP socket holds a queue of netdev v-a")'
sleep 1.2 # it tries again, in vain
stop "$other"
check "the first one's guard stays" on sw tc filter show dev v-a ingress pref 1
guard=$(on sw tc filter show dev v-a ingress)
check "of v-a" grep -q garuda_guard <<<"$guard"
guard=$(on sw tc filter show dev g-c ingress)
check "and of g-c" grep -q garuda_guard <<<"$guard"
check_equal "the leg is untouched" "$(leg)" "$leg_before"
stop "$ping_c" INT
lost=$(ping_lost "$ping_c")
check "a's traffic lost nothing meanwhile ($lost)" test "$lost" -eq 0

# -- a leg whose other end went away while no daemon lived ------------------------------------------
daemon_kill 9
ip netns del "$GT_PREFIX-c"
ip netns add "$GT_PREFIX-c"
ip -n "$GT_PREFIX-c" link set lo up
daemon_start
check "a container made again meanwhile gets a new leg" wait_for 5 port_is_up c
ip -n "$GT_PREFIX-c" addr add 10.0.0.3/24 dev eth0
check "a reaches it" wait_for 3 on a ping -c 1 -W 1 10.0.0.3
daemon_kill 9
ip -n "$GT_SWITCH" link set g-c down
ip -n "$GT_PREFIX-c" link set eth0 mtu 1400
leg_before=$(leg)
daemon_start
check "a leg that somebody changed is put right" wait_for 5 port_is_up c
check_equal "in place" "$(leg)" "$leg_before"
check_equal "with its MTU" "$(ip -n "$GT_PREFIX-c" -j link show eth0 | jq '.[0].mtu')" 1500

# -- a start that fails after a crash ---------------------------------------------------------------
daemon_kill 9
leg_before=$(leg)
jq '.ports += [{"name": "bad", "netdev": "lo"}]' "$GT_CONFIG" >"$GT_TMP/bad.json"
output=$(on sw timeout 10 "$GARUDA_BUILD/control/garudad" --socket "$GT_SOCKET" \
	--config "$GT_TMP/bad.json" 2>&1)
check_equal "a file with a mistake is refused" $? 1
check "it says which" grep -q 'ports\[4\] (bad): port bad: netdev lo is not an Ethernet device' <<<"$output"
guard=$(on sw tc filter show dev v-a ingress)
check "v-a stays guarded then" grep -q garuda_guard <<<"$guard"
check_equal "and the leg stays" "$(leg)" "$leg_before"
daemon_start
check "the next start with the old file works" on a ping -c 1 -W 2 10.0.0.3
check_equal "on the same leg" "$(leg)" "$leg_before"

# -- guards of ports that cannot be opened again ----------------------------------------------------
daemon_kill 9
ip -n "$GT_SWITCH" link set v-a mtu 60000
daemon_start
check_json "a port that cannot be opened is in error" "$(g port show a --json)" \
	'.port.oper == "error" and (.port.reason | test("MTU 60000"))'
guard=$(on sw tc filter show dev v-a ingress)
check "and its netdev stays guarded" grep -q garuda_guard <<<"$guard"
ip -n "$GT_SWITCH" link set v-a mtu 1500
check "it comes back when the reason is gone" wait_for 5 port_is_up a
check "and works" on a ping -c 1 -W 2 10.0.0.3
daemon_kill 9
ip -n "$GT_SWITCH" link set v-a mtu 60000
daemon_start
check_json "again in error" "$(g port show a --json)" '.port.oper == "error"'
daemon_kill
check_equal "a normal stop removes the guard also then" "$(on sw tc qdisc show dev v-a clsact)" ""
finish
