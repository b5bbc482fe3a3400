// SPDX-License-Identifier: BSD-3-Clause
#include "control/policy/iptables.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <netinet/in.h>

#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "control/netns.h"

#define RETRIES 3 // a table that is being replaced

// The two descriptions are alike, and so are the numbers of the options.
static_assert(sizeof(struct iptables_table) == sizeof(struct ipt_getinfo), "");
static_assert(sizeof(struct iptables_table) == sizeof(struct ip6t_getinfo), "");
static_assert(IPT_SO_GET_INFO == IP6T_SO_GET_INFO && IPT_SO_GET_ENTRIES == IP6T_SO_GET_ENTRIES, "");
static_assert(sizeof(struct ipt_get_entries) == sizeof(struct ip6t_get_entries), "");
static_assert(IPTABLES_NAME == XT_TABLE_MAXNAMELEN && IPTABLES_HOOKS == NF_INET_NUMHOOKS, "");

static const struct {
	int domain, level;
	const char *names; // of the tables that there are
} families[2] = {
	{AF_INET, SOL_IP, "/proc/thread-self/net/ip_tables_names"},
	{AF_INET6, SOL_IPV6, "/proc/thread-self/net/ip6_tables_names"},
};

struct opening {
	struct iptables *t;
	unsigned family;
};

static int open_names(void *arg)
{
	const struct opening *o = arg;
	int fd = open(families[o->family].names, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int open_socket(void *arg)
{
	const struct opening *o = arg;
	int fd = socket(families[o->family].domain, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	return fd < 0 ? -errno : fd;
}

// The names of the tables, each followed by a newline. Size, 0 = the kernel has none of this
// family, or negative errno.
static int read_names(struct iptables *t, unsigned family, char *out, size_t size)
{
	struct opening o = {t, family};
	ssize_t n;

	if (t->names_fds[family] < 0) {
		int fd = netns_run(t->netns_fd, open_names, &o);

		if (fd < 0)
			return fd == -ENOENT ? 0 : fd;
		t->names_fds[family] = fd;
	}
	n = pread(t->names_fds[family], out, size - 1, 0);
	if (n < 0) { // the module was unloaded: the next poll opens it again
		n = -errno;
		close(t->names_fds[family]);
		t->names_fds[family] = -1;
		return (int)n;
	}
	out[n] = 0;
	return (size_t)n == size - 1 ? -E2BIG : (int)n;
}

static int get_entries(
	struct iptables *t, unsigned family, const struct iptables_table *table, const void **out)
{
	socklen_t size = (socklen_t)sizeof(struct ipt_get_entries) + table->size;
	struct ipt_get_entries *e;

	if (t->room < size) {
		mem_free(t->buffer);
		t->room = 0;
		t->buffer = mem_alloc(size, 0);
		if (!t->buffer)
			return -ENOMEM;
		t->room = size;
	}
	e = t->buffer;
	memset(e, 0, sizeof(*e));
	memcpy(e->name, table->name, sizeof(e->name));
	e->size = table->size;
	if (getsockopt(t->fds[family], families[family].level, IPT_SO_GET_ENTRIES, e, &size))
		return -errno;
	*out = e->entrytable;
	return 0;
}

static int read_table(struct iptables *t, unsigned family, const char *name, size_t name_size)
{
	struct iptables_table table;
	const void *entries = NULL;
	int err = -EAGAIN;

	for (int i = 0; i < RETRIES && err == -EAGAIN; i++) {
		socklen_t size = sizeof(table);

		memset(&table, 0, sizeof(table));
		memcpy(table.name, name, MIN(name_size, sizeof(table.name) - 1));
		if (getsockopt(
			    t->fds[family], families[family].level, IPT_SO_GET_INFO, &table, &size))
			return errno == ENOENT ? 0 : -errno; // it went meanwhile
		err = 0;
		if (iptables_needs_entries(&table) && table.size <= IPTABLES_MAX_SIZE)
			err = get_entries(t, family, &table, &entries);
	}
	if (!err)
		iptables_judge(&table, family == 1, entries, entries ? table.size : 0, &t->next);
	return err;
}

static int read_family(struct iptables *t, unsigned family)
{
	struct opening o = {t, family};
	char names[1024], *name = names, *end;
	int n = read_names(t, family, names, sizeof(names)), err;

	if (n <= 0)
		return n;
	if (t->fds[family] < 0) {
		int fd = netns_run(t->netns_fd, open_socket, &o);

		if (fd < 0)
			return fd;
		t->fds[family] = fd;
	}
	for (; (end = strchr(name, '\n')); name = end + 1) {
		err = read_table(t, family, name, (size_t)(end - name));
		if (err)
			return err;
	}
	return 0;
}

void iptables_open(struct iptables *t, int netns_fd)
{
	memset(t, 0, sizeof(*t));
	t->netns_fd = netns_fd;
	t->fds[0] = t->fds[1] = t->names_fds[0] = t->names_fds[1] = -1;
	findings_unread(&t->now, POLICY_IPTABLES);
}

void iptables_close(struct iptables *t)
{
	for (unsigned i = 0; i < 2; i++) {
		if (t->fds[i] >= 0)
			close(t->fds[i]);
		if (t->names_fds[i] >= 0)
			close(t->names_fds[i]);
	}
	mem_free(t->buffer);
	findings_fini(&t->now);
	findings_fini(&t->next);
}

void iptables_poll(struct iptables *t)
{
	int err = 0;

	findings_clear(&t->next);
	for (unsigned family = 0; family < 2 && !err; family++)
		err = read_family(t, family);
	t->is_complete = true;
	if (err) {
		findings_unreadable(&t->now, POLICY_IPTABLES, err);
		return;
	}
	findings_swap(&t->now, &t->next);
}
