#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# What `meson install` puts on a machine works as a service: the unit's program is there, its
# capabilities suffice for every kind of port, and it tells the service manager when it is ready.
#
#	a: eth0 ── v-a [af_xdp] garuda [tap] ── eth0 :b
#	                               [tap] ── eth0 :c, found by a process id of another user
#
source "$(dirname "$0")/_init.sh"
[ "$GT_DUT" = garuda ] || skip "the kernel's bridge is no service"

root=$GT_TMP/root
check "meson install" meson install -C "$GARUDA_BUILD" --no-rebuild --destdir "$root"
unit=$(find "$root" -name garudad.service)
check "the unit is where systemd looks" test "${unit%/lib/systemd/system/garudad.service}" != "$unit"

# setting NAME: of the unit file.
setting() {
	sed -n "s/^$1=//p" "$unit"
}

if [ -x "$(command -v systemd-analyze)" ]; then
	# It also complains that this root has no other units; only what names a line is ours.
	check_not "systemd understands every line of it" grep 'garudad.service:[0-9]' \
		<(systemd-analyze verify --root="$root" garudad.service 2>&1)
fi
read -r program arguments <<<"$(setting ExecStart)"
check_equal "the only arguments are the operator's" "$arguments" '$GARUDAD_OPTIONS'
check "the program is installed" test -x "$root$program"
check "so is the command" test -x "$(find "$root" -path '*/bin/garuda')"
check "the group of operators is the daemon's default" grep -q "^g $(
	"$GARUDA_BUILD/control/garudad" --help | sed -n 's/.*--group.*default \(.*\))/\1/p') " \
	"$(find "$root" -path '*/sysusers.d/garuda.conf')"
for file in README.md operating.md crash.md packet-path.md rpc.md NEWS.md LICENSE example.json; do
	check "$file is installed" test -s "$(find "$root" -path "*/doc/garuda/*$file")"
done

# As systemd starts it: these capabilities and no others, and the manager's socket.
cat >"$GT_TMP/manager.py" <<-'END'
	import socket, sys
	s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
	s.bind(sys.argv[1])
	while True:
	    print(s.recv(4096).decode(), flush=True)
END
python3 "$GT_TMP/manager.py" "$GT_TMP/notify" >"$GT_TMP/told" &
gt_pids+=("$!")
wait_for 5 test -S "$GT_TMP/notify"
bounds=-all
for capability in $(setting CapabilityBoundingSet | tr '[:upper:]' '[:lower:]'); do
	bounds+=,+${capability#cap_}
done
cat >"$GT_TMP/garudad" <<-END
	#!/bin/sh
	export NOTIFY_SOCKET=$GT_TMP/notify
	exec setpriv --bounding-set=$bounds --inh-caps=-all --no-new-privs "$root$program" "\$@"
END
chmod +x "$GT_TMP/garudad"
mkdir "$GT_TMP/build" "$GT_TMP/build/control" "$GT_TMP/build/cli"
ln -s "$GT_TMP/garudad" "$GT_TMP/build/control/garudad"
ln -s "$GARUDA_BUILD/cli/garuda" "$GT_TMP/build/cli/garuda"
GARUDA_BUILD=$GT_TMP/build
dut_start
check "the manager is told" wait_for 2 grep -qx READY=1 "$GT_TMP/told"
host_add a 10.0.0.1/24 --kind af_xdp
host_add b 10.0.0.2/24 --kind tap
host_new c
spawn_on c setpriv --reuid 65534 --clear-groups sleep 60
check "a container by process id" g port add c --container "$spawned:eth0"
ip -n "$GT_PREFIX-c" addr add 10.0.0.3/24 dev eth0
check "a reaches b" on a ping -q -c 2 -i 0.2 -W 2 10.0.0.2
check "b reaches c" on b ping -q -c 2 -i 0.2 -W 2 10.0.0.3
check_conservation
daemon_kill
check "the manager is told of the end" wait_for 2 grep -qx STOPPING=1 "$GT_TMP/told"
finish
