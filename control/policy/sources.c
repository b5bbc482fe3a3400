// SPDX-License-Identifier: BSD-3-Clause
#include "control/policy/sources.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "control/netns.h"
#include "control/policy/findings.h"

#define READ_NS        (5 * NS_PER_MS) // of one source at a time: the others wait
#define POLLS_PER_LOOK 10              // what notifies is read again this often all the same

// -- from findings to reasons -----------------------------------------------------------------

static void find(struct policy_interface *of, const struct finding *x)
{
	for (unsigned d = 0; d < 2; d++)
		for (unsigned f = 0; f < 2; f++)
			if (x->directions & (d ? FINDING_OUT : FINDING_IN) &&
				x->families & (f ? FINDING_IP6 : FINDING_IP4) && !of->found[d][f])
				of->found[d][f] = x->text;
}

static void find_all(struct sources *s, enum policy_kind kind, const struct findings *list)
{
	static const struct finding cut = {.directions = FINDING_IN | FINDING_OUT,
		.families = FINDING_ANY,
		.text = "more policy than can be looked at"};

	if (s->ignored >> kind & 1)
		return;
	for (unsigned n = 0; n < list->n; n++) {
		const struct finding *x = &list->at[n];

		if (x->ifindex) {
			struct policy_interface *i =
				policy_interface_find(&s->interfaces, x->ifindex);

			if (i)
				find(i, x);
		} else if (!x->ifname[0]) {
			find(&s->all, x);
		} else {
			for (unsigned k = 0; k < s->interfaces.n; k++)
				if (finding_names(x, s->interfaces.at[k].name))
					find(&s->interfaces.at[k], x);
		}
	}
	if (list->is_cut)
		find(&s->all, &cut);
}

static void compare(struct policy_interface *of)
{
	for (unsigned d = 0; d < 2; d++) {
		for (unsigned f = 0; f < 2; f++) {
			const char *found = of->found[d][f] ? of->found[d][f] : "";

			if (!strcmp(of->reasons[d][f], found))
				continue;
			strncpy(of->reasons[d][f], found, POLICY_REASON_SIZE - 1);
			of->is_changed = true;
		}
	}
}

void sources_derive(struct sources *s)
{
	memset(s->all.found, 0, sizeof(s->all.found));
	for (unsigned i = 0; i < s->interfaces.n; i++)
		memset(s->interfaces.at[i].found, 0, sizeof(s->interfaces.at[i].found));
	// In the order in which reasons are preferred.
	find_all(s, POLICY_NFT, &s->nft.now);
	find_all(s, POLICY_IPTABLES, &s->iptables.now);
	find_all(s, POLICY_TC, &s->tc.now);
	find_all(s, POLICY_TC, &s->tcx.now);
	find_all(s, POLICY_XFRM, &s->xfrm.now);
	find_all(s, POLICY_IPVS, &s->ipvs.now);
	find_all(s, POLICY_BPF, &s->links.now);
	find_all(s, POLICY_SYSCTL, &s->sysctl.now);
	compare(&s->all);
	for (unsigned i = 0; i < s->interfaces.n; i++)
		compare(&s->interfaces.at[i]);
}

bool sources_are_complete(const struct sources *s)
{
	return s->nft.is_complete && s->xfrm.is_complete && s->tc.is_complete &&
	       s->tcx.is_complete && s->iptables.is_complete && s->ipvs.is_complete &&
	       s->links.is_complete && s->sysctl.is_complete;
}

// -- opening ---------------------------------------------------------------------------------

static int watch_dump(struct sources *s, const struct dump *d)
{
	const int fds[] = {d->fd, d->notify_fd};

	for (unsigned i = 0; i < ARRAY_SIZE(fds); i++) {
		struct epoll_event ev = {.events = EPOLLIN};

		if (fds[i] >= 0 && epoll_ctl(s->epoll, EPOLL_CTL_ADD, fds[i], &ev) < 0)
			return -errno;
	}
	return 0;
}

// A family that the kernel has not cannot act. One that it does not let us read may.
static void note_open(int err, enum policy_kind kind, struct findings *now, bool *is_complete)
{
	if (!err)
		return;
	*is_complete = true;
	findings_clear(now);
	if (err != -EPROTONOSUPPORT)
		findings_unreadable(now, kind, err);
}

// 0, or what epoll says.
static int open_nft(struct sources *s)
{
	int err = nft_open(&s->nft, s->netns_fd);

	note_open(err, POLICY_NFT, &s->nft.now, &s->nft.is_complete);
	return watch_dump(s, &s->nft.dump);
}

static int open_xfrm(struct sources *s)
{
	int err = xfrm_open(&s->xfrm, s->netns_fd);

	note_open(err, POLICY_XFRM, &s->xfrm.now, &s->xfrm.is_complete);
	return watch_dump(s, &s->xfrm.dump);
}

static int open_tc(struct sources *s)
{
	int err = tc_open(&s->tc, s->netns_fd, &s->interfaces);

	note_open(err, POLICY_TC, &s->tc.now, &s->tc.is_complete);
	return watch_dump(s, &s->tc.dump);
}

