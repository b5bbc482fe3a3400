// SPDX-License-Identifier: BSD-3-Clause
// The maps of bpf/route.bpf.c that are not one port's own.
#include "dataplane/port/admission.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "bpf/shared.h"

struct entry {
	int ifindex;
	struct route_interface *interface;
};

struct admission {
	struct admission_maps maps;
	struct route_shared *shared; // mapped
	bool may_ip4, may_ip6;
	unsigned n;
	struct entry entry[ADMISSION_PORTS_MAX];
};

static_assert(AF_INET == 2 && AF_INET6 == 10, "what the program has in its keys");

static_assert(sizeof(pthread_mutex_t) <= sizeof(((struct route_shared *)0)->owner) &&
		      offsetof(pthread_mutex_t, __data.__lock) == 0 &&
		      FUTEX_OWNER_DIED == ROUTE_OWNER_DIED,
	"the program knows where the mutex says that its owner died");

static int create_map(int *out, enum bpf_map_type type, const char *name, size_t key, size_t value,
	uint32_t max, uint32_t flags)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = flags);

	*out = bpf_map_create(type, name, (uint32_t)key, (uint32_t)value, max, &opts);
	return *out < 0 ? -errno : 0;
}

static int create_maps(struct admission *a)
{
	int err = create_map(&a->maps.local4, BPF_MAP_TYPE_LPM_TRIE, "garuda_local4",
		sizeof(struct route_key4), sizeof(uint8_t), ADMISSION_LOCAL_MAX, BPF_F_NO_PREALLOC);

	if (!err)
		err = create_map(&a->maps.local6, BPF_MAP_TYPE_LPM_TRIE, "garuda_local6",
			sizeof(struct route_key6), sizeof(uint8_t), ADMISSION_LOCAL_MAX,
			BPF_F_NO_PREALLOC);
	if (!err)
		err = create_map(&a->maps.left, BPF_MAP_TYPE_LRU_HASH, "garuda_left",
			sizeof(struct route_left_key), sizeof(struct route_left),
			ADMISSION_LEFT_MAX, 0);
	if (!err)
		err = create_map(&a->maps.shared, BPF_MAP_TYPE_ARRAY, "garuda_shared",
			sizeof(uint32_t), sizeof(struct route_shared), 1, BPF_F_MMAPABLE);
	return err;
}

int admission_create(struct admission **out)
{
	struct admission *a = mem_zalloc(sizeof(*a), 0);
	int err;

	if (!a)
		return -ENOMEM;
	a->maps = (struct admission_maps){-1, -1, -1, -1};
	a->may_ip4 = a->may_ip6 = true;
	err = create_maps(a);
	if (err)
		goto err;
	a->shared = mmap(NULL, sizeof(*a->shared), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_POPULATE, a->maps.shared, 0);
	if (a->shared == MAP_FAILED) {
		err = -errno;
		a->shared = NULL;
		goto err;
	}
	a->shared->generation = 1; // no destination was left in generation 0
	*out = a;
	return 0;

err:
	admission_destroy(a);
	return err;
}

void admission_destroy(struct admission *a)
{
	if (!a)
		return;
	if (a->shared)
		munmap(a->shared, sizeof(*a->shared));
	for (int *fd = (int[]){a->maps.local4, a->maps.local6, a->maps.left, a->maps.shared, -2};
		*fd != -2; fd++)
		if (*fd >= 0)
			close(*fd);
	mem_free(a);
}

const struct admission_maps *admission_maps(const struct admission *a)
{
	return &a->maps;
}

int admission_local(struct admission *a, const struct ip_prefix *p, bool is_there)
{
	const bool ip4 = p->addr.family == AF_INET;
	struct route_key4 key4 = {.prefix_len = p->len};
	struct route_key6 key6 = {.prefix_len = p->len};
	const void *key = ip4 ? (const void *)&key4 : (const void *)&key6;
	int map = ip4 ? a->maps.local4 : a->maps.local6;
	uint8_t one = 1;

	if ((!ip4 && p->addr.family != AF_INET6) || p->len > (ip4 ? 32 : 128))
		return -EINVAL;
	memcpy(key4.addr, p->addr.b, sizeof(key4.addr));
	memcpy(key6.addr, p->addr.b, sizeof(key6.addr));
	if (is_there)
		return bpf_map_update_elem(map, key, &one, BPF_ANY) ? -errno : 0;
	return bpf_map_delete_elem(map, key) && errno != ENOENT ? -errno : 0;
}

