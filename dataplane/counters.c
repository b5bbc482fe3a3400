// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/counters.h"

#define N_COUNTERS (offsetof(struct port_counters, drop) / sizeof(uint64_t) + N_DROP_REASONS)

void port_counters_add(struct port_counters *sum, const struct port_counters *c)
{
	uint64_t *to = (uint64_t *)sum;
	const uint64_t *from = (const uint64_t *)c;

	for (size_t i = 0; i < N_COUNTERS; i++)
		to[i] += counter_read(&from[i]);
}

void port_counters_sub(struct port_counters *sum, const struct port_counters *c)
{
	uint64_t *to = (uint64_t *)sum;
	const uint64_t *from = (const uint64_t *)c;

	for (size_t i = 0; i < N_COUNTERS; i++)
		to[i] -= counter_read(&from[i]);
}
