#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# 64-byte frames per second from one veth to another. The generator offers more than the switch
# takes; frames are counted where they arrive, and dropped there at the least cost.
#
#	ka ---> kb (veth)    va ---> vb (veth)    ya ---> yb (veth)
#	[ kernel bridge ]    [   garudad     ]    [ l2fwd_yardstick ]
source "$(dirname "$0")/_bench.sh" "64-byte frames per second beside the kernel bridge." "$@"

GT_DUT=kernel dut_start
GT_DUT=garuda dut_start
GT_DUT=kernel pair_add k 10.1.0
pair_add v 10.2.0 --kind af_xdp
yard_add
for pair in k v y; do
	sink_start $pair
done

for ((round = 0; round < $(rounds 5 11); round++)); do
	for pair in k v y; do
		sample $pair "$(frames_per_second $pair --seconds "$(rounds 1 2)")"
	done
done
row "64-byte frames, af_xdp veth to veth" v kpps "kernel bridge" k higher 1.6
row "64-byte frames, af_xdp veth to veth" v kpps "bare l2fwd" y
bench_end
