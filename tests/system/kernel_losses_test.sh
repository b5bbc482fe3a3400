#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# What the kernel loses before a worker gets it has a name too, and is shown by port: a full ring,
# no frame to receive into, a queue that no socket serves. Nothing is counted twice.
#
#	a (ring of 64)   b   c (2 queues later)
#	  |              |   |
#	[ garudad: 8 MiB    ]
source "$(dirname "$0")/_init.sh"
GT_KIND=af_xdp

# burst HOST N: the host sends N frames while the daemon stands still, shorter than a stall.
burst() {
	kill -STOP "$gt_daemon"
	"$GT_FRAMES" --netns "$(netns "$1")" send eth0 --count "$2" "raw src=02:aa:00:00:00:01"
	kill -CONT "$gt_daemon"
	sleep 0.3
}

# adds_up HOST N: since stats clear the port got N frames, in rx and by kernel drops.
adds_up() {
	check_json "$1: received and lost are what was sent" "$(g stats show --port "$1" --json)" \
		'.total | .rx_packets + .kernel_drops == $n' --argjson n "$2"
}

dut_start --memory 8
host_add a --queue-size 64
host_add b
host_new c
ip -n "$GT_SWITCH" link add v-c numrxqueues 2 type veth peer name eth0 numtxqueues 2 \
	address 02:00:00:00:00:cc netns "$(netns c)"
on sw ethtool -L v-c rx 1
on c ethtool -L eth0 tx 1
ip -n "$GT_SWITCH" link set v-c up
port_attach c
ip -n "$(netns c)" link set eth0 up
check "c comes up" wait_for 5 port_is_up c
quiet a b c
g stats clear

burst a 150
full=$(drops a kernel_ring_full)
check "a full ring has a name ($full)" test "$full" -ge 20
adds_up a 150

g stats clear
burst b 1000
none=$(drops b kernel_no_frame)
check "no frame to receive into has a name ($none)" test "$none" -ge 100
adds_up b 1000
check_json "frames come back" "$(g system show --json)" '.memory | .frames_free > .frames / 4'

# A queue that was added behind the port's back. veth gives it the program when it comes up next.
on sw ethtool -L v-c rx 2
on c ethtool -L eth0 tx 2
ip -n "$GT_SWITCH" link set v-c down
ip -n "$GT_SWITCH" link set v-c up
quiet c
check "c comes up again" wait_for 5 port_is_up c
g stats clear
for i in {1..64}; do # flows that the kernel spreads over both queues
	frames+=("udp sport=$i")
done
frames_send c "${frames[@]}"
sleep 0.2
unserved=$(drops c kernel_no_socket)
check "frames of a queue without a socket have a name ($unserved)" test "$unserved" -ge 10
adds_up c 64
check "the table has the sentence" eval 'g stats show | grep -q "kernel_no_socket .*no socket"'
check_json "port list counts them as drops" "$(g port list --json)" \
	'.ports[] | select(.name == "c") | .counters.drops >= $n' --argjson n "$unserved"
g port del c
check "what the port lost is not forgotten with it" \
	eval 'g stats show --json | jq -e ".total.kernel_drops >= $unserved"'
finish
