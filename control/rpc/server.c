// SPDX-License-Identifier: BSD-3-Clause
// Policy over the clients: who is let in, who may write, whose turn it is, who has to go.
#include "control/rpc/server.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "control/rpc/client.h"
#include "control/rpc/listen.h"
#include "schemas/rpc_gen.h"

#define ACCEPT_PER_TURN 16
#define TURN_NS         (2 * NS_PER_MS)
#define BIG_LINE        16384u // messages of longer lines are opened one at a time
#define SLOW_READER_NS  (10 * NS_PER_SEC)
#define HALF_LINE_NS    (30 * NS_PER_SEC)
#define HANG_UP_NS      (1 * NS_PER_SEC)

struct rpc_server {
	struct loop *loop;
	struct rpc_listener listener;
	struct loop_io io; // the listening socket
	struct loop_job work;
	struct loop_timer sweep;
	struct rpc_client *clients;    // newest first
	struct rpc_client *big;        // whose big message is in work
	struct rpc_client *next_ready; // where the round goes on
	bool has_group;
	gid_t group;
	void *ctx;
	uint32_t max_clients;
	size_t max_buffers;
	struct rpc_server_stats stats;
};

// -- letting in -----------------------------------------------------------------

static bool in_group(int fd, gid_t primary, gid_t wanted)
{
	gid_t groups[256], *all = groups;
	socklen_t size = sizeof(groups);
	bool found = primary == wanted;

	if (found)
		return true;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size)) {
		if (errno != ERANGE) // `size` now says how much it takes
			return false;
		all = mem_zalloc(size, 0);
		if (!all || getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, all, &size))
			size = 0;
	}
	for (size_t i = 0; i < size / sizeof(gid_t); i++)
		found |= all[i] == wanted;
	if (all != groups)
		mem_free(all);
	return found;
}

static int read_peer(const struct rpc_server *s, int fd, struct rpc_peer *peer)
{
	struct ucred cred;
	socklen_t size = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size))
		return -errno;
	peer->pid = cred.pid;
	peer->uid = cred.uid;
	peer->gid = cred.gid;
	peer->may_write = cred.uid == 0 || cred.uid == geteuid() ||
			  (s->has_group && in_group(fd, cred.gid, s->group));
	return 0;
}

static void client_close(struct rpc_server *s, struct rpc_client *c)
{
	s->stats.buffered -= rpc_client_memory(c);
	if (s->big == c)
		s->big = NULL;
	if (s->next_ready == c)
		s->next_ready = c->next;
	*c->prev = c->next;
	if (c->next)
		c->next->prev = c->prev;
	s->stats.n_clients--;
	rpc_client_fini(c);
	mem_free(c);
}

// The one to give way to a newcomer: idle, never asked anything if possible, longest.
static struct rpc_client *find_idlest(const struct rpc_server *s)
{
	struct rpc_client *best = NULL;

	for (struct rpc_client *c = s->clients; c; c = c->next) {
		if (!rpc_client_idle(c))
			continue;
		if (!best || !c->n_calls > !best->n_calls ||
			(!c->n_calls == !best->n_calls && c->active_ns <= best->active_ns))
			best = c;
	}
	return best;
}

static bool make_room(struct rpc_server *s)
{
	struct rpc_client *idlest = find_idlest(s);

	if (!idlest)
		return false;
	client_close(s, idlest);
	s->stats.n_evicted++;
	return true;
}

