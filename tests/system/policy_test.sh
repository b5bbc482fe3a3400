#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# asan: yes
# What the kernel would do to forwarded packets is found, named, and forgotten: whatever is
# added is a reason within 1 s, in the right direction and family, and none 1 s after it went.
#
#	a0 ---- [ namespace sw: policy_watch a0 b0 ] ---- b0      (nothing is forwarded here)
#
# Arguments: the parts to be tested (nft flowtable iptables tc bpf xfrm ipvs sysctl rights); none =
# all. What this machine's kernel lacks is tested in tests/vm.
source "$(dirname "$0")/_init.sh"

watcher=$GARUDA_BUILD/tests/system/policy_watch
attacher=$GARUDA_BUILD/tests/system/policy_attach
[ -x "$watcher" ] || skip "policy_watch is not built"
gt_netns_add "$GT_SWITCH"
on sw ip link add a0 type veth peer name a1
on sw ip link add b0 type veth peer name b1
for dev in a0 a1 b0 b1; do
	on sw ip link set $dev up
done

# start_watcher [OPTION...]: its output in $log, its pid in $watching.
start_watcher() {
	spawn_on sw "$watcher" "$@" a0 b0
	watching=$spawned log=$GT_TMP/log.$spawned
	wait_for 5 grep -qx complete "$log" || { cat "$log" && fail "policy_watch does not come up"; }
}

# reason IFNAME in|out 4|6: the present one; "-" = none.
reason() {
	sed -n "s/^$1 $2 $3 //p" "$log" | tail -n 1
}

# now_is IFNAME DIRECTION FAMILY REASON...
now_is() {
	[ "$(reason "$1" "$2" "$3")" = "${*:4}" ]
}

patience=1
[ -z "${GARUDA_IN_VM:-}" ] || patience=6 # an emulated machine: every command takes that long
within_1_s() {
	local until=$(($(date +%s%N) + patience * 1000000000))
	until "$@"; do
		[ "$(date +%s%N)" -lt $until ] || return 1
		sleep 0.02
	done
}

# appears IFNAME DIRECTIONS FAMILIES REASON: within 1 s there, and nowhere else.
appears() {
	local i d f wanted
	for d in $2; do
		for f in $3; do
			within_1_s now_is "$1" "$d" "$f" "$4" ||
				fail "'$4' appears: $1 $d $f is '$(reason "$1" "$d" "$f")'"
		done
	done
	for i in all a0 b0; do
		for d in in out; do
			for f in 4 6; do
				wanted=-
				[[ $i = "$1" && " $2 " == *" $d "* && " $3 " == *" $f "* ]] && wanted=$4
				[ "$(reason $i $d $f)" = "$wanted" ] ||
					fail "while '$4': $i $d $f is '$(reason $i $d $f)', should be '$wanted'"
			done
		done
	done
	pass "'$4' appears ($1 $2, IPv${3// /, IPv})"
}

is_clean() {
	local i d f
	for i in all a0 b0; do
		for d in in out; do
			for f in 4 6; do
				now_is $i $d $f - || return 1
			done
		done
	done
}

# goes TEXT: within 1 s there is no reason at all any more.
goes() {
	if within_1_s is_clean; then
		pass "$1 goes"
	else
		fail "$1 goes: $(for i in all a0 b0; do for d in in out; do reason $i $d 4; done; done)"
	fi
}

# stays_clean TEXT COMMAND...: that is no reason.
stays_clean() {
	local text=$1
	shift
	on sw "$@" || fail "$text: $*"
	sleep 0.$((6 + patience))
	if is_clean; then pass "no reason: $text"; else fail "no reason: $text: $(tail -n 3 "$log")"; fi
}

# has PROGRAM ARGUMENTS...: the kernel knows it (else the case is one for the vm).
has() {
	on sw "$@" >/dev/null 2>&1 && return
	echo "note  this kernel has no: $*"
	return 1
}

parts=" $* "
part() {
	[[ $parts = "  " || $parts == *" $1 "* ]]
}

start_watcher
goes "what was not read yet"

