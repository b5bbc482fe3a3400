// SPDX-License-Identifier: BSD-3-Clause
// Allocation with a fault injector. The counters are relaxed atomics: control
// allocates rarely, and only single-threaded tests read them.
#include "base/mem.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define HUGE_PAGE (2u << 20)

static _Atomic uint64_t count, fail_at;

void *mem_zalloc(size_t size, size_t align)
{
	uint64_t n = atomic_fetch_add_explicit(&count, 1, memory_order_relaxed) + 1;
	void *p;

	if (unlikely(n == atomic_load_explicit(&fail_at, memory_order_relaxed)))
		return NULL;
	if (align <= sizeof(void *) && size < HUGE_PAGE)
		return calloc(1, size ? size : 1);
	if (size >= HUGE_PAGE && align < HUGE_PAGE)
		align = HUGE_PAGE;
	if (posix_memalign(&p, align, size))
		return NULL;
	if (size >= HUGE_PAGE)
		madvise(p, size, MADV_HUGEPAGE); // advice only: without it the memory still works
	memset(p, 0, size);
	return p;
}

void mem_free(void *p)
{
	free(p);
}

void mem_fail_at(uint64_t n)
{
	atomic_store(&count, 0);
	atomic_store(&fail_at, n);
}

uint64_t mem_alloc_count(void)
{
	return atomic_load(&count);
}
