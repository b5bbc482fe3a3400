// SPDX-License-Identifier: BSD-3-Clause
// The exception path's rings, meter and thread, with a socket in the TAP's place. What the kernel
// makes of it is tests/system/routed_port_test.sh.
#include "tests/unit/test.h"

#include <errno.h>
#include <linux/virtio_net.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "dataplane/exception.h"
#include "dataplane/path/ethernet.h"
#include "tests/unit/packets.h"

enum { N_FRAMES = 8192, PORT = 6, N_WORKERS = 2 };

static struct packet_pool *pool;
static struct packet_cache cache[N_WORKERS];
static struct exception *exception;
static int ours, theirs;

static int begin(void **state)
{
	struct exception_config c = {.n_workers = N_WORKERS, .netns_fd = -1, .admission = NULL};
	char error[EXCEPTION_ERROR_SIZE];
	int pair[2];

	assert_int_equal(packet_pool_create(&pool, N_FRAMES), 0);
	for (unsigned i = 0; i < N_WORKERS; i++)
		packet_cache_init(&cache[i], pool);
	// As a TAP: a write is a packet. Unlike one it blocks, so that a ring can be filled.
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	ours = pair[0];
	theirs = pair[1];
	c.pool = pool;
	c.fd = ours;
	assert_int_equal(exception_create(&exception, &c, error), 0);
	assert_int_equal(exception_map_port(exception, PORT, 1), 0);
	return 0;
}

static int end(void **state)
{
	struct pool_stats stats;

	exception_destroy(exception);
	for (unsigned i = 0; i < N_WORKERS; i++)
		packet_cache_flush(&cache[i]);
	packet_pool_stats(pool, &stats);
	packet_pool_destroy(pool);
	close(ours);
	close(theirs);
	return stats.frames_free == N_FRAMES ? 0 : -1;
}

static struct packet *make(unsigned worker, uint16_t len)
{
	struct packet *p = packet_alloc(&cache[worker]);

	assert_non_null(p);
	p->len = len;
	p->total_len = len;
	for (unsigned i = 0; i < len; i++)
		p->data[i] = (uint8_t)i;
	return p;
}

// False: refused, and freed.
static bool push(unsigned worker, enum exception_reason reason)
{
	struct packet *p = make(worker, 60);

	if (exception_push(exception, worker, p, PORT, reason, clock_now_ns()))
		return true;
	packet_free(&cache[worker], p);
	return false;
}

static void wait_idle(void)
{
	while (!exception_is_idle(exception))
		usleep(100);
}

static struct exception_stats stats(void)
{
	struct exception_stats s;

	exception_stats(exception, &s);
	return s;
}