uint32_t admission_generation(const struct admission *a)
{
	return __atomic_load_n(&a->shared->generation, __ATOMIC_ACQUIRE);
}

int admission_leave(struct admission *a, const struct ip_addr *addr, uint32_t generation)
{
	struct route_left_key key = {.family = addr->family};
	struct route_left left = {
		.generation = generation, .until = clock_now_ns() + ADMISSION_LEFT_S * NS_PER_SEC};

	if (addr->family != AF_INET && addr->family != AF_INET6)
		return -EINVAL;
	if (generation != admission_generation(a))
		return 0;
	memcpy(key.addr, addr->b, addr->family == AF_INET ? 4 : 16);
	if (bpf_map_update_elem(a->maps.left, &key, &left, BPF_ANY))
		return -errno;
	__atomic_store_n(&a->shared->left_generation, generation, __ATOMIC_RELEASE);
	return 0;
}

void admission_forget(struct admission *a)
{
	__atomic_store_n(&a->shared->generation, a->shared->generation + 1, __ATOMIC_RELEASE);
}

// Neither call ever waits: nobody else locks it.
void admission_live(struct admission *a)
{
	pthread_mutex_t *m = (pthread_mutex_t *)a->shared->owner;
	pthread_mutexattr_t attributes;

	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
	pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
	pthread_mutex_init(m, &attributes);
	pthread_mutexattr_destroy(&attributes);
	pthread_mutex_lock(m);
}

void admission_end(struct admission *a)
{
	pthread_mutex_unlock((pthread_mutex_t *)a->shared->owner);
}

static struct entry *find(struct admission *a, int ifindex)
{
	for (unsigned i = 0; i < a->n; i++)
		if (a->entry[i].ifindex == ifindex)
			return &a->entry[i];
	return NULL;
}

static void set_switches(struct route_interface *i, bool ip4, bool ip6)
{
	__atomic_store_n(&i->accelerate,
		(ip4 ? ROUTE_ACCELERATE4 : 0u) | (ip6 ? ROUTE_ACCELERATE6 : 0u), __ATOMIC_RELEASE);
}

int admission_switch(struct admission *a, int ifindex, bool ip4, bool ip6)
{
	struct entry *e = find(a, ifindex);

	if (!e)
		return -ENOENT;
	set_switches(e->interface, ip4 && a->may_ip4, ip6 && a->may_ip6);
	return 0;
}

int admission_restrict(struct admission *a, int ifindex, bool may_ip4, bool may_ip6)
{
	struct entry *e = find(a, ifindex);
	uint32_t set;

	if (!e)
		return -ENOENT;
	set = e->interface->accelerate;
	set_switches(e->interface, may_ip4 && set & ROUTE_ACCELERATE4,
		may_ip6 && set & ROUTE_ACCELERATE6);
	return 0;
}

void admission_switch_all(struct admission *a, bool may_ip4, bool may_ip6)
{
	a->may_ip4 = may_ip4;
	a->may_ip6 = may_ip6;
	for (unsigned i = 0; i < a->n; i++) {
		uint32_t set = a->entry[i].interface->accelerate;

		set_switches(a->entry[i].interface, may_ip4 && set & ROUTE_ACCELERATE4,
			may_ip6 && set & ROUTE_ACCELERATE6);
	}
}

static void set_mac(struct route_interface *i, struct mac mac)
{
	uint8_t frame[8] = {0};
	uint64_t start;

	memcpy(frame, mac.b, sizeof(mac.b));
	memcpy(&start, frame, sizeof(start));
	__atomic_store_n(&i->mac, start, __ATOMIC_RELEASE);
}

int admission_set_mac(struct admission *a, int ifindex, struct mac mac)
{
	struct entry *e = find(a, ifindex);

	if (!e)
		return -ENOENT;
	set_mac(e->interface, mac);
	return 0;
}

int admission_add(
	struct admission *a, int ifindex, struct route_interface *interface, struct mac mac)
{
	if (find(a, ifindex))
		return -EEXIST;
	if (a->n == ADMISSION_PORTS_MAX)
		return -ENOSPC;
	set_mac(interface, mac);
	set_switches(interface, false, false);
	a->entry[a->n++] = (struct entry){ifindex, interface};
	return 0;
}

void admission_remove(struct admission *a, int ifindex)
{
	struct entry *e = find(a, ifindex);

	if (e)
		*e = a->entry[--a->n];
}
