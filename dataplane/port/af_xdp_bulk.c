// SPDX-License-Identifier: BSD-3-Clause
// The packet leaves through the kernel's usual transmit function, so that the kernel segments it
// when the other end of the veth can no longer take it whole (an XDP program there).
#include "dataplane/port/af_xdp_bulk.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "dataplane/port/vnet_header.h"

#define FRAMES_MAX  255        // longer chains, which no port makes, are refused
#define SEND_BUFFER (16 << 20) // bytes of skbs on their way

bool bulk_prepare(int fd, int ifindex)
{
	struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_ifindex = ifindex};
	int on = 1, buffer = SEND_BUFFER;

	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &buffer, sizeof(buffer));
	return !fcntl(fd, F_SETFL, O_NONBLOCK) &&
	       !setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)) &&
	       !bind(fd, (struct sockaddr *)&address, sizeof(address));
}

int bulk_send(int fd, const struct packet *p)
{
	struct iovec iov[1 + FRAMES_MAX];
	struct virtio_net_hdr_v1 header;
	ssize_t sent;
	int n = 1;

	if (p->n_frames > FRAMES_MAX)
		return -EMSGSIZE;
	vnet_header_make(p, &header);
	// The socket's header is the older one, without the last member.
	iov[0] = (struct iovec){&header, offsetof(struct virtio_net_hdr_v1, num_buffers)};
	for (; p; p = p->next)
		iov[n++] = (struct iovec){p->data, p->len};
	do
		sent = writev(fd, iov, n);
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : 0;
}
