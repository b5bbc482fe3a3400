// SPDX-License-Identifier: BSD-3-Clause
// Frame generator and sink for the system tests and benches.
//
//	framegen send NETDEV [--rate PPS] [--seconds S] [--count N] [--size BYTES] [--vlan VID]
//	                     [--flows N] [--source MAC] [--sources N] [--dest MAC] [--dests N]
//	                     [--from ADDRESS] [--to ADDRESS]
//	framegen sink NETDEV [--seconds S]
//
// send: UDP frames through an AF_XDP socket (no program on the netdev, batches of 32), as fast as
// it goes or at a rate. Frame i has the i-th source and destination MAC (counting up in the last
// three bytes from the base, wrapping at --sources and --dests) and the i-th UDP source port.
// --from and --to: IPv4 addresses, 10.103.0.1 and 10.103.0.2 if not given.
// --size counts from the destination MAC to the end, without the FCS (default 64).
//
// sink: counts frames whose source MAC begins with 02:67:65:6e (as the default source does) and
// drops them, at the netdev's tc ingress: cheaper than any socket, so that the receiving host does
// not take part in what is measured. Everything else passes. SIGUSR1 prints the counts so far.
//
// Both stop at SIGTERM too and print one JSON object. CPU time of send includes the kernel's work
// up to the switch; on veth the switch's receiving side as well.
#include "tests/tools/sink.h"
#include "tests/tools/xsk.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define RING  4096u
#define BATCH 32u

struct options {
	double rate; // frames per second; 0 = as fast as it goes
	double seconds;
	uint64_t count;
	uint32_t size, flows, sources, dests;
	int vlan; // -1 = untagged
	uint8_t source[6], dest[6];
	uint8_t from[4], to[4];
};

static volatile sig_atomic_t stop, report;

