// SPDX-License-Identifier: BSD-3-Clause
// Monotonic time with a hand brake for tests.
#include "base/clock.h"

#include <stdatomic.h>
#include <time.h>

// 0 = running. Written by tests, read by every thread.
static _Atomic uint64_t frozen_at;

static uint64_t monotonic_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_SEC + (uint64_t)ts.tv_nsec;
}

uint64_t clock_now_ns(void)
{
	uint64_t frozen = atomic_load_explicit(&frozen_at, memory_order_relaxed);

	return frozen ? frozen : monotonic_ns();
}

void clock_freeze(void)
{
	atomic_store(&frozen_at, monotonic_ns());
}

void clock_warp_ns(uint64_t ns)
{
	atomic_fetch_add(&frozen_at, ns);
}

void clock_unfreeze(void)
{
	atomic_store(&frozen_at, 0);
}
