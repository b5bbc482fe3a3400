#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# asan: yes
# What senders leave to hardware: segmentation and checksums. A TAP gives and takes whole 64 KiB
# segments, and a veth takes them; what a veth gives, cut by its sender, is put together. Without
# the kernel's help (packet_gso) they are cut in software. IPv4 and IPv6, TCP and UDP, with and
# without a tag.
#
#	t: TAP    u: TAP    x: veth    tt: TAP          xx: veth
#	access 10 access 10 access 10  trunk 10,20      trunk 10,20, all their traffic tagged 10
#	   |         |         |          |                |
#	[ device under test                                        ]
source "$(dirname "$0")/_init.sh"
source "$(dirname "$0")/_traffic.sh"

declare -A number=([t]=1 [u]=2 [x]=3 [tt]=4 [xx]=5)
hosts=(t u x tt xx)

hosts_make() {
	local host options
	for host in "${hosts[@]}"; do
		options=(--vlan 10 --kind tap --mtu "$1")
		[ ${#host} = 1 ] || options=(--trunk "10,20" --kind tap --mtu "$1")
		[[ $host == [tu]* ]] || options[3]=af_xdp
		host_add "$host" "10.0.0.${number[$host]}/24" "fd00::${number[$host]}/64" "${options[@]}"
		[ ${#host} = 1 ] || check "$host sends all of it tagged" vlan_device "$host"
	done
}

# Bytes per packet in a counter pair since the values given: DIRECTION PORT PACKETS BYTES.
mean_size() {
	local packets bytes
	packets=$(($(port_counter "$2" "$1_packets") - $3)) bytes=$(($(port_counter "$2" "$1_bytes") - $4))
	echo $((packets ? bytes / packets : 0))
}

# segments_check FROM TO whole|cut COMMAND...: what the command sends arrives whole or cut.
segments_check() {
	local from=$1 to=$2 how=$3 rx tx cut received sent limit
	shift 3
	limit=$(($(g port show "$to" --json | jq .port.mtu) + 18))
	rx="$(port_counter "$from" rx_packets) $(port_counter "$from" rx_bytes)"
	tx="$(port_counter "$to" tx_packets) $(port_counter "$to" tx_bytes)"
	cut=$(port_counter "$from" segments)
	"$@"
	# shellcheck disable=SC2086 # two words each
	received=$(mean_size rx "$from" $rx) sent=$(mean_size tx "$to" $tx)
	cut=$(($(port_counter "$from" segments) - cut))
	if [ $how = whole ]; then
		if [ $cut = 0 ] && [ "$received" -gt 8000 ] && [ "$sent" -gt 8000 ]; then
			pass "$from-$to whole: $received bytes per packet in, $sent out"
		else
			fail "$from-$to not whole: $received bytes per packet in, $sent out, $cut segments made"
		fi
	elif [ $cut -gt 100 ] && [ "$received" -gt $((2 * limit)) ] && [ "$sent" -le $limit ]; then
		pass "$from-$to cut: $received bytes per packet in, $sent out, $cut segments made"
	else
		fail "$from-$to not cut: $received bytes per packet in, $sent out, $cut segments made"
	fi
}

# pair_check FROM TO whole|cut: TCP and UDP GSO, IPv4 and IPv6. A buffer is cut into segments of
# the path's size and a shorter one.
pair_check() {
	local from=$1 to=$2 how=$3 mtu=$4 v4=10.0.0.${number[$2]} v6=fd00::${number[$2]} size
	size=$((mtu - 48))
	segments_check "$from" "$to" "$how" tcp_check "$from-$to TCP" "$from" "$to" "$v4" -n 16M
	segments_check "$from" "$to" "$how" tcp_check "$from-$to TCP, IPv6" "$from" "$to" "$v6" -n 16M
	segments_check "$from" "$to" "$how" datagrams_check "$from-$to UDP GSO" "$from" "$to" "$v4" 600 \
		--segment $size --size $((6 * size + 333))
	segments_check "$from" "$to" "$how" datagrams_check "$from-$to UDP GSO, IPv6" "$from" "$to" \
		"$v6" 600 --segment $size --size $((6 * size + 333))
}

# merged_check FROM TO TEXT: the receiver gets fewer and longer packets than the port was sent.
merged_check() {
	local from=$1 to=$2 before packets seen
	before="$(port_counter "$to" tx_packets) $(seen_by "$to")"
	tcp_check "$from-$to $3" "$from" "$to" "10.0.0.${number[$to]}" -n 16M
	read -r packets seen <<<"$before"
	packets=$(($(port_counter "$to" tx_packets) - packets)) seen=$(($(seen_by "$to") - seen))
	check "$from-$to $3: $packets segments arrive as $seen packets" [ $((seen * 3)) -lt $packets ]
}

seen_by() {
	on "$1" cat /proc/net/dev | awk '$1 == "eth0:" {print $3}'
}

dut_start
hosts_make 1500
pair_check t u whole 1500
pair_check t tt whole 1500
pair_check tt x whole 1500
pair_check t xx whole 1500
# veth under XDP gives no segments, but unfinished checksums, behind the tag too.
merged_check xx x "TCP, tagged to untagged"
merged_check x xx "TCP, untagged to tagged"
for to in x tt; do
	tcp_check "xx-$to TCP behind a tag" xx $to "10.0.0.${number[$to]}" -n 8M
	datagrams_check "xx-$to UDP behind a tag, IPv6" xx $to "fd00::${number[$to]}" 300 --size 1452
done
# A wrong request for completion would go unseen by sockets. Tags come, go and stay.
for pair in "x t" "xx x" "xx t" "x xx" "tt x" "tt u" "t tt" "tt xx" "xx tt"; do
	read -r from to <<<"$pair"
	inspect_check "$from-$to request" "$from" "$to" "10.0.0.${number[$to]}" 5 --size 1001
	inspect_check "$from-$to request, IPv6" "$from" "$to" "fd00::${number[$to]}" 5 --size 1001
done
checksums_check "${hosts[@]}"
check_conservation

# Without the packet socket: cut in software.
for host in "${hosts[@]}"; do
	host_del "$host"
done
daemon_kill
daemon_start --disable-feature packet_gso
hosts_make 1500
pair_check t x cut 1500
pair_check tt xx cut 1500
tcp_check "xx-x TCP behind a tag" xx x 10.0.0.3 -n 8M
checksums_check "${hosts[@]}"
check_conservation

# The same in packets of several frames.
for host in "${hosts[@]}"; do
	host_del "$host"
done
hosts_make 9000
pair_check tt x cut 9000
for host in "${hosts[@]}"; do
	host_del "$host"
done
daemon_kill
daemon_start
hosts_make 9000
pair_check tt x whole 9000
merged_check xx x "TCP, MTU 9000"
for pair in "xx x" "xx t" "x tt" "tt xx"; do
	read -r from to <<<"$pair"
	tcp_check "$from-$to TCP behind a tag, MTU 9000" "$from" "$to" "10.0.0.${number[$to]}" -n 8M
	tcp_check "$from-$to TCP behind a tag, MTU 9000, IPv6" "$from" "$to" "fd00::${number[$to]}" -n 8M
	datagrams_check "$from-$to UDP behind a tag, MTU 9000" "$from" "$to" "10.0.0.${number[$to]}" 200 \
		--size 8971
	datagrams_check "$from-$to UDP behind a tag, MTU 9000, IPv6" "$from" "$to" \
		"fd00::${number[$to]}" 200 --size 8951
	inspect_check "$from-$to request, MTU 9000" "$from" "$to" "10.0.0.${number[$to]}" 5 --size 8971
done
checksums_check "${hosts[@]}"
finish
