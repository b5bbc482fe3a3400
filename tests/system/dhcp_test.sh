#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# asan: yes
# How containers find addresses and each other: DHCP, router advertisements, ARP, neighbour
# discovery, and announcements of what has moved.
#
#	s: veth   c: veth   d: TAP       p: TAP   q: veth   r: TAP        o: veth
#	server    client    client       server   client    client        client without a server
#	VLAN 10   VLAN 10   VLAN 10      VLAN 20  VLAN 20   VLAN 20       VLAN 30
#	   |         |         |            |        |         |             |
#	[ device under test                                                     ]
#
# Clients read the answer from a packet socket and check its checksum themselves, and the
# server's kernel leaves it unfinished: in many a switch this is where DHCP ends.
source "$(dirname "$0")/_init.sh"
source "$(dirname "$0")/_traffic.sh"

# server HOST NET: dnsmasq for 10.NET.0.0/24 and fd00:NET::/64.
server() {
	spawn_on "$1" dnsmasq --keep-in-foreground --conf-file=/dev/null --user=root --pid-file= --port=0 \
		--interface=eth0 --bind-interfaces --log-dhcp --log-facility=- --no-ping \
		--dhcp-leasefile="$GT_TMP/leases.$1" --dhcp-range="10.$2.0.100,10.$2.0.199,1h" \
		--dhcp-range="fd00:$2::,ra-only" --enable-ra
	wait_for 5 eval "[ -n \"\$(on $1 ss -Hlun 'sport = :67')\" ]" || fail "dnsmasq of $1: $(cat "$GT_TMP/log.$spawned")"
}

# lease HOST SECONDS: the address that it is given, set as a client sets it.
lease() {
	on "$1" timeout "$2" busybox udhcpc -f -q -n -t 5 -T 1 -i eth0 -s "$GT_TMP/udhcpc" 2>&1
}

cat >"$GT_TMP/udhcpc" <<'END'
#!/bin/sh
[ "$1" != bound ] || ip addr add "$ip/$mask" dev "$interface"
END
chmod +x "$GT_TMP/udhcpc"

dut_start
host_add s 10.1.0.1/24 fd00:1::1/64 --vlan 10 --kind af_xdp
host_add c --vlan 10 --kind af_xdp
host_add d --vlan 10 --kind tap
host_add p 10.2.0.1/24 fd00:2::1/64 --vlan 20 --kind tap
host_add q --vlan 20 --kind af_xdp
host_add r --vlan 20 --kind tap
host_add o --vlan 30 --kind af_xdp
server s 1
server p 2

while read -r client server; do
	net=1
	[ "$server" = s ] || net=2
	check "$client asks for an address" lease "$client" 10
	address=$(ip -n "$(netns "$client")" -4 -o addr show dev eth0 | awk '{print $4}')
	check "$client is given one of $server's: $address" [ "${address%.*}" = "10.$net.0" ]
	ping_check "$client reaches $server, which it has to find by ARP" "$client" "10.$net.0.1"
	check "$client has made itself an IPv6 address from $server's advertisement" \
		wait_for 8 eval "ip -n $(netns "$client") -6 addr show dev eth0 | grep -q 'inet6 fd00:$net::.*dynamic'"
	ping_check "$client reaches $server, which it has to find by ND" "$client" "fd00:$net::1"
	check "the neighbour is known" eval \
		"ip -n $(netns "$client") neigh show fd00:$net::1 | grep -q 'lladdr.*REACHABLE\\|lladdr.*DELAY'"
done <<-END
	c s
	d s
	q p
	r p
END
check_not "no address comes from another VLAN" lease o 3
check_not "nor an advertisement" eval "ip -n $(netns o) -6 addr show dev eth0 | grep -q fd00:"

# Duplicate address detection works through the switch, for every pair of kinds.
dad() {
	on "$1" sysctl -qw net.ipv6.conf.eth0.accept_dad=1
	ip -n "$(netns "$1")" addr add "$2/64" dev eth0
	wait_for 5 eval "! ip -n $(netns "$1") -6 addr show dev eth0 to $2 | grep -qw 'tentative.*' ||
		ip -n $(netns "$1") -6 addr show dev eth0 to $2 | grep -qw dadfailed"
	ip -n "$(netns "$1")" -6 addr show dev eth0 to "$2" | grep -qw dadfailed
}
check_not "an address of one's own is no duplicate" dad c fd00:1::77
check "one of veth is found by TAP" dad d fd00:1::77
check_not "nor is another one" dad d fd00:1::78
check "one of TAP is found by veth" dad c fd00:1::78
check_not "the same address in another VLAN is none" dad q fd00:1::77

# An address moves to another host, with its MAC (a virtual machine that migrates): after one
# gratuitous ARP the neighbours reach it there.
mac=02:00:00:00:aa:01
entry_at() {
	g fdb list --vlan 10 --json | jq -e --arg m $mac --arg p "$1" '.entries[] | select(.mac == $m and .port == $p)'
}
take() {
	ip -n "$(netns "$1")" link set eth0 address $mac
	ip -n "$(netns "$1")" addr add 10.1.0.50/24 dev eth0
	on "$1" busybox arping -q -U -c 1 -w 2 -I eth0 10.1.0.50
	return 0
}
take c
check "the address is at c" wait_for 2 entry_at c
ping_check "s reaches the address at c" s 10.1.0.50
ip -n "$(netns c)" addr del 10.1.0.50/24 dev eth0
ip -n "$(netns c)" link set eth0 address 02:00:00:00:aa:02
take d
check "the address is at d" wait_for 2 entry_at d
ping_check "s reaches the address at d" s 10.1.0.50 -c 3
# And an address that gets another MAC: the neighbours' entries change at the announcement.
ip -n "$(netns s)" neigh replace 10.1.0.50 lladdr 02:00:00:00:aa:03 dev eth0 nud stale
on d busybox arping -q -U -c 1 -w 2 -I eth0 10.1.0.50
check "s believes the gratuitous ARP" wait_for 2 eval \
	"ip -n $(netns s) neigh show 10.1.0.50 | grep -q $mac"
on d sysctl -qw net.ipv6.conf.eth0.ndisc_notify=1
ip -n "$(netns d)" addr add fd00:1::50/64 dev eth0 nodad
ping_check "s reaches d by IPv6" s fd00:1::50
ip -n "$(netns d)" link set eth0 address 02:00:00:00:aa:04
check "s believes the unsolicited advertisement" wait_for 2 eval \
	"ip -n $(netns s) neigh show fd00:1::50 | grep -q 02:00:00:00:aa:04"
checksums_check s c d p q r
finish
