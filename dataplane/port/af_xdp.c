// SPDX-License-Identifier: BSD-3-Clause
// The af_xdp port: any kernel netdev by its name. One socket per receive queue,
// one XDP program per netdev, a guard behind it (guard.h). A routed port has a program
// of its own, no guard, and is not promiscuous (af_xdp_routed.h).
//
// Everything that was changed on the netdev goes with the process, but for the
// guard: the program by its link, promiscuity by its socket.
#include <errno.h>
#include <net/if.h>
#include <fcntl.h>
#include <linux/if_arp.h>
#include <linux/if_packet.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "bpf/shared.h"
#include "dataplane/port/af_xdp_admit.h"
#include "dataplane/port/af_xdp_bulk.h"
#include "dataplane/port/af_xdp_routed.h"
#include "dataplane/port/af_xdp_socket.h"
#include "dataplane/port/af_xdp_worker.h"
#include "dataplane/port/guard.h"
#include "dataplane/port/kinds.h"
#include "dataplane/port/netdev.h"
#include "dataplane/port/netns.h"
#include "dataplane/port/probe.h"

#define HEADERS_MAX    22 // Ethernet and two tags
#define CHAIN_MTU_MAX  (XSK_CHAIN_MAX * FRAME_CAPACITY - HEADERS_MAX)
#define SINGLE_MTU_MAX (FRAME_CAPACITY - HEADERS_MAX)
#define VETH_REMEDY                                                                                \
	"use Linux 6.8 or newer (Debian 12 offers linux-image-6.12-amd64), or a tap port "         \
	"meanwhile"

struct af_xdp_port {
	struct packet_pool *pool;
	struct netdev_facts netdev;
	struct admit *admit;
	int netns_fd;  // -1 = our own
	int packet_fd; // makes the netdev promiscuous, and sends what AF_XDP cannot: af_xdp_bulk.h
	int guard;     // enum guard_state; negative = there is none of ours
	struct xsk *queue[PORT_QUEUES_MAX];
};

static int no_privilege(struct port *port, int err, const char *what)
{
	return port_fail(port, err,
		"port %s: no permission to %s: run as root or with CAP_NET_ADMIN, CAP_NET_RAW, "
		"CAP_BPF, CAP_SYS_ADMIN and CAP_IPC_LOCK",
		port->name, what);
}

// What kind of netdev can be a port, and with which settings.
static int check_netdev(struct port *port, const struct port_config *c)
{
	const struct netdev_facts *f = &((struct af_xdp_port *)port->driver)->netdev;
	bool veth = strcmp(f->kind, "veth") == 0;
	char other[IF_NAMESIZE];
	int child;

	if (f->loopback || f->type != ARPHRD_ETHER)
		return port_fail(port, -EOPNOTSUPP,
			"port %s: netdev %s is not an Ethernet device: choose one that is",
			port->name, c->netdev);
	if (f->master)
		return port_fail(port, -EBUSY,
			"port %s: netdev %s belongs to %s: take it out first (ip link set dev %s "
			"nomaster)",
			port->name, c->netdev, netdev_name(f->master, other), c->netdev);
	child = netdev_find_child(f->ifindex);
	if (child)
		return port_fail(port, -EBUSY,
			"port %s: %s lives on the frames of netdev %s, which a port takes all: "
			"remove it first (ip link del %s), or attach the port to another netdev",
			port->name, netdev_name(child, other), c->netdev, other);
	if (veth && c->generic_xdp)
		return port_fail(port, -EOPNOTSUPP,
			"port %s: generic XDP on veth %s would lose VLAN tags and break TCP: leave "
			"out generic XDP, veth has native XDP",
			port->name, c->netdev);
	if (veth && !probe_has(PROBE_RX_VLAN_TAG))
		return port_fail(port, -EOPNOTSUPP,
			"port %s: this kernel hides VLAN tags of veth %s from XDP: " VETH_REMEDY,
			port->name, c->netdev);
	if (f->queues > PORT_QUEUES_MAX)
		return port_fail(port, -EINVAL,
			"port %s: netdev %s has %u receive queues and a port at most %d: reduce "
			"them (ethtool -L)",
			port->name, c->netdev, f->queues, PORT_QUEUES_MAX);
	if (c->n_queues && c->n_queues != f->queues)
		return port_fail(port, -EINVAL,
			"port %s: netdev %s has %u receive queues, not %u: set them first (ethtool "
			"-L), or leave the number out",
			port->name, c->netdev, f->queues, c->n_queues);
	return c->routed ? routed_check(port, c, f) : 0;
}

