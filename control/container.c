// SPDX-License-Identifier: BSD-3-Clause
// Containers' legs: their life. The veth pair itself is made in control/container_veth.c.
#include "control/container.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "control/container_veth.h"
#include "control/netlink/netdev.h"
#include "control/state.h"

#define DEFAULT_IFNAME "eth0"

struct container {
	struct container_spec spec;
	char port[PORT_NAME_SIZE];
	char instance[256];
	bool is_veth;
	struct mac mac;
	uint32_t mtu;
	struct state *state;
	struct netns_watch *watch;
	container_fn *changed;
	void *arg;

	bool attached;
	struct veth veth;        // while attached, if is_veth
	struct state_entry note; // of that
};

int container_parse(const char *text, struct container_spec *out, char *error)
{
	const char *colon = strrchr(text, ':');
	const char *ifname = DEFAULT_IFNAME;
	size_t n = strlen(text);
	int err;

	// A colon further left belongs to a path.
	if (colon && !strchr(colon, '/')) {
		ifname = colon + 1;
		n = colon - text;
	}
	if (n == 0)
		return error_say(error, -EINVAL,
			"'%s' names no container: give NAMESPACE or PID, then :IFNAME if it is "
			"not " DEFAULT_IFNAME ".",
			text);
	if (n >= sizeof(out->netns))
		return error_say(error, -EINVAL,
			"A namespace is written in at most %d characters, not %zu: '%.32s...'.",
			NETNS_SPEC_SIZE - 1, n, text);
	memset(out, 0, sizeof(*out));
	memcpy(out->netns, text, n);
	err = netns_check_spec(out->netns, error);
	if (err)
		return err;
	if (!netdev_name_valid(ifname))
		return error_say(error, -EINVAL,
			"'%.32s' cannot be the name of an interface: at most 15 characters, no "
			"blank, '/' or ':'.",
			ifname);
	snprintf(out->ifname, sizeof(out->ifname), "%s", ifname);
	return 0;
}

static void on_namespace(void *arg, enum netns_event event, const struct netns *ns)
{
	struct container *c = arg;

	c->changed(c->arg, event == NETNS_PRESENT ? CONTAINER_PRESENT : CONTAINER_GONE);
	// Our end of a pair would keep nothing alive, but it is of no use any more.
	if (event == NETNS_GONE)
		container_detach(c);
}

int container_create(struct container **out, const struct container_config *config, char *error)
{
	struct container *c;
	int err;

	if (!mac_is_zero(config->mac) && mac_is_group(config->mac))
		return error_say(error, -EINVAL,
			"A group address cannot be an interface's own MAC address: clear the "
			"lowest bit of its first byte.");
	c = mem_zalloc(sizeof(*c), 0);
	if (!c)
		return error_say(error, -ENOMEM, "No memory for the container's leg.");
	err = container_parse(config->spec, &c->spec, error);
	if (err)
		goto fail;
	snprintf(c->port, sizeof(c->port), "%s", config->port);
	snprintf(c->instance, sizeof(c->instance), "%s", config->instance ? config->instance : "");
	c->is_veth = config->veth;
	container_set(c, config->mac, config->mtu);
	c->state = config->state;
	c->changed = config->changed;
	c->arg = config->arg;
	err = netns_watch_create(
		&c->watch, config->namespaces, c->spec.netns, on_namespace, c, error);
	if (err)
		goto fail;
	*out = c;
	return 0;

fail:
	mem_free(c);
	return err;
}

void container_set(struct container *c, struct mac mac, uint32_t mtu)
{
	c->mac = mac_is_zero(mac) ? container_default_mac(c->port, "inside") : mac;
	c->mtu = mtu ? mtu : 1500;
}

void container_destroy(struct container *c)
{
	if (!c)
		return;
	container_detach(c);
	netns_watch_destroy(c->watch);
	mem_free(c);
}

bool container_present(const struct container *c)
{
	return netns_watch_get(c->watch) != NULL;
}

bool container_attached(const struct container *c)
{
	return c->attached;
}

