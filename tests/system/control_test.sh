#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Every noun and verb of the command: JSON for programs, tables with stable columns for people,
# filters, exit statuses. Ports without a wire do.
#
#	a (10)   b (20)   t (trunk 10,20-22, native 5)   plain      all of kind memory
source "$(dirname "$0")/_init.sh"

# columns NOUN VERB [...]: the table's first line, one blank between the titles.
columns() {
	g "$@" | head -n 1 | tr -s ' ' | sed 's/ $//'
}

# names FILTER [options of port list]
names() {
	g port list "$@" --json | jq -r '[.ports[].name] | join(" ")'
}

dut_start --workers 2
check "an access port" g port add a --kind memory --vlan 10
check "another" g port add b --kind memory --vlan 20
check "a trunk" g port add t --kind memory --trunk 10,20-22 --native 5
check "a port without VLAN options" g port add plain --kind memory
check "a static entry" g fdb add 02:00:00:00:00:01 --vlan 10 --port a
check "and one in another VLAN" g fdb add 02:00:00:00:00:02 --vlan 20 --port t --sticky

# -- port --------------------------------------------------------------------------------------
check_equal "port list: columns" "$(columns port list)" \
	"NAME KIND OPER STATE VLAN TRUNK NATIVE ROUTED MTU MAC RX-PACKETS TX-PACKETS DROPS REASON"
