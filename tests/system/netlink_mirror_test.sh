#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The mirror of the kernel's network (control/netlink/mirror.h): every change is seen, a reader that
# was not fast enough ends with the same state as the kernel, and a million routes take seconds.
#
#	[ namespace r: va (10.0.0.1/24, 2001:db8::1/64) == vb, netlink_mirror ]
#
# asan: yes
source "$(dirname "$0")/_init.sh"

[ -x "$GARUDA_BUILD/tests/system/netlink_mirror" ] || skip "netlink_mirror is not built"
events=$GT_TMP/events
route_load=$GARUDA_BUILD/tests/tools/route_load
trap '' PIPE
sanitized=0
! grep -qE "__(a|t)san_init" "$GARUDA_BUILD/tests/system/netlink_mirror" || sanitized=1

# mirror_start [netlink_mirror arguments]: in the namespace r. Then `ask COMMAND` prints the answer.
mirror_start() {
	rm -f "$GT_TMP/in" "$GT_TMP/out"
	mkfifo "$GT_TMP/in" "$GT_TMP/out"
	nsenter --net="/run/netns/$(netns r)" "$GARUDA_BUILD/tests/system/netlink_mirror" "$@" \
		<"$GT_TMP/in" >"$GT_TMP/out" 2>"$GT_TMP/mirror.log" &
	mirror=$!
	gt_pids+=("$mirror")
	exec {to}>"$GT_TMP/in" {from}<"$GT_TMP/out"
	answer >/dev/null
}

answer() {
	local line
	while IFS= read -r -t 90 -u "$from" line; do
		[ "$line" != . ] || return 0
		echo "$line"
	done
	return 1
}

# A mirror that died is seen by what does not come.
ask() {
	echo "$1" >&"$to"
	answer
}

# Ends it, and it ends soon.
mirror_stop() {
	local line='' status=0
	exec {to}>&-
	IFS= read -r -t 20 -u "$from" line
	exec {from}<&-
	wait "$mirror" || status=$?
	check_equal "the mirror ends well" "$status" 0
	check "and soon (${line:-it did not})" awk '{exit !($1 == "stopped" && $2 < 500)}' <<<"$line"
	check_equal "without complaint" "$(grep -vE 'lost notifications|not a socket|non-socket|; trying again' "$GT_TMP/mirror.log")" ""
}

stat() {
	ask stats | awk -v n="$1" '$1 == n {print $2}'
}

# sees TEXT PATTERN COMMAND...: the command makes a record that matches.
sees() {
	local text=$1 pattern=$2 from output
	shift 2
	from=$(wc -c <"$events")
	if ! output=$("$@" 2>&1); then
		fail "$text: $*: $output"
		return
	fi
	if wait_for 3 seen "$from" "$pattern"; then
		pass "$text"
	else
		fail "$text: no record '$pattern' after $*, but:"
		tail -c "+$((from + 1))" "$events"
	fi
}

seen() {
	tail -c "+$(($1 + 1))" "$events" | grep -qE -- "$2"
}

r() {
	on r "$@"
}

reopened() {
	[ "$(stat reopened)" = 1 ]
}

