// SPDX-License-Identifier: BSD-3-Clause
// One numbered UDP flow at a steady rate, and what a router lost or held up of it.
//
//	flow_gap send ADDRESS PORT RATE SECONDS
//	flow_gap receive ADDRESS PORT
//
// The receiver says "listening", ends with the sender's last packet (or after 5 s of silence), and
// prints one JSON object:
//	sent, received, lost               packets
//	late, duplicates                   of them: overtaken by others; come before
//	outage_ms                          the longest time in which all that was sent was lost
//	delay_ms                           the longest time that a packet took
//	overflow                           lost by the receiver's own socket, for want of room
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BATCH     64
#define SILENCE_S 5
#define NS        1000000000LL

struct record {
	int64_t sent_at; // CLOCK_REALTIME, as the kernel's receive timestamps
	uint64_t number;
	uint64_t is_last;
};

static int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return t.tv_sec * NS + t.tv_nsec;
}

static int open_socket(const char *address, const char *port, bool is_receiver)
{
	struct addrinfo hints = {.ai_socktype = SOCK_DGRAM, .ai_flags = AI_NUMERICHOST}, *a;
	int fd, size = 64 << 20, on = 1;

	if (getaddrinfo(address, port, &hints, &a) != 0) {
		fprintf(stderr, "flow_gap: no address: %s\n", address);
		exit(2);
	}
	fd = socket(a->ai_family, SOCK_DGRAM, 0);
	if (fd < 0 || (is_receiver ? bind : connect)(fd, a->ai_addr, a->ai_addrlen) < 0) {
		perror("flow_gap");
		exit(2);
	}
	freeaddrinfo(a);
	if (is_receiver) {
		struct timeval silence = {.tv_sec = SILENCE_S};

		setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
		setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
		setsockopt(fd, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof on);
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &silence, sizeof silence);
	}
	return fd;
}

// Every millisecond what is due. An error (unreachable, no buffers) is a lost packet like others.
static int run_sender(int fd, int64_t rate, int64_t seconds)
{
	int64_t start = now(), total = rate * seconds;
	struct record r = {0};

	while ((int64_t)r.number < total) {
		struct timespec pause = {.tv_nsec = 1000000};
		int64_t due = (now() - start) * rate / NS;

		for (; (int64_t)r.number < due && (int64_t)r.number < total; r.number++) {
			r.sent_at = now();
			(void)!send(fd, &r, sizeof r, MSG_DONTWAIT);
		}
		nanosleep(&pause, NULL);
	}
	for (int i = 0; i < 5; i++) { // what is on its way arrives; one of these will
		struct timespec pause = {.tv_nsec = 200000000};

		nanosleep(&pause, NULL);
		r.is_last = 1;
		r.sent_at = now();
		(void)!send(fd, &r, sizeof r, MSG_DONTWAIT);
	}
	return 0;
}

struct tally {
	uint64_t received, late, duplicates, overflow, total, next;
	int64_t last_sent, outage, delay;
	bool is_over;
	uint8_t *seen; // a bit for each number
	size_t size;
};

// False: it came before.
static bool is_new(struct tally *t, uint64_t number)
{
	uint8_t bit = 1 << number % 8;

	if (number / 8 >= t->size) {
		size_t size = number / 4 + 4096;

		t->seen = realloc(t->seen, size);
		if (!t->seen)
			exit(2);
		memset(t->seen + t->size, 0, size - t->size);
		t->size = size;
	}
	if (t->seen[number / 8] & bit)
		return false;
	t->seen[number / 8] |= bit;
	return true;
}

static void take(struct tally *t, const struct record *r, int64_t arrived)
{
	if (r->is_last) {
		t->total = r->number;
		t->is_over = true;
		return;
	}
	if (!is_new(t, r->number)) {
		t->duplicates++;
		return;
	}
	t->received++;
	if (r->number < t->next) {
		t->late++;
		return;
	}
	if (r->number > t->next && t->last_sent && r->sent_at - t->last_sent > t->outage)
		t->outage = r->sent_at - t->last_sent;
	if (arrived - r->sent_at > t->delay)
		t->delay = arrived - r->sent_at;
	t->next = r->number + 1;
	t->last_sent = r->sent_at;
}

static int64_t arrival(struct msghdr *m, struct tally *t)
{
	int64_t at = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level != SOL_SOCKET)
			continue;
		if (c->cmsg_type == SCM_TIMESTAMPNS) {
			struct timespec s;

			memcpy(&s, CMSG_DATA(c), sizeof s);
			at = s.tv_sec * NS + s.tv_nsec;
		} else if (c->cmsg_type == SO_RXQ_OVFL) {
			uint32_t n;

			memcpy(&n, CMSG_DATA(c), sizeof n);
			t->overflow = n;
		}
	}
	return at;
}

static int run_receiver(int fd)
{
	static struct record record[BATCH];
	static struct mmsghdr message[BATCH];
	static struct iovec iov[BATCH];
	static char control[BATCH][128];
	struct tally t = {0};

	fprintf(stderr, "listening\n");
	while (!t.is_over) {
		int n;

		for (int i = 0; i < BATCH; i++) {
			iov[i] = (struct iovec){&record[i], sizeof record[i]};
			message[i].msg_hdr = (struct msghdr){.msg_iov = &iov[i],
				.msg_iovlen = 1,
				.msg_control = control[i],
				.msg_controllen = sizeof control[i]};
		}
		n = recvmmsg(fd, message, BATCH, MSG_WAITFORONE, NULL);
		if (n < 0 && errno != EINTR)
			break;
		for (int i = 0; i < n; i++)
			take(&t, &record[i], arrival(&message[i].msg_hdr, &t));
	}
	if (!t.is_over)
		fprintf(stderr, "flow_gap: the end did not arrive\n");
	printf("{\"sent\": %lu, \"received\": %lu, \"lost\": %ld, \"late\": %lu, "
	       "\"duplicates\": %lu, \"outage_ms\": %.1f, \"delay_ms\": %.1f, \"overflow\": %lu}\n",
		t.total, t.received, (long)(t.total - t.received), t.late, t.duplicates,
		(double)t.outage / 1e6, (double)t.delay / 1e6, t.overflow);
	free(t.seen);
	return t.is_over ? 0 : 1;
}

int main(int argc, char **argv)
{
	if (argc == 6 && strcmp(argv[1], "send") == 0)
		return run_sender(
			open_socket(argv[2], argv[3], false), atol(argv[4]), atol(argv[5]));
	if (argc == 4 && strcmp(argv[1], "receive") == 0)
		return run_receiver(open_socket(argv[2], argv[3], true));
	fprintf(stderr, "usage: flow_gap send ADDRESS PORT RATE SECONDS | receive ADDRESS PORT\n");
	return 2;
}