# -- nftables ------------------------------------------------------------------------------------
nft() {
	on sw nft "$@" || fail "nft $*"
}
nft_gone() {
	nft flush ruleset
	goes "$1"
}
if part nft && has nft list ruleset; then
	stays_clean "an empty chain that accepts" nft \
		'add table inet t; add chain inet t f { type filter hook forward priority 0; }'
	nft 'add rule inet t f counter'
	appears all 'in out' '4 6' 'nft: inet t f'
	nft 'add table inet t { flags dormant; }'
	goes "a table made dormant"
	nft 'add table inet t'
	appears all 'in out' '4 6' 'nft: inet t f'
	nft 'flush chain inet t f'
	goes "the only rule"
	nft 'chain inet t f { policy drop; }'
	appears all 'in out' '4 6' 'nft: inet t f (policy drop)'
	nft_gone "the ruleset"
	nft 'add table ip nat; add chain ip nat post { type nat hook postrouting priority 100; }
		add rule ip nat post masquerade'
	appears all out 4 'nft: ip nat post'
	nft_gone "masquerading"
	nft 'add table ip6 m; add chain ip6 m pre { type filter hook prerouting priority -150; }
		add rule ip6 m pre meta mark set 1'
	appears all in 6 'nft: ip6 m pre'
	nft_gone "prerouting"
	nft 'add table netdev n; add chain netdev n i { type filter hook ingress device a0 priority 0; }
		add rule netdev n i counter'
	appears a0 in '4 6' 'nft: netdev n i on a0'
	nft_gone "netdev ingress"
	nft 'add table netdev n; add chain netdev n e { type filter hook egress device b0 priority 0; }
		add rule netdev n e counter'
	appears b0 out '4 6' 'nft: netdev n e on b0'
	on sw ip link set b0 name b9
	nft_gone "netdev egress, the interface being renamed"
	on sw ip link set b9 name b0
	nft 'add table inet n; add chain inet n i { type filter hook ingress device a0 priority 0; }
		add rule inet n i counter'
	appears a0 in '4 6' 'nft: inet n i on a0'
	nft_gone "inet ingress"
	stays_clean "rules for what is local" nft 'add table inet l
		add chain inet l i { type filter hook input priority 0; policy drop; }
		add chain inet l o { type filter hook output priority 0; }
		add rule inet l i ct state established accept; add rule inet l o counter'
	stays_clean "rules for bridges and ARP" nft 'add table bridge b
		add chain bridge b f { type filter hook forward priority 0; policy drop; }
		add table arp a; add chain arp a i { type filter hook input priority 0; policy drop; }'
	on sw nft 'add table inet x; add chain inet x f { type filter hook forward priority 0; policy drop; }
		add rule inet x nowhere counter' 2>/dev/null && fail "a transaction that must fail did not"
	stays_clean "a transaction that failed" true
	nft_gone "all that"
	if on sw iptables-nft -A FORWARD -j ACCEPT 2>/dev/null; then
		appears all 'in out' 4 'nft: ip filter FORWARD'
		on sw iptables-nft -D FORWARD -j ACCEPT
		goes "a rule of iptables-nft"
	fi
	nft_gone "the tables of iptables-nft"
fi

if part flowtable; then
	if on sw nft 'add table inet x
		add flowtable inet x f { hook ingress priority 0; devices = { a0 }; }' 2>&-; then
		appears a0 in '4 6' 'nft: inet x flowtable f on a0'
		nft_gone "the flowtable"
	else
		echo "note  this kernel has no flowtables"
	fi
fi

# -- legacy iptables -----------------------------------------------------------------------------
if part iptables && has iptables-legacy -w -L -n; then
	stays_clean "tables that are there and empty" iptables-legacy -w -t nat -F
	stays_clean "a rule for what is local" iptables-legacy -w -A INPUT -j ACCEPT
	on sw iptables-legacy -w -A FORWARD -i nowhere -j DROP
	appears all 'in out' 4 'iptables: filter FORWARD'
	on sw iptables-legacy -w -F FORWARD
	goes "the rule in FORWARD"
	on sw iptables-legacy -w -P FORWARD DROP
	appears all 'in out' 4 'iptables: filter FORWARD (policy)'
	on sw iptables-legacy -w -P FORWARD ACCEPT
	goes "the policy"
	on sw iptables-legacy -w -t nat -A POSTROUTING -j MASQUERADE
	appears all out 4 'iptables: nat POSTROUTING'
	on sw iptables-legacy -w -t nat -F
	goes "masquerading"
	for table in raw mangle; do
		on sw ip6tables-legacy -w -t $table -A PREROUTING -j ACCEPT
		appears all in 6 "ip6tables: $table PREROUTING"
		on sw ip6tables-legacy -w -t $table -F
		goes "the rule in $table"
	done
fi

# -- tc --------------------------------------------------------------------------------------------
if part tc; then
	stays_clean "an ingress qdisc without filters" tc qdisc add dev a0 ingress
	on sw tc filter add dev a0 ingress protocol all prio 7 u32 match u32 0 0 flowid 1:1
	appears a0 in '4 6' 'tc: filter on a0 ingress'
	on sw tc filter del dev a0 ingress prio 7
	goes "the filter"
	on sw tc qdisc del dev a0 ingress
	on sw tc qdisc add dev b0 clsact
	on sw tc filter add dev b0 egress protocol all prio 7 u32 match u32 0 0 flowid 1:1
	appears b0 out '4 6' 'tc: filter on b0 egress'
	on sw tc qdisc del dev b0 clsact
	goes "the clsact qdisc"
	# qdisc KIND OPTION...: on a0, if the kernel has it.
	qdisc() {
		on sw tc qdisc del dev a0 root 2>&-
		on sw tc qdisc add dev a0 root handle 1: "$@" 2>&- && return
		echo "note  this kernel has no qdisc: $*"
		return 1
	}
	for kind in 'tbf rate 10mbit burst 10k latency 10ms' htb 'cake bandwidth 10mbit' 'fq maxrate 10mbit'; do
		# shellcheck disable=SC2086 # words
		qdisc $kind || continue
		appears a0 out '4 6' "tc: shaper ${kind%% *} on a0"
		on sw tc qdisc del dev a0 root
		goes "the shaper ${kind%% *}"
	done
	if qdisc netem delay 1ms; then
		appears a0 out '4 6' 'tc: qdisc netem on a0'
		on sw tc qdisc del dev a0 root
		goes "netem"
	fi
	for kind in pfifo fq; do
		! qdisc $kind || stays_clean "qdisc $kind" true
	done
	if qdisc fq_codel; then
		on sw tc filter add dev a0 parent 1: protocol ip prio 7 u32 match u32 0 0 action drop
		appears a0 out '4 6' 'tc: filter on a0 root'
	fi
	on sw tc qdisc del dev a0 root 2>&-
	goes "a filter on the root"
