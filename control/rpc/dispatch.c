// SPDX-License-Identifier: BSD-3-Clause
// Between the socket and the handlers. What foreign bytes can cost is bounded
// before jansson sees them: the line's length by the caller, its nesting and
// number of values by a scan here.
#include "control/rpc/dispatch.h"

#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "schemas/rpc_gen.h"

int rpc_error(struct rpc_call *call, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(call->fault.text, sizeof(call->fault.text), fmt, ap);
	va_end(ap);
	return err;
}

// -- one call -----------------------------------------------------------------

static int compare_name(const void *key, const void *element)
{
	return strcmp(key, ((const struct rpc_method *)element)->name);
}

const struct rpc_method *rpc_method_find(const char *name)
{
	return bsearch(name, rpc_methods, rpc_n_methods, sizeof(*rpc_methods), compare_name);
}

static int check_access(const struct rpc_method *method, struct rpc_call *call)
{
	if (!method->write || call->peer->may_write)
		return 0;
	return rpc_error(call, -EPERM,
		"%s: is for root and the operator group only; user id %u may read, not change: "
		"use sudo, or join the group (garudad --group)",
		method->name, (unsigned)call->peer->uid);
}

// By name only; an absent list and [] are the empty object.
static int decode_params(
	const struct rpc_method *method, struct rpc_call *call, const json_t *in, void *params)
{
	json_t *empty = NULL;
	int err;

	if (!in || (json_is_array(in) && !json_array_size(in)))
		in = empty = json_object();
	if (!in)
		return -ENOMEM;
	if (!json_is_object(in))
		return rpc_error(call, -EINVAL,
			"%s: params must be an object with the parameters by name", method->name);
	err = rpc_decode(method->params, in, params, &call->fault);
	json_decref(empty);
	return err;
}

static int encode_result(const struct rpc_method *method, const void *st, json_t **result)
{
	json_t *out = rpc_encode(method->result, st);

	if (out && method->bare_result) {
		json_t *bare = json_incref(json_object_get(out, method->result->fields[0].name));

		json_decref(out);
		out = bare;
	}
	*result = out;
	return out ? 0 : -ENOMEM;
}

int rpc_invoke(const struct rpc_method *method, struct rpc_call *call, const struct json_t *params,
	struct json_t **result)
{
	void *in = mem_zalloc(method->params->size, 0);
	void *out = mem_zalloc(method->result->size, 0);
	int err = -ENOMEM;

	call->method = method->name;
	memset(&call->fault, 0, sizeof(call->fault));
	if (!in || !out)
		goto free_memory;
	err = check_access(method, call);
	if (!err)
		err = decode_params(method, call, params, in);
	if (err)
		goto free_memory;
	err = method->call(call, in, out);
	if (!err && result)
		err = encode_result(method, out, result);
	rpc_clear(method->params, in);
	rpc_clear(method->result, out);
free_memory:
	mem_free(in);
	mem_free(out);
	if (err && !call->fault.text[0])
		rpc_error(call, err, "%s: %s", method->name, strerror(-err));
	return err;
}

// -- replies ------------------------------------------------------------------

// The one place where errno becomes an error of JSON-RPC.
static const struct rpc_error_kind *error_of_errno(int err)
{
	const struct rpc_error_kind *kind;

	for (kind = rpc_error_kinds; kind->name; kind++) {
		for (const int *e = kind->errnos; *e; e++) {
			if (*e == -err)
				return kind;
		}
	}
	return NULL;
}

static const struct rpc_error_kind *error_of_code(int code)
{
	const struct rpc_error_kind *kind = rpc_error_kinds;

	while (kind->name && kind->code != code)
		kind++;
	return kind->name ? kind : NULL;
}

