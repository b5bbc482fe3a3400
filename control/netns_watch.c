// SPDX-License-Identifier: BSD-3-Clause
// Network namespaces coming and going. Nothing in the kernel announces a namespace file, so the
// hints are gathered: inotify on the directories (the file appears, is unlinked), the mount table
// (the namespace is mounted on it or taken off), and pidfds. Any hint makes all watches look
// again, which costs one stat() each. A file that is not a namespace yet is looked at again by
// a timer as well.
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <poll.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "control/netns.h"
#include "control/netns_spec.h"

#define RETRY_MIN_MS 10
#define RETRY_MAX_MS 1000

struct netns_watch {
	struct netns_watch *next;
	struct netns_monitor *monitor;
	struct netns_spec spec;
	struct netns now; // fd -1 while absent
	int pidfd;        // of spec.pid; -1 = none
	bool ended;       // the process is gone: the number may come back as another one's
	bool doubtful;    // something is there that is not a namespace, or not yet
	bool removed;     // by its owner, during a call of on_readable
	netns_watch_fn *fn;
	void *arg;
};

struct netns_monitor {
	struct netns_watch *watches;
	int epoll, inotify, mounts, timer;
	unsigned retry_ms; // present delay of the timer; 0 = not armed
	bool busy;         // inside on_readable: watches are unlinked at its end
};

static void arm(struct netns_monitor *m, unsigned ms)
{
	struct itimerspec at = {.it_value = {ms / 1000, (long)(ms % 1000) * 1000000}};

	m->retry_ms = ms;
	timerfd_settime(m->timer, 0, &at, NULL);
}

// -- one watch ----------------------------------------------------------------------

static void watch_free(struct netns_watch *w)
{
	netns_close(&w->now);
	if (w->pidfd >= 0)
		close(w->pidfd);
	mem_free(w);
}

// Hear of the file's coming and going, or of that of the nearest directory that exists.
static void watch_directory(const struct netns_monitor *m, const char *file)
{
	char path[NETNS_SPEC_SIZE];
	char *slash;

	snprintf(path, sizeof(path), "%s", file);
	while ((slash = strrchr(path, '/'))) {
		slash[slash == path] = 0;
		if (inotify_add_watch(m->inotify, path,
			    IN_CREATE | IN_DELETE | IN_MOVE | IN_DELETE_SELF | IN_ONLYDIR) >= 0 ||
			slash == path)
			return;
	}
}

static bool process_ended(struct netns_watch *w)
{
	struct pollfd p = {.fd = w->pidfd, .events = POLLIN};

	if (!w->spec.pid || w->ended)
		return w->ended;
	if (w->pidfd >= 0 && poll(&p, 1, 0) == 0)
		return false;
	if (w->pidfd >= 0)
		close(w->pidfd); // leaves the epoll set
	w->pidfd = -1;
	w->ended = true;
	return true;
}

// Opens what is there now. fd -1: no namespace.
static void watch_look(struct netns_watch *w, struct netns *found)
{
	struct stat st;
	int err;

	found->fd = -1;
	w->doubtful = false;
	if (process_ended(w) || stat(w->spec.path, &st) < 0)
		return;
	// Our descriptor keeps the old namespace alive, so an equal inode is the same one.
	if (w->now.fd >= 0 && st.st_dev == w->now.dev && st.st_ino == w->now.ino) {
		*found = w->now;
		return;
	}
	err = netns_spec_open(&w->spec, found, NULL);
	if (err) {
		found->fd = -1;
		w->doubtful = err != -ENOENT && err != -ESRCH;
	}
}

static void watch_check(struct netns_watch *w)
{
	struct netns found, old;

	if (w->now.fd < 0 && !w->spec.pid)
		watch_directory(w->monitor, w->spec.path);
	watch_look(w, &found);
	if (found.fd == w->now.fd)
		return;
	if (w->now.fd >= 0) {
		old = w->now;
		w->now.fd = -1;
		w->fn(w->arg, NETNS_GONE, &old);
		netns_close(&old);
	}
	if (w->removed) {
		netns_close(&found);
		return;
	}
	w->now = found;
	if (found.fd >= 0)
		w->fn(w->arg, NETNS_PRESENT, &w->now);
}

