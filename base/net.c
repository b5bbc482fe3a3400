// SPDX-License-Identifier: BSD-3-Clause
// Text forms of the values in net.h.
#include "base/net.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool mac_parse(const char *text, struct mac *out)
{
	struct mac m;

	for (int i = 0; i < 6; i++) {
		int hi = hex_digit(text[0]);
		int lo = hi < 0 ? -1 : hex_digit(text[1]);

		if (lo < 0)
			return false;
		m.b[i] = (uint8_t)(hi << 4 | lo);
		text += 2;
		if (i < 5 && *text != ':' && *text != '-')
			return false;
		if (i < 5)
			text++;
	}
	if (*text)
		return false;
	*out = m;
	return true;
}

bool ip_parse(const char *text, struct ip_addr *out)
{
	struct ip_addr a = {0};

	if (inet_pton(AF_INET, text, a.b) == 1)
		a.family = AF_INET;
	else if (inet_pton(AF_INET6, text, a.b) == 1)
		a.family = AF_INET6;
	else
		return false;
	*out = a;
	return true;
}

static bool host_bits_zero(const uint8_t *b, unsigned len, unsigned max)
{
	for (unsigned bit = len; bit < max; bit++)
		if (b[bit / 8] & (0x80 >> bit % 8))
			return false;
	return true;
}

bool prefix_parse(const char *text, struct ip_prefix *out)
{
	char addr[IP_TEXT_SIZE];
	const char *slash = strchr(text, '/');
	struct ip_prefix p = {0};
	unsigned len, max;
	char *end;

	if (!slash || (size_t)(slash - text) >= sizeof(addr) || slash[1] < '0' || slash[1] > '9')
		return false;
	memcpy(addr, text, slash - text);
	addr[slash - text] = '\0';
	if (!ip_parse(addr, &p.addr))
		return false;
	len = (unsigned)strtoul(slash + 1, &end, 10);
	max = p.addr.family == AF_INET ? 32 : 128;
	if (*end || len > max || !host_bits_zero(p.addr.b, len, max))
		return false;
	p.len = (uint8_t)len;
	*out = p;
	return true;
}

char *mac_format(struct mac m, char *buf)
{
	snprintf(buf, MAC_TEXT_SIZE, "%02x:%02x:%02x:%02x:%02x:%02x", m.b[0], m.b[1], m.b[2],
		m.b[3], m.b[4], m.b[5]);
	return buf;
}

char *ip_format(const struct ip_addr *a, char *buf)
{
	if (!inet_ntop(a->family, a->b, buf, IP_TEXT_SIZE))
		snprintf(buf, IP_TEXT_SIZE, "none");
	return buf;
}

char *prefix_format(const struct ip_prefix *p, char *buf)
{
	ip_format(&p->addr, buf);
	size_t n = strlen(buf);
	snprintf(buf + n, PREFIX_TEXT_SIZE - n, "/%u", p->len);
	return buf;
}
