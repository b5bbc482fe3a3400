// SPDX-License-Identifier: BSD-3-Clause
// A small switch for af_xdp_port_test.sh: opens af_xdp ports, forwards between
// them until it is told to stop, closes them and looks whether every frame came
// back. All ports are members of VLAN 1 (untagged) and of VLANs 2 to 9 (tagged).
//
//	af_xdp_port [--off FEATURE] [--cycles N] [--generic] [--bpdu-guard] [--poll]
//	            [--frames N] [--probes] NETDEV[@NAMESPACE]...
//
// Prints "ready", and at the end one line per port. Exit status: 0 = all frames
// came back; 1 = not; 2 = a port could not be opened (and the reason on standard error).
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "dataplane/dataplane.h"
#include "dataplane/port/probe.h"

#define PORTS_MAX    32
#define TRUNK_VLANS  9
#define EVENTS_BATCH 256

struct options {
	unsigned n;
	char *netdev[PORTS_MAX];
	char *netns[PORTS_MAX];
	unsigned cycles;
	uint32_t frames;
	bool generic, bpdu_guard, poll, probes;
};

static struct dataplane *dp;
static struct fdb *fdb;
static struct port *port[PORTS_MAX];

static void publish(unsigned n)
{
	struct snapshot *s = snapshot_new(n, 1);

	if (!s)
		exit(3);
	s->fdb = fdb;
	for (unsigned i = 0; i < n; i++) {
		snapshot_attach(s, port[i]);
		s->port[i].state = PORT_FORWARDING;
		s->port[i].flags = PORT_LEARN | PORT_FLOOD_BROADCAST | PORT_FLOOD_UNKNOWN |
				   PORT_FLOOD_MULTICAST | PORT_EGRESS;
		s->port[i].pvid = 1;
		vlan_table_add(s->vlans, 1, (port_id_t)i, true);
		for (vlan_id_t v = 2; v <= TRUNK_VLANS; v++)
			vlan_table_add(s->vlans, v, (port_id_t)i, false);
		snapshot_index(s, (port_id_t)i);
	}
	dataplane_publish(dp, s);
}

static int open_ports(const struct options *o)
{
	for (unsigned i = 0; i < o->n; i++) {
		char error[PORT_ERROR_SIZE], path[256];
		struct port_config c = {.name = o->netdev[i],
			.netdev = o->netdev[i],
			.netns_fd = -1,
			.generic_xdp = o->generic,
			.bpdu_guard = o->bpdu_guard,
			.pool = dataplane_pool(dp)};
		int err;

		if (o->netns[i]) {
			snprintf(path, sizeof(path), "/run/netns/%s", o->netns[i]);
			c.netns_fd = open(path, O_RDONLY | O_CLOEXEC);
		}
		err = port_open(&port[i], "af_xdp", (port_id_t)i, &c, error);
		if (c.netns_fd >= 0)
			close(c.netns_fd);
		if (err) {
			fprintf(stderr, "%s (%s)\n", error, strerror(-err));
			while (i-- > 0)
				port_close(port[i]);
			return err;
		}
		dataplane_add_port(dp, (port_id_t)i);
	}
	return 0;
}

static void print_port(const struct port *p)
{
	struct port_stats s;
	struct port_counters c;

	dataplane_counters(dp, -1, p->id, &c);
	if (p->ops->read_stats(p, &s))
		s = (struct port_stats){0};
	printf("%s: rx %lu tx %lu caps %x queues %u kernel: ring_full %lu fill_empty %lu invalid "
	       "%lu;",
		p->name, c.rx_packets, c.tx_packets, p->queue[0].caps, p->n_queues,
		s.kernel_ring_full, s.kernel_fill_empty, s.kernel_invalid);
	for (unsigned r = 0; r < N_DROP_REASONS; r++)
		if (c.drop[r])
			printf(" %s %lu", drop_name(r), c.drop[r]);
	printf("\n");
}

