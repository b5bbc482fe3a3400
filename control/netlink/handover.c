// SPDX-License-Identifier: BSD-3-Clause
// The queue between the mirror's thread and control. Batches are recycled: those that control is
// done with go to a list of free ones, of which a few are kept.
#include "control/netlink/handover.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/mem.h"

#define KEPT_FREE 16 // a MiB; the rest of a burst goes back

struct handover {
	pthread_mutex_t lock; // everything but `open` and `taken`
	pthread_cond_t room;
	struct handover_batch *first, **last; // what waits
	struct handover_batch *free;
	size_t n_waiting, n_free;
	int fd;
	bool closed;
	struct handover_batch *open;  // the mirror's thread's
	struct handover_batch *taken; // control's
};

int handover_create(struct handover **out)
{
	struct handover *h = mem_zalloc(sizeof(*h), 0);
	int err;

	if (!h)
		return -ENOMEM;
	h->last = &h->first;
	h->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (h->fd < 0) {
		err = -errno;
		mem_free(h);
		return err;
	}
	pthread_mutex_init(&h->lock, NULL);
	pthread_cond_init(&h->room, NULL);
	*out = h;
	return 0;
}

static void free_list(struct handover_batch *b)
{
	while (b) {
		struct handover_batch *next = b->next;

		mem_free(b);
		b = next;
	}
}

void handover_destroy(struct handover *h)
{
	if (!h)
		return;
	free_list(h->first);
	free_list(h->free);
	mem_free(h->open);
	mem_free(h->taken);
	close(h->fd);
	pthread_cond_destroy(&h->room);
	pthread_mutex_destroy(&h->lock);
	mem_free(h);
}

struct handover_batch *handover_open(struct handover *h)
{
	struct handover_batch *b = h->open;

	if (b)
		return b;
	pthread_mutex_lock(&h->lock);
	b = h->free;
	if (b) {
		h->free = b->next;
		h->n_free--;
	}
	pthread_mutex_unlock(&h->lock);
	if (!b && !(b = mem_alloc(sizeof(*b), 0)))
		return NULL;
	b->next = NULL;
	b->size = 0;
	h->open = b;
	return b;
}

bool handover_put(struct handover *h)
{
	struct handover_batch *b = h->open, *tail;
	uint64_t one = 1;
	bool closed;

	if (!b || !b->size)
		return true;
	pthread_mutex_lock(&h->lock);
	tail = h->first ? container_of(h->last, struct handover_batch, next) : NULL;
	if (tail && tail->size + b->size <= HANDOVER_BATCH_SIZE) {
		memcpy(tail->bytes + tail->size, b->bytes, b->size);
		tail->size += b->size;
		b->size = 0;
		closed = h->closed;
		pthread_mutex_unlock(&h->lock);
		return !closed;
	}
	while (h->n_waiting >= HANDOVER_MAX_BATCHES && !h->closed)
		pthread_cond_wait(&h->room, &h->lock);
	closed = h->closed;
	if (!closed) {
		*h->last = b;
		h->last = &b->next;
		h->open = NULL;
		if (h->n_waiting++ == 0)
			(void)!write(h->fd, &one, sizeof(one));
	}
	pthread_mutex_unlock(&h->lock);
	return !closed;
}

int handover_fd(const struct handover *h)
{
	return h->fd;
}

// The batch that control is done with, under the lock; returns what is to be freed outside of it.
static struct handover_batch *recycle(struct handover *h)
{
	struct handover_batch *b = h->taken;

	h->taken = NULL;
	if (!b || h->n_free >= KEPT_FREE)
		return b;
	b->next = h->free;
	h->free = b;
	h->n_free++;
	return NULL;
}

const struct handover_batch *handover_take(struct handover *h)
{
	struct handover_batch *b, *surplus;
	uint64_t count;

	pthread_mutex_lock(&h->lock);
	surplus = recycle(h);
	b = h->first;
	if (b) {
		h->first = b->next;
		if (!h->first)
			h->last = &h->first;
		// Not for each batch: the thread wakes to fill many.
		if (--h->n_waiting == HANDOVER_MAX_BATCHES / 2)
			pthread_cond_signal(&h->room);
	}
	if (!h->first)
		(void)!read(h->fd, &count, sizeof(count));
	h->taken = b;
	pthread_mutex_unlock(&h->lock);
	mem_free(surplus);
	return b;
}

void handover_close(struct handover *h)
{
	pthread_mutex_lock(&h->lock);
	h->closed = true;
	pthread_cond_signal(&h->room);
	pthread_mutex_unlock(&h->lock);
}

size_t handover_waiting(struct handover *h)
{
	size_t n;

	pthread_mutex_lock(&h->lock);
	n = h->n_waiting;
	pthread_mutex_unlock(&h->lock);
	return n;
}
