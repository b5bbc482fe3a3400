// SPDX-License-Identifier: BSD-3-Clause
#include "control/policy/ipvs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "control/netns.h"

#define HEAD_SIZE 1024 // the heading and the first service

// Three lines of heading, then a line per service, which begins with what it is known by.
void ipvs_judge(const char *text, struct findings *out)
{
	static const char *const protocols[] = {"TCP", "UDP", "SCTP", "FWM"};

	for (const char *line = text; line; line = strchr(line, '\n')) {
		char protocol[8], service[64];

		line += *line == '\n';
		if (sscanf(line, "%7s %63s", protocol, service) != 2)
			continue;
		for (size_t i = 0; i < ARRAY_SIZE(protocols); i++) {
			if (strcmp(protocol, protocols[i]) != 0)
				continue;
			findings_add(
				out, &finding_everything, "ipvs: service %s %s", protocol, service);
			return;
		}
	}
}

static int open_services(void *arg)
{
	int fd = open("/proc/thread-self/net/ip_vs", O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int read_head(const struct ipvs *v, char *out)
{
	int fd = netns_run(v->netns_fd, open_services, NULL);
	ssize_t n;

	out[0] = 0;
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	n = read(fd, out, HEAD_SIZE - 1);
	if (n < 0) {
		n = -errno;
		close(fd);
		return (int)n;
	}
	out[n] = 0;
	close(fd);
	return 0;
}

void ipvs_open(struct ipvs *v, int netns_fd)
{
	memset(v, 0, sizeof(*v));
	v->netns_fd = netns_fd;
	findings_unread(&v->now, POLICY_IPVS);
}

void ipvs_close(struct ipvs *v)
{
	findings_fini(&v->now);
}

void ipvs_poll(struct ipvs *v)
{
	char head[HEAD_SIZE];
	int err = read_head(v, head);

	v->is_complete = true;
	if (err) {
		findings_unreadable(&v->now, POLICY_IPVS, err);
		return;
	}
	findings_clear(&v->now);
	ipvs_judge(head, &v->now);
}
