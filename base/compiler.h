// SPDX-License-Identifier: BSD-3-Clause
// Attributes and small compile-time helpers. Knows nothing of packets.
#pragma once

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#define CACHE_LINE 64

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#define cache_aligned     __attribute__((aligned(CACHE_LINE)))
#define fast_inline       inline __attribute__((always_inline))
#define printf_like(f, a) __attribute__((format(printf, f, a)))
#define must_check        __attribute__((warn_unused_result))

// The object that embeds `member` at `ptr`.
#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)     ((a) < (b) ? (a) : (b))
#define MAX(a, b)     ((a) > (b) ? (a) : (b))

// Smallest multiple of `to` (a power of two) that is not below `n`.
#define ALIGN_UP(n, to) (((n) + ((to)-1)) & ~((__typeof__(n))(to)-1))
