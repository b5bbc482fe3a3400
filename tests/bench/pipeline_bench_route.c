// SPDX-License-Identifier: BSD-3-Clause
// The router's rows: UDP packets of 60 bytes (IPv6: 62) to random destinations in tables as the
// Internet has them, by 64 neighbours at two ports.
#include <linux/neighbour.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "dataplane/path/checksum.h"
#include "dataplane/path/ethernet.h"
#include "dataplane/table/neigh.h"
#include "dataplane/table/nexthop.h"
#include "tests/bench/pipeline_bench.h"
#include "tests/bench/table_bench_fib.h"

#define N_NEIGHBOURS 64
#define N_KEYS       (1u << 20)
#define N_SOURCES    (1u << 16)

struct scene {
	const char *name;
	bool ip4, ip6;
	size_t n_routes, n_destinations;
	unsigned n_ways; // of a group that every route leads to; 0 = to a neighbour
	bool is_strict;  // rp_filter
	bool knows_own;  // the workers have the filter of own addresses
	double target;
};

struct routes {
	const struct scene *scene;
	struct fib *fib;
	struct neigh *neigh;
	struct nexthops *nexthops;
	struct bench_keys keys;
	uint32_t *sources; // IPv4, with a route by the ingress port
	size_t at;
	uint64_t coin; // which family is next, where both are
};

static const struct mac own[LAB_PORTS] = {
	{{2, 0, 0, 0, 0xee, 0}}, {{2, 0, 0, 0, 0xee, 1}}, {{2, 0, 0, 0, 0xee, 2}}};

static uint32_t next_hop(struct routes *t, unsigned port, unsigned number)
{
	struct ip_addr a = {AF_INET, {192, 0, 2, (uint8_t)(1 + number)}};
	struct mac mac = {{2, 0, 0, 1, 0, (uint8_t)number}};
	uint32_t adjacency, next = 0;

	if (neigh_hold(t->neigh, (uint16_t)port, &a, &adjacency) ||
		neigh_update(t->neigh, (uint16_t)port, &a, NUD_REACHABLE, &mac) ||
		nexthop_add(t->nexthops, NEXTHOP_ADJACENCY, adjacency, &next))
		lab_die("next hop");
	return next;
}

// Routes of one family, by the group or else the members; returns destinations.
static struct bench_keys add_routes(
	struct routes *t, bool ip6, const struct nexthop_member *members, uint32_t group)
{
	const struct scene *c = t->scene;
	struct fib_route *r = bench_routes(c->n_routes, ip6, 7);
	struct bench_keys keys;

	for (size_t i = 0; i < c->n_routes; i++)
		if (fib_set(t->fib, &r[i].prefix,
			    group ? group : members[r[i].nexthop % N_NEIGHBOURS].index) < 0)
			lab_die("fib_set");
	keys = bench_keys(r, c->n_routes, ip6, KEYS_HITS, c->n_destinations, N_KEYS, 11);
	free(r);
	return keys;
}

static void fill_tables(struct routes *t)
{
	const struct scene *c = t->scene;
	struct nexthop_member members[N_NEIGHBOURS];
	struct nexthop_config hc = {0};
	uint32_t group = 0, back;
	struct ip_prefix behind = {{AF_INET, {198, 18}}, 24};

	if (fib_create(&t->fib, NULL) || neigh_create(&t->neigh, &(struct neigh_config){0}) ||
		nexthops_create(&t->nexthops, t->neigh, &hc))
		lab_die("tables");
	for (uint16_t i = 0; i < LAB_PORTS; i++)
		neigh_set_interface(t->neigh, i,
			&(struct neigh_interface){.port = i, .mtu = 1500, .mac = own[i]});
	for (unsigned i = 0; i < N_NEIGHBOURS; i++)
		members[i] = (struct nexthop_member){next_hop(t, 1 + i % 2, i), 1};
	if (c->n_ways && nexthop_group_add(t->nexthops, members, c->n_ways, &group))
		lab_die("group");
	if (c->ip4)
		t->keys.keys4 = add_routes(t, false, members, group).keys4;
	if (c->ip6)
		t->keys.keys6 = add_routes(t, true, members, group).keys6;
	back = next_hop(t, 0, 100);
	for (unsigned i = 0; i < 256; i++) { // the sources' networks
		behind.addr.b[2] = (uint8_t)i;
		fib_set(t->fib, &behind, back);
	}
}

// Sources behind the ingress port, and destinations that are not.
static void choose_addresses(struct routes *t)
{
	uint64_t seed = 5;

	t->sources = mem_alloc(N_SOURCES * sizeof(*t->sources), 0);
	if (!t->sources)
		lab_die("sources");
	for (size_t i = 0; i < N_SOURCES;) {
		uint32_t a = 0xc6120000 | (bench_rand(&seed) & 0xffff);
		struct ip_addr addr = {AF_INET, {a >> 24, a >> 16 & 255, a >> 8 & 255, a & 255}};
		struct ip_prefix p;
		fib_nexthop_t next;

		if (!fib_match(t->fib, &addr, &p, &next) && p.len == 24)
			t->sources[i++] = a;
	}
	for (size_t i = 0; t->scene->ip4 && i < N_KEYS; i++)
		while (t->keys.keys4[i] >> 16 == 0xc612 || t->keys.keys4[i] >> 24 == 127 ||
			t->keys.keys4[i] >> 24 >= 224)
			t->keys.keys4[i] = t->keys.keys4[bench_rand(&seed) % N_KEYS];
}

