// SPDX-License-Identifier: BSD-3-Clause
// Workers read adjacencies without pause while control changes interfaces and neighbours in place
// and gives up neighbours whose lines are used again for others. Every line read must be of one
// piece: the interface's part (source, port, VLAN, MTU) tells one number four times, and so does
// the neighbour's MAC; and it must be of the neighbour that the route was said to lead to.
#include <linux/neighbour.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/rcu.h"
#include "dataplane/table/neigh.h"

#define N_READERS 3
#define N_ROUTES  64
#define N_NEIGH   200 // addresses
#define MAX_NEIGH 120 // lines, so that they are used again soon
#define INTERFACE 9

static struct neigh *table;
static struct adjacency direct;           // changed at every turn
static _Atomic uint64_t routes[N_ROUTES]; // line | address << 32; 0 = none
static _Atomic bool stop;
static _Atomic uint64_t n_reads, n_forward;

static unsigned next_random(uint64_t *state)
{
	*state += 0x9e3779b97f4a7c15;
	return (unsigned)((*state ^ *state >> 31) * 0xbf58476d1ce4e5b9 >> 33);
}

static struct mac number_to_mac(unsigned n)
{
	return mac_from_u64(0x020000000000 | (uint64_t)n << 16 | (n ^ 0xffff));
}

static unsigned mac_to_number(const uint8_t *b)
{
	struct mac m;
	uint64_t v;

	memcpy(m.b, b, 6);
	v = mac_to_u64(m);
	if (v >> 32 != 0x0200 || (v >> 16 & 0xffff) != ((v & 0xffff) ^ 0xffff)) {
		fprintf(stderr, "torn MAC %012llx\n", (unsigned long long)v);
		abort();
	}
	return v >> 16 & 0xffff;
}

static struct adjacency_config config(unsigned neigh, unsigned interface)
{
	return (struct adjacency_config){.destination = number_to_mac(neigh),
		.source = number_to_mac(interface),
		.is_tagged = interface & 1,
		.vlan = (vlan_id_t)(1 + interface % 4094),
		.port = (port_id_t)interface,
		.mtu = (uint16_t)(interface + 1)};
}

// Returns the number of the neighbour's MAC; false = exception.
static bool check(struct rewrite r, unsigned *neigh)
{
	unsigned interface = rewrite_port(r);
	struct adjacency_config c = config(0, interface);
	uint8_t room[32], *h;

	if (!rewrite_can_forward(r))
		return false;
	h = rewrite_apply(r, room + sizeof(room), 0x0800);
	*neigh = mac_to_number(h);
	if (mac_to_number(h + 6) != interface || rewrite_vlan(r) != c.vlan ||
		rewrite_mtu(r) != c.mtu || rewrite_length(r) != (c.is_tagged ? 18 : 14) ||
		(c.is_tagged && (h[14] << 8 | h[15]) != c.vlan)) {
		fprintf(stderr, "torn line: port %u, source %u, vlan %u, mtu %u, length %u\n",
			interface, mac_to_number(h + 6), rewrite_vlan(r), rewrite_mtu(r),
			rewrite_length(r));
		abort();
	}
	return true;
}

static void *read_on(void *arg)
{
	const struct adjacency *lines = neigh_lines(table);
	uint64_t state = (uintptr_t)arg, n = 0, forward = 0;
	unsigned neigh, number, last = 0;
	struct rewrite r;

	rcu_reader_register();
	while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
		for (unsigned i = 0; i < 64; i++, n++) {
			uint64_t route = atomic_load_explicit(
				&routes[next_random(&state) % N_ROUTES], memory_order_acquire);

			r = adjacency_read(&direct);
			if (!check(r, &neigh)) {
				fprintf(stderr, "torn: exception between two versions\n");
				abort();
			}
			number = (unsigned)rewrite_port(r) << 16 | neigh;
			if (number < last) {
				fprintf(stderr, "torn: %u after %u\n", number, last);
				abort();
			}
			last = number;
			if (!route || !check(adjacency_read(&lines[(uint32_t)route]), &neigh))
				continue;
			forward++;
			// A neighbour's MACs are its address modulo 256, and a version above.
			if (neigh % 256 != route >> 32) {
				fprintf(stderr, "line %u: of neighbour %u, not %u\n",
					(uint32_t)route, neigh % 256, (unsigned)(route >> 32));
				abort();
			}
		}
		rcu_quiescent();
	}
	rcu_reader_unregister();
	atomic_fetch_add(&n_reads, n);
	atomic_fetch_add(&n_forward, forward);
	return NULL;
}

