// SPDX-License-Identifier: BSD-3-Clause
#include "tests/unit/test.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "tests/rpc/fake_handlers.h"

static const struct rpc_peer root = {.may_write = true};
static const struct rpc_peer guest = {.uid = 1000};

// The reply as JSON, NULL if there is none.
static json_t *ask_bytes(const struct rpc_peer *peer, const char *line, size_t size)
{
	struct rpc_message m;
	json_t *reply = NULL;

	rpc_message_open(&m, line, size);
	while (rpc_message_step(&m, peer, NULL))
		;
	assert_false(m.broken);
	if (m.reply_size) {
		assert_null(memchr(m.reply, '\n', m.reply_size));
		reply = json_loadb(m.reply, m.reply_size, 0, NULL);
		assert_non_null(reply);
	}
	rpc_message_close(&m);
	return reply;
}

static json_t *ask(const char *line)
{
	return ask_bytes(&root, line, strlen(line));
}

static void expect_error(json_t *reply, int code, const char *words)
{
	json_t *error = json_object_get(reply, "error");
	const char *message = json_string_value(json_object_get(error, "message"));

	assert_non_null(error);
	assert_string_equal(json_string_value(json_object_get(reply, "jsonrpc")), "2.0");
	assert_null(json_object_get(reply, "result"));
	assert_int_equal(json_integer_value(json_object_get(error, "code")), code);
	assert_non_null(message);
	if (!strstr(message, words))
		fail_msg("'%s' has not '%s'", message, words);
	json_decref(reply);
}

static int setup(void **state)
{
	fake_reset();
	return 0;
}

static void one_call(void **state)
{
	json_t *reply = ask("{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"method\":\"port.add\","
			    "\"params\":{\"name\":\"web\",\"vlan\":10}}");

	assert_string_equal(json_string_value(json_object_get(reply, "id")), "x");
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(reply, "result"), "oper")), "up");
	assert_null(json_object_get(reply, "error"));
	assert_int_equal(fake.n_ports, 1);
	assert_int_equal(fake.add.vlan, 10);
	json_decref(reply);
}

static void not_a_request(void **state)
{
	static const char *const invalid[] = {"1", "\"x\"", "null", "[]", "{}",
		"{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"system.show\"}",
		"{\"jsonrpc\":2.0,\"id\":1,\"method\":\"system.show\"}",
		"{\"jsonrpc\":\"2.0\",\"id\":1}", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":7}",
		"{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"system.show\"}",
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"system.show\",\"params\":7}",
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"system.show\",\"extra\":7}"};
	static const char *const not_json[] = {"{", "}", "{\"jsonrpc\":\"2.0\",}", "nonsense",
		"[1,2", "{\"a\":1,\"a\":2}", "\"\\u0000\"", "\"\xff\"", "{} {}",
		"99999999999999999999999999"};

	for (size_t i = 0; i < ARRAY_SIZE(invalid); i++)
		expect_error(ask(invalid[i]), -32600, "Invalid request");
	for (size_t i = 0; i < ARRAY_SIZE(not_json); i++)
		expect_error(ask(not_json[i]), -32700, "Not JSON");
	assert_null(ask(""));
	assert_null(ask(" \t\r"));
}

static void unknown_method(void **state)
{
	expect_error(ask("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"port.eat\"}"), -32601,
		"There is no method 'port.eat'");
}

static void params_by_name(void **state)
{
	json_t *reply =
		ask("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"system.version\",\"params\":[]}");

	assert_non_null(json_object_get(reply, "result"));
	json_decref(reply);
	expect_error(
		ask("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"port.del\",\"params\":[\"a\"]}"),
		-32602, "by name");
	reply = ask(
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"port.del\",\"params\":{\"nam\":1}}");
	assert_string_equal(
		json_string_value(json_object_get(
			json_object_get(json_object_get(reply, "error"), "data"), "param")),
		"nam");
	expect_error(reply, -32602, "port.del: there is no parameter 'nam'; known are name");
}

