// SPDX-License-Identifier: BSD-3-Clause
// The smallest router, for routed_port_test.sh: routed af_xdp ports, whose every packet goes back
// to the kernel by the exception path, so that the kernel forwards it.
//
//	routed_port [--off FEATURE] NETDEV...
//
// Prints "ready" with the name of the exception TAP, or "refused: ..." (exit status 2). Then it
// obeys commands, one per line, and answers each with a line, or several and at last "ok":
//
//	local PREFIX | unlocal PREFIX    a prefix of the local table comes or goes
//	switch NETDEV IP4 IP6            0 or 1 each
//	leave ADDRESS | forget           packets to it are "leave to the kernel" | nothing is left
//	mac NETDEV MAC                   the netdev's MAC is another one now
//	rate NETDEV N | [un]map NETDEV   see dataplane/exception.h
//	reason NAME                      why all others go to the kernel (default no_neighbour)
//	stats | idle                     as JSON | when nothing waits any more
//	bench NETDEV N                   writes N packets of 10.0.1.2 to 10.0.2.2; prints ns per
// packet 	gso NETDEV PORT                  one packet that is ten datagrams to 10.0.2.2, as
// flow.py has them 	close NETDEV                     planned stop of one port 	quit all of
// them; exit status 1 if a frame is missing
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "dataplane/dataplane.h"
#include "dataplane/exception.h"
#include "dataplane/path/checksum.h"
#include "dataplane/path/path.h"
#include "dataplane/port/admission.h"
#include "dataplane/port/probe.h"

#define PORTS_MAX 8
#define LEAVE_MAX 16
#define N_FRAMES  32768

static struct dataplane *dp;
static struct exception *exception;
static struct admission *admission;
static struct snapshot *snapshot;
static struct port *port[PORTS_MAX];
static struct pool_stats before;
static unsigned n_ports;
static _Atomic bool stop;
static _Atomic int reason = EXCEPTION_no_neighbour;
static pthread_t thread;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; // of what follows, and against close
static struct ip_addr leave[LEAVE_MAX];
static unsigned n_leave;
static uint64_t refused;

static bool is_left(const struct packet *p)
{
	const bool ip4 = p->ethertype == 0x0800;
	const uint8_t *dst = p->data + p->l3_offset + (ip4 ? 16 : 24);

	for (unsigned i = 0; i < n_leave; i++)
		if (leave[i].family == (ip4 ? AF_INET : AF_INET6) &&
			!memcmp(leave[i].b, dst, ip4 ? 4 : 16))
			return true;
	return false;
}

static unsigned bounce(struct worker *w, struct port_queue *q)
{
	struct burst b;

	rx(w, snapshot, q, &b);
	if (!b.n)
		return 0;
	parse(w, &b);
	for (unsigned i = 0; i < b.n; i++) {
		struct packet *p = b.packet[i];
		enum exception_reason r = is_left(p) ? EXCEPTION_leave : reason;

		if (!exception_push(exception, 0, p, q->port, r, clock_now_ns())) {
			refused++;
			packet_free(&w->cache, p);
		}
	}
	return b.n;
}

static void *worker_main(void *arg)
{
	struct worker *w = dataplane_worker(dp, 0);
	int set = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event e;

	for (unsigned i = 0; i < n_ports; i++)
		for (unsigned q = 0; q < port[i]->n_queues; q++)
			epoll_ctl(set, EPOLL_CTL_ADD, port[i]->queue[q].fd,
				&(struct epoll_event){.events = EPOLLIN});
	while (!stop) {
		unsigned n = 0;

		pthread_mutex_lock(&lock);
		w->now = clock_now_ns();
		for (unsigned i = 0; i < n_ports; i++)
			for (unsigned q = 0; port[i] && q < port[i]->n_queues; q++)
				n += bounce(w, &port[i]->queue[q]);
		pthread_mutex_unlock(&lock);
		if (!n)
			epoll_wait(set, &e, 1, 20);
	}
	close(set);
	return NULL;
}

