// SPDX-License-Identifier: BSD-3-Clause
// Heap memory for control and tables. Never called by a worker on its packet path.
//
// Every allocation may fail and every caller must survive that: a test makes
// the n-th allocation fail in turn (mem_fail_at) and expects the callers'
// objects unchanged.
#pragma once

#include "base/compiler.h"

// Zeroed memory aligned to `align` (a power of two; 0 = as malloc). NULL when there is none.
// Blocks of 2 MiB and more are advised to use transparent huge pages.
must_check void *mem_zalloc(size_t size, size_t align);
// The same without zeroing or touching it, for who wants to spread that cost.
must_check void *mem_alloc(size_t size, size_t align);
void mem_free(void *p); // NULL is fine

// Address space without memory, for what must grow in one piece; `size` and what is committed are
// rounded up to pages. Where it may use transparent huge pages it is aligned for them.
must_check void *mem_reserve(size_t size);       // NULL when there is none
must_check int mem_commit(void *p, size_t size); // a part that reads as zeros; or -ENOMEM
void mem_decommit(void *p, size_t size);         // its memory goes, it reads as zeros again
void mem_unreserve(void *p, size_t size);        // all of it; NULL is fine

// Tests only, one thread: fail the n-th allocation from now (1 = the next one); 0 = never.
// mem_alloc_count() counts allocations since the last mem_fail_at().
void mem_fail_at(uint64_t n);
uint64_t mem_alloc_count(void);
