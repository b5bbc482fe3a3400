#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A routed port fails open: killed, stopped or closed, the kernel forwards on. Under an even flow of
# 20000 packets/s from a to b that goes through userspace (_routed_port.sh) the longest gap is
# measured: nothing is lost by a planned start and stop, 5 ms are wanted after a kill, and 50 ms
# when the process stands still. The bounds below leave room for a busy machine.
source "$(dirname "$0")/_routed_port.sh"

router_make
rate=20000

# -- planned start and stop ----------------------------------------------------------------------
flow_start $rate 4
sleep 0.5
rp_start
rp reason local # not metered
sleep 0.3
rp_on
sleep 1
taken=$(taken v-a)
late=$(rp stats | jq '.full + .stale + (.ports["v-a"] | .rx_stale + .kernel_lost)')
rp close v-a
rp_quit "planned stop"
check "the flow went through userspace: $taken packets" [ "$taken" -gt $((rate / 4)) ]
flow_end
# On a busy machine a thread may be late meanwhile, which costs packets but is counted.
check_json "nothing was lost but $late packets in between, nothing came twice" "$flow" \
	'.lost <= ($late | tonumber) and .repeated == 0 and .sent > 60000' --arg late "$late"

# -- killed --------------------------------------------------------------------------------------
rp_start
rp reason local
rp_on
flow_start $rate 2
sleep 1
taken=$(taken v-a)
stop "$rp_pid" 9
exec {rp_in}>&- {rp_out}<&-
check "the flow went through userspace: $taken packets" [ "$taken" -gt $((rate / 4)) ]
flow_end
check_json "killed: a gap of at most 60 ms" "$flow" '.gap_ms <= 60 and .repeated == 0 and .sent > 30000'
check_equal "the TAP is gone" "$(ip -n "$GT_SWITCH" link show type tun)" ""
check "a reaches b" on a ping -q -c 2 -i 0.1 -W 1 10.0.2.2

# -- stopped -------------------------------------------------------------------------------------
rp_start
rp reason local
rp_on
flow_start $rate 3
sleep 1
kill -STOP "$rp_pid"
sleep 1
kill -CONT "$rp_pid"
sleep 0.3
stats=$(rp stats)
flow_end
check_json "stopped: a gap of at most 100 ms" "$flow" '.gap_ms <= 100 and .repeated == 0 and .sent > 40000'
check_json "nothing is delivered late" "$flow" '.late_ms < 200'
check_json "what came meanwhile passed" "$stats" '.ports["v-a"].stalled > 10000'
check_json "what waited is discarded" "$stats" '.ports["v-a"].rx_stale > 0'
counted "and then the port takes packets again" v-a taken 3 on a ping -q -c 3 -i 0.1 -W 1 10.0.2.2
sleep 0.5
counted "an idle worker needs no tick" v-a taken 3 on a ping -q -c 3 -i 0.3 -W 1 10.0.2.2

# -- figures -------------------------------------------------------------------------------------
echo "      one exception write, forwarded by the kernel: $(rp bench v-a 50000) ns"
rp_quit

# -- refusals ------------------------------------------------------------------------------------
refuses() {
	local text=$1 answer
	shift
	answer=$(on sw timeout 10 "$@" </dev/null 2>/dev/null)
	case "$answer" in
	*refused:*$text*) pass "refused: ${answer#*refused: }" ;;
	*) fail "must be refused because of $text: $answer" ;;
	esac
}
refuses "not an Ethernet" "$RP" lo
on sw ip tuntap add dev tun0 mode tun
refuses "not an Ethernet" "$RP" tun0
refuses "no netdev" "$RP" nosuch
refuses "generic XDP" env GENERIC=1 "$RP" v-c
on sw ip tuntap add dev tap0 mode tap
refuses "would see the packets again" env GENERIC=1 "$RP" tap0
on sw ip link add br0 type bridge
on sw ip link set v-c master br0
refuses "belongs to br0" "$RP" v-c
on sw ip link set v-c nomaster
on sw ip link add mv0 link v-c type macvlan
refuses "mv0" "$RP" v-c
on sw ip link del mv0
on sw ip link set v-c mtu 40000
refuses "MTU 40000" "$RP" v-c
on sw ip link set v-c mtu 1500
on sw ip link set dev v-c xdp obj "$GARUDA_BUILD/tests/system/xdp_pass.bpf.o" sec xdp
refuses "another XDP program" "$RP" v-c
on sw ip link set dev v-c xdp off
on sw ip link set dev v-c xdpgeneric obj "$GARUDA_BUILD/tests/system/xdp_pass.bpf.o" sec xdp
refuses "another XDP program" "$RP" v-c
on sw ip link set dev v-c xdpgeneric off
refuses "hides VLAN tags" "$RP" --off rx_vlan_tag v-c

# -- what a switched port left behind ------------------------------------------------------------
spawn_on sw "$GARUDA_BUILD/tests/system/af_xdp_port" v-a
check "v-a is a switched port" wait_for 5 grep -q ready "$GT_TMP/log.$spawned"
stop "$spawned" 9
check "its guard stays" eval 'on sw tc filter show dev v-a ingress | grep -q garuda_guard'

# -- without tcx ---------------------------------------------------------------------------------
rp_start --off tcx
rp_on
check_equal "the guard is removed" "$(on sw tc filter show dev v-a ingress)" ""
counted "without tcx: transit" v-a taken 3 on a ping -q -c 3 -i 0.1 -W 1 10.0.2.2
rp_quit
check_equal "nothing is left behind" "$(ip -n "$GT_SWITCH" link show type tun | grep garuda)$(on sw tc qdisc show | grep clsact)" ""
finish
