#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Root and the operator group may change things, everybody else may look: by the credentials of
# the process at the other end, whatever it says.
#
#	root, daemon (the operator group here), nobody    --->   [ garudad --group daemon ]
source "$(dirname "$0")/_init.sh"

# as USER GROUP [EXTRA]: garuda's words follow on standard input's line, run by that user.
as() {
	local uid gid
	uid=$(id -u "$1") gid=$(getent group "$2" | cut -d: -f3)
	shift 2
	setpriv --reuid "$uid" --regid "$gid" "${1:---clear-groups}" ${1:+${2:+"$2"}} "$GT_TMP/garuda" "${words[@]}"
}

# The build may lie where only root can look.
chmod 755 "$GT_TMP"
install -m 755 "$GARUDA_BUILD/cli/garuda" "$GT_TMP/garuda.bin"
cat >"$GT_TMP/garuda" <<-END
	#!/bin/sh
	exec "$GT_TMP/garuda.bin" --socket "$GT_SOCKET" "\$@"
END
chmod 755 "$GT_TMP/garuda"
group=$(getent group daemon | cut -d: -f3)

dut_start --group daemon
check_equal "the socket is open to connect to" "$(stat -c %a "$GT_SOCKET")" 666
words=(port add a --kind memory)
check "root writes" as root root
reads=("port list" "port show a" "vlan list" "fdb list" "bridge show" "worker list" "stats show" "system show" "rpc discover")
writes=("port add b --kind memory" "port set a --vlan 5" "port del a" "vlan set 5 --name x" "fdb add 02:00:00:00:00:01 --port a"
	"fdb del 02:00:00:00:00:01" "fdb flush --all" "bridge set --ageing-time 5" "worker set --mode poll" "stats clear")
for line in "${reads[@]}"; do
	read -r -a words <<<"$line"
	check "nobody reads: $line" as nobody nogroup
done
before=$(g port list --json)$(g vlan list --json)$(g fdb list --json)$(g worker list --json | jq '[.workers[].mode]')
for line in "${writes[@]}"; do
	read -r -a words <<<"$line"
	text=$(as nobody nogroup 2>&1)
	check_equal "nobody does not write: $line" $? 1
	check "and is told why: $text" grep -qi 'group daemon\|permission\|may not\|root' <<<"$text"
done
check_equal "nothing changed" \
	"$(g port list --json)$(g vlan list --json)$(g fdb list --json)$(g worker list --json | jq '[.workers[].mode]')" "$before"
words=(vlan set 5 --name operators)
check "by primary group" as nobody daemon
words=(vlan set 5 --name members)
check "by supplementary group" as nobody nogroup --groups "$group"
check_json "it was done" "$(g vlan list --vlan 5 --json)" '.vlans[0].name == "members"'
text=$("$GARUDA_BUILD/control/garudad" --socket "$GT_TMP/other" --group no-such-group 2>&1)
check_equal "an unknown group is refused at the start" $? 1
check "by name: $text" grep -q no-such-group <<<"$text"
finish
