# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# Library of the benches that measure the daemon between namespaces, beside its peers in the same
# run. A bench says in what interleaved rounds it measures; the report is that of bench.h.
#
#	source "$(dirname "$0")/_bench.sh" "what it measures"
#	GT_DUT=kernel pair_add k 10.1.0
#	GT_DUT=garuda pair_add v 10.2.0
#	for ((round = 0; round < $(rounds 5 15); round++)); do
#		sample bridge "$(figure k)"
#		sample garuda "$(figure v)"
#	done
#	row "what it is" garuda unit "kernel bridge" bridge higher 0.5
#	bench_end
#
# Both devices under test stand side by side in the namespace of _init.sh. Exit status: 0, 1 when a
# target was missed, 2 when it could not be measured. What is no row goes to standard error.
bench_what=$1
shift
bench_quick=0 bench_json=()

bench_usage() {
	printf 'usage: %s [--quick] [--json]\n%s\n' "$0" "$bench_what"
}

while [ $# -gt 0 ]; do
	case "$1" in
	--quick) bench_quick=1 ;;
	--json) bench_json=(--json) ;;
	--help) bench_usage && exit 0 ;;
	*) bench_usage >&2 && exit 2 ;;
	esac
	shift
done

# shellcheck source-path=SCRIPTDIR
source "$(dirname "${BASH_SOURCE[0]}")/../system/_init.sh"
exec 3>&1 1>&2
# What else runs on the machine is to disturb less. Everything started here inherits it.
renice -n -20 -p $$ >/dev/null 2>&1 || true
tools=$GARUDA_BUILD/tests/tools
benches=$GARUDA_BUILD/tests/bench
bench_rows=$GT_TMP/rows
declare -A bench_samples=()

# rounds QUICK FULL: how often to measure, and likewise for seconds.
rounds() {
	if [ $bench_quick = 1 ]; then echo "$1"; else echo "$2"; fi
}

give_up() {
	echo "$(basename "$0"): $*"
	exit 2
}

# sample NAME VALUE: one more.
sample() {
	[[ $2 =~ ^-?[0-9.]+(e[-+]?[0-9]+)?$ ]] || give_up "no figure for $1: '$2'"
	bench_samples[$1]+="$2 "
	echo "$1: $2"
}

median() {
	tr ' ' '\n' <<<"${bench_samples[$1]}" | sed '/^$/d' | sort -g |
		awk '{v[NR] = $1} END {print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2}'
}

# difference A B: the median of what A is above B, round by round.
difference() {
	paste <(tr ' ' '\n' <<<"${bench_samples[$1]}") <(tr ' ' '\n' <<<"${bench_samples[$2]}") |
		awk 'NF == 2 {print $1 - $2}' | sort -g |
		awk '{v[NR] = $1} END {print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2}'
}

# row NAME SAMPLES UNIT [PEER SAMPLES [lower|higher TARGET]]: medians. Without a peer: - -.
row() {
	local peer_value=-
	[ "${5:--}" = - ] || peer_value=$(median "$5")
	printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$1" "$(median "$2")" "$3" "${4:--}" "$peer_value" \
		"${6:-lower}" "${7:--}" >>"$bench_rows"
}

# bench_end: the report, and the verdict.
bench_end() {
	local status=0
	[ "$gt_failed" -eq 0 ] || give_up "something failed, see above"
	[ -z "$gt_daemon" ] || kill -0 "$gt_daemon" || give_up "garudad is dead"
	"$benches/bench_rows" ${bench_json[@]+"${bench_json[@]}"} <"$bench_rows" >&3 || status=$?
	exit $status
}

# pair_add NAME PREFIX [host_add's options]: two hosts NAMEa (PREFIX.1) and NAMEb (PREFIX.2) of the
# device GT_DUT, which know each other's MAC addresses.
pair_add() {
	local name=$1 prefix=$2
	shift 2
	host_add "${name}a" "$prefix.1/24" "$@" >/dev/null
	host_add "${name}b" "$prefix.2/24" "$@" >/dev/null
	wait_for 10 on "${name}a" ping -c 1 -W 1 "$prefix.2" || give_up "$name: no connection"
}

# mac_of HOST
mac_of() {
	on "$1" cat /sys/class/net/eth0/address 2>/dev/null ||
		ip -n "$(netns "$1")" -j link show eth0 | jq -r '.[0].address'
}

# cpu_ns PID [TID]: CPU time of one thread, to the nanosecond.
cpu_ns() {
	cut -d ' ' -f 1 "/proc/$1/task/${2:-$1}/schedstat"
}

# yard_add: the pair ya, yb, joined by the yardstick; its pid is in $yard.
yard_add() {
	host_new ya
	host_new yb
	wire_add ya 02:00:00:00:01:01
	wire_add yb 02:00:00:00:01:02
	spawn_on sw "$benches/l2fwd_yardstick" v-ya v-yb
	yard=$spawned # for the bench's own use
	export yard
	for host in ya yb; do
		ip -n "$(netns $host)" link set eth0 up
	done
	ip -n "$(netns ya)" addr add 10.9.0.1/24 dev eth0
	ip -n "$(netns yb)" addr add 10.9.0.2/24 dev eth0
	wait_for 10 on ya ping -c 1 -W 1 10.9.0.2 || give_up "the yardstick does not forward"
}

# sink_start PAIR: the pair's second host counts frames from now on.
declare -A bench_sink=()
sink_start() {
	spawn_on "${1}b" "$tools/framegen" sink eth0
	bench_sink[$1]=$spawned
	wait_for 5 grep -q counting "$GT_TMP/log.$spawned" || give_up "$1: the sink does not start"
}

# Prints {"received", ...} so far.
sink_read() {
	local log=$GT_TMP/log.${bench_sink[$1]} before
	before=$(wc -l <"$log")
	kill -USR1 "${bench_sink[$1]}"
	while [ "$(wc -l <"$log")" = "$before" ]; do
		sleep 0.005
	done
	tail -n 1 "$log"
}

# frames_forwarded PAIR [framegen's options]: sends from the first host; prints how many arrived at
# the second. The sink prints total counts.
frames_forwarded() {
	local pair=$1 before after
	shift
	before=$(sink_read "$pair" | jq .received)
	on "${pair}a" "$tools/framegen" send eth0 --dest "$(mac_of "${pair}b")" "$@" \
		>"$GT_TMP/sent" || give_up "$pair: the generator failed"
	sleep 0.02
	after=$(sink_read "$pair" | jq .received)
	echo $((after - before))
}

# frames_per_second PAIR [framegen's options]: in thousands, while the generator ran.
frames_per_second() {
	local frames
	frames=$(frames_forwarded "$@") || return
	jq --argjson n "$frames" '$n / .seconds / 1e3' "$GT_TMP/sent"
}
