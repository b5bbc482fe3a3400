# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# A Linux router in the device's namespace, made fast by garudad there. For tests that sourced _init.sh:
#
#	source "$(dirname "$0")/_router.sh"
#	router_start			the namespace forwards; the daemon runs in it
#	router_wire a eth0 1		host a behind the router's eth0: 10.1.0.2 and fd00:1::2; the router is .1 and ::1
#	router_attach eth0 eth1		`garuda port add eth0 --routed`, and the fast path has them
#
# With GT_DUT=kernel the router is the kernel alone: what the tests say of traffic holds all the same.

has_garuda() {
	[ "$GT_DUT" = garuda ]
}

# router_start [garudad arguments]
router_start() {
	gt_netns_add "$GT_SWITCH"
	on sw sysctl -qw net.ipv4.conf.all.forwarding=1 net.ipv6.conf.all.forwarding=1 \
		net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 net.ipv4.icmp_ratelimit=0 \
		net.ipv6.icmp.ratelimit=0 net.ipv4.icmp_msgs_per_sec=100000 net.ipv4.icmp_msgs_burst=100000
	has_garuda || return 0
	if [ ! -x "$GARUDA_BUILD/control/garudad" ] || [ ! -x "$GARUDA_BUILD/cli/garuda" ]; then
		skip "garudad and garuda are not built in $GARUDA_BUILD"
	fi
	daemon_start "$@"
}

# router_wire HOST DEV N [MTU]: stock veth, default offloads.
router_wire() {
	local host=$1 dev=$2 n=$3 mtu=${4:-1500}
	host_new "$host"
	ip -n "$GT_SWITCH" link add "$dev" address "02:00:00:00:01:0$n" mtu "$mtu" type veth \
		peer name eth0 address "02:00:00:00:02:0$n" mtu "$mtu" netns "$GT_PREFIX-$host"
	# A neighbour that does not answer is given up after three of these.
	on sw sysctl -qw "net.ipv4.neigh.$dev.retrans_time_ms=100" "net.ipv6.neigh.$dev.retrans_time_ms=100"
	ip -n "$GT_SWITCH" link set "$dev" up
	ip -n "$GT_PREFIX-$host" link set eth0 up
	ip -n "$GT_SWITCH" addr add "10.$n.0.1/24" dev "$dev"
	ip -n "$GT_SWITCH" addr add "fd00:$n::1/64" dev "$dev" nodad
	ip -n "$GT_PREFIX-$host" addr add "10.$n.0.2/24" dev eth0
	ip -n "$GT_PREFIX-$host" addr add "fd00:$n::2/64" dev eth0 nodad
	ip -n "$GT_PREFIX-$host" route add default via "10.$n.0.1"
	ip -n "$GT_PREFIX-$host" route add default via "fd00:$n::1"
}

# router_attach DEV...
router_attach() {
	local dev
	has_garuda || return 0
	for dev; do
		check "port add $dev --routed" g port add "$dev" --routed
	done
	for dev; do
		check "$dev: IPv4 on the fast path" wait_for 3 is_with "$dev" ipv4 fast_path
		check "$dev: IPv6 on the fast path" wait_for 3 is_with "$dev" ipv6 fast_path
	done
}

# is_with DEV ipv4|ipv6 fast_path|kernel: who forwards what comes in there.
is_with() {
	g router show --json | jq -e --arg d "$1" --arg f "$2" --arg w "$3" \
		'[.interfaces[] | select(.interface == $d)][0][$f] == $w'
}

# router_reason DEV: why the kernel forwards it.
router_reason() {
	g router show --json | jq -r --arg d "$1" '.interfaces[] | select(.interface == $d).reason // ""'
}

# forwarded: packets that took the fast path.
forwarded() {
	g stats show --json | jq .total.forwarded
}

# fast_check TEXT NUMBER COMMAND...: succeeds, and at least NUMBER packets of it took the fast path.
fast_check() {
	local text=$1 number=$2 before=0
	shift 2
	has_garuda && before=$(forwarded)
	check "$text" "$@"
	has_garuda || return 0
	check "$text: on the fast path" test $(($(forwarded) - before)) -ge "$number"
}

# fast_moved TEXT NUMBER BEFORE: since `before=$(forwarded_or_0)`.
forwarded_or_0() {
	if has_garuda; then forwarded; else echo 0; fi
}

fast_moved() {
	local moved
	has_garuda || return 0
	moved=$(($(forwarded) - $3))
	if [ "$moved" -ge "$2" ]; then
		pass "$1: $moved packets on the fast path"
	else
		fail "$1: $moved packets on the fast path, should be at least $2"
	fi
}

now_ms() {
	local t=${EPOCHREALTIME/./}
	echo $((t / 1000))
}

# within TEXT MILLISECONDS COMMAND...: polls; prints how long it took.
within() {
	local text=$1 limit=$2 start took
	shift 2
	start=$(now_ms)
	until "$@" >/dev/null 2>&1; do
		took=$(($(now_ms) - start))
		[ $took -lt $((limit + 5000)) ] || break
		sleep 0.01
	done
	took=$(($(now_ms) - start))
	if [ $took -le "$limit" ]; then
		pass "$text: after $took ms"
	else
		fail "$text: $took ms, should be $limit at most"
	fi
}

# flow_start FROM TO ADDRESS RATE SECONDS: a numbered flow (flow_gap.c) in the background.
# flow_end: waits for its end; the result is $flow, as JSON.
# shellcheck disable=SC2154 # spawned is spawn_on's
flow_start() {
	local gap=$GARUDA_BUILD/tests/system/flow_gap
	spawn_on "$2" "$gap" receive "$3" 7000
	flow_receiver=$spawned
	wait_for 5 grep -q listening "$GT_TMP/log.$flow_receiver"
	spawn_on "$1" "$gap" send "$3" 7000 "$4" "$5"
	flow_sender=$spawned
}

flow_end() {
	wait "$flow_sender" "$flow_receiver"
	flow=$(grep '^{' "$GT_TMP/log.$flow_receiver")
	[ -n "$flow" ] || flow=$(cat "$GT_TMP/log.$flow_receiver")
	echo "      $flow"
}

# flow_check TEXT FILTER: of the flow's result. What the receiver's own socket lost does not count.
flow_check() {
	check_json "$1" "$flow" "(.lost - .overflow) as \$lost | $2"
}
