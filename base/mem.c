// SPDX-License-Identifier: BSD-3-Clause
// Allocation with a fault injector. The counters are relaxed atomics: control
// allocates rarely, and only single-threaded tests read them.
#include "base/mem.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define HUGE_PAGE (2u << 20)

static _Atomic uint64_t count, fail_at;

static bool must_fail(void)
{
	uint64_t n = atomic_fetch_add_explicit(&count, 1, memory_order_relaxed) + 1;

	return n == atomic_load_explicit(&fail_at, memory_order_relaxed);
}

static void *take(size_t size, size_t align)
{
	void *p;

	if (size >= HUGE_PAGE && align < HUGE_PAGE)
		align = HUGE_PAGE;
	if (posix_memalign(&p, MAX(align, sizeof(void *)), size))
		return NULL;
	if (size >= HUGE_PAGE)
		madvise(p, size, MADV_HUGEPAGE); // advice only: without it the memory still works
	return p;
}

void *mem_zalloc(size_t size, size_t align)
{
	void *p;

	if (unlikely(must_fail()))
		return NULL;
	if (align <= sizeof(void *) && size < HUGE_PAGE)
		return calloc(1, size ? size : 1);
	p = take(size, align);
	if (p)
		memset(p, 0, size);
	return p;
}

void *mem_alloc(size_t size, size_t align)
{
	if (unlikely(must_fail()))
		return NULL;
	return take(size, align);
}

void mem_free(void *p)
{
	free(p);
}

void *mem_reserve(size_t size)
{
	size_t extra = size >= HUGE_PAGE ? HUGE_PAGE : 0;
	char *p, *start;

	if (unlikely(must_fail()))
		return NULL;
	p = mmap(NULL, size + extra, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		return NULL;
	if (!extra)
		return p;
	start = (char *)ALIGN_UP((uintptr_t)p, (uintptr_t)HUGE_PAGE);
	if (start > p)
		munmap(p, (size_t)(start - p));
	if (start < p + extra)
		munmap(start + size, (size_t)(p + extra - start));
	madvise(start, size, MADV_HUGEPAGE); // advice only
	return start;
}

int mem_commit(void *p, size_t size)
{
	if (unlikely(must_fail()))
		return -ENOMEM;
	return mprotect(p, size, PROT_READ | PROT_WRITE) ? -ENOMEM : 0;
}

void mem_decommit(void *p, size_t size)
{
	madvise(p, size, MADV_DONTNEED);
}

void mem_unreserve(void *p, size_t size)
{
	if (p)
		munmap(p, size);
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