static int check_mtu(struct port *port, const struct port_config *c)
{
	const struct netdev_facts *f = &((struct af_xdp_port *)port->driver)->netdev;
	uint32_t most = probe_has(PROBE_MULTI_BUFFER) ? CHAIN_MTU_MAX : SINGLE_MTU_MAX;

	if (c->mtu > f->mtu)
		return port_fail(port, -ERANGE,
			"port %s: MTU %u is more than netdev %s has (%u): raise that first (ip "
			"link set dev %s mtu %u)",
			port->name, c->mtu, c->netdev, f->mtu, c->netdev, c->mtu);
	port->mtu = c->mtu ? c->mtu : f->mtu;
	port->mtu_max = most;
	if (f->mtu > most)
		return port_fail(port, -ERANGE,
			"port %s: netdev %s has MTU %u and AF_XDP carries at most %u%s: lower it "
			"(ip link set dev %s mtu %u)",
			port->name, c->netdev, f->mtu, most,
			most == SINGLE_MTU_MAX ? " on this kernel" : "", c->netdev, most);
	return 0;
}

static bool may_open_sockets(void)
{
	int fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return errno != EPERM;
	close(fd);
	return true;
}

static int check_config(struct port *port, const struct port_config *c)
{
	uint32_t size = c->ring_size;

	if (size && ((size & (size - 1)) || size < 64 || size > 32768))
		return port_fail(port, -EINVAL,
			"port %s: ring size %u is not a power of two from 64 to 32768: choose one",
			port->name, size);
	if (!c->netdev)
		return port_fail(
			port, -EINVAL, "port %s: no netdev is named: name one", port->name);
	if (!may_open_sockets())
		return no_privilege(port, -EPERM, "open an AF_XDP socket");
	if (!probe_has(PROBE_AF_XDP) || !probe_has(PROBE_UNALIGNED_CHUNKS))
		return port_fail(port, -EOPNOTSUPP,
			"port %s: this kernel has no usable AF_XDP, or it takes more privilege: "
			"run "
			"as root on Linux 6.8 or newer, or use a tap port",
			port->name);
	return 0;
}

static int open_failed(struct port *port, const char *netdev, const char *step, int err)
{
	if (err == -EPERM)
		return no_privilege(port, err, "open an AF_XDP socket");
	if (err == -ENOBUFS && strcmp(step, "frames") == 0)
		return port_fail(port, err,
			"port %s: the packet pool has too few free frames: start with more, or "
			"remove a port",
			port->name);
	if (err == -EBUSY && strcmp(step, "bind") == 0)
		return port_fail(port, err,
			"port %s: another AF_XDP socket holds a queue of netdev %s: stop the "
			"program that uses it",
			port->name, netdev);
	return port_fail(port, err, "port %s: AF_XDP on netdev %s failed at %s: %s", port->name,
		netdev, step, strerror(-err));
}

static int open_sockets(struct port *port, const struct port_config *c)
{
	struct af_xdp_port *a = port->driver;
	bool veth = strcmp(a->netdev.kind, "veth") == 0;
	// Without it, output() segments.
	const bool bulk = veth && probe_has(PROBE_TX_METADATA) && probe_has(PROBE_PACKET_GSO) &&
			  bulk_prepare(a->packet_fd, a->netdev.ifindex);
	const char *step = "";

	for (unsigned i = 0; i < port->n_queues; i++) {
		struct port_queue *q = &port->queue[i];
		struct xsk_config config = {
			.pool = c->pool,
			.ifindex = a->netdev.ifindex,
			.queue = i,
			.serial = q->serial,
			.ring_size = c->ring_size,
			.multi_buffer = probe_has(PROBE_MULTI_BUFFER),
			.tx_metadata = probe_has(PROBE_TX_METADATA),
			.software_checksum = !veth,
			.tx_budget = probe_has(PROBE_TX_BUDGET),
			.bulk_fd = bulk ? a->packet_fd : -1,
		};
		int err = xsk_open(&a->queue[i], &config, &step);

		if (err)
			return open_failed(port, c->netdev, step, err);
		q->driver = a->queue[i];
		q->fd = a->queue[i]->fd;
		q->caps = (config.tx_metadata ? PORT_TX_CSUM : 0) |
			  (veth ? PORT_RX_UNFINISHED : 0) | (bulk ? PORT_TX_TSO | PORT_TX_USO : 0);
	}
	return 0;
}

