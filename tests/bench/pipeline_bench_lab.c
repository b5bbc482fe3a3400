// SPDX-License-Identifier: BSD-3-Clause
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "dataplane/path/path.h"
#include "tests/bench/pipeline_bench.h"

#define MAX_ROUNDS 41

void lab_die(const char *what)
{
	fprintf(stderr, "pipeline_bench: %s failed\n", what);
	exit(2);
}

void lab_open(struct lab *lab, unsigned n_ports)
{
	static const char *const names[LAB_PORTS] = {"a", "b", "c"};
	struct dataplane_config dc = {.n_frames = 2 * FLIGHT, .mode = WORKER_POLL};
	char error[PORT_ERROR_SIZE];

	if (dataplane_create(&lab->dp, &dc))
		lab_die("dataplane");
	lab->n_ports = n_ports;
	lab->w = dataplane_worker(lab->dp, 0);
	packet_cache_init(&lab->cache, dataplane_pool(lab->dp));
	for (port_id_t i = 0; i < n_ports; i++) {
		struct port_config pc = {.name = names[i], .pool = dataplane_pool(lab->dp)};

		if (port_open(&lab->port[i], "memory", i, &pc, error) ||
			dataplane_add_port(lab->dp, i))
			lab_die("port");
		memory_port_keep(lab->port[i], true);
	}
	for (unsigned i = 0; i < FLIGHT; i++)
		if (!(lab->flight[i] = packet_alloc(&lab->cache)))
			lab_die("packet_alloc");
	rcu_reader_register();
}

void lab_close(struct lab *lab)
{
	rcu_reader_unregister();
	packet_free_bulk(&lab->cache, lab->flight, FLIGHT);
	for (unsigned i = 0; i < lab->n_ports; i++)
		port_close(lab->port[i]);
	rcu_barrier_reclaim();
	dataplane_destroy(lab->dp);
}

static void write_headers(struct lab *lab)
{
	for (unsigned i = 0; i < FLIGHT; i++) {
		packet_reset(lab->cache.geometry, lab->flight[i]);
		lab->write(lab, lab->flight[i]);
	}
}

static void take_back(struct lab *lab, unsigned first, unsigned n)
{
	unsigned port = 1;

	for (unsigned i = 0; i < n; i++) {
		struct packet *p;

		while (!(p = memory_port_collect(lab->port[port], 0)))
			if (++port == lab->n_ports)
				lab_die("forwarding");
		lab->flight[first + i] = p;
	}
}

static uint64_t tsc_overhead(void)
{
	uint64_t best = UINT64_MAX;

	for (int i = 0; i < 1000; i++) {
		uint64_t t = clock_cycles();

		best = MIN(best, clock_cycles() - t);
	}
	return best;
}

// One pass over the flight; cycles per packet, in all and by stage.
static double pass_total(struct lab *lab, unsigned burst, uint64_t overhead)
{
	uint64_t cycles = 0;

	write_headers(lab);
	for (unsigned i = 0; i < FLIGHT; i += burst) {
		for (unsigned k = 0; k < burst; k++)
			memory_port_inject(lab->port[0], 0, lab->flight[i + k]);
		uint64_t t = clock_cycles();

		worker_run_once(lab->w);
		cycles += clock_cycles() - t - overhead;
		rcu_quiescent();
		take_back(lab, i, burst);
	}
	return (double)cycles / FLIGHT;
}

void lab_warm_up(struct lab *lab, unsigned passes)
{
	for (unsigned i = 0; i < passes; i++)
		pass_total(lab, 32, 0);
}

enum stage { RX, PARSE, CLASSIFY, L2, OUTPUT, TX, N_STAGES };
static const char *const bridge_stages[N_STAGES] = {
	"rx", "parse", "classify", "l2", "output", "tx"};
static const char *const router_stages[N_STAGES] = {"rx", "parse", "l3", NULL, "output", "tx"};

