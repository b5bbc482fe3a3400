#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Containers with real 802.1Q devices: the tag is in the kernel's metadata, the checksum unfinished,
# and both must survive. VLAN 10 and 20 use the same subnet, so a leak would answer.
#
#	t: eth0.10 eth0.20     u: eth0.10 eth0.20     a: eth0      b: eth0
#	   .1      .2             .11     .12            .3           .4
#	  trunk 10,20            trunk 10,20           access 10    access 20
#	     |                      |                     |            |
#	[ device under test                                              ]
source "$(dirname "$0")/_init.sh"

host_new probe
ip -n "$(netns probe)" link add p0 type veth peer name p1
if ! ip -n "$(netns probe)" link add link p0 name p0.2 type vlan id 2 2>/dev/null; then
	skip "this kernel has no 802.1Q devices (runs in tests/vm)"
fi
dut_start
host_add t --trunk 10,20
host_add u --trunk 10,20
host_add a 10.0.0.3/24 fd00::3/64 --vlan 10
host_add b 10.0.0.4/24 fd00::4/64 --vlan 20
last=1
for host in t u; do
	for vlan in 10 20; do
		ip -n "$(netns $host)" link add link eth0 name eth0.$vlan type vlan id $vlan
		ip -n "$(netns $host)" link set eth0.$vlan up
	done
	ip -n "$(netns $host)" addr add 10.0.0.$last/24 dev eth0.10
	ip -n "$(netns $host)" addr add fd00::$last/64 dev eth0.10 nodad
	# Its own table of neighbours and routes per VLAN: only -I of ping reaches out of .20.
	ip -n "$(netns $host)" addr add 10.0.0.$((last + 1))/32 dev eth0.20
	last=11
done

check "trunk to access, VLAN 10" on t ping -c 2 -i 0.2 -W 3 10.0.0.3
check "trunk to access, VLAN 10, IPv6" on t ping -c 2 -i 0.2 -W 3 fd00::3
check "trunk to trunk, VLAN 10" on t ping -c 2 -i 0.2 -W 3 10.0.0.11
check_not "VLAN 10 does not reach VLAN 20" on t ping -c 2 -i 0.2 -W 1 10.0.0.4
check_not "nor back" on b ping -c 2 -i 0.2 -W 1 10.0.0.1
check "the neighbour of VLAN 20 is not known in VLAN 10" \
	eval '! ip -n "$(netns t)" neigh show 10.0.0.4 dev eth0.10 | grep -q lladdr'
check_not "an access port of VLAN 10 does not reach one of VLAN 20" on a ping -c 1 -W 1 10.0.0.4

for size in 1M 16M; do
	for to in 10.0.0.1 10.0.0.11; do
		host=t
		[ $to = 10.0.0.1 ] || host=u
		spawn_on $host iperf3 -s -1
		wait_for 10 eval "on $host ss -Hltn | grep -q :5201"
		check "TCP $size from the access port to $to behind a tag" \
			on a timeout 60 iperf3 -c $to -n $size
		stop "$spawned"
	done
done
for host in t u a b; do
	errors=$(on $host nstat -asz TcpInCsumErrors UdpInCsumErrors | awk 'NR > 1 {n += $2} END {print n + 0}')
	check_equal "checksum errors at $host" "$errors" 0
done
finish
