// SPDX-License-Identifier: BSD-3-Clause
// TSC cycles per packet of the whole pipeline over memory ports: learning bridge,
// source and destination looked up in a random permutation of MACs, VLAN rules
// and counters on.
//
// FLIGHT frames circulate in FIFO order. Their headers are written anew before
// every pass, all of them at once and outside the measured time, so that a
// burst's header lines are as far away as after FLIGHT - 32 other frames.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "dataplane/dataplane.h"
#include "dataplane/path/path.h"
#include "dataplane/port/memory.h"
#include "tests/bench/bench.h"

#define FLIGHT     8192
#define MAX_ROUNDS 41

struct lab {
	struct dataplane *dp;
	struct fdb *fdb;
	struct worker *w;
	struct port *port[2];
	struct packet_cache cache;
	struct packet *flight[FLIGHT];
	uint32_t n_macs;
	uint32_t *order; // a permutation of half the MACs
	uint32_t at;
};

enum stage { RX, PARSE, CLASSIFY, L2, OUTPUT, TX, N_STAGES };
static const char *const stage_names[N_STAGES] = {"rx", "parse", "classify", "l2", "output", "tx"};

static void die(const char *what)
{
	fprintf(stderr, "pipeline_bench: %s failed\n", what);
	exit(2);
}

static struct mac mac_of(unsigned port, uint32_t i)
{
	return mac_from_u64(0x020000000000ull | (uint64_t)port << 32 | i);
}

static void publish(struct lab *lab)
{
	struct snapshot *s = snapshot_new(2, 1);

	if (!s)
		die("snapshot");
	s->fdb = lab->fdb;
	for (port_id_t i = 0; i < 2; i++) {
		snapshot_attach(s, lab->port[i]);
		s->port[i].state = PORT_FORWARDING;
		s->port[i].flags = PORT_LEARN | PORT_EGRESS | PORT_FLOOD_BROADCAST |
				   PORT_FLOOD_UNKNOWN | PORT_FLOOD_MULTICAST;
		s->port[i].pvid = 10;
		vlan_table_add(s->vlans, 10, i, true);
		snapshot_index(s, i);
	}
	dataplane_publish(lab->dp, s);
}

static void shuffle(struct lab *lab)
{
	uint64_t seed = 42;
	uint32_t half = lab->n_macs / 2;

	for (uint32_t i = 0; i < half; i++)
		lab->order[i] = i;
	for (uint32_t i = half - 1; i > 0; i--) {
		uint32_t k = (uint32_t)(bench_rand(&seed) % (i + 1)), t = lab->order[i];

		lab->order[i] = lab->order[k];
		lab->order[k] = t;
	}
}

static void lab_open(struct lab *lab, uint32_t n_macs)
{
	struct dataplane_config dc = {.n_frames = 2 * FLIGHT, .mode = WORKER_POLL};
	struct fdb_config fc = {.max_entries = n_macs + 16};
	char error[PORT_ERROR_SIZE];

	memset(lab, 0, sizeof(*lab));
	lab->n_macs = n_macs;
	lab->order = mem_zalloc(n_macs * sizeof(uint32_t), 0);
	if (dataplane_create(&lab->dp, &dc) || fdb_create(&lab->fdb, &fc) || !lab->order)
		die("set-up");
	lab->w = dataplane_worker(lab->dp, 0);
	packet_cache_init(&lab->cache, dataplane_pool(lab->dp));
	for (port_id_t i = 0; i < 2; i++) {
		struct port_config pc = {.name = i ? "b" : "a", .pool = dataplane_pool(lab->dp)};

		if (port_open(&lab->port[i], "memory", i, &pc, error) ||
			dataplane_add_port(lab->dp, i))
			die("port");
		memory_port_keep(lab->port[i], true);
		for (uint32_t m = 0; m < n_macs / 2; m++)
			if (fdb_learn(lab->fdb, fdb_key(10, mac_of(i, m)), i, NULL) < 0)
				die("fdb_learn");
	}
	while (fdb_age(lab->fdb, clock_now_ns()))
		;
	for (unsigned i = 0; i < FLIGHT; i++)
		if (!(lab->flight[i] = packet_alloc(&lab->cache)))
			die("packet_alloc");
	shuffle(lab);
	publish(lab);
	rcu_reclaim(0);
}

static void lab_close(struct lab *lab)
{
	packet_free_bulk(&lab->cache, lab->flight, FLIGHT);
	for (unsigned i = 0; i < 2; i++)
		port_close(lab->port[i]);
	rcu_barrier_reclaim();
	dataplane_destroy(lab->dp);
	fdb_destroy(lab->fdb);
	mem_free(lab->order);
}