static int attach_failed(struct port *port, const struct port_config *c, int err)
{
	const struct af_xdp_port *a = port->driver;

	switch (err) {
	case -EPERM:
	case -EACCES:
		return no_privilege(port, err, "attach an XDP program");
	case -EBUSY:
	case -EEXIST:
		return port_fail(port, -EBUSY,
			"port %s: another XDP program is attached to netdev %s: detach it first "
			"(ip link set dev %s %s off, or stop the program that holds it)",
			port->name, c->netdev, c->netdev,
			a->netdev.xdp_is_skb ? "xdpgeneric" : "xdp");
	case -ENOSPC:
		return port_fail(port, err,
			"port %s: the peer of netdev %s has more transmit queues than it has "
			"receive "
			"queues: raise them (ethtool -L %s rx N) or lower the peer's",
			port->name, c->netdev, c->netdev);
	case -ERANGE:
		return port_fail(port, err,
			"port %s: the MTU of netdev %s or of its peer is too large for XDP on this "
			"kernel: lower it",
			port->name, c->netdev);
	case -EOPNOTSUPP:
		return port_fail(port, -EOPNOTSUPP,
			"port %s: the driver of netdev %s has no native XDP: use a tap port, or "
			"ask "
			"for generic XDP",
			port->name, c->netdev);
	default:
		return port_fail(port, err, "port %s: cannot attach XDP to netdev %s: %s",
			port->name, c->netdev, strerror(-err));
	}
}

static int attach_program(struct port *port, const struct port_config *c)
{
	struct af_xdp_port *a = port->driver;
	struct admit_config config = {
		.ifindex = a->netdev.ifindex,
		.bpdu_guard = c->bpdu_guard,
		.put_tags = !c->generic_xdp && probe_has(PROBE_RX_VLAN_TAG),
		.generic = c->generic_xdp,
		.stall_ns = c->routed ? PORT_ROUTED_STALL_NS : PORT_STALL_NS,
		.admission = c->routed ? c->admission : NULL,
		.mac = a->netdev.mac,
	};
	int err = admit_load(&a->admit, &config);

	if (err)
		return attach_failed(port, c, err);
	for (unsigned i = 0; i < port->n_queues && !err; i++) {
		port->queue[i].first_pending = (uint64_t *)&admit_watch(a->admit, i)->first_pending;
		port->queue[i].stall_ns = config.stall_ns;
		err = admit_add_socket(a->admit, i, a->queue[i]->fd);
	}
	if (!err)
		err = admit_attach(a->admit);
	return err ? attach_failed(port, c, err) : 0;
}

// A membership of a packet socket: undone when the socket is closed, by whomever.
static int open_packet_socket(struct port *port, bool promiscuous)
{
	struct af_xdp_port *a = port->driver;
	struct packet_mreq request = {
		.mr_ifindex = a->netdev.ifindex, .mr_type = PACKET_MR_PROMISC};
	int err = 0;

	a->packet_fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (a->packet_fd < 0 ||
		(promiscuous && setsockopt(a->packet_fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP,
					&request, sizeof(request))))
		err = -errno;
	return err ? port_fail(port, err, "port %s: cannot make the netdev promiscuous: %s",
			     port->name, strerror(-err))
		   : 0;
}

static int put_guard(struct port *port, const struct port_config *c)
{
	struct af_xdp_port *a = port->driver;

	a->guard = guard_attach(-1, a->netdev.ifindex);
	if (a->guard >= 0)
		return 0;
	if (a->guard == -EPERM)
		return no_privilege(port, a->guard, "attach a tc filter");
	if (a->guard == -EEXIST)
		return port_fail(port, a->guard,
			"port %s: a foreign tc filter holds the guard's place on netdev %s: remove "
			"it (tc filter del dev %s ingress pref 1)",
			port->name, c->netdev, c->netdev);
	return port_fail(port, a->guard, "port %s: cannot guard netdev %s by a tc filter: %s",
		port->name, c->netdev, strerror(-a->guard));
}

// In the netdev's namespace. Guard before program, and program last: until then
// the host's stack works with the netdev as before.
static int open_here(struct port *port, const struct port_config *c)
{
	struct af_xdp_port *a = port->driver;
	int err = netdev_read(c->netdev, &a->netdev);

	if (err == -ENODEV)
		return port_fail(port, err,
			"port %s: there is no netdev %s%s: create it, or check the name",
			port->name, c->netdev, c->netns_fd >= 0 ? " in that namespace" : "");
	if (err)
		return port_fail(port, err, "port %s: cannot read netdev %s: %s", port->name,
			c->netdev, strerror(-err));
	err = check_netdev(port, c);
	if (!err)
		err = check_mtu(port, c);
	if (err)
		return err;
	port->n_queues = (uint16_t)a->netdev.queues;
	port->mac = a->netdev.mac;
	port->ifindex = a->netdev.ifindex;
	err = c->routed ? 0 : put_guard(port, c);
	if (!err)
		err = open_packet_socket(port, !c->routed);
	if (!err)
		err = open_sockets(port, c);
	if (!err)
		err = attach_program(port, c);
	if (!err && c->routed)
		routed_settle(port, c, &a->netdev);
	return err;
}

