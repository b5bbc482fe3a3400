#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# In the guest: the demo on an old kernel says what is missing, and shows TAP ports only.
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
output=$(packaging/demo --quick --build "${GARUDA_BUILD:?}" 2>&1)
status=$?
echo "$output"
grep -q 'rx_vlan_tag: .* Use Linux 6.8' <<<"$output" || status=1
exit $status
