// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/port/exception_tap.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/filter.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <linux/virtio_net.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bpf/exception.skel.h"
#include "bpf/shared.h"
#include "dataplane/port/netns.h"
#include "dataplane/port/probe.h"

#define NAME        "garuda-exc%d" // the kernel fills in the number
#define TCX_INGRESS 46             // BPF_TCX_INGRESS, in headers since Linux 6.6

static int silent(enum libbpf_print_level level, const char *format, va_list args)
{
	return 0;
}

static int create_device(struct exception_tap *t)
{
	struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
	// What the kernel would send by it is dropped at once; nobody reads.
	struct sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sock_fprog filter = {.len = 1, .filter = &nothing};
	int size = sizeof(struct virtio_net_hdr_v1);

	t->fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (t->fd < 0)
		return -errno;
	memcpy(request.ifr_name, NAME, sizeof(NAME));
	if (ioctl(t->fd, TUNSETIFF, &request) || ioctl(t->fd, TUNSETVNETHDRSZ, &size) ||
		ioctl(t->fd, TUNATTACHFILTER, &filter))
		return -errno;
	memcpy(t->name, request.ifr_name, sizeof(t->name));
	t->ifindex = (int)if_nametoindex(t->name);
	return t->ifindex ? 0 : -errno;
}

static int attach_filter(struct exception_tap *t, int program)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = t->ifindex, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = program, .handle = 1, .priority = 1);
	int err = bpf_tc_hook_create(&hook);

	return err ? err : bpf_tc_attach(&hook, &opts);
}

static int attach_program(struct exception_tap *t)
{
	int program;

	t->bpf = exception_bpf__open_and_load();
	if (!t->bpf)
		return -errno;
	program = bpf_program__fd(t->bpf->progs.garuda_exception);
	if (!probe_has(PROBE_TCX))
		return attach_filter(t, program);
	t->link = bpf_link_create(program, t->ifindex, (enum bpf_attach_type)TCX_INGRESS, NULL);
	return t->link < 0 ? -errno : 0;
}

// No IPv6 address, whatever the system's default is. /proc may be read-only: then the kernel's
// IPv6 sees a device without an address of its own, and no more.
static int disable_ipv6(const struct exception_tap *t)
{
	struct mnl_socket *s = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	char buf[1024], path[80];
	struct nlmsghdr *h;
	struct ifinfomsg *link;
	struct nlattr *spec, *inet6;
	ssize_t n;
	int fd, err = 0;

	if (!s)
		return -errno;
	h = mnl_nlmsg_put_header(buf);
	h->nlmsg_type = RTM_SETLINK;
	h->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	link = mnl_nlmsg_put_extra_header(h, sizeof(*link));
	link->ifi_index = t->ifindex;
	spec = mnl_attr_nest_start(h, IFLA_AF_SPEC);
	inet6 = mnl_attr_nest_start(h, AF_INET6);
	mnl_attr_put_u8(h, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
	mnl_attr_nest_end(h, inet6);
	mnl_attr_nest_end(h, spec);
	if (mnl_socket_sendto(s, h, h->nlmsg_len) < 0)
		err = -errno;
	n = err ? 0 : mnl_socket_recvfrom(s, buf, sizeof(buf));
	if (!err && (n < 0 || mnl_cb_run(buf, (size_t)n, 0, 0, NULL, NULL) < 0))
		err = errno == EAFNOSUPPORT ? 0 : -errno; // a kernel without IPv6
	mnl_socket_close(s);
	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/disable_ipv6", t->name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd >= 0) {
		if (write(fd, "1", 1) < 0) {
			// Said above.
		}
		close(fd);
	}
	return err;
}

static int bring_up(const struct exception_tap *t)
{
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = {0};
	int err = 0;

	if (s < 0)
		return -errno;
	memcpy(request.ifr_name, t->name, sizeof(t->name));
	request.ifr_flags = IFF_UP | IFF_NOARP;
	if (ioctl(s, SIOCSIFFLAGS, &request))
		err = -errno;
	close(s);
	return err;
}

// In the namespace. The program is there before the device is up: no frame ever enters the
// namespace by the TAP itself.
static int open_here(struct exception_tap *t, const char **step)
{
	int err;

	*step = "creating the TAP";
	err = create_device(t);
	if (err)
		return err;
	*step = "attaching its program";
	err = attach_program(t);
	if (err)
		return err;
	*step = "switching IPv6 off";
	err = disable_ipv6(t);
	if (err)
		return err;
	*step = "setting it up";
	return bring_up(t);
}

int exception_tap_open(struct exception_tap *t, int netns_fd, const char **step)
{
	libbpf_print_fn_t print = libbpf_set_print(silent);
	int back;
	int err;

	*t = (struct exception_tap){.fd = -1, .link = -1};
	*step = "entering the namespace";
	err = netns_enter(netns_fd, &back);
	if (!err) {
		err = open_here(t, step);
		netns_leave(back);
	}
	libbpf_set_print(print);
	if (err)
		exception_tap_close(t);
	return err;
}

void exception_tap_close(struct exception_tap *t)
{
	if (t->link >= 0)
		close(t->link);
	if (t->fd >= 0)
		close(t->fd);
	exception_bpf__destroy(t->bpf);
	*t = (struct exception_tap){.fd = -1, .link = -1};
}

int exception_tap_map(struct exception_tap *t, unsigned vlan, int ifindex)
{
	uint32_t key = vlan, value = (uint32_t)ifindex;

	return bpf_map_update_elem(bpf_map__fd(t->bpf->maps.interfaces), &key, &value, BPF_ANY)
		       ? -errno
		       : 0;
}
