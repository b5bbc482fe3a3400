// SPDX-License-Identifier: BSD-3-Clause
#include "cli/table.h"

#include <ctype.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "cli/command.h"

#define MAX_COLUMNS 64

// The value at a path of member names with dots between.
static const json_t *value_at(const json_t *row, const char *path)
{
	while (*path && row) {
		size_t n = strcspn(path, ".");

		row = json_object_getn(row, path, n);
		path += n + (path[n] == '.');
	}
	return row;
}

// A scalar, or scalars with commas between, as text of the caller to free. Control
// characters would break the table or the terminal.
static char *cell_text(const json_t *value)
{
	const json_t *element;
	char *text = NULL;
	size_t i, size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		abort();
	switch (value ? json_typeof(value) : JSON_NULL) {
	case JSON_STRING:
		fputs(*json_string_value(value) ? json_string_value(value) : "-", f);
		break;
	case JSON_INTEGER:
		fprintf(f, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
		break;
	case JSON_REAL:
		fprintf(f, "%.2f", json_real_value(value));
		break;
	case JSON_TRUE:
	case JSON_FALSE:
		fputs(json_is_true(value) ? "on" : "off", f);
		break;
	case JSON_ARRAY:
		if (!json_array_size(value))
			fputc('-', f);
		json_array_foreach((json_t *)value, i, element)
		{
			char *one = cell_text(element);

			fprintf(f, "%s%s", i ? "," : "", one);
			free(one);
		}
		break;
	case JSON_OBJECT:
	case JSON_NULL:
		fputc('-', f);
	}
	if (fclose(f))
		abort();
	for (char *p = text; *p; p++) {
		if (iscntrl((unsigned char)*p))
			*p = '?';
	}
	return text;
}

// Columns on a terminal, not bytes: continuation bytes of UTF-8 take no room.
static size_t width(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += (*text & 0xc0) != 0x80;
	return n;
}

static void print_padded(const char *text, size_t to, bool right, bool last)
{
	int pad = (int)(to - width(text));

	if (right)
		printf("%*s%s", pad, "", text);
	else
		printf("%s%*s", text, last ? 0 : pad, "");
	fputs(last ? "\n" : "  ", stdout);
}

void table_title(const char *path, char *out, size_t size)
{
	const char *dot = strrchr(path, '.');

	snprintf(out, size, "%s", dot ? dot + 1 : path);
	for (; *out; out++)
		*out = *out == '_' ? '-' : (char)toupper((unsigned char)*out);
}

// All members of all rows.
static unsigned find_columns(const json_t *rows, const char **columns)
{
	const json_t *row;
	const char *name;
	json_t *value;
	unsigned n = 0;
	size_t r;

	json_array_foreach((json_t *)rows, r, row)
	{
		json_object_foreach((json_t *)row, name, value)
		{
			unsigned i = 0;

			while (i < n && strcmp(columns[i], name))
				i++;
			if (i == n && n < MAX_COLUMNS)
				columns[n++] = name;
		}
	}
	return n;
}

void table_print(const json_t *rows, const char *const *columns)
{
	size_t n_rows = json_array_size(rows), widths[MAX_COLUMNS] = {0};
	const char *names[MAX_COLUMNS];
	bool right[MAX_COLUMNS] = {false};
	unsigned n = 0;
	char **cells;

	for (; columns && columns[n] && n < MAX_COLUMNS; n++)
		names[n] = columns[n];
	if (!columns)
		n = find_columns(rows, names);
	if (!n)
		return;
	cells = calloc((n_rows + 1) * n, sizeof(*cells));
	if (!cells)
		abort();
	for (size_t i = 0; i < (n_rows + 1) * n; i++) {
		const char *name = names[i % n];
		const json_t *value;
		char text[64];

		if (i < n) {
			table_title(name, text, sizeof(text));
			cells[i] = strdup(text);
		} else {
			value = value_at(json_array_get(rows, i / n - 1), name);
			cells[i] = cell_text(value);
			right[i % n] |= json_is_number(value);
		}
		widths[i % n] = MAX(widths[i % n], width(cells[i]));
	}
	for (size_t i = 0; i < (n_rows + 1) * n; i++) {
		print_padded(cells[i], widths[i % n], right[i % n], i % n == n - 1);
		free(cells[i]);
	}
	free(cells);
}

// Sentences, which read better one per line.
static bool is_text(const json_t *value)
{
	const char *first = json_string_value(json_array_get(value, 0));

	return first && strchr(first, ' ');
}

static bool is_table(const json_t *value)
{
	return json_is_array(value) && json_is_object(json_array_get(value, 0));
}

static void print_lines(const json_t *texts, int indent)
{
	const json_t *text;
	size_t i;

	json_array_foreach((json_t *)texts, i, text)
	{
		char *cell = cell_text(text);

		printf("%*s%s\n", indent, "", cell);
		free(cell);
	}
}

// "name: value" lines, aligned; objects and tables below their name.
static void print_members(const json_t *object, const char *except, int indent)
{
	size_t longest = 0;
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)object, name, value)
	{
		if (!json_is_object(value) && !is_table(value) && !is_text(value))
			longest = MAX(longest, strlen(name));
	}
	json_object_foreach((json_t *)object, name, value)
	{
		if (except && !strcmp(name, except))
			continue;
		if (json_is_object(value)) {
			printf("%*s%s:\n", indent, "", name);
			print_members(value, NULL, indent + 2);
		} else if (is_table(value)) {
			printf("\n%s:\n", name);
			table_print(value, NULL);
		} else if (is_text(value)) {
			printf("%*s%s:\n", indent, "", name);
			print_lines(value, indent + 2);
		} else {
			char *text = cell_text(value);

			printf("%*s%s:%*s %s\n", indent, "", name, (int)(longest - strlen(name)),
				"", text);
			free(text);
		}
	}
}

// Make the total the last row, with its name in the first column.
static void append_total(json_t *result, const struct cli_command *c)
{
	json_t *total = json_object_get(result, c->total);

	if (!total)
		return;
	json_object_set_new(total, c->columns[0], json_string(c->total));
	json_array_append(json_object_get(result, c->rows), total);
	json_object_del(result, c->total);
}

void table_print_result(json_t *result, const struct cli_command *c)
{
	void *only = json_object_iter(result);

	if (c->rows) {
		if (c->total)
			append_total(result, c);
		table_print(json_object_get(result, c->rows), c->columns);
		print_members(result, c->rows, 0);
		return;
	}
	// {"port": {...}} is the port.
	if (json_object_size(result) == 1 && json_is_object(json_object_iter_value(only)))
		result = json_object_iter_value(only);
	print_members(result, NULL, 0);
}
