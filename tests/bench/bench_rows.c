// SPDX-License-Identifier: BSD-3-Clause
// The report of benches that are shell scripts, so that all benches speak alike.
//
//	... | bench_rows [--json]
//
// Reads a row per line, fields separated by tabs, "-" where a row has none:
// name, value, unit, peer, peer_value, lower|higher, target. Exit status 1 when a
// target was missed, 2 for a line that is no row.
#include "tests/bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum field { NAME, VALUE, UNIT, PEER, PEER_VALUE, BETTER, TARGET, N_FIELDS };

static bool number(const char *text, double *out)
{
	char *end;

	*out = 0;
	if (!strcmp(text, "-"))
		return true;
	*out = strtod(text, &end);
	return end != text && !*end;
}

static bool parse_row(char *line, struct bench_row *row)
{
	char *field[N_FIELDS];

	line[strcspn(line, "\n")] = 0;
	for (int i = 0; i < N_FIELDS; i++) {
		field[i] = strsep(&line, "\t");
		if (!field[i])
			return false;
	}
	*row = (struct bench_row){.name = field[NAME],
		.unit = field[UNIT],
		.peer = strcmp(field[PEER], "-") ? field[PEER] : NULL,
		.better = strcmp(field[BETTER], "higher") ? BENCH_LOWER : BENCH_HIGHER};
	return !line && number(field[VALUE], &row->value) &&
	       number(field[PEER_VALUE], &row->peer_value) && number(field[TARGET], &row->target);
}

int main(int argc, char **argv)
{
	struct bench_options o = bench_options(argc, argv, "Reports the rows on standard input.");
	struct bench_row row;
	char line[512];

	while (fgets(line, sizeof(line), stdin)) {
		if (!parse_row(line, &row)) {
			fprintf(stderr, "bench_rows: not a row: %s\n", line);
			return 2;
		}
		bench_report(&o, &row);
	}
	return bench_finish(&o);
}
