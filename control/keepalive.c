// SPDX-License-Identifier: BSD-3-Clause
#include "control/keepalive.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "control/netlink/rtnl.h"
#include "control/router/router.h"

#define INTERVAL_NS (5 * NS_PER_SEC)
#define PAGE        64

static void use(void *arg, int ifindex, const struct ip_addr *addr)
{
	uint8_t buffer[RTNL_REQUEST_SIZE] __attribute__((aligned(MNL_ALIGNTO))) = {0};
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buffer);
	struct ndmsg *ndm = mnl_nlmsg_put_extra_header(nlh, sizeof(*ndm));
	struct keepalive *k = arg;

	nlh->nlmsg_type = RTM_NEWNEIGH;
	nlh->nlmsg_flags = NLM_F_REQUEST;
	ndm->ndm_family = addr->family;
	ndm->ndm_ifindex = ifindex;
	ndm->ndm_flags = NTF_USE;
	mnl_attr_put(nlh, NDA_DST, addr->family == AF_INET ? 4 : 16, addr->b);
	// One that has gone meanwhile is an error that nobody reads: the mirror knows.
	if (sendto(k->fd, nlh, nlh->nlmsg_len, MSG_DONTWAIT, (struct sockaddr *)&kernel,
		    sizeof(kernel)) > 0)
		k->n_asked++;
}

static bool step(struct loop_job *job)
{
	struct keepalive *k = container_of(job, struct keepalive, job);
	uint8_t answer[RTNL_REQUEST_SIZE];

	router_walk_used(k->router, &k->cursor, PAGE, use, k);
	while (recv(k->fd, answer, sizeof(answer), MSG_DONTWAIT) > 0)
		continue;
	return k->cursor != ROUTER_NEIGH_WALK_END;
}

static void fire(struct loop_timer *timer)
{
	struct keepalive *k = container_of(timer, struct keepalive, timer);

	k->cursor = 0;
	loop_job_start(k->loop, &k->job);
	loop_timer_set(k->loop, timer, INTERVAL_NS);
}

int keepalive_start(struct keepalive *k, struct loop *loop, struct router *router)
{
	int fd = rtnl_open(-1, 0, SOCK_NONBLOCK);

	if (fd < 0)
		return fd;
	*k = (struct keepalive){
		.loop = loop, .router = router, .fd = fd, .timer.fire = fire, .job.step = step};
	loop_timer_set(loop, &k->timer, INTERVAL_NS);
	return 0;
}

void keepalive_stop(struct keepalive *k)
{
	if (!k->loop)
		return;
	loop_timer_cancel(k->loop, &k->timer);
	loop_job_cancel(k->loop, &k->job);
	close(k->fd);
	*k = (struct keepalive){0};
}
