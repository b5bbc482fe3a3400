# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# Library of the system tests. A test is named after a behaviour, opens with a drawing of its
# topology, sources this file, and ends with `finish`:
#
#	source "$(dirname "$0")/_init.sh"
#	dut_start
#	host_add a 10.0.0.1/24 --vlan 10
#	host_add b 10.0.0.2/24 --vlan 10
#	check "a reaches b" on a ping -c 1 -W 2 10.0.0.2
#	finish
#
# The device under test joins hosts. Hosts are network namespaces gt$$-NAME with an eth0 each; the
# device's ends of the wires lie in the namespace gt$$-sw, and garudad runs there, so that
# nothing outside is touched and "the host's own stack" is that namespace's. Everything is
# removed at exit, also after a failure or a signal.
#
# Environment: GARUDA_BUILD (build directory, default ./build), GT_DUT (garuda | kernel: the
# kernel's bridge in place of garuda, as oracle and yardstick), GT_KIND (af_xdp: stock veth pairs |
# tap | mixed: the two in turn), GT_KEEP=1 (leave everything standing after a failure), GT_CONFIG (configuration file).
set -uo pipefail
export LC_ALL=C.UTF-8 PATH=$PATH:/usr/sbin:/sbin

GT_TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
GT_DUT=${GT_DUT:-garuda}
GT_KIND=${GT_KIND:-af_xdp}
GARUDA_BUILD=$(realpath -m "${GARUDA_BUILD:-$GT_TOP/build}")
GT_PREFIX=gt$$
GT_SWITCH=$GT_PREFIX-sw
GT_TMP=$(mktemp -d "/tmp/$GT_PREFIX.XXXXXX")
GT_SOCKET=$GT_TMP/garuda.sock
GT_FRAMES=$GT_TOP/tests/system/frames.py
gt_hosts=() gt_pids=() gt_daemon='' gt_checks=0 gt_failed=0

# -- results -----------------------------------------------------------------------------------

# The reason must be the last line of output: tests/run shows it.
skip() {
	echo "skipped: $*"
	exit 77
}

fail() {
	gt_checks=$((gt_checks + 1)) gt_failed=$((gt_failed + 1))
	echo "FAIL  $*"
}

pass() {
	gt_checks=$((gt_checks + 1))
	echo "ok    $*"
}

# check TEXT COMMAND...: the command succeeds. Its output is shown when it does not.
check() {
	local text=$1 output
	shift
	if output=$("$@" 2>&1); then
		pass "$text"
	else
		fail "$text: $*"
		sed 's/^/      /' <<<"$output" | tail -n 20
	fi
}

check_not() {
	local text=$1 output
	shift
	if output=$("$@" 2>&1); then
		fail "$text: succeeded, but must not: $*"
		sed 's/^/      /' <<<"$output" | tail -n 20
	else
		pass "$text"
	fi
}

# check_equal TEXT GOT WANTED
check_equal() {
	if [ "$2" = "$3" ]; then
		pass "$1"
	else
		fail "$1: is '$2', should be '$3'"
	fi
}

# check_json TEXT JSON FILTER [jq arguments]: the filter gives neither false nor null.
check_json() {
	local text=$1 json=$2 filter=$3
	shift 3
	if [ -n "$json" ] && jq -e "$@" "$filter" <<<"$json" >/dev/null 2>&1; then
		pass "$text"
	else
		fail "$text: $filter does not hold for $(head -c 600 <<<"$json")"
	fi
}

# wait_for SECONDS COMMAND...: polls until the command succeeds.
wait_for() {
	local deadline=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $deadline ] || return 1
		sleep 0.05
	done
}

# Ends a test. Whatever it did, no packet may have vanished without a name.
finish() {
	if [ -n "$gt_daemon" ]; then
		check "garudad is alive" kill -0 "$gt_daemon"
		check_conservation
	fi
	[ "$gt_failed" -eq 0 ] && echo "$gt_checks checks" && exit 0
	echo "$gt_failed of $gt_checks checks failed"
	exit 1
}

# -- namespaces and processes ------------------------------------------------------------------

# netns HOST: its namespace's name. on HOST COMMAND...: runs there (mounts stay as they are).
netns() {
	echo "$GT_PREFIX-$1"
}

on() {
	local host=$1
	shift
	nsenter --net="/run/netns/$GT_PREFIX-$host" "$@"
}

# spawn COMMAND...: in the background, ended at exit; the pid is in $spawned. Output: $GT_TMP/log.PID
spawn() {
	local log
	exec {log}>"$GT_TMP/spawn" # here, not in the child: it may be slower than the next line
	"$@" </dev/null >&"$log" 2>&1 &
	spawned=$!
	exec {log}>&-
	mv "$GT_TMP/spawn" "$GT_TMP/log.$spawned"
	gt_pids+=("$spawned")
}