static struct ip_addr address(unsigned i)
{
	return (struct ip_addr){AF_INET, {10, 0, 0, (uint8_t)(i + 1)}};
}

static void change(uint64_t *state)
{
	unsigned what = next_random(state) % 100, a = next_random(state) % N_NEIGH;
	unsigned v = next_random(state) % 200;
	struct mac mac = number_to_mac(v << 8 | a);
	struct ip_addr addr = address(a);
	static unsigned number;
	struct adjacency_config c = config(number & 0xffff, number >> 16);

	adjacency_write(&direct, &c);
	number++;
	c = config(0, next_random(state) % 4000);
	if (what < 60) {
		neigh_update(table, INTERFACE, &addr,
			next_random(state) % 4 ? NUD_STALE : NUD_FAILED, &mac);
	} else if (what < 75) {
		neigh_remove(table, INTERFACE, &addr);
	} else if (what < 78) {
		struct neigh_interface is = {c.port, c.is_tagged, c.vlan, c.mtu, c.source};

		neigh_set_interface(table, INTERFACE, what == 77 && v < 20 ? NULL : &is);
	} else { // another next hop for a route
		unsigned k = next_random(state) % N_ROUTES;
		uint64_t old = atomic_load_explicit(&routes[k], memory_order_relaxed);
		uint32_t line = 0;

		if (what < 99 && neigh_hold(table, INTERFACE, &addr, &line))
			return; // at the limit
		atomic_store_explicit(
			&routes[k], line ? line | (uint64_t)a << 32 : 0, memory_order_release);
		if (old)
			neigh_put(table, (uint32_t)old);
	}
}

int main(int argc, char **argv)
{
	unsigned seconds = argc > 1 ? (unsigned)atoi(argv[1]) : 5;
	const char *replay = getenv("NEIGH_SEED");
	uint64_t state = replay ? strtoull(replay, NULL, 0) : clock_now_ns();
	uint64_t end = clock_now_ns() + seconds * NS_PER_SEC, n = 0;
	struct neigh_config c = {.max_entries = MAX_NEIGH};
	pthread_t readers[N_READERS];
	struct neigh_stats s;

	printf("NEIGH_SEED=%llu\n", (unsigned long long)state);
	if (neigh_create(&table, &c))
		abort();
	change(&state); // `direct` is there before anybody reads it
	for (uintptr_t i = 0; i < N_READERS; i++)
		pthread_create(&readers[i], NULL, read_on, (void *)(i + 1));
	while (clock_now_ns() < end) {
		for (unsigned i = 0; i < 1000; i++)
			change(&state);
		n += 1000;
		rcu_reclaim(0);
	}
	atomic_store(&stop, true);
	for (unsigned i = 0; i < N_READERS; i++)
		pthread_join(readers[i], NULL);
	neigh_stats(table, &s);
	rcu_barrier_reclaim();
	neigh_destroy(table);
	printf("%llu changes, %llu lines written, %llu at the limit, %llu lines read, %llu to "
	       "forward\n",
		(unsigned long long)n, (unsigned long long)s.writes, (unsigned long long)s.full,
		(unsigned long long)n_reads, (unsigned long long)n_forward);
	return n_forward && n_forward < n_reads && s.full ? 0 : 1;
}
