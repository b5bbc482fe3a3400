// SPDX-License-Identifier: BSD-3-Clause
// Two TAP ports joined by the smallest possible loop: what the port kind itself
// does and costs, without a switch around it.
//
//   tap_forward [--mtu N] [--batch N] [--segment] NETNS:NAME NETNS:NAME
//
// Prints "ready" when both are up, and at SIGTERM, or when a device is gone, what it
// moved. --segment cuts large packets and completes checksums, as for a port that takes
// neither. Exit status 1 when a port cannot be opened, or frames were lost.
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "dataplane/path/checksum.h"
#include "dataplane/path/ethernet.h"
#include "dataplane/path/segment.h"
#include "dataplane/port/port.h"

#define N_FRAMES 16384

struct totals {
	uint64_t packets, bytes, unfinished, tcp_segments, udp_segments, cut, refused, dropped;
	uint64_t bursts, sleeps;
};

static volatile sig_atomic_t stop;
static struct packet_cache cache;
static struct totals totals;
static bool segments;
static unsigned batch = 16;

static void on_signal(int sig)
{
	stop = 1;
}

static struct port *open_port(
	const char *where, port_id_t id, uint32_t mtu, struct packet_pool *pool)
{
	struct port_config config = {.name = where, .mtu = mtu, .pool = pool};
	char netns[64], path[96], error[PORT_ERROR_SIZE];
	const char *colon = strchr(where, ':');
	struct port *port;

	if (!colon || colon - where >= (int)sizeof(netns)) {
		fprintf(stderr, "%s: NETNS:NAME expected\n", where);
		return NULL;
	}
	snprintf(netns, sizeof(netns), "%.*s", (int)(colon - where), where);
	snprintf(path, sizeof(path), "/run/netns/%s", netns);
	config.netdev = colon + 1;
	config.netns_fd = *netns ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	if (*netns && config.netns_fd < 0) {
		perror(path);
		return NULL;
	}
	if (port_open(&port, "tap", id, &config, error)) {
		fprintf(stderr, "%s\n", error);
		port = NULL;
	}
	if (config.netns_fd >= 0)
		close(config.netns_fd);
	return port;
}

// What parse() does, as far as offloads need it.
static bool prepare(struct packet *p)
{
	if (p->len < ETHERNET_HEADER_SIZE + VLAN_TAG_SIZE)
		return true;
	p->ethertype = load_be16(p->data + 12);
	p->l3_offset = ETHERNET_HEADER_SIZE;
	if (p->ethertype == ETHERTYPE_VLAN) {
		p->ethertype = load_be16(p->data + 16);
		p->l3_offset += VLAN_TAG_SIZE;
	}
	if (p->flags & PACKET_CSUM) {
		totals.unfinished++;
		if (!checksum_request_valid(p))
			return false;
	}
	if (p->gso_type == GSO_NONE)
		return true;
	if (p->gso_type == GSO_UDP)
		totals.udp_segments++;
	else
		totals.tcp_segments++;
	return segment_request_valid(p);
}

static void send_all(struct port_queue *q, struct packet **packets, unsigned n)
{
	unsigned sent = q->tx_burst(q, &cache, packets, (uint16_t)n);

	totals.refused += n - sent;
	packet_free_bulk(&cache, packets + sent, n - sent);
}

static void send_cut(struct port_queue *q, struct packet *p)
{
	static struct packet *out[SEGMENTS_MAX];
	bool no_frame;
	unsigned n = 1;

	out[0] = p;
	if (p->gso_type != GSO_NONE) {
		n = segment(&cache, p, out, SEGMENTS_MAX, &no_frame);
		packet_free(&cache, p);
		totals.cut += n;
	}
	for (unsigned i = 0; i < n; i++)
		if (out[i]->flags & PACKET_CSUM)
			checksum_complete(out[i]);
	send_all(q, out, n);
}

static unsigned forward(struct port_queue *from, struct port_queue *to)
{
	struct packet *packets[BURST_MAX];
	unsigned n = from->rx_burst(from, &cache, packets, (uint16_t)batch), good = 0;

	totals.bursts += n != 0;
	for (unsigned i = 0; i < n; i++) {
		struct packet *p = packets[i];

		totals.packets++;
		totals.bytes += p->total_len;
		if (!prepare(p)) {
			totals.dropped++;
			packet_free(&cache, p);
		} else if (segments) {
			send_cut(to, p);
		} else {
			packets[good++] = p;
		}
	}
	if (good)
		send_all(to, packets, good);
	return n;
}

static void run(struct port_queue *a, struct port_queue *b)
{
	struct pollfd fds[] = {{.fd = a->fd, .events = POLLIN}, {.fd = b->fd, .events = POLLIN}};

	a->ready = b->ready = true;
	while (!stop && !a->error && !b->error) {
		unsigned n = 0;

		if (a->ready)
			n += forward(a, b);
		if (b->ready)
			n += forward(b, a);
		if (a->ready && b->ready)
			continue;
		// Both silent: sleep. One busy: ask for the other now and then.
		if (n && totals.bursts % 4)
			continue;
		totals.sleeps += !n;
		if (poll(fds, 2, n ? 0 : -1) > 0) {
			a->ready |= fds[0].revents != 0;
			b->ready |= fds[1].revents != 0;
		}
	}
}

static void report(const struct port *a, const struct port *b)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	printf("packets=%lu bytes=%lu unfinished=%lu tcp_segments=%lu udp_segments=%lu cut=%lu "
	       "refused=%lu dropped=%lu bursts=%lu sleeps=%lu",
		totals.packets, totals.bytes, totals.unfinished, totals.tcp_segments,
		totals.udp_segments, totals.cut, totals.refused, totals.dropped, totals.bursts,
		totals.sleeps);
	printf(" user_ms=%ld system_ms=%ld error_a=%d error_b=%d\n",
		u.ru_utime.tv_sec * 1000 + u.ru_utime.tv_usec / 1000,
		u.ru_stime.tv_sec * 1000 + u.ru_stime.tv_usec / 1000, a->queue[0].error,
		b->queue[0].error);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"mtu", 1, NULL, 'm'}, {"batch", 1, NULL, 'b'},
		{"segment", 0, NULL, 's'}, {NULL, 0, NULL, 0}};
	struct packet_pool *pool;
	struct port *a, *b = NULL;
	struct pool_stats stats;
	uint32_t mtu = 0;
	int opt;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (opt == 'm')
			mtu = (uint32_t)atoi(optarg);
		else if (opt == 'b')
			batch = (unsigned)atoi(optarg);
		else if (opt == 's')
			segments = true;
		else
			return 2;
	}
	if (argc - optind != 2 || batch < 1 || batch > BURST_MAX ||
		packet_pool_create(&pool, N_FRAMES))
		return 2;
	packet_cache_init(&cache, pool);
	sigaction(SIGTERM, &(struct sigaction){.sa_handler = on_signal}, NULL);
	a = open_port(argv[optind], 0, mtu, pool);
	if (a)
		b = open_port(argv[optind + 1], 1, mtu, pool);
	if (b) {
		printf("ready\n");
		fflush(stdout);
		run(&a->queue[0], &b->queue[0]);
		report(a, b);
	}
	port_close(a);
	port_close(b);
	packet_cache_flush(&cache);
	packet_pool_stats(pool, &stats);
	packet_pool_destroy(pool);
	if (stats.frames_free != N_FRAMES) {
		fprintf(stderr, "%u of %d frames are lost\n", N_FRAMES - stats.frames_free,
			N_FRAMES);
		return 1;
	}
	return b ? 0 : 1;
}