# spawn_on HOST COMMAND...: $spawned is the command itself, not a shell around it.
spawn_on() {
	local host=$1
	shift
	spawn nsenter --net="/run/netns/$GT_PREFIX-$host" "$@"
}

# stop PID [SIGNAL]: ends a process of ours and waits for it, by force after 5 s.
stop() {
	local i
	kill "-${2:-TERM}" "$1" 2>/dev/null || true
	for ((i = 0; i < 100; i++)); do
		kill -0 "$1" 2>/dev/null || break
		sleep 0.05
	done
	kill -9 "$1" 2>/dev/null || true
	wait "$1" 2>/dev/null || true
}

gt_netns_add() {
	ip netns add "$1"
	gt_hosts+=("$1")
	ip -n "$1" link set lo up
	# The kernel's default here may be one whose rate varies more than what is measured.
	ip netns exec "$1" sysctl -qw net.ipv6.conf.default.accept_dad=0 2>/dev/null || true
}

gt_cleanup() {
	local status=$? name pid
	trap - EXIT
	trap '' INT TERM HUP
	if [ "$gt_failed" -gt 0 ] && [ -s "$GT_TMP/garudad.log" ]; then
		echo "--- end of garudad's log"
		grep -A 20 -m 1 'ERROR: .*Sanitizer\|runtime error' "$GT_TMP/garudad.log"
		tail -n 20 "$GT_TMP/garudad.log"
	fi
	if [ "${GT_KEEP:-0}" = 1 ] && [ "$status" -ne 0 ] && [ "$status" -ne 77 ]; then
		echo "kept: namespaces ${gt_hosts[*]}, garudad ${gt_daemon:-none}, directory $GT_TMP"
		exit "$status"
	fi
	[ -z "$gt_daemon" ] || stop "$gt_daemon"
	for pid in ${gt_pids[@]+"${gt_pids[@]}"}; do
		kill "$pid" 2>/dev/null || true
		kill -CONT "$pid" 2>/dev/null || true
	done
	for name in ${gt_hosts[@]+"${gt_hosts[@]}"}; do
		for pid in $(ip netns pids "$name" 2>/dev/null); do
			kill -9 "$pid" 2>/dev/null || true
		done
		ip netns del "$name" 2>/dev/null || true
	done
	rm -rf "$GT_TMP"
	exit "$status"
}

# -- the device under test ---------------------------------------------------------------------

# g NOUN VERB ...: the garuda command, for the daemon of this test.
g() {
	"$GARUDA_BUILD/cli/garuda" --socket "$GT_SOCKET" "$@"
}

# dut_start [garudad arguments]
dut_start() {
	ip netns list 2>/dev/null | grep -qw "$GT_SWITCH" || gt_netns_add "$GT_SWITCH"
	if [ "$GT_DUT" = kernel ]; then
		gt_bridge_start
		return
	fi
	if [ ! -x "$GARUDA_BUILD/control/garudad" ] || [ ! -x "$GARUDA_BUILD/cli/garuda" ]; then
		skip "garudad and garuda are not built in $GARUDA_BUILD"
	fi
	daemon_start "$@"
}

# Starts (or starts again, after daemon_kill) garudad and waits until it answers.
daemon_start() {
	nsenter --net="/run/netns/$GT_SWITCH" "$GARUDA_BUILD/control/garudad" --socket "$GT_SOCKET" \
		${GT_CONFIG:+--config "$GT_CONFIG"} "$@" </dev/null >>"$GT_TMP/garudad.log" 2>&1 &
	gt_daemon=$!
	if ! wait_for 10 g system show; then
		cat "$GT_TMP/garudad.log"
		echo "garudad does not answer"
		exit 1
	fi
}

# daemon_kill [SIGNAL]: 9 for a crash.
daemon_kill() {
	stop "$gt_daemon" "${1:-TERM}"
	gt_daemon=
}

gt_bridge_start() {
	local options=(mcast_snooping 0 forward_delay 0 stp_state 0)
	if gt_has_vlan_filtering; then
		options+=(vlan_filtering 1 vlan_default_pvid 0)
	fi
	ip -n "$GT_SWITCH" link add gtbr type bridge "${options[@]}"
	ip -n "$GT_SWITCH" link set gtbr up
}

# Not in every kernel: it comes with 802.1Q.
gt_has_vlan_filtering() {
	local status=0
	ip -n "$GT_SWITCH" link add gtprobe type bridge vlan_filtering 1 vlan_default_pvid 0 2>/dev/null || return 1
	ip -n "$GT_SWITCH" -d link show gtprobe | grep -q 'vlan_filtering 1' || status=1
	ip -n "$GT_SWITCH" link del gtprobe
	return $status
}

