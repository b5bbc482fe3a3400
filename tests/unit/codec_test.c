// SPDX-License-Identifier: BSD-3-Clause
#include "tests/unit/test.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "tests/rpc/fake_handlers.h"

static int decode(const char *method, const char *json, void *out, struct rpc_fault *fault)
{
	json_t *in = json_loads(json, 0, NULL);
	int err;

	assert_non_null(in);
	err = rpc_decode(rpc_method_find(method)->params, in, out, fault);
	json_decref(in);
	return err;
}

// What is wrong, word by word: users read these.
static void refusals(void **state)
{
	static const struct {
		const char *method, *json, *param, *sentence;
	} cases[] = {
		{"port.add", "{\"name\":\"a\",\"vlan\":4095}", "vlan",
			"port.add: parameter 'vlan' must be between 1 and 4094, not 4095"},
		{"port.add", "{\"name\":\"a\",\"vlan\":0}", "vlan",
			"port.add: parameter 'vlan' must be between 1 and 4094, not 0"},
		{"port.add", "{\"name\":\"a\",\"vlan\":-9223372036854775808}", "vlan",
			"port.add: parameter 'vlan' must be between 1 and 4094, not "
			"-9223372036854775808"},
		{"port.add", "{\"name\":\"a\",\"vlan\":\"10\"}", "vlan",
			"port.add: parameter 'vlan' must be an integer between 1 and 4094, not a "
			"string"},
		{"port.add", "{\"name\":\"a\",\"vlan\":10.0}", "vlan",
			"port.add: parameter 'vlan' must be an integer between 1 and 4094, not a "
			"fraction"},
		{"port.add", "{\"vlan\":10}", "name", "port.add: parameter 'name' is missing"},
		{"port.add", "{\"name\":\"\"}", "name",
			"port.add: parameter 'name' must be 1 to 31 bytes long, not 0"},
		{"port.add", "{\"name\":\"a b\"}", "name",
			"port.add: parameter 'name' must be letters, digits and _ . @ + - and not "
			"begin with . @ + or -, not 'a b'"},
		{"port.add", "{\"name\":5}", "name",
			"port.add: parameter 'name' must be a string, not an integer"},
		{"port.add", "{\"name\":\"a\",\"kind\":\"wifi\"}", "kind",
			"port.add: parameter 'kind' must be one of af_xdp, tap, memory, not "
			"'wifi'"},
		{"port.add", "{\"name\":\"a\",\"learning\":1}", "learning",
			"port.add: parameter 'learning' must be true or false, not an integer"},
		{"port.add", "{\"name\":\"a\",\"mac\":\"02:00\"}", "mac",
			"port.add: parameter 'mac' must be a MAC address such as "
			"02:00:00:00:00:01, not '02:00'"},
		{"port.add", "{\"name\":\"a\",\"trunk\":\"10,4095\"}", "trunk",
			"port.add: parameter 'trunk' must list VLANs between 1 and 4094 such as "
			"10,20-29; wrong at '4095'"},
		{"port.add", "{\"name\":\"a\",\"netdev\":\"a/b\"}", "netdev",
			"port.add: parameter 'netdev' must be a network interface name, without "
			"blanks, '/' and ':', not 'a/b'"},
		{"port.add", "{\"name\":\"a\",\"mtu\":65522}", "mtu",
			"port.add: parameter 'mtu' must be between 68 and 65521, not 65522"},
		{"port.del", "{\"name\":\"a\",\"force\":true}", "force",
			"port.del: there is no parameter 'force'; known are name"},
		{"worker.list", "{\"x\":1}", "x",
			"worker.list: there is no parameter 'x'; it takes none"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct rpc_port_add_params out;
		struct rpc_fault fault;

		assert_int_equal(decode(cases[i].method, cases[i].json, &out, &fault), -EINVAL);
		assert_string_equal(fault.text, cases[i].sentence);
		assert_string_equal(fault.param, cases[i].param);
	}
}

static void values(void **state)
{
	struct rpc_port_add_params p;
	struct rpc_fault fault;

	assert_int_equal(decode("port.add",
				 "{\"name\":\"web-1.x\",\"kind\":\"memory\",\"vlan\":4094,"
				 "\"trunk\":\"1-3,7\",\"mac\":\"02:00:00:00:00:0A\",\"mtu\":9000,"
				 "\"isolated\":true,\"storm_unknown\":4294967295,"
				 "\"container\":\"/run/netns/a:b:eth7\"}",
				 &p, &fault),
		0);
	assert_string_equal(p.name, "web-1.x");
	assert_true(p.has_kind && p.kind == RPC_PORT_KIND_MEMORY);
	assert_true(p.has_vlan && p.vlan == 4094);
	assert_true(p.has_trunk && vlan_set_count(&p.trunk) == 4 && vlan_set_has(&p.trunk, 7));
	assert_true(p.has_mac && mac_to_u64(p.mac) == 0x02000000000a);
	assert_int_equal(p.mtu, 9000);
	assert_true(p.has_isolated && p.isolated);
	assert_int_equal(p.storm_unknown, 4294967295u);
	assert_string_equal(p.container.netns, "/run/netns/a:b");
	assert_string_equal(p.container.ifname, "eth7");
	// Defaults are there though nobody gave them.
	assert_true(!p.has_learning && p.learning);
	assert_true(!p.has_flood_unknown && p.flood_unknown);
	assert_true(!p.has_state && p.state == RPC_STP_STATE_FORWARDING);
	assert_true(!p.has_native && p.native == 0);
	assert_false(p.has_queue_size);

	assert_int_equal(
		decode("port.add", "{\"name\":\"a\",\"container\":\"4711\"}", &p, &fault), 0);
	assert_string_equal(p.container.netns, "4711");
	assert_string_equal(p.container.ifname, "eth0");
	assert_int_equal(decode("port.add", "{\"name\":\"a\",\"container\":\":eth0\"}", &p, &fault),
		-EINVAL);
	assert_int_equal(
		decode("port.add", "{\"name\":\"a\",\"container\":\"w:\"}", &p, &fault), -EINVAL);
	assert_int_equal(p.name[0], 0); // a refused struct is zero
}

// The examples of the schemas come back as they went in.
static void examples_round_trip(void **state)
{
	json_t *doc = json_loads(rpc_openrpc_text, JSON_REJECT_DUPLICATES, NULL);
	json_t *method, *param;
	size_t i, j;

	assert_int_equal(json_array_size(json_object_get(doc, "methods")), rpc_n_methods);
	json_array_foreach(json_object_get(doc, "methods"), i, method)
	{
		json_t *example = json_array_get(json_object_get(method, "examples"), 0);
		const struct rpc_method *m =
			rpc_method_find(json_string_value(json_object_get(method, "name")));
		json_t *in = json_object(), *out;
		struct rpc_fault fault;
		void *st;

		assert_non_null(m);
		json_array_foreach(json_object_get(example, "params"), j, param)
			json_object_set(in, json_string_value(json_object_get(param, "name")),
				json_object_get(param, "value"));
		st = calloc(1, m->params->size);
		if (rpc_decode(m->params, in, st, &fault))
			fail_msg("%s", fault.text);
		out = rpc_encode(m->params, st);
		assert_true(json_equal(in, out));
		rpc_clear(m->params, st);
		free(st);
		json_decref(out);
		json_decref(in);

		// Results have arrays and nested objects; the decoder knows those as well.
		in = json_object_get(json_object_get(example, "result"), "value");
		st = calloc(1, m->result->size);
		if (m->bare_result) {
			free(st);
			continue;
		}
		if (rpc_decode(m->result, in, st, &fault))
			fail_msg("%s", fault.text);
		out = rpc_encode(m->result, st);
		assert_true(json_equal(in, out));
		rpc_clear(m->result, st);
		free(st);
		json_decref(out);
	}
	json_decref(doc);
}

// The path in a sentence leads into arrays and objects.
static void nested_fault(void **state)
{
	json_t *in = json_pack("{s:[{s:i}]}", "vlans", "vlan", 4095);
	const struct rpc_method *m = rpc_method_find("vlan.list");
	struct rpc_vlan_list_result st;
	struct rpc_fault fault;

	assert_int_equal(rpc_decode(m->result, in, &st, &fault), -EINVAL);
	assert_string_equal(fault.param, "vlans[0].vlan");
	assert_null(st.vlans.items);
	json_decref(in);
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

// Without memory at any one allocation: an error, nothing lost, nothing half done.
static void no_memory(void **state)
{
	const struct rpc_method *m = rpc_method_find("vlan.list");
	struct rpc_vlan_list_result st = {0};
	struct rpc_fault fault;
	json_t *out = NULL;
	int err;

	for (int i = 0; i < 3; i++) {
		struct rpc_vlan *vlan = rpc_vlan_array_append(&st.vlans);

		vlan->vlan = 1;
		for (int j = 0; j < 20; j++)
			strcpy(rpc_port_name_array_append(&vlan->tagged)->text, "p");
	}
	json_set_alloc_funcs(counted_malloc, counted_free);
	for (fail_at = 1; !out; fail_at++) {
		n_allocs = n_live = 0;
		out = rpc_encode(m->result, &st);
		if (!out)
			assert_int_equal(n_live, 0);
		if (out && n_allocs >= fail_at) { // a text got its memory at the second try
			json_decref(out);
			assert_int_equal(n_live, 0);
			out = NULL;
		}
	}
	assert_true(fail_at > 60);
	fail_at = 0;
	rpc_clear(m->result, &st);
	for (uint64_t n = 1;; n++) {
		mem_fail_at(n);
		err = rpc_decode(m->result, out, &st, &fault);
		if (!err)
			break;
		assert_int_equal(err, -ENOMEM);
		assert_null(st.vlans.items);
		assert_non_null(strstr(fault.text, "no memory"));
	}
	mem_fail_at(0);
	assert_int_equal(st.vlans.n, 3);
	assert_int_equal(st.vlans.items[2].tagged.n, 20);
	rpc_clear(m->result, &st);
	json_decref(out);
	assert_int_equal(n_live, 0);
	json_set_alloc_funcs(malloc, free);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refusals),
		cmocka_unit_test(values),
		cmocka_unit_test(examples_round_trip),
		cmocka_unit_test(nested_fault),
		cmocka_unit_test(no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
