#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Packets longer than a frame of ours are chains; each pair of port kinds carries them.
#
#	a, b: eth0 ── [af_xdp] garuda [tap] ── eth0 :c, d        MTU 9000 everywhere
#
source "$(dirname "$0")/_init.sh"

dut_start
for host in a:1:af_xdp b:2:af_xdp c:3:tap d:4:tap; do
	IFS=: read -r name number kind <<<"$host"
	host_add "$name" "10.0.0.$number/24" --kind "$kind" --mtu 9000
done
# 8972 fills the MTU; the others straddle the ends of the first, second and third frame.
for pair in a:2 a:3 c:1 c:4; do
	for size in 1828 3800 4000 5900 8972; do
		check "${pair%:*} to 10.0.0.${pair#*:}, $size bytes in one piece" \
			on "${pair%:*}" ping -q -c 2 -i 0.2 -W 1 -M "do" -s $size "10.0.0.${pair#*:}"
	done
done
finish
