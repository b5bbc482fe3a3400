// SPDX-License-Identifier: BSD-3-Clause
// Round trips of single UDP datagrams, one after the other.
//
//	pingpong echo [--port N]
//	pingpong ping ADDRESS [--port N] [--seconds S] [--interval US] [--size BYTES]
//
// echo: sends back what comes, until SIGTERM. ping: sends the next datagram when the last one
// came back, or --interval microseconds after it; after 100 ms without an answer it is lost.
// Prints one JSON object: {"count", "lost", "min", "p50", "p90", "p99", "max"}, in microseconds.
// IPv4 addresses only.
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SAMPLES_MAX  (1u << 20)
#define TIMEOUT_US   (100 * 1000)
#define DATAGRAM_MAX 1472u

struct options {
	uint16_t port;
	double seconds;
	long interval;
	uint32_t size;
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int compare(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

static void command_echo(const struct options *o)
{
	struct sockaddr_in from = {.sin_family = AF_INET, .sin_port = htons(o->port)};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char buf[DATAGRAM_MAX];

	if (fd < 0 || bind(fd, (struct sockaddr *)&from, sizeof(from)))
		err(1, "port %u", o->port);
	for (;;) {
		socklen_t len = sizeof(from);
		ssize_t n = recvfrom(fd, buf, sizeof(buf), 0, (struct sockaddr *)&from, &len);

		if (n >= 0 && sendto(fd, buf, (size_t)n, 0, (struct sockaddr *)&from, len) < 0)
			warn("sendto");
	}
}

// Waits for the answer with this number; older ones that come late are not it.
static bool answered(int fd, uint64_t number, uint32_t size)
{
	uint64_t buf[DATAGRAM_MAX / sizeof(uint64_t) + 1];

	for (;;) {
		ssize_t n = recv(fd, buf, sizeof(buf), 0);

		if (n < 0 && errno != ECONNREFUSED)
			return false;
		if (n == (ssize_t)size && buf[0] == number)
			return true;
	}
}

static void command_ping(const char *address, const struct options *o)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(o->port)};
	struct timeval timeout = {.tv_usec = TIMEOUT_US};
	uint64_t buf[DATAGRAM_MAX / sizeof(uint64_t) + 1] = {0};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	float *sample = malloc(SAMPLES_MAX * sizeof(*sample));
	uint32_t n = 0, lost = 0;
	double start = now();

	if (inet_pton(AF_INET, address, &to.sin_addr) != 1)
		errx(2, "not an IPv4 address: %s", address);
	if (!sample || fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) ||
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)))
		err(1, "%s", address);
	while (now() - start < o->seconds && n < SAMPLES_MAX) {
		double sent = now();

		buf[0]++;
		if (send(fd, buf, o->size, 0) < 0 && errno != ECONNREFUSED)
			err(1, "send");
		if (answered(fd, buf[0], o->size))
			sample[n++] = (float)((now() - sent) * 1e6);
		else
			lost++;
		if (o->interval)
			usleep((useconds_t)o->interval);
	}
	if (!n)
		errx(1, "%s: no answer", address);
	qsort(sample, n, sizeof(*sample), compare);
	printf("{\"count\": %u, \"lost\": %u, \"min\": %.1f, \"p50\": %.1f, \"p90\": %.1f, "
	       "\"p99\": %.1f, \"max\": %.1f}\n",
		n, lost, sample[0], sample[n / 2], sample[(uint64_t)n * 90 / 100],
		sample[(uint64_t)n * 99 / 100], sample[n - 1]);
	free(sample);
}

int main(int argc, char **argv)
{
	static const struct option known[] = {
		{"port", required_argument, NULL, 'p'},
		{"seconds", required_argument, NULL, 's'},
		{"interval", required_argument, NULL, 'i'},
		{"size", required_argument, NULL, 'z'},
		{0},
	};
	struct options o = {.port = 7007, .seconds = 1, .size = 18}; // 18: a frame of 60 bytes
	int c;

	while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
		switch (c) {
		case 'p':
			o.port = (uint16_t)atoi(optarg);
			break;
		case 's':
			o.seconds = atof(optarg);
			break;
		case 'i':
			o.interval = atol(optarg);
			break;
		case 'z':
			o.size = (uint32_t)strtoul(optarg, NULL, 0);
			break;
		default:
			return 2;
		}
	}
	if (o.size < sizeof(uint64_t) || o.size > DATAGRAM_MAX)
		errx(2, "--size is 8 to %u", DATAGRAM_MAX);
	if (argc - optind == 1 && !strcmp(argv[optind], "echo"))
		command_echo(&o);
	else if (argc - optind == 2 && !strcmp(argv[optind], "ping"))
		command_ping(argv[optind + 1], &o);
	else
		errx(2, "usage: pingpong echo|ping ADDRESS [--option value ...]; see pingpong.c");
	return 0;
}
