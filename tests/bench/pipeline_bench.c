// SPDX-License-Identifier: BSD-3-Clause
// TSC cycles per packet of the whole pipeline over memory ports. Here: the learning bridge, source
// and destination looked up in a random permutation of MACs, VLAN rules and counters on.
#include "tests/bench/pipeline_bench.h"

#include "base/clock.h"
#include "base/mem.h"

struct macs {
	struct fdb *fdb;
	uint32_t n;
	uint32_t *order; // a permutation of half the MACs
	uint32_t at;
};

static struct mac mac_of(unsigned port, uint32_t i)
{
	return mac_from_u64(0x020000000000ull | (uint64_t)port << 32 | i);
}

static void publish(struct lab *lab, const struct macs *m)
{
	struct snapshot *s = snapshot_new(2, 1);

	if (!s)
		lab_die("snapshot");
	s->fdb = m->fdb;
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

static void shuffle(struct macs *m)
{
	uint64_t seed = 42;
	uint32_t half = m->n / 2;

	for (uint32_t i = 0; i < half; i++)
		m->order[i] = i;
	for (uint32_t i = half - 1; i > 0; i--) {
		uint32_t k = (uint32_t)(bench_rand(&seed) % (i + 1)), t = m->order[i];

		m->order[i] = m->order[k];
		m->order[k] = t;
	}
}

// Source from port 0's MACs in random order, destination from port 1's in another.
static void write_packet(struct lab *lab, struct packet *p)
{
	struct macs *m = lab->traffic;
	uint32_t half = m->n / 2;
	struct mac src = mac_of(0, m->order[m->at]);
	struct mac dst = mac_of(1, m->order[half - 1 - m->at]);

	m->at = m->at + 1 == half ? 0 : m->at + 1;
	memcpy(p->data, &dst, 6);
	memcpy(p->data + 6, &src, 6);
	p->data[12] = 0x08;
	p->data[13] = 0;
	p->len = 60;
	p->total_len = 60;
}

static void learn_all(struct macs *m)
{
	struct fdb_config fc = {.max_entries = m->n + 16};

	m->order = mem_zalloc(m->n * sizeof(uint32_t), 0);
	if (fdb_create(&m->fdb, &fc) || !m->order)
		lab_die("set-up");
	for (port_id_t i = 0; i < 2; i++)
		for (uint32_t k = 0; k < m->n / 2; k++)
			if (fdb_learn(m->fdb, fdb_key(10, mac_of(i, k)), i, NULL) < 0)
				lab_die("fdb_learn");
	while (fdb_age(m->fdb, clock_now_ns()))
		;
	shuffle(m);
}

static void bench_bridge(const struct bench_options *o, uint32_t n_macs, const char *name)
{
	static struct lab lab;
	struct macs m = {.n = n_macs};

	lab = (struct lab){.name = name,
		.target = n_macs > 4096 ? 26 : 20,
		.traffic = &m,
		.write = write_packet};
	lab_open(&lab, 2);
	learn_all(&m);
	publish(&lab, &m);
	rcu_reclaim(0);
	// All MACs once, so that the seen marks stand and nothing is left to learn.
	lab_warm_up(&lab, n_macs / 2 / FLIGHT + 1);
	lab_measure(o, &lab);
	lab_close(&lab);
	fdb_destroy(m.fdb);
	mem_free(m.order);
}

int main(int argc, char **argv)
{
	static const struct {
		uint32_t n;
		const char *name;
	} sizes[] = {{2, "L2, 2 MACs"}, {2048, "L2, 2k MACs"}, {131072, "L2, 128k MACs"},
		{2097152, "L2, 2M MACs"}};
	struct bench_options o = bench_options(argc, argv,
		"TSC cycles per packet of the pipeline over memory ports, by burst and stage.");

	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++)
		if (!(o.quick && sizes[i].n > 131072) && lab_wanted(&o, sizes[i].name))
			bench_bridge(&o, sizes[i].n, sizes[i].name);
	bench_router(&o);
	return bench_finish(&o);
}
