# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# Traffic of real containers, and what must hold afterwards. For tests that sourced _init.sh:
#
#	source "$(dirname "$0")/_init.sh"
#	source "$(dirname "$0")/_traffic.sh"
#	...
#	tcp_check "a to b" a b 10.0.0.2 -n 16M
#	checksums_check a b
#	counts_check a b
#
# Counting at the hosts begins with counts_begin, when nothing is sent.

# -- bulk --------------------------------------------------------------------------------------

# bulk CLIENT SERVER ADDRESS [iperf3 options]: iperf3's result as JSON. One server per call.
bulk() {
	local client=$1 server=$2 address=$3 pid status=0
	shift 3
	nsenter --net="/run/netns/$GT_PREFIX-$server" iperf3 -s -1 -B "$address" </dev/null >/dev/null 2>&1 &
	pid=$!
	wait_for 10 port_listens "$server" 5201 || status=1
	[ $status -ne 0 ] || on "$client" timeout 20 iperf3 -c "$address" --json "$@" || status=1
	[ $status -eq 0 ] || kill "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null || true
	return $status
}

# port_listens HOST PORT: some process there listens on that TCP port.
port_listens() {
	[ -n "$(on "$1" ss -Hltn "sport = :$2")" ]
}

# tcp_check TEXT CLIENT SERVER ADDRESS [iperf3 options]: all of it arrives, and faster than a
# connection that lives on retransmissions.
tcp_check() {
	local text=$1 json
	shift
	json=$(bulk "$@")
	if jq -e '.end.sum_received.bytes > 1000000 and .end.sum_received.bits_per_second > 20e6' \
		<<<"$json" >/dev/null 2>&1; then
		pass "$text: $(jq -r '"\(.end.sum_received.bits_per_second / 1e6 | floor) Mbit/s, " +
			"\(.end.sum_sent.retransmits // 0) retransmitted"' <<<"$json")"
	else
		fail "$text: $(jq -c '.error // .end.sum_received' <<<"$json" 2>/dev/null || head -c 300 <<<"$json")"
	fi
}

# udp_check TEXT CLIENT SERVER ADDRESS [iperf3 options]: datagrams arrive, and most of them: a receiver
# that does not get the processor loses some. What the switch loses is accounted for by name.
udp_check() {
	local text=$1 json
	shift
	json=$(bulk "$@" -u)
	if jq -e '.end.sum.packets > 50 and .end.sum.lost_percent < 30' <<<"$json" >/dev/null 2>&1; then
		pass "$text: $(jq -r '"\(.end.sum.lost_packets) of \(.end.sum.packets) lost"' <<<"$json")"
	else
		fail "$text: $(jq -c '.error // .end.sum' <<<"$json" 2>/dev/null || head -c 300 <<<"$json")"
	fi
}

# ping_check TEXT HOST ADDRESS [ping options]: five packets, all answered.
ping_check() {
	local text=$1 host=$2 address=$3
	shift 3
	check "$text" on "$host" ping -q -c 5 -i 0.02 -W 2 "$@" "$address"
}

# -- what the hosts say ------------------------------------------------------------------------

# The receivers' kernels found no wrong checksum.
checksums_check() {
	local host bad
	for host; do
		bad=$(on "$host" nstat -asz TcpInCsumErrors UdpInCsumErrors Udp6InCsumErrors \
			IcmpInCsumErrors Icmp6InCsumErrors IpInHdrErrors Ip6InHdrErrors |
			awk 'NR > 1 && $2 != 0 {print $1 "=" $2}')
		check_equal "no wrong checksum at $host" "$bad" ""
	done
}

# link_counter HOST NAME: of its eth0.
link_counter() {
	on "$1" awk -v name="$2" '$1 == "eth0:" {
		print (name == "rx_bytes") ? $2 : (name == "rx_packets") ? $3 : (name == "tx_bytes") ? $10 : $11
	}' /proc/net/dev
}

# One line: what eth0 sent and received, and what the port received and sent; packets and bytes.
gt_counts() {
	local name link=''
	for name in tx_packets tx_bytes rx_packets rx_bytes; do
		link+="$(link_counter "$1" $name) "
	done
	echo "$link $(g stats show --port "$1" --json |
		jq -r '.ports[0] | "\(.rx_packets) \(.rx_bytes) \(.tx_packets - .tx_merged) \(.tx_bytes - .tx_merged_bytes)"')"
}

# The same, read until nothing moves between two readings.
gt_counts_quiet() {
	local last='' now i
	for ((i = 0; i < 50; i++)); do
		now=$(gt_counts "$1")
		[ "$now" != "$last" ] || break
		last=$now
		sleep 0.05
	done
	echo "$now"
}

declare -A gt_counted=()
counts_begin() {
	local host
	for host; do
		gt_counted[$host]=$(gt_counts_quiet "$host")
	done
}

# counts_check HOST...: since counts_begin each port received what its host sent and sent what the
# host received, to the byte; what the kernel itself lost for want of room is allowed for.
counts_check() {
	local host now was differences
	for host; do
		read -r -a was <<<"${gt_counted[$host]}"
		read -r -a now <<<"$(gt_counts_quiet "$host")"
		differences=$(lost=$(gt_lost "$host") header=$(gt_uncounted "$host") python3 - "${was[@]}" "${now[@]}" <<-'END'
			import os, sys
			v = [int(x) for x in sys.argv[1:]]
			d = [b - a for a, b in zip(v[:8], v[8:])]
			lost, header = int(os.environ["lost"]), int(os.environ["header"])
			d[1] += header * d[0]
			if d[0] - d[4] != lost or (not lost and d[1] != d[5]):
			    print("sent %d packets, %d bytes; the port received %d, %d and the kernel lost %d"
			          % (d[0], d[1], d[4], d[5], lost))
			if d[2:4] != d[6:8]:
			    print("received %d packets, %d bytes; the port sent %d, %d" % (d[2], d[3], d[6], d[7]))
		END
		)
		check_equal "host and port count the same: $host" "$differences" ""
	done
}