// Reads the clock between the stages, or only before and after all of them (in out[0]).
static void pass_stages(struct lab *lab, unsigned burst, bool split, double *out)
{
	const struct snapshot *s = *lab->w->published;
	struct port_queue *q = &lab->port[0]->queue[0];
	uint64_t cycles[N_STAGES] = {0};

	write_headers(lab);
	for (unsigned i = 0; i < FLIGHT; i += burst) {
		uint64_t t[N_STAGES + 1];
		struct burst b;

		for (unsigned k = 0; k < burst; k++)
			memory_port_inject(lab->port[0], 0, lab->flight[i + k]);
		t[0] = clock_cycles();
		rx(lab->w, s, q, &b);
		t[1] = split ? clock_cycles() : 0;
		parse(lab->w, &b);
		t[2] = split ? clock_cycles() : 0;
		if (lab->is_routed) {
			l3(lab->w, s, &b);
			t[3] = t[4] = split ? clock_cycles() : 0;
			output_routed(lab->w, s, &b);
		} else {
			classify(lab->w, s, &b);
			t[3] = split ? clock_cycles() : 0;
			l2(lab->w, s, &b);
			t[4] = split ? clock_cycles() : 0;
			output(lab->w, s, &b);
		}
		t[5] = split ? clock_cycles() : 0;
		tx(lab->w, s);
		t[6] = clock_cycles();
		if (!split)
			t[1] = t[6];
		for (unsigned k = 0; k < (split ? N_STAGES : 1); k++)
			cycles[k] += t[k + 1] - t[k];
		take_back(lab, i, burst);
	}
	for (unsigned k = 0; k < N_STAGES; k++)
		out[k] = (double)cycles[k] / FLIGHT;
}

static const unsigned bursts[] = {1, 4, 8, 16, 32, 64};

static bool wanted(const struct bench_options *o, const char *name)
{
	return !o->filter || strstr(name, o->filter);
}

bool lab_wanted(const struct bench_options *o, const char *name)
{
	char row[80];

	for (unsigned k = 0; k < ARRAY_SIZE(bursts); k++) {
		snprintf(row, sizeof(row), "%s, bursts of %u", name, bursts[k]);
		if (wanted(o, row))
			return true;
	}
	snprintf(row, sizeof(row), "%s, bursts of 32: stages", name);
	return wanted(o, row);
}

static void measure_bursts(const struct bench_options *o, struct lab *lab)
{
	unsigned rounds = o->quick ? 9 : MAX_ROUNDS;
	double total[ARRAY_SIZE(bursts)][MAX_ROUNDS];
	char name[ARRAY_SIZE(bursts)][80];
	uint64_t overhead = tsc_overhead();

	for (unsigned k = 0; k < ARRAY_SIZE(bursts); k++)
		snprintf(name[k], sizeof(name[k]), "%s, bursts of %u", lab->name, bursts[k]);
	for (unsigned r = 0; r < rounds; r++)
		for (unsigned k = 0; k < ARRAY_SIZE(bursts); k++)
			if (wanted(o, name[k]))
				total[k][r] = pass_total(lab, bursts[k], overhead);
	for (unsigned k = 0; k < ARRAY_SIZE(bursts); k++)
		if (wanted(o, name[k]))
			bench_report(o, &(struct bench_row){.name = name[k],
						.value = bench_median(total[k], rounds),
						.unit = "cycles/pkt",
						.target = bursts[k] < 32 ? 0 : lab->target});
}

// The clock overlaps with what stands around it: what reading it between the stages costs is
// measured by not doing so, and taken from all stages alike.
static void measure_stages(const struct bench_options *o, struct lab *lab)
{
	const char *const *stage_names = lab->is_routed ? router_stages : bridge_stages;
	unsigned rounds = o->quick ? 9 : MAX_ROUNDS, n_stages = lab->is_routed ? 5 : 6;
	double stages[N_STAGES][MAX_ROUNDS], whole[MAX_ROUNDS], row[N_STAGES];
	double median[N_STAGES], clock = 0;
	char name[80];

	snprintf(name, sizeof(name), "%s, bursts of 32: stages", lab->name);
	if (!wanted(o, name))
		return;
	for (unsigned r = 0; r < rounds; r++) {
		pass_stages(lab, 32, true, row);
		for (unsigned k = 0; k < N_STAGES; k++)
			stages[k][r] = row[k];
		pass_stages(lab, 32, false, row);
		whole[r] = row[0];
	}
	for (unsigned k = 0; k < N_STAGES; k++) {
		median[k] = bench_median(stages[k], rounds);
		clock += median[k] / n_stages;
	}
	clock -= bench_median(whole, rounds) / n_stages;
	for (unsigned k = 0; k < N_STAGES; k++) {
		if (!stage_names[k])
			continue;
		snprintf(name, sizeof(name), "  %s, bursts of 32: stage %s", lab->name,
			stage_names[k]);
		bench_report(
			o, &(struct bench_row){
				   .name = name, .value = median[k] - clock, .unit = "cycles/pkt"});
	}
}

void lab_measure(const struct bench_options *o, struct lab *lab)
{
	measure_bursts(o, lab);
	measure_stages(o, lab);
}
