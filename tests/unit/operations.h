// SPDX-License-Identifier: BSD-3-Clause
// Where the operations of a table and its naive twin come from: numbers from a seed (unit tests,
// any length, replayed by the seed) or from a fuzzer's bytes.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

struct operations {
	const uint8_t *data; // NULL = from the seed
	size_t left;         // bytes, or operations
	uint64_t state;      // of the seed
	uint64_t done;       // operations
};

static inline bool operations_more(struct operations *o)
{
	if (!o->left)
		return false;
	if (!o->data)
		o->left--;
	o->done++;
	return true;
}

// A number below `below`. From a fuzzer: one byte is spoken for, stretched for larger ranges.
static inline uint32_t operations_pick(struct operations *o, uint32_t below)
{
	uint32_t v = 0;

	if (o->data) {
		if (o->left) {
			v = *o->data++;
			o->left--;
		}
		o->state = o->state * 31 + v;
		return (uint32_t)(v | (o->state & 0xffffff) << 8) % below;
	}
	o->state += 0x9e3779b97f4a7c15;
	return (uint32_t)((o->state ^ o->state >> 31) * 0xbf58476d1ce4e5b9 >> 32) % below;
}

#define must(o, what) ((what) ? (void)0 : operations_failed(o, #what, __FILE__, __LINE__))

static inline void operations_failed(
	const struct operations *o, const char *what, const char *file, int line)
{
	fprintf(stderr, "table and twin differ in operation %llu: %s:%d: %s\n",
		(unsigned long long)o->done, file, line, what);
	abort();
}
