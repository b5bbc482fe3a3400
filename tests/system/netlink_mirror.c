// SPDX-License-Identifier: BSD-3-Clause
// A reader of the mirror (control/netlink/mirror.h) of the namespace that it runs in.
//
//   netlink_mirror [--buffer BYTES] [--events FILE] [--slow MICROSECONDS]
//
// --events writes each record as a line; --slow sleeps after each batch. Commands on standard
// input, each answered by lines and then a line ".":
//   state KIND   what is there now (link, address, neigh, route, nexthop, rule, netconf)
//   resync       asks for one; "resync SECONDS RECORDS" when it has arrived
//   stats        counters, NAME VALUE
//   wait N       until there are at least N routes; "routes N SECONDS since the first one came"
// At the end of input it stops the mirror, prints "stopped MILLISECONDS", and ends.
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "control/netlink/mirror.h"
#include "tests/system/netlink_model.h"

static struct mirror *mirror;
static struct model *model;
static FILE *events;
static unsigned slow_us;
static uint64_t n_records, n_complete; // dumps of routes, the last kind
static uint64_t grown_at;              // when the number of routes began to rise
static size_t grown_from;

static double seconds_since(uint64_t ns)
{
	return (double)(clock_now_ns() - ns) / 1e9;
}

static void take(void)
{
	const struct nl_change *c;
	size_t size = mirror_take(mirror, &c);
	const uint8_t *end = (const uint8_t *)c + size;

	if (!size)
		return;
	for (; c; c = mirror_next(c, end)) {
		n_records++;
		if (events) {
			model_print_record(events, c);
			fputc('\n', events);
		}
		if (model_apply(model, c) == NL_ROUTE)
			n_complete++;
	}
	if (events)
		fflush(events);
	if (!grown_at && model_count(model, NL_ROUTE) > grown_from + 1000)
		grown_at = clock_now_ns();
	if (slow_us)
		usleep(slow_us);
}

// Takes until the condition holds, at most 60 s.
static bool take_until(bool (*done)(uint64_t), uint64_t arg)
{
	struct pollfd p = {.fd = mirror_fd(mirror), .events = POLLIN};
	uint64_t start = clock_now_ns();

	while (!done(arg)) {
		if (seconds_since(start) > 60)
			return false;
		if (poll(&p, 1, 100) > 0)
			take();
	}
	return true;
}

static bool is_complete(uint64_t n)
{
	return n_complete >= n;
}

static bool has_routes(uint64_t n)
{
	return model_count(model, NL_ROUTE) >= n;
}

static void print_stats(void)
{
	struct mirror_stats s;

	mirror_stats(mirror, &s);
	printf("notifications %" PRIu64 "\nrecords %" PRIu64 "\nresyncs %" PRIu64
	       "\noverflows %" PRIu64 "\nreopened %" PRIu64 "\nwaiting %" PRIu64
	       "\nresync_ms %" PRIu64 "\nroutes %zu\nswept %" PRIu64 "\n",
		s.notifications, s.records, s.resyncs, s.overflows, s.reopened, s.waiting,
		s.resync_ns / 1000000, model_count(model, NL_ROUTE), model_swept(model));
}

static void print_state(const char *name)
{
	static const struct {
		const char *name;
		enum nl_kind kind;
	} kinds[] = {{"link", NL_LINK}, {"address", NL_ADDRESS}, {"neigh", NL_NEIGH},
		{"route", NL_ROUTE}, {"nexthop", NL_NEXTHOP}, {"rule", NL_RULE},
		{"netconf", NL_NETCONF}};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (!strcmp(name, kinds[i].name))
			model_print(model, kinds[i].kind, stdout);
}

static void resync(void)
{
	uint64_t start = clock_now_ns(), before = n_records;

	mirror_resync(mirror);
	if (take_until(is_complete, n_complete + 1))
		printf("resync %.3f %" PRIu64 "\n", seconds_since(start), n_records - before);
	else
		printf("no resync\n");
}

static void run_command(char *line)
{
	line[strcspn(line, "\n")] = '\0';
	if (!strncmp(line, "state ", 6))
		print_state(line + 6);
	else if (!strcmp(line, "resync"))
		resync();
	else if (!strcmp(line, "stats"))
		print_stats();
	else if (!strncmp(line, "wait ", 5) && take_until(has_routes, strtoull(line + 5, NULL, 10)))
		printf("routes %zu %.3f\n", model_count(model, NL_ROUTE),
			grown_at ? seconds_since(grown_at) : 0);
	else
		printf("failed: %s\n", line);
	printf(".\n");
	fflush(stdout);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"buffer", required_argument, NULL, 'b'},
		{"events", required_argument, NULL, 'e'}, {"slow", required_argument, NULL, 's'},
		{0}};
	struct mirror_config config = {.netns_fd = -1};
	struct pollfd p[2] = {{.events = POLLIN}, {.fd = STDIN_FILENO, .events = POLLIN}};
	char line[256];
	uint64_t start;
	int c, err;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
		if (c == 'b')
			config.receive_buffer = strtoul(optarg, NULL, 10);
		else if (c == 'e' && !(events = fopen(optarg, "a")))
			return 2;
		else if (c == 's')
			slow_us = (unsigned)atoi(optarg);
		else if (c == '?')
			return 2;
	setvbuf(stdin, NULL, _IONBF, 0); // poll() must see what is left of it
	model = model_create();
	err = mirror_start(&mirror, &config);
	if (err) {
		fprintf(stderr, "mirror: %s\n", strerror(-err));
		return 1;
	}
	if (!take_until(is_complete, 1))
		return 1;
	grown_from = model_count(model, NL_ROUTE);
	printf("complete\n.\n");
	fflush(stdout);
	p[0].fd = mirror_fd(mirror);
	for (;;) {
		poll(p, 2, -1);
		if (p[0].revents)
			take();
		if (!p[1].revents)
			continue;
		if (!fgets(line, sizeof(line), stdin))
			break;
		run_command(line);
	}
	start = clock_now_ns();
	mirror_stop(mirror);
	printf("stopped %.1f\n", seconds_since(start) * 1e3);
	model_destroy(model);
	return 0;
}
