// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What the BPF programs and dataplane/port/ agree on. Plain constants only: both
// sides include it.
#pragma once

#define ADMIT_QUEUES_MAX 16             // receive queues of one netdev; PORT_QUEUES_MAX
#define GUARD_PROGRAM    "garuda_guard" // by this name a guard is known to be ours
#define GUARD_HANDLE     0x6a7da
#define GUARD_PRIORITY   1
