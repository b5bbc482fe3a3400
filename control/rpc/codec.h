// SPDX-License-Identifier: BSD-3-Clause
// JSON <-> the structs of schemas/rpc_gen.h, driven by the descriptors there.
//
// The one place where a parameter is checked: type, range, length, pattern,
// unknown and missing names. A failure leaves one sentence that names the
// parameter and what is allowed. Pure: no state, no I/O. Any bytes that JSON can
// hold are survived; a struct that failed to decode is all zero again.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

struct json_t;

enum rpc_type {
	RPC_BOOL,
	RPC_INTEGER,   // unsigned, of the member's size
	RPC_STRING,    // char[]
	RPC_ENUM,      // as a name in JSON
	RPC_MAC,       // struct mac
	RPC_VLAN_LIST, // struct vlan_set
	RPC_CONTAINER, // struct rpc_container
	RPC_OBJECT,    // struct within the struct
	RPC_ARRAY,     // struct rpc_array
	RPC_DOCUMENT,  // const char *: JSON text that lives for ever; results only
};

struct rpc_enum {
	const char *const *names;
	unsigned n;
};

struct rpc_field {
	const char *name;
	enum rpc_type type;
	uint32_t offset, size; // of the member; an array's element has offset 0
	bool optional;         // there is a bool at offset `has`
	uint32_t has;
	uint64_t min, max; // integers; length in bytes of strings; `max` elements of arrays
	const char *pattern,
		*hint; // extended regular expression; what to say when it does not match
	const struct rpc_enum *names;
	const struct rpc_object *object;
	const struct rpc_field *items;
	bool has_default;
	uint64_t def;
	const char *unit;
};

struct rpc_object {
	const char *name; // the method, or the object
	size_t size;
	const struct rpc_field *fields;
	unsigned n_fields;
};

// What every generated TYPE_array looks like.
struct rpc_array {
	void *items;
	uint32_t n, cap;
};

// "NETNS|PID|PATH[:IFNAME]"
struct rpc_container {
	char netns[256];
	char ifname[16]; // "eth0" if the text had none
};

// Who is to blame, and the sentence for the caller.
struct rpc_fault {
	char param[96]; // "vlan", "ports[3].vlan"; empty if it is none in particular
	char text[512];
};

// Zeroed new element at the end, or NULL: no memory. Pointers to earlier elements die.
void *rpc_array_append(void *array, size_t element_size);

// JSON object -> struct of o->size bytes. 0, -EINVAL or -ENOMEM with `fault` filled.
// Unknown names are refused. `out` needs rpc_clear() after success.
int rpc_decode(
	const struct rpc_object *o, const struct json_t *in, void *out, struct rpc_fault *fault);

// Struct -> new JSON object with the members in the schema's order. NULL: no memory.
struct json_t *rpc_encode(const struct rpc_object *o, const void *in);

// A JSON string even of bytes that are not UTF-8: those become '?'. NULL: no memory.
struct json_t *rpc_text(const char *text);

// Free the arrays within, and zero the struct.
void rpc_clear(const struct rpc_object *o, void *st);
