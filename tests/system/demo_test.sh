#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# packaging/demo ends with status 0 where all holds, and leaves nothing behind.
#
#	two switches and eight containers of its own (see its output)
#
source "$(dirname "$0")/_demo.sh"

start all
end "the demo ends with status 0" 0
check "and says how many points held" grep -q '^All 2[0-9] points held' "$log"
check "it showed both kinds of ports" grep -q 'AF_XDP)  *[0-9]' "$log"
check "and left nothing behind" left_nothing

start tap --tap-only --keep
end "on TAPs only, and kept: status 0" 0
check "what is kept still answers" env GARUDA_SOCKET="/run/garuda-demo.$demo_pid/1/garuda.sock" \
	"$build/cli/garuda" port show web
check "it is stopped by its number" "$demo" --stop "$demo_pid"
check "and has left nothing behind" left_nothing
finish
