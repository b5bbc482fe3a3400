// SPDX-License-Identifier: BSD-3-Clause
// Bytes in, lines, calls, bytes out. A client with a line waiting is not read
// from: what it sends meanwhile waits in the kernel's buffer, and it with it.
#include "control/rpc/client.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "schemas/rpc_gen.h"

#define READ_SIZE  65536u  // per turn
#define KEEP_SIZE  65536u  // a buffer that was larger is given back when empty
#define OUT_ENOUGH 262144u // replies unsent at which no further call is made

// -- buffers ------------------------------------------------------------------

static size_t buffer_held(const struct rpc_buffer *b)
{
	return b->end - b->start;
}

// Room for `size` more bytes at the end.
static bool buffer_reserve(struct rpc_buffer *b, size_t size)
{
	size_t held = buffer_held(b), cap = MAX(b->cap, (size_t)4096);
	char *data;

	if (b->cap - b->end >= size)
		return true;
	if (b->cap - held >= size && b->start >= b->cap / 2) {
		memmove(b->data, b->data + b->start, held);
		b->start = 0;
		b->end = held;
		return true;
	}
	while (cap < held + size)
		cap *= 2;
	data = mem_zalloc(cap, 0);
	if (!data)
		return false;
	if (held)
		memcpy(data, b->data + b->start, held);
	mem_free(b->data);
	*b = (struct rpc_buffer){.data = data, .end = held, .cap = cap};
	return true;
}

static void buffer_consume(struct rpc_buffer *b, size_t size)
{
	b->start += size;
	if (b->start < b->end)
		return;
	b->start = b->end = 0;
	if (b->cap > KEEP_SIZE) {
		mem_free(b->data);
		*b = (struct rpc_buffer){0};
	}
}

static bool buffer_append(struct rpc_buffer *b, const char *data, size_t size)
{
	if (!buffer_reserve(b, size))
		return false;
	memcpy(b->data + b->end, data, size);
	b->end += size;
	return true;
}

// -- lines --------------------------------------------------------------------

bool rpc_client_refuse(struct rpc_client *c, int code, const char *sentence)
{
	char line[512];
	int n = snprintf(line, sizeof(line),
		"{\"jsonrpc\":\"2.0\",\"error\":{\"code\":%d,\"message\":\"%s\"},\"id\":null}\n",
		code, sentence);

	c->hanging_up = true;
	c->has_line = false;
	buffer_consume(&c->in, buffer_held(&c->in));
	c->scanned = 0;
	return buffer_append(&c->out, line, (size_t)n) && rpc_client_write(c);
}

// Look for a whole line in what came. The end of the stream ends a line too.
static bool find_line(struct rpc_client *c)
{
	const char *from = c->in.data + c->in.start + c->scanned, *newline;
	size_t left = buffer_held(&c->in) - c->scanned;
	char sentence[64];

	newline = left ? memchr(from, '\n', left) : NULL;
	if (newline) {
		c->line_size = c->scanned + (size_t)(newline - from);
		c->has_line = c->line_size <= RPC_MAX_LINE;
	} else {
		c->scanned += left;
		c->line_size = c->scanned;
		c->has_line = c->eof && c->scanned && c->scanned <= RPC_MAX_LINE;
	}
	if (c->line_size <= RPC_MAX_LINE)
		return true;
	snprintf(sentence, sizeof(sentence), "A line may be at most %u bytes long", RPC_MAX_LINE);
	return rpc_client_refuse(c, RPC_PARSE_ERROR, sentence);
}

static void take_line(struct rpc_client *c)
{
	rpc_message_open(&c->msg, c->in.data + c->in.start, c->line_size);
	c->in_call = true;
	// At the end of the stream the newline may be missing.
	buffer_consume(&c->in, MIN(c->line_size + 1, buffer_held(&c->in)));
	c->scanned = 0;
	c->has_line = false;
}

bool rpc_client_ready(const struct rpc_client *c)
{
	// A call begun is ended: a slow reader must not keep a big message open.
	return !c->hanging_up && (c->in_call || (c->has_line && buffer_held(&c->out) < OUT_ENOUGH));
}

bool rpc_client_step(struct rpc_client *c, void *ctx)
{
	bool alive;

	if (!c->in_call)
		take_line(c);
	if (rpc_message_step(&c->msg, &c->peer, ctx))
		return true;
	alive = !c->msg.broken;
	if (alive && c->msg.reply_size)
		alive = buffer_append(&c->out, c->msg.reply, c->msg.reply_size) &&
			buffer_append(&c->out, "\n", 1);
	rpc_message_close(&c->msg);
	c->in_call = false;
	c->n_calls++;
	c->active_ns = clock_now_ns();
	return alive && rpc_client_write(c) && find_line(c);
}

// -- bytes --------------------------------------------------------------------

// After the last word: everything that still comes is thrown away, so that the
// peer gets to read the error instead of "connection reset".
static bool discard(struct rpc_client *c)
{
	char waste[READ_SIZE];
	ssize_t n = recv(c->io.fd, waste, sizeof(waste), MSG_DONTWAIT);

	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

bool rpc_client_read(struct rpc_client *c)
{
	ssize_t n;

	if (c->hanging_up)
		return discard(c);
	if (!buffer_reserve(&c->in, READ_SIZE))
		return false;
	n = recv(c->io.fd, c->in.data + c->in.end, READ_SIZE, MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	c->active_ns = clock_now_ns();
	c->eof = !n;
	c->in.end += (size_t)n;
	return find_line(c);
}

bool rpc_client_write(struct rpc_client *c)
{
	size_t held = buffer_held(&c->out);
	ssize_t n = 0;

	if (held)
		n = send(c->io.fd, c->out.data + c->out.start, held, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	if (n > 0) {
		c->active_ns = clock_now_ns();
		buffer_consume(&c->out, (size_t)n);
	}
	if (c->hanging_up && !c->said_end && !buffer_held(&c->out)) {
		shutdown(c->io.fd, SHUT_WR);
		c->said_end = true;
	}
	return true;
}

void rpc_client_watch(struct rpc_client *c)
{
	uint32_t events = 0;

	if (buffer_held(&c->out))
		events |= EPOLLOUT;
	if (c->hanging_up || (!c->has_line && !c->in_call && !c->eof))
		events |= EPOLLIN;
	if (c->events == events)
		return;
	if (!loop_watch(c->loop, &c->io, events))
		c->events = events;
}

void rpc_client_fini(struct rpc_client *c)
{
	loop_unwatch(c->loop, &c->io);
	close(c->io.fd);
	if (c->in_call)
		rpc_message_close(&c->msg);
	mem_free(c->in.data);
	mem_free(c->out.data);
}
