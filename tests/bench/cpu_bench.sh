#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# CPU time that the switch's worker takes per packet, at fixed offered rates of 64-byte frames,
# beside the least that an AF_XDP forwarder can take.
#
#	va ---> vb (veth)    ya ---> yb (veth)
#	[    garudad    ]    [ l2fwd_yardstick ]
source "$(dirname "$0")/_bench.sh" "CPU time per packet beside a bare AF_XDP forwarder." "$@"

dut_start
pair_add v 10.2.0 --kind af_xdp
yard_add
for pair in v y; do
	sink_start $pair
done
worker=$(g worker list --json | jq '.workers[0].tid')

# ns_per_packet PAIR RATE: from the CPU time of the thread that forwards, and what arrived.
ns_per_packet() {
	local pid=$gt_daemon tid=$worker before after frames
	[ "$1" = v ] || pid=$yard tid=$yard
	before=$(cpu_ns "$pid" "$tid")
	frames=$(frames_forwarded "$1" --rate "$2" --seconds "$(rounds 1 2)")
	after=$(cpu_ns "$pid" "$tid")
	echo $(((after - before) / (frames ? frames : 1)))
}

rates=(100000 300000 500000)
for ((round = 0; round < $(rounds 3 11); round++)); do
	for rate in "${rates[@]}"; do
		for pair in v y; do
			sample $pair$rate "$(ns_per_packet $pair "$rate")"
		done
	done
done
for rate in "${rates[@]}"; do
	row "worker CPU per packet at $((rate / 1000)) kpps" v$rate ns "bare l2fwd" y$rate lower 1.15
done
bench_end
