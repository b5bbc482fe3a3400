// SPDX-License-Identifier: BSD-3-Clause
// What a reader of the mirror's records knows of the kernel: a table of records, kept by the rules
// of control/netlink/mirror.h and change.h, and written as lines. For the mirror's system test.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "control/netlink/change.h"

struct model;

struct model *model_create(void); // or exits
void model_destroy(struct model *);

// Returns the kind if this ended a dump of it (NL_END), else -1.
int model_apply(struct model *, const struct nl_change *);
size_t model_count(const struct model *, enum nl_kind);
uint64_t model_swept(const struct model *); // removed because a dump did not have it

// One record as a line without its end, the interfaces by their numbers; all of a kind, unsorted.
void model_print_record(FILE *, const struct nl_change *);
void model_print(const struct model *, enum nl_kind, FILE *);
