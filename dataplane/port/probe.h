// SPDX-License-Identifier: BSD-3-Clause
// What the running kernel can do for us. Each feature can be forced off, to test
// the fallback that is then used. Control thread; nothing that it asks leaves a
// trace in the system.
#pragma once

#include <stdbool.h>

enum probe_feature {
	PROBE_AF_XDP,
	PROBE_UNALIGNED_CHUNKS,
	PROBE_MULTI_BUFFER,
	PROBE_RX_VLAN_TAG,
	PROBE_TX_METADATA,
	PROBE_TX_BUDGET,
	PROBE_PACKET_GSO,
	PROBE_TAP_USO,
	PROBE_TCX,
	PROBE_HUGETLB,
	PROBE_THP,
	PROBE_N,
};

struct probe_result {
	const char *name;   // as --disable-feature takes it: "tx_metadata"
	bool available;     // the kernel has it
	bool forced_off;    // and it is not used all the same
	const char *lost;   // a sentence: what is lost without it
	const char *remedy; // a sentence: how to get it
};

// Forces a feature off by name; before the first use of the others. 0 or -ENOENT.
int probe_force_off(const char *name);

// Whether to use it. The first call of any asks the kernel, in a few ms.
bool probe_has(enum probe_feature);

void probe_result(enum probe_feature, struct probe_result *out);
