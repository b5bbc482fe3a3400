#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A routed port takes transit and nothing else: what is for the router, and all that is not plain
# unicast IP, never leaves the kernel; what is taken and given back is forwarded by the kernel as
# if it had never been away. Topology: _routed_port.sh.
# asan: yes
source "$(dirname "$0")/_routed_port.sh"

router_make
rp_start
mac_a=$(ip -n "$GT_SWITCH" -j link show v-a | jq -r '.[0].address')

# -- before it is switched on --------------------------------------------------------------------
counted "switched off, a reaches b" v-a taken 0 on a ping -q -c 2 -i 0.1 -W 1 10.0.2.2
check "and its packets are counted as such" [ "$(passed v-a off)" -ge 2 ]
rp_on
check_equal "v-a is not promiscuous" "$(ip -n "$GT_SWITCH" -d -j link show v-a | jq '.[0].promiscuity')" 0
check_equal "nothing guards it" "$(on sw tc filter show dev v-a ingress)" ""
check_equal "the exception TAP has no address" "$(ip -n "$GT_SWITCH" addr show dev "$rp_tap" | grep -c inet)" 0

# -- for the router itself -----------------------------------------------------------------------
for address in 10.0.1.1 10.0.2.1 10.0.3.1 fd00:1::1 fd00:3::1; do
	counted "ping to the router's $address" v-a taken 0 on a ping -q -c 2 -i 0.1 -W 1 $address
done
ip -n "$(netns a)" neigh flush dev eth0
ip -n "$(netns a)" -6 neigh flush dev eth0
counted "ARP" v-a taken 0 on a ping -q -c 1 -W 2 10.0.1.1
counted "neighbour discovery" v-a taken 0 on a ping -q -c 1 -W 2 fd00:1::1
link_local=$(ip -n "$GT_SWITCH" -j addr show v-a | jq -r '.[0].addr_info[] | select(.scope == "link" and .family == "inet6").local')
counted "link-local" v-a taken 0 on a ping -q -c 1 -W 2 "$link_local%eth0"
spawn_on sw iperf3 -s -1
wait_for 5 grep -q listening "$GT_TMP/log.$spawned"
counted "TCP to the router" v-a taken 0 on a iperf3 -c 10.0.2.1 -n 4M -C cubic
on sw sysctl -qw net.ipv4.icmp_echo_ignore_broadcasts=0
counted "broadcast" v-a taken 0 on a ping -q -b -c 1 -W 1 10.0.1.255

# -- transit -------------------------------------------------------------------------------------
counted "ICMP transit" v-a taken 5 on a ping -q -c 5 -i 0.1 -W 1 10.0.2.2
counted "ICMP transit, answers" v-b taken 5 on a ping -q -c 5 -i 0.1 -W 1 10.0.2.2
counted "ICMPv6 transit" v-a taken 5 on a ping -q -c 5 -i 0.1 -W 1 fd00:2::2
counted "transit to an interface that is no port" v-a taken 5 on a ping -q -c 5 -i 0.1 -W 1 10.0.3.2
counted "transit at 1400 bytes" v-a taken 2 on a ping -q -c 2 -i 0.1 -W 1 -s 1372 -M 'do' 10.0.2.2
for address in 10.0.2.2 fd00:2::2; do
	spawn_on b iperf3 -s -1
	wait_for 5 grep -q listening "$GT_TMP/log.$spawned"
	rp reason local # not metered
	counted "TCP transit to $address" v-a taken 100+ on a iperf3 -c $address -n 8M -C cubic
	rp reason no_neighbour
	spawn_on b "$GT_TOP/tests/system/datagrams.py" receive $address 6000 --number 50
	receiver=$spawned
	wait_for 5 grep -q listening "$GT_TMP/log.$receiver"
	counted "UDP transit to $address" v-a taken 50 on a "$GT_TOP/tests/system/datagrams.py" send $address 6000 \
		--number 50 --size 700
	ends "every datagram is whole" "$receiver"
done
check_equal "no checksum is wrong in b" "$(on b nstat -asz TcpInCsumErrors UdpInCsumErrors Udp6InCsumErrors 2>/dev/null |
	awk '!/^#/ { n += $2 } END { print n + 0 }')" 0
# v-b completes checksums itself now, where they are said to be, and cuts; so b looks at them.
on sw ethtool -K v-b tx off >/dev/null 2>&1
spawn_on b "$FLOW" receive 10.0.2.2 6001
receiver=$spawned
wait_for 5 grep -q listening "$GT_TMP/log.$receiver"
rp gso v-a 6001
wait "$receiver"
check_json "a large packet goes through the TAP unfinished as it is" "$(grep sent "$GT_TMP/log.$receiver")" \
	'.sent == 10 and .lost == 0'
spawn_on b "$GT_TOP/tests/system/datagrams.py" receive 10.0.2.2 6000 --number 20
receiver=$spawned
wait_for 5 grep -q listening "$GT_TMP/log.$receiver"
on a "$GT_TOP/tests/system/datagrams.py" send 10.0.2.2 6000 --number 20 --size 700
ends "unfinished checksums are finished right" "$receiver"
on sw ethtool -K v-b tx on >/dev/null 2>&1

# -- what is not taken ---------------------------------------------------------------------------
vlan_push a
counted "a tagged frame passes" v-a tagged 1 frames_send a "udp dst=$mac_a sip=10.0.1.2 dip=10.0.2.2 tags=10"
counted "a tag beside the frame passes" v-a tagged 1 frames_send a "udp dst=$mac_a sip=10.0.1.2 dip=10.0.2.2 meta=10:0"
counted "a tag is not taken" v-a taken 0 frames_send a "udp dst=$mac_a sip=10.0.1.2 dip=10.0.2.2 meta=10:0"
counted "another MAC passes" v-a mac 1 frames_send a "udp dst=02:00:00:00:0f:0f sip=10.0.1.2 dip=10.0.2.2"
counted "another ethertype passes" v-a not_ip 1 frames_send a "raw dst=$mac_a"
for address in 127.0.0.1 224.0.0.9 0.1.2.3 240.0.0.1 255.255.255.255 169.254.1.1; do
	counted "to $address passes" v-a address 1 frames_send a "udp dst=$mac_a sip=10.0.1.2 dip=$address"
