// SPDX-License-Identifier: BSD-3-Clause
// What policy reads of the kernel's: the first byte chooses the decoder, the rest are messages,
// or a table of iptables, or text.
#include <stdlib.h>
#include <string.h>

#include "control/netlink/link.h"
#include "control/policy/findings.h"
#include "control/policy/iptables.h"
#include "control/policy/ipvs.h"
#include "control/policy/nft.h"
#include "control/policy/tc.h"
#include "control/policy/xfrm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void judge_messages(uint8_t *data, size_t size, struct findings *out)
{
	const struct nlmsghdr *nlh;
	struct nft nft = {.n_dormant = 0};
	struct xfrm_count count = {0};
	struct tc_qdisc qdisc;
	size_t length;

	for (size_t at = 0; (nlh = link_next(data + at, size - at, &length)); at += length) {
		nft_judge_table(&nft, nlh);
		nft_judge_chain(&nft, nlh, out);
		nft_judge_flowtable(nlh, out);
		tc_judge_qdisc(nlh, &qdisc);
		tc_judge_filter(nlh);
		xfrm_judge(nlh, &count);
	}
}

static void judge_table(const uint8_t *data, size_t size, bool is_ip6, struct findings *out)
{
	struct iptables_table table;

	if (size < sizeof(table))
		return;
	memcpy(&table, data, sizeof(table));
	iptables_needs_entries(&table);
	iptables_judge(&table, is_ip6, data + sizeof(table), size - sizeof(table), out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct findings found = {0};
	uint8_t *copy; // aligned, and ending where the input ends

	if (size < 2)
		return 0;
	copy = malloc(size);
	if (!copy)
		abort();
	memcpy(copy, data + 1, size - 1);
	copy[size - 1] = 0;
	switch (data[0] % 4) {
	case 0:
		judge_messages(copy, size - 1, &found);
		break;
	case 1:
	case 2:
		judge_table(copy, size - 1, data[0] % 4 == 2, &found);
		break;
	default:
		ipvs_judge((char *)copy, &found);
	}
	findings_fini(&found);
	free(copy);
	return 0;
}
