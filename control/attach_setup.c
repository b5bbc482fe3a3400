// SPDX-License-Identifier: BSD-3-Clause
// What all attachments share: the monitors of netdevs and namespaces, the retry
// timer, and the record of what a crash would leave.
#include <errno.h>
#include <sys/epoll.h>

#include "base/log.h"
#include "control/attach.h"
#include "control/container.h"
#include "control/control.h"
#include "control/guard_note.h"

static void namespaces_ready(struct loop_io *io, uint32_t what)
{
	netns_monitor_on_readable(container_of(io, struct attach, namespaces_io)->namespaces);
}

static void netdevs_ready(struct loop_io *io, uint32_t what)
{
	netdev_monitor_on_readable(container_of(io, struct attach, netdevs_io)->netdevs);
}

int attach_init(struct attach *at, struct control *c, const struct attach_config *config)
{
	char error[ERROR_TEXT_SIZE];
	int err;

	at->control = c;
	at->retry.fire = attach_retry;
	snprintf(at->instance, sizeof(at->instance), "%s", config->instance);
	if (config->state_path) {
		err = state_open(&at->state, config->state_path, error);
		if (err) {
			log_error("%s", error);
			return err;
		}
	}
	err = netns_monitor_create(&at->namespaces);
	if (!err)
		err = netdev_monitor_create(&at->netdevs, 0);
	if (err) {
		log_error("cannot watch network devices: %s", strerror(-err));
		return err;
	}
	at->namespaces_io =
		(struct loop_io){.fd = netns_monitor_fd(at->namespaces), .ready = namespaces_ready};
	at->netdevs_io =
		(struct loop_io){.fd = netdev_monitor_fd(at->netdevs), .ready = netdevs_ready};
	err = loop_watch(c->loop, &at->namespaces_io, EPOLLIN);
	if (!err)
		err = loop_watch(c->loop, &at->netdevs_io, EPOLLIN);
	loop_timer_set(c->loop, &at->retry, ATTACH_RETRY_NS);
	return err;
}

void attach_fini(struct attach *at)
{
	if (!at->control)
		return;
	loop_timer_cancel(at->control->loop, &at->retry);
	loop_unwatch(at->control->loop, &at->namespaces_io);
	loop_unwatch(at->control->loop, &at->netdevs_io);
	netdev_monitor_destroy(at->netdevs);
	netns_monitor_destroy(at->namespaces);
	state_close(at->state);
}

static int undo_leftover(const struct state_entry *e, void *arg)
{
	struct attach *at = arg;
	int err = e->kind == STATE_VETH ? container_undo(e, at->instance)
					: guard_note_remove_guard(e);

	if (err)
		log_warn("%s of port %s, left by a daemon that was killed, cannot be undone: %s",
			e->ifname, e->port, strerror(-err));
	else
		log_info("%s of port %s, left by a daemon that was killed, was undone", e->ifname,
			e->port);
	return err;
}

void attach_undo_leftovers(struct control *c)
{
	if (c->attach.state)
		state_undo_leftovers(c->attach.state, undo_leftover, &c->attach);
}

bool attach_has_leftovers(const struct control *c)
{
	return c->attach.state && state_n_leftovers(c->attach.state) > 0;
}

size_t attach_flush_learned(struct control *c, port_id_t id)
{
	return fdb_flush(
		c->fdb, &(struct fdb_filter){.port = id, .flags_mask = FDB_STATIC | FDB_STICKY});
}

bool attach_is_idle(const struct control *c)
{
	return !c->attach.closing;
}
