// SPDX-License-Identifier: BSD-3-Clause
// The yardstick for the switch: the least that a program can do to forward between two netdevs by
// AF_XDP. Frames go from one to the other untouched and unseen; no table, no counters by port,
// no offloads, no VLANs. What the switch takes beyond this is the price of being a switch.
//
//	l2fwd_yardstick NETDEV NETDEV      (in this network namespace; queue 0 of each)
//
// Batches of up to 64, one sendto per netdev and loop, one UMEM, poll() when idle. On SIGUSR1 and
// at the end (SIGTERM, SIGINT) it prints one line: {"packets", "dropped", "cpu_seconds", "loops",
// "sleeps", "ns_per_packet"}; the figures count from the start.
#include "tests/tools/xsk.h"

#include <err.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>

#define RING   4096u // entries in each ring: losses were seen with less when descheduled for 2 ms
#define CHUNKS (RING * 4)
#define BATCH  64u

struct port {
	struct xsk xsk;
	bool unsent; // submitted, and the kernel has not yet taken all
};

static struct port ports[2];
static struct xsk_umem umem;
static uint64_t free_chunks[CHUNKS]; // a stack
static uint32_t n_free;
static uint64_t n_packets, n_dropped, n_loops, n_sleeps;
static volatile sig_atomic_t stop, report;

static void on_signal(int signal)
{
	if (signal == SIGUSR1)
		report = 1;
	else
		stop = 1;
}

static void print_figures(void)
{
	struct rusage use;
	double cpu;

	getrusage(RUSAGE_SELF, &use);
	cpu = (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
	      (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6;
	printf("{\"packets\": %lu, \"dropped\": %lu, \"cpu_seconds\": %.6f, \"loops\": %lu, "
	       "\"sleeps\": %lu, \"ns_per_packet\": %.1f}\n",
		n_packets, n_dropped, cpu, n_loops, n_sleeps,
		n_packets ? cpu * 1e9 / (double)n_packets : 0);
	fflush(stdout);
}

static void fill(struct port *p)
{
	struct xsk_ring *ring = &p->xsk.fill;
	uint32_t n = xsk_free(ring);

	if (n < BATCH)
		return; // in batches: the index is a cache line that the sender reads too
	for (; n && n_free; n--)
		*xsk_address(ring, ring->local++) = free_chunks[--n_free];
	xsk_submit(ring);
}

static void complete(struct port *p)
{
	struct xsk_ring *ring = &p->xsk.completion;
	uint32_t n = xsk_available(ring);

	if (!n)
		return;
	while (n--)
		free_chunks[n_free++] =
			*xsk_address(ring, ring->local++) & ~(uint64_t)(XSK_CHUNK - 1);
	xsk_release(ring);
}

// Moves descriptors from one port's receive ring to the other's transmit ring. Returns how many.
static uint32_t forward(struct port *from, struct port *to)
{
	struct xsk_ring *rx = &from->xsk.rx, *tx = &to->xsk.tx;
	uint32_t n = xsk_available(rx), room = xsk_free(tx);

	if (!n)
		return 0;
	if (n > BATCH)
		n = BATCH;
	for (uint32_t i = 0; i < n; i++) {
		const struct xdp_desc *in = xsk_desc(rx, rx->local++);
		struct xdp_desc *out;

		if (i >= room) {
			free_chunks[n_free++] = in->addr & ~(uint64_t)(XSK_CHUNK - 1);
			n_dropped++;
			continue;
		}
		out = xsk_desc(tx, tx->local++);
		out->addr = in->addr;
		out->len = in->len;
		out->options = 0;
	}
	n_packets += n < room ? n : room;
	xsk_release(rx);
	xsk_submit(tx);
	to->unsent = true;
	return n;
}

static void sleep_until_traffic(void)
{
	struct pollfd fds[2] = {
		{.fd = ports[0].xsk.fd, .events = POLLIN},
		{.fd = ports[1].xsk.fd, .events = POLLIN},
	};

	n_sleeps++;
	poll(fds, 2, ports[0].unsent || ports[1].unsent ? 1 : 1000);
}

int main(int argc, char **argv)
{
	struct sigaction action = {.sa_handler = on_signal}; // no SA_RESTART: poll() must end

	if (argc != 3)
		errx(2, "usage: l2fwd_yardstick NETDEV NETDEV");
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGUSR1, &action, NULL);

	xsk_umem_create(&umem, CHUNKS);
	for (uint32_t i = 0; i < CHUNKS; i++)
		free_chunks[n_free++] = (uint64_t)i * XSK_CHUNK;
	for (int i = 0; i < 2; i++) {
		xsk_open(&ports[i].xsk, &umem, argv[i + 1], RING, true);
		fill(&ports[i]);
	}
	for (int i = 0; i < 2; i++)
		xsk_attach(&ports[i].xsk);
	fprintf(stderr, "forwarding between %s and %s\n", argv[1], argv[2]);

	while (!stop) {
		uint32_t n = 0;

		n_loops++;
		for (int i = 0; i < 2; i++)
			n += forward(&ports[i], &ports[!i]);
		for (int i = 0; i < 2; i++) {
			if (ports[i].unsent)
				ports[i].unsent = !xsk_kick(&ports[i].xsk);
			complete(&ports[i]);
		}
		for (int i = 0; i < 2; i++)
			fill(&ports[i]);
		if (report) {
			report = 0;
			print_figures();
		}
		if (!n)
			sleep_until_traffic();
	}
	print_figures();
	return 0;
}
