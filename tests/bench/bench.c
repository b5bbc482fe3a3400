// SPDX-License-Identifier: BSD-3-Clause
#include "tests/bench/bench.h"

#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/clock.h"

static bool machine_told;
static int missed;

struct bench_options bench_options(int argc, char **argv, const char *what_it_measures)
{
	static const struct option longs[] = {
		{"json", no_argument, NULL, 'j'},
		{"quick", no_argument, NULL, 'q'},
		{"filter", required_argument, NULL, 'f'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	struct bench_options o = {0};
	int c;

	while ((c = getopt_long(argc, argv, "jqf:h", longs, NULL)) != -1) {
		switch (c) {
		case 'j':
			o.json = true;
			break;
		case 'q':
			o.quick = true;
			break;
		case 'f':
			o.filter = optarg;
			break;
		default:
			fprintf(c == 'h' ? stdout : stderr,
				"usage: %s [--quick] [--json] [--filter TEXT]\n%s\n", argv[0],
				what_it_measures);
			exit(c == 'h' ? 0 : 2);
		}
	}
	return o;
}

static void cpu_model(char *buf, size_t size)
{
	FILE *f = fopen("/proc/cpuinfo", "r");
	char line[256];

	snprintf(buf, size, "unknown CPU");
	while (f && fgets(line, sizeof(line), f)) {
		if (strncmp(line, "model name", 10) == 0 && strchr(line, ':')) {
			snprintf(buf, size, "%.*s", (int)strcspn(strchr(line, ':') + 2, "\n"),
				strchr(line, ':') + 2);
			break;
		}
	}
	if (f)
		fclose(f);
}

static void tell_machine(const struct bench_options *o)
{
	struct utsname u;
	char cpu[200];

	machine_told = true;
	cpu_model(cpu, sizeof(cpu));
	uname(&u);
	if (o->json) {
		json_t *j = json_pack("{s:s, s:i, s:s, s:I}", "machine", cpu, "cores",
			(int)sysconf(_SC_NPROCESSORS_ONLN), "kernel", u.release, "tsc_hz",
			(json_int_t)bench_tsc_hz());

		json_dumpf(j, stdout, JSON_COMPACT);
		putchar('\n');
		json_decref(j);
		return;
	}
	printf("%s, %ld cores, kernel %s, TSC %.2f GHz\n", cpu, sysconf(_SC_NPROCESSORS_ONLN),
		u.release, (double)bench_tsc_hz() / 1e9);
	printf("%-52s %12s %-10s %-22s %12s %7s %8s %s\n", "name", "value", "unit", "peer",
		"peer value", "ratio", "target", "met");
}

void bench_report(const struct bench_options *o, const struct bench_row *r)
{
	double ratio = r->peer && r->peer_value > 0 ? r->value / r->peer_value : 0;
	double judged = r->peer ? ratio : r->value;
	bool met = r->target == 0 ||
		   (r->better == BENCH_LOWER ? judged <= r->target : judged >= r->target);

	if (!machine_told)
		tell_machine(o);
	missed += !met;
	if (o->json) {
		json_t *j = json_pack(
			"{s:s, s:f, s:s}", "name", r->name, "value", r->value, "unit", r->unit);

		if (r->peer)
			json_object_update_new(
				j, json_pack("{s:s, s:f, s:f}", "peer", r->peer, "peer_value",
					   r->peer_value, "ratio", ratio));
		if (r->target != 0)
			json_object_update_new(
				j, json_pack("{s:f, s:b}", "target", r->target, "met", met));
		json_dumpf(j, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6));
		putchar('\n');
		json_decref(j);
	} else {
		printf("%-52s %12.2f %-10s ", r->name, r->value, r->unit);
		if (r->peer)
			printf("%-22s %12.2f %7.2f ", r->peer, r->peer_value, ratio);
		else
			printf("%-22s %12s %7s ", "-", "-", "-");
		if (r->target != 0)
			printf("%s%7.2f %s\n", r->better == BENCH_LOWER ? "<" : ">", r->target,
				met ? "yes" : "NO");
		else
			printf("%8s -\n", "-");
	}
	fflush(stdout);
}

int bench_finish(const struct bench_options *o)
{
	if (missed && !o->json)
		printf("%d target(s) missed\n", missed);
	return missed ? 1 : 0;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double bench_median(double *samples, size_t n)
{
	qsort(samples, n, sizeof(*samples), compare);
	return n % 2 ? samples[n / 2] : (samples[n / 2 - 1] + samples[n / 2]) / 2;
}

uint64_t bench_tsc_hz(void)
{
	static uint64_t hz;
	uint64_t ns = clock_now_ns(), tsc = clock_cycles();

	if (hz)
		return hz;
	usleep(20000);
	hz = (uint64_t)((double)(clock_cycles() - tsc) * 1e9 / (double)(clock_now_ns() - ns));
	return hz;
}

uint64_t bench_rand(uint64_t *state)
{
	uint64_t x = *state;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	*state = x;
	return x * 0x2545f4914f6cdd1dull;
}
