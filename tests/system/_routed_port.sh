# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# For the tests of routed ports below the daemon: a router `sw`, the kernel's, between hosts, and
# routed_port on some of its interfaces, which gives every packet that it takes back to the kernel.
#
#	a 10.0.1.2 --- v-a [ sw, 10.0.N.1, strict rp_filter ] v-b --- 10.0.2.2 b
#	               (routed ports: v-a, v-b)               v-c --- 10.0.3.2 c
#
# IPv6: fd00:N::1 and fd00:N::2.
source "$(dirname "${BASH_SOURCE[0]}")/_init.sh"

RP=$GARUDA_BUILD/tests/system/routed_port
FLOW=$GT_TOP/tests/system/flow.py
[ -x "$RP" ] || skip "routed_port is not built in $GARUDA_BUILD"

router_make() {
	local n=0 host
	host_new sw
	for host in a b c; do
		n=$((n + 1))
		host_new $host
		wire_add $host 02:00:00:00:00:0$n
		ip -n "$GT_PREFIX-$host" link set eth0 up
		ip -n "$GT_SWITCH" addr add 10.0.$n.1/24 brd + dev v-$host
		ip -n "$GT_SWITCH" addr add fd00:$n::1/64 dev v-$host nodad
		ip -n "$GT_PREFIX-$host" addr add 10.0.$n.2/24 dev eth0
		ip -n "$GT_PREFIX-$host" addr add fd00:$n::2/64 dev eth0 nodad
		ip -n "$GT_PREFIX-$host" route add default via 10.0.$n.1
		ip -n "$GT_PREFIX-$host" route add default via fd00:$n::1
	done
	on sw sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 \
		net.ipv4.conf.all.rp_filter=1 net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0
	for host in 1 2 3; do # neighbours are known before anything is counted
		on a ping -q -c 1 -W 3 10.0.$host.2 >/dev/null
		on a ping -q -c 1 -W 3 fd00:$host::2 >/dev/null
	done
}

# rp_start [arguments]: on v-a and v-b, switched off, with the kernel's local table.
rp_start() {
	local answer prefix
	coproc RPC { exec nsenter --net="/run/netns/$GT_SWITCH" "$RP" "$@" v-a v-b 2>>"$GT_TMP/rp.log"; }
	rp_pid=$RPC_PID
	gt_pids+=("$rp_pid")
	exec {rp_in}>&"${RPC[1]}" {rp_out}<&"${RPC[0]}"
	read -r -t 10 -u "$rp_out" answer rp_tap
	[ "$answer" = ready ] || { fail "routed_port: $answer $rp_tap" && finish; }
	for prefix in $(ip -n "$GT_SWITCH" route show table local | awk '{ print $2 "/32" }' | grep -v '/.*/') \
		127.0.0.0/8 $(ip -n "$GT_SWITCH" -6 route show table local | awk '$2 ~ /:/ { print $2 "/128" }' | grep -v '/.*/'); do
		rp local "$prefix"
	done
}

rp_on() {
	rp switch v-a 1 1
	rp switch v-b 1 1
}

# rp COMMAND...: prints the answer without its "ok".
rp() {
	local line
	echo "$*" >&"$rp_in"
	while read -r -t 20 -u "$rp_out" line; do
		[ "$line" != ok ] || return 0
		echo "$line"
	done
	echo "routed_port does not answer to $*"
	return 1
}

# rp_quit: all frames came back.
rp_quit() {
	local text=${1:-every frame came back}
	rp quit >"$GT_TMP/quit"
	ends "$text: $(cat "$GT_TMP/quit")" "$rp_pid"
	exec {rp_in}>&- {rp_out}<&-
}

# ends TEXT PID: a process of ours ends, with status 0.
ends() {
	local status=0
	wait "$2" || status=$?
	check_equal "$1" $status 0
}

# taken PORT; passed PORT REASON
taken() {
	passed "$1" taken
}

passed() {
	rp stats | jq ".ports[\"$1\"][\"$2\"]"
}

# counted TEXT PORT COUNTER BY COMMAND...: the command succeeds and the counter rises: by that
# number, or N+ for at least N.
counted() {
	local text=$1 port=$2 counter=$3 by=$4 before after
	shift 4
	before=$(passed "$port" "$counter")
	check "$text" "$@"
	rp idle
	after=$(($(passed "$port" "$counter") - before))
	case "$by" in
	*+) check "$text: $counter of $port rises by $after" [ $after -ge "${by%+}" ] ;;
	*) check_equal "$text: $counter of $port" $after "$by" ;;
	esac
}

# flow_start RATE SECONDS: from a to b; flow_end: waits for its end; the result is in $flow.
flow_start() {
	spawn_on b "$FLOW" receive 10.0.2.2 5000
	flow_receiver=$spawned
	wait_for 5 grep -q listening "$GT_TMP/log.$flow_receiver"
	spawn_on a "$FLOW" send 10.0.2.2 5000 --rate "$1" --seconds "$2"
}

flow_end() {
	wait "$flow_receiver"
	flow=$(grep sent "$GT_TMP/log.$flow_receiver")
	echo "      flow: $flow"
}
