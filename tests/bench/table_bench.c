// SPDX-License-Identifier: BSD-3-Clause
// The tables against DPDK's, in one run: cycles per operation, rates, bytes.
#include "tests/bench/table_bench.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>

#ifdef HAVE_DPDK
#include <rte_eal.h>
#include <rte_errno.h>

static bool huge_pages_free(void)
{
	FILE *f = fopen("/proc/meminfo", "r");
	unsigned long pages = 0;
	char line[128];

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "HugePages_Free: %lu", &pages) == 1)
			break;
	if (f)
		fclose(f);
	return pages >= 256;
}

bool table_bench_peers(void)
{
	static char name[] = "table_bench", quiet[] = "--log-level=error", pci[] = "--no-pci",
		    telemetry[] = "--no-telemetry", memory[] = "--in-memory",
		    no_huge[] = "--no-huge", m[] = "-m", size[] = "3072", lcores[] = "--lcores=0",
		    simd[] = "--force-max-simd-bitwidth=512";
	char *huge_args[] = {name, quiet, pci, telemetry, lcores, simd, memory};
	char *plain_args[] = {name, quiet, pci, telemetry, lcores, simd, no_huge, m, size};
	static int state; // 0 not tried, 1 running, -1 failed

	if (!state) {
		bool huge = huge_pages_free();
		cpu_set_t cpus;
		bool known = !sched_getaffinity(0, sizeof(cpus), &cpus);
		int err = huge ? rte_eal_init(7, huge_args) : rte_eal_init(9, plain_args);

		// DPDK binds its main thread to one CPU, and every thread made later inherits
		// that: rows of two threads would measure how these take turns.
		if (known)
			sched_setaffinity(0, sizeof(cpus), &cpus);
		state = err < 0 ? -1 : 1;
		fprintf(stderr, "DPDK: %s\n",
			err < 0 ? rte_strerror(rte_errno)
			: huge  ? "huge pages"
				: "no huge pages");
	}
	return state > 0;
}
#else
bool table_bench_peers(void)
{
	return false;
}
#endif

bool table_bench_wants(const struct bench_options *o, const char *name)
{
	return !o->filter || strstr(name, o->filter);
}

int main(int argc, char **argv)
{
	struct bench_options o =
		bench_options(argc, argv, "Lookups and changes of the tables, beside DPDK's.");

	bench_fdb(&o);
	bench_learn(&o);
	bench_fib(&o);
	bench_rib(&o);
	return bench_finish(&o);
}
