// SPDX-License-Identifier: BSD-3-Clause
// The descriptors' interpreter. Decoding stops at the first fault; what was
// built until then is freed by the outermost rpc_decode().
#include "control/rpc/codec.h"

#include <errno.h>
#include <jansson.h>
#include <regex.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/net.h"
#include "base/vlan_set.h"

struct decoder {
	const char *method;
	struct rpc_fault *fault;
	char path[96]; // of the member being decoded
};

static int decode_value(
	struct decoder *d, const struct rpc_field *f, const json_t *in, uint8_t *value);

void *rpc_array_append(void *array, size_t element_size)
{
	struct rpc_array *a = array;

	if (a->n == a->cap) {
		uint32_t cap = a->cap ? a->cap * 2 : 8;
		void *items = cap > a->cap ? mem_zalloc(cap * element_size, 0) : NULL;

		if (!items)
			return NULL;
		if (a->n)
			memcpy(items, a->items, a->n * element_size);
		mem_free(a->items);
		a->items = items;
		a->cap = cap;
	}
	return (uint8_t *)a->items + a->n++ * element_size;
}

// -- decoding ---------------------------------------------------------------

static int printf_like(2, 3) refuse(struct decoder *d, const char *fmt, ...)
{
	struct rpc_fault *fault = d->fault;
	va_list ap;
	int n;

	snprintf(fault->param, sizeof(fault->param), "%s", d->path);
	n = snprintf(fault->text, sizeof(fault->text), "%s: parameter '%s' ", d->method, d->path);
	va_start(ap, fmt);
	vsnprintf(fault->text + n, sizeof(fault->text) - (size_t)n, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

static const char *type_of(const json_t *in)
{
	static const char *const names[] = {[JSON_OBJECT] = "an object",
		[JSON_ARRAY] = "an array",
		[JSON_STRING] = "a string",
		[JSON_INTEGER] = "an integer",
		[JSON_REAL] = "a fraction",
		[JSON_TRUE] = "true",
		[JSON_FALSE] = "false",
		[JSON_NULL] = "null"};

	return names[json_typeof(in)];
}

static void store(uint8_t *value, uint32_t size, uint64_t v)
{
	if (size == 1)
		*value = (uint8_t)v;
	else if (size == 2)
		*(uint16_t *)value = (uint16_t)v;
	else if (size == 4)
		*(uint32_t *)value = (uint32_t)v;
	else
		*(uint64_t *)value = v;
}

static uint64_t load(const uint8_t *value, uint32_t size)
{
	if (size == 1)
		return *value;
	if (size == 2)
		return *(const uint16_t *)value;
	if (size == 4)
		return *(const uint32_t *)value;
	return *(const uint64_t *)value;
}

static int decode_integer(
	struct decoder *d, const struct rpc_field *f, const json_t *in, uint8_t *value)
{
	json_int_t v = json_integer_value(in);

	if (!json_is_integer(in))
		return refuse(d, "must be an integer between %llu and %llu, not %s",
			(unsigned long long)f->min, (unsigned long long)f->max, type_of(in));
	if (v < 0 || (uint64_t)v < f->min || (uint64_t)v > f->max)
		return refuse(d, "must be between %llu and %llu, not %lld",
			(unsigned long long)f->min, (unsigned long long)f->max, (long long)v);
	store(value, f->size, (uint64_t)v);
	return 0;
}

// Whether the pattern's text fits: a pattern that does not compile fits nothing,
// which the unit test of the examples would show.
static bool pattern_matches(const char *pattern, const char *text)
{
	regex_t re;
	bool matches;

	if (regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB))
		return false;
	matches = !regexec(&re, text, 0, NULL, 0);
	regfree(&re);
	return matches;
}

static int decode_string(
	struct decoder *d, const struct rpc_field *f, const json_t *in, uint8_t *value)
{
	size_t n = json_string_length(in);

	if (n < f->min || n > f->max) {
		if (f->min == f->max || !f->min)
			return refuse(d, "must be at most %llu bytes long, not %zu",
				(unsigned long long)f->max, n);
		return refuse(d, "must be %llu to %llu bytes long, not %zu",
			(unsigned long long)f->min, (unsigned long long)f->max, n);
	}
	if (f->pattern && !pattern_matches(f->pattern, json_string_value(in)))
		return refuse(d, "%s, not '%s'", f->hint, json_string_value(in));
	memcpy(value, json_string_value(in), n + 1);
	return 0;
}

static int decode_enum(
	struct decoder *d, const struct rpc_field *f, const char *text, uint8_t *value)
{
	char words[256] = "";
	size_t n = 0;

	for (unsigned i = 0; i < f->names->n; i++) {
		if (!strcmp(text, f->names->names[i])) {
			store(value, f->size, i);
			return 0;
		}
		if (n < sizeof(words))
			n += (size_t)snprintf(words + n, sizeof(words) - n, "%s%s", i ? ", " : "",
				f->names->names[i]);
	}
	return refuse(d, "must be one of %s, not '%.64s'", words, text);
}

// The name after the last colon, so that a path may hold one.
static int decode_container(struct decoder *d, const char *text, struct rpc_container *c)
{
	const char *colon = strrchr(text, ':');
	size_t n = colon ? (size_t)(colon - text) : strlen(text);
	const char *ifname = colon ? colon + 1 : "eth0";

	if (!n || n >= sizeof(c->netns) || !*ifname || strlen(ifname) >= sizeof(c->ifname) ||
		strpbrk(ifname, "/ \t\n") || !strcmp(ifname, ".") || !strcmp(ifname, ".."))
		return refuse(d,
			"must be a namespace's name, path or process id, then optionally ':' and "
			"an "
			"interface name of at most 15 characters, not '%.64s'",
			text);
	memcpy(c->netns, text, n);
	strcpy(c->ifname, ifname);
	return 0;
}

static int decode_text(
	struct decoder *d, const struct rpc_field *f, const json_t *in, uint8_t *value)
{
	const char *text = json_string_value(in), *wrong;

	if (!text)
		return refuse(d, "must be a string, not %s", type_of(in));
	switch (f->type) {
	case RPC_STRING:
		return decode_string(d, f, in, value);
	case RPC_ENUM:
		return decode_enum(d, f, text, value);
	case RPC_CONTAINER:
		return decode_container(d, text, (struct rpc_container *)value);
	case RPC_MAC:
		if (!mac_parse(text, (struct mac *)value))
			return refuse(d,
				"must be a MAC address such as 02:00:00:00:00:01, not '%.64s'",
				text);
		return 0;
	case RPC_VLAN_LIST:
		wrong = vlan_set_parse(text, (struct vlan_set *)value);
		if (wrong)
			return refuse(d,
				"must list VLANs between 1 and 4094 such as 10,20-29; wrong at "
				"'%.32s'",
				wrong);
		return 0;
	default:
		return refuse(d, "cannot be given");
	}
}

static int decode_array(
	struct decoder *d, const struct rpc_field *f, const json_t *in, struct rpc_array *a)
{
	size_t path_len = strlen(d->path), n = json_array_size(in);
	int err = 0;

	if (!json_is_array(in))
		return refuse(d, "must be an array, not %s", type_of(in));
	if (n > f->max)
		return refuse(d, "must have at most %llu elements, not %zu",
			(unsigned long long)f->max, n);
	for (size_t i = 0; i < n && !err; i++) {
		void *element = rpc_array_append(a, f->items->size);

		if (!element)
			return -ENOMEM;
		snprintf(d->path + path_len, sizeof(d->path) - path_len, "[%zu]", i);
		err = decode_value(d, f->items, json_array_get(in, i), element);
	}
	if (!err)
		d->path[path_len] = '\0';
	return err;
}

static const struct rpc_field *find_field(const struct rpc_object *o, const char *name)
{
	for (unsigned i = 0; i < o->n_fields; i++) {
		if (!strcmp(o->fields[i].name, name))
			return &o->fields[i];
	}
	return NULL;
}

// Parameter that nobody asked for: name it, and the ones there are.
static int refuse_unknown(struct decoder *d, const struct rpc_object *o, const char *name)
{
	struct rpc_fault *fault = d->fault;
	size_t n;

	snprintf(fault->param, sizeof(fault->param), "%.64s", name);
	n = (size_t)snprintf(fault->text, sizeof(fault->text), "%s: there is no parameter '%.64s'",
		d->method, name);
	if (!o->n_fields)
		snprintf(fault->text + n, sizeof(fault->text) - n, "; it takes none");
	for (unsigned i = 0; i < o->n_fields && n < sizeof(fault->text); i++)
		n += (size_t)snprintf(fault->text + n, sizeof(fault->text) - n, "%s%s",
			i ? ", " : "; known are ", o->fields[i].name);
	return -EINVAL;
}

static int decode_object(
	struct decoder *d, const struct rpc_object *o, const json_t *in, uint8_t *out)
{
	size_t path_len = strlen(d->path);
	const char *name;
	json_t *value;
	int err = 0;

	if (!json_is_object(in))
		return refuse(d, "must be an object, not %s", type_of(in));
	json_object_foreach((json_t *)in, name, value)
	{
		if (!find_field(o, name))
			return refuse_unknown(d, o, name);
	}
	for (unsigned i = 0; i < o->n_fields && !err; i++) {
		const struct rpc_field *f = &o->fields[i];

		snprintf(d->path + path_len, sizeof(d->path) - path_len, "%s%s",
			path_len ? "." : "", f->name);
		value = json_object_get(in, f->name);
		if (value)
			err = decode_value(d, f, value, out + f->offset);
		else if (!f->optional)
			err = refuse(d, "is missing");
		else if (f->has_default)
			store(out + f->offset, f->size, f->def);
		if (value && f->optional)
			*(bool *)(out + f->has) = true;
	}
	if (!err)
		d->path[path_len] = '\0';
	return err;
}

static int decode_value(
	struct decoder *d, const struct rpc_field *f, const json_t *in, uint8_t *value)
{
	switch (f->type) {
	case RPC_BOOL:
		if (!json_is_boolean(in))
			return refuse(d, "must be true or false, not %s", type_of(in));
		*(bool *)value = json_is_true(in);
		return 0;
	case RPC_INTEGER:
		return decode_integer(d, f, in, value);
	case RPC_OBJECT:
		return decode_object(d, f->object, in, value);
	case RPC_ARRAY:
		return decode_array(d, f, in, (struct rpc_array *)value);
	default:
		return decode_text(d, f, in, value);
	}
}

int rpc_decode(
	const struct rpc_object *o, const struct json_t *in, void *out, struct rpc_fault *fault)
{
	struct decoder d = {.method = o->name, .fault = fault};
	int err;

	memset(out, 0, o->size);
	memset(fault, 0, sizeof(*fault));
	err = decode_object(&d, o, in, out);
	if (err == -ENOMEM)
		snprintf(fault->text, sizeof(fault->text), "%s: no memory for the parameters",
			o->name);
	if (err)
		rpc_clear(o, out);
	return err;
}

// -- encoding ---------------------------------------------------------------

json_t *rpc_text(const char *text)
{
	json_t *string = json_string(text);
	size_t n = strlen(text);
	char *ascii;

	if (string)
		return string;
	ascii = mem_zalloc(n + 1, 0);
	if (!ascii)
		return NULL;
	for (size_t i = 0; i < n; i++)
		ascii[i] = (text[i] & 0x80) ? '?' : text[i];
	string = json_string(ascii);
	mem_free(ascii);
	return string;
}

static json_t *encode_container(const struct rpc_container *c)
{
	char text[sizeof(c->netns) + sizeof(c->ifname) + 1];

	snprintf(text, sizeof(text), "%s:%s", c->netns, c->ifname);
	return rpc_text(text);
}

static json_t *encode_vlans(const struct vlan_set *s)
{
	char text[VLAN_SET_TEXT_SIZE];

	return json_string(vlan_set_format(s, text));
}

static json_t *encode_value(const struct rpc_field *f, const uint8_t *value);

static json_t *encode_array(const struct rpc_field *f, const struct rpc_array *a)
{
	json_t *out = json_array();

	for (uint32_t i = 0; out && i < a->n; i++) {
		const uint8_t *element = (const uint8_t *)a->items + (size_t)i * f->items->size;

		// json_array_append_new() refuses NULL, and frees what it cannot add.
		if (json_array_append_new(out, encode_value(f->items, element))) {
			json_decref(out);
			return NULL;
		}
	}
	return out;
}

static json_t *encode_value(const struct rpc_field *f, const uint8_t *value)
{
	char mac[MAC_TEXT_SIZE];
	uint64_t v;

	switch (f->type) {
	case RPC_BOOL:
		return json_boolean(*(const bool *)value);
	case RPC_INTEGER:
		v = load(value, f->size);
		return json_integer(v > INT64_MAX ? INT64_MAX : (json_int_t)v);
	case RPC_STRING:
		return rpc_text((const char *)value);
	case RPC_ENUM:
		v = load(value, f->size);
		return json_string(v < f->names->n ? f->names->names[v] : "?");
	case RPC_MAC:
		return json_string(mac_format(*(const struct mac *)value, mac));
	case RPC_VLAN_LIST:
		return encode_vlans((const struct vlan_set *)value);
	case RPC_CONTAINER:
		return encode_container((const struct rpc_container *)value);
	case RPC_OBJECT:
		return rpc_encode(f->object, value);
	case RPC_ARRAY:
		return encode_array(f, (const struct rpc_array *)value);
	case RPC_DOCUMENT:
		return json_loads(*(const char *const *)value, 0, NULL);
	}
	return NULL;
}

json_t *rpc_encode(const struct rpc_object *o, const void *in)
{
	const uint8_t *st = in;
	json_t *out = json_object();

	for (unsigned i = 0; out && i < o->n_fields; i++) {
		const struct rpc_field *f = &o->fields[i];

		if (f->optional && !*(const bool *)(st + f->has))
			continue;
		if (json_object_set_new(out, f->name, encode_value(f, st + f->offset))) {
			json_decref(out);
			return NULL;
		}
	}
	return out;
}

// -- freeing ----------------------------------------------------------------

static void clear_members(const struct rpc_object *o, uint8_t *st)
{
	for (unsigned i = 0; i < o->n_fields; i++) {
		const struct rpc_field *f = &o->fields[i];
		struct rpc_array *a = (struct rpc_array *)(st + f->offset);

		if (f->type == RPC_OBJECT)
			clear_members(f->object, st + f->offset);
		if (f->type != RPC_ARRAY)
			continue;
		for (uint32_t j = 0; f->items->type == RPC_OBJECT && j < a->n; j++)
			clear_members(
				f->items->object, (uint8_t *)a->items + (size_t)j * f->items->size);
		mem_free(a->items);
	}
}

void rpc_clear(const struct rpc_object *o, void *st)
{
	clear_members(o, st);
	memset(st, 0, o->size);
}
