// SPDX-License-Identifier: BSD-3-Clause
// A laboratory for the pipeline: memory ports, one worker without a thread, and a flight of packets
// whose headers are written anew before every pass, all of them at once and outside the measured
// time, so that a burst's header lines are as far away as after FLIGHT - 32 other frames.
#pragma once

#include <string.h>

#include "dataplane/dataplane.h"
#include "dataplane/port/memory.h"
#include "tests/bench/bench.h"

#define FLIGHT    8192
#define LAB_PORTS 3 // traffic comes in by port 0

struct lab {
	struct dataplane *dp;
	struct worker *w;
	unsigned n_ports;
	struct port *port[LAB_PORTS];
	struct packet_cache cache;
	struct packet *flight[FLIGHT];
	bool is_routed;
	const char *name; // "L2, 2k MACs"
	double target;    // cycles per packet in bursts of 32 or more; 0 = none
	void *traffic;    // of write
	void (*write)(struct lab *, struct packet *); // a packet's bytes and length
};

// Everything but the tables and the snapshot, which the caller publishes.
void lab_open(struct lab *, unsigned n_ports);
void lab_close(struct lab *);

// Passes that nobody counts, so that all is learned and in the caches.
void lab_warm_up(struct lab *, unsigned passes);

// Whether a row of a laboratory of that name was asked for.
bool lab_wanted(const struct bench_options *, const char *name);

// Cycles per packet by burst, and by stage in bursts of 32.
void lab_measure(const struct bench_options *, struct lab *);

void lab_die(const char *what);

// pipeline_bench_route.c
void bench_router(const struct bench_options *);