# host_new NAME [ADDRESS/LEN...]: a namespace without a wire.
host_new() {
	gt_netns_add "$GT_PREFIX-$1"
}

# host_add NAME [ADDRESS/LEN...] [--mtu N] [--kind af_xdp|tap] [VLAN and other port options]: a
# host, its eth0 (MAC 02:00:00:00:00:NN in order of creation) and the port NAME of the device.
# VLAN options as those of `garuda port add`: --vlan 10 | --trunk 10,20-29 [--native 5] | none.
host_add() {
	local name=$1 addresses=() options=() mtu=1500 kind mac address
	kind=$(gt_next_kind)
	shift
	while [ $# -gt 0 ]; do
		case "$1" in
		--mtu) mtu=$2 && shift ;;
		--kind) kind=$2 && shift ;;
		--*) options+=("$1" "$2") && shift ;;
		*) addresses+=("$1") ;;
		esac
		shift
	done
	host_new "$name"
	mac=$(printf '02:00:00:00:00:%02x' "${#gt_hosts[@]}")
	if [ "$GT_DUT" = garuda ] && [ "$kind" = tap ]; then
		g port add "$name" --container "$GT_PREFIX-$name:eth0" --mac "$mac" --mtu "$mtu" \
			${options[@]+"${options[@]}"} || { fail "port add $name" && return 1; }
	else
		wire_add "$name" "$mac" "$mtu"
		port_attach "$name" ${options[@]+"${options[@]}"} || { fail "port add $name" && return 1; }
	fi
	ip -n "$GT_PREFIX-$name" link set eth0 up
	for address in ${addresses[@]+"${addresses[@]}"}; do
		case "$address" in
		*:*) ip -n "$GT_PREFIX-$name" addr add "$address" dev eth0 nodad ;;
		*) ip -n "$GT_PREFIX-$name" addr add "$address" dev eth0 ;;
		esac
	done
	if [ "$GT_DUT" = garuda ] && ! wait_for 5 port_is_up "$name"; then
		fail "port $name does not come up: $(g port show "$name" --json 2>&1)"
	fi
}

# host_del NAME: the port, then the host.
host_del() {
	[ "$GT_DUT" = kernel ] || g port del "$1" || fail "port del $1"
	ip netns del "$GT_PREFIX-$1"
}

gt_next_kind() {
	case "$GT_KIND" in
	mixed) [ $((${#gt_hosts[@]} % 2)) = 0 ] && echo tap || echo af_xdp ;;
	*) echo "$GT_KIND" ;;
	esac
}

# quiet HOST...: the kernels at both ends of its wire send nothing by themselves any more (IPv6), so
# that frames can be counted.
quiet() {
	local host
	for host; do
		on "$host" sysctl -qw net.ipv6.conf.eth0.disable_ipv6=1
		on sw sysctl -qw "net.ipv6.conf.v-$host.disable_ipv6=1" 2>/dev/null || true # a TAP has one end
	done
	sleep 0.2 # what is on its way arrives
}

# rx_packets HOST, tx_packets HOST: what its own eth0 counted.
rx_packets() {
	ip -n "$GT_PREFIX-$1" -s -j link show eth0 | jq '.[0].stats64.rx.packets'
}

tx_packets() {
	ip -n "$GT_PREFIX-$1" -s -j link show eth0 | jq '.[0].stats64.tx.packets'
}

port_is_up() {
	g port show "$1" --json | jq -e '.port.oper == "up"'
}

# wire_add HOST MAC [MTU]: a stock veth pair: eth0 in the host, v-HOST in the device's namespace.
wire_add() {
	ip -n "$GT_SWITCH" link add "v-$1" mtu "${3:-1500}" type veth \
		peer name eth0 address "$2" mtu "${3:-1500}" netns "$GT_PREFIX-$1"
	ip -n "$GT_SWITCH" link set "v-$1" up
}

# port_attach NAME [VLAN options]: makes v-NAME a port of the device under test.
port_attach() {
	local name=$1
	shift
	if [ "$GT_DUT" = garuda ]; then
		g port add "$name" --kind af_xdp --netdev "v-$name" "$@"
	else
		gt_bridge_attach "v-$name" "$@"
	fi
}

gt_bridge_attach() {
	local dev=$1 access='' trunk='' native='' vlan bridge=(bridge -n "$GT_SWITCH" vlan add dev "$1")
	shift
	while [ $# -gt 0 ]; do
		case "$1" in
		--vlan) access=$2 ;;
		--trunk) trunk=$2 ;;
		--native) native=$2 ;;
		*) echo "the kernel's bridge has no $1" && return 1 ;;
		esac
		shift 2
	done
	ip -n "$GT_SWITCH" link set "$dev" master gtbr
	if ! ip -n "$GT_SWITCH" -d link show gtbr | grep -q 'vlan_filtering 1'; then
		[ -z "$access$trunk" ] && return 0
		echo "this kernel's bridge does not filter VLANs"
		return 1
	fi
	for vlan in ${trunk//,/ }; do
		"${bridge[@]}" vid "$vlan" || return 1
	done
	[ -n "$trunk" ] || native=${access:-1}
	[ -z "$native" ] || "${bridge[@]}" vid "$native" pvid untagged
}