done
for address in 127.0.0.1 224.0.0.9 0.0.0.0 255.255.255.255; do
	counted "from $address passes" v-a address 1 frames_send a "udp dst=$mac_a sip=$address dip=10.0.2.2"
done
for address in fe80::9 ff05::9 ::1 :: ::ffff:10.0.0.1; do
	counted "to $address passes" v-a address 1 frames_send a "udp6 dst=$mac_a sip=fd00:1::2 dip=$address"
	counted "from $address passes" v-a address 1 frames_send a "udp6 dst=$mac_a sip=$address dip=fd00:2::2"
done
expired() {
	[[ $(on a ping -c 1 -W 1 -t 1 "$1") =~ "ime to live exceeded"|"op limit" ]]
}
counted "TTL 1 passes, and is answered" v-a header 1 expired 10.0.2.2
counted "hop limit 1 passes, and is answered" v-a header 1 expired fd00:2::2
check_equal "traceroute shows the router" "$(on a busybox traceroute -n -q 1 -w 1 10.0.2.2 | awk 'NR > 1 { print $2 }' | xargs)" \
	"10.0.1.1 10.0.2.2"
counted "IP options pass" v-a header 1+ on a ping -q -R -c 1 -W 1 10.0.2.2
counted "strict rp_filter: a spoofed source is taken" v-a taken 1 frames_send a "udp dst=$mac_a sip=10.0.9.9 dip=10.0.2.2 id=77"
frames_expect b 1 --none id=78
frames_send a "udp dst=$mac_a sip=10.0.9.9 dip=10.0.2.2 id=78"
frames_verdict "and is dropped by the kernel"

# -- left to the kernel --------------------------------------------------------------------------
rp leave 10.0.3.2
rp leave fd00:3::2
for address in 10.0.3.2 fd00:3::2; do
	counted "left to the kernel: one packet is taken" v-a taken 1 on a ping -q -c 5 -i 0.1 -W 1 $address
	counted "the others pass" v-a left 5 on a ping -q -c 5 -i 0.1 -W 1 $address
done
rp forget
counted "forgotten: one is taken again" v-a taken 1 on a ping -q -c 5 -i 0.1 -W 1 10.0.3.2

# -- switches, MAC, meter ------------------------------------------------------------------------
rp switch v-a 0 1
counted "IPv4 is switched off" v-a taken 0 on a ping -q -c 5 -i 0.1 -W 1 10.0.2.2
counted "IPv6 is not" v-a taken 2 on a ping -q -c 2 -i 0.1 -W 1 fd00:2::2
rp switch v-a 1 1
rp unlocal 10.0.2.1/32
counted "a prefix of the local table that is gone is taken" v-a taken 2 on a ping -q -c 2 -i 0.1 -W 1 10.0.2.1
rp local 10.0.2.0/24
counted "a local prefix (AnyIP)" v-a taken 0 on a ping -q -c 2 -i 0.1 -W 1 10.0.2.2
rp unlocal 10.0.2.0/24
rp local 10.0.2.1/32
ip -n "$GT_SWITCH" link set v-a address 02:00:00:00:0a:0a
ip -n "$(netns a)" neigh flush dev eth0
counted "the MAC changed: all passes until it is told" v-a taken 0 on a ping -q -c 2 -i 0.1 -W 2 10.0.2.2
rp mac v-a 02:00:00:00:0a:0a
counted "and then is taken again" v-a taken 2 on a ping -q -c 2 -i 0.1 -W 1 10.0.2.2
rp rate v-a 50
flow_start 2000 1
check "a ping to the router during a flood" on a ping -q -c 3 -i 0.1 -W 1 10.0.1.1
flow_end
check_json "the meter holds it back" "$flow" '.lost > .sent / 2'
check "which is counted" [ "$(rp stats | jq .metered)" -gt 500 ]
rp rate v-a 10000
rp unmap v-a
check_not "a port without its interface" on a ping -q -c 1 -W 1 10.0.2.2
check "is counted" [ "$(rp stats | jq .gone)" -ge 1 ]
check_json "no write failed and every packet is accounted for" "$(rp stats)" '.errors == 0 and .error == 0 and
	.pushed == .written + .gone + .stale and (.pushed + .metered + .full
		== .ports["v-a"].taken + .ports["v-b"].taken - ([.ports[].rx_stale] | add) + 1)'
rp rate v-a 0
ip -n "$GT_SWITCH" link set "$rp_tap" down
rp map v-a
check_not "the TAP is down" on a ping -q -c 1 -W 1 10.0.2.2
check_equal "which is told" "$(rp stats | jq .error)" 5
ip -n "$GT_SWITCH" link set "$rp_tap" up
check "up again, it works" on a ping -q -c 1 -W 1 10.0.2.2
check_equal "and is told" "$(rp stats | jq .error)" 0
ip -n "$GT_SWITCH" link del "$rp_tap"
check_not "the TAP is deleted" on a ping -q -c 1 -W 1 10.0.2.2
check_equal "which is told, too" "$(rp stats | jq .error)" 77
rp_quit
check "the kernel forwards" on a ping -q -c 2 -i 0.1 -W 1 10.0.2.2
check_equal "the TAP is gone" "$(ip -n "$GT_SWITCH" link show type tun)" ""
finish