int netns_watch_create(struct netns_watch **out, struct netns_monitor *m, const char *spec,
	netns_watch_fn *fn, void *arg, char *error)
{
	struct netns_watch *w = mem_zalloc(sizeof(*w), 0);
	struct epoll_event ev = {.events = EPOLLIN};
	int err;

	if (!w)
		return error_say(error, -ENOMEM, "No memory to watch namespace '%s'.", spec);
	w->monitor = m;
	w->now.fd = w->pidfd = -1;
	w->fn = fn;
	w->arg = arg;
	err = netns_spec_parse(spec, &w->spec, error);
	if (err)
		goto fail;
	if (w->spec.pid) {
		w->pidfd = (int)syscall(SYS_pidfd_open, w->spec.pid, 0);
		if (w->pidfd < 0 && errno != ESRCH) {
			err = error_say(error, -errno, "Cannot watch process %d: %s.",
				(int)w->spec.pid, strerror(errno));
			goto fail;
		}
		if (w->pidfd >= 0 && epoll_ctl(m->epoll, EPOLL_CTL_ADD, w->pidfd, &ev) < 0) {
			err = error_say(error, -errno, "Cannot watch process %d: %s.",
				(int)w->spec.pid, strerror(errno));
			goto fail;
		}
	}
	// First the directory, then the look: what happens in between is heard of.
	if (!w->spec.pid)
		watch_directory(m, w->spec.path);
	watch_look(w, &w->now);
	w->next = m->watches;
	m->watches = w;
	// A change of the mount table before the caller's epoll knew our fd may be heard of by
	// nobody.
	if (!m->retry_ms)
		arm(m, RETRY_MIN_MS);
	*out = w;
	return 0;

fail:
	watch_free(w);
	return err;
}

static void sweep(struct netns_monitor *m)
{
	struct netns_watch **link = &m->watches, *w;

	while ((w = *link)) {
		if (!w->removed) {
			link = &w->next;
			continue;
		}
		*link = w->next;
		watch_free(w);
	}
}

void netns_watch_destroy(struct netns_watch *w)
{
	if (!w)
		return;
	w->removed = true;
	if (w->monitor->busy)
		netns_close(&w->now); // the namespace is not kept a moment longer
	else
		sweep(w->monitor);
}

const struct netns *netns_watch_get(const struct netns_watch *w)
{
	return w->now.fd >= 0 ? &w->now : NULL;
}

// -- all of them ----------------------------------------------------------------------

static int add(int epoll, int fd, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.fd = fd};

	return fd < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &ev) < 0 ? -errno : 0;
}

int netns_monitor_create(struct netns_monitor **out)
{
	struct netns_monitor *m = mem_zalloc(sizeof(*m), 0);
	int err;

	if (!m)
		return -ENOMEM;
	m->epoll = m->inotify = m->mounts = m->timer = -1;
	m->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (m->epoll < 0) {
		err = -errno;
		goto fail;
	}
	m->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	err = add(m->epoll, m->inotify, EPOLLIN);
	if (err)
		goto fail;
	m->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	err = add(m->epoll, m->timer, EPOLLIN);
	if (err)
		goto fail;
	m->mounts = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	err = add(m->epoll, m->mounts, EPOLLPRI);
	if (err)
		goto fail;
	*out = m;
	return 0;

fail:
	netns_monitor_destroy(m);
	return err;
}

void netns_monitor_destroy(struct netns_monitor *m)
{
	int fds[] = {m ? m->inotify : -1, m ? m->mounts : -1, m ? m->timer : -1, m ? m->epoll : -1};

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	mem_free(m);
}

int netns_monitor_fd(const struct netns_monitor *m)
{
	return m->epoll;
}

void netns_monitor_on_readable(struct netns_monitor *m)
{
	char hints[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	struct epoll_event ev[8];
	bool doubtful = false;
	uint64_t ticks;

	while (read(m->inotify, hints, sizeof(hints)) > 0)
		continue;
	while (read(m->timer, &ticks, sizeof(ticks)) > 0)
		continue;
	// The mount table tells a change once, to the first who polls it; that may have been the
	// caller's epoll. So what is reported here does not matter: look at everything.
	epoll_wait(m->epoll, ev, ARRAY_SIZE(ev), 0);

	m->busy = true;
	for (struct netns_watch *w = m->watches; w; w = w->next)
		if (!w->removed) {
			watch_check(w);
			doubtful |= w->doubtful;
		}
	m->busy = false;
	sweep(m);
	if (doubtful)
		arm(m, m->retry_ms ? MIN(m->retry_ms * 2, RETRY_MAX_MS) : RETRY_MIN_MS);
	else if (m->retry_ms)
		arm(m, 0);
}
