// SPDX-License-Identifier: BSD-3-Clause
// A packet's unfinished work as the kernel's virtio_net_hdr, for the drivers of ports that take it.
#pragma once

#include <linux/virtio_net.h>

#include "dataplane/packet.h"

static fast_inline void vnet_header_make(const struct packet *p, struct virtio_net_hdr_v1 *h)
{
	*h = (struct virtio_net_hdr_v1){0};
	if (p->flags & PACKET_CSUM) {
		h->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		h->csum_start = p->csum_start;
		h->csum_offset = p->csum_offset;
	} else if (p->flags & PACKET_CSUM_GOOD) {
		h->flags = VIRTIO_NET_HDR_F_DATA_VALID;
	}
	if (p->gso_type != GSO_NONE) {
		h->gso_type = p->gso_type;
		if (p->flags & PACKET_GSO_ECN)
			h->gso_type |= VIRTIO_NET_HDR_GSO_ECN;
		h->gso_size = p->gso_size;
		h->hdr_len = p->hdr_len;
	}
}
