// SPDX-License-Identifier: BSD-3-Clause
#include "control/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "dataplane/port/probe.h"
#include "schemas/rpc_gen.h"

#define MEMORY_MIN_MIB 8
#define MEMORY_MAX_MIB (1u << 20)

static const char usage[] =
	"usage: garudad [options]\n"
	"Garuda's daemon: the switch between containers, virtual machines and network cards.\n"
	"It stays in the foreground; 'garuda' controls it.\n"
	"\n"
	"  --config FILE           carry out this configuration file at the start\n"
	"  --socket PATH           listen here (default " RPC_SOCKET_PATH ")\n"
	"  --group NAME            its members may write, not only root (default " RPC_GROUP ")\n"
	"  --workers N             threads that move packets, 1 to 16 (default 1)\n"
	"  --memory MIB            memory for packets (default 264)\n"
	"  --mode MODE             what an idle worker does: poll, adaptive (default), interrupt\n"
	"  --disable-feature NAME  do without this kernel feature; 'garuda system show' lists "
	"them\n"
	"  --log-level LEVEL       error, warn, info (default) or debug\n"
	"  --version, --help\n";

enum {
	OPT_CONFIG = 256,
	OPT_SOCKET,
	OPT_GROUP,
	OPT_WORKERS,
	OPT_MEMORY,
	OPT_MODE,
	OPT_DISABLE,
	OPT_LOG,
	OPT_VERSION,
	OPT_HELP
};

static const struct option long_options[] = {
	{"config", required_argument, NULL, OPT_CONFIG},
	{"socket", required_argument, NULL, OPT_SOCKET},
	{"group", required_argument, NULL, OPT_GROUP},
	{"workers", required_argument, NULL, OPT_WORKERS},
	{"memory", required_argument, NULL, OPT_MEMORY},
	{"mode", required_argument, NULL, OPT_MODE},
	{"disable-feature", required_argument, NULL, OPT_DISABLE},
	{"log-level", required_argument, NULL, OPT_LOG},
	{"version", no_argument, NULL, OPT_VERSION},
	{"help", no_argument, NULL, OPT_HELP},
	{0},
};

static bool number(const char *option, const char *text, unsigned long min, unsigned long max,
	unsigned long *out)
{
	char *end;

	errno = 0;
	*out = strtoul(text, &end, 10);
	if (text[0] >= '0' && text[0] <= '9' && !*end && !errno && *out >= min && *out <= max)
		return true;
	fprintf(stderr, "garudad: %s %s: must be a number from %lu to %lu\n", option, text, min,
		max);
	return false;
}

static bool mode(const char *text, enum worker_mode *out)
{
	for (int i = 0; i < RPC_WORKER_MODE_N; i++) {
		if (!strcmp(text, rpc_worker_mode_name((enum rpc_worker_mode)i))) {
			*out = (enum worker_mode)i;
			return true;
		}
	}
	fprintf(stderr, "garudad: --mode %s: must be poll, adaptive or interrupt\n", text);
	return false;
}

static bool disable(const char *name)
{
	struct probe_result r;

	if (!probe_force_off(name))
		return true;
	fprintf(stderr,
		"garudad: --disable-feature %s: there is no such feature; there are:", name);
	for (unsigned i = 0; i < PROBE_N; i++) {
		probe_result(i, &r);
		fprintf(stderr, " %s", r.name);
	}
	fprintf(stderr, "\n");
	return false;
}

static bool log_level(const char *text)
{
	static const struct {
		const char *name;
		enum log_level level;
	} levels[] = {
		{"error", LOG_LEVEL_ERROR},
		{"warn", LOG_LEVEL_WARN},
		{"info", LOG_LEVEL_INFO},
		{"debug", LOG_LEVEL_DEBUG},
	};

	for (size_t i = 0; i < ARRAY_SIZE(levels); i++) {
		if (!strcmp(levels[i].name, text)) {
			log_set_level(levels[i].level);
			return true;
		}
	}
	fprintf(stderr, "garudad: --log-level %s: must be error, warn, info or debug\n", text);
	return false;
}

static bool take(int option, struct options *o)
{
	unsigned long n;

	switch (option) {
	case OPT_CONFIG:
		o->config = optarg;
		return true;
	case OPT_SOCKET:
		o->socket = optarg;
		return true;
	case OPT_GROUP:
		o->group = optarg;
		return true;
	case OPT_WORKERS:
		if (!number("--workers", optarg, 1, WORKERS_MAX, &n))
			return false;
		o->dataplane.n_workers = (unsigned)n;
		return true;
	case OPT_MEMORY:
		if (!number("--memory", optarg, MEMORY_MIN_MIB, MEMORY_MAX_MIB, &n))
			return false;
		o->dataplane.n_frames = (uint32_t)(((uint64_t)n << 20) / FRAME_STRIDE);
		return true;
	case OPT_MODE:
		return mode(optarg, &o->dataplane.mode);
	case OPT_DISABLE:
		return disable(optarg);
	case OPT_LOG:
		return log_level(optarg);
	}
	return false; // getopt has said what is wrong
}

bool options_parse(int argc, char **argv, struct options *out, int *status)
{
	int option;

	*out = (struct options){.dataplane.mode = WORKER_ADAPTIVE, .socket = RPC_SOCKET_PATH};
	*status = 0;
	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		if (option == OPT_HELP) {
			fputs(usage, stdout);
			return false;
		}
		if (option == OPT_VERSION) {
			printf("garudad %s, API %s\n", GARUDA_VERSION, RPC_API_VERSION);
			return false;
		}
		if (!take(option, out))
			goto wrong;
	}
	if (optind == argc)
		return true;
	fprintf(stderr, "garudad: %s: is no option; 'garudad --help' lists them\n", argv[optind]);
wrong:
	*status = 2;
	return false;
}