check_equal "port list is sorted" "$(names)" "a b plain t"
check_equal "filter by VLAN" "$(names --vlan 10)" "a t"
check_equal "filter by native VLAN" "$(names --vlan 5)" t
check_equal "filter by kind" "$(names --kind tap)" ""
check_equal "filter by condition" "$(names --oper up)" "a b plain t"
check_json "no VLAN options: untagged in VLAN 1" "$(g port show plain --json)" '.port | .vlan == 1 and (has("trunk") | not)'
check_json "a trunk" "$(g port show t --json)" '.port | .trunk == "10,20-22" and .native == 5 and (has("vlan") | not)'
check "a trunk becomes an access port" g port set t --vlan 7
check_json "shown" "$(g port show t --json)" '.port | .vlan == 7 and (has("trunk") | not) and (has("native") | not)'
check "and a trunk again" g port set t --trunk 10,20-22
check "native alone changes it" g port set t --native 5
check_json "shown" "$(g port show t --json)" '.port | .trunk == "10,20-22" and .native == 5'
check "native 0 is none" g port set t --native 0
check_json "shown" "$(g port show t --json)" '.port | has("native") | not'
while read -r words; do
	before=$(g port list --json)
	# shellcheck disable=SC2086 # words
	text=$(g $words 2>&1)
	check_equal "refused: garuda $words" $? 1
	check "in a sentence: $text" test ${#text} -gt 25
	check_equal "and nothing changed" "$(g port list --json)" "$before"
done <<-'END'
	port add a --kind memory
	port add x --kind memory --vlan 0
	port add x --kind memory --vlan 4095
	port add x --kind memory --vlan 10 --trunk 20
	port add x --kind memory --trunk 10,4095
	port add x --kind memory --trunk 10-
	port add x --kind memory --native 5
	port add x --netdev there-is-none
	port add x --kind memory --netdev lo
	port add x/y --kind memory
	port set a --native 5
	port set nowhere --vlan 5
	port del nowhere
	port show nowhere
END

# -- the other nouns ---------------------------------------------------------------------------
check_equal "vlan list: columns" "$(columns vlan list)" "VLAN NAME UNTAGGED TAGGED FDB-ENTRIES LEARNING FLOOD"
check "vlan set" g vlan set 20 --name "blue whale" --flood off
check_json "vlan list" "$(g vlan list --json)" '.vlans | map(.vlan) == [1, 10, 20, 21, 22] and
	(.[1] | .untagged == ["a"] and .tagged == ["t"] and .fdb_entries == 1) and
	(.[2] | .name == "blue whale" and .flood == false and .learning)'
check_json "filter by port" "$(g vlan list --port a --json)" '[.vlans[].vlan] == [10]'
check_json "filter by VLAN" "$(g vlan list --vlan 20 --json)" '[.vlans[].vlan] == [20]'
check "a VLAN with a name only" g vlan set 99 --name later
check_json "is listed" "$(g vlan list --vlan 99 --json)" '.vlans[0].untagged == [] and .vlans[0].tagged == []'
check "name taken away" g vlan set 99 --name ''
check_json "is not" "$(g vlan list --vlan 99 --json)" '.vlans == []'

check_equal "fdb list: columns" "$(columns fdb list)" "VLAN MAC PORT TYPE AGE"
check_json "fdb list" "$(g fdb list --json)" '.entries | length == 2'
check_json "filter by port" "$(g fdb list --port t --json)" '[.entries[].mac] == ["02:00:00:00:00:02"]'
check_json "filter by VLAN" "$(g fdb list --vlan 10 --json)" '[.entries[].type] == ["static"]'
for i in $(seq 1 1200); do
	printf '{"jsonrpc":"2.0","id":%d,"method":"fdb.add","params":{"mac":"02:11:00:00:%02x:%02x","port":"a","vlan":10}}\n' \
		"$i" $((i / 256)) $((i % 256))
done | /usr/bin/python3 -c '
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
data, answers = sys.stdin.buffer.read(), s.makefile("rb")
n = data.count(b"\n")
s.sendall(data)
assert all(b"result" in answers.readline() for _ in range(n))' "$GT_SOCKET"
check_equal "fdb list follows the pages" "$(g fdb list --json | jq '[.entries[].mac] | unique | length')" 1202
check_equal "also as a table" "$(g fdb list | grep -c static)" 1201

check_json "bridge show" "$(g bridge show --json)" \
	'.ageing_time == 300 and .n_ports == 4 and .fdb_entries == 1202 and .fdb_static == 1202'
check "bridge set" g bridge set --ageing-time 600 --fdb-max 200000
check_json "shown" "$(g bridge show --json)" '.ageing_time == 600 and .fdb_max == 200000'
check "as text" grep -q '^ageing_time: *600$' <<<"$(g bridge show)"

check_equal "worker list: columns" "$(columns worker list)" \
	"WORKER CPU TID MODE STATE PORTS RX-PACKETS TX-PACKETS LOOPS WAKEUPS CPU-TIME"
check_json "worker list" "$(g worker list --json)" '.workers | length == 2 and all(.mode == "adaptive" and .tid > 0) and
	([.[].ports[]] | sort == ["a", "b", "plain", "t"])'
check "worker set" g worker set --mode interrupt --worker 1
check_json "shown" "$(g worker list --json)" '[.workers[].mode] == ["adaptive", "interrupt"]'
check_not "no such worker" g worker set --mode poll --worker 2

check_equal "stats show: columns" "$(columns stats show)" \
	"PORT RX-PACKETS RX-BYTES TX-PACKETS TX-BYTES FLOOD-COPIES EXCEPTION-PACKETS RX-DROPS KERNEL-DROPS"
check_json "stats show" "$(g stats show --json)" '[.ports[].port] == ["a", "b", "plain", "t"] and (.total | has("rx_packets"))'
check_json "filter by port" "$(g stats show --port b --json)" '[.ports[].port] == ["b"]'
check_json "filter by worker" "$(g stats show --worker 1 --json)" '.ports | length == 4'
check "the last row is the total" grep -q '^total ' <<<"$(g stats show)"
check "stats clear" g stats clear
check "stats clear of a port" g stats clear --port a

system=$(g system show --json)
check_json "system show" "$system" '(.version | length > 0) and .kernel == $k and .pid == $p and .n_workers == 2 and
	(.memory | .frames > 0 and .bytes >= .frames * .frame_size and (.kind | length > 0)) and (.features | length >= 8)' \
	--arg k "$(uname -r)" --argjson p "$gt_daemon"
check "as text" eval 'g system show | grep -q "^features:" && g system show | grep -q "tx_metadata"'
check_json "system version" "$(g system version --json)" '.version == $v' --arg v "$(jq -r .version <<<"$system")"
check_json "rpc discover has every method that the command has" "$(g rpc discover --json)" \
	'[.methods[].name] as $m | ["port.add", "port.del", "port.set", "port.list", "port.show", "vlan.list", "vlan.set", "fdb.list",
	"fdb.add", "fdb.del", "fdb.flush", "bridge.show", "bridge.set", "worker.list", "stats.show", "stats.clear",
	"system.show"] - $m == []'

# -- the command itself ------------------------------------------------------------------------
check "the socket from the environment" env GARUDA_SOCKET="$GT_SOCKET" "$GARUDA_BUILD/cli/garuda" port list
g port set a --vlna 5 2>"$GT_TMP/out"
check_equal "an unknown option: status 2" $? 2
check "the options are told" grep -q -- '--vlan' "$GT_TMP/out"
g prot list 2>/dev/null
check_equal "an unknown noun: status 2" $? 2
"$GARUDA_BUILD/cli/garuda" --socket /nowhere/sock port list 2>"$GT_TMP/out"
check_equal "no daemon: status 3" $? 3
check "in a sentence: $(cat "$GT_TMP/out")" grep -q /nowhere/sock "$GT_TMP/out"
check "port del" g port del a
check_json "its entries are gone" "$(g bridge show --json)" '.fdb_entries == 1 and .n_ports == 3'
finish
