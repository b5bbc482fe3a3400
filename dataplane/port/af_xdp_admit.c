// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/port/af_xdp_admit.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/mem.h"
#include "bpf/shared.h"

#include "bpf/admit.skel.h"

// Newer than some distributions' linux/bpf.h.
#define PROGRAM_DEVICE_BOUND (1u << 6) // BPF_F_XDP_DEV_BOUND_ONLY

struct admit {
	struct admit_bpf *bpf;
	struct bpf_program *program;
	struct admit_config config;
	struct admit_watch *watches; // ADMIT_QUEUES_MAX, the kernel's map
	int link;
};

static_assert(sizeof(struct admit_watch) == CACHE_LINE, "one line per queue");

#define WATCHES_SIZE (ADMIT_QUEUES_MAX * sizeof(struct admit_watch))

static int silent(enum libbpf_print_level level, const char *format, va_list args)
{
	return 0;
}

static int load(struct admit_bpf *bpf)
{
	libbpf_print_fn_t print = libbpf_set_print(silent);
	int err = admit_bpf__load(bpf);

	libbpf_set_print(print);
	return err;
}

int admit_load(struct admit **out, const struct admit_config *config)
{
	struct admit *a = mem_zalloc(sizeof(*a), 0);
	int err = -ENOMEM;

	if (!a)
		return -ENOMEM;
	a->link = -1;
	a->config = *config;
	a->bpf = admit_bpf__open();
	if (!a->bpf) {
		err = -errno;
		goto err;
	}
	a->program =
		config->put_tags ? a->bpf->progs.garuda_admit : a->bpf->progs.garuda_admit_as_is;
	bpf_program__set_autoload(a->bpf->progs.garuda_admit, config->put_tags);
	bpf_program__set_autoload(a->bpf->progs.garuda_admit_as_is, !config->put_tags);
	if (config->put_tags) {
		bpf_program__set_ifindex(a->program, (uint32_t)config->ifindex);
		bpf_program__set_flags(
			a->program, bpf_program__flags(a->program) | PROGRAM_DEVICE_BOUND);
	}
	a->bpf->rodata->bpdu_guard = config->bpdu_guard;
	a->bpf->rodata->stall_ns = config->stall_ns;
	err = load(a->bpf);
	if (err)
		goto err;
	a->watches = mmap(NULL, WATCHES_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
		bpf_map__fd(a->bpf->maps.watches), 0);
	if (a->watches == MAP_FAILED) {
		err = -errno;
		a->watches = NULL;
		goto err;
	}
	*out = a;
	return 0;

err:
	admit_close(a);
	return err;
}

struct admit_watch *admit_watch(struct admit *a, uint32_t queue)
{
	return &a->watches[queue];
}

int admit_add_socket(struct admit *a, uint32_t queue, int fd)
{
	return bpf_map_update_elem(bpf_map__fd(a->bpf->maps.sockets), &queue, &fd, BPF_ANY) ? -errno
											    : 0;
}

int admit_attach(struct admit *a)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts,
		.flags = a->config.generic ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE);

	a->link = bpf_link_create(bpf_program__fd(a->program), a->config.ifindex, BPF_XDP, &opts);
	return a->link < 0 ? -errno : 0;
}

void admit_close(struct admit *a)
{
	if (!a)
		return;
	if (a->link >= 0)
		close(a->link);
	if (a->watches)
		munmap(a->watches, WATCHES_SIZE);
	admit_bpf__destroy(a->bpf);
	mem_free(a);
}