static void written_as_received_behind_a_tag(void **state)
{
	struct packet *p = make(0, 100), *next = make(0, 50);
	struct virtio_net_hdr_v1 h;
	uint8_t b[512];

	p->next = next;
	p->n_frames = 2;
	p->total_len = 150;
	p->flags = PACKET_CSUM;
	p->csum_start = 34;
	p->csum_offset = 16;
	p->gso_type = GSO_TCP4;
	p->gso_size = 40;
	p->hdr_len = 54;
	assert_true(exception_push(exception, 0, p, PORT, EXCEPTION_local, clock_now_ns()));
	assert_int_equal(recv(theirs, b, sizeof(b), 0), sizeof(h) + 150 + 4);
	memcpy(&h, b, sizeof(h));
	assert_int_equal(h.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
	assert_int_equal(h.csum_start, 34 + 4);
	assert_int_equal(h.csum_offset, 16);
	assert_int_equal(h.gso_type, VIRTIO_NET_HDR_GSO_TCPV4);
	assert_int_equal(h.gso_size, 40);
	assert_int_equal(h.hdr_len, 54 + 4);
	for (unsigned i = 0; i < 12; i++)
		assert_int_equal(b[sizeof(h) + i], i);
	assert_int_equal(load_be16(b + sizeof(h) + 12), ETHERTYPE_VLAN);
	assert_int_equal(load_be16(b + sizeof(h) + 14), PORT + 1);
	for (unsigned i = 12; i < 150; i++)
		assert_int_equal(b[sizeof(h) + 4 + i], i < 100 ? i : i - 100);
	wait_idle();
	assert_int_equal(stats().written, 1);
}

static void metered_by_port_but_not_what_is_the_kernels(void **state)
{
	unsigned n = 0;
	uint8_t b[128];

	clock_freeze();
	exception_set_rate(exception, PORT, 1000);
	while (push(0, EXCEPTION_ttl)) {
		assert_true(++n < 1000);
		assert_true(recv(theirs, b, sizeof(b), 0) > 0);
	}
	assert_in_range(n, 100, 102);         // of 0.1 s
	assert_false(push(1, EXCEPTION_ttl)); // another worker has the same meter
	for (enum exception_reason r = 0; r < N_EXCEPTION_REASONS; r++) {
		bool free_of_it =
			r == EXCEPTION_local || r == EXCEPTION_leave || r == EXCEPTION_not_taken;

		assert_int_equal(push(0, r), free_of_it);
		if (free_of_it)
			assert_true(recv(theirs, b, sizeof(b), 0) > 0);
	}
	clock_warp_ns(10 * NS_PER_MS);
	for (n = 0; push(0, EXCEPTION_ttl); n++)
		assert_true(recv(theirs, b, sizeof(b), 0) > 0);
	assert_int_equal(n, 10);
	exception_set_rate(exception, PORT, 0);
	for (n = 0; n < 3000; n++) {
		assert_true(push(0, EXCEPTION_ttl));
		assert_true(recv(theirs, b, sizeof(b), 0) > 0);
	}
	assert_int_equal(stats().metered, 2 + N_EXCEPTION_REASONS - 3 + 1);
	clock_unfreeze();
}

static void a_full_ring_refuses_and_what_waited_is_not_written(void **state)
{
	unsigned n = 0, lasting = 0;
	uint8_t b[128];

	clock_freeze();
	// Until the socket, and then the ring, take no more.
	while (lasting < 100) {
		if (push(0, EXCEPTION_local)) {
			n++;
			lasting = 0;
		} else {
			lasting++;
			usleep(1000);
		}
	}
	assert_true(n > EXCEPTION_RING_SIZE);
	assert_true(stats().full >= 100);
	assert_true(push(1, EXCEPTION_local)); // another worker's ring has room
	clock_warp_ns(EXCEPTION_STALE_NS + 1);
	while (!exception_is_idle(exception))
		if (recv(theirs, b, sizeof(b), MSG_DONTWAIT) < 0)
			usleep(100);
	assert_true(stats().stale > EXCEPTION_RING_SIZE / 2);
	assert_int_equal(stats().stale + stats().written, n + 1);
	assert_int_equal(stats().pushed, n + 1);
	clock_unfreeze();
}

static void a_port_without_interface(void **state)
{
	uint8_t b[128];

	exception_unmap_port(exception, PORT);
	assert_true(push(0, EXCEPTION_local));
	wait_idle();
	assert_int_equal(stats().gone, 1);
	assert_int_equal(recv(theirs, b, sizeof(b), MSG_DONTWAIT), -1);
	exception_map_port(exception, PORT, 2);
	assert_true(push(0, EXCEPTION_local));
	assert_true(recv(theirs, b, sizeof(b), 0) > 0);
}

static void a_failed_write_is_counted(void **state)
{
	int pipe_ends[2];

	assert_int_equal(pipe(pipe_ends), 0);
	assert_true(dup2(pipe_ends[0], ours) >= 0); // EBADF: it cannot be written
	assert_true(push(0, EXCEPTION_local));
	wait_idle();
	assert_int_equal(stats().errors, 1);
	close(pipe_ends[0]);
	close(pipe_ends[1]);
}

// Pushed just when the thread falls asleep: a packet may not be left lying in the ring.
static void the_last_packet_wakes_the_thread(void **state)
{
	uint8_t b[128];

	for (unsigned i = 0; i < 30000; i++) {
		unsigned wait = random_below(1000);
		uint64_t until = clock_now_ns() + 2 * NS_PER_SEC;

		for (volatile unsigned k = 0; k < wait; k++)
			continue;
		assert_true(push(i % N_WORKERS, EXCEPTION_local));
		// Does not sleep: the thread must not have the time to.
		while (recv(theirs, b, sizeof(b), MSG_DONTWAIT) < 0)
			assert_true(clock_now_ns() < until);
	}
}

struct pusher {
	pthread_t thread;
	unsigned worker, pushed;
};

static void *push_many(void *arg)
{
	struct pusher *p = arg;

	for (unsigned i = 0; i < 5000; i++)
		p->pushed += push(p->worker, EXCEPTION_local);
	return NULL;
}

static void workers_push_at_the_same_time(void **state)
{
	struct pusher p[N_WORKERS] = {0};
	struct timeval limit = {.tv_sec = 1};
	unsigned got = 0;
	uint8_t b[128];

	setsockopt(theirs, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	for (unsigned i = 0; i < N_WORKERS; i++) {
		p[i].worker = i;
		assert_int_equal(pthread_create(&p[i].thread, NULL, push_many, &p[i]), 0);
	}
	while (recv(theirs, b, sizeof(b), 0) > 0)
		got++;
	for (unsigned i = 0; i < N_WORKERS; i++)
		pthread_join(p[i].thread, NULL);
	assert_true(p[0].pushed + p[1].pushed > 0);
	assert_int_equal(got + stats().stale, p[0].pushed + p[1].pushed);
}

static void creation_survives_failing_memory(void **state)
{
	struct exception_config c = {
		.pool = pool, .n_workers = N_WORKERS, .netns_fd = -1, .fd = ours};
	char error[EXCEPTION_ERROR_SIZE];
	struct exception *e;

	for (unsigned n = 1; n <= 1 + N_WORKERS; n++) {
		mem_fail_at(n);
		assert_int_equal(exception_create(&e, &c, error), -ENOMEM);
		assert_true(*error);
	}
	mem_fail_at(0);
	exception_destroy(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(written_as_received_behind_a_tag, begin, end),
		cmocka_unit_test_setup_teardown(
			metered_by_port_but_not_what_is_the_kernels, begin, end),
		cmocka_unit_test_setup_teardown(
			a_full_ring_refuses_and_what_waited_is_not_written, begin, end),
		cmocka_unit_test_setup_teardown(a_port_without_interface, begin, end),
		cmocka_unit_test_setup_teardown(a_failed_write_is_counted, begin, end),
		cmocka_unit_test_setup_teardown(the_last_packet_wakes_the_thread, begin, end),
		cmocka_unit_test_setup_teardown(workers_push_at_the_same_time, begin, end),
		cmocka_unit_test_setup_teardown(creation_survives_failing_memory, begin, end),
	};

	random_seed();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
