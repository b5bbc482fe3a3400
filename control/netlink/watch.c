// SPDX-License-Identifier: BSD-3-Clause
// Watching netdevs. Per namespace ("space"): one socket, one table of links, the watches.
//
// Dump and notifications come through the same socket. The kernel may put a piece of a dump
// behind a notification that is newer than what the piece says; so, while a dump runs, what
// a notification said of a link stands against the dump: `told` marks such links, and removed
// ones stay in the table as `dead` until the dump is over.
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "control/netlink/link.h"
#include "control/netlink/links.h"
#include "control/netlink/netdev.h"
#include "control/netlink/rtnl.h"
#include "control/netns.h"

#ifndef RTEXT_FILTER_SKIP_STATS
#define RTEXT_FILTER_SKIP_STATS (1 << 3)
#endif

#define DEFAULT_BUFFER  (4u << 20)
#define READS_PER_CALL  4 // of up to 32 KiB each: well under a millisecond
#define SPACES_PER_CALL 8

struct netdev_watch {
	struct netdev_watch *next;
	struct space *space;
	netdev_watch_fn *fn;
	void *arg;
	char name[IFNAMSIZ]; // "" = all
	bool fresh;          // has not been told yet what is there
	bool removed;        // by its owner, during on_readable
};

struct space {
	struct space *next;
	struct netdev_monitor *monitor;
	struct netdev_watch *watches;
	struct links links;
	int fd;
	dev_t dev;
	ino_t ino;
	uint32_t port_id;    // ours, as the kernel knows the socket
	uint32_t generation; // counts dumps; also their sequence number
	bool dumping;        // an answer is under way
	bool interrupted;    // and is not all of one moment
	bool need_dump;      // another one is due
	bool synced;         // a dump was complete once
	uint64_t resyncs;
};

struct netdev_monitor {
	struct space *spaces;
	int epoll;
	int kick; // eventfd: something is to be done without anything to read
	size_t buffer;
	bool busy; // inside on_readable: nothing is unlinked before its end
};

// -- telling the watches ------------------------------------------------------------

static void tell(struct space *s, enum netdev_event event, const struct netdev *dev)
{
	for (struct netdev_watch *w = s->watches; w; w = w->next)
		if (!w->removed && !w->fresh && (!w->name[0] || !strcmp(w->name, dev->name)))
			w->fn(w->arg, event, dev);
}

static int tell_present(struct link *l, void *arg)
{
	struct netdev_watch *w = arg;

	if (l->named && !w->removed)
		w->fn(w->arg, NETDEV_NEW, &l->dev);
	return 0;
}

static void tell_fresh(struct space *s)
{
	if (!s->synced)
		return;
	for (struct netdev_watch *w = s->watches; w; w = w->next) {
		struct link *l;

		if (w->removed || !w->fresh)
			continue;
		w->fresh = false;
		if (!w->name[0])
			links_walk(&s->links, tell_present, w);
		else if ((l = links_by_name(&s->links, w->name)))
			tell_present(l, w);
	}
}

// -- the table ----------------------------------------------------------------------

// The link no longer has its name; its number may stay.
static void unname(struct space *s, struct link *l)
{
	if (!l->named)
		return;
	links_unname(&s->links, l);
	tell(s, NETDEV_GONE, &l->dev);
}

static void apply_present(struct space *s, const struct netdev *dev, bool from_dump)
{
	struct link *l = links_by_index(&s->links, dev->ifindex);
	struct link *other;

	if (from_dump && l && l->told == s->generation)
		return;
	if (!l && !(l = links_add(&s->links, dev->ifindex))) {
		log_error("no memory for netdev '%s': it stays unknown", dev->name);
		return;
	}
	l->dead = false;
	l->seen = s->generation;
	if (!from_dump)
		l->told = s->generation;
	if (l->named && !strcmp(l->dev.name, dev->name)) {
		if (memcmp(&l->dev, dev, sizeof(*dev)) != 0) {
			memcpy(&l->dev, dev, sizeof(*dev));
			tell(s, NETDEV_CHANGED, &l->dev);
		}
		return;
	}
	unname(s, l);
	// Somebody else had the name: he lost it, and the message that says so is lost or to come.
	other = links_by_name(&s->links, dev->name);
	if (other)
		unname(s, other);
	memcpy(&l->dev, dev, sizeof(*dev));
	links_name(&s->links, l);
	tell(s, NETDEV_NEW, &l->dev);
}

