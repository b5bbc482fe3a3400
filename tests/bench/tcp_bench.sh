#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Bulk TCP (one connection, cubic) between two containers.
#
#	ka, kb (veth)   sa, sb (veth, no TSO)     va, vb (veth)   ta, tb (tap)
#	 |      |        |      |                  |      |        |      |
#	[      kernel bridge      ]               [       garudad        ]
#
# XDP on a veth takes TSO from its other end: the container behind an af_xdp port hands over
# frames of MTU size, one by one. The peer with the same ends is therefore the bridge between containers
# without TSO; the bridge between containers that pass 64 KiB at once stands beside it, and is the
# peer for tap, where they do so too.
source "$(dirname "$0")/_bench.sh" "Bulk TCP through the switch beside the kernel bridge." "$@"

GT_DUT=kernel dut_start
GT_DUT=garuda dut_start
GT_DUT=kernel pair_add k 10.1.0
GT_DUT=kernel pair_add s 10.4.0
pair_add v 10.2.0 --kind af_xdp --vlan 2
pair_add t 10.3.0 --kind tap --vlan 3
declare -A address=([k]=10.1.0.2 [s]=10.4.0.2 [v]=10.2.0.2 [t]=10.3.0.2)
for host in sa sb; do
	on $host ethtool -K eth0 tso off tx-udp-segmentation off >/dev/null || give_up "no ethtool"
done
for pair in k s v t; do
	spawn_on "${pair}b" iperf3 -s
done

# gbits PAIR
gbits() {
	on "$1a" timeout 30 iperf3 -c "${address[$1]}" -C cubic -t "$(rounds 1 3)" -J |
		jq '.end.sum_received.bits_per_second / 1e9'
}

wait_for 5 gbits k || give_up "iperf3 does not run"
for ((round = 0; round < $(rounds 5 11); round++)); do
	for pair in k s v t; do
		sample $pair "$(gbits $pair)"
	done
done
row "TCP, tap to tap" t Gbit/s "kernel bridge" k higher 0.5
row "TCP, af_xdp veth, MTU 1500" v Gbit/s "kernel bridge, no TSO" s higher 0.3
row "TCP, af_xdp veth, MTU 1500" v Gbit/s "kernel bridge" k higher 0.3
bench_end
