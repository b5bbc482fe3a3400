# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# For the tests of packaging/demo: runs it, and looks for what it left.
source "$(dirname "${BASH_SOURCE[0]}")/_init.sh"
[ "$GT_DUT" = garuda ] || skip "it shows garuda, not the kernel's bridge"
demo=$GT_TOP/packaging/demo build=$GARUDA_BUILD

# start LOG OPTION...: in the background, as a process group of its own; its pid is the demo's number.
start() {
	log=$GT_TMP/$1
	shift
	setsid "$demo" --build "$build" --quick "$@" </dev/null >"$log" 2>&1 &
	demo_pid=$!
	gt_pids+=("$demo_pid")
}

# end TEXT STATUS: it ends, with this status.
end() {
	local status=0
	wait "$demo_pid" || status=$?
	check_equal "$1" $status "$2"
	[ $status = "$2" ] || tail -n 20 "$log"
}

# Namespaces, directory and processes carry the demo's number. The grep itself does not count.
traces() {
	ip netns list | grep "^gdemo$demo_pid-"
	ls -d "/run/garuda-demo.$demo_pid" 2>/dev/null
	pgrep -f "[/]run/garuda-demo.$demo_pid/"
}

left_nothing() {
	[ -z "$(traces)" ] || { traces && return 1; }
}
