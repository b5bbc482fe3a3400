#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# 500 ports come and go while others carry traffic: the traffic loses nothing, and nothing grows:
# no descriptor, no memory, no frame, no netdev, no program.
#
#	a (stock veth)   b (TAP)   c (veth leg)      x (stock veth)  y (TAP)  z (veth leg)
#	      |             |          |             come and go
#	     [ ------------------------- garudad ------------------------- ]
source "$(dirname "$0")/_init.sh"

dut_start
host_add a 10.0.0.1/24
host_add b 10.0.0.2/24 --kind tap
for host in c x y z; do
	host_new $host
done
g port add c --kind af_xdp --container "$GT_PREFIX-c" >/dev/null
ip -n "$GT_PREFIX-c" addr add 10.0.0.3/24 dev eth0
check "port c is up" wait_for 5 port_is_up c
wire_add x 02:00:00:00:00:77
ip -n "$GT_PREFIX-x" link set eth0 up
for host in 2 3; do
	check "a reaches 10.0.0.$host" wait_for 3 on a ping -c 1 -W 1 10.0.0.$host
done

netdevs() {
	local host
	for host in sw x y z; do
		ip -n "$GT_PREFIX-$host" -j -d link show | jq -Sc --arg h $host \
			'.[] | [$h, .ifname, .mtu, .flags, .promiscuity, .xdp]'
		on $host tc qdisc show | grep -v noqueue
	done
}

summary() {
	awk '/packets transmitted/ {print $1 - $4 " of " $1 " lost"}' "$GT_TMP/log.$1"
}

before=$(netdevs)
spawn_on a ping -n -i 0.002 10.0.0.2
ping_b=$spawned
spawn_on b ping -n -i 0.002 10.0.0.3
ping_c=$spawned
sleep 0.2
x='{"name": "x", "netdev": "v-x"}'
y="{\"name\": \"y\", \"container\": \"$GT_PREFIX-y\"}"
y2="{\"name\": \"y2\", \"container\": \"$GT_PREFIX-z:tap1\"}"
z="{\"name\": \"z\", \"kind\": \"af_xdp\", \"container\": \"$GT_PREFIX-z\"}"
result=$("$GT_TOP/tests/system/churn.py" "$GT_SOCKET" "${CYCLES:-500}" \
	"$x" "$y" "$x" "$y2" "$z" "$y" "$x" "$y2" "$x" "$y")
echo "      $result"
stop "$ping_b" INT
stop "$ping_c" INT
echo "      traffic meanwhile: a to b $(summary "$ping_b"), b to c $(summary "$ping_c")"
# One may be on its way when ping ends.
check "a's traffic to b lost nothing" test "$(summary "$ping_b" | cut -d' ' -f1)" -le 1
check "b's traffic to c lost nothing" test "$(summary "$ping_c" | cut -d' ' -f1)" -le 1
check_json "all cycles were made" "$result" '.cycles == $n' --argjson n "${CYCLES:-500}"
check_json "no descriptor more" "$result" '.before.fds == .after.fds'
check_json "less than 1 MiB more memory" "$result" '.after.rss - .before.rss < 1024'
# Fewer than one per cycle: a worker's cache holds some hundred free frames that do not count.
check_json "every frame is back" "$result" '.before.frames - .after.frames | fabs <= 300'
check_json "no frame is lost to the kernel" "$result" '.after.quarantined == 0'
check_json "the ports are those before" "$result" '.before.ports == .after.ports'
check_equal "netdevs and qdiscs are those before" "$(netdevs)" "$before"
finish