static void errno_to_code(void **state)
{
	expect_error(ask("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"port.del\","
			 "\"params\":{\"name\":\"a\"}}"),
		1, "port.del: there is no port 'a'");
	// A handler without a sentence.
	expect_error(ask("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"fdb.add\",\"params\":"
			 "{\"mac\":\"02:00:00:00:00:01\",\"port\":\"a\"}}"),
		5, "fdb.add: No space left on device");
	// A sentence that JSON cannot hold.
	expect_error(ask("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"fdb.del\",\"params\":"
			 "{\"mac\":\"02:00:00:00:00:01\"}}"),
		8, "fdb.del: ?? is not UTF-8");
}

static void access_rights(void **state)
{
	static const char write[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"stats.clear\"}";
	static const char read[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"stats.show\"}";
	json_t *reply;

	expect_error(ask_bytes(&guest, write, strlen(write)), 4,
		"stats.clear: is for root and the operator group only");
	assert_int_equal(fake.n_calls, 0);
	reply = ask_bytes(&guest, read, strlen(read));
	assert_non_null(json_object_get(reply, "result"));
	json_decref(reply);
	json_decref(ask(write));
	assert_int_equal(fake.n_calls, 1);
}

static void notifications(void **state)
{
	assert_null(ask("{\"jsonrpc\":\"2.0\",\"method\":\"stats.clear\"}"));
	assert_int_equal(fake.n_calls, 1);
	assert_null(ask("{\"jsonrpc\":\"2.0\",\"method\":\"no.such\"}"));
	assert_null(ask("{\"jsonrpc\":\"2.0\",\"method\":\"port.del\",\"params\":{}}"));
	assert_null(ask("[{\"jsonrpc\":\"2.0\",\"method\":\"stats.clear\"},"
			"{\"jsonrpc\":\"2.0\",\"method\":\"stats.clear\"}]"));
	assert_int_equal(fake.n_calls, 3);
}

static void batches(void **state)
{
	json_t *reply = ask("[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"system.version\"},"
			    "{\"jsonrpc\":\"2.0\",\"method\":\"stats.clear\"}, 7,"
			    "{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"no.such\"}]");
	char *line;

	assert_true(json_is_array(reply));
	assert_int_equal(json_array_size(reply), 3);
	assert_non_null(json_object_get(json_array_get(reply, 0), "result"));
	expect_error(json_incref(json_array_get(reply, 1)), -32600, "object");
	expect_error(json_incref(json_array_get(reply, 2)), -32601, "no.such");
	json_decref(reply);
	assert_int_equal(fake.n_calls, 1);
	reply = ask("[7]"); // a batch of one stays an array
	assert_true(json_is_array(reply));
	json_decref(reply);

	line = calloc(1, 4096);
	strcpy(line, "[1");
	while (strlen(line) < 2 * RPC_MAX_BATCH)
		strcat(line, ",1");
	strcat(line, ",1]");
	expect_error(ask(line), -32600, "a batch must hold 1 to 1024 requests");
	free(line);
}

static void bounded_input(void **state)
{
	size_t size = RPC_MAX_LINE;
	char *line = malloc(size);

	memset(line, '[', size);
	expect_error(ask_bytes(&root, line, size), -32700, "nested too deeply");
	for (size_t i = 0; i < size; i++)
		line[i] = i ? (i & 1 ? '1' : ',') : '[';
	line[size - 1] = ']';
	expect_error(ask_bytes(&root, line, size), -32700, "too many values");
	// Brackets within strings are no nesting, nor do escaped quotes end one.
	memset(line, '[', size);
	memcpy(line, "\"\\\"", 3);
	line[size - 1] = '"';
	expect_error(ask_bytes(&root, line, size), -32600, "an object");
	free(line);
}

// One after the other: the steps of a batch are the loop's fairness.
static void steps(void **state)
{
	static const char line[] = "[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"stats.clear\"},"
				   "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"stats.clear\"}]";
	struct rpc_message m;

	rpc_message_open(&m, line, strlen(line));
	assert_int_equal(fake.n_calls, 0);
	assert_true(rpc_message_step(&m, &root, NULL));
	assert_int_equal(fake.n_calls, 1);
	assert_false(rpc_message_step(&m, &root, NULL));
	assert_int_equal(fake.n_calls, 2);
	assert_false(rpc_message_step(&m, &root, NULL)); // and nothing more
	assert_int_equal(fake.n_calls, 2);
	rpc_message_close(&m);
}

// A reply over the limit becomes an error, also within a batch.
static void reply_too_long(void **state)
{
	static const char call[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"fdb.list\","
				   "\"params\":{\"limit\":1000}},";
	size_t n = 1000;
	char *line = malloc(n * strlen(call) + 3);
	char *p = line;
	json_t *reply;

	*p++ = '[';
	for (size_t i = 0; i < n; i++)
		p = stpcpy(p, call);
	p[-1] = ']';
	reply = ask(line);
	assert_int_equal(json_array_size(reply), n);
	assert_non_null(json_object_get(json_array_get(reply, 0), "result"));
	expect_error(json_incref(json_array_get(reply, n - 1)), 5, "longer than");
	json_decref(reply);
	free(line);
}

static size_t n_live, fail_at, n_allocs;

static void *counted_malloc(size_t size)
{
	if (++n_allocs == fail_at)
		return NULL;
	n_live++;
	return malloc(size);
}

static void counted_free(void *p)
{
	n_live -= p != NULL;
	free(p);
}

// Whatever allocation fails: an error or a hang-up, and nothing is lost.
static void no_memory(void **state)
{
	static const char line[] =
		"[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"port.list\"},"
		"{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"port.del\",\"params\":{\"x\":1}}]";
	bool reached = true;

	fake.n_ports = 3;
	json_set_alloc_funcs(counted_malloc, counted_free);
	for (size_t n = 1; reached; n++) {
		struct rpc_message m;

		n_live = n_allocs = 0;
		fail_at = n;
		rpc_message_open(&m, line, strlen(line));
		while (rpc_message_step(&m, &root, NULL))
			;
		rpc_message_close(&m);
		assert_int_equal(n_live, 0);
		reached = n_allocs >= n;
	}
	fail_at = 0;
	for (uint64_t n = 1; n < 40; n++) {
		struct rpc_message m;

		mem_fail_at(n);
		rpc_message_open(&m, line, strlen(line));
		while (rpc_message_step(&m, &root, NULL))
			;
		rpc_message_close(&m);
		assert_int_equal(n_live, 0);
	}
	mem_fail_at(0);
	json_set_alloc_funcs(malloc, free);
}

static void discover(void **state)
{
	json_t *reply = ask("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"rpc.discover\"}");
	json_t *doc = json_object_get(reply, "result");

	assert_int_equal(json_array_size(json_object_get(doc, "methods")), rpc_n_methods);
	json_decref(reply);
	for (unsigned i = 0; i < rpc_n_methods; i++)
		assert_ptr_equal(rpc_method_find(rpc_methods[i].name), &rpc_methods[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(one_call, setup),
		cmocka_unit_test_setup(not_a_request, setup),
		cmocka_unit_test_setup(unknown_method, setup),
		cmocka_unit_test_setup(params_by_name, setup),
		cmocka_unit_test_setup(errno_to_code, setup),
		cmocka_unit_test_setup(access_rights, setup),
		cmocka_unit_test_setup(notifications, setup),
		cmocka_unit_test_setup(batches, setup),
		cmocka_unit_test_setup(bounded_input, setup),
		cmocka_unit_test_setup(steps, setup),
		cmocka_unit_test_setup(reply_too_long, setup),
		cmocka_unit_test_setup(no_memory, setup),
		cmocka_unit_test_setup(discover, setup),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
