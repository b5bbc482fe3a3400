// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/counters.h"

#define N_COUNTERS                                                                                 \
	(offsetof(struct port_counters, exception) / sizeof(uint64_t) + N_EXCEPTION_REASONS)

uint64_t port_counters_exceptions(const struct port_counters *c)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < N_EXCEPTION_REASONS; i++)
		sum += counter_read(&c->exception[i]);
	return sum;
}

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