# -- frames and counters -----------------------------------------------------------------------

# frames_send HOST FRAME...; frames_expect HOST SECONDS KEY=VALUE... runs in the background until
# frames_verdict TEXT: for what must arrive. See frames.py.
frames_send() {
	local host=$1
	shift
	"$GT_FRAMES" --netns "$GT_PREFIX-$host" send eth0 "$@"
}

gt_expecting=()
frames_expect() {
	local host=$1 seconds=$2 log=$GT_TMP/expect.${#gt_expecting[@]}
	shift 2
	rm -f "$log" # of an earlier one, which says "listening" too
	"$GT_FRAMES" --netns "$GT_PREFIX-$host" expect eth0 "$@" --seconds "$seconds" >"$log" 2>&1 &
	gt_expecting+=("$!")
	wait_for 10 grep -q listening "$log" || true
}

frames_verdict() {
	local i bad=0
	for i in "${!gt_expecting[@]}"; do
		wait "${gt_expecting[$i]}" || { bad=1 && grep frames.py "$GT_TMP/expect.$i"; }
	done
	gt_expecting=()
	if [ $bad -eq 0 ]; then pass "$1"; else fail "$1"; fi
}

# frames_play HOSTS STEP...: sends the steps one after the other while all HOSTS (a,b,c) listen. A
# step is "HOST FRAME", or "sleep S". Prints a line per frame sent: the hosts that got it in order
# of their names, one as often as it got it, or "-".
frames_play() {
	local hosts=$1 script
	shift
	script=$(printf '%s\n' "$@" | jq -Rnc --arg h "$hosts" --arg p "$GT_PREFIX" '{settle: 0.3,
		hosts: ($h | split(",") | map({(.): {netns: "\($p)-\(.)", dev: "eth0"}}) | add),
		steps: [inputs | capture("^(?<from>[^ ]+) (?<frame>.*)") |
			if .from == "sleep" then {sleep: (.frame | tonumber)} else . end]}')
	"$GT_FRAMES" play - <<<"$script" | jq -r --argjson s "$script" '[$s.steps, .received] | transpose[] |
		select(.[0].frame) | .[1] | map(.host) | sort | if . == [] then "-" else join(" ") end'
}

# drops PORT REASON: how many packets that came in there were dropped for that reason.
drops() {
	g stats show --port "$1" --json |
		jq --arg r "$2" '[.drops[] | select(.reason == $r) | .packets] | add // 0'
}

# vlan_push HOST: from now on `meta=` of frames.py works there (a tag in the kernel's metadata).
vlan_push() {
	local object=$GARUDA_BUILD/tests/system/vlan_push.bpf.o
	[ -e "$object" ] || { echo "$object is not built" && return 1; }
	on "$1" tc qdisc add dev eth0 clsact
	on "$1" tc filter add dev eth0 egress bpf da obj "$object" sec tc
}

# Every packet has one end. For each port: received + flood copies = given to an egress port +
# exception + dropped; and over all ports: given to an egress port = transmitted + refused by one.
# Counted again until it holds, for 2 s: packets may be on their way.
check_conservation() {
	local left='' i
	[ "$GT_DUT" = garuda ] || return 0
	for ((i = 0; i < 20; i++)); do
		left=$(gt_conservation) && [ -z "$left" ] && break
		sleep 0.1
	done
	if [ -z "$left" ]; then
		pass "conservation: every packet received is accounted for"
	else
		fail "conservation: $left"
	fi
}

# Prints what does not add up.
gt_conservation() {
	g stats show --json 2>&1 | jq -r '
		(.ports[] | select(.rx_packets + .flood_copies + .segments
				!= .forwarded + .exception_packets + .rx_drops) | tostring),
		(.total | select(.forwarded != .tx_packets) | "total: \(.)"),
		(if .ports | length == 0 then "no ports" else empty end)' 2>&1
}

trap gt_cleanup EXIT
trap 'exit 130' INT TERM HUP
if [ "$(id -u)" != 0 ]; then
	skip "needs root: namespaces and sockets of the link layer"
fi