# What the kernel has, as the lines of `state route FILE`: prefix, table, metric, type, nhid, hops; and
# the same of the mirror. IPv4 and IPv6.
kernel_routes() {
	{
		r ip -N -j -4 -details route show table all
		echo
		r ip -N -j -6 -details route show table all
	} | jq -rc --argjson dev "$(r ip -j link | jq -c 'map({(.ifname): .ifindex}) | add')" '.[] |
		(if .dst == "default" then (if (.gateway // .via.host // "") | contains(":") then "::/0" else "0.0.0.0/0" end)
			elif .dst | contains("/") then .dst
			elif .dst | contains(":") then .dst + "/128" else .dst + "/32" end) as $dst |
		(if .nhid then [] elif .nexthops then .nexthops elif .dev then [.] else [] end |
			map("[\($dev[.dev]) \(.gateway // .via.host // "-") \(.weight // 1)]") | sort | join(" ")) as $hops |
		"\($dst) table=\(.table // 254) metric=\(.metric // 0) type=\(.type) nhid=\(.nhid // 0) \($hops)"' |
		sort
}

mirror_routes() {
	ask "state route $GT_TMP/state"
	sed 's/ dead//g' "$GT_TMP/state" | awk '{
		hops = ""
		n = match($0, / \[.*/) ? split(substr($0, RSTART + 1), h, /\] ?/) - 1 : 0
		for (i = 2; i <= n; i++)
			for (j = i; j > 1 && h[j] < h[j - 1]; j--) {
				t = h[j]; h[j] = h[j - 1]; h[j - 1] = t
			}
		for (i = 1; i <= n; i++)
			hops = hops (i > 1 ? " " : "") h[i] "]"
		print $3, $4, $5, $8, $9, hops
	}' | sort
}

# check_same TEXT: waits until the mirror has what the kernel has.
check_same() {
	local i
	for ((i = 0; i < 20; i++)); do
		kernel_routes >"$GT_TMP/kernel"
		mirror_routes >"$GT_TMP/mirror"
		if [ -s "$GT_TMP/kernel" ] && cmp -s "$GT_TMP/kernel" "$GT_TMP/mirror"; then
			pass "$1 ($(wc -l <"$GT_TMP/kernel") routes)"
			return
		fi
		sleep 0.3
	done
	fail "$1: kernel (<) and mirror (>) differ:"
	diff "$GT_TMP/kernel" "$GT_TMP/mirror" | head -n 20
}

host_new r
r ip link add va type veth peer name vb
vb=$(r ip -j link show vb | jq '.[0].ifindex')
va=$(r ip -j link show va | jq '.[0].ifindex')

# -- every operation appears ---------------------------------------------------------------------
mirror_start --events "$events"
for kind in link netconf address neigh nexthop rule route; do
	check "the dump of $kind begins and ends" grep -qx "end $kind" "$events"
done
check_equal "in the order in which they need each other" \
	"$(grep '^begin' "$events" | cut -d' ' -f2 | paste -sd' ')" "link netconf address neigh nexthop rule route"

sees "link up" "set link $va va type=veth .* up=1" r ip link set va up
sees "its peer's carrier" "set link $va va .* running=1" r ip link set vb up
sees "MTU" "set link $va va .* mtu=1400" r ip link set va mtu 1400
sees "MAC" "set link $va va .* mac=02:00:00:00:aa:01" r ip link set va address 02:00:00:00:aa:01
sees "a new name" "set link $vb vc " r ip link set vb name vc
r ip link set vc name vb
sees "an IPv4 address" "set address $va 10.0.0.1/24" r ip addr add 10.0.0.1/24 dev va
check "its local route" wait_for 2 grep -q "set route 10.0.0.1/32 table=255 .* type=2 .*\[$va - 1\]" "$events"
check "its connected route" wait_for 2 grep -q "set route 10.0.0.0/24 table=254 .* proto=2 type=1 .*\[$va - 1\]" "$events"
check "its broadcast route" wait_for 2 grep -q "set route 10.0.0.255/32 table=255 .* type=3" "$events"
sees "an IPv6 address" "set address $va 2001:db8::1/64" r ip addr add 2001:db8::1/64 dev va nodad
sees "an address that goes" "gone address $va 10.0.9.1/24" bash -c \
	"ip -n $(netns r) addr add 10.0.9.1/24 dev va && ip -n $(netns r) addr del 10.0.9.1/24 dev va"

sees "a neighbour" "set neigh $va 10.0.0.2 mac=02:00:00:00:00:02 nud=0x80" \
	r ip neigh add 10.0.0.2 lladdr 02:00:00:00:00:02 nud permanent dev va
sees "its new MAC" "set neigh $va 10.0.0.2 mac=02:00:00:00:00:03" \
	r ip neigh replace 10.0.0.2 lladdr 02:00:00:00:00:03 nud permanent dev va
sees "an IPv6 neighbour" "set neigh $va 2001:db8::2 mac=02:00:00:00:00:04 nud=0x4" \
	r ip neigh add 2001:db8::2 lladdr 02:00:00:00:00:04 nud stale dev va
sees "a neighbour that goes" "gone neigh $va 2001:db8::2" r ip neigh del 2001:db8::2 dev va
r ip neigh add proxy 10.0.0.77 dev va
r ip neigh add 10.0.0.78 lladdr 02:00:00:00:00:78 dev va
check "neighbours behind it are seen" wait_for 2 grep -q "set neigh $va 10.0.0.78" "$events"
check_not "a proxy entry is none" grep -q 10.0.0.77 "$events"

sees "a route" "set route 10.9.0.0/16 table=254 metric=0 .* proto=3 type=1 .*\[$va 10.0.0.2 1\]" \
	r ip route add 10.9.0.0/16 via 10.0.0.2
sees "its replacement" "set route 10.9.0.0/16 .* replace \[$va 10.0.0.3 1\]" \
	r ip route replace 10.9.0.0/16 via 10.0.0.3
sees "one behind it" "set route 10.9.0.0/16 .* append beside \[$va 10.0.0.4 1\]" \
	r ip route append 10.9.0.0/16 via 10.0.0.4
sees "the removal of the first" "gone route 10.9.0.0/16 .*\[$va 10.0.0.3 1\]" r ip route del 10.9.0.0/16 via 10.0.0.3
sees "metric, table, tos, MTU" "set route 10.10.0.0/16 table=1000 metric=77 tos=16 .* mtu=1300" \
	r ip route add 10.10.0.0/16 tos 0x10 via 10.0.0.2 table 1000 metric 77 mtu 1300
sees "a multipath route" "set route 10.11.0.0/16 .*\[$va 10.0.0.2 1\] \[$va 10.0.0.3 5\]" \
	r ip route add 10.11.0.0/16 nexthop via 10.0.0.2 nexthop via 10.0.0.3 weight 5
sees "an IPv4 route by an IPv6 gateway" "set route 10.12.0.0/16 .*\[$va 2001:db8::9 1\]" \
	r ip route add 10.12.0.0/16 via inet6 2001:db8::9 dev va
sees "a blackhole" "set route 10.13.0.0/16 .* type=6" r ip route add blackhole 10.13.0.0/16
sees "a prohibition" "set route 10.14.0.0/16 .* type=8" r ip route add prohibit 10.14.0.0/16
sees "a tunnel's encapsulation" "set route 10.15.0.0/16 .* encap\]" \
	r ip route add 10.15.0.0/16 encap ip id 5 dst 10.0.0.9 via 10.0.0.2 dev va
sees "the default route" "set route 0.0.0.0/0 .*\[$va 10.0.0.2 1\]" r ip route add default via 10.0.0.2
sees "an IPv6 route" "set route 2001:db8:5::/48 table=254 metric=1024 .*\[$va 2001:db8::2 1\]" \
	r ip -6 route add 2001:db8:5::/48 via 2001:db8::2
sees "one more hop: all are told" "set route 2001:db8:5::/48 .* append beside .*\[$va 2001:db8::3 1\] \[$va 2001:db8::2 1\]" \
	r ip -6 route append 2001:db8:5::/48 via 2001:db8::3
sees "a hop that goes: it alone" "gone route 2001:db8:5::/48 [^[]*\[$va 2001:db8::2 1\]$" \
	r ip -6 route del 2001:db8:5::/48 via 2001:db8::2
sees "an IPv6 multipath route" "set route 2001:db8:6::/48 .*\[$va 2001:db8::2 1\] \[$va 2001:db8::3 7\]" \
	r ip -6 route add 2001:db8:6::/48 nexthop via 2001:db8::2 nexthop via 2001:db8::3 weight 7
sees "its replacement by one hop" "set route 2001:db8:6::/48 .* replace \[$va 2001:db8::5 1\]" \
	r ip -6 route replace 2001:db8:6::/48 via 2001:db8::5
sees "the preference of a router" "set route ::/0 .* pref=1 " r ip -6 route add default via 2001:db8::2 pref high

sees "a next hop object" "set nexthop 1 \[$va 10.0.0.2 1\]" r ip nexthop add id 1 via 10.0.0.2 dev va
sees "another" "set nexthop 2 \[$va 2001:db8::2 1\]" r ip nexthop add id 2 via 2001:db8::2 dev va
sees "a blackhole object" "set nexthop 5 blackhole" r ip nexthop add id 5 blackhole
sees "an FDB object" "set nexthop 6 fdb" r ip nexthop add id 6 via 10.0.0.5 fdb
r ip nexthop add id 7 via 10.0.0.3 dev va
sees "a group" "set nexthop 3 group \[1 5\] \[7 200\]" r ip nexthop add id 3 group 1,5/7,200
sees "a resilient group" "set nexthop 4 group resilient \[1 1\] \[7 1\]" \
	r ip nexthop add id 4 group 1/7 type resilient buckets 32
sees "a route by a group" "set route 10.16.0.0/16 .* nhid=3 [^[]*$" r ip route add 10.16.0.0/16 nhid 3
sees "a member that goes shrinks the group" "set nexthop 3 group \[1 5\]$" r ip nexthop del id 7
sees "a next hop that goes" "gone nexthop 5" r ip nexthop del id 5

sees "a rule" "set rule ip4 priority=100 table=1000 action=1 hash" r ip rule add from 10.0.0.0/8 table 1000 priority 100
sees "a plain rule" "set rule ip6 priority=101 table=1000 action=1 plain hash" r ip -6 rule add table 1000 priority 101
sees "an inverse rule" "set rule ip4 priority=102 .* inverse" r ip rule add not fwmark 5 table 1000 priority 102
sees "a rule that forbids" "set rule ip4 priority=103 .* action=8" r ip rule add from 10.1.0.0/16 prohibit priority 103
r ip rule add iif nowhere table 1000 priority 104
check "a rule by interface is not plain" wait_for 2 grep -qE "set rule ip4 priority=104 table=1000 action=1 hash" "$events"
hash=$(sed -n 's/.*priority=104 .*hash=//p' "$events" | head -n 1)
sees "its end bears the hash of its beginning" "gone rule ip4 priority=104 .*hash=$hash" r ip rule del priority 104

sees "IPv4 forwarding" "set netconf ip4 -1 forwarding=1" r sysctl -qw net.ipv4.ip_forward=1
sees "of one interface" "set netconf ip4 $va forwarding=0" r sysctl -qw net.ipv4.conf.va.forwarding=0
sees "IPv6 forwarding" "set netconf ip6 -1 forwarding=1" r sysctl -qw net.ipv6.conf.all.forwarding=1
sees "rp_filter" "set netconf ip4 $va .*rp_filter=2" r sysctl -qw net.ipv4.conf.va.rp_filter=2
sees "routes of links without carrier" "set netconf ip4 $va .*linkdown=1" \
	r sysctl -qw net.ipv4.conf.va.ignore_routes_with_linkdown=1

sees "a bridge" "set link [0-9]+ br0 type=bridge" r ip link add br0 type bridge
sees "an enslaved interface" "set link $vb vb .* master=[1-9][0-9]* .* slave=1" r ip link set vb master br0
sees "one set free" "set link $vb vb .* master=0 .* slave=0" r ip link set vb nomaster
sees "a passthru macvlan" "set link [0-9]+ mv0 type=macvlan .* lower=$vb .* passthru=1" \
	r ip link add mv0 link vb type macvlan mode passthru
sees "a link that goes" "gone link [0-9]+ mv0" r ip link del mv0

# iproute2 gives the encapsulation's "dst" the same name as the route's.
r ip route del 10.15.0.0/16
check_same "afterwards the mirror has what the kernel has"
check_equal "without another dump" "$(stat resyncs)" 1
ask resync >/dev/null
check_same "and after one that was asked for"
check_equal "which removed nothing" "$(stat swept)" 0

# -- the socket is lost ----------------------------------------------------------------------------
ask break
r ip route add 10.20.0.0/16 via 10.0.0.2
r ip route del 10.11.0.0/16
check "a socket that is lost is made anew" wait_for 5 reopened
check "with a line in the log" grep -q "mirror: .*; trying again" "$GT_TMP/mirror.log"
check_same "and all is read again"
check_equal "which removed the route that went meanwhile" "$(stat swept)" 1
mirror_stop

# -- notifications are lost ----------------------------------------------------------------------
mirror_start --buffer 4096 --slow 200
check "50,000 routes" r "$route_load" --count 50000 --first 20.0.0.0/24 --via 10.0.0.2 --dev va
check "5,000 of IPv6" r "$route_load" --count 5000 --first 2001:db8:8000::/48 --via 2001:db8::2 --dev va
check "20,000 go again" r "$route_load" --count 20000 --first 20.0.0.0/24 --step 2 --via 10.0.0.2 --dev va --delete
check "a tenth changes its gateway" r "$route_load" --count 5000 --first 20.0.1.0/24 --step 2 --via 10.0.0.3 --dev va --replace
check_same "after losses it ends with the kernel's state"
overflows=$(stat overflows)
check "there were losses ($overflows)" test "$overflows" -gt 0
check "and so dumps" test "$(stat resyncs)" -gt 1
check "all of them go" r "$route_load" --count 25000 --first 20.0.1.0/24 --step 2 --dev va --delete
check "at once" r "$route_load" --count 5000 --first 20.156.64.0/24 --step 2 --dev va --delete
check_same "and the mirror sees them go"
mirror_stop

# -- dumps under steady changes ------------------------------------------------------------------
# IPv6: a kernel that finds its tree changed goes on where it does not belong, and leaves routes out.
come_and_go() {
	local load=(r "$route_load" --count 3000 --first 2001:db8:1000::/48 --via 2001:db8::2 --dev va)
	while [ ! -e "$GT_TMP/rest" ]; do
		"${load[@]}"
		"${load[@]}" --delete
	done
}

check "60,000 IPv6 routes" r "$route_load" --count 60000 --first 3001:db8:8000::/48 --via 2001:db8::2 --dev va
mirror_start
come_and_go >/dev/null 2>&1 &
changes=$!
for _ in 1 2; do
	ask resync
done >"$GT_TMP/resync"
touch "$GT_TMP/rest"
wait "$changes"
check_equal "dumps come to their end" "$(grep -c '^resync' "$GT_TMP/resync")" 2
check_equal "and miss no route" "$(stat swept)" 0
ask "state route $GT_TMP/state"
check_equal "that is still there" "$(grep -c '^set route 3001:' "$GT_TMP/state")" 60000
check "they go" r "$route_load" --count 60000 --first 3001:db8:8000::/48 --dev va --delete
check_same "after it the mirror has what the kernel has"
mirror_stop

# -- many ----------------------------------------------------------------------------------------
# A dump of all may take 1.5 s, or that much of the processors' time when others use them.
n=1000000 lag=3 rate=200000 seconds=1.5
[ $sanitized = 0 ] || n=100000 rate=20000 seconds=3 lag=10
mirror_start
before=$(stat routes)
r "$route_load" --count $n --first 64.0.0.0/24 --via 10.0.0.2 --dev va >"$GT_TMP/load" &
loader=$!
ask "wait $((before + n))" >"$GT_TMP/wait"
wait "$loader"
echo "      $(cat "$GT_TMP/load") s to install, $(cat "$GT_TMP/wait") s until mirrored"
check "$n routes are mirrored as fast as the kernel takes them" awk -v lag=$lag \
	'NR == 1 {install = $3} NR == 2 {exit !($1 == "routes" && $3 < install + lag)}' "$GT_TMP/load" "$GT_TMP/wait"
check_equal "with no loss" "$(stat overflows)" 0
for _ in 1 2 3; do
	ask resync
done | sort -k 3g >"$GT_TMP/resync"
echo "      $(cut -d' ' -f2- "$GT_TMP/resync" | paste -sd';') (seconds, processor seconds, records)"
check "a dump of all of them arrives within $seconds s" awk -v n=$n -v s=$seconds \
	'$1 == "resync" && $4 >= n && ($2 <= s || $3 <= s && $2 <= 10 * s) {good = 1} END {exit !good}' "$GT_TMP/resync"
check_equal "and removes nothing" "$(stat swept)" 0

# A burst while the reader is stopped, so that the installer's own time does not count.
kill -STOP "$mirror"
r "$route_load" --count 100000 --first 32.0.0.0/24 --via 10.0.0.2 --dev va >/dev/null
start=$(date +%s.%N)
kill -CONT "$mirror"
ask "wait $((before + n + 100000))" >"$GT_TMP/wait"
took=$(awk -v s="$start" -v e="$(date +%s.%N)" 'BEGIN {print e - s}')
check "100,000 notifications are read at $rate/s or more (in $took s)" \
	awk -v t="$took" -v r=$rate '{exit !($1 == "routes" && 100000 / t >= r)}' "$GT_TMP/wait"
check_equal "none of them lost" "$(stat overflows)" 0
mirror_stop
finish
