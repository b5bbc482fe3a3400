// SPDX-License-Identifier: BSD-3-Clause
// Between the control thread and the one that reads. Both see `shared`, under a lock that nobody
// holds for long: control says there what it wants to know, the reader writes the reasons.
#include "control/policy/policy.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "control/policy/interfaces.h"
#include "control/policy/sources.h"

#define UNREAD "not read yet"

struct policy {
	struct policy_config config;

	// The control thread's: what was told.
	struct policy_interface all; // ifindex 0
	struct policy_interfaces told;
	uint64_t generation;
	bool is_complete;

	pthread_t reader;
	bool has_reader;
	int wake_fd, news_fd; // eventfds: for the reader, for control

	pthread_mutex_t lock;
	struct { // under the lock
		struct policy_interface all;
		struct policy_interfaces interfaces; // control adds and removes, both write
		uint32_t ignored;
		bool is_complete, is_stopping;
		struct policy_stats stats;
	} shared;

	struct sources sources; // the reader's
};

const char *policy_kind_name(enum policy_kind kind)
{
	static const char *const names[] = {
#define X(id, name, what) name,
		POLICY_KINDS(X)
#undef X
	};

	return kind < N_POLICY_KINDS ? names[kind] : "?";
}

int policy_kind_by_name(const char *name)
{
	for (int i = 0; i < N_POLICY_KINDS; i++)
		if (!strcmp(name, policy_kind_name(i)))
			return i;
	return -ENOENT;
}

static void wake(int fd)
{
	uint64_t one = 1;
	ssize_t n = write(fd, &one, sizeof(one)); // fails only when it would overflow: awake anyway

	(void)n;
}

static void put_to_rest(int fd)
{
	uint64_t count;
	ssize_t n = read(fd, &count, sizeof(count));

	(void)n;
}

// -- the reader -------------------------------------------------------------------------------

// Does what control wants. False: end.
static bool take_orders(struct policy *p)
{
	struct sources *s = &p->sources;
	bool goes_on, is_failed = false;

	pthread_mutex_lock(&p->lock);
	s->ignored = p->shared.ignored;
	goes_on = !p->shared.is_stopping;
	for (unsigned n = s->interfaces.n; n-- > 0;) {
		struct policy_interface *i = &s->interfaces.at[n], *wanted;

		wanted = policy_interface_find(&p->shared.interfaces, i->ifindex);
		if (!wanted || wanted->generation != i->generation)
			policy_interface_remove(&s->interfaces, i);
	}
	for (unsigned n = 0; n < p->shared.interfaces.n; n++) {
		const struct policy_interface *wanted = &p->shared.interfaces.at[n];

		if (!policy_interface_find(&s->interfaces, wanted->ifindex))
			is_failed |= sources_watch(s, wanted->ifindex, wanted->generation) != 0;
	}
	pthread_mutex_unlock(&p->lock);
	if (is_failed) // it stays "not read yet"
		log_error("no memory to look for policy on an interface");
	return goes_on;
}

static bool hand_on(struct policy_interface *from, struct policy_interface *to)
{
	if (!from->is_changed || !to)
		return false;
	from->is_changed = false;
	memcpy(to->reasons, from->reasons, sizeof(to->reasons));
	to->is_changed = true;
	return true;
}

static void publish(struct policy *p)
{
	struct sources *s = &p->sources;
	bool is_complete = sources_are_complete(s), is_news;

	sources_derive(s);
	pthread_mutex_lock(&p->lock);
	is_news = hand_on(&s->all, &p->shared.all);
	for (unsigned n = 0; n < s->interfaces.n; n++) {
		struct policy_interface *i = &s->interfaces.at[n], *to;

		to = i->is_changed ? policy_interface_find(&p->shared.interfaces, i->ifindex)
				   : NULL;
		if (to && to->generation == i->generation)
			is_news |= hand_on(i, to);
	}
	is_news |= is_complete && !p->shared.is_complete;
	p->shared.is_complete |= is_complete;
	p->shared.stats = s->stats;
	pthread_mutex_unlock(&p->lock);
	if (is_news)
		wake(p->news_fd);
}

static void *read_all_the_time(void *arg)
{
	struct policy *p = arg;
	uint64_t next_poll = clock_now_ns();

	pthread_setname_np(pthread_self(), "policy");
	for (;;) {
		struct pollfd fds[] = {
			{.fd = p->wake_fd, .events = POLLIN},
			{.fd = p->sources.epoll, .events = POLLIN},
		};
		uint64_t now = clock_now_ns();
		int wait_ms = now < next_poll ? (int)((next_poll - now) / NS_PER_MS) + 1 : 0;
		poll(fds, ARRAY_SIZE(fds), wait_ms);
		if (fds[0].revents)
			put_to_rest(p->wake_fd);
		if (!take_orders(p))
			return NULL;
		now = clock_now_ns();
		// What is new is not looked at by and by, but now.
		if (now >= next_poll || p->sources.has_new) {
			next_poll = now + POLICY_POLL_MS * NS_PER_MS;
			sources_poll(&p->sources);
		}
		sources_read(&p->sources);
		publish(p);
	}
}

// -- control ----------------------------------------------------------------------------------

static bool learn(struct policy_interface *told, struct policy_interface *from)
{
	if (!from->is_changed)
		return false;
	from->is_changed = false;
	if (!memcmp(told->reasons, from->reasons, sizeof(told->reasons)))
		return false;
	memcpy(told->reasons, from->reasons, sizeof(told->reasons));
	return true;
}

