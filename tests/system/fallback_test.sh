#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Every kernel feature that is probed can be switched off, is then shown with what is lost and the
# remedy, and the rest goes on: TCP and UDP, IPv4 and IPv6, with right checksums; or it is refused
# in a sentence.
#
#	a (veth)   b (veth)   t (TAP)
#	   |          |          |
#	[ garudad --disable-feature NAME ]
source "$(dirname "$0")/_init.sh"

# start NAME...: the daemon without these features.
start() {
	local name options=()
	[ -z "$gt_daemon" ] || daemon_kill
	for name; do
		options+=(--disable-feature "$name")
	done
	daemon_start ${options[@]+"${options[@]}"}
	for name; do
		check_json "$name: system show says that it is off, what is lost, and the remedy" "$(g system show --json)" \
			'.features[] | select(.name == $f) | .forced_off and (.available | not) and
			(.text | length > 20) and (.remedy | test("disable-feature"))' --arg f "$name"
	done
}

attach() {
	local host
	for host; do
		if [ $host = t ]; then
			g port add t --container "$(netns t):eth0" --mac 02:00:00:00:00:0c >"$GT_TMP/out" 2>&1 &&
				address t 3
		else
			port_attach $host >"$GT_TMP/out" 2>&1
		fi || { fail "port add $host: $(cat "$GT_TMP/out")" && continue; }
		wait_for 5 port_is_up $host || fail "port $host does not come up"
	done
}

address() {
	ip -n "$(netns $1)" addr add 10.0.0.$2/24 dev eth0
	ip -n "$(netns $1)" addr add fd00::$2/64 dev eth0 nodad
	ip -n "$(netns $1)" link set eth0 up
}

csum_errors() {
	on $1 nstat -asz TcpInCsumErrors UdpInCsumErrors Udp6InCsumErrors | awk 'NR > 1 {n += $2} END {print n + 0}'
}

# works TEXT FROM TO: TCP 4 MB and UDP by both families.
works() {
	local n=2 address server
	[ $3 = t ] && n=3
	[ $3 = a ] && n=1
	spawn_on $3 iperf3 -s
	server=$spawned
	wait_for 10 eval "on $3 ss -Hltn | grep -q :5201"
	for address in 10.0.0.$n fd00::$n; do
		check "$1: TCP from $2 to $3, $address" on $2 timeout 20 iperf3 -c $address -n 4M
		check "$1: UDP" eval "on $2 timeout 20 iperf3 -u -c $address -b 50M -n 1M -J | jq -e '.end.sum.lost_percent < 90'"
	done
	stop $server
	check_equal "$1: checksum errors" "$(csum_errors $2) $(csum_errors $3)" "0 0"
}

# refused TEXT WORDS: port a on the veth is refused with a sentence that has these words.
refused() {
	local text
	text=$(port_attach a 2>&1)
	check_equal "$1: refused" $? 1
	check "$1: with the remedy: $text" grep -q "$2" <<<"$text"
	check_json "$1: nothing is half-added" "$(g port list --json)" '.ports == []'
}

gt_netns_add "$GT_SWITCH"
for host in a b t; do
	host_new $host
done
wire_add a 02:00:00:00:00:0a
wire_add b 02:00:00:00:00:0b
address a 1
address b 2

names=$("$GARUDA_BUILD/control/garudad" --disable-feature nonsense 2>&1)
check_equal "an unknown feature is refused" $? 2
check "all names are told: $names" grep -q 'there are: af_xdp unaligned_chunks multi_buffer' <<<"$names"

start tx_metadata
attach a b t
works "software checksums" a b
works "software checksums" t b
start tx_budget
attach a b
works "no TX budget" a b
start packet_gso
attach a b t
works "no GSO to veth" a b
works "no GSO to veth" t b
start tap_uso
attach a t
check "without USO the container is told so" eval \
	'on t ethtool -k eth0 | grep -q "tx-udp-segmentation: off"'
works "no USO" t a
start tcx # only routed ports use it: routed_stop_test.sh
start multi_buffer
attach a b t
works "one buffer" a b
works "one buffer" t a
g port del a
ip -n "$GT_SWITCH" link set v-a mtu 9000
text=$(port_attach a 2>&1)
check_equal "one buffer: a jumbo MTU is refused" $? 1
check "with the limit: $text" grep -Eq 'MTU 9000 and AF_XDP carries at most 1[78][0-9][0-9]' <<<"$text"
ip -n "$GT_SWITCH" link set v-a mtu 1500
start hugetlb thp
check_json "pages of 4 KiB" "$(g system show --json)" '.memory.kind == "pages"'
attach a b t
works "small pages" a b
works "small pages" t a
for name in af_xdp unaligned_chunks rx_vlan_tag; do
	start $name
	refused $name "tap"
	attach t
	check "$name: a TAP port works" wait_for 5 port_is_up t
done
start
check_json "nothing is forced off" "$(g system show --json)" '[.features[].forced_off] | any | not'
check "each feature that is missing has its remedy" eval 'g system show --json | jq -e \
	"[.features[] | select(.available | not) | .remedy | length > 10] | all"'
attach a b t
works "everything" a t
check "with USO the container is told so" eval \
	'on t ethtool -k eth0 | grep -q "tx-udp-segmentation: on"'
# Reserved huge pages, if any can be had here.
pages=$(cat /proc/sys/vm/nr_hugepages)
give_back() {
	local status=$?
	echo "$pages" >/proc/sys/vm/nr_hugepages
	return $status
}
trap 'give_back; gt_cleanup' EXIT
echo $((pages + 12)) >/proc/sys/vm/nr_hugepages
if [ "$(awk '/HugePages_Free/ {print $2}' /proc/meminfo)" -ge 12 ]; then
	daemon_kill
	daemon_start --memory 16
	check_json "reserved huge pages are used" "$(g system show --json)" \
		'.memory.kind == "hugetlb" and (.features[] | select(.name == "hugetlb") | .available)'
	attach a b
	works "huge pages" a b
fi
finish
