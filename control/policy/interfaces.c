// SPDX-License-Identifier: BSD-3-Clause
#include "control/policy/interfaces.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

// Where the first number that is not below `ifindex` stands.
static unsigned place(const struct policy_interfaces *l, int ifindex)
{
	unsigned low = 0, high = l->n;

	while (low < high) {
		unsigned middle = (low + high) / 2;

		if (l->at[middle].ifindex < ifindex)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct policy_interface *policy_interface_find(const struct policy_interfaces *l, int ifindex)
{
	unsigned i = place(l, ifindex);

	return i < l->n && l->at[i].ifindex == ifindex ? &l->at[i] : NULL;
}

struct policy_interface *policy_interface_next(const struct policy_interfaces *l, int after)
{
	unsigned i = place(l, after + 1);

	return i < l->n ? &l->at[i] : NULL;
}

int policy_interface_add(struct policy_interfaces *l, int ifindex)
{
	unsigned i = place(l, ifindex);

	if (i < l->n && l->at[i].ifindex == ifindex)
		return -EEXIST;
	if (l->n == l->room) {
		unsigned room = l->room ? l->room * 2 : 8;
		struct policy_interface *at = mem_alloc(room * sizeof(*at), 0);

		if (!at)
			return -ENOMEM;
		if (l->n)
			memcpy(at, l->at, l->n * sizeof(*at));
		mem_free(l->at);
		l->at = at;
		l->room = room;
	}
	memmove(&l->at[i + 1], &l->at[i], (l->n - i) * sizeof(*l->at));
	l->n++;
	l->at[i] = (struct policy_interface){.ifindex = ifindex, .disable_ipv6_fd = -1};
	return 0;
}

void policy_interface_remove(struct policy_interfaces *l, struct policy_interface *i)
{
	if (i->disable_ipv6_fd >= 0)
		close(i->disable_ipv6_fd);
	l->n--;
	memmove(i, i + 1, (size_t)(&l->at[l->n] - i) * sizeof(*i));
}

void policy_interfaces_fini(struct policy_interfaces *l)
{
	while (l->n)
		policy_interface_remove(l, &l->at[l->n - 1]);
	mem_free(l->at);
	memset(l, 0, sizeof(*l));
}
