// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What the BPF programs and dataplane/port/ agree on. Plain C types only: both
// sides include it.
#pragma once

// One receive queue as the program sees it; a cache line each, mapped by the port.
// The program writes first_pending when it hands a frame to a queue whose worker owes
// nothing; the worker sets it back to 0 at every look. The counters are the program's.
struct admit_watch {
	unsigned long long first_pending; // coarse monotonic time, ns; 0 = nothing waits
	unsigned long long let_through;   // when a stalled queue was last given a frame, ns
	unsigned long long stalled;       // frames dropped because the worker does not come
	unsigned long long malformed;     // frames dropped because they are no Ethernet frames
	unsigned long long unserved;      // frames dropped because no socket serves the queue
	unsigned long long pad[3];
};

#define ADMIT_QUEUES_MAX 16             // receive queues of one netdev; PORT_QUEUES_MAX
#define GUARD_PROGRAM    "garuda_guard" // by this name a guard is known to be ours
#define GUARD_HANDLE     0x6a7da
#define GUARD_PRIORITY   1
