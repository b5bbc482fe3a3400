// SPDX-License-Identifier: BSD-3-Clause
// Words -> method and parameters. Ranges and patterns are the daemon's to check:
// its sentences name the parameter, and there is one place that knows them.
#include "cli/command.h"

#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "cli/table.h"

struct words {
	char **next, **end;
};

static int printf_like(1, 2) complain(const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "garuda: ");
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return -1;
}

// Option names are typed with '-' or '_'.
static bool same_name(const char *typed, size_t n, const char *name)
{
	if (strlen(name) != n)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (typed[i] != name[i] && !(typed[i] == '-' && name[i] == '_'))
			return false;
	}
	return true;
}

static void print_option_name(FILE *f, const char *name)
{
	for (; *name; name++)
		fputc(*name == '_' ? '-' : *name, f);
}

// As the user types it: "--fdb-limit", and of a positional one what it means: "vlan".
static void typed_name(const struct cli_option *o, char *out, size_t size)
{
	snprintf(out, size, "%s%s", o->positional ? "" : "--", o->name);
	for (; *out; out++) {
		if (*out == '_')
			*out = '-';
	}
}

// -- help -----------------------------------------------------------------------

static const char global_help[] =
	"Everywhere:\n"
	"  --json           print the result as JSON\n"
	"  --socket PATH    the daemon's socket (else $GARUDA_SOCKET, else %s)\n"
	"  --help           explain; a noun and a verb before it are explained in detail\n"
	"  --version        print the command's version\n";

static const char examples[] =
	"Examples:\n"
	"  garuda port add web --container web:eth0 --vlan 10   give a container an eth0\n"
	"  garuda port add uplink --netdev eth1 --trunk 10,20-29 --native 1\n"
	"  garuda port list\n"
	"  garuda stats show --port web\n";

// Text in lines of at most 78 columns, the first of which has `column` used already.
static void print_wrapped(FILE *f, int indent, int column, const char *text)
{
	while (*text) {
		int n = (int)strcspn(text, " ");

		if (column && column + 1 + n > 78) {
			fputc('\n', f);
			column = 0;
		}
		if (column)
			column += fprintf(f, " %.*s", n, text);
		else
			column = fprintf(f, "%*s%.*s", indent, "", n, text);
		text += n + (text[n] == ' ');
	}
	fputc('\n', f);
}

static void print_verbs(FILE *f, const char *noun)
{
	for (unsigned i = 0; i < cli_n_commands; i++) {
		const struct cli_command *c = &cli_commands[i];

		if (!strcmp(c->noun, noun))
			fprintf(f, "  %-8s %-10s %s\n", noun, c->verb, c->summary);
	}
}

static void help_all(FILE *f)
{
	fprintf(f, "usage: garuda NOUN VERB [NAME] [--key value ...]\n\n");
	for (unsigned i = 0; i < cli_n_nouns; i++) {
		fprintf(f, "%s\n", cli_nouns[i].text);
		print_verbs(f, cli_nouns[i].name);
	}
	fprintf(f, "\n");
	fprintf(f, global_help, cli_socket_path);
	fprintf(f, "\n%s", examples);
	fprintf(f, "\nExit status: 0 done, 1 refused by the daemon, 2 wrong usage, 3 no daemon.\n");
}

static void help_noun(FILE *f, const struct cli_noun *noun)
{
	fprintf(f, "usage: garuda %s VERB [NAME] [--key value ...]\n\n%s\n", noun->name,
		noun->text);
	print_verbs(f, noun->name);
	fprintf(f, "\ngaruda %s VERB --help explains a verb.\n", noun->name);
}

static void print_columns(FILE *f, const struct cli_command *c)
{
	fprintf(f, "\nColumns:\n");
	for (unsigned i = 0; c->columns[i]; i++) {
		char title[64];

		table_title(c->columns[i], title, sizeof(title));
		print_wrapped(f, 20, fprintf(f, "  %-17s", title), c->column_texts[i]);
	}
}

