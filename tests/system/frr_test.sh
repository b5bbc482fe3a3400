#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Real routing daemons around and on the router: FRR configures the kernel, garudad forwards what it says.
#
#	r1 BIRD ---- eth0 [ r0 FRR, garudad ] eth1 ---- r2 FRR ---- h (10.99.0.1, fd00:99::1)
#	                                      eth2 ---- r3 FRR ---- h
#
# OSPFv2 and OSPFv3 from r0 to r2 and r3, which both lead to h: equal cost. BGP for both families from r0
# to r1 and to r3, and from r1 to r2 across r0, which forwards it. A link fails beyond r2: what that
# costs is measured with the kernel alone first, then with the fast path.
source "$(dirname "$0")/_init.sh"
source "$(dirname "$0")/_router.sh"

for program in /usr/lib/frr/bgpd /usr/sbin/bird; do
	[ -x $program ] || skip "$program is not installed: packaging/deps.sh test"
done

routers=(sw r2 r3)
frr_clean() {
	local status=$? router
	for router in "${routers[@]}"; do
		rm -rf "/var/run/frr/$GT_PREFIX-$router"
	done
	return $status
}
trap 'frr_clean; gt_cleanup' EXIT

# frr ROUTER DAEMON... <CONFIGURATION
frr() {
	local router=$1 name=$GT_PREFIX-$1 daemon
	shift
	install -d -o frr -g frr "/var/run/frr/$name"
	cat >"/var/run/frr/$name/conf"
	for daemon; do
		spawn_on "$router" "/usr/lib/frr/$daemon" -N "$name" -f "/var/run/frr/$name/conf" -A 127.0.0.1 \
			--log "file:/var/run/frr/$name/$daemon.log"
		[ "$daemon" != zebra ] || wait_for 5 test -S "/var/run/frr/$name/zserv.api"
	done
}

# show ROUTER COMMAND: as JSON
show() {
	frr_tell "$1" "show $2 json" 2>/dev/null
}

# frr_tell ROUTER COMMAND...
frr_tell() {
	local router=$1 words=() command
	shift
	for command; do
		words+=(-c "$command")
	done
	vtysh --vty_socket "/var/run/frr/$GT_PREFIX-$router" "${words[@]}"
}

ospf_interfaces() {
	local dev
	for dev; do
		cat <<-END
			interface $dev
			 ip ospf area 0
			 ip ospf network point-to-point
			 ip ospf hello-interval 1
			 ip ospf dead-interval 3
			 ip ospf retransmit-interval 3
			 ipv6 ospf6 area 0
			 ipv6 ospf6 network point-to-point
			 ipv6 ospf6 hello-interval 1
			 ipv6 ospf6 dead-interval 3
		END
	done
}

# ospf ID REDISTRIBUTED...
ospf() {
	local id=$1 protocol kind
	shift
	for kind in ospf ospf6; do
		cat <<-END
			router $kind
			 $kind router-id 10.0.0.$id
			 timers throttle spf 0 50 500
			 timers lsa min-arrival 100
		END
		[ $kind = ospf6 ] || echo " timers throttle lsa all 0"
		for protocol; do
			echo " redistribute $protocol"
		done
	done
}

# bgp AS ID PEER:AS...: addresses of both families, - for :: in them
bgp() {
	local as=$1 id=$2 peer family
	shift 2
	echo "router bgp $as"
	echo " bgp router-id 10.0.0.$id"
	echo " no bgp ebgp-requires-policy"
	echo " no bgp default ipv4-unicast"
	for peer; do
		echo " neighbor ${peer%=*} remote-as ${peer#*=}"
		echo " neighbor ${peer%=*} timers 1 3"
		echo " neighbor ${peer%=*} timers connect 1"
		echo " neighbor ${peer%=*} ebgp-multihop 4"
	done
	for family in ipv4 ipv6; do
		echo " address-family $family unicast"
		for peer; do
			if [[ $peer == *:* && $family = ipv6 || $peer != *:* && $family = ipv4 ]]; then
				echo "  neighbor ${peer%=*} activate"
			fi
		done
		[ "$id" != 1 ] || echo "  redistribute connected"
		[ "$id" != 1 ] || echo "  redistribute ospf${family#ipv}" | sed 's/ospf4/ospf/'
		echo " exit-address-family"
	done
}

# -- the network ---------------------------------------------------------------------------------
GT_DUT_WANTED=$GT_DUT
GT_DUT=kernel router_start
on sw sysctl -qw net.ipv4.fib_multipath_hash_policy=1 net.ipv6.fib_multipath_hash_policy=1
router_wire r1 eth0 1
router_wire r2 eth1 2
router_wire r3 eth2 3
host_new h
for router in r1 r2 r3; do
	ip -n "$(netns $router)" route del default
	ip -n "$(netns $router)" -6 route del default
	on $router sysctl -qw net.ipv4.conf.all.forwarding=1 net.ipv6.conf.all.forwarding=1 \
		net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0