static int open_ports(char **netdev)
{
	char error[PORT_ERROR_SIZE];

	for (; *netdev && n_ports < PORTS_MAX; netdev++, n_ports++) {
		struct port_config c = {.name = *netdev,
			.netdev = *netdev,
			.netns_fd = -1,
			.routed = true,
			.admission = admission,
			.generic_xdp = getenv("GENERIC") != NULL,
			.pool = dataplane_pool(dp)};

		if (port_open(&port[n_ports], "af_xdp", (port_id_t)n_ports, &c, error)) {
			printf("refused: %s\n", error);
			return -1;
		}
		fprintf(stderr, "%s\n", port[n_ports]->warning);
		dataplane_add_port(dp, (port_id_t)n_ports);
		exception_map_port(exception, (port_id_t)n_ports, port[n_ports]->ifindex);
	}
	snapshot = snapshot_new(n_ports, 1);
	for (unsigned i = 0; snapshot && i < n_ports; i++)
		snapshot_attach(snapshot, port[i]);
	return snapshot ? 0 : -1;
}

static unsigned find(const char *netdev)
{
	for (unsigned i = 0; i < n_ports; i++)
		if (port[i] && !strcmp(port[i]->name, netdev))
			return i;
	printf("no port %s\n", netdev);
	exit(3);
}

static void wait_idle(void)
{
	while (!exception_is_idle(exception))
		usleep(100);
}

static void print_stats(void)
{
	struct exception_stats e;
	const char *comma = "";

	exception_stats(exception, &e);
	printf("{\"pushed\": %lu, \"written\": %lu, \"left\": %lu, \"metered\": %lu, \"full\": "
	       "%lu, \"gone\": %lu, \"stale\": %lu, \"errors\": %lu, \"error\": %d, \"ports\": {",
		e.pushed, e.written, e.left, e.metered, e.full, e.gone, e.stale, e.errors,
		exception_error(exception));
	for (unsigned i = 0; i < n_ports; i++) {
		struct port_counters c;
		struct port_stats s;

		if (!port[i] || port[i]->ops->read_stats(port[i], &s))
			continue;
		dataplane_counters(dp, -1, (port_id_t)i, &c);
		printf("%s\"%s\": {\"taken\": %lu, \"rx_stale\": %lu, \"kernel_lost\": %lu", comma,
			port[i]->name, c.rx_packets, c.drop[DROP_rx_stale],
			s.kernel_ring_full + s.kernel_fill_empty + s.kernel_invalid);
		for (unsigned r = 0; r < N_PORT_PASSES; r++)
			printf(", \"%s\": %lu", port_pass_name(r), s.passed[r]);
		printf("}");
		comma = ", ";
	}
	printf("}}\n");
}

static struct packet *make_packet(struct packet_cache *c, unsigned i)
{
	static const uint8_t head[] = {0x45, 0, 0, 46, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 1, 2, 10, 0,
		2, 2, 0x10, 0, 0x20, 0, 0, 26, 0, 0};
	struct packet *p = packet_alloc(c);
	uint16_t sum;

	if (!p)
		return NULL;
	p->len = 60;
	p->total_len = p->len;
	memset(p->data, 0, p->len);
	memcpy(p->data, &port[i]->mac, 6);
	memcpy(p->data + 6, (uint8_t[]){2, 0, 0, 0, 0, 9, 8, 0}, 8);
	memcpy(p->data + 14, head, sizeof(head));
	sum = (uint16_t)~checksum_fold(checksum_add(0, p->data + 14, 20));
	memcpy(p->data + 24, &sum, sizeof(sum));
	return p;
}