static void on_signal(int signal)
{
	if (signal == SIGUSR1)
		report = 1;
	else
		stop = 1;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double cpu_seconds(void)
{
	struct rusage use;

	getrusage(RUSAGE_SELF, &use);
	return (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
	       (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6;
}

// -- send -------------------------------------------------------------------------------------

static void put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

// The parts that all frames share. Returns the offset of the UDP header.
static uint32_t build_template(uint8_t *frame, const struct options *o)
{
	uint8_t *ip = frame + 14;
	uint32_t sum = 0, length;

	memset(frame, 0, o->size);
	if (o->vlan >= 0) {
		put16(frame + 12, 0x8100);
		put16(frame + 14, (uint32_t)o->vlan);
		ip += 4;
	}
	put16(ip - 2, 0x0800);
	length = o->size - (uint32_t)(ip - frame);
	ip[0] = 0x45;
	put16(ip + 2, length);
	ip[8] = 64;
	ip[9] = 17;
	memcpy(ip + 12, o->from, 4);
	memcpy(ip + 16, o->to, 4);
	for (int i = 0; i < 20; i += 2)
		sum += (uint32_t)ip[i] << 8 | ip[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	put16(ip + 10, ~sum);
	put16(ip + 22, 9); // discard
	put16(ip + 24, length - 20);
	return (uint32_t)(ip + 20 - frame);
}

static void put_mac(uint8_t *at, const uint8_t base[6], uint32_t n)
{
	uint32_t low = ((uint32_t)base[3] << 16 | (uint32_t)base[4] << 8 | base[5]) + n;

	memcpy(at, base, 3);
	at[3] = (uint8_t)(low >> 16);
	put16(at + 4, low);
}

static void put_frame(uint8_t *frame, const struct options *o, uint32_t udp, uint64_t n)
{
	put_mac(frame, o->dest, (uint32_t)(n % o->dests));
	put_mac(frame + 6, o->source, (uint32_t)(n % o->sources));
	put16(frame + udp, 1024 + (uint32_t)(n % o->flows));
}

static void complete(struct xsk *xsk)
{
	uint32_t n = xsk_available(&xsk->completion);

	xsk->completion.local += n;
	if (n)
		xsk_release(&xsk->completion);
}

// How many frames are due; sleeps while there are none and the rate allows it.
static uint32_t due(const struct options *o, double start, uint64_t sent)
{
	struct timespec pause = {.tv_nsec = 50 * 1000};
	uint64_t left = o->count ? o->count - sent : BATCH, behind = BATCH;

	if (o->rate > 0) {
		double wanted = (now() - start) * o->rate - (double)sent;

		if (wanted < 1) {
			nanosleep(&pause, NULL);
			return 0;
		}
		behind = (uint64_t)wanted;
	}
	if (behind > left)
		behind = left;
	return behind < BATCH ? (uint32_t)behind : BATCH;
}

static int command_send(const char *netdev, const struct options *o)
{
	static struct xsk_umem umem;
	static struct xsk xsk;
	double start, seconds;
	uint64_t sent = 0;
	uint32_t udp = 0;

	xsk_umem_create(&umem, RING);
	for (uint32_t i = 0; i < RING; i++)
		udp = build_template(umem.memory + (size_t)i * XSK_CHUNK, o);
	xsk_open(&xsk, &umem, netdev, RING, false);
	start = now();
	while (!stop && (!o->count || sent < o->count)) {
		uint32_t n = due(o, start, sent);

		if (o->seconds > 0 && now() - start >= o->seconds)
			break;
		for (uint32_t i = 0; i < n; i++, sent++) {
			struct xdp_desc *d = xsk_desc(&xsk.tx, xsk.tx.local);

			// Frame and descriptor have the same number: free together.
			d->addr = (uint64_t)(xsk.tx.local++ & (RING - 1)) * XSK_CHUNK;
			d->len = o->size;
			d->options = 0;
			put_frame(umem.memory + d->addr, o, udp, sent);
		}
		xsk_submit(&xsk.tx);
		// In copy mode the kernel has copied, and completed, what it took from the ring.
		while (n && !stop && (!xsk_kick(&xsk) || xsk_free(&xsk.tx) < RING))
			complete(&xsk);
		complete(&xsk);
	}
	seconds = now() - start;
	printf("{\"sent\": %lu, \"bytes\": %lu, \"seconds\": %.6f, \"rate\": %.0f, "
	       "\"cpu_seconds\": %.6f}\n",
		sent, sent * o->size, seconds, (double)sent / seconds, cpu_seconds());
	return 0;
}

// -- sink -------------------------------------------------------------------------------------

static struct bpf_object *load_sink(void)
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	struct bpf_object *object;
	char *slash;

	path[n > 0 ? n : 0] = 0;
	slash = strrchr(path, '/'); // the object lies beside the program
	if (!slash || slash - path + sizeof("/sink.bpf.o") > sizeof(path))
		errx(1, "cannot find sink.bpf.o beside the program");
	strcpy(slash, "/sink.bpf.o");
	object = bpf_object__open_file(path, NULL);
	if (!object || bpf_object__load(object))
		err(1, "%s", path);
	return object;
}

static void print_counts(struct bpf_object *object, double seconds)
{
	int map = bpf_object__find_map_fd_by_name(object, "counts"),
	    n_cpus = libbpf_num_possible_cpus();
	struct sink_counts *counts = calloc((size_t)n_cpus, sizeof(*counts)), total = {0};
	uint32_t key = 0;

	if (!counts || bpf_map_lookup_elem(map, &key, counts))
		err(1, "read the counts");
	for (int i = 0; i < n_cpus; i++) {
		total.frames += counts[i].frames;
		total.bytes += counts[i].bytes;
	}
	free(counts);
	printf("{\"received\": %llu, \"bytes\": %llu, \"seconds\": %.6f}\n", total.frames,
		total.bytes, seconds);
	fflush(stdout);
}

static int command_sink(const char *netdev, const struct options *o)
{
	struct bpf_object *object = load_sink();
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)if_nametoindex(netdev),
		.attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, filter,
		.prog_fd = bpf_program__fd(bpf_object__find_program_by_name(object, "sink")));
	struct timespec pause = {.tv_nsec = 20 * 1000 * 1000};
	double start = now();
	int error;

	if (!hook.ifindex)
		err(1, "%s", netdev);
	error = bpf_tc_hook_create(&hook);
	if (error && error != -EEXIST)
		errx(1, "%s: tc ingress: %s", netdev, strerror(-error));
	error = bpf_tc_attach(&hook, &filter);
	if (error)
		errx(1, "%s: attach the sink: %s", netdev, strerror(-error));
	fprintf(stderr, "counting\n"); // a script may send now
	while (!stop && (o->seconds <= 0 || now() - start < o->seconds)) {
		nanosleep(&pause, NULL);
		if (report) {
			report = 0;
			print_counts(object, now() - start);
		}
	}
	print_counts(object, now() - start);
	filter.prog_fd = 0;
	filter.prog_id = 0;
	filter.flags = 0;
	bpf_tc_detach(&hook, &filter);
	bpf_object__close(object);
	return 0;
}

// -- arguments --------------------------------------------------------------------------------

static void parse_mac(uint8_t mac[6], const char *text)
{
	unsigned int b[6];

	if (sscanf(text, "%x:%x:%x:%x:%x:%x", b, b + 1, b + 2, b + 3, b + 4, b + 5) != 6)
		errx(2, "not a MAC address: %s", text);
	for (int i = 0; i < 6; i++)
		mac[i] = (uint8_t)b[i];
}

static void parse_ip(uint8_t ip[4], const char *text)
{
	if (inet_pton(AF_INET, text, ip) != 1)
		errx(2, "not an IPv4 address: %s", text);
}

static void parse_options(int argc, char **argv, struct options *o)
{
	static const struct option known[] = {
		{"rate", required_argument, NULL, 'r'},
		{"seconds", required_argument, NULL, 's'},
		{"count", required_argument, NULL, 'c'},
		{"size", required_argument, NULL, 'z'},
		{"vlan", required_argument, NULL, 'v'},
		{"flows", required_argument, NULL, 'f'},
		{"source", required_argument, NULL, 'S'},
		{"sources", required_argument, NULL, 'M'},
		{"dest", required_argument, NULL, 'D'},
		{"dests", required_argument, NULL, 'N'},
		{"from", required_argument, NULL, 'F'},
		{"to", required_argument, NULL, 'T'},
		{0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
		switch (c) {
		case 'r':
			o->rate = atof(optarg);
			break;
		case 's':
			o->seconds = atof(optarg);
			break;
		case 'c':
			o->count = strtoull(optarg, NULL, 0);
			break;
		case 'z':
			o->size = (uint32_t)strtoul(optarg, NULL, 0);
			break;
		case 'v':
			o->vlan = atoi(optarg);
			break;
		case 'f':
			o->flows = (uint32_t)strtoul(optarg, NULL, 0);
			break;
		case 'S':
			parse_mac(o->source, optarg);
			break;
		case 'M':
			o->sources = (uint32_t)strtoul(optarg, NULL, 0);
			break;
		case 'D':
			parse_mac(o->dest, optarg);
			break;
		case 'N':
			o->dests = (uint32_t)strtoul(optarg, NULL, 0);
			break;
		case 'F':
			parse_ip(o->from, optarg);
			break;
		case 'T':
			parse_ip(o->to, optarg);
			break;
		default:
			exit(2);
		}
	}
	// 46 = Ethernet, a tag, IPv4 and UDP; the rest of a chunk is headroom of the kernel's.
	if (o->size < 46 || o->size > XSK_CHUNK || !o->flows || !o->sources || !o->dests)
		errx(2, "--size is 46 to %u, the numbers of flows and MACs at least 1", XSK_CHUNK);
}

int main(int argc, char **argv)
{
	struct sigaction action = {.sa_handler = on_signal};
	struct options o = {
		.size = 64,
		.flows = 1,
		.sources = 1,
		.dests = 1,
		.vlan = -1,
		.source = {0x02, 0x67, 0x65, 0x6e, 0, 1},
		.dest = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
		.from = {10, 103, 0, 1},
		.to = {10, 103, 0, 2},
	};

	if (argc < 3 || (strcmp(argv[1], "send") && strcmp(argv[1], "sink")))
		errx(2, "usage: framegen send|sink NETDEV [--option value ...]; see framegen.c");
	parse_options(argc - 2, argv + 2, &o);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGUSR1, &action, NULL);
	return !strcmp(argv[1], "send") ? command_send(argv[2], &o) : command_sink(argv[2], &o);
}
