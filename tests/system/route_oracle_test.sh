#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The differential test of the router: what garudad and the kernel do together is what the kernel alone
# does in a twin, packet by packet, under random configuration (route_oracle.py).
#
#	hosts (raw sockets)               hosts (raw sockets)
#	 |    |    |    |                  |    |    |    |
#	p0   p1   p2   p3                 p0   p1   p2   p3
#	[ a: garudad, kernel ]            [ b: the kernel ]
#
# First the program proves itself: two kernels do not differ, and faults planted in one are found.
# GT_ORACLE_SECONDS: how long it looks for differences (default 25).
source "$(dirname "$0")/_init.sh"

# oracle TEXT STATUS ARGUMENT...
oracle() {
	local text=$1 wanted=$2 status=0 log=$GT_TMP/oracle.log
	shift 2
	/usr/bin/python3 "$GT_TOP/tests/system/route_oracle.py" --prefix "$GT_PREFIX" --build "$GARUDA_BUILD" "$@" \
		>"$log" 2>&1 || status=$?
	check_equal "$text" $status "$wanted"
	if [ $status != "$wanted" ]; then
		cut -c1-1000 "$log"
	else
		grep -E '^\{|^fast path' "$log"
	fi
}

# A plant is found in the first sequences, or not at all. A crash of the program would be status 1 too.
planted() {
	oracle "a fault is found: $1" 1 --twin kernel --no-shrink --seed 1 2 3 --plant "$1" --steps 12
	check "a fault is found: $1: as a difference" grep -q '^DIFFERENCE' "$GT_TMP/oracle.log"
}

oracle "two kernels do not differ" 0 --twin kernel --no-multipath --seconds 3
for fault in ttl loss silent neighbour mtu route "source check" "no echo"; do
	planted "$fault"
done
if [ "$GT_DUT" = garuda ]; then
	oracle "garuda and the kernel do not differ" 0 --twin garuda --seconds "${GT_ORACLE_SECONDS:-25}"
fi
finish