static void open_polled(struct sources *s)
{
	int netns_fd = s->netns_fd;

	s->name_fd = -1;
	tcx_open(&s->tcx, netns_fd, &s->interfaces);
	iptables_open(&s->iptables, netns_fd);
	ipvs_open(&s->ipvs, netns_fd);
	bpf_links_open(&s->links);
	sysctl_open(&s->sysctl, netns_fd, &s->interfaces);
	s->dumps[0] = &s->nft.dump;
	s->dumps[1] = &s->xfrm.dump;
	s->dumps[2] = &s->tc.dump;
	for (unsigned i = 0; i < N_DUMPS; i++)
		s->dumps[i]->fd = s->dumps[i]->notify_fd = -1;
}

// Those that could not be opened: a module may have come.
static void reopen(struct sources *s)
{
	if (s->nft.dump.fd < 0) {
		nft_close(&s->nft);
		open_nft(s);
	}
	if (s->xfrm.dump.fd < 0) {
		xfrm_close(&s->xfrm);
		open_xfrm(s);
	}
	if (s->tc.dump.fd < 0) {
		tc_close(&s->tc);
		open_tc(s);
	}
}

// -- reading ----------------------------------------------------------------------------------

// Its name may be another one than before, or it is gone.
static void read_name(struct sources *s, struct policy_interface *i)
{
	struct ifreq request = {.ifr_ifindex = i->ifindex};

	if (ioctl(s->name_fd, SIOCGIFNAME, &request) < 0)
		memset(request.ifr_name, 0, sizeof(request.ifr_name));
	if (!strcmp(i->name, request.ifr_name))
		return;
	memcpy(i->name, request.ifr_name, sizeof(i->name));
	i->name[sizeof(i->name) - 1] = 0;
	s->tc.dump.is_due = true; // its findings name the interface
}

void sources_read(struct sources *s)
{
	s->stats.dumps = s->stats.resyncs = 0;
	for (unsigned i = 0; i < N_DUMPS; i++) {
		dump_read(s->dumps[i], clock_now_ns() + READ_NS);
		s->stats.dumps += s->dumps[i]->n_dumps;
		s->stats.resyncs += s->dumps[i]->n_resyncs;
	}
}

void sources_poll(struct sources *s)
{
	uint64_t start = clock_now_ns();

	s->has_new = false;
	for (unsigned i = 0; i < s->interfaces.n; i++)
		read_name(s, &s->interfaces.at[i]);
	// A transaction of nftables that failed is not told, nor a qdisc that came with its
	// interface.
	if (++s->stats.polls % POLLS_PER_LOOK == 0) {
		for (unsigned i = 0; i < N_DUMPS; i++)
			s->dumps[i]->is_due = true;
		bpf_links_recount(&s->links);
		reopen(s);
	}
	nft_poll(&s->nft);
	for (unsigned i = 0; i < N_DUMPS; i++)
		dump_start(s->dumps[i]); // the answer makes s->epoll readable
	iptables_poll(&s->iptables);
	tcx_poll(&s->tcx);
	ipvs_poll(&s->ipvs);
	bpf_links_poll(&s->links);
	sysctl_poll(&s->sysctl);
	s->stats.last_poll_ns = clock_now_ns() - start;
	s->stats.max_poll_ns = MAX(s->stats.max_poll_ns, s->stats.last_poll_ns);
}

int sources_watch(struct sources *s, int ifindex, uint64_t generation)
{
	int err = policy_interface_add(&s->interfaces, ifindex);
	struct policy_interface *i = policy_interface_find(&s->interfaces, ifindex);

	if (!i)
		return err;
	i->generation = generation;
	i->is_changed = true;
	s->has_new = true;
	read_name(s, i);
	tc_watch(&s->tc, i);
	return 0;
}

// -- coming and going -------------------------------------------------------------------------

static int open_name_socket(void *arg)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0); // any: all know names

	return fd < 0 ? -errno : fd;
}

int sources_open(struct sources *s, int netns_fd)
{
	int err;

	memset(s, 0, sizeof(*s));
	s->netns_fd = netns_fd;
	s->all.is_changed = true; // whatever it is: it was not told
	open_polled(s);
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (s->epoll < 0)
		return -errno;
	s->name_fd = netns_run(netns_fd, open_name_socket, NULL);
	if (s->name_fd < 0)
		return s->name_fd;
	err = open_nft(s);
	if (!err)
		err = open_xfrm(s);
	if (!err)
		err = open_tc(s);
	return err;
}

void sources_close(struct sources *s)
{
	nft_close(&s->nft);
	xfrm_close(&s->xfrm);
	tc_close(&s->tc);
	tcx_close(&s->tcx);
	iptables_close(&s->iptables);
	ipvs_close(&s->ipvs);
	bpf_links_close(&s->links);
	sysctl_close(&s->sysctl);
	policy_interfaces_fini(&s->interfaces);
	if (s->name_fd >= 0)
		close(s->name_fd);
	if (s->epoll >= 0)
		close(s->epoll);
}
