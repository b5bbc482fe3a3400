#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The kernel's VLAN-filtering bridge and garuda do the same with every frame of the leak matrix.
source "$(dirname "$0")/../system/_init.sh"

matrix=$GT_TOP/tests/system/leak_matrix
for dut in kernel garuda; do
	GT_DUT=$dut GT_RESULTS=$GT_TMP/$dut.json "${matrix}_test.sh"
	status=$?
	[ $status != 77 ] || exit 77
	check_equal "the leak matrix of $dut" $status 0
done
check "both did the same with every frame" \
	/usr/bin/python3 "$matrix.py" compare "$GT_TMP/kernel.json" "$GT_TMP/garuda.json"
finish