# Bytes per packet that the host's counter leaves out: veth under XDP counts without the header.
gt_uncounted() {
	if ip -n "$(netns "$1")" -d link show eth0 | grep -qw veth; then echo 14; else echo 0; fi
}

# switch_silence: the device's ends of the wires (v-HOST) send nothing by themselves, where
# packets are counted: they would report multicast groups and look for routers.
switch_silence() {
	ip netns exec "$GT_SWITCH" sysctl -qw net.ipv6.conf.default.disable_ipv6=1
}

# Packets that the kernel dropped between the host and the port.
gt_lost() {
	g stats show --port "$1" --json | jq '.ports[0].kernel_drops'
}

# datagrams_check TEXT FROM TO ADDRESS NUMBER [datagrams.py send options]: all arrive, byte for
# byte as they were sent.
datagrams_check() {
	local text=$1 from=$2 to=$3 address=$4 number=$5 log=$GT_TMP/datagrams pid
	shift 5
	rm -f "$log"
	nsenter --net="/run/netns/$GT_PREFIX-$to" "$GT_TOP/tests/system/datagrams.py" receive "$address" \
		6000 --number "$number" </dev/null >"$log" 2>&1 &
	pid=$!
	wait_for 10 grep -q listening "$log"
	on "$from" "$GT_TOP/tests/system/datagrams.py" send "$address" 6000 --number "$number" "$@" >>"$log" 2>&1
	if wait "$pid"; then
		pass "$text"
	else
		fail "$text: $(grep -v listening "$log") $(g stats show --json | jq -c .drops)" \
			"$(on "$to" nstat -as UdpRcvbufErrors Udp6RcvbufErrors | tail -n +2 | tr -s " \n" " ")"
	fi
}

# inspect_check TEXT FROM TO ADDRESS NUMBER [datagrams.py send options]: what arrives is valid, or
# its unfinished checksum will be completed in the right place.
inspect_check() {
	local text=$1 from=$2 to=$3 address=$4 number=$5 log=$GT_TMP/inspected pid
	shift 5
	rm -f "$log"
	nsenter --net="/run/netns/$GT_PREFIX-$to" "$GT_TOP/tests/system/datagrams.py" inspect eth0 6001 \
		--number "$number" --seconds 3 </dev/null >"$log" 2>&1 &
	pid=$!
	wait_for 10 grep -q listening "$log"
	on "$from" "$GT_TOP/tests/system/datagrams.py" send "$address" 6001 --number "$number" "$@" >>"$log" 2>&1
	if wait "$pid"; then pass "$text: $(tail -n 1 "$log")"; else fail "$text: $(tail -n 1 "$log")"; fi
}

# datagrams_any, with the same arguments but TEXT: succeeds if any arrived within half a second.
datagrams_any() {
	local from=$1 to=$2 address=$3 number=$4 pid
	shift 4
	rm -f "$GT_TMP/datagrams"
	nsenter --net="/run/netns/$GT_PREFIX-$to" "$GT_TOP/tests/system/datagrams.py" receive "$address" \
		6000 --number 1 --seconds 0.5 </dev/null >"$GT_TMP/datagrams" 2>&1 &
	pid=$!
	wait_for 10 grep -q listening "$GT_TMP/datagrams"
	on "$from" "$GT_TOP/tests/system/datagrams.py" send "$address" 6000 --number "$number" "$@"
	wait "$pid"
}

# vlan_device HOST: its eth0 becomes as good as an 802.1Q device of VLAN 10 (vlan_device.bpf.c).
vlan_device() {
	local object=$GARUDA_BUILD/tests/system/vlan_device.bpf.o
	on "$1" tc qdisc add dev eth0 clsact &&
		on "$1" tc filter add dev eth0 egress bpf da obj "$object" sec tc &&
		on "$1" tc filter add dev eth0 ingress bpf da obj "$object" sec classifier
}

# port_counter PORT NAME: of `stats show`.
port_counter() {
	g stats show --port "$1" --json | jq ".ports[0].$2"
}

# drops PORT REASON: how many packets that came in there were dropped for it.
drops() {
	g stats show --json | jq --arg p "$1" --arg r "$2" \
		'[.drops[] | select(.port == $p and .reason == $r).packets] | add // 0'
}

# drop_check TEXT PORT REASON NUMBER COMMAND...: the command is in vain, and NUMBER packets that
# came in at PORT were dropped for REASON.
drop_check() {
	local text=$1 port=$2 reason=$3 number=$4 before
	shift 4
	before=$(drops "$port" "$reason")
	check_not "$text" "$@"
	check_equal "$text: $reason" $(($(drops "$port" "$reason") - before)) "$number"
}

# port_mtu PORT, link_mtu HOST: as garuda and as the host say.
port_mtu() {
	g port show "$1" --json | jq .port.mtu
}

link_mtu() {
	ip -n "$(netns "$1")" -json link show eth0 | jq '.[0].mtu'
}
