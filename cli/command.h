// SPDX-License-Identifier: BSD-3-Clause
// The grammar: garuda NOUN VERB [NAME] [--key value ...]. The tables are
// generated from schemas/; command.c turns words into parameters, and prints help.
#pragma once

#include <stdbool.h>

struct json_t;

enum cli_type {
	CLI_TEXT,
	CLI_BOOL, // on|off; the option alone is "on"
	CLI_INTEGER,
	CLI_LIST, // of texts, separated by commas
};

struct cli_option {
	const char *name;  // as in the API; '-' stands for '_' on the command line
	const char *value; // what stands for the value in the help
	const char *text;
	enum cli_type type;
	bool required;
	bool positional; // the word after the verb
};

struct cli_command {
	const char *noun, *verb;
	const char *method;
	const char *summary, *text;
	const struct cli_option *options;
	unsigned n_options;
	const char *rows;                // member of the result that is a table, or NULL
	const char *const *columns;      // "name", "counters.drops"; ends with NULL
	const char *const *column_texts; // a sentence on each
	const char *total; // member of the result that is the table's last row, or NULL
	bool paged;        // follow result.next with the parameter cursor
};

struct cli_noun {
	const char *name, *text;
};

extern const char cli_socket_path[];
extern const struct cli_noun cli_nouns[];
extern const unsigned cli_n_nouns;
extern const struct cli_command cli_commands[]; // a noun's verbs stand together
extern const unsigned cli_n_commands;

// What the words said.
struct cli_request {
	const struct cli_command *command;
	struct json_t *params; // of the caller to free; NULL with `help`
	const char *socket;    // NULL: not given
	bool json;
	bool help; // was asked for, or the version, and has been printed
	bool version;
};

// 0, or -1 after saying on standard error what is wrong (a usage error).
int command_parse(int argc, char **argv, struct cli_request *out);