done
for n in 2 3; do
	ip -n "$(netns r$n)" link add eth1 type veth peer name eth$n netns "$(netns h)"
	ip -n "$(netns r$n)" link set eth1 up
	ip -n "$(netns h)" link set eth$n up
	ip -n "$(netns r$n)" addr add 10.2$n.0.1/24 dev eth1
	ip -n "$(netns r$n)" addr add fd00:2$n::1/64 dev eth1 nodad
	ip -n "$(netns h)" addr add 10.2$n.0.2/24 dev eth$n
	ip -n "$(netns h)" addr add fd00:2$n::2/64 dev eth$n nodad
done
ip -n "$(netns h)" addr add 10.99.0.1/24 dev lo
ip -n "$(netns h)" addr add fd00:99::1/128 dev lo
ip -n "$(netns h)" route add local fd00:99::/64 dev lo
ip -n "$(netns h)" route add default nexthop via 10.22.0.1 nexthop via 10.23.0.1
ip -n "$(netns h)" route add default nexthop via fd00:22::1 nexthop via fd00:23::1
ip -n "$(netns r1)" addr add 10.98.0.1/24 dev lo
ip -n "$(netns r1)" addr add fd00:98::1/64 dev lo nodad

{
	ospf_interfaces eth1 eth2
	ospf 1 bgp connected
	bgp 65000 1 10.1.0.2=65001 fd00:1::2=65001 10.3.0.2=65003 fd00:3::2=65003
} | frr sw zebra ospfd ospf6d bgpd
for n in 2 3; do
	peers=(10.3.0.1=65000 fd00:3::1=65000)
	[ $n = 3 ] || peers=(10.1.0.2=65001 fd00:1::2=65001)
	{
		echo "ip route 10.99.0.0/24 10.2$n.0.2"
		echo "ipv6 route fd00:99::/64 fd00:2$n::2"
		ospf_interfaces eth0
		ospf $n static connected
		bgp 6500$n $n "${peers[@]}"
	} | frr r$n zebra staticd ospfd ospf6d bgpd
done
cat >"$GT_TMP/bird.conf" <<'END'
router id 10.0.0.9;
protocol device { scan time 1; }
protocol kernel { ipv4 { export where source = RTS_BGP; }; }
protocol kernel { ipv6 { export where source = RTS_BGP; }; }
protocol static { ipv4; route 10.98.0.0/24 blackhole; }
protocol static { ipv6; route fd00:98::/64 blackhole; }
template bgp session { local as 65001; hold time 3; keepalive time 1; connect retry time 1; connect delay time 1;
	error wait time 1, 2; }
protocol bgp r0_4 from session { neighbor 10.1.0.1 as 65000; ipv4 { import where net != 10.1.0.0/24; export where source = RTS_STATIC; }; }
protocol bgp r0_6 from session { neighbor fd00:1::1 as 65000; ipv6 { import where net != fd00:1::/64; export where source = RTS_STATIC; }; }
protocol bgp r2_4 from session { neighbor 10.2.0.2 as 65002; multihop 4; ipv4 { import none; export none; }; }
protocol bgp r2_6 from session { neighbor fd00:2::2 as 65002; multihop 4; ipv6 { import none; export none; }; }
END
spawn_on r1 bird -f -c "$GT_TMP/bird.conf" -s "$GT_TMP/bird.ctl" -P "$GT_TMP/bird.pid"

# -- convergence -----------------------------------------------------------------------------------

# The sessions that are up: OSPFv2 and OSPFv3 of r0, BGP of r0, BGP of r1 by BIRD.
sessions() {
	echo "$(show sw 'ip ospf neighbor' | jq '[.neighbors[][] | select((.nbrState // .state // "") |
		startswith("Full"))] | length')" \
		"$(show sw 'ipv6 ospf6 neighbor' | jq '[.neighbors[] | select(.state == "Full")] | length')" \
		"$(show sw 'bgp summary' | jq '[.[].peers? // {} | .[] | select(.state == "Established")] | length')" \
		"$(birdc -s "$GT_TMP/bird.ctl" show protocols 2>/dev/null | grep -c Established)"
}

sessions_up() {
	[ "$(sessions)" = "2 2 4 4" ]
}

# How often sessions were lost or made: must not change any more.
session_history() {
	show sw 'bgp summary' | jq -c '[.[].peers? // {} | to_entries[] | [.key, .value.connectionsEstablished,
		.value.connectionsDropped]]'
	show sw 'ip ospf neighbor detail' | jq -c '[.. | objects | .nbrStateChangeCount? // .stateChangeCounter? // empty]'
	show r2 'bgp summary' | jq -c '[.[].peers? // {} | .[] | .connectionsDropped]'
}

# n_hops FAMILY PREFIX: of r0's kernel route.
n_hops() {
	ip -n "$GT_SWITCH" -j "-$1" route show "$2" | jq '[.[].nexthops // [.] | .[]] | length'
}

