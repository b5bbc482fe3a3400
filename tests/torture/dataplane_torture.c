// SPDX-License-Identifier: BSD-3-Clause
// Two workers forward between memory ports while control adds and removes ports,
// changes VLANs and modes, learns, ages and flushes. In the end every packet is
// accounted for and every frame is back in the pool.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "dataplane/dataplane.h"
#include "dataplane/port/memory.h"

#define N_PORTS  12
#define N_FRAMES 16384

#define CHECK(c)                                                                                   \
	do {                                                                                       \
		if (!(c)) {                                                                        \
			fprintf(stderr, "%s:%d: %s is false\n", __FILE__, __LINE__, #c);           \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

static struct dataplane *dp;
static struct fdb *fdb;
static struct packet_cache cache;
static struct port *port[N_PORTS];
static bool leaving[N_PORTS]; // the id is not free before its port is closed
static vlan_id_t pvid[N_PORTS];
static struct port_counters gone; // of ports whose id was used again
static uint64_t seed = 88172645463325252ull;
static uint64_t n_injected, n_republished;

static uint64_t rnd(uint64_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed % below;
}

static void publish(void)
{
	struct snapshot *s = snapshot_new(N_PORTS, dataplane_n_workers(dp));

	CHECK(s);
	s->fdb = fdb;
	for (port_id_t i = 0; i < N_PORTS; i++) {
		if (!port[i])
			continue;
		snapshot_attach(s, port[i]);
		s->port[i].state = PORT_FORWARDING;
		s->port[i].flags = PORT_LEARN | PORT_EGRESS | PORT_FLOOD_BROADCAST |
				   PORT_FLOOD_UNKNOWN | PORT_FLOOD_MULTICAST;
		s->port[i].pvid = pvid[i];
		vlan_table_add(s->vlans, pvid[i], i, true);
		vlan_table_add(s->vlans, (vlan_id_t)(3 - pvid[i]), i, false);
		snapshot_index(s, i);
	}
	dataplane_publish(dp, s);
	n_republished++;
}

static void add_port(port_id_t i)
{
	struct port_config pc = {.name = "m", .pool = dataplane_pool(dp), .mtu = 9000};
	char error[PORT_ERROR_SIZE];

	CHECK(port_open(&port[i], "memory", i, &pc, error) == 0);
	CHECK(dataplane_add_port(dp, i) == 0);
	memory_port_keep(port[i], i % 2);
	pvid[i] = (vlan_id_t)(1 + rnd(2));
}

static void closed(void *arg)
{
	port_id_t id = (port_id_t)(uintptr_t)arg;
	struct port_counters c;
	struct fdb_filter f = FDB_ANY;
	struct event e[64];

	while (dataplane_events(dp, e, 64))
		; // what was said of the old port must not be learned for the next one
	dataplane_counters(dp, -1, id, &c);
	port_counters_add(&gone, &c);
	dataplane_counters_forget(dp, id);
	f.port = id;
	fdb_flush(fdb, &f);
	leaving[id] = false;
}

static void remove_port(port_id_t i)
{
	struct port *p = port[i];

	port[i] = NULL;
	leaving[i] = true;
	publish();
	CHECK(dataplane_retire_port(dp, p, closed, (void *)(uintptr_t)i) == 0);
}

static void inject(void)
{
	for (unsigned k = 0; k < 64; k++) {
		port_id_t i = (port_id_t)rnd(N_PORTS);
		struct packet *p;
		uint32_t len = rnd(10) ? 60 : 1400;

		if (!port[i] || !(p = packet_alloc(&cache)))
			continue;
		memset(p->data, 0, len);
		p->data[0] = rnd(20) ? 2 : 0xff;
		p->data[5] = (uint8_t)rnd(64);
		p->data[6] = 2;
		p->data[11] = (uint8_t)(i * 4 + rnd(5));
		p->data[12] = 0x88;
		p->data[13] = 0xb5;
		if (rnd(4) == 0) {
			p->data[12] = 0x81;
			p->data[13] = 0;
			p->data[15] = (uint8_t)rnd(4);
		}
		p->len = (uint16_t)len;
		p->total_len = len;
		if (memory_port_inject(port[i], 0, p))
			n_injected++;
		else
			packet_free(&cache, p);
	}
}

static void collect(void)
{
	for (port_id_t i = 0; i < N_PORTS; i++) {
		struct packet *p;

		while (port[i] && (p = memory_port_collect(port[i], 0)))
			packet_free(&cache, p);
	}
}

static void learn(void)
{
	struct event e[64];
	unsigned n = dataplane_events(dp, e, 64);

	for (unsigned i = 0; i < n; i++)
		if (e[i].type == EVENT_MAC_SEEN && port[e[i].port])
			fdb_learn(fdb, fdb_key(e[i].vlan, e[i].mac), e[i].port, NULL);
}

static void change_something(void)
{
	port_id_t i = (port_id_t)rnd(N_PORTS);
	struct fdb_filter any = FDB_ANY;

	switch (rnd(8)) {
	case 0:
	case 1:
	case 2:
		if (port[i])
			remove_port(i);
		break;
	case 3:
	case 4:
	case 5:
		if (!port[i] && !leaving[i]) {
			add_port(i);
			publish();
		}
		break;
	case 6:
		pvid[i] = (vlan_id_t)(1 + rnd(2));
		publish();
		break;
	default:
		if (rnd(10) == 0)
			fdb_flush(fdb, &any);
		fdb_age(fdb, clock_now_ns());
		atomic_store(&dataplane_worker(dp, (unsigned)rnd(2))->mode, (int)rnd(3));
		worker_wake(dataplane_worker(dp, 0));
		worker_wake(dataplane_worker(dp, 1));
	}
}

static void check_conservation(void)
{
	struct port_counters sum = gone;
	struct pool_stats stats;
	uint64_t dropped = 0;

	for (port_id_t i = 0; i < N_PORTS; i++) {
		struct port_counters c;

		dataplane_counters(dp, -1, i, &c);
		port_counters_add(&sum, &c);
	}
	for (unsigned r = 0; r < N_DROP_REASONS; r++)
		dropped += sum.drop[r];
	printf("%llu injected, %llu received, %llu copies, %llu transmitted, %llu dropped, "
	       "%llu snapshots\n",
		(unsigned long long)n_injected, (unsigned long long)sum.rx_packets,
		(unsigned long long)sum.copies, (unsigned long long)sum.tx_packets,
		(unsigned long long)dropped, (unsigned long long)n_republished);
	CHECK(sum.rx_packets + sum.copies + sum.segments ==
		sum.forwarded + port_counters_exceptions(&sum) + dropped);
	CHECK(sum.forwarded == sum.tx_packets);
	CHECK(sum.rx_packets > 0 && sum.tx_packets > 0 && sum.copies > 0);
	packet_pool_stats(dataplane_pool(dp), &stats);
	CHECK(stats.frames_free == stats.frames);
}

int main(int argc, char **argv)
{
	struct dataplane_config dc = {
		.n_frames = N_FRAMES, .n_workers = 2, .mode = WORKER_ADAPTIVE};
	struct fdb_config fc = {.max_entries = 4096, .ageing_ns = NS_PER_SEC};
	uint64_t seconds = argc > 1 ? strtoull(argv[1], NULL, 10) : 5;
	uint64_t end = clock_now_ns() + seconds * NS_PER_SEC;

	CHECK(dataplane_create(&dp, &dc) == 0);
	CHECK(fdb_create(&fdb, &fc) == 0);
	packet_cache_init(&cache, dataplane_pool(dp));
	for (port_id_t i = 0; i < N_PORTS; i++)
		add_port(i);
	publish();
	CHECK(rcu_reclaim_fd() >= 0);
	CHECK(dataplane_start(dp) == 0);
	while (clock_now_ns() < end) {
		inject();
		collect();
		learn();
		if (rnd(4) == 0)
			change_something();
		rcu_reclaim(8);
	}
	for (port_id_t i = 0; i < N_PORTS; i++)
		if (port[i])
			remove_port(i);
	rcu_barrier_reclaim();
	dataplane_stop(dp);
	packet_cache_flush(&cache);
	for (unsigned i = 0; i < 2; i++)
		packet_cache_flush(&dataplane_worker(dp, i)->cache);
	check_conservation();
	dataplane_destroy(dp);
	fdb_destroy(fdb);
	return 0;
}