static void help_command(FILE *f, const struct cli_command *c)
{
	fprintf(f, "usage: garuda %s %s", c->noun, c->verb);
	for (unsigned i = 0; i < c->n_options; i++) {
		const struct cli_option *o = &c->options[i];

		if (o->positional) {
			fprintf(f, " %s", o->value);
		} else if (o->required) {
			fprintf(f, " --");
			print_option_name(f, o->name);
			fprintf(f, " %s", o->value);
		}
	}
	fprintf(f, "%s\n\n%s\n", c->n_options ? " [--key value ...]" : "", c->summary);
	if (*c->text)
		print_wrapped(f, 0, 0, c->text);
	if (c->n_options)
		fprintf(f, "\n");
	for (unsigned i = 0; i < c->n_options; i++) {
		const struct cli_option *o = &c->options[i];

		fprintf(f, o->positional ? "  " : "  --");
		print_option_name(f, o->name);
		fprintf(f, " %s\n", o->value);
		print_wrapped(f, 8, 0, o->text);
	}
	if (c->columns)
		print_columns(f, c);
	fprintf(f, "\n");
	fprintf(f, global_help, cli_socket_path);
}

// -- words ------------------------------------------------------------------------

static const struct cli_noun *find_noun(const char *word)
{
	for (unsigned i = 0; i < cli_n_nouns; i++) {
		if (!strcmp(cli_nouns[i].name, word))
			return &cli_nouns[i];
	}
	fprintf(stderr, "garuda: there is no '%s'; nouns are", word);
	for (unsigned i = 0; i < cli_n_nouns; i++)
		fprintf(stderr, "%s %s", i ? "," : "", cli_nouns[i].name);
	fprintf(stderr, "\n");
	return NULL;
}

static const struct cli_command *find_command(const char *noun, const char *verb)
{
	const char *comma = "";

	for (unsigned i = 0; i < cli_n_commands; i++) {
		const struct cli_command *c = &cli_commands[i];

		if (!strcmp(c->noun, noun) && !strcmp(c->verb, verb))
			return c;
	}
	fprintf(stderr, "garuda: %s has no '%s'; verbs are", noun, verb);
	for (unsigned i = 0; i < cli_n_commands; i++) {
		if (strcmp(cli_commands[i].noun, noun))
			continue;
		fprintf(stderr, "%s %s", comma, cli_commands[i].verb);
		comma = ",";
	}
	fprintf(stderr, "\n");
	return NULL;
}

static const struct cli_option *find_option(const struct cli_command *c, const char *name, size_t n)
{
	const char *comma = "";

	for (unsigned i = 0; i < c->n_options; i++) {
		if (same_name(name, n, c->options[i].name))
			return &c->options[i];
	}
	fprintf(stderr, "garuda: %s %s has no option --%.*s; ", c->noun, c->verb, (int)n, name);
	fprintf(stderr, c->n_options ? "options are" : "it takes none");
	for (unsigned i = 0; i < c->n_options; i++) {
		fprintf(stderr, "%s --", comma);
		print_option_name(stderr, c->options[i].name);
		comma = ",";
	}
	fprintf(stderr, "\n");
	return NULL;
}

// -- values -----------------------------------------------------------------------

// 1, 0, or -1 if it is neither.
static int parse_switch(const char *text)
{
	static const char *const words[] = {"off", "on", "false", "true", "no", "yes", "0", "1"};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (!strcmp(text, words[i]))
			return i & 1;
	}
	return -1;
}

static json_t *parse_list(const char *text)
{
	json_t *list = json_array();

	while (*text) {
		size_t n = strcspn(text, ",");

		json_array_append_new(list, json_stringn(text, n));
		text += n + (text[n] == ',');
	}
	return list;
}

static json_t *parse_value(const struct cli_option *o, const char *name, const char *text)
{
	json_t *value = NULL;
	long long number;
	char *end;
	int on;

	switch (o->type) {
	case CLI_BOOL:
		on = parse_switch(text);
		if (on < 0)
			complain("%s must be on or off, not '%s': %s", name, text, o->text);
		else
			value = json_boolean(on);
		break;
	case CLI_INTEGER:
		errno = 0;
		number = strtoll(text, &end, 10);
		if (end == text || *end || errno)
			complain("%s must be a number, not '%s': %s", name, text, o->text);
		else
			value = json_integer(number);
		break;
	case CLI_LIST:
		value = parse_list(text);
		break;
	case CLI_TEXT:
		value = json_string(text);
		if (!value)
			complain("the value of %s is not UTF-8", name);
		break;
	}
	return value;
}

