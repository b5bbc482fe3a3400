// SPDX-License-Identifier: BSD-3-Clause
#include "base/vlan_set.h"

#include <stdio.h>

unsigned vlan_set_count(const struct vlan_set *s)
{
	unsigned n = 0;

	for (size_t i = 0; i < N_VLANS / 64; i++)
		n += (unsigned)__builtin_popcountll(s->bits[i]);
	return n;
}

// Digits only: strtoul() would take blanks and signs. NULL when there is no valid id.
static const char *parse_id(const char *p, unsigned *out)
{
	unsigned v = 0;

	if (*p < '0' || *p > '9')
		return NULL;
	while (*p >= '0' && *p <= '9') {
		v = v * 10 + (unsigned)(*p++ - '0');
		if (v > VLAN_MAX)
			return NULL;
	}
	*out = v;
	return v ? p : NULL;
}

const char *vlan_set_parse(const char *text, struct vlan_set *out)
{
	struct vlan_set set = {0};
	const char *p = text;

	while (*text) {
		const char *item = p;
		unsigned first, last;

		p = parse_id(p, &first);
		if (!p)
			return item;
		last = first;
		if (*p == '-' && !(p = parse_id(p + 1, &last)))
			return item;
		if (last < first)
			return item;
		for (unsigned v = first; v <= last; v++)
			vlan_set_add(&set, (vlan_id_t)v);
		if (!*p)
			break;
		if (*p++ != ',')
			return item;
	}
	*out = set;
	return NULL;
}

char *vlan_set_format(const struct vlan_set *s, char *buf)
{
	char *p = buf;

	*p = '\0';
	for (unsigned v = 1; v <= VLAN_MAX; v++) {
		unsigned last = v;

		if (!vlan_set_has(s, (vlan_id_t)v))
			continue;
		while (last < VLAN_MAX && vlan_set_has(s, (vlan_id_t)(last + 1)))
			last++;
		p += sprintf(p, p == buf ? "%u" : ",%u", v);
		if (last != v)
			p += sprintf(p, "-%u", last);
		v = last;
	}
	return buf;
}
