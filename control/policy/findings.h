// SPDX-License-Identifier: BSD-3-Clause
// What a source of policy found: a bounded list of reasons, each of one interface or of all. Made
// by the decoders, asked by policy.c.
#pragma once

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "control/policy/policy.h"

#define FINDINGS_MAX 4096

#define FINDING_IN  1
#define FINDING_OUT 2

#define FINDING_IP4 1
#define FINDING_IP6 2
#define FINDING_ANY (FINDING_IP4 | FINDING_IP6)

// Which interface: by number, by name (nftables binds by name), or of all: neither.
struct finding {
	int ifindex;
	char ifname[IFNAMSIZ];
	uint8_t name_size; // of a beginning of names ("eth*"); 0 = the whole name
	uint8_t directions, families;
	char text[POLICY_REASON_SIZE];
};

extern const struct finding finding_everything; // all interfaces, directions, families

struct findings {
	struct finding *at;
	unsigned n, room;
	bool is_cut; // there were more, or no memory for them: everything is suspect
};

// Adds a copy of *where with the text, unless it is there already (of findings by interface number:
// unless it is among the last ones of that number).
void findings_add(struct findings *, const struct finding *where, const char *fmt, ...)
	printf_like(3, 4);
void findings_add_all(struct findings *, const struct findings *from);
void findings_swap(struct findings *, struct findings *);
void findings_clear(struct findings *); // keeps the memory

// One finding, of everything: that the kind was not read yet, or cannot be read.
void findings_unread(struct findings *, enum policy_kind);
void findings_unreadable(struct findings *, enum policy_kind, int err);
void findings_fini(struct findings *);

// Every finding of `old` is in `now`, too.
bool findings_include(const struct findings *now, const struct findings *old);

// The same ones in the same order.
bool findings_equal(const struct findings *, const struct findings *);
// Whether one that is of an interface by name means this name.
bool finding_names(const struct finding *, const char *ifname);