// {"code", "message", "data": {"name", "errno"?, "param"?}}. NULL: no memory.
static json_t *error_object(int code, int err, const struct rpc_fault *fault)
{
	const struct rpc_error_kind *kind = err ? error_of_errno(err) : error_of_code(code);
	const char *errno_name = err ? strerrorname_np(-err) : NULL;
	json_t *error, *data;

	if (!kind)
		kind = error_of_code(RPC_FAILED);
	data = json_pack("{s:s}", "name", kind->name);
	if (errno_name)
		json_object_set_new(data, "errno", json_string(errno_name));
	if (fault->param[0])
		json_object_set_new(data, "param", rpc_text(fault->param));
	error = json_object();
	if (!data || !error || json_object_set_new(error, "code", json_integer(kind->code)) ||
		json_object_set_new(error, "message", rpc_text(fault->text)) ||
		json_object_set(error, "data", data)) {
		json_decref(error);
		error = NULL;
	}
	json_decref(data);
	return error;
}

static int append(const char *data, size_t size, void *arg)
{
	struct rpc_message *m = arg;

	// One byte is kept for the bracket that ends a batch.
	if (m->reply_size + size + 1 > m->reply_limit)
		return -1;
	if (m->reply_size + size + 1 > m->reply_cap) {
		size_t cap = MAX(m->reply_cap * 2, (size_t)512);
		char *reply;

		cap = MIN(MAX(cap, m->reply_size + size + 1), (size_t)RPC_MAX_REPLY);
		reply = mem_zalloc(cap, 0);
		if (!reply)
			return -1;
		if (m->reply_size)
			memcpy(reply, m->reply, m->reply_size);
		mem_free(m->reply);
		m->reply = reply;
		m->reply_cap = cap;
	}
	memcpy(m->reply + m->reply_size, data, size);
	m->reply_size += size;
	return 0;
}

// Append {"jsonrpc", "id", `what`: body} to the reply; eats `body`. False: it did not fit.
static bool reply_with(struct rpc_message *m, const json_t *id, const char *what, json_t *body)
{
	json_t *reply = json_object(), *version = json_string("2.0");
	size_t before = m->reply_size;
	bool fits = false;

	// The errors of a whole batch, ids included, fit into what results leave.
	m->reply_limit = strcmp(what, "result") ? RPC_MAX_REPLY : RPC_MAX_REPLY / 4 * 3;
	if (!body || !reply || json_object_set(reply, "jsonrpc", version) ||
		json_object_set(reply, what, body))
		goto out;
	if (id ? json_object_set(reply, "id", (json_t *)id)
	       : json_object_set_new(reply, "id", json_null()))
		goto out;
	if (m->is_batch && append(before ? "," : "[", 1, m))
		goto out;
	fits = !json_dump_callback(reply, append, m, JSON_COMPACT);
	if (!fits)
		m->reply_size = before;
out:
	json_decref(reply);
	json_decref(version);
	json_decref(body);
	return fits;
}

// Either `code` or `err` is set.
static void reply_error(
	struct rpc_message *m, const json_t *id, int code, int err, const struct rpc_fault *fault)
{
	if (!reply_with(m, id, "error", error_object(code, err, fault)))
		m->broken = true;
}

static void printf_like(4, 5)
	refuse(struct rpc_message *m, const json_t *id, int code, const char *fmt, ...)
{
	struct rpc_fault fault = {0};
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(fault.text, sizeof(fault.text), fmt, ap);
	va_end(ap);
	reply_error(m, id, code, 0, &fault);
}

// -- one request --------------------------------------------------------------

// NULL if it is a request; else what is wrong with it.
static const char *request_fault(const json_t *request)
{
	const json_t *id = json_object_get(request, "id"), *params;
	const char *version = json_string_value(json_object_get(request, "jsonrpc")), *name;
	json_t *value;

	if (!json_is_object(request))
		return "a request must be an object";
	if (!version || strcmp(version, "2.0"))
		return "a request must have \"jsonrpc\": \"2.0\"";
	if (id && !json_is_string(id) && !json_is_number(id) && !json_is_null(id))
		return "an id must be a string, a number or null";
	if (!json_is_string(json_object_get(request, "method")))
		return "a request must have a method, a string";
	params = json_object_get(request, "params");
	if (params && !json_is_object(params) && !json_is_array(params))
		return "params must be an object with the parameters by name";
	json_object_foreach((json_t *)request, name, value)
	{
		if (strcmp(name, "jsonrpc") && strcmp(name, "id") && strcmp(name, "method") &&
			strcmp(name, "params"))
			return "a request has jsonrpc, id, method and params, nothing else";
	}
	return NULL;
}

