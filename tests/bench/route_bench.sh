#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# 64-byte packets per second from one veth of a Linux router to another, and the CPU time of the whole
# machine per packet: the kernel alone, and by routed ports. The generator offers more than either takes.
#
#	ka ---> kb (10.1, 10.2)    va ---> vb (10.3, 10.4)
#	[            one router, 10.N.0.1 on each           ]
#	[  the kernel alone   ]    [      routed ports      ]
source "$(dirname "$0")/_bench.sh" "Packets routed from veth to veth, beside the kernel alone." "$@"
# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/../system/_router.sh"

router_start
router_wire ka k0 1
router_wire kb k1 2
router_wire va v0 3
router_wire vb v1 4
# The sink knows the generator's packets by their source MAC, which is the router's here.
ip -n "$GT_SWITCH" link set k1 address 02:67:65:6e:01:01
ip -n "$GT_SWITCH" link set v1 address 02:67:65:6e:01:02
router_attach v0 v1
on ka ping -q -c 3 -i 0.2 10.2.0.2 >/dev/null || give_up "the kernel does not forward"
on va ping -q -c 3 -i 0.2 10.4.0.2 >/dev/null || give_up "the routed ports do not forward"
sink_start k
sink_start v

# busy_ns: CPU time that all CPUs spent working so far, without what idled or was stolen.
busy_ns() {
	awk '/^cpu / {printf "%.0f\n", ($2 + $3 + $4 + $7 + $8) * 1e7}' /proc/stat
}

# measure PAIR N: samples PAIR (kpps) and PAIR.cpu (ns).
measure() {
	local pair=$1 n=$2 before after frames
	before=$(busy_ns)
	frames=$(frames_forwarded "$pair" --seconds "$(rounds 2 4)" --dest "02:00:00:00:01:0$n" \
		--from "10.$n.0.2" --to "10.$((n + 1)).0.2" --flows 64)
	after=$(busy_ns)
	[ "$frames" -gt 1000 ] || give_up "$pair: $frames packets arrived"
	sample "$pair" "$(jq --argjson n "$frames" '$n / .seconds / 1e3' "$GT_TMP/sent")"
	sample "$pair.cpu" $(((after - before) / frames))
}

before=$(forwarded)
for ((round = 0; round < $(rounds 3 9); round++)); do
	measure k 1
	measure v 3
done
[ $(($(forwarded) - before)) -gt 1000 ] || give_up "the fast path was not used"
row "64-byte packets routed, veth to veth" v kpps "kernel alone" k higher 1
row "CPU of the machine, sender included, a packet" v.cpu ns "kernel alone" k.cpu
bench_end
