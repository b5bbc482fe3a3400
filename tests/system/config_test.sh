#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The configuration file: the example in packaging/ loads, with everything absent that is not
# there yet; a file with an error is refused as a whole, with one sentence.
#
#	web, db, disk: eth0 ── [tap] garuda [af_xdp] ── eth1 (peer in host)
#
source "$(dirname "$0")/_init.sh"
[ "$GT_DUT" = garuda ] || skip "the kernel's bridge reads no such file"

# The example, with this test's names for the namespaces.
example=$GT_TMP/example.json
sed -E "s/\"(web|db|disk):eth0\"/\"$GT_PREFIX-\1:eth0\"/" "$GT_TOP/packaging/example.json" >"$example"
GT_CONFIG=$example dut_start

port() {
	g port show "$1" --json | jq -r ".port.$2"
}

# -- the example -------------------------------------------------------------------------------

for name in uplink web db disk; do
	check_equal "$name is kept as absent" "$(port $name oper)" absent
done
check_equal "and says why" "$(port web reason)" \
	"there is no network namespace $GT_PREFIX-web; make it (ip netns add), or check the name"
check_equal "system show names the file" "$(g system show --json | jq -r .config)" "$example"
check_json "settings of the switch" "$(g bridge show --json)" '.fdb_max == 65536'
check_json "names of VLANs" "$(g vlan list --json)" \
	'[.vlans[] | select(.name != "") | "\(.vlan) \(.name)"] == ["10 front", "20 storage"]'
check_json "a trunk" "$(g port show uplink --json)" \
	'.port | .trunk == "10,20,100-199" and .native == 1 and .kind == "af_xdp"'
check_json "a container's leg" "$(g port show disk --json)" \
	'.port | .vlan == 20 and .mtu == 9000 and .fdb_limit == 4 and .bpdu_guard and .kind == "tap"'
check_json "a static address" "$(g fdb list --json)" \
	'any(.entries[]; .mac == "02:00:00:00:10:01" and .port == "web" and .type == "static")'

for name in web db disk; do
	host_new $name
done
host_new host
ip -n "$GT_SWITCH" link add eth1 type veth peer name eth0 netns "$GT_PREFIX-host"
ip -n "$GT_SWITCH" link set eth1 up
ip -n "$GT_PREFIX-host" link set eth0 up
for name in web db disk uplink; do
	check "$name comes up when what it names comes" wait_for 5 eval "[ \"\$(port $name oper)\" = up ]"
done
ip -n "$GT_PREFIX-web" addr add 10.0.0.1/24 dev eth0
ip -n "$GT_PREFIX-db" addr add 10.0.0.2/24 dev eth0
check "and web reaches db" on web ping -q -c 2 -i 0.2 -W 2 10.0.0.2
check_conservation
daemon_kill
ip -n "$GT_SWITCH" link del eth1

# -- errors ------------------------------------------------------------------------------------

# A port that could be made, to see that it is not.
good="{\"name\": \"good\", \"container\": \"$GT_PREFIX-web:eth0\"}"

# refused JSON SENTENCE: one line in the log: file, object, reason, remedy; nothing else is left.
refused() {
	local status=0 said
	printf '%s\n' "$1" >"$GT_TMP/bad.json"
	said=$(on sw timeout 10 "$GARUDA_BUILD/control/garudad" --socket "$GT_SOCKET" \
		--config "$GT_TMP/bad.json" 2>&1) || status=$?
	check_equal "refused: $2" "$status: $said" "1: garudad: $GT_TMP/bad.json$2"
	check_equal "  and nothing is left" "$(ip -n "$GT_PREFIX-web" -o link show type tun
		ls "$GT_SOCKET"* 2>/dev/null)" ""
}

refused "{\"ports\": [$good" ":2:0: is not JSON: ']' expected near end of file"
refused "{\"port\": [$good]}" ": port: is not known here; there are bridge, router, vlans, ports and fdb"
refused "{\"ports\": $good}" ": ports: must be a list of objects with the parameters of port.add"
refused "{\"ports\": [$good, {\"name\": \"b\", \"vlan\": 4095}]}" \
	": ports[1] (b): port.add: parameter 'vlan' must be between 1 and 4094, not 4095"
refused "{\"ports\": [$good, {\"name\": \"b\", \"vlan\": 1, \"trunk\": \"2\"}]}" \
	": ports[1] (b): port b: vlan and trunk contradict each other; give vlan for an access port, or trunk (and native) for a trunk"
refused "{\"ports\": [$good, {\"name\": \"b\", \"netdev\": \"lo\"}]}" \
	": ports[1] (b): port b: netdev lo is not an Ethernet device: choose one that is"
refused "{\"ports\": [$good], \"fdb\": [{\"port\": \"b\", \"mac\": \"02:00:00:00:00:01\"}]}" \
	": fdb[0]: port b: there is no port of that name; 'garuda port list' shows all"
refused "{\"bridge\": {\"ageing_time\": -1}, \"ports\": [$good]}" \
	": bridge: bridge.set: parameter 'ageing_time' must be between 0 and 1000000, not -1"
finish