// Fresh headers for the whole flight. Source from port 0's MACs in random order,
// destination from port 1's in another.
static void write_headers(struct lab *lab)
{
	uint32_t half = lab->n_macs / 2;

	for (unsigned i = 0; i < FLIGHT; i++) {
		struct packet *p = lab->flight[i];
		struct mac src = mac_of(0, lab->order[lab->at]);
		struct mac dst = mac_of(1, lab->order[half - 1 - lab->at]);

		lab->at = lab->at + 1 == half ? 0 : lab->at + 1;
		packet_reset(lab->cache.geometry, p);
		memcpy(p->data, &dst, 6);
		memcpy(p->data + 6, &src, 6);
		p->data[12] = 0x08;
		p->data[13] = 0;
		p->len = 60;
		p->total_len = 60;
	}
}

static void take_back(struct lab *lab, unsigned first, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (!(lab->flight[first + i] = memory_port_collect(lab->port[1], 0)))
			die("forwarding");
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
		classify(lab->w, s, &b);
		t[3] = split ? clock_cycles() : 0;
		l2(lab->w, s, &b);
		t[4] = split ? clock_cycles() : 0;
		output(lab->w, s, &b);
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

static bool wanted(const struct bench_options *o, const char *name)
{
	return !o->filter || strstr(name, o->filter);
}

static void measure_bursts(const struct bench_options *o, struct lab *lab, const char *macs)
{
	static const unsigned bursts[] = {1, 4, 8, 32, 64};
	unsigned rounds = o->quick ? 9 : MAX_ROUNDS;
	double total[ARRAY_SIZE(bursts)][MAX_ROUNDS];
	char name[ARRAY_SIZE(bursts)][80];
	uint64_t overhead = tsc_overhead();

	for (unsigned k = 0; k < ARRAY_SIZE(bursts); k++)
		snprintf(name[k], sizeof(name[k]), "L2, %s MACs, bursts of %u", macs, bursts[k]);
	for (unsigned r = 0; r < rounds; r++)
		for (unsigned k = 0; k < ARRAY_SIZE(bursts); k++)
			if (wanted(o, name[k]))
				total[k][r] = pass_total(lab, bursts[k], overhead);
	for (unsigned k = 0; k < ARRAY_SIZE(bursts); k++)
		if (wanted(o, name[k]))
			bench_report(o, &(struct bench_row){.name = name[k],
						.value = bench_median(total[k], rounds),
						.unit = "cycles/pkt",
						.target = bursts[k] < 32       ? 0
							  : lab->n_macs > 4096 ? 26
									       : 20});
}

// The clock overlaps with what stands around it: what reading it between the stages costs is
// measured by not doing so, and taken from all stages alike.
static void measure_stages(const struct bench_options *o, struct lab *lab, const char *macs)
{
	unsigned rounds = o->quick ? 9 : MAX_ROUNDS;
	double stages[N_STAGES][MAX_ROUNDS], whole[MAX_ROUNDS], row[N_STAGES];
	double median[N_STAGES], clock = 0;
	char name[80];

	snprintf(name, sizeof(name), "L2, %s MACs, bursts of 32: stages", macs);
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
		clock += median[k] / N_STAGES;
	}
	clock -= bench_median(whole, rounds) / N_STAGES;
	for (unsigned k = 0; k < N_STAGES; k++) {
		snprintf(name, sizeof(name), "  %s MACs, bursts of 32: stage %s", macs,
			stage_names[k]);
		bench_report(
			o, &(struct bench_row){
				   .name = name, .value = median[k] - clock, .unit = "cycles/pkt"});
	}
}

static void measure(const struct bench_options *o, uint32_t n_macs, const char *macs)
{
	uint64_t overhead = tsc_overhead();
	struct lab lab;

	lab_open(&lab, n_macs);
	rcu_reader_register();
	// All MACs once, so that the seen marks stand and nothing is left to learn.
	for (uint32_t i = 0; i <= n_macs / 2 / FLIGHT; i++)
		pass_total(&lab, 32, overhead);
	measure_bursts(o, &lab, macs);
	measure_stages(o, &lab, macs);
	rcu_reader_unregister();
	lab_close(&lab);
}

int main(int argc, char **argv)
{
	static const struct {
		uint32_t n;
		const char *name;
	} sizes[] = {{2, "2"}, {2048, "2k"}, {131072, "128k"}, {2097152, "2M"}};
	struct bench_options o = bench_options(argc, argv,
		"TSC cycles per packet of the switching pipeline over memory ports, by burst and "
		"stage.");

	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++)
		if (!(o.quick && sizes[i].n > 131072))
			measure(&o, sizes[i].n, sizes[i].name);
	return bench_finish(&o);
}