static int set_value(const struct cli_option *o, const char *text, json_t *params)
{
	char name[64];
	json_t *value;

	typed_name(o, name, sizeof(name));
	if (json_object_get(params, o->name))
		return complain("%s is given twice", name);
	value = parse_value(o, name, text);
	if (!value)
		return -1;
	return json_object_set_new(params, o->name, value);
}

// --key value, --key=value; a switch may stand alone.
static int parse_option(const struct cli_command *c, struct words *w, json_t *params)
{
	const char *word = *w->next++ + 2;
	size_t n = strcspn(word, "=");
	const struct cli_option *o = find_option(c, word, n);

	if (!o)
		return -1;
	if (word[n] == '=')
		return set_value(o, word + n + 1, params);
	if (o->type == CLI_BOOL && (w->next == w->end || parse_switch(*w->next) < 0))
		return set_value(o, "on", params);
	if (w->next == w->end)
		return complain("--%s needs a value, %s: %s", word, o->value, o->text);
	return set_value(o, *w->next++, params);
}

static int parse_positional(const struct cli_command *c, const char *word, json_t *params)
{
	for (unsigned i = 0; i < c->n_options; i++) {
		const struct cli_option *o = &c->options[i];

		if (o->positional && !json_object_get(params, o->name))
			return set_value(o, word, params);
	}
	return complain("%s %s: what is '%s'? Options begin with --; see garuda %s %s --help",
		c->noun, c->verb, word, c->noun, c->verb);
}

static int check_required(const struct cli_command *c, const json_t *params)
{
	char name[64];

	for (unsigned i = 0; i < c->n_options; i++) {
		const struct cli_option *o = &c->options[i];

		if (!o->required || json_object_get(params, o->name))
			continue;
		typed_name(o, name, sizeof(name));
		return complain("%s %s needs %s%s%s: %s", c->noun, c->verb,
			o->positional ? "a " : name, o->positional ? "" : " ", o->value, o->text);
	}
	return 0;
}

// Take the options that are everywhere out of the words. Returns how many words are left.
static int take_global(int argc, char **argv, struct cli_request *r)
{
	int n = 0;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--json"))
			r->json = true;
		else if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h"))
			r->help = true;
		else if (!strcmp(argv[i], "help") && n < 2 && !r->help)
			r->help = true; // garuda help port add, garuda port help
		else if (!strcmp(argv[i], "--version"))
			r->version = true;
		else if (!strncmp(argv[i], "--socket=", 9))
			r->socket = argv[i] + 9;
		else if (!strcmp(argv[i], "--socket") && i + 1 < argc)
			r->socket = argv[++i];
		else if (!strcmp(argv[i], "--socket"))
			return complain("--socket needs a path");
		else
			argv[n++] = argv[i];
	}
	return n;
}

static int parse_params(struct words *w, struct cli_request *r)
{
	while (w->next < w->end) {
		int err = !strncmp(*w->next, "--", 2)
				  ? parse_option(r->command, w, r->params)
				  : parse_positional(r->command, *w->next++, r->params);

		if (err)
			return err;
	}
	return check_required(r->command, r->params);
}

int command_parse(int argc, char **argv, struct cli_request *r)
{
	const struct cli_noun *noun;
	struct words w = {argv, argv};
	int n;

	memset(r, 0, sizeof(*r));
	n = take_global(argc, argv, r);
	if (n < 0)
		return -1;
	w.end += n;
	if (r->version) {
		printf("garuda %s\n", GARUDA_VERSION);
		r->help = true;
		return 0;
	}
	if (!n) {
		help_all(r->help ? stdout : stderr);
		return r->help ? 0 : -1;
	}
	noun = find_noun(*w.next++);
	if (!noun)
		return -1;
	if (w.next == w.end) {
		help_noun(r->help ? stdout : stderr, noun);
		return r->help ? 0 : -1;
	}
	r->command = find_command(noun->name, *w.next++);
	if (!r->command)
		return -1;
	if (r->help) {
		help_command(stdout, r->command);
		return 0;
	}
	r->params = json_object();
	if (!parse_params(&w, r))
		return 0;
	json_decref(r->params);
	r->params = NULL;
	return -1;
}