both_ways() {
	[ "$(n_hops 4 10.99.0.0/24)" = 2 ] && [ "$(n_hops 6 fd00:99::/64)" = 2 ] && all_reach
}

one_way() {
	[ "$(n_hops 4 10.99.0.0/24)" = 1 ]
}

all_reach() {
	on r1 ping -q -n -c 1 -W 0.5 -I 10.98.0.1 10.99.0.1 && on r1 ping -q -n -c 1 -W 0.5 -I fd00:98::1 fd00:99::1
}

within "OSPFv2, OSPFv3, BGP with FRR and with BIRD are up" 12000 sessions_up
within "two ways to h, in both families" 10000 both_ways
if [ "$gt_failed" != 0 ]; then
	sessions
	ip -n "$GT_SWITCH" route
	head -n 8 /var/run/frr/"$GT_PREFIX"-*/*.log "$GT_TMP"/log.*
	finish
fi

# failure: the link from r2 to h fails under load; outage_ms of the flow in $outage. First the way over
# r2 is made the only one of the least cost, so that the flow takes it.
failure() {
	frr_tell sw configure "interface eth2" "ip ospf cost 100"
	wait_for 10 one_way
	flow_start r1 h 10.99.0.1 10000 3
	sleep 1
	ip -n "$(netns r2)" link set eth1 down
	flow_end
	outage=$(jq .outage_ms <<<"$flow")
	[ -z "$gt_daemon" ] || echo "      $(g stats show --json | jq -c '[(.drops[], .exceptions[]) | select(.packets > 0) |
		"\(.port) \(.reason) \(.packets)"]')"
	flow_check "$1: the flow follows" '.received > 20000'
	ip -n "$(netns r2)" link set eth1 up
	ip -n "$(netns r2)" addr replace fd00:22::1/64 dev eth1 nodad
	frr_tell sw configure "interface eth2" "no ip ospf cost"
	check "$1: both ways are back" wait_for 15 both_ways
}

failure "the kernel alone"
kernel_outage=$outage

GT_DUT=$GT_DUT_WANTED
has_garuda && daemon_start
router_attach eth0 eth1 eth2
check "the sessions are still up" sessions_up
history=$(session_history)

# -- forwarded by the fast path --------------------------------------------------------------------
rx_of() {
	ip -n "$(netns "$1")" -s -j link show eth0 | jq '.[0].stats64.rx.packets'
}

fast_check "r1 reaches h" 40 on r1 ping -q -n -c 30 -i 0.01 -W 1 -I 10.98.0.1 10.99.0.1
fast_check "r1 reaches h, IPv6" 40 on r1 ping -q -n -c 30 -i 0.01 -W 1 -I fd00:98::1 fd00:99::1

check "FRR's route is made of next hop objects" \
	eval "ip -n $GT_SWITCH route show 10.99.0.0/24 | grep nhid && ip -n $GT_SWITCH nexthop | grep 'group.*proto zebra'"
declare -A received=([r2]=$(rx_of r2) [r3]=$(rx_of r3))
before=$(forwarded_or_0)
for ((i = 1; i <= 40; i++)); do
	on r1 ping -q -n -c 5 -i 0.002 -W 1 -I 10.98.0.1 10.99.0.$i >/dev/null || fail "10.99.0.$i does not answer"
	on r1 ping -q -n -c 5 -i 0.002 -W 1 -I fd00:98::1 fd00:99::$i >/dev/null || fail "fd00:99::$i does not answer"
done
fast_moved "80 flows to two next hops" 700 "$before"
for router in r2 r3; do
	check "$router gets its part of them" test $(($(rx_of $router) - ${received[$router]})) -gt 80
done

flow_start r1 h 10.99.0.1 50000 6
before=$(forwarded_or_0)
flow_end
fast_moved "a flow of 50000 packets/s" 200000 "$before"
flow_check "it arrives" '.received > 200000'
check "the sessions are up" sessions_up
check_equal "none was lost or made meanwhile" "$(session_history)" "$history"
echo "      [peer, made, lost], OSPF changes, lost at r2: $(paste -sd' ' <<<"$history")"

failure "with the fast path"
echo "      a link fails beyond r2: out for $kernel_outage ms with the kernel alone, $outage ms with the fast path"
check "it takes about as long as with the kernel alone" \
	jq -ne "$outage < 2 * $kernel_outage + 250"

# The router's own link, which the flow takes: the carrier goes, FRR and the kernel turn to r3.
frr_tell sw configure "interface eth2" "ip ospf cost 100"
check "by r2 alone" wait_for 10 one_way
flow_start r1 h 10.99.0.1 10000 4
sleep 1
ip -n "$(netns r2)" link set eth0 down
flow_end
# The kernel itself tells of a lost carrier at most once a second.
flow_check "its own link fails: the flow goes on" '.received > 15000 and .outage_ms < 2500'
finish
