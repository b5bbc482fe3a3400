// SPDX-License-Identifier: BSD-3-Clause
// The files stay open. One whose interface was renamed or lost its IPv6 gives an error: then it
// is opened again by the name of today.
#include "control/policy/sysctl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "control/netns.h"

static int open_file(void *arg)
{
	int fd = open(arg, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

// 0 or 1 (or what else it is), or negative errno.
static int read_number(const struct sysctl *s, int *fd, char *path)
{
	char text[16];
	ssize_t n;

	for (int i = 0; i < 2; i++) {
		if (*fd < 0) {
			int opened = netns_run(s->netns_fd, open_file, path);

			if (opened < 0)
				return opened;
			*fd = opened;
		}
		n = pread(*fd, text, sizeof(text) - 1, 0);
		if (n > 0)
			return text[0] == '0' ? 0 : 1;
		n = n ? -errno : -EIO;
		close(*fd);
		*fd = -1;
	}
	return (int)n;
}

static int read_interface(struct sysctl *s, struct policy_interface *i)
{
	struct finding where = {.ifindex = i->ifindex,
		.directions = FINDING_IN | FINDING_OUT,
		.families = FINDING_IP6};
	char path[64 + IFNAMSIZ];
	int value;

	if (!i->name[0])
		return 0; // gone
	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/disable_ipv6", i->name);
	value = read_number(s, &i->disable_ipv6_fd, path);
	if (value > 0)
		findings_add(&s->next, &where, "sysctl: net.ipv6.conf.%s.disable_ipv6", i->name);
	else if (value == -ENOENT || value == -EIO) // e.g. an MTU below 1280
		findings_add(&s->next, &where, "sysctl: no IPv6 on %s", i->name);
	else if (value < 0)
		return value;
	return 0;
}

static int read_all(struct sysctl *s)
{
	static const struct finding ip4 = {
		.directions = FINDING_IN | FINDING_OUT, .families = FINDING_IP4};
	char path[] = "/proc/sys/net/ipv4/ip_forward_use_pmtu";
	int value = read_number(s, &s->use_pmtu_fd, path), err = 0;

	if (value < 0)
		return value;
	if (value)
		findings_add(&s->next, &ip4, "sysctl: net.ipv4.ip_forward_use_pmtu");
	for (unsigned i = 0; i < s->interfaces->n && !err; i++)
		err = read_interface(s, &s->interfaces->at[i]);
	return err;
}

void sysctl_open(struct sysctl *s, int netns_fd, struct policy_interfaces *interfaces)
{
	memset(s, 0, sizeof(*s));
	s->netns_fd = netns_fd;
	s->interfaces = interfaces;
	s->use_pmtu_fd = -1;
	findings_unread(&s->now, POLICY_SYSCTL);
}

void sysctl_close(struct sysctl *s)
{
	if (s->use_pmtu_fd >= 0)
		close(s->use_pmtu_fd);
	findings_fini(&s->now);
	findings_fini(&s->next);
}

void sysctl_poll(struct sysctl *s)
{
	int err;

	findings_clear(&s->next);
	err = read_all(s);
	s->is_complete = true;
	if (err) {
		findings_unreadable(&s->now, POLICY_SYSCTL, err);
		return;
	}
	findings_swap(&s->now, &s->next);
}
