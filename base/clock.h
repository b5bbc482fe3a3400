// SPDX-License-Identifier: BSD-3-Clause
// Monotonic time. All of Garuda asks here, so that a test can move the clock.
#pragma once

#include <stdint.h>

#define NS_PER_MS  1000000ull
#define NS_PER_SEC 1000000000ull

// Nanoseconds of CLOCK_MONOTONIC plus what tests warped. Workers call it at most once per loop.
uint64_t clock_now_ns(void);

// Tests: freeze the clock at its present value, then move it by hand. Any thread.
void clock_freeze(void);
void clock_warp_ns(uint64_t ns);
void clock_unfreeze(void);

// CPU time stamp counter for benches and per-stage cycle counts: "TSC cycles"
// are time in units of the nominal clock, comparable within one run only.
static inline uint64_t clock_cycles(void)
{
#if defined(__x86_64__)
	return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
	uint64_t v;
	__asm__ volatile("mrs %0, cntvct_el0" : "=r"(v));
	return v;
#else
	return clock_now_ns();
#endif
}
