// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/port/probe.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <net/if.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "dataplane/port/af_xdp_ring.h"

#ifndef SOL_XDP
#define SOL_XDP 283
#endif
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif
#define UMEM_SIZE   65536
#define RING_SIZE   64
#define HUGE_PAGE   (2ul << 20)
#define NO_SUCH_DEV INT32_MAX
#define TCX_INGRESS 46 // BPF_TCX_INGRESS, in headers since Linux 6.6

static struct probe_result results[PROBE_N] = {
	[PROBE_AF_XDP] = {.name = "af_xdp",
		.lost = "af_xdp ports cannot be opened.",
		.remedy = "Use a kernel with CONFIG_XDP_SOCKETS and run as root; use tap ports "
			  "meanwhile."},
	[PROBE_UNALIGNED_CHUNKS] = {.name = "unaligned_chunks",
		.lost = "af_xdp ports cannot be opened.",
		.remedy = "Use Linux 5.4 or newer."},
	[PROBE_MULTI_BUFFER] = {.name = "multi_buffer",
		.lost = "af_xdp ports carry packets of one frame only: no jumbo MTU.",
		.remedy = "Use Linux 6.6 or newer."},
	[PROBE_RX_VLAN_TAG] = {.name = "rx_vlan_tag",
		.lost = "af_xdp ports on veth are refused: VLAN tags would be lost.",
		.remedy =
			"Use Linux 6.8 or newer; Debian 12 offers 6.12 (linux-image-6.12-amd64)."},
	[PROBE_TX_METADATA] = {.name = "tx_metadata",
		.lost = "checksums of packets to af_xdp ports are computed in software.",
		.remedy = "Use Linux 6.8 or newer."},
	[PROBE_TX_BUDGET] = {.name = "tx_budget",
		.lost = "a system call sends at most 32 packets to an af_xdp port.",
		.remedy = "Use Linux 6.17 or newer."},
	[PROBE_PACKET_GSO] = {.name = "packet_gso",
		.lost = "large packets are segmented before they enter a veth, and segments are "
			"not put together.",
		.remedy = "Run as root or with CAP_NET_RAW, on a kernel with CONFIG_PACKET."},
	[PROBE_TAP_USO] = {.name = "tap_uso",
		.lost = "large UDP packets are segmented before they enter a tap port.",
		.remedy = "Use Linux 6.2 or newer."},
	[PROBE_TCX] = {.name = "tcx",
		.lost = "the exception path hangs on a clsact qdisc of its TAP.",
		.remedy = "Use Linux 6.6 or newer."},
	[PROBE_HUGETLB] = {.name = "hugetlb",
		.lost = "the frame memory has transparent huge pages instead, or small ones.",
		.remedy = "Reserve them before the start: sysctl vm.nr_hugepages=133 for 264 MiB."},
	[PROBE_THP] = {.name = "thp",
		.lost = "without reserved huge pages the frame memory has pages of 4 KiB: more "
			"TLB misses.",
		.remedy =
			"Allow them: echo madvise > /sys/kernel/mm/transparent_hugepage/enabled."},
};

static bool register_umem(void *memory, uint32_t flags)
{
	struct xsk_umem_reg reg = {
		.addr = (uintptr_t)memory,
		.len = UMEM_SIZE,
		.chunk_size = flags & XDP_UMEM_UNALIGNED_CHUNK_FLAG ? FRAME_STRIDE : 2048,
		.flags = flags,
		.tx_metadata_len =
			flags & XDP_UMEM_TX_METADATA_LEN ? sizeof(struct xsk_tx_metadata) : 0,
	};
	int fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
	bool ok = fd >= 0 && !setsockopt(fd, SOL_XDP, XDP_UMEM_REG, &reg, sizeof(reg));

	if (fd >= 0)
		close(fd);
	return ok;
}

// Both are refused before any device is looked at when the kernel does not know them.
static void probe_socket(void)
{
	struct sockaddr_xdp address = {.sxdp_family = AF_XDP,
		.sxdp_ifindex = NO_SUCH_DEV,
		.sxdp_flags = XDP_COPY | XDP_USE_SG};
	uint32_t size = RING_SIZE;
	int fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);

	results[PROBE_AF_XDP].available = fd >= 0;
	if (fd < 0)
		return;
	results[PROBE_MULTI_BUFFER].available =
		bind(fd, (struct sockaddr *)&address, sizeof(address)) && errno == ENODEV;
	results[PROBE_TX_BUDGET].available =
		!setsockopt(fd, SOL_XDP, XDP_TX_RING, &size, sizeof(size)) &&
		!setsockopt(fd, SOL_XDP, XDP_MAX_TX_SKB_BUDGET, &size, sizeof(size));
	close(fd);
}