static void publish(struct lab *lab, const struct routes *t)
{
	static const uint32_t addrs[] = {0xc0000201, 0xc0000202, 0xc0000203, 0xc0000204};
	struct snapshot *s = snapshot_new(LAB_PORTS, 1);

	if (!s)
		lab_die("snapshot");
	s->fib = t->fib;
	s->neigh = t->neigh;
	s->nexthops = t->nexthops;
	s->flow_secret = 0xdeadbeef;
	if (t->scene->knows_own)
		snapshot_set_own(s, addrs, ARRAY_SIZE(addrs));
	for (port_id_t i = 0; i < LAB_PORTS; i++) {
		snapshot_attach(s, lab->port[i]);
		s->port[i].flags =
			PORT_ROUTED | PORT_ROUTED_EGRESS | PORT_TAKES_IPV4 | PORT_TAKES_IPV6;
		s->port[i].mac = own[i];
		s->port[i].rp_filter = t->scene->is_strict ? RP_FILTER_STRICT : RP_FILTER_OFF;
	}
	dataplane_publish(lab->dp, s);
	rcu_reclaim(0);
}

static void write_packet(struct lab *lab, struct packet *p)
{
	struct routes *t = lab->traffic;
	uint8_t *ip = p->data + ETHERNET_HEADER_SIZE;
	size_t i = t->at++ % N_KEYS;
	uint16_t sum;

	memcpy(p->data, &own[0], 6);
	memcpy(p->data + 6, (const uint8_t[]){2, 0, 0, 2, 0, 1}, 6);
	memset(ip, 0, 48);
	if (t->scene->ip6 && (!t->scene->ip4 || bench_rand(&t->coin) >> 63)) {
		store_be16(p->data + 12, ETHERTYPE_IPV6);
		p->len = 62;
		ip[0] = 0x60;
		store_be16(ip + 4, 8);
		ip[6] = 17;
		ip[7] = 64;
		memcpy(ip + 8, (const uint8_t[]){0x20, 0x01, 0x0d, 0xb8}, 4);
		store_be32(ip + 20, (uint32_t)i);
		memcpy(ip + 24, t->keys.keys6[i], 16);
		store_be32(ip + 40, 0x04000035);
	} else {
		store_be16(p->data + 12, ETHERTYPE_IPV4);
		p->len = 60;
		ip[0] = 0x45;
		store_be16(ip + 2, 46);
		store_be16(ip + 4, (uint16_t)i);
		ip[8] = 64;
		ip[9] = 17;
		store_be32(ip + 12, t->sources[(i * 7919) % N_SOURCES]);
		store_be32(ip + 16, t->keys.keys4[i]);
		sum = (uint16_t)~checksum_fold(checksum_add(0, ip, 20));
		memcpy(ip + 10, &sum, sizeof(sum));
		store_be32(ip + 20, 0x04000035 ^ (uint32_t)i << 16);
	}
	p->total_len = p->len;
}

static void measure(const struct bench_options *o, const struct scene *c)
{
	static struct lab lab;
	struct routes t = {.scene = c, .coin = 9};

	fill_tables(&t);
	choose_addresses(&t);
	lab = (struct lab){.name = c->name,
		.target = c->target,
		.is_routed = true,
		.traffic = &t,
		.write = write_packet};
	lab_open(&lab, LAB_PORTS);
	publish(&lab, &t);
	lab_warm_up(&lab, c->n_destinations > 100000 ? N_KEYS / FLIGHT : 4);
	lab_measure(o, &lab);
	lab_close(&lab);
	bench_keys_free(&t.keys);
	mem_free(t.sources);
	fib_destroy(t.fib);
	nexthops_destroy(t.nexthops);
	neigh_destroy(t.neigh);
	rcu_barrier_reclaim();
}

void bench_router(const struct bench_options *o)
{
	static const struct scene scenes[] = {
		{"IPv4, 1 destination", true, false, 1, 1, 0, false, true, 40},
		{"IPv4, 10k destinations and routes", true, false, 10000, 10000, 0, false, true,
			52},
		{"IPv4, 1M destinations and routes", true, false, 1000000, 1000000, 0, false, true,
			85},
		{"IPv4, 10k, 8 equal ways", true, false, 10000, 10000, 8, false, true, 56},
		{"IPv4, 10k, strict rp_filter", true, false, 10000, 10000, 0, true, true, 62},
		{"IPv4, 10k, no filter of sources", true, false, 10000, 10000, 0, false, false, 60},
		{"IPv4 and IPv6 mixed, 10k of each", true, true, 10000, 10000, 0, false, true, 100},
		{"IPv6, 10k routes, 1M destinations", false, true, 10000, 1000000, 0, false, true,
			85},
		{"IPv6, 200k routes, 1M destinations", false, true, 200000, 1000000, 0, false, true,
			105},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(scenes); i++)
		if (!(o->quick && scenes[i].n_routes > 100000) && lab_wanted(o, scenes[i].name))
			measure(o, &scenes[i]);
}
