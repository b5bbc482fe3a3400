// SPDX-License-Identifier: BSD-3-Clause
// Messages that a kernel sent (tests/fuzz/corpus/netlink), whole and damaged: cut off at every
// byte, and with every byte changed. Under a sanitizer a read beyond the end is seen.
#include "tests/unit/netlink_messages.h"

#include <dirent.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>

#include "control/netlink/link.h"

// Calls fn for each message of each file; returns how many there were.
static unsigned for_each(void (*fn)(const struct nlmsghdr *))
{
	const char *path = getenv("NETLINK_CORPUS");
	DIR *dir = opendir(path ? path : "tests/fuzz/corpus/netlink");
	unsigned n = 0;
	struct dirent *e;

	assert_non_null(dir);
	while ((e = readdir(dir))) {
		static uint8_t bytes[1 << 16] __attribute__((aligned(8)));
		char name[512];
		const struct nlmsghdr *nlh;
		size_t size, length;
		FILE *f;

		if (e->d_name[0] == '.')
			continue;
		snprintf(name, sizeof(name), "%s/%s", path ? path : "tests/fuzz/corpus/netlink",
			e->d_name);
		f = fopen(name, "rb");
		assert_non_null(f);
		size = fread(bytes, 1, sizeof(bytes), f);
		fclose(f);
		for (size_t at = 0; (nlh = link_next(bytes + at, size - at, &length));
			at += length, n++)
			fn(nlh);
	}
	closedir(dir);
	return n;
}

// -- whole ----------------------------------------------------------------------------

static unsigned n_records[N_NL_KINDS][2];

static void count(const struct nlmsghdr *nlh)
{
	const struct nl_change *c = (struct nl_change *)record;

	if (nlh->nlmsg_type == NLMSG_DONE) {
		assert_int_equal(decode_message(nlh, nlh->nlmsg_len, record), 0);
		return;
	}
	// Only what is of the bridge's family gives none.
	if (*(uint8_t *)mnl_nlmsg_get_payload(nlh) == AF_BRIDGE)
		return;
	assert_int_not_equal(decode_message(nlh, nlh->nlmsg_len, record), 0);
	n_records[c->kind][c->verb]++;
}

static void recorded_messages_give_records(void **state)
{
	assert_int_not_equal(for_each(count), 0);
	for (unsigned k = 0; k < N_NL_KINDS; k++) {
		assert_int_not_equal(n_records[k][NL_SET], 0);
		assert_int_not_equal(n_records[k][NL_GONE], 0);
	}
}

// -- damaged --------------------------------------------------------------------------

// A copy that ends with its last byte, in memory that ends there.
static void decode_copy(const void *bytes, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);
	size_t n;

	assert_non_null(copy);
	memcpy(copy, bytes, size);
	n = decode_message((void *)copy, size, record);
	assert_true(n <= DECODE_MAX_SIZE && n % 8 == 0);
	assert_true(!n || ((struct nl_change *)record)->size == n);
	free(copy);
}

static void cut(const struct nlmsghdr *nlh)
{
	static uint8_t bytes[1 << 16] __attribute__((aligned(8)));

	for (size_t size = 0; size < nlh->nlmsg_len; size++) {
		// Less is there than it says.
		memcpy(bytes, nlh, nlh->nlmsg_len);
		assert_int_equal(decode_message((void *)bytes, size, record), 0);
		decode_copy(bytes, size);
		// It says that it is shorter.
		((struct nlmsghdr *)bytes)->nlmsg_len = (uint32_t)size;
		decode_copy(bytes, size);
		decode_copy(bytes, MNL_ALIGN(size));
	}
}

static void change(const struct nlmsghdr *nlh)
{
	static const uint8_t values[] = {0, 1, 0x7f, 0xff};
	static uint8_t bytes[1 << 16] __attribute__((aligned(8)));

	memcpy(bytes, nlh, nlh->nlmsg_len);
	for (size_t i = 0; i < nlh->nlmsg_len; i++) {
		uint8_t before = bytes[i];

		for (size_t v = 0; v < ARRAY_SIZE(values); v++) {
			bytes[i] = values[v];
			decode_copy(bytes, nlh->nlmsg_len);
		}
		bytes[i] = before;
	}
}

static void cut_messages_do_no_harm(void **state)
{
	assert_int_not_equal(for_each(cut), 0);
}

static void changed_messages_do_no_harm(void **state)
{
	assert_int_not_equal(for_each(change), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(recorded_messages_give_records),
		cmocka_unit_test(cut_messages_do_no_harm),
		cmocka_unit_test(changed_messages_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
