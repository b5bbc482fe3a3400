// SPDX-License-Identifier: BSD-3-Clause
// What the sink of framegen and its BPF program share.
#pragma once

// One of these per CPU, written by the program on that CPU, read by framegen.
struct sink_counts {
	unsigned long long frames, bytes;
};
