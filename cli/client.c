// SPDX-License-Identifier: BSD-3-Clause
#include "cli/client.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"

static int complain(const char *path, int err)
{
	if (err == ENOENT || err == ECONNREFUSED)
		fprintf(stderr,
			"garuda: no garudad answers on %s; start it (systemctl start garudad, or "
			"garudad by hand), or name its socket with --socket PATH\n",
			path);
	else if (err == EAGAIN || err == EWOULDBLOCK)
		fprintf(stderr,
			"garuda: garudad does not answer on %s within %d s; look at its log "
			"(journalctl -u garudad)\n",
			path, CLIENT_TIMEOUT_S);
	else if (err == ECONNRESET || err == EPIPE)
		fprintf(stderr, "garuda: garudad closed the connection on %s\n", path);
	else
		fprintf(stderr, "garuda: cannot talk to garudad on %s: %s\n", path, strerror(err));
	return -err;
}

int client_open(struct client *c, const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	struct timeval timeout = {.tv_sec = CLIENT_TIMEOUT_S};

	*c = (struct client){.fd = -1, .path = path};
	if (strlen(path) >= sizeof(addr.sun_path))
		return complain(path, ENAMETOOLONG);
	strcpy(addr.sun_path, path);
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return complain(path, errno);
	setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	if (connect(c->fd, (struct sockaddr *)&addr, sizeof(addr))) {
		int err = errno;

		client_close(c);
		return complain(path, err);
	}
	return 0;
}

void client_close(struct client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	mem_free(c->data);
	c->fd = -1;
	c->data = NULL;
}

static int send_all(struct client *c, const char *data, size_t size)
{
	while (size) {
		ssize_t n = send(c->fd, data, size, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EPIPE) // receive() says so, or finds the last word
			return 0;
		if (n < 0)
			return complain(c->path, errno);
		data += n;
		size -= (size_t)n;
	}
	return 0;
}

static int grow(struct client *c)
{
	size_t cap = c->cap ? c->cap * 2 : 65536;
	char *data;

	if (c->size < c->cap)
		return 0;
	data = mem_zalloc(cap, 0);
	if (!data)
		return complain(c->path, ENOMEM);
	if (c->size)
		memcpy(data, c->data, c->size);
	mem_free(c->data);
	c->data = data;
	c->cap = cap;
	return 0;
}

// One line as JSON; what follows it stays for the next time.
static int receive(struct client *c, json_t **reply)
{
	size_t scanned = 0, line;
	char *newline;

	while (!(newline = c->size > scanned ? memchr(c->data + scanned, '\n', c->size - scanned)
					     : NULL)) {
		ssize_t n;

		scanned = c->size;
		if (grow(c))
			return -ENOMEM;
		n = recv(c->fd, c->data + c->size, c->cap - c->size, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return complain(c->path, n ? errno : ECONNRESET);
		c->size += (size_t)n;
	}
	line = (size_t)(newline - c->data) + 1;
	*reply = json_loadb(c->data, line, 0, NULL);
	c->size -= line;
	memmove(c->data, c->data + line, c->size);
	return *reply ? 0 : complain(c->path, EPROTO);
}

int client_call(
	struct client *c, const char *method, json_t *params, json_t **result, json_t **error)
{
	json_t *request = json_pack("{s:s, s:i, s:s, s:O}", "jsonrpc", "2.0", "id", (int)++c->id,
		"method", method, "params", params);
	char *line = request ? json_dumps(request, JSON_COMPACT) : NULL;
	json_t *reply = NULL;
	int err;

	json_decref(request);
	if (!line)
		return complain(c->path, ENOMEM);
	err = send_all(c, line, strlen(line));
	free(line);
	if (!err)
		err = send_all(c, "\n", 1);
	if (!err)
		err = receive(c, &reply);
	if (err)
		return err;
	*result = json_incref(json_object_get(reply, "result"));
	*error = json_incref(json_object_get(reply, "error"));
	json_decref(reply);
	return *result || *error ? 0 : complain(c->path, EPROTO);
}