void policy_on_readable(struct policy *p)
{
	bool is_changed;
	int ifindex = 0;

	put_to_rest(p->news_fd);
	pthread_mutex_lock(&p->lock);
	p->is_complete = p->shared.is_complete;
	is_changed = learn(&p->all, &p->shared.all);
	for (unsigned n = 0; n < p->told.n; n++) // the two lists hold the same interfaces
		p->told.at[n].is_changed |= learn(&p->told.at[n], &p->shared.interfaces.at[n]);
	pthread_mutex_unlock(&p->lock);
	if (is_changed)
		p->config.changed(p->config.arg, 0);
	for (;;) {
		struct policy_interface *i = policy_interface_next(&p->told, ifindex);

		if (!i)
			return;
		ifindex = i->ifindex;
		if (!i->is_changed)
			continue;
		i->is_changed = false;
		p->config.changed(p->config.arg, ifindex); // may change the list
	}
}

static void say_unread(struct policy_interface *i)
{
	for (unsigned d = 0; d < 2; d++)
		for (unsigned f = 0; f < 2; f++)
			memcpy(i->reasons[d][f], UNREAD, sizeof(UNREAD));
}

int policy_watch(struct policy *p, int ifindex)
{
	int err = policy_interface_add(&p->told, ifindex);
	struct policy_interface *told, *shared;

	if (err)
		return err == -EEXIST ? 0 : err;
	told = policy_interface_find(&p->told, ifindex);
	pthread_mutex_lock(&p->lock);
	err = policy_interface_add(&p->shared.interfaces, ifindex);
	if (!err) {
		say_unread(told);
		told->generation = ++p->generation;
		shared = policy_interface_find(&p->shared.interfaces, ifindex);
		*shared = *told;
	}
	pthread_mutex_unlock(&p->lock);
	if (err)
		policy_interface_remove(&p->told, told);
	else
		wake(p->wake_fd);
	return err;
}

void policy_unwatch(struct policy *p, int ifindex)
{
	struct policy_interface *told = policy_interface_find(&p->told, ifindex);

	if (!told)
		return;
	policy_interface_remove(&p->told, told);
	pthread_mutex_lock(&p->lock);
	policy_interface_remove(
		&p->shared.interfaces, policy_interface_find(&p->shared.interfaces, ifindex));
	pthread_mutex_unlock(&p->lock);
	wake(p->wake_fd);
}

void policy_set_ignored(struct policy *p, uint32_t kinds)
{
	pthread_mutex_lock(&p->lock);
	p->shared.ignored = kinds;
	pthread_mutex_unlock(&p->lock);
	wake(p->wake_fd);
}

static const char *reason(const struct policy *p, int ifindex, unsigned direction, int family)
{
	const struct policy_interface *i =
		ifindex ? policy_interface_find(&p->told, ifindex) : &p->all;

	return i ? i->reasons[direction][family == AF_INET6] : "not watched";
}

const char *policy_in(const struct policy *p, int ifindex, int family)
{
	return reason(p, ifindex, 0, family);
}

const char *policy_out(const struct policy *p, int ifindex, int family)
{
	return reason(p, ifindex, 1, family);
}

bool policy_is_complete(const struct policy *p)
{
	return p->is_complete;
}

void policy_stats(struct policy *p, struct policy_stats *out)
{
	pthread_mutex_lock(&p->lock);
	*out = p->shared.stats;
	pthread_mutex_unlock(&p->lock);
}

int policy_fd(const struct policy *p)
{
	return p->news_fd;
}

// -- coming and going -------------------------------------------------------------------------

// The signals are the control thread's.
static int start_reader(struct policy *p)
{
	sigset_t all, before;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = -pthread_create(&p->reader, NULL, read_all_the_time, p);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	p->has_reader = !err;
	return err;
}

int policy_create(struct policy **out, const struct policy_config *config)
{
	struct policy *p = mem_zalloc(sizeof(*p), 0);
	int err;

	if (!p)
		return -ENOMEM;
	p->config = *config;
	p->wake_fd = p->news_fd = -1;
	pthread_mutex_init(&p->lock, NULL);
	say_unread(&p->all);
	say_unread(&p->shared.all);
	err = sources_open(&p->sources, config->netns_fd);
	if (err)
		goto fail;
	p->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	p->news_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (p->wake_fd < 0 || p->news_fd < 0) {
		err = -errno;
		goto fail;
	}
	err = start_reader(p);
	if (err)
		goto fail;
	*out = p;
	return 0;

fail:
	policy_destroy(p);
	return err;
}

void policy_destroy(struct policy *p)
{
	if (!p)
		return;
	if (p->has_reader) {
		pthread_mutex_lock(&p->lock);
		p->shared.is_stopping = true;
		pthread_mutex_unlock(&p->lock);
		wake(p->wake_fd);
		pthread_join(p->reader, NULL);
	}
	sources_close(&p->sources);
	policy_interfaces_fini(&p->told);
	policy_interfaces_fini(&p->shared.interfaces);
	pthread_mutex_destroy(&p->lock);
	if (p->wake_fd >= 0)
		close(p->wake_fd);
	if (p->news_fd >= 0)
		close(p->news_fd);
	mem_free(p);
}
