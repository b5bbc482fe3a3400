// SPDX-License-Identifier: BSD-3-Clause
// Crash state. A list in memory, and its image in a file that is replaced by rename(): a reader,
// that is the next daemon, sees the old or the new list whole, whenever we are killed.
#include "control/state.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "control/netlink/netdev.h"

#define VERSION       1
#define MAX_FILE_SIZE (16u << 20)
#define BOOT_ID_SIZE  40

struct item {
	struct item *next;
	struct state_entry entry;
	bool leftover; // of a killed daemon, not claimed yet
};

struct state {
	char path[PATH_MAX - 8];
	char boot[BOOT_ID_SIZE]; // what was noted before the last boot means nothing
	struct item *items;
	unsigned held;
	bool changed; // since the file was written
};

static const char *const kind_names[] = {[STATE_GUARD] = "guard", [STATE_VETH] = "veth"};

static bool same(const struct state_entry *a, const struct state_entry *b)
{
	return a->kind == b->kind && !strcmp(a->netns, b->netns) && !strcmp(a->ifname, b->ifname);
}

static struct item **find(const struct state *s, const struct state_entry *e)
{
	struct item **at = (struct item **)&s->items;

	while (*at && !same(&(*at)->entry, e))
		at = &(*at)->next;
	return at;
}

// -- writing ------------------------------------------------------------------------

static json_t *image(const struct state *s)
{
	json_t *list = json_array(), *entry;

	for (const struct item *i = s->items; i; i = i->next) {
		const struct state_entry *e = &i->entry;

		// jansson takes UTF-8 only; a path of other bytes is kept as far as it is that.
		entry = json_pack("{s:s, s:s, s:s, s:s, s:i}", "kind", kind_names[e->kind], "port",
			e->port, "netns", e->netns, "ifname", e->ifname, "ifindex", e->ifindex);
		if (!entry || json_array_append_new(list, entry) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return json_pack("{s:i, s:s, s:o}", "version", VERSION, "boot", s->boot, "changes", list);
}

static int write_file(const struct state *s, const char *path)
{
	json_t *json = image(s);
	int fd, err = 0;

	if (!json)
		return -ENOMEM;
	unlink(path); // of one who was killed here
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		err = -errno;
	} else {
		errno = 0;
		if (json_dumpfd(json, fd, JSON_INDENT(1)) < 0)
			err = errno ? -errno : -EIO;
		if (close(fd) < 0 && !err)
			err = -errno;
	}
	json_decref(json);
	return err;
}

static int save(struct state *s, char *error)
{
	char beside[PATH_MAX];
	int err;

	if (s->held || !s->changed)
		return 0;
	snprintf(beside, sizeof(beside), "%s.tmp", s->path);
	err = write_file(s, beside);
	if (!err && rename(beside, s->path) < 0)
		err = -errno;
	if (err) {
		unlink(beside);
		return error_say(error, err, "Cannot write '%s': %s.", s->path, strerror(-err));
	}
	s->changed = false;
	return 0;
}

// -- reading ------------------------------------------------------------------------

static bool get_text(const json_t *object, const char *key, char *out, size_t size)
{
	const char *text = json_string_value(json_object_get(object, key));

	if (!text || strlen(text) >= size)
		return false;
	memset(out, 0, size);
	memcpy(out, text, strlen(text));
	return true;
}

static bool get_entry(const json_t *object, struct state_entry *out)
{
	const char *kind = json_string_value(json_object_get(object, "kind"));
	json_int_t ifindex = json_integer_value(json_object_get(object, "ifindex"));

	memset(out, 0, sizeof(*out));
	if (kind && !strcmp(kind, kind_names[STATE_GUARD]))
		out->kind = STATE_GUARD;
	else if (kind && !strcmp(kind, kind_names[STATE_VETH]))
		out->kind = STATE_VETH;
	else
		return false;
	out->ifindex = ifindex > 0 && ifindex <= INT_MAX ? (int)ifindex : 0;
	return get_text(object, "port", out->port, sizeof(out->port)) &&
	       get_text(object, "netns", out->netns, sizeof(out->netns)) &&
	       get_text(object, "ifname", out->ifname, sizeof(out->ifname)) &&
	       netdev_name_valid(out->ifname);
}

static int append(struct state *s, const struct state_entry *e, bool leftover)
{
	struct item **at = find(s, e);

	if (!*at && !(*at = mem_zalloc(sizeof(**at), 0)))
		return -ENOMEM;
	(*at)->entry = *e;
	(*at)->leftover = leftover;
	return 0;
}

// 0, -ENOENT, -EBADMSG, -ENOMEM.
static int read_file(struct state *s)
{
	int fd = open(s->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct state_entry entry;
	const json_t *list, *object;
	const char *boot;
	struct stat st;
	json_t *json;
	int err = 0;
	size_t i;

	if (fd < 0)
		return errno == ENOENT ? -ENOENT : -EBADMSG;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > MAX_FILE_SIZE) {
		close(fd);
		return -EBADMSG;
	}
	json = json_loadfd(fd, JSON_REJECT_DUPLICATES, NULL);
	close(fd);
	list = json_object_get(json, "changes");
	boot = json_string_value(json_object_get(json, "boot"));
	if (json_integer_value(json_object_get(json, "version")) != VERSION || !boot ||
		!json_is_array(list))
		err = -EBADMSG;
	else if (strcmp(boot, s->boot) == 0)
		json_array_foreach(list, i, object)
		{
			if (!get_entry(object, &entry))
				log_warn("'%s': entry %zu makes no sense: ignored", s->path, i);
			else if ((err = append(s, &entry, true)))
				break;
		}
	json_decref(json);
	return err;
}

static void set_aside(const struct state *s)
{
	char bad[PATH_MAX];

	snprintf(bad, sizeof(bad), "%s.bad", s->path);
	log_warn("'%s' is damaged: put aside as '%s'; what a killed daemon left is not undone",
		s->path, bad);
	rename(s->path, bad);
}

static void read_boot_id(struct state *s)
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, s->boot, sizeof(s->boot) - 1);

	if (fd >= 0)
		close(fd);
	s->boot[n > 0 ? n : 0] = 0;
	s->boot[strcspn(s->boot, "\n")] = 0;
}