static void refuse_newcomer(struct rpc_server *s, int fd)
{
	static const char line[] =
		"{\"jsonrpc\":\"2.0\",\"error\":{\"code\":3,\"message\":\"Too many clients are "
		"being served; try again\"},\"id\":null}\n";

	if (send(fd, line, sizeof(line) - 1, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
		// It will see the end of the stream.
	}
	close(fd);
	s->stats.n_refused++;
}

static void client_ready(struct loop_io *io, uint32_t events);

static void add_client(struct rpc_server *s, int fd)
{
	struct rpc_client *c;

	if (s->stats.n_clients >= s->max_clients && !make_room(s)) {
		refuse_newcomer(s, fd);
		return;
	}
	c = mem_zalloc(sizeof(*c), 0);
	if (!c || read_peer(s, fd, &c->peer)) {
		mem_free(c);
		refuse_newcomer(s, fd);
		return;
	}
	c->io.fd = fd;
	c->io.ready = client_ready;
	c->loop = s->loop;
	c->server = s;
	c->active_ns = clock_now_ns();
	c->next = s->clients;
	c->prev = &s->clients;
	if (c->next)
		c->next->prev = &c->next;
	s->clients = c;
	s->stats.n_clients++;
	s->stats.n_accepted++;
	rpc_client_watch(c);
	if (!c->io.watched)
		client_close(s, c);
}

static void accept_ready(struct loop_io *io, uint32_t events)
{
	struct rpc_server *s = container_of(io, struct rpc_server, io);

	for (int i = 0; i < ACCEPT_PER_TURN; i++) {
		int fd = accept4(io->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			add_client(s, fd);
			continue;
		}
		if (errno == EINTR || errno == ECONNABORTED)
			continue;
		// No descriptor left: the listening socket stays readable, so look away
		// until the next sweep rather than spin.
		if (errno != EAGAIN && !((errno == EMFILE || errno == ENFILE) && make_room(s)))
			loop_unwatch(s->loop, io);
		return;
	}
}

// -- serving --------------------------------------------------------------------

// Hang up whoever holds most, until the limit is kept.
static void bound_buffers(struct rpc_server *s)
{
	while (s->stats.buffered > s->max_buffers) {
		struct rpc_client *largest = s->clients;

		for (struct rpc_client *c = s->clients; c; c = c->next) {
			if (rpc_client_memory(c) > rpc_client_memory(largest))
				largest = c;
		}
		log_warn("RPC client of user %u, process %d, is hung up: it holds %zu of %zu "
			 "bytes of buffers",
			(unsigned)largest->peer.uid, largest->peer.pid, rpc_client_memory(largest),
			s->stats.buffered);
		client_close(s, largest);
		s->stats.n_hung_up++;
	}
}

// After a client was read, stepped or written: account, go on or let go. The
// client may be gone after this.
static void client_settle(struct rpc_server *s, struct rpc_client *c, size_t before, bool alive)
{
	bool done = c->eof && rpc_client_idle(c);

	s->stats.buffered += rpc_client_memory(c) - before;
	if (s->big == c && !c->in_call)
		s->big = NULL;
	if (!alive || done) {
		client_close(s, c);
		return;
	}
	if (rpc_client_ready(c))
		loop_job_start(s->loop, &s->work);
	rpc_client_watch(c);
	bound_buffers(s);
}

static void client_ready(struct loop_io *io, uint32_t events)
{
	struct rpc_client *c = container_of(io, struct rpc_client, io);
	size_t before = rpc_client_memory(c);
	bool alive = true;

	if (events & EPOLLOUT)
		alive = rpc_client_write(c);
	if (alive && (events & EPOLLIN))
		alive = rpc_client_read(c);
	// Both directions closed: nobody is there to read a reply.
	if (events & (EPOLLHUP | EPOLLERR) && !(events & EPOLLIN))
		alive = false;
	client_settle(c->server, c, before, alive);
}

static bool may_step(const struct rpc_server *s, const struct rpc_client *c)
{
	bool opens_big = !c->in_call && c->line_size > BIG_LINE;

	return rpc_client_ready(c) && (!opens_big || !s->big);
}

// One call for each client that has one, as far as the time of a turn goes.
static bool work_step(struct loop_job *job)
{
	struct rpc_server *s = container_of(job, struct rpc_server, work);
	uint64_t until = clock_now_ns() + TURN_NS;
	bool more = false;

	if (!s->next_ready)
		s->next_ready = s->clients;
	while (s->next_ready) {
		struct rpc_client *c = s->next_ready;
		size_t before = rpc_client_memory(c);
		bool alive;

		s->next_ready = c->next;
		if (!may_step(s, c))
			continue;
		if (!c->in_call && c->line_size > BIG_LINE)
			s->big = c;
		alive = rpc_client_step(c, s->ctx);
		client_settle(s, c, before, alive);
		if (clock_now_ns() >= until)
			return true;
	}
	for (struct rpc_client *c = s->clients; c && !more; c = c->next)
		more = may_step(s, c);
	return more;
}

// -- letting go -----------------------------------------------------------------

static const char *overdue(const struct rpc_client *c, uint64_t now)
{
	uint64_t quiet = now - c->active_ns;

	if (c->hanging_up)
		return quiet > HANG_UP_NS ? "" : NULL;
	if (c->out.start != c->out.end)
		return quiet > SLOW_READER_NS ? "it does not read its replies" : NULL;
	if (!c->has_line && !c->in_call && c->in.start != c->in.end)
		return quiet > HALF_LINE_NS ? "it left a line unfinished" : NULL;
	return NULL;
}

static void sweep_fire(struct loop_timer *timer)
{
	struct rpc_server *s = container_of(timer, struct rpc_server, sweep);
	uint64_t now = clock_now_ns();
	struct rpc_client *next;

	for (struct rpc_client *c = s->clients; c; c = next) {
		const char *why = overdue(c, now);

		next = c->next;
		if (!why)
			continue;
		if (*why)
			log_warn("RPC client of user %u, process %d, is hung up: %s",
				(unsigned)c->peer.uid, c->peer.pid, why);
		client_close(s, c);
		s->stats.n_hung_up++;
	}
	if (!s->io.watched)
		loop_watch(s->loop, &s->io, EPOLLIN);
	loop_timer_set(s->loop, timer, NS_PER_SEC);
}

// -- start and end ----------------------------------------------------------------

static int find_group(struct rpc_server *s, const char *name, char *why, size_t why_size)
{
	struct group *group = getgrnam(name ? name : RPC_GROUP);

	if (group) {
		s->has_group = true;
		s->group = group->gr_gid;
		return 0;
	}
	if (!name)
		return 0;
	snprintf(why, why_size, "There is no group '%s' for the operators", name);
	return -ENOENT;
}

int rpc_server_create(struct rpc_server **out, struct loop *loop,
	const struct rpc_server_config *config, char *why, size_t why_size)
{
	struct rpc_server *s = mem_zalloc(sizeof(*s), 0);
	int err;

	snprintf(why, why_size, "There is no memory for the RPC server");
	if (!s)
		return -ENOMEM;
	s->loop = loop;
	s->ctx = config->ctx;
	s->max_clients = config->max_clients ? config->max_clients : 256;
	s->max_buffers = config->max_buffers ? config->max_buffers : (size_t)64 << 20;
	s->work.step = work_step;
	s->sweep.fire = sweep_fire;
	err = find_group(s, config->group, why, why_size);
	if (err)
		goto free_server;
	err = rpc_listen(
		&s->listener, config->path ? config->path : RPC_SOCKET_PATH, why, why_size);
	if (err)
		goto free_server;
	s->io.fd = s->listener.fd;
	s->io.ready = accept_ready;
	err = loop_watch(loop, &s->io, EPOLLIN);
	if (err) {
		snprintf(why, why_size, "The control socket cannot be watched: %s", strerror(-err));
		goto unlisten;
	}
	loop_timer_set(loop, &s->sweep, NS_PER_SEC);
	*out = s;
	return 0;
unlisten:
	rpc_unlisten(&s->listener);
free_server:
	mem_free(s);
	return err;
}

void rpc_server_destroy(struct rpc_server *s)
{
	if (!s)
		return;
	while (s->clients)
		client_close(s, s->clients);
	loop_job_cancel(s->loop, &s->work);
	loop_timer_cancel(s->loop, &s->sweep);
	loop_unwatch(s->loop, &s->io);
	rpc_unlisten(&s->listener);
	mem_free(s);
}

void rpc_server_stats(const struct rpc_server *s, struct rpc_server_stats *out)
{
	*out = s->stats;
}
