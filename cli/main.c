// SPDX-License-Identifier: BSD-3-Clause
// garuda: one call to the daemon per run. Exit status: 0 done, 1 refused by the
// daemon (or its answer could not be printed), 2 wrong usage, 3 no daemon.
#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/client.h"
#include "cli/command.h"
#include "cli/table.h"

enum { EXIT_DONE, EXIT_REFUSED, EXIT_USAGE, EXIT_NO_DAEMON };

static void print_json(const json_t *value)
{
	json_dumpf(value, stdout, JSON_INDENT(2));
	putchar('\n');
}

static int print_error(const struct cli_request *r, json_t *error)
{
	const char *message = json_string_value(json_object_get(error, "message"));

	if (r->json) {
		json_t *object = json_pack("{s:O}", "error", error);

		print_json(object);
		json_decref(object);
	}
	fprintf(stderr, "garuda: %s\n", message ? message : "refused without a reason");
	return EXIT_REFUSED;
}

// Gather the following pages into `result`, unless the user asked for one page.
static int follow_pages(struct client *c, struct cli_request *r, json_t *result, json_t **error)
{
	json_t *next;

	if (!r->command->paged || json_object_get(r->params, "cursor") ||
		json_object_get(r->params, "limit"))
		return 0;
	while ((next = json_object_get(result, "next"))) {
		json_t *page;
		int err;

		json_object_set(r->params, "cursor", next);
		json_object_del(result, "next");
		err = client_call(c, r->command->method, r->params, &page, error);
		if (err || *error)
			return err;
		json_array_extend(json_object_get(result, r->command->rows),
			json_object_get(page, r->command->rows));
		if (json_object_get(page, "next"))
			json_object_set(result, "next", json_object_get(page, "next"));
		json_decref(page);
	}
	return 0;
}

static int run(struct cli_request *r)
{
	json_t *result = NULL, *error = NULL;
	struct client c;
	int err, status = EXIT_DONE;

	if (client_open(&c, r->socket))
		return EXIT_NO_DAEMON;
	err = client_call(&c, r->command->method, r->params, &result, &error);
	if (!err && !error)
		err = follow_pages(&c, r, result, &error);
	if (err)
		status = EXIT_NO_DAEMON;
	else if (error)
		status = print_error(r, error);
	else if (r->json || !strcmp(r->command->method, "rpc.discover"))
		print_json(result);
	else
		table_print_result(result, r->command);
	json_decref(result);
	json_decref(error);
	client_close(&c);
	return status;
}

// A reader that had enough (head) is no failure; a full disk is.
static int flush_output(int status)
{
	if (!fflush(stdout) && !ferror(stdout))
		return status;
	if (errno == EPIPE)
		return status;
	fprintf(stderr, "garuda: cannot write the output: %s\n", strerror(errno));
	return status ? status : EXIT_REFUSED;
}

int main(int argc, char **argv)
{
	struct cli_request r;
	int status;

	signal(SIGPIPE, SIG_IGN);
	if (command_parse(argc, argv, &r))
		return EXIT_USAGE;
	if (r.help)
		return flush_output(EXIT_DONE);
	if (!r.socket)
		r.socket = getenv("GARUDA_SOCKET");
	if (!r.socket)
		r.socket = cli_socket_path;
	status = flush_output(run(&r));
	json_decref(r.params);
	return status;
}