// -- the interface --------------------------------------------------------------------

int state_open(struct state **out, const char *path, char *error)
{
	struct state *s;
	int err;

	if (strlen(path) >= sizeof(s->path))
		return error_say(error, -ENAMETOOLONG, "The path of the state file is too long.");
	s = mem_zalloc(sizeof(*s), 0);
	if (!s)
		return error_say(error, -ENOMEM, "No memory for the state file.");
	memcpy(s->path, path, strlen(path));
	read_boot_id(s);
	err = read_file(s);
	if (err == -EBADMSG) {
		set_aside(s);
	} else if (err && err != -ENOENT) {
		error_say(error, err, "Cannot read '%s': %s.", path, strerror(-err));
		goto fail;
	}
	s->changed = true;
	err = save(s, error); // now is the time to learn that it cannot be written
	if (err)
		goto fail;
	*out = s;
	return 0;

fail:
	state_close(s);
	return err;
}

void state_close(struct state *s)
{
	struct item *next;

	if (!s)
		return;
	s->held = 0;
	if (!s->items)
		unlink(s->path);
	else if (save(s, NULL))
		log_warn("cannot write '%s'", s->path);
	for (struct item *i = s->items; i; i = next) {
		next = i->next;
		mem_free(i);
	}
	mem_free(s);
}

int state_add(struct state *s, const struct state_entry *e, char *error)
{
	struct item **at = find(s, e), *added = *at;
	struct item before = {0};
	int err;

	if (added)
		before = *added;
	if (append(s, e, false))
		return error_say(
			error, -ENOMEM, "No memory to note what port '%s' changes.", e->port);
	added = *at;
	s->changed |= memcmp(&added->entry, &before.entry, sizeof(*e)) != 0;
	err = save(s, error);
	if (!err)
		return 0;
	if (before.entry.ifname[0]) {
		before.next = added->next;
		*added = before;
	} else {
		*at = added->next;
		mem_free(added);
	}
	return err;
}

int state_remove(struct state *s, const struct state_entry *e)
{
	struct item **at = find(s, e), *gone = *at;

	if (!gone)
		return 0;
	*at = gone->next;
	mem_free(gone);
	s->changed = true;
	return save(s, NULL);
}

void state_hold(struct state *s)
{
	s->held++;
}

int state_release(struct state *s, char *error)
{
	s->held--;
	return save(s, error);
}

bool state_has(const struct state *s, const struct state_entry *e)
{
	return *find(s, e) != NULL;
}

size_t state_n_leftovers(const struct state *s)
{
	size_t n = 0;

	for (const struct item *i = s->items; i; i = i->next)
		n += i->leftover;
	return n;
}

int state_undo_leftovers(
	struct state *s, int (*visit)(const struct state_entry *, void *arg), void *arg)
{
	struct item **at = &s->items, *i;
	int remain = 0;

	state_hold(s);
	while ((i = *at)) {
		if (!i->leftover || visit(&i->entry, arg) != 0) {
			remain += i->leftover;
			at = &i->next;
			continue;
		}
		*at = i->next;
		mem_free(i);
		s->changed = true;
	}
	if (state_release(s, NULL))
		log_warn("cannot write '%s'", s->path);
	return remain;
}
