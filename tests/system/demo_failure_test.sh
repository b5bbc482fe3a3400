#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# packaging/demo fails where something is broken, says what, and leaves nothing behind; nor does
# it when it is interrupted.
#
#	two switches and eight containers of its own (see its output)
#
source "$(dirname "$0")/_demo.sh"

# A switch that dies on the way, in place of garudad.
build=$GT_TMP/broken
mkdir -p "$build/control" "$build/cli"
ln -s "$GARUDA_BUILD/cli/garuda" "$build/cli/garuda"
printf '#!/bin/sh\nexec timeout -s KILL 4 %s "$@"\n' "$GARUDA_BUILD/control/garudad" \
	>"$build/control/garudad"
chmod +x "$build/control/garudad"
start dies
end "a switch that dies is a failure" 1
check "and named as one" grep -q 'FAILED.*no switch any more' "$log"
check "nothing is left of it" left_nothing

# A switch that lives but takes every trunk for an access port of VLAN 1, so to say.
rm "$build/cli/garuda"
printf '#!/bin/sh\ncase "$*" in *--trunk*) set -- $(echo "$*" | sed "s/ --trunk .*//");; esac\nexec %s "$@"\n' \
	"$GARUDA_BUILD/cli/garuda" >"$build/cli/garuda"
ln -sf "$GARUDA_BUILD/control/garudad" "$build/control/garudad"
chmod +x "$build/cli/garuda"
start wrong --tap-only
end "a point that does not hold is a failure" 1
check "and named" grep -q 'FAILED  web reaches far10' "$log"
check "nothing is left of it either" left_nothing

build=$GARUDA_BUILD
start interrupted
wait_for 10 grep -q 'Inside a VLAN' "$log"
kill -TERM "$demo_pid"
end "interrupted: status 130" 130
check "and nothing is left" left_nothing
finish
