#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Round trips of single UDP datagrams, the worker in its adaptive mode. With one per ms every hop
# is a wake-up from sleep, and on a machine that is not idle the scheduler is what is measured.
#
#	ka, kb (veth)       va, vb (veth)      ta, tb (tap)
#	 |      |            |      |           |      |
#	[ kernel bridge ]   [        garudad            ]
source "$(dirname "$0")/_bench.sh" "UDP round trip times beside the kernel bridge." "$@"

GT_DUT=kernel dut_start
GT_DUT=garuda dut_start
GT_DUT=kernel pair_add k 10.1.0
pair_add v 10.2.0 --kind af_xdp --vlan 2
pair_add t 10.3.0 --kind tap --vlan 3
declare -A address=([k]=10.1.0.2 [v]=10.2.0.2 [t]=10.3.0.2)
declare -A name=([k]='kernel bridge' [v]='af_xdp veth' [t]='tap')
for pair in k v t; do
	spawn_on "${pair}b" "$tools/pingpong" echo
done

# round PAIR SUFFIX [pingpong's options]
round() {
	local pair=$1 suffix=$2 figures key
	shift 2
	figures=$(on "${pair}a" "$tools/pingpong" ping "${address[$pair]}" "$@") || give_up "$pair: $figures"
	[ "$(jq .lost <<<"$figures")" = 0 ] || echo "${name[$pair]}: $figures"
	for key in p50 p99; do
		sample "$pair.$suffix.$key" "$(jq ".$key" <<<"$figures")"
	done
}

for ((n = 0; n < $(rounds 5 15); n++)); do
	for pair in k v t; do
		round $pair closed --seconds 0.7
	done
	for pair in k v t; do
		round $pair sparse --seconds 0.7 --interval 1000
	done
done
for suffix in closed sparse; do
	text="one after the other"
	[ $suffix = closed ] || text="one per ms"
	for pair in v t; do
		for key in p50 p99; do
			row "UDP round trip $key, $text, ${name[$pair]}" $pair.$suffix.$key us \
				"kernel bridge" k.$suffix.$key
			limit=-
			[ $pair$suffix != vclosed ] || limit=$([ $key = p50 ] && echo 15 || echo 150)
			sample $pair.$suffix.$key.above "$(difference $pair.$suffix.$key k.$suffix.$key)"
			row "  above the kernel bridge's" $pair.$suffix.$key.above us - - lower $limit
		done
	done
done
bench_end
