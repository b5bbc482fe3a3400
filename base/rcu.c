// SPDX-License-Identifier: BSD-3-Clause
// rcu.h over liburcu-qsbr. Objects whose grace period ended are pushed by
// liburcu's call_rcu thread on a lock-free stack; control takes the whole
// stack, turns it round and releases in the order of retirement.
#include "base/rcu.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define URCU_API_MAP
#include <urcu/urcu-qsbr.h>

#if defined(__SANITIZE_THREAD__)
#define TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TSAN 1
#endif
#endif

static char tsan_grace; // the address that stands for "a grace period" in annotations

#ifdef TSAN
void __tsan_acquire(void *);
void __tsan_release(void *);
#define tsan_acquire() __tsan_acquire(&tsan_grace)
#define tsan_release() __tsan_release(&tsan_grace)
#else
#define tsan_acquire() ((void)&tsan_grace)
#define tsan_release() ((void)&tsan_grace)
#endif

static_assert(sizeof(struct rcu_head) <= sizeof(((struct rcu_retired *)0)->opaque),
	"liburcu's call record must fit");

static _Atomic(struct rcu_retired *) ready; // pushed by the call_rcu thread, taken by control
static struct rcu_retired *taken;           // control: turned round, oldest first
static uint64_t outstanding;                // control: retired and not yet released
static _Atomic int wake_fd = -1;            // set once; read by liburcu's thread too

void rcu_reader_register(void)
{
	rcu_register_thread();
	tsan_acquire();
}

void rcu_reader_unregister(void)
{
	tsan_release();
	rcu_unregister_thread();
}

void rcu_quiescent(void)
{
	tsan_release();
	rcu_quiescent_state();
}

void rcu_offline(void)
{
	tsan_release();
	rcu_thread_offline();
}

void rcu_online(void)
{
	rcu_thread_online();
}

int rcu_reclaim_fd(void)
{
	// Readable from the start: what waits since before it existed was not announced.
	if (wake_fd < 0)
		wake_fd = eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC);
	return wake_fd < 0 ? -errno : wake_fd;
}

static void grace_over(struct rcu_head *head)
{
	struct rcu_retired *obj = container_of((void *)head, struct rcu_retired, opaque);
	struct rcu_retired *first = atomic_load_explicit(&ready, memory_order_relaxed);
	uint64_t one = 1;

	tsan_acquire();
	do
		obj->next = first;
	while (!atomic_compare_exchange_weak_explicit(
		&ready, &first, obj, memory_order_release, memory_order_relaxed));
	if (!first && wake_fd >= 0 && write(wake_fd, &one, sizeof(one)) < 0) {
		// The counter is at its limit: the fd is readable already.
	}
}

void rcu_retire(struct rcu_retired *obj, void (*release)(struct rcu_retired *))
{
	obj->release = release;
	outstanding++;
	tsan_release();
	call_rcu((struct rcu_head *)(void *)obj->opaque, grace_over);
}

unsigned rcu_reclaim(unsigned max)
{
	unsigned n = 0;
	uint64_t one = 1;

	if (wake_fd >= 0) {
		uint64_t drained;

		if (read(wake_fd, &drained, sizeof(drained)) < 0) {
			// Empty already: another object may still be ready.
		}
	}
	for (;;) {
		struct rcu_retired *obj = taken;

		if (!obj) {
			struct rcu_retired *list =
				atomic_exchange_explicit(&ready, NULL, memory_order_acquire);

			while (list) {
				struct rcu_retired *next = list->next;

				list->next = taken;
				taken = list;
				list = next;
			}
			obj = taken;
			if (!obj)
				return n;
		}
		if (max && n == max)
			break;
		taken = obj->next;
		obj->release(obj);
		outstanding--;
		n++;
	}
	if (wake_fd >= 0 && write(wake_fd, &one, sizeof(one)) < 0) {
		// As above.
	}
	return n;
}

void rcu_barrier_reclaim(void)
{
	while (outstanding)
		if (!rcu_reclaim(0))
			usleep(200);
}
