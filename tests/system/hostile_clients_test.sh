#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# asan: yes
# Whatever clients do to the control socket, the others are served within 100 ms, memory stays
# bounded, descriptors come back, and traffic goes on.
#
#	a   b     ping every 5 ms     watcher: an honest client     hostile clients, in turn
#	|   |                             |                             |
#	[ garudad                      socket                            ]
source "$(dirname "$0")/_init.sh"

clients=$GT_TOP/tests/system/hostile_clients.py
rss() {
	awk '/VmRSS/ {print $2}' "/proc/$gt_daemon/status"
}
fds() {
	find "/proc/$gt_daemon/fd" -mindepth 1 2>/dev/null | wc -l
}

dut_start
host_add a 10.0.0.1/24
host_add b 10.0.0.2/24
for i in {1..60}; do
	g port add m$i --kind memory >/dev/null # so that replies are long
done
check "a reaches b" on a ping -c 1 -W 2 10.0.0.2
"$clients" parameters "$GT_SOCKET"
before_rss=$(rss)
# shellcheck disable=SC2034 # read by eval
before_fds=$(fds)

spawn_on a ping -q -i 0.005 -W 1 10.0.0.2
ping=$spawned
mkfifo "$GT_TMP/until"
"$clients" watch "$GT_SOCKET" <"$GT_TMP/until" >"$GT_TMP/watch" 2>&1 &
watcher=$!
gt_pids+=("$watcher")
exec 9>"$GT_TMP/until"
for name in malformed parameters batch ten_megabytes thousand_connections slow_readers; do
	check "$name" timeout 60 "$clients" $name "$GT_SOCKET"
done
grown=$(($(rss) - before_rss))
[[ $GARUDA_BUILD == *asan* ]] || check "memory is bounded: $grown KiB more" test $grown -lt 80000
exec 9>&-
wait $watcher; status=$?
check_equal "the honest client was served: $(tail -n 1 "$GT_TMP/watch")" $status 0
read -r n late slowest <"$GT_TMP/watch"
# One in fifty is the scheduler's: other programs run on this machine, too. When it is overloaded the
# figure says nothing of the daemon.
late_max=$((n / 50))
awk -v cpus="$(nproc)" '{exit !($1 > 2 * cpus)}' /proc/loadavg && late_max=$n
check "$n calls, $late of them later than 100 ms, the slowest in $slowest ms" \
	test "$n" -ge 50 -a "$late" -le "$late_max" -a "$slowest" -lt 2000
stop $ping INT
check "traffic went on: $(grep loss "$GT_TMP/log.$ping")" grep -q ' 0% packet loss' "$GT_TMP/log.$ping"
check "descriptors come back" wait_for 15 eval '[ "$(fds)" -le "$before_fds" ]'
check_json "nothing was half-added" "$(g port list --json)" '[.ports[].name] | length == 62'
finish
