// SPDX-License-Identifier: BSD-3-Clause
// Results for people: tables with the columns in the schema's order, and lists of
// "name: value". For programs there is --json.
#pragma once

#include <stddef.h>

struct json_t;

// An array of objects. `columns` are paths ("counters.drops") and end with NULL; NULL: the
// members of the rows in the order of their appearance. A missing value is "-".
void table_print(const struct json_t *rows, const char *const *columns);

// A column's title: "counters.rx_packets" -> "RX-PACKETS".
void table_title(const char *path, char *out, size_t size);

struct cli_command;

// A result, which is changed: the command's table if it has one, then the rest.
void table_print_result(struct json_t *result, const struct cli_command *command);