// The namespace to work in, or -errno with the sentence that says why there is none.
static int find_namespace(const struct container *c, const struct netns **out, char *error)
{
	struct netns now;
	int err;

	*out = netns_watch_get(c->watch);
	if (!*out) {
		err = netns_open(c->spec.netns, &now, error);
		if (err)
			return err;
		netns_close(&now);
		return error_say(error, -EAGAIN,
			"port %s: the namespace %s has just appeared; the port follows at once",
			c->port, c->spec.netns);
	}
	if (netns_is_own(*out))
		return error_say(error, -EINVAL,
			"port %s: %s is the network namespace of the daemon itself, not a "
			"container's; for an interface of the host give netdev",
			c->port, c->spec.netns);
	return 0;
}

static int check_name_is_free(const struct container *c, const struct netns *ns, char *error)
{
	struct netdev dev;
	int err = netdev_query(ns->fd, c->spec.ifname, &dev);

	if (err == -ENODEV)
		return 0;
	if (err)
		return error_say(error, err, "port %s: cannot look into namespace %s: %s", c->port,
			c->spec.netns, strerror(-err));
	return error_say(error, -EEXIST,
		"port %s: namespace %.64s has an interface %s already: choose another name "
		"(container %.64s:NAME), or delete it",
		c->port, c->spec.netns, c->spec.ifname, c->spec.netns);
}

// Notes the pair, then makes it: what exists is always noted.
static int attach_veth(struct container *c, const struct netns *ns, char *error)
{
	struct veth_config config = {.port = c->port,
		.instance = c->instance,
		.netns_fd = ns->fd,
		.inside = c->spec.ifname,
		.mac = c->mac,
		.mtu = c->mtu};
	int err = veth_choose_name(&config, &c->veth, error);

	if (err)
		return err;
	if (!c->veth.ifindex) {
		err = check_name_is_free(c, ns, error);
		if (err)
			return err;
	}
	c->note = (struct state_entry){.kind = STATE_VETH, .ifindex = c->veth.ifindex};
	snprintf(c->note.port, sizeof(c->note.port), "%s", c->port);
	snprintf(c->note.ifname, sizeof(c->note.ifname), "%s", c->veth.name);
	if (c->state) {
		err = state_add(c->state, &c->note, error);
		if (err)
			return err;
	}
	err = c->veth.ifindex ? veth_adopt(&config, &c->veth, error)
			      : veth_create(&config, &c->veth, error);
	if (err && c->state)
		state_remove(c->state, &c->note);
	return err;
}

int container_attach(struct container *c, char *error)
{
	const struct netns *ns;
	int err;

	if (c->attached)
		return 0;
	err = find_namespace(c, &ns, error);
	if (!err)
		err = c->is_veth ? attach_veth(c, ns, error) : check_name_is_free(c, ns, error);
	c->attached = !err;
	return err;
}

void container_detach(struct container *c)
{
	int err;

	if (!c->attached)
		return;
	c->attached = false;
	if (!c->is_veth)
		return;
	err = veth_delete(c->port, c->instance, c->veth.name);
	if (err) // stays noted: the next start tries again
		log_warn(
			"port '%s': cannot delete '%s': %s", c->port, c->veth.name, strerror(-err));
	else if (c->state)
		state_remove(c->state, &c->note);
}

int container_up(struct container *c, char *error)
{
	const struct netns *ns = netns_watch_get(c->watch);
	struct netdev dev;
	int err = ns ? netdev_query(ns->fd, c->spec.ifname, &dev) : -ENODEV;

	if (!err && c->is_veth)
		err = netdev_set_up(-1, c->veth.ifindex, true);
	if (!err && !dev.up)
		err = netdev_set_up(ns->fd, dev.ifindex, true);
	if (err)
		return error_say(error, err, "port %s: cannot bring up %s in namespace %s: %s",
			c->port, c->spec.ifname, c->spec.netns, strerror(-err));
	return 0;
}

int container_netns_fd(const struct container *c)
{
	const struct netns *ns = netns_watch_get(c->watch);

	return c->is_veth || !ns ? -1 : ns->fd;
}

const char *container_netdev(const struct container *c)
{
	return c->is_veth ? c->veth.name : c->spec.ifname;
}

struct mac container_mac(const struct container *c)
{
	return c->mac;
}

const char *container_ifname(const struct container *c)
{
	return c->spec.ifname;
}

const char *container_netns_spec(const struct container *c)
{
	return c->spec.netns;
}

int container_undo(const struct state_entry *e, const char *instance)
{
	return e->kind == STATE_VETH ? veth_delete(e->port, instance, e->ifname) : -EINVAL;
}