static void af_xdp_close(struct port *port)
{
	struct af_xdp_port *a = port->driver;

	admit_close(a->admit);
	for (unsigned i = 0; i < PORT_QUEUES_MAX; i++)
		xsk_close(a->queue[i], a->pool);
	if (a->packet_fd >= 0)
		close(a->packet_fd);
	if (a->guard >= 0)
		guard_remove(a->netns_fd, a->netdev.ifindex, a->guard != GUARD_NEW);
	if (a->netns_fd >= 0)
		close(a->netns_fd);
	mem_free(a);
	port->driver = NULL;
}

static int af_xdp_open(struct port *port, const struct port_config *c)
{
	struct af_xdp_port *a = mem_zalloc(sizeof(*a), CACHE_LINE);
	int back;
	int err;

	if (!a)
		return port_fail(port, -ENOMEM, "port %s: out of memory", port->name);
	a->pool = c->pool;
	a->packet_fd = a->netns_fd = a->guard = -1;
	port->driver = a;
	err = check_config(port, c);
	if (err)
		goto err;
	if (c->netns_fd >= 0) {
		a->netns_fd = fcntl(c->netns_fd, F_DUPFD_CLOEXEC, 0);
		err = a->netns_fd < 0 ? -errno : 0;
	}
	if (!err)
		err = netns_enter(a->netns_fd, &back);
	if (err) {
		port_fail(port, err, "port %s: cannot enter the namespace of netdev %s: %s",
			port->name, c->netdev, strerror(-err));
		goto err;
	}
	err = open_here(port, c);
	netns_leave(back);
	if (err)
		goto err;
	return 0;

err:
	if (a->guard == GUARD_ADOPTED)
		a->guard = -1; // perhaps another process's port, which is why this one failed
	af_xdp_close(port);
	return err;
}

static void add_passed(const struct route_passed *p, const struct admit_watch *w, uint64_t *passed)
{
	for (unsigned i = 0; i < N_ROUTE_PASSES; i++)
		passed[i] += __atomic_load_n(&p->n[i], __ATOMIC_RELAXED);
	passed[PORT_PASS_stalled] += __atomic_load_n(&w->stalled, __ATOMIC_RELAXED);
	passed[PORT_PASS_no_socket] += __atomic_load_n(&w->unserved, __ATOMIC_RELAXED);
}

static_assert((int)PORT_PASS_off == ROUTE_PASS_OFF && (int)PORT_PASS_left == ROUTE_PASS_LEFT &&
		      (int)PORT_PASS_stalled == N_ROUTE_PASSES,
	"one order");

static int af_xdp_read_stats(const struct port *port, struct port_stats *out)
{
	const struct af_xdp_port *a = port->driver;

	*out = (struct port_stats){0};
	for (unsigned i = 0; i < port->n_queues; i++) {
		const struct admit_watch *w;
		int err = xsk_add_stats(a->queue[i], out);

		if (err)
			return err;
		if (admit_passed(a->admit, i))
			continue;
		w = admit_watch(a->admit, i);
		out->kernel_stalled += __atomic_load_n(&w->stalled, __ATOMIC_RELAXED);
		out->kernel_invalid += __atomic_load_n(&w->malformed, __ATOMIC_RELAXED);
	}
	// Queues that somebody gave the netdev since.
	for (unsigned i = 0; i < ADMIT_QUEUES_MAX; i++) {
		const struct admit_watch *w = admit_watch(a->admit, i);
		const struct route_passed *passed = admit_passed(a->admit, i);

		if (passed)
			add_passed(passed, w, out->passed);
		else
			out->kernel_no_socket += __atomic_load_n(&w->unserved, __ATOMIC_RELAXED);
	}
	return 0;
}

static bool af_xdp_is_drained(const struct port *port)
{
	const struct af_xdp_port *a = port->driver;
	bool drained = true;

	for (unsigned i = 0; i < port->n_queues; i++)
		drained = drained && xsk_is_drained(a->queue[i]);
	return drained;
}

const struct port_ops port_ops_af_xdp = {
	.kind = "af_xdp",
	.open = af_xdp_open,
	.close = af_xdp_close,
	.read_stats = af_xdp_read_stats,
	.is_drained = af_xdp_is_drained,
	.rx_burst = af_xdp_rx,
	.tx_burst = af_xdp_tx,
};