fi

# -- BPF -------------------------------------------------------------------------------------------
# attached ARGUMENTS...: policy_attach runs, as $spawned.
attached() {
	spawn_on sw "$attacher" "$@"
	wait_for 5 grep -q attached "$GT_TMP/log.$spawned" && return
	echo "note  this kernel has no: policy_attach $*: $(cat "$GT_TMP/log.$spawned")"
	return 1
}
if part bpf; then
	for side in ingress:in egress:out; do
		if attached tcx a0 ${side%:*}; then
			appears a0 ${side#*:} '4 6' "tc: tcx program on a0 ${side%:*}"
			stop "$spawned"
			goes "the tcx program"
		fi
	done
	if attached netfilter input; then
		stays_clean "a netfilter program for what is local" true
		stop "$spawned"
		attached netfilter forward
		appears all 'in out' 4 'bpf: netfilter program at forward'
		stop "$spawned"
		goes "the netfilter program"
	fi
fi

# -- IPsec ------------------------------------------------------------------------------------------
if part xfrm && has ip xfrm policy; then
	stays_clean "a policy for what is local" ip xfrm policy add dir in \
		src 10.9.0.0/16 dst 10.8.0.0/16 tmpl proto esp mode tunnel
	stays_clean "a policy of an xfrm interface" ip xfrm policy add dir out \
		src 10.9.0.0/16 dst 10.8.0.0/16 tmpl proto esp mode tunnel if_id 7
	on sw ip xfrm policy add dir fwd src 10.1.0.0/16 dst 10.2.0.0/16 tmpl proto esp mode tunnel
	appears all 'in out' 4 'xfrm: 1 policy'
	on sw ip xfrm policy add dir out src 10.2.0.0/16 dst 10.1.0.0/16 tmpl proto esp mode tunnel
	appears all 'in out' 4 'xfrm: 2 policies'
	on sw ip xfrm policy flush
	goes "the policies"
	on sw ip xfrm policy add dir out src 2001:db8:1::/48 dst 2001:db8:2::/48 tmpl proto esp mode tunnel
	appears all 'in out' 6 'xfrm: 1 policy'
	on sw ip xfrm policy flush
	goes "the IPv6 policy"
	if on sw ip xfrm policy setdefault fwd block 2>/dev/null; then
		appears all 'in out' '4 6' 'xfrm: default policy block'
		on sw ip xfrm policy setdefault fwd accept
		goes "the default policy"
	fi
fi

# -- IPVS, sysctls ------------------------------------------------------------------------------
if part ipvs && has ipvsadm -A -t 10.0.0.1:80 -s rr; then
	appears all 'in out' '4 6' 'ipvs: service TCP 0A000001:0050'
	on sw ipvsadm -D -t 10.0.0.1:80
	goes "the virtual service"
fi
if part sysctl; then
	on sw sysctl -qw net.ipv4.ip_forward_use_pmtu=1
	appears all 'in out' 4 'sysctl: net.ipv4.ip_forward_use_pmtu'
	on sw sysctl -qw net.ipv4.ip_forward_use_pmtu=0
	goes "the sysctl"
	on sw sysctl -qw net.ipv6.conf.a0.disable_ipv6=1
	appears a0 'in out' 6 'sysctl: net.ipv6.conf.a0.disable_ipv6'
	on sw sysctl -qw net.ipv6.conf.a0.disable_ipv6=0
	goes "the interface's sysctl"
fi

# -- override, and what is not allowed to be read --------------------------------------------------
if part rights; then
	on sw nft 'add table inet t; add chain inet t f { type filter hook forward priority 0; }
		add rule inet t f counter'
	on sw tc qdisc add dev a0 root tbf rate 10mbit burst 10k latency 10ms
	stop "$watching"
	start_watcher --ignore nft
	appears a0 out '4 6' 'tc: shaper tbf on a0'
	on sw tc qdisc del dev a0 root
	goes "with nft ignored, the shaper"
	kill -USR1 "$watching"
	wait_for 2 grep -q '^stats' "$log"
	grep '^stats' "$log"
	stop "$watching"
	on sw nft flush ruleset
	spawn_on sw setpriv --bounding-set -net_admin,-sys_admin,-bpf "$watcher" a0 b0
	log=$GT_TMP/log.$spawned
	check "what may not be read is a reason" \
		within_1_s now_is all in 4 'cannot read nft rules: Operation not permitted'
fi
finish