static void run_request(
	struct rpc_message *m, const json_t *request, const struct rpc_peer *peer, void *ctx)
{
	const json_t *id = json_object_get(request, "id");
	const char *wrong = request_fault(request), *name;
	struct rpc_call call = {.peer = peer, .ctx = ctx};
	const struct rpc_method *method;
	json_t *result = NULL;
	int err;

	if (wrong) {
		if (!json_is_string(id) && !json_is_number(id))
			id = NULL;
		refuse(m, id, RPC_INVALID_REQUEST, "Invalid request: %s", wrong);
		return;
	}
	name = json_string_value(json_object_get(request, "method"));
	method = rpc_method_find(name);
	if (!method) {
		if (id)
			refuse(m, id, RPC_METHOD_NOT_FOUND,
				"There is no method '%.64s'; rpc.discover lists them", name);
		return;
	}
	err = rpc_invoke(method, &call, json_object_get(request, "params"), id ? &result : NULL);
	if (!id)
		return; // a notification has no reply, not even an error
	if (err)
		reply_error(m, id, 0, err, &call.fault);
	else if (!reply_with(m, id, "result", result))
		refuse(m, id, RPC_LIMIT,
			"%s: the reply would be longer than %u bytes; ask for less at once", name,
			RPC_MAX_REPLY / 4 * 3);
}

// -- one line -----------------------------------------------------------------

// Nesting and number of values, without understanding more of JSON than its strings.
static const char *scan_line(const char *line, size_t size)
{
	size_t depth = 0, n_values = 1;
	bool in_string = false;

	for (size_t i = 0; i < size; i++) {
		char c = line[i];

		if (in_string) {
			if (c == '\\')
				i++;
			else if (c == '"')
				in_string = false;
			continue;
		}
		if (c == '"')
			in_string = true;
		else if (c == '[' || c == '{')
			depth++;
		else if ((c == ']' || c == '}') && depth)
			depth--;
		if (c == '[' || c == '{' || c == ',' || c == ':')
			n_values++;
		if (depth > RPC_MAX_DEPTH)
			return "nested too deeply";
		if (n_values > RPC_MAX_VALUES)
			return "too many values in a line";
	}
	return NULL;
}

static bool is_blank(const char *line, size_t size)
{
	while (size && isspace((unsigned char)*line)) {
		line++;
		size--;
	}
	return !size;
}

void rpc_message_open(struct rpc_message *m, const char *line, size_t size)
{
	const char *wrong = scan_line(line, size);
	json_error_t error;
	json_t *doc;

	memset(m, 0, sizeof(*m));
	if (is_blank(line, size))
		return;
	if (wrong) {
		refuse(m, NULL, RPC_PARSE_ERROR, "Not accepted: %s", wrong);
		return;
	}
	doc = json_loadb(line, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
	if (!doc) {
		refuse(m, NULL, RPC_PARSE_ERROR, "Not JSON at byte %d: %s", error.position,
			error.text);
		return;
	}
	if (!json_is_array(doc)) {
		m->calls = json_pack("[o]", doc);
		if (!m->calls)
			m->broken = true;
	} else if (!json_array_size(doc) || json_array_size(doc) > RPC_MAX_BATCH) {
		refuse(m, NULL, RPC_INVALID_REQUEST,
			"Invalid request: a batch must hold 1 to %u requests, not %zu",
			RPC_MAX_BATCH, json_array_size(doc));
		json_decref(doc);
	} else {
		m->calls = doc;
		m->is_batch = true;
	}
}

bool rpc_message_step(struct rpc_message *m, const struct rpc_peer *peer, void *ctx)
{
	size_t n = json_array_size(m->calls);

	if (!m->broken && m->next < n)
		run_request(m, json_array_get(m->calls, m->next++), peer, ctx);
	if (m->broken || m->next < n)
		return !m->broken;
	if (m->is_batch && m->reply_size)
		m->reply[m->reply_size++] = ']'; // append() kept the room
	m->is_batch = false;
	return false;
}

void rpc_message_close(struct rpc_message *m)
{
	json_decref(m->calls);
	mem_free(m->reply);
	memset(m, 0, sizeof(*m));
}
