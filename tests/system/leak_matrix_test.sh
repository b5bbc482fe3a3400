#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Frames arrive exactly where, and with the tags, that IEEE 802.1Q says, and nowhere else:
#
#	acc10 acc10b acc20      access ports of VLAN 10 and 20
#	trunk trunk20           trunks without a native VLAN: 10,20 and 20,30-32
#	nat10 nat20             trunks with native VLAN 10 (20 tagged) and 20 (10 and 31 tagged)
#	plain plainb            ports without VLAN options: VLAN 1
#	  |     |
#	[ device under test ]
#
# Every host sends untagged, tagged, priority-tagged and double-tagged frames, and frames whose
# outer tag is in the kernel's metadata only; broadcast, and unicast to every other host.
# leak_matrix.py holds the table of ports and computes what must arrive.
#
# GT_DUT=kernel asks the kernel's bridge the same. GT_RESULTS=FILE keeps what arrived, for
# `leak_matrix.py compare`.
source "$(dirname "$0")/_init.sh"

matrix=$GT_TOP/tests/system/leak_matrix.py
profile=full
dut_start
if [ "$GT_DUT" = kernel ] && ! gt_has_vlan_filtering; then
	echo "this kernel's bridge has no VLANs: untagged frames only"
	profile=flat
fi
while read -r name options; do
	read -r -a words <<<"$options"
	host_add "$name" ${words[@]+"${words[@]}"}
	check "$name can send tags in metadata" vlan_push "$name"
done < <(/usr/bin/python3 "$matrix" ports $profile)

if /usr/bin/python3 "$matrix" run $profile "$GT_PREFIX" ${GT_RESULTS:+"$GT_RESULTS"}; then
	pass "every frame exactly where 802.1Q says"
else
	fail "the leak matrix"
fi
finish
