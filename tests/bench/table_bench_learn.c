// SPDX-License-Identifier: BSD-3-Clause
// Learning end to end, by the product's own parts: frames with new sources come in at a memory
// port and go through a worker's pipeline, which posts to control; control's loop wakes, drains
// the worker's ring and learns. The hosts send in turn until all are known, so what a full ring
// refuses is seen again.
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/rcu.h"
#include "control/control.h"
#include "dataplane/port/memory.h"
#include "tests/bench/table_bench.h"

#define BURST      32
#define N_HOSTS    1000000u
#define ROUNDS     7
#define PIECE      4096 // MACs at a time when one thread is worker and control in turn
#define LISTENER   0x020000ffffffull
#define DEADLINE_S 20

static const uint64_t secret[3] = {0x9ae16a3b2f90404f, 0xc949c7defd414d75, 0xb492b66fbe98f273};

struct lab {
	struct control *c;
	struct worker *w;
	struct port *port[2];
	_Atomic bool stop;
};

static void die(const char *what)
{
	fprintf(stderr, "table_bench: learning: %s failed\n", what);
	exit(2);
}

static void add_port(struct lab *lab, struct snapshot *s, port_id_t id)
{
	struct port_settings set = {.kind = RPC_PORT_KIND_MEMORY,
		.learning = true,
		.state = RPC_STP_STATE_FORWARDING,
		.vlans.untagged = 1};
	struct port_config pc = {.name = set.name, .pool = dataplane_pool(lab->c->dp)};
	char error[PORT_ERROR_SIZE];
	struct model_port *p;

	snprintf(set.name, sizeof(set.name), "p%u", id);
	if (model_port_add(lab->c->model, &set, &p, error) || p->id != id ||
		port_open(&lab->port[id], "memory", id, &pc, error) ||
		dataplane_add_port(lab->c->dp, id))
		die("port");
	p->port = lab->port[id];
	p->is_link_up = true;
	snapshot_attach(s, lab->port[id]);
	s->port[id].state = PORT_FORWARDING;
	s->port[id].flags = PORT_LEARN | PORT_EGRESS | PORT_FLOOD_BROADCAST | PORT_FLOOD_UNKNOWN |
			    PORT_FLOOD_MULTICAST;
	s->port[id].pvid = 1;
	vlan_table_add(s->vlans, 1, id, true);
	snapshot_index(s, id);
}

static void lab_open(struct lab *lab)
{
	struct dataplane_config dc = {.n_frames = 4096, .mode = WORKER_POLL};
	struct fdb_config fc = {.max_entries = N_HOSTS + 1, .hash_secret = secret};
	struct snapshot *s = snapshot_new(2, 1);
	struct control *c;

	memset(lab, 0, sizeof(*lab));
	if (!s || control_create(&lab->c))
		die("set-up");
	c = lab->c;
	if (dataplane_create(&c->dp, &dc) || model_create(&c->model, 1) ||
		fdb_create(&c->fdb, &fc) || events_init(&c->events, c))
		die("set-up");
	lab->w = dataplane_worker(c->dp, 0);
	s->fdb = c->fdb;
	for (port_id_t i = 0; i < 2; i++)
		add_port(lab, s, i);
	if (fdb_add(c->fdb, fdb_key(1, mac_from_u64(LISTENER)), 1, FDB_STATIC))
		die("fdb_add");
	dataplane_publish(c->dp, s);
}

static void lab_close(struct lab *lab)
{
	for (unsigned i = 0; i < 2; i++)
		port_close(lab->port[i]);
	control_destroy(lab->c);
}

static void receive_burst(struct lab *lab, uint32_t first)
{
	struct mac listener = mac_from_u64(LISTENER);
	struct packet *p[BURST];

	if (!packet_alloc_bulk(&lab->w->cache, p, BURST))
		die("packet_alloc_bulk");
	for (uint32_t i = 0; i < BURST; i++) {
		struct mac source = mac_from_u64(0x020000000000ull + 3 * (first + i));

		memcpy(p[i]->data, &listener, 6);
		memcpy(p[i]->data + 6, &source, 6);
		p[i]->data[12] = 0x08;
		p[i]->data[13] = 0;
		p[i]->len = 60;
		p[i]->total_len = 60;
		if (!memory_port_inject(lab->port[0], 0, p[i]))
			die("memory_port_inject");
	}
	worker_run_once(lab->w);
	rcu_quiescent();
}

static void *run_worker(void *arg)
{
	struct lab *lab = arg;

	rcu_reader_register();
	while (!atomic_load_explicit(&lab->stop, memory_order_relaxed))
		for (uint32_t i = 0;
			i < N_HOSTS && !atomic_load_explicit(&lab->stop, memory_order_relaxed);
			i += BURST)
			receive_burst(lab, i);
	rcu_reader_unregister();
	return NULL;
}

// M/s, a worker's thread beside control's.
static double rate(void)
{
	uint64_t start, ns;
	pthread_t thread;
	struct lab lab;

	lab_open(&lab);
	start = clock_now_ns();
	if (pthread_create(&thread, NULL, run_worker, &lab))
		die("pthread_create");
	while (fdb_count(lab.c->fdb) < N_HOSTS + 1) {
		if (loop_run_once(lab.c->loop, 100) ||
			clock_now_ns() - start > DEADLINE_S * NS_PER_SEC)
			die("learning");
	}
	ns = clock_now_ns() - start;
	atomic_store_explicit(&lab.stop, true, memory_order_relaxed);
	pthread_join(thread, NULL);
	lab_close(&lab);
	return N_HOSTS * 1e3 / (double)ns;
}

// Cycles per MAC of either side, in one thread: a machine without two free cores shows by these
// what the rate is bounded by.
static void parts(double *worker, double *control)
{
	uint64_t cycles[2] = {0}, t;
	struct lab lab;

	lab_open(&lab);
	rcu_reader_register();
	for (uint32_t i = 0; i + PIECE <= N_HOSTS; i += PIECE) {
		t = clock_cycles();
		for (uint32_t k = i; k < i + PIECE; k += BURST)
			receive_burst(&lab, k);
		cycles[0] += clock_cycles() - t;
		t = clock_cycles();
		while (fdb_count(lab.c->fdb) < i + PIECE + 1)
			if (loop_run_once(lab.c->loop, 100))
				die("loop_run_once");
		cycles[1] += clock_cycles() - t;
	}
	rcu_reader_unregister();
	*worker = (double)cycles[0] / (double)(N_HOSTS / PIECE * PIECE);
	*control = (double)cycles[1] / (double)(N_HOSTS / PIECE * PIECE);
	lab_close(&lab);
}

void bench_learn(const struct bench_options *o)
{
	double together[ROUNDS], worker[ROUNDS], control[ROUNDS];

	if (!table_bench_wants(o, "fdb learning, worker -> ring -> table, 1M"))
		return;
	for (unsigned r = 0; r < ROUNDS; r++) {
		together[r] = rate();
		parts(&worker[r], &control[r]);
	}
	bench_report(o, &(struct bench_row){"fdb learning, worker -> ring -> table, 1M",
				bench_median(together, ROUNDS), "M/s", .target = 3,
				.better = BENCH_HIGHER});
	bench_report(o, &(struct bench_row){"fdb learning, frame and worker alone, 1M",
				bench_median(worker, ROUNDS), "cycles"});
	bench_report(o, &(struct bench_row){"fdb learning, control alone, 1M",
				bench_median(control, ROUNDS), "cycles"});
}
