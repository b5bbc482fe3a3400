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
#include "dataplane/port/admission.h"
#include "dataplane/port/port.h"

#include "bpf/admit.skel.h"
#include "bpf/route.skel.h"

// Newer than some distributions' linux/bpf.h.
#define PROGRAM_DEVICE_BOUND (1u << 6) // BPF_F_XDP_DEV_BOUND_ONLY

struct admit {
	struct admit_config config;
	struct admit_bpf *switched; // one of these two
	struct route_bpf *routed;   //
	int program;
	int sockets;                 // the XSKMAP
	struct admit_watch *watches; // ADMIT_QUEUES_MAX, the kernel's map
	struct route_passed *passed; // the same of a routed port
	struct route_interface *interface;
	bool is_added; // to the admission
	int link;
};

static_assert(sizeof(struct admit_watch) == CACHE_LINE, "one line per queue");
static_assert(sizeof(struct route_passed) == CACHE_LINE, "one line per queue");

#define WATCHES_SIZE (ADMIT_QUEUES_MAX * sizeof(struct admit_watch))
#define PASSED_SIZE  (ADMIT_QUEUES_MAX * sizeof(struct route_passed))

static int silent(enum libbpf_print_level level, const char *format, va_list args)
{
	return 0;
}

static int load(struct bpf_object_skeleton *skeleton)
{
	libbpf_print_fn_t print = libbpf_set_print(silent);
	int err = bpf_object__load_skeleton(skeleton);

	libbpf_set_print(print);
	return err;
}

// Of the two programs of an object, the one that is to be loaded.
static struct bpf_program *choose(
	const struct admit *a, struct bpf_program *with_tags, struct bpf_program *as_is)
{
	struct bpf_program *p = a->config.put_tags ? with_tags : as_is;

	bpf_program__set_autoload(with_tags, a->config.put_tags);
	bpf_program__set_autoload(as_is, !a->config.put_tags);
	if (a->config.put_tags) {
		bpf_program__set_ifindex(p, (uint32_t)a->config.ifindex);
		bpf_program__set_flags(p, bpf_program__flags(p) | PROGRAM_DEVICE_BOUND);
	}
	return p;
}

// *out is NULL on failure.
static int map(const struct bpf_map *m, size_t size, void *out)
{
	void *p = mmap(
		NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, bpf_map__fd(m), 0);

	*(void **)out = p == MAP_FAILED ? NULL : p;
	return p == MAP_FAILED ? -errno : 0;
}

static int load_switched(struct admit *a)
{
	struct bpf_program *p;
	int err;

	a->switched = admit_bpf__open();
	if (!a->switched)
		return -errno;
	p = choose(a, a->switched->progs.garuda_admit, a->switched->progs.garuda_admit_as_is);
	a->switched->rodata->bpdu_guard = a->config.bpdu_guard;
	a->switched->rodata->stall_ns = a->config.stall_ns;
	err = load(a->switched->skeleton);
	if (err)
		return err;
	a->program = bpf_program__fd(p);
	a->sockets = bpf_map__fd(a->switched->maps.sockets);
	return map(a->switched->maps.watches, WATCHES_SIZE, &a->watches);
}

static int share_maps(struct route_bpf *r, const struct admission_maps *m)
{
	int err = bpf_map__reuse_fd(r->maps.local4, m->local4);

	if (!err)
		err = bpf_map__reuse_fd(r->maps.local6, m->local6);
	if (!err)
		err = bpf_map__reuse_fd(r->maps.left, m->left);
	if (!err)
		err = bpf_map__reuse_fd(r->maps.shared, m->shared);
	return err;
}

static int load_routed(struct admit *a)
{
	struct bpf_program *p;
	int err;

	a->routed = route_bpf__open();
	if (!a->routed)
		return -errno;
	p = choose(a, a->routed->progs.garuda_route, a->routed->progs.garuda_route_as_is);
	a->routed->rodata->stall_ns = a->config.stall_ns;
	a->routed->rodata->let_ns = PORT_STALL_NS;
	err = share_maps(a->routed, admission_maps(a->config.admission));
	if (!err)
		err = load(a->routed->skeleton);
	if (err)
		return err;
	a->program = bpf_program__fd(p);
	a->sockets = bpf_map__fd(a->routed->maps.sockets);
	err = map(a->routed->maps.watches, WATCHES_SIZE, &a->watches);
	if (!err)
		err = map(a->routed->maps.passed, PASSED_SIZE, &a->passed);
	if (!err)
		err = map(a->routed->maps.interface, sizeof(*a->interface), &a->interface);
	if (!err)
		err = admission_add(
			a->config.admission, a->config.ifindex, a->interface, a->config.mac);
	a->is_added = !err;
	return err;
}

int admit_load(struct admit **out, const struct admit_config *config)
{
	struct admit *a = mem_zalloc(sizeof(*a), 0);
	int err;

	if (!a)
		return -ENOMEM;
	a->link = -1;
	a->config = *config;
	err = config->admission ? load_routed(a) : load_switched(a);
	if (err) {
		admit_close(a);
		return err;
	}
	*out = a;
	return 0;
}

struct admit_watch *admit_watch(struct admit *a, uint32_t queue)
{
	return &a->watches[queue];
}

struct route_passed *admit_passed(struct admit *a, uint32_t queue)
{
	return a->passed ? &a->passed[queue] : NULL;
}

int admit_add_socket(struct admit *a, uint32_t queue, int fd)
{
	return bpf_map_update_elem(a->sockets, &queue, &fd, BPF_ANY) ? -errno : 0;
}

int admit_attach(struct admit *a)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts,
		.flags = a->config.generic ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE);

	a->link = bpf_link_create(a->program, a->config.ifindex, BPF_XDP, &opts);
	return a->link < 0 ? -errno : 0;
}

void admit_close(struct admit *a)
{
	if (!a)
		return;
	if (a->link >= 0)
		close(a->link);
	if (a->is_added)
		admission_remove(a->config.admission, a->config.ifindex);
	if (a->watches)
		munmap(a->watches, WATCHES_SIZE);
	if (a->passed)
		munmap(a->passed, PASSED_SIZE);
	if (a->interface)
		munmap(a->interface, sizeof(*a->interface));
	admit_bpf__destroy(a->switched);
	route_bpf__destroy(a->routed);
	mem_free(a);
}