static void apply_removed(struct space *s, int ifindex)
{
	struct link *l = links_by_index(&s->links, ifindex);

	if (l)
		unname(s, l);
	if (!s->dumping) {
		if (l)
			links_remove(&s->links, l);
		return;
	}
	if (!l && !(l = links_add(&s->links, ifindex)))
		return;
	l->dead = true;
	l->told = s->generation;
}

static int sweep_link(struct link *l, void *arg)
{
	struct space *s = arg;

	if (!l->dead && (l->seen == s->generation || s->interrupted))
		return 0;
	unname(s, l);
	return 1;
}

// -- the socket ---------------------------------------------------------------------

static void start_dump(struct space *s)
{
	uint8_t buffer[RTNL_REQUEST_SIZE] __attribute__((aligned(MNL_ALIGNTO))) = {0};
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	struct nlmsghdr *nlh = rtnl_put_link(buffer, RTM_GETLINK, NLM_F_DUMP, 0);

	nlh->nlmsg_seq = s->generation + 1;
	mnl_attr_put_u32(nlh, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	if (sendto(s->fd, nlh, nlh->nlmsg_len, MSG_DONTWAIT, (struct sockaddr *)&kernel,
		    sizeof(kernel)) < 0) {
		log_warn("cannot ask for the list of netdevs: %s", strerror(errno));
		return; // stays due; tried again with the next message
	}
	s->generation++;
	s->dumping = true;
	s->interrupted = s->need_dump = false;
}

static void end_dump(struct space *s, int err)
{
	s->interrupted |= err != 0;
	links_sweep(&s->links, sweep_link, s);
	s->dumping = false;
	s->synced = true;
	// Changes during the dump: it may have missed a link, so none was removed for its sake.
	s->need_dump |= s->interrupted;
}

static void handle(struct space *s, const struct nlmsghdr *nlh, size_t size)
{
	struct netdev dev;
	bool from_dump =
		s->dumping && nlh->nlmsg_seq == s->generation && nlh->nlmsg_pid == s->port_id;
	int err;

	if (from_dump && (nlh->nlmsg_flags & NLM_F_DUMP_INTR))
		s->interrupted = true;
	switch (link_decode(nlh, size, &dev, &err)) {
	case LINK_PRESENT:
		apply_present(s, &dev, from_dump);
		break;
	case LINK_REMOVED:
		apply_removed(s, dev.ifindex);
		break;
	case LINK_DONE:
	case LINK_ERROR:
		if (from_dump)
			end_dump(s, err);
		break;
	case LINK_OTHER:
		break;
	}
}

static void read_space(struct space *s)
{
	static uint8_t buffer[RTNL_BUFFER_SIZE] __attribute__((aligned(MNL_ALIGNTO)));

	for (int i = 0; i < READS_PER_CALL; i++) {
		ssize_t n = rtnl_receive(s->fd, buffer, sizeof(buffer));
		const struct nlmsghdr *nlh;
		size_t length;

		if (n == -EAGAIN)
			break;
		if (n < 0) {
			// Most likely ENOBUFS: notifications were lost.
			s->resyncs++;
			s->need_dump = true;
			if (n != -ENOBUFS)
				log_warn("netdev notifications: %s", strerror((int)-n));
			continue;
		}
		for (size_t at = 0; (nlh = link_next(buffer + at, n - at, &length)); at += length)
			handle(s, nlh, n - at);
	}
	if (s->need_dump && !s->dumping)
		start_dump(s);
}

// -- spaces -------------------------------------------------------------------------

static void space_free(struct space *s)
{
	links_fini(&s->links);
	if (s->fd >= 0)
		close(s->fd);
	mem_free(s);
}

static int space_open(
	struct space **out, struct netdev_monitor *m, int netns_fd, const struct stat *st)
{
	struct space *s = mem_zalloc(sizeof(*s), 0);
	struct epoll_event ev = {.events = EPOLLIN};
	struct sockaddr_nl self = {0};
	socklen_t size = sizeof(self);
	int buffer = (int)m->buffer, err;

	if (!s)
		return -ENOMEM;
	s->monitor = m;
	s->dev = st->st_dev;
	s->ino = st->st_ino;
	s->fd = rtnl_open(netns_fd, RTMGRP_LINK, SOCK_NONBLOCK);
	if (s->fd < 0) {
		err = s->fd;
		goto fail;
	}
	if (setsockopt(s->fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof(buffer)) < 0)
		setsockopt(s->fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
	ev.data.ptr = s;
	if (getsockname(s->fd, (struct sockaddr *)&self, &size) < 0 ||
		epoll_ctl(m->epoll, EPOLL_CTL_ADD, s->fd, &ev) < 0) {
		err = -errno;
		goto fail;
	}
	s->port_id = self.nl_pid;
	start_dump(s);
	s->need_dump = !s->dumping;
	s->next = m->spaces;
	m->spaces = s;
	*out = s;
	return 0;

fail:
	space_free(s);
	return err;
}

static void sweep(struct netdev_monitor *m)
{
	struct space **sp = &m->spaces, *s;

	while ((s = *sp)) {
		struct netdev_watch **wp = &s->watches, *w;

		while ((w = *wp)) {
			if (!w->removed) {
				wp = &w->next;
				continue;
			}
			*wp = w->next;
			mem_free(w);
		}
		if (s->watches) {
			sp = &s->next;
			continue;
		}
		*sp = s->next;
		space_free(s);
	}
}

// -- the interface ------------------------------------------------------------------

int netdev_watch_create(struct netdev_watch **out, struct netdev_monitor *m, int netns_fd,
	const char *name, netdev_watch_fn *fn, void *arg)
{
	struct netdev_watch *w;
	struct space *s;
	struct stat st;
	uint64_t one = 1;
	int err;

	if (name && !netdev_name_valid(name))
		return -EINVAL;
	if (netns_fd < 0 ? stat("/proc/thread-self/ns/net", &st) : fstat(netns_fd, &st))
		return -errno;
	w = mem_zalloc(sizeof(*w), 0);
	if (!w)
		return -ENOMEM;
	for (s = m->spaces; s; s = s->next)
		if (s->dev == st.st_dev && s->ino == st.st_ino)
			break;
	if (!s) {
		err = space_open(&s, m, netns_fd, &st);
		if (err) {
			mem_free(w);
			return err;
		}
	}
	if (name)
		memcpy(w->name, name, strlen(name));
	w->space = s;
	w->fn = fn;
	w->arg = arg;
	w->fresh = true;
	w->next = s->watches;
	s->watches = w;
	if (write(m->kick, &one, sizeof(one)) < 0)
		log_warn("netdev watch: %s", strerror(errno));
	*out = w;
	return 0;
}

void netdev_watch_destroy(struct netdev_watch *w)
{
	if (!w)
		return;
	w->removed = true;
	if (!w->space->monitor->busy)
		sweep(w->space->monitor);
}

const struct netdev *netdev_watch_find(const struct netdev_watch *w, const char *name)
{
	const struct link *l = links_by_name(&w->space->links, name);

	return l ? &l->dev : NULL;
}

uint64_t netdev_watch_resyncs(const struct netdev_watch *w)
{
	return w->space->resyncs;
}

int netdev_monitor_create(struct netdev_monitor **out, size_t buffer)
{
	struct netdev_monitor *m = mem_zalloc(sizeof(*m), 0);
	struct epoll_event ev = {.events = EPOLLIN}; // no pointer: the kick
	int err;

	if (!m)
		return -ENOMEM;
	m->buffer = buffer ? buffer : DEFAULT_BUFFER;
	m->kick = -1;
	m->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (m->epoll >= 0)
		m->kick = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (m->kick < 0 || epoll_ctl(m->epoll, EPOLL_CTL_ADD, m->kick, &ev) < 0) {
		err = -errno;
		netdev_monitor_destroy(m);
		return err;
	}
	*out = m;
	return 0;
}

void netdev_monitor_destroy(struct netdev_monitor *m)
{
	if (!m)
		return;
	if (m->kick >= 0)
		close(m->kick);
	if (m->epoll >= 0)
		close(m->epoll);
	mem_free(m);
}

int netdev_monitor_fd(const struct netdev_monitor *m)
{
	return m->epoll;
}

void netdev_monitor_on_readable(struct netdev_monitor *m)
{
	struct epoll_event ev[SPACES_PER_CALL];
	int n = epoll_wait(m->epoll, ev, ARRAY_SIZE(ev), 0);
	uint64_t count;

	m->busy = true;
	for (int i = 0; i < n; i++)
		if (ev[i].data.ptr)
			read_space(ev[i].data.ptr);
		else
			(void)!read(m->kick, &count, sizeof(count));
	for (struct space *s = m->spaces; s; s = s->next)
		tell_fresh(s);
	m->busy = false;
	sweep(m);
}