static void bench(unsigned i, unsigned n)
{
	struct packet_cache cache;
	uint64_t began;

	packet_cache_init(&cache, dataplane_pool(dp));
	exception_set_rate(exception, (port_id_t)i, 0);
	began = clock_now_ns();
	for (unsigned k = 0; k < n;) {
		struct packet *p = make_packet(&cache, i);

		if (p && exception_push(exception, 1, p, (port_id_t)i, EXCEPTION_no_neighbour,
				 clock_now_ns())) {
			k++;
			continue;
		}
		if (p)
			packet_free(&cache, p);
		usleep(100);
	}
	wait_idle();
	printf("%lu\n", (clock_now_ns() - began) / n);
	exception_set_rate(exception, (port_id_t)i, EXCEPTION_RATE_DEFAULT);
	packet_cache_flush(&cache);
}

static void put_be16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

// A packet as a port with GSO hands it over: a chain of frames, numbered datagrams of UDP in it
// that are still to be cut, and only the pseudo header's sum.
static void send_gso(unsigned i, unsigned to_port)
{
	enum { N = 10, SIZE = 700, HEAD = 14 + 20 + 8, UDP = 8 + N * SIZE };
	static uint8_t flat[HEAD + N * SIZE];
	const uint8_t pseudo[4] = {0, 17, UDP >> 8, UDP & 255};
	struct packet_cache cache;
	struct packet *p[8], *first;
	unsigned n = 0, at = 0;
	uint16_t sum;

	packet_cache_init(&cache, dataplane_pool(dp));
	first = make_packet(&cache, i);
	memcpy(flat, first->data, HEAD);
	packet_free(&cache, first);
	put_be16(flat + 16, 20 + UDP);
	put_be16(flat + 24, 0);
	sum = (uint16_t)~checksum_fold(checksum_add(0, flat + 14, 20));
	memcpy(flat + 24, &sum, sizeof(sum));
	put_be16(flat + 36, to_port);
	put_be16(flat + 38, UDP);
	sum = checksum_fold(checksum_add(checksum_add(0, flat + 26, 8), pseudo, sizeof(pseudo)));
	memcpy(flat + 40, &sum, sizeof(sum));
	for (unsigned k = 0; k < N; k++)
		flat[HEAD + k * SIZE + 3] = (uint8_t)k;
	for (; at < sizeof(flat); n++) {
		uint32_t room = n ? 1500 : 600;

		p[n] = packet_alloc(&cache);
		p[n]->len = (uint16_t)MIN(room, sizeof(flat) - at);
		memcpy(p[n]->data, flat + at, p[n]->len);
		at += p[n]->len;
		if (n)
			p[n - 1]->next = p[n];
	}
	p[0]->n_frames = (uint16_t)n;
	p[0]->total_len = sizeof(flat);
	p[0]->flags = PACKET_CSUM;
	p[0]->csum_start = 34;
	p[0]->csum_offset = 6;
	p[0]->gso_type = GSO_UDP;
	p[0]->gso_size = SIZE;
	p[0]->hdr_len = HEAD;
	if (!exception_push(
		    exception, 1, p[0], (port_id_t)i, EXCEPTION_no_neighbour, clock_now_ns()))
		packet_free(&cache, p[0]);
	packet_cache_flush(&cache);
}

// As port.h says it is done.
static void close_port(unsigned i)
{
	admission_switch(admission, port[i]->ifindex, false, false);
	for (unsigned ms = 0; ms < 100; ms++) {
		usleep(1000);
		if (ms > 1 && port_is_drained(port[i]))
			break;
	}
	pthread_mutex_lock(&lock); // the grace period
	pthread_mutex_unlock(&lock);
	wait_idle();
	pthread_mutex_lock(&lock);
	exception_unmap_port(exception, (port_id_t)i);
	port_close(port[i]);
	port[i] = NULL;
	pthread_mutex_unlock(&lock);
}

static int set_local(const char *text, bool is_there)
{
	struct ip_prefix p;

	return prefix_parse(text, &p) ? admission_local(admission, &p, is_there) : -EINVAL;
}

