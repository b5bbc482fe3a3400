// SPDX-License-Identifier: BSD-3-Clause
// AF_XDP sockets for benches and generators; see xsk.h.
#include "tests/tools/xsk.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <err.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/socket.h>

// Newer than Debian 12's headers: how many frames one sendto may send (32 unless raised).
#define XDP_MAX_TX_SKB_BUDGET 9

void xsk_umem_create(struct xsk_umem *umem, uint32_t n_chunks)
{
	umem->n_chunks = n_chunks;
	umem->fd = -1;
	umem->memory = mmap(NULL, (size_t)n_chunks * XSK_CHUNK, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (umem->memory == MAP_FAILED)
		err(1, "%u frames of memory", n_chunks);
}

static void set_option(int fd, int name, const void *value, socklen_t size, const char *text)
{
	if (setsockopt(fd, SOL_XDP, name, value, size))
		err(1, "AF_XDP: %s", text);
}

static void map_ring(struct xsk_ring *r, int fd, uint32_t ring_size,
	const struct xdp_ring_offset *at, size_t entry_size, uint64_t page_offset)
{
	uint8_t *ring = mmap(NULL, at->desc + ring_size * entry_size, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_POPULATE, fd, (off_t)page_offset);

	if (ring == MAP_FAILED)
		err(1, "AF_XDP: map a ring");
	r->producer = (uint32_t *)(ring + at->producer);
	r->consumer = (uint32_t *)(ring + at->consumer);
	r->entries = ring + at->desc;
	r->mask = ring_size - 1;
	r->local = 0;
}

void xsk_open(
	struct xsk *xsk, struct xsk_umem *umem, const char *netdev, uint32_t ring_size, bool rx)
{
	struct sockaddr_xdp address = {.sxdp_family = AF_XDP};
	struct xdp_mmap_offsets offsets;
	socklen_t length = sizeof(offsets);

	xsk->ifindex = if_nametoindex(netdev);
	if (!xsk->ifindex)
		err(1, "%s", netdev);
	xsk->fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (xsk->fd < 0)
		err(1, "AF_XDP");
	if (umem->fd < 0) {
		struct xdp_umem_reg reg = {
			.addr = (uintptr_t)umem->memory,
			.len = (uint64_t)umem->n_chunks * XSK_CHUNK,
			.chunk_size = XSK_CHUNK,
		};
		// Without the last members, which older kernels do not know.
		set_option(xsk->fd, XDP_UMEM_REG, &reg, offsetof(struct xdp_umem_reg, flags) + 4,
			"register the memory");
		umem->fd = xsk->fd;
		address.sxdp_flags = XDP_COPY | XDP_USE_NEED_WAKEUP;
	} else {
		address.sxdp_flags = XDP_SHARED_UMEM; // the mode is the first socket's
		address.sxdp_shared_umem_fd = (uint32_t)umem->fd;
	}
	set_option(xsk->fd, XDP_UMEM_FILL_RING, &ring_size, sizeof(ring_size), "fill ring");
	set_option(xsk->fd, XDP_UMEM_COMPLETION_RING, &ring_size, sizeof(ring_size), "completion");
	set_option(xsk->fd, XDP_TX_RING, &ring_size, sizeof(ring_size), "transmit ring");
	if (rx)
		set_option(xsk->fd, XDP_RX_RING, &ring_size, sizeof(ring_size), "receive ring");
	// Unknown before 6.17: then 32 frames per call.
	setsockopt(xsk->fd, SOL_XDP, XDP_MAX_TX_SKB_BUDGET, &ring_size, sizeof(ring_size));
	if (getsockopt(xsk->fd, SOL_XDP, XDP_MMAP_OFFSETS, &offsets, &length))
		err(1, "AF_XDP: offsets of the rings");
	map_ring(&xsk->fill, xsk->fd, ring_size, &offsets.fr, 8, XDP_UMEM_PGOFF_FILL_RING);
	map_ring(&xsk->completion, xsk->fd, ring_size, &offsets.cr, 8,
		XDP_UMEM_PGOFF_COMPLETION_RING);
	map_ring(&xsk->tx, xsk->fd, ring_size, &offsets.tx, sizeof(struct xdp_desc),
		XDP_PGOFF_TX_RING);
	if (rx)
		map_ring(&xsk->rx, xsk->fd, ring_size, &offsets.rx, sizeof(struct xdp_desc),
			XDP_PGOFF_RX_RING);
	address.sxdp_ifindex = xsk->ifindex;
	if (bind(xsk->fd, (struct sockaddr *)&address, sizeof(address)))
		err(1, "AF_XDP: bind to %s", netdev);
}

void xsk_attach(struct xsk *xsk)
{
	LIBBPF_OPTS(bpf_link_create_opts, options, .flags = XDP_FLAGS_DRV_MODE);
	uint32_t key = 0;
	int map = bpf_map_create(BPF_MAP_TYPE_XSKMAP, "yard_xsks", 4, 4, 1, NULL), program;

	if (map < 0)
		err(1, "XSKMAP");
	// return bpf_redirect_map(&map, ctx->rx_queue_index, XDP_PASS);
	struct bpf_insn code[] = {
		{.code = BPF_LDX | BPF_MEM | BPF_W,
			.dst_reg = BPF_REG_2,
			.src_reg = BPF_REG_1,
			.off = offsetof(struct xdp_md, rx_queue_index)},
		{.code = BPF_LD | BPF_IMM | BPF_DW,
			.dst_reg = BPF_REG_1,
			.src_reg = BPF_PSEUDO_MAP_FD,
			.imm = map},
		{0}, // the second half of the constant
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_3, .imm = XDP_PASS},
		{.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_redirect_map},
		{.code = BPF_JMP | BPF_EXIT},
	};
	program = bpf_prog_load(BPF_PROG_TYPE_XDP, "yard_redirect", "GPL", code,
		sizeof(code) / sizeof(code[0]), NULL);
	if (program < 0)
		err(1, "load the XDP program");
	if (bpf_map_update_elem(map, &key, &xsk->fd, BPF_ANY))
		err(1, "enter the socket into the map");
	if (bpf_link_create(program, (int)xsk->ifindex, BPF_XDP, &options) < 0)
		err(1, "attach the XDP program (native)");
}

bool xsk_kick(const struct xsk *xsk)
{
	if (sendto(xsk->fd, NULL, 0, MSG_DONTWAIT, NULL, 0) >= 0)
		return true;
	// All of these mean "not all of it now".
	if (errno == EAGAIN || errno == EBUSY || errno == ENOBUFS)
		return false;
	err(1, "AF_XDP: send");
}
