// SPDX-License-Identifier: BSD-3-Clause
#include "tests/unit/test.h"

#include <arpa/inet.h>

#include "base/net.h"

static void mac_text(void **state)
{
	static const char *bad[] = {"", "02", "02:00:00:00:00", "02:00:00:00:00:0g",
		"02:00:00:00:00:01:", "2:0:0:0:0:1", "02:00:00:00:00:01 "};
	char buf[MAC_TEXT_SIZE];
	struct mac m;

	assert_true(mac_parse("02:aB:00:00:fe:01", &m));
	assert_string_equal(mac_format(m, buf), "02:ab:00:00:fe:01");
	assert_int_equal(mac_to_u64(m), 0x02ab0000fe01);
	assert_true(mac_equal(m, mac_from_u64(0x02ab0000fe01)));
	assert_true(mac_parse("02-ab-00-00-fe-01", &m));
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_false(mac_parse(bad[i], &m));
}

static void prefix_text(void **state)
{
	static const char *good[] = {"0.0.0.0/0", "10.0.0.0/8", "10.1.2.3/32", "::/0",
		"2001:db8::/32", "2001:db8::1/128"};
	static const char *bad[] = {"10.0.0.0", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/",
		"10.0.0.0/+8", "::1/64", "::/129", "/8", "10.0.0.0/8x"};
	char buf[PREFIX_TEXT_SIZE];
	struct ip_prefix p;

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		assert_true(prefix_parse(good[i], &p));
		assert_string_equal(prefix_format(&p, buf), good[i]);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_false(prefix_parse(bad[i], &p));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mac_text),
		cmocka_unit_test(prefix_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
