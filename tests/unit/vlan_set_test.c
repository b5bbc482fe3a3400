// SPDX-License-Identifier: BSD-3-Clause
#include "tests/unit/test.h"

#include <stdlib.h>

#include "base/compiler.h"
#include "base/vlan_set.h"

static void text(void **state)
{
	static const char *const same[] = {"", "1", "4094", "10,20-29", "1-4094", "1-2,4-5"};
	static const char *const bad[] = {"0", "4095", "0-5", "4000-4095", "5-4", ",", "1,", ",1",
		"1,,2", "1-", "-1", "1-2-3", " 1", "1 ", "+1", "x", "10,0x10", "99999999999",
		"1;2"};
	char buf[VLAN_SET_TEXT_SIZE];
	struct vlan_set s;

	for (size_t i = 0; i < ARRAY_SIZE(same); i++) {
		assert_null(vlan_set_parse(same[i], &s));
		assert_string_equal(vlan_set_format(&s, buf), same[i]);
	}
	assert_null(vlan_set_parse("29,20-28,10,10,21", &s));
	assert_string_equal(vlan_set_format(&s, buf), "10,20-29");
	assert_int_equal(vlan_set_count(&s), 11);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_non_null(vlan_set_parse(bad[i], &s));
		assert_int_equal(vlan_set_count(&s), 11); // untouched
	}
	assert_string_equal(vlan_set_parse("10,4095,20", &s), "4095,20");
}

static void longest_text(void **state)
{
	char buf[VLAN_SET_TEXT_SIZE];
	struct vlan_set s = {0}, back;

	for (unsigned v = 2; v <= VLAN_MAX; v += 2)
		vlan_set_add(&s, (vlan_id_t)v);
	assert_true(strlen(vlan_set_format(&s, buf)) < sizeof(buf));
	assert_null(vlan_set_parse(buf, &back));
	assert_memory_equal(&s, &back, sizeof(s));
}

// Against an array of bools, and there and back through the text.
static void random_sets(void **state)
{
	char buf[VLAN_SET_TEXT_SIZE];

	srand(1);
	for (int round = 0; round < 200; round++) {
		bool twin[N_VLANS] = {0};
		struct vlan_set s = {0}, back;
		unsigned n = 0;

		for (int i = rand() % 300; i; i--) {
			vlan_id_t v = (vlan_id_t)(1 + rand() % (round % 2 ? VLAN_MAX : 70));

			twin[v] = rand() % 3;
			if (twin[v])
				vlan_set_add(&s, v);
			else
				vlan_set_remove(&s, v);
		}
		for (unsigned v = 0; v < N_VLANS; v++) {
			assert_int_equal(vlan_set_has(&s, (vlan_id_t)v), twin[v]);
			n += twin[v];
		}
		assert_int_equal(vlan_set_count(&s), n);
		assert_null(vlan_set_parse(vlan_set_format(&s, buf), &back));
		assert_memory_equal(&s, &back, sizeof(s));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text),
		cmocka_unit_test(longest_text),
		cmocka_unit_test(random_sets),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
