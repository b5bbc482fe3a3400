#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Under a kernel before 6.8, which hides VLAN tags from AF_XDP and cannot finish checksums, ports
# that would leak or break TCP are refused, with the reason and the remedy; TAP ports work.
#
#	a (TAP)   b (TAP)   c (veth, refused)
#	   |         |
#	[ garudad ]
GT_KIND=tap
source "$(dirname "$0")/../system/_init.sh"

dut_start
system=$(g system show --json)
check_json "features are listed" "$system" '.features | length > 0'
check_json "a missing feature names its remedy" "$system" \
	'[.features[] | select(.available | not)] | length > 0 and all(.remedy | length > 0)'

host_new c
wire_add c 02:00:00:00:00:cc
answer=$(g port add c --kind af_xdp --netdev v-c 2>&1)
check_equal "AF_XDP on veth is refused" "$(($? != 0))" 1
check "the refusal names the kernel it needs: $answer" grep -q '6\.8' <<<"$answer"
check_json "nothing is half-added" "$(g port list --json)" '.ports | length == 0'
check_not "no XDP program stays" grep -q xdp <<<"$(ip -n "$GT_SWITCH" link show v-c)"

host_add a 10.0.0.1/24 fd00::1/64
host_add b 10.0.0.2/24 fd00::2/64
check "TAP ports: IPv4" on a ping -c 3 -i 0.2 -W 3 10.0.0.2
check "TAP ports: IPv6" on a ping -c 3 -i 0.2 -W 3 fd00::2
spawn_on b iperf3 -s -1
check "iperf3 listens" wait_for 10 eval 'on b ss -Hltn | grep -q :5201'
check "TAP ports: TCP" on a timeout 60 iperf3 -c 10.0.0.2 -n 8M
finish
