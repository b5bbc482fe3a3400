// SPDX-License-Identifier: BSD-3-Clause
// Network namespaces: specifications, and working inside. Their coming and going is in
// control/netns_watch.c.
#include "control/netns.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/log.h"
#include "control/netns_spec.h"

#define OWN_PATH "/proc/thread-self/ns/net"

// A decimal number that can be a process id, or 0.
static pid_t parse_pid(const char *text, size_t size)
{
	long pid = 0;

	for (size_t i = 0; i < size; i++) {
		if (!isdigit((unsigned char)text[i]))
			return 0;
		pid = pid * 10 + (text[i] - '0');
		if (pid > INT_MAX)
			return 0;
	}
	return (pid_t)pid;
}

// The id in "/proc/PID/ns/net", or 0.
static pid_t pid_of_path(const char *path)
{
	static const char tail[] = "/ns/net";
	size_t n = strlen(path);

	if (strncmp(path, "/proc/", 6) != 0 || n <= 6 + strlen(tail) ||
		strcmp(path + n - strlen(tail), tail) != 0)
		return 0;
	return parse_pid(path + 6, n - 6 - strlen(tail));
}

int netns_check_spec(const char *spec, char *error)
{
	size_t n = spec ? strlen(spec) : 0;
	size_t max = NETNS_SPEC_SIZE - 1;

	if (n && spec[0] != '/')
		max -= sizeof(NETNS_DIR);
	if (n > max)
		return error_say(error, -EINVAL,
			"A namespace is written in at most %zu characters, not %zu: '%.32s...'.",
			max, n, spec);
	if (n == 0 || spec[0] == '/')
		return 0;
	if (strchr(spec, '/') || !strcmp(spec, ".") || !strcmp(spec, ".."))
		return error_say(error, -EINVAL,
			"'%s' is no namespace: give a name of `ip netns list`, an absolute path, "
			"or a process id.",
			spec);
	return 0;
}

int netns_spec_parse(const char *spec, struct netns_spec *out, char *error)
{
	struct stat st;
	int err = netns_check_spec(spec, error);

	if (err)
		return err;
	memset(out, 0, sizeof(*out));
	if (!spec || !*spec) {
		snprintf(out->path, sizeof(out->path), "%s", OWN_PATH);
		return 0;
	}
	snprintf(out->text, sizeof(out->text), "%s", spec);
	if (spec[0] == '/') {
		snprintf(out->path, sizeof(out->path), "%s", spec);
		out->pid = pid_of_path(spec);
		return 0;
	}
	// As `ip` reads it: a number is a process id unless there is a namespace of that name.
	snprintf(out->path, sizeof(out->path), NETNS_DIR "/%s", spec);
	out->pid = parse_pid(spec, strlen(spec));
	if (out->pid && stat(out->path, &st) == 0)
		out->pid = 0;
	if (out->pid)
		snprintf(out->path, sizeof(out->path), "/proc/%d/ns/net", (int)out->pid);
	return 0;
}

static int open_failed(const struct netns_spec *spec, int err, char *error)
{
	if (spec->pid && (err == -ENOENT || err == -ESRCH))
		return error_say(error, -ESRCH, "There is no process %d.", (int)spec->pid);
	if (err == -ENOENT && spec->text[0] == '/')
		return error_say(error, err, "There is no namespace file '%s'.", spec->text);
	if (err == -ENOENT)
		return error_say(error, err,
			"There is no network namespace '%s'; `ip netns list` shows the names.",
			spec->text);
	if (err == -EINVAL)
		return error_say(error, err,
			"'%s' is not a network namespace; `ip netns list` shows those that have "
			"names.",
			spec->text);
	return error_say(error, err, "Cannot open the network namespace '%s': %s.", spec->text,
		strerror(-err));
}

// Looks before it opens: opening a device or a FIFO has effects.
static int open_namespace(const char *path, struct netns *out)
{
	char self[64];
	struct statfs fs;
	struct stat st;
	int place, fd = -1, err;

	place = open(path, O_PATH | O_CLOEXEC);
	if (place < 0)
		return errno == ENOTDIR ? -ENOENT : -errno;
	if (fstatfs(place, &fs) < 0 || fstat(place, &st) < 0)
		goto fail_errno;
	// `ip netns add` makes an empty file first and mounts the namespace on it afterwards.
	if (fs.f_type != NSFS_MAGIC) {
		err = -EINVAL;
		goto fail;
	}
	snprintf(self, sizeof(self), "/proc/self/fd/%d", place);
	fd = open(self, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) < 0)
		goto fail_errno;
	if (ioctl(fd, NS_GET_NSTYPE) != CLONE_NEWNET) {
		err = -EINVAL;
		goto fail;
	}
	close(place);
	*out = (struct netns){.fd = fd, .dev = st.st_dev, .ino = st.st_ino};
	return 0;

fail_errno:
	err = -errno;
fail:
	if (fd >= 0)
		close(fd);
	close(place);
	return err;
}

int netns_spec_open(const struct netns_spec *spec, struct netns *out, char *error)
{
	int err = open_namespace(spec->path, out);

	return err ? open_failed(spec, err, error) : 0;
}

int netns_open(const char *text, struct netns *out, char *error)
{
	struct netns_spec spec;
	int err = netns_spec_parse(text, &spec, error);

	out->fd = -1;
	return err ? err : netns_spec_open(&spec, out, error);
}

void netns_close(struct netns *ns)
{
	if (ns->fd >= 0)
		close(ns->fd);
	ns->fd = -1;
}

bool netns_equal(const struct netns *a, const struct netns *b)
{
	return a->dev == b->dev && a->ino == b->ino;
}

bool netns_is_own(const struct netns *ns)
{
	struct stat st;

	return stat(OWN_PATH, &st) == 0 && st.st_dev == ns->dev && st.st_ino == ns->ino;
}

int netns_run(int netns_fd, int (*fn)(void *arg), void *arg)
{
	int home, result;

	if (netns_fd < 0)
		return fn(arg);
	home = open(OWN_PATH, O_RDONLY | O_CLOEXEC);
	if (home < 0)
		return -errno;
	if (setns(netns_fd, CLONE_NEWNET) < 0) {
		result = -errno;
		close(home);
		return result;
	}
	result = fn(arg);
	if (setns(home, CLONE_NEWNET) < 0) {
		log_error("cannot return to the daemon's network namespace: %s", strerror(errno));
		abort();
	}
	close(home);
	return result;
}