static void forward(int stop_fd)
{
	struct event e[EVENTS_BATCH];
	struct pollfd fds[] = {{.fd = dataplane_event_fd(dp), .events = POLLIN},
		{.fd = stop_fd, .events = POLLIN}, {.fd = rcu_reclaim_fd(), .events = POLLIN}};

	for (;;) {
		poll(fds, 3, -1);
		if (fds[1].revents)
			return;
		rcu_reclaim(0);
		for (unsigned n = dataplane_events(dp, e, EVENTS_BATCH); n-- > 0;) {
			if (e[n].type == EVENT_MAC_SEEN)
				fdb_learn(fdb, fdb_key(e[n].vlan, e[n].mac), e[n].port, NULL);
			else
				printf("event %u port %u error %d\n", e[n].type, e[n].port,
					e[n].error);
			fflush(stdout);
		}
	}
}

static void stop(unsigned n)
{
	publish(0);
	for (unsigned i = 0; i < n; i++)
		dataplane_retire_port(dp, port[i], NULL, NULL);
	rcu_barrier_reclaim();
}

static void print_probes(void)
{
	uint64_t began = clock_now_ns();

	for (unsigned i = 0; i < PROBE_N; i++) {
		struct probe_result r;

		probe_result(i, &r);
		printf("%s %s%s\n", r.name, r.available ? "yes" : "no",
			r.forced_off ? " (forced off)" : "");
	}
	printf("took_us %lu\n", (clock_now_ns() - began) / 1000);
}

static void usage(void)
{
	fprintf(stderr, "af_xdp_port [--off FEATURE] [--cycles N] [--generic] [--bpdu-guard] "
			"[--poll] [--frames N] [--probes] NETDEV[@NAMESPACE]...\n");
	exit(3);
}

static void parse_options(int argc, char **argv, struct options *o)
{
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--generic"))
			o->generic = true;
		else if (!strcmp(argv[i], "--bpdu-guard"))
			o->bpdu_guard = true;
		else if (!strcmp(argv[i], "--poll"))
			o->poll = true;
		else if (!strcmp(argv[i], "--probes"))
			o->probes = true;
		else if (!strcmp(argv[i], "--cycles") && i + 1 < argc)
			o->cycles = (unsigned)atoi(argv[++i]);
		else if (!strcmp(argv[i], "--frames") && i + 1 < argc)
			o->frames = (uint32_t)atoi(argv[++i]);
		else if (!strcmp(argv[i], "--off") && i + 1 < argc) {
			if (probe_force_off(argv[++i]))
				usage();
		} else if (argv[i][0] == '-' || o->n == PORTS_MAX) {
			usage();
		} else {
			o->netdev[o->n] = strtok(argv[i], "@");
			o->netns[o->n++] = strtok(NULL, "@");
		}
	}
}

int main(int argc, char **argv)
{
	struct options o = {.cycles = 1, .frames = 32768};
	struct dataplane_config dc = {0};
	struct fdb_config fc = {.max_entries = 4096};
	struct pool_stats before, after;
	sigset_t signals;
	int stop_fd;

	parse_options(argc, argv, &o);
	if (o.probes) {
		print_probes();
		return 0;
	}
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	stop_fd = signalfd(-1, &signals, SFD_CLOEXEC);
	dc.n_frames = o.frames;
	dc.mode = o.poll ? WORKER_POLL : WORKER_ADAPTIVE;
	if (dataplane_create(&dp, &dc) || fdb_create(&fdb, &fc))
		return 3;
	packet_pool_stats(dataplane_pool(dp), &before);
	for (unsigned cycle = 0; cycle < o.cycles; cycle++) {
		if (open_ports(&o))
			return 2;
		publish(o.n);
		dataplane_start(dp);
		printf("ready\n");
		fflush(stdout);
		if (cycle + 1 == o.cycles)
			forward(stop_fd);
		else
			usleep(20000);
		dataplane_stop(dp);
		for (unsigned i = 0; i < o.n && cycle + 1 == o.cycles; i++)
			print_port(port[i]);
		stop(o.n);
	}
	packet_cache_flush(&dataplane_worker(dp, 0)->cache);
	packet_pool_stats(dataplane_pool(dp), &after);
	printf("frames %u before %u after, quarantined %u\n", before.frames_free, after.frames_free,
		after.quarantined);
	dataplane_destroy(dp);
	fdb_destroy(fdb);
	return before.frames_free == after.frames_free && !after.quarantined ? 0 : 1;
}