static void probe_packet_gso(void)
{
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), on = 1;

	results[PROBE_PACKET_GSO].available =
		fd >= 0 && !setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on));
	if (fd >= 0)
		close(fd);
}

// A kernel that does not know this place for programs does not look for the device.
static void probe_tcx(void)
{
	uint32_t n = 0;

	results[PROBE_TCX].available =
		bpf_prog_query(NO_SUCH_DEV, (enum bpf_attach_type)TCX_INGRESS, 0, NULL, NULL, &n) &&
		errno == ENODEV;
}

static void probe_umem(void)
{
	void *memory =
		mmap(NULL, UMEM_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return;
	results[PROBE_UNALIGNED_CHUNKS].available =
		register_umem(memory, XDP_UMEM_UNALIGNED_CHUNK_FLAG);
	results[PROBE_TX_METADATA].available =
		register_umem(memory, XDP_UMEM_UNALIGNED_CHUNK_FLAG | XDP_UMEM_TX_METADATA_LEN);
	munmap(memory, UMEM_SIZE);
}

// Whether the kernel's type information names this function. Parsing all of it would take
// ten times as long as looking for the string.
static bool names(const char *types, size_t size, const char *function)
{
	return memmem(types, size, function, strlen(function) + 1) != NULL;
}

static void probe_kernel_types(void)
{
	int fd = open("/sys/kernel/btf/vmlinux", O_RDONLY | O_CLOEXEC);
	size_t size = 0;
	struct stat file;
	char *types;
	ssize_t n;

	if (fd < 0)
		return;
	types = fstat(fd, &file) ? NULL : mem_zalloc((size_t)file.st_size, 0);
	while (types && size < (size_t)file.st_size) {
		n = read(fd, types + size, (size_t)file.st_size - size);
		if (n <= 0)
			break;
		size += (size_t)n;
	}
	close(fd);
	if (!types)
		return;
	results[PROBE_RX_VLAN_TAG].available = names(types, size, "bpf_xdp_metadata_rx_vlan_tag");
	mem_free(types);
}

// One page of each; whether all that is wanted can be had shows when it is mapped.
static void probe_huge_pages(void)
{
	char modes[64] = "";
	void *p = mmap(NULL, HUGE_PAGE, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	int fd = open("/sys/kernel/mm/transparent_hugepage/enabled", O_RDONLY | O_CLOEXEC);

	results[PROBE_HUGETLB].available = p != MAP_FAILED;
	if (p != MAP_FAILED)
		munmap(p, HUGE_PAGE);
	if (fd < 0)
		return;
	results[PROBE_THP].available =
		read(fd, modes, sizeof(modes) - 1) > 0 && !strstr(modes, "[never]");
	close(fd);
}

static sem_t tap_probed;

// In a thread of its own, whose namespace ends with it: no TAP appears in ours.
static void *probe_tap(void *arg)
{
	struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
	unsigned offloads = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_USO4 | TUN_F_USO6;
	int fd = -1;

	if (!unshare(CLONE_NEWNET))
		fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	results[PROBE_TAP_USO].available =
		fd >= 0 && !ioctl(fd, TUNSETIFF, &request) && !ioctl(fd, TUNSETOFFLOAD, offloads);
	sem_post(&tap_probed);
	// Takes some 20 ms, which nobody needs to wait for.
	if (fd >= 0)
		close(fd);
	return NULL;
}

static void probe_all(void)
{
	static bool done;
	pthread_t thread;

	if (done)
		return;
	done = true;
	probe_socket();
	probe_umem();
	probe_packet_gso();
	probe_tcx();
	probe_kernel_types();
	probe_huge_pages();
	sem_init(&tap_probed, 0, 0);
	if (!pthread_create(&thread, NULL, probe_tap, NULL)) {
		pthread_detach(thread);
		while (sem_wait(&tap_probed) && errno == EINTR)
			continue;
	}
}

int probe_force_off(const char *name)
{
	for (unsigned i = 0; i < PROBE_N; i++) {
		if (strcmp(results[i].name, name) == 0) {
			results[i].forced_off = true;
			return 0;
		}
	}
	return -ENOENT;
}

bool probe_has(enum probe_feature feature)
{
	probe_all();
	return results[feature].available && !results[feature].forced_off;
}

void probe_result(enum probe_feature feature, struct probe_result *out)
{
	probe_all();
	*out = results[feature];
}
