// SPDX-License-Identifier: BSD-3-Clause
// Prints what control/policy says of interfaces, whenever it changes:
//
//	policy_watch [--ignore KIND]... IFNAME...
//
// prints "IFNAME in|out 4|6 REASON" ("all" for all interfaces, "-" for no reason), once for
// each at the start, and "complete" when everything was read. SIGUSR1: "stats ..." follows.
#include "control/policy/policy.h"

#include <errno.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "control/loop.h"

#define MAX_INTERFACES 2000

static struct policy *policy;
static struct loop *loop;
static bool is_complete;

static struct watched {
	int ifindex;
	char name[IFNAMSIZ];
	char told[2][2][POLICY_REASON_SIZE];
} watched[MAX_INTERFACES + 1] = {{.name = "all"}};
static int n_watched = 1;

static void print(struct watched *w, bool is_first)
{
	for (int d = 0; d < 2; d++) {
		for (int f = 0; f < 2; f++) {
			int family = f ? AF_INET6 : AF_INET;
			const char *reason = d ? policy_out(policy, w->ifindex, family)
					       : policy_in(policy, w->ifindex, family);

			if (!is_first && !strcmp(w->told[d][f], reason))
				continue;
			snprintf(w->told[d][f], POLICY_REASON_SIZE, "%s", reason);
			printf("%s %s %d %s\n", w->name, d ? "out" : "in", f ? 6 : 4,
				reason[0] ? reason : "-");
		}
	}
	fflush(stdout);
}

static void changed(void *arg, int ifindex)
{
	for (int i = 0; i < n_watched; i++)
		if (watched[i].ifindex == ifindex)
			print(&watched[i], false);
}

static void look_whether_complete(void)
{
	if (!is_complete && policy_is_complete(policy)) {
		is_complete = true;
		printf("complete\n");
		fflush(stdout);
	}
}

static void on_readable(struct loop_io *io, uint32_t events)
{
	policy_on_readable(policy);
	look_whether_complete();
}

static void on_signal(void *arg, int signo)
{
	struct policy_stats s;

	policy_stats(policy, &s);
	printf("stats polls %llu dumps %llu resyncs %llu last_poll_us %llu max_poll_us %llu\n",
		(unsigned long long)s.polls, (unsigned long long)s.dumps,
		(unsigned long long)s.resyncs, (unsigned long long)s.last_poll_ns / 1000,
		(unsigned long long)s.max_poll_ns / 1000);
	fflush(stdout);
}

static void die(const char *what, int err)
{
	fprintf(stderr, "policy_watch: %s: %s\n", what, strerror(-err));
	exit(1);
}

int main(int argc, char **argv)
{
	struct policy_config config = {.netns_fd = -1, .changed = changed};
	struct loop_io io = {.ready = on_readable};
	uint32_t ignored = 0;
	int err, kind;

	err = loop_create(&loop);
	if (!err)
		err = loop_signal(loop, SIGUSR1, on_signal, NULL);
	if (!err)
		err = policy_create(&policy, &config);
	if (err)
		die("cannot start", err);
	for (int i = 1; i < argc; i++) {
		struct watched *w = &watched[n_watched];

		if (!strcmp(argv[i], "--ignore") && i + 1 < argc) {
			kind = policy_kind_by_name(argv[++i]);
			if (kind < 0)
				die(argv[i], kind);
			ignored |= 1u << kind;
			continue;
		}
		w->ifindex = (int)if_nametoindex(argv[i]);
		err = w->ifindex && n_watched < MAX_INTERFACES ? policy_watch(policy, w->ifindex)
							       : -ENODEV;
		if (err)
			die(argv[i], err);
		snprintf(w->name, sizeof(w->name), "%s", argv[i]);
		n_watched++;
	}
	policy_set_ignored(policy, ignored);
	for (int i = 0; i < n_watched; i++)
		print(&watched[i], true);
	io.fd = policy_fd(policy);
	err = loop_watch(loop, &io, EPOLLIN);
	if (err)
		die("cannot watch", err);
	err = loop_run(loop);
	policy_destroy(policy);
	loop_destroy(loop);
	return err ? 1 : 0;
}
