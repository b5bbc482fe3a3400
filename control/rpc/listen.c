// SPDX-License-Identifier: BSD-3-Clause
// A socket file tells nothing about whether somebody lives behind it; connecting
// does. The lock beside it closes the gap between asking and binding, in which two
// daemons that start at once would each remove the other's file.
#include "control/rpc/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 4096 // a crowd that connects at once must not make others fail to

static int make_directory(const char *path, char *why, size_t why_size)
{
	char dir[108];
	char *slash;

	snprintf(dir, sizeof(dir), "%s", path);
	slash = strrchr(dir, '/');
	if (!slash || slash == dir)
		return 0;
	*slash = '\0';
	if (!mkdir(dir, 0755) || errno == EEXIST)
		return 0;
	snprintf(why, why_size, "The directory %s for the control socket cannot be made: %s", dir,
		strerror(errno));
	return -errno;
}

// Whether the locked file is still the one that the path names: its last owner
// removes it before unlocking.
static bool lock_is_current(const struct rpc_listener *l)
{
	struct stat ours, there;

	return !fstat(l->lock_fd, &ours) && !stat(l->lock_path, &there) &&
	       ours.st_dev == there.st_dev && ours.st_ino == there.st_ino;
}

static int take_lock(struct rpc_listener *l, char *why, size_t why_size)
{
	char pid[16] = "";
	int err;

	for (;;) {
		l->lock_fd = open(l->lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
		if (l->lock_fd < 0) {
			err = -errno;
			snprintf(why, why_size, "The lock file %s cannot be opened: %s",
				l->lock_path, strerror(-err));
			return err;
		}
		if (flock(l->lock_fd, LOCK_EX | LOCK_NB)) {
			if (read(l->lock_fd, pid, sizeof(pid) - 1) <= 0)
				strcpy(pid, "?");
			snprintf(why, why_size,
				"Another garudad (process %d) uses the control socket %s; stop it, "
				"or give another path with --socket",
				atoi(pid), l->path);
			close(l->lock_fd);
			return -EADDRINUSE;
		}
		if (lock_is_current(l))
			break;
		close(l->lock_fd);
	}
	snprintf(pid, sizeof(pid), "%d\n", getpid());
	if (ftruncate(l->lock_fd, 0) || write(l->lock_fd, pid, strlen(pid)) < 0) {
		// The number is for the sentence above only.
	}
	return 0;
}

// Remove a socket file that nobody answers on.
static int remove_stale(
	const struct rpc_listener *l, const struct sockaddr_un *addr, char *why, size_t why_size)
{
	struct stat st;
	int fd, err;

	if (lstat(l->path, &st)) {
		if (errno == ENOENT)
			return 0;
		err = -errno;
		snprintf(why, why_size, "The control socket %s cannot be looked at: %s", l->path,
			strerror(-err));
		return err;
	}
	if (!S_ISSOCK(st.st_mode)) {
		snprintf(why, why_size,
			"%s exists and is not a socket; remove it, or give another path with "
			"--socket",
			l->path);
		return -EEXIST;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	// EAGAIN: the backlog is full, so somebody listens.
	err = connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) ? errno : 0;
	close(fd);
	if (err == ECONNREFUSED || err == ENOENT)
		return unlink(l->path) && errno != ENOENT ? -errno : 0;
	snprintf(why, why_size,
		"Another program answers on the control socket %s; stop it, or give another path "
		"with --socket",
		l->path);
	return -EADDRINUSE;
}

static int bind_and_listen(
	struct rpc_listener *l, const struct sockaddr_un *addr, char *why, size_t why_size)
{
	struct stat st;
	bool bound = false;

	l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (l->fd >= 0)
		bound = !bind(l->fd, (const struct sockaddr *)addr, sizeof(*addr));
	if (!bound || chmod(l->path, 0666) || stat(l->path, &st) || listen(l->fd, BACKLOG)) {
		int err = -errno;

		snprintf(why, why_size, "The control socket %s cannot be made: %s", l->path,
			strerror(-err));
		if (bound)
			unlink(l->path);
		return err;
	}
	l->dev = st.st_dev;
	l->ino = st.st_ino;
	return 0;
}

int rpc_listen(struct rpc_listener *l, const char *path, char *why, size_t why_size)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int err;

	memset(l, 0, sizeof(*l));
	l->fd = l->lock_fd = -1;
	snprintf(why, why_size, "The control socket cannot be made");
	if (!*path || strlen(path) >= sizeof(addr.sun_path)) {
		snprintf(why, why_size,
			"The path of the control socket must be 1 to %zu bytes long, not %zu",
			sizeof(addr.sun_path) - 1, strlen(path));
		return -ENAMETOOLONG;
	}
	strcpy(addr.sun_path, path);
	strcpy(l->path, path);
	snprintf(l->lock_path, sizeof(l->lock_path), "%s.lock", path);
	err = make_directory(path, why, why_size);
	if (err)
		return err;
	err = take_lock(l, why, why_size);
	if (err) {
		l->lock_fd = -1;
		return err;
	}
	err = remove_stale(l, &addr, why, why_size);
	if (!err)
		err = bind_and_listen(l, &addr, why, why_size);
	if (err)
		rpc_unlisten(l);
	return err;
}

void rpc_unlisten(struct rpc_listener *l)
{
	struct stat st;

	if (l->fd >= 0)
		close(l->fd);
	if (l->ino && !lstat(l->path, &st) && st.st_dev == l->dev && st.st_ino == l->ino)
		unlink(l->path);
	if (l->lock_fd >= 0) {
		unlink(l->lock_path);
		close(l->lock_fd);
	}
	l->fd = l->lock_fd = -1;
	l->ino = 0;
}