static void obey(char *line)
{
	const char *word[4] = {"", "", "", ""};
	struct mac mac;
	char *rest = line;

	for (unsigned i = 0; i < 4; i++) {
		const char *w = strsep(&rest, " ");

		word[i] = w ? w : "";
	}
	if (!strcmp(word[0], "local") || !strcmp(word[0], "unlocal")) {
		int err = set_local(word[1], *word[0] == 'l');

		if (err)
			printf("%s: %s\n", word[1], strerror(-err));
	} else if (!strcmp(word[0], "switch")) {
		admission_switch(
			admission, port[find(word[1])]->ifindex, *word[2] == '1', *word[3] == '1');
	} else if (!strcmp(word[0], "leave")) {
		pthread_mutex_lock(&lock);
		if (n_leave < LEAVE_MAX && ip_parse(word[1], &leave[n_leave]))
			n_leave++;
		pthread_mutex_unlock(&lock);
	} else if (!strcmp(word[0], "forget")) {
		admission_forget(admission);
	} else if (!strcmp(word[0], "mac") && mac_parse(word[2], &mac)) {
		admission_set_mac(admission, port[find(word[1])]->ifindex, mac);
	} else if (!strcmp(word[0], "rate")) {
		exception_set_rate(exception, (port_id_t)find(word[1]), (uint32_t)atoi(word[2]));
	} else if (!strcmp(word[0], "unmap")) {
		exception_unmap_port(exception, (port_id_t)find(word[1]));
	} else if (!strcmp(word[0], "map")) {
		unsigned i = find(word[1]);

		exception_map_port(exception, (port_id_t)i, port[i]->ifindex);
	} else if (!strcmp(word[0], "reason")) {
		for (int r = 0; r < N_EXCEPTION_REASONS; r++)
			if (!strcmp(exception_name(r), word[1]))
				reason = r;
	} else if (!strcmp(word[0], "stats")) {
		print_stats();
	} else if (!strcmp(word[0], "idle")) {
		wait_idle();
	} else if (!strcmp(word[0], "bench")) {
		bench(find(word[1]), (unsigned)atoi(word[2]));
	} else if (!strcmp(word[0], "gso")) {
		send_gso(find(word[1]), (unsigned)atoi(word[2]));
	} else if (!strcmp(word[0], "close")) {
		close_port(find(word[1]));
	} else {
		printf("what is %s?\n", word[0]);
	}
	printf("ok\n");
	fflush(stdout);
}

static int finish(void)
{
	struct pool_stats after;

	for (unsigned i = 0; i < n_ports; i++)
		if (port[i])
			close_port(i);
	stop = true;
	pthread_join(thread, NULL);
	exception_destroy(exception);
	admission_destroy(admission);
	packet_cache_flush(&dataplane_worker(dp, 0)->cache);
	packet_pool_stats(dataplane_pool(dp), &after);
	printf("frames %u before %u after, quarantined %u, refused %lu\nok\n", before.frames_free,
		after.frames_free, after.quarantined, refused);
	snapshot_free(snapshot);
	dataplane_destroy(dp);
	return before.frames_free == after.frames_free && !after.quarantined ? 0 : 1;
}

int main(int argc, char **argv)
{
	struct dataplane_config dc = {.n_frames = N_FRAMES};
	struct exception_config ec = {.n_workers = 2, .netns_fd = -1, .fd = -1};
	char error[EXCEPTION_ERROR_SIZE], line[256];

	if (argc > 2 && !strcmp(argv[1], "--off")) {
		if (probe_force_off(argv[2]))
			return 3;
		argv += 2;
	}
	if (dataplane_create(&dp, &dc) || admission_create(&admission))
		return 3;
	ec.pool = dataplane_pool(dp);
	ec.admission = admission;
	packet_pool_stats(dataplane_pool(dp), &before);
	if (exception_create(&exception, &ec, error)) {
		printf("refused: %s\n", error);
		return 2;
	}
	if (open_ports(argv + 1))
		return 2;
	pthread_create(&thread, NULL, worker_main, NULL);
	printf("ready %s\n", exception_netdev(exception));
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		if (!strcmp(line, "quit"))
			break;
		obey(line);
	}
	return finish();
}
