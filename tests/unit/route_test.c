// SPDX-License-Identifier: BSD-3-Clause
// The XDP program of routed ports, run by the kernel on frames of ours: what it takes, and why it
// does not take the rest. No socket serves its queue here: what it takes counts as `unserved`.
// Takes the privilege to load BPF programs.
#include "tests/unit/test.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "bpf/route.skel.h"
#include "bpf/shared.h"
#include "dataplane/path/ethernet.h"
#include "dataplane/port/admission.h"

enum { TAKEN = N_ROUTE_PASSES, STALLED, PASSES };

#define STALL_NS (50 * NS_PER_MS)

static const struct mac own = {{2, 0, 0, 0, 0, 1}};
static struct route_bpf *bpf;
static struct admission *admission;
static struct admit_watch *watch;
static struct route_passed *passed;
static struct route_interface *interface;
static uint8_t frame[128];
static unsigned size;

static void *map(const struct bpf_map *m, size_t n)
{
	void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(m), 0);

	assert_true(p != MAP_FAILED);
	return p;
}

static int silent(enum libbpf_print_level level, const char *format, va_list args)
{
	return 0;
}

static int begin(void **state)
{
	const struct admission_maps *m;
	int err = admission_create(&admission);

	if (err == -EPERM) {
		print_message("no permission to make BPF maps\n");
		_exit(77);
	}
	assert_int_equal(err, 0);
	m = admission_maps(admission);
	libbpf_set_print(silent);
	bpf = route_bpf__open();
	assert_non_null(bpf);
	bpf_program__set_autoload(bpf->progs.garuda_route, false);
	bpf->rodata->stall_ns = STALL_NS;
	bpf->rodata->let_ns = 10 * STALL_NS;
	bpf_map__reuse_fd(bpf->maps.local4, m->local4);
	bpf_map__reuse_fd(bpf->maps.local6, m->local6);
	bpf_map__reuse_fd(bpf->maps.left, m->left);
	bpf_map__reuse_fd(bpf->maps.shared, m->shared);
	assert_int_equal(route_bpf__load(bpf), 0);
	watch = map(bpf->maps.watches, ADMIT_QUEUES_MAX * sizeof(*watch));
	passed = map(bpf->maps.passed, ADMIT_QUEUES_MAX * sizeof(*passed));
	interface = map(bpf->maps.interface, sizeof(*interface));
	assert_int_equal(admission_add(admission, 7, interface, own), 0);
	return 0;
}

static int end(void **state)
{
	admission_remove(admission, 7);
	munmap(watch, ADMIT_QUEUES_MAX * sizeof(*watch));
	munmap(passed, ADMIT_QUEUES_MAX * sizeof(*passed));
	munmap(interface, sizeof(*interface));
	route_bpf__destroy(bpf);
	admission_destroy(admission);
	return 0;
}

// Runs the program on `frame`; returns its nanoseconds per packet.
static uint32_t run(int repeat)
{
	LIBBPF_OPTS(
		bpf_test_run_opts, opts, .data_in = frame, .data_size_in = size, .repeat = repeat);

	assert_int_equal(
		bpf_prog_test_run_opts(bpf_program__fd(bpf->progs.garuda_route_as_is), &opts), 0);
	assert_int_equal(opts.retval, XDP_PASS);
	return opts.duration;
}

// What the program says of `frame`.
static unsigned verdict(void)
{
	const struct route_passed before = passed[0];
	const struct admit_watch w = watch[0];
	unsigned found = PASSES;

	run(1);
	for (unsigned i = 0; i < N_ROUTE_PASSES; i++)
		if (passed[0].n[i] != before.n[i])
			found = i;
	if (watch[0].unserved != w.unserved)
		found = TAKEN;
	if (watch[0].stalled != w.stalled)
		found = STALLED;
	return found;
}

static struct ip_addr addr(const char *text)
{
	struct ip_addr a;

	assert_true(ip_parse(text, &a));
	return a;
}

// A good UDP packet between two addresses, to the port's MAC.
static void make(const char *from, const char *to)
{
	struct ip_addr src = addr(from), dst = addr(to);
	const bool ip4 = src.family == AF_INET;
	uint8_t *ip = frame + ETHERNET_HEADER_SIZE;

	memset(frame, 0, sizeof(frame));
	memcpy(frame, &own, sizeof(own));
	frame[6] = 2;
	frame[11] = 9;
	store_be16(frame + 12, ip4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6);
	ip[0] = ip4 ? 0x45 : 0x60;
	if (ip4) {
		ip[8] = 64;
		ip[9] = 17;
		memcpy(ip + 12, src.b, 4);
		memcpy(ip + 16, dst.b, 4);
	} else {
		ip[6] = 17;
		ip[7] = 64;
		memcpy(ip + 8, src.b, 16);
		memcpy(ip + 24, dst.b, 16);
	}
	size = 80;
}

static void make4(void)
{
	make("10.0.1.2", "10.0.2.2");
}

static void make6(void)
{
	make("fd00:1::2", "fd00:2::2");
}

static unsigned between(const char *from, const char *to)
{
	make(from, to);
	return verdict();
}

static unsigned with(unsigned offset, uint8_t value)
{
	frame[offset] = value;
	return verdict();
}

static void switches(void **state)
{
	make4();
	assert_int_equal(verdict(), ROUTE_PASS_OFF);
	admission_switch(admission, 7, false, true);
	assert_int_equal(verdict(), ROUTE_PASS_OFF);
	make6();
	assert_int_equal(verdict(), TAKEN);
	admission_switch(admission, 7, true, false);
	assert_int_equal(verdict(), ROUTE_PASS_OFF);
	make4();
	assert_int_equal(verdict(), TAKEN);
	assert_int_equal(admission_switch(admission, 8, true, true), -ENOENT);
	admission_switch_all(admission, false, true);
	assert_int_equal(verdict(), ROUTE_PASS_OFF);
	admission_switch(admission, 7, true, true); // and no switch overrides that
	assert_int_equal(verdict(), ROUTE_PASS_OFF);
	make6();
	assert_int_equal(verdict(), TAKEN);
	admission_switch_all(admission, true, true);
	admission_switch(admission, 7, true, true);
}

static void ethernet(void **state)
{
	for (unsigned i = 0; i < 6; i++) {
		make4();
		assert_int_equal(with(i, frame[i] ^ 0x10), ROUTE_PASS_MAC);
	}
	make4();
	store_be16(frame + 12, ETHERTYPE_ARP);
	assert_int_equal(verdict(), ROUTE_PASS_NOT_IP);
	store_be16(frame + 12, ETHERTYPE_VLAN);
	assert_int_equal(verdict(), ROUTE_PASS_TAGGED);
	store_be16(frame + 12, ETHERTYPE_QINQ);
	assert_int_equal(verdict(), ROUTE_PASS_TAGGED);
	make4();
	admission_set_mac(admission, 7, (struct mac){{2, 0, 0, 0, 0, 7}});
	assert_int_equal(verdict(), ROUTE_PASS_MAC);
	assert_int_equal(with(5, 7), TAKEN);
	admission_set_mac(admission, 7, own);
}

static void headers(void **state)
{
	enum { IP = ETHERNET_HEADER_SIZE };

	for (size = 0, make4(), size = IP; size < IP + 20; size++)
		assert_int_equal(verdict(), ROUTE_PASS_HEADER);
	size = IP + 20;
	assert_int_equal(verdict(), TAKEN);
	assert_int_equal(with(IP + 8, 2), TAKEN);
	assert_int_equal(with(IP + 8, 1), ROUTE_PASS_HEADER); // TTL
	assert_int_equal(with(IP + 8, 0), ROUTE_PASS_HEADER);
	make4();
	assert_int_equal(with(IP, 0x46), ROUTE_PASS_HEADER); // options
	assert_int_equal(with(IP, 0x44), ROUTE_PASS_HEADER);
	assert_int_equal(with(IP, 0x65), ROUTE_PASS_HEADER);
	for (make6(), size = IP; size < IP + 40; size++)
		assert_int_equal(verdict(), ROUTE_PASS_HEADER);
	size = IP + 40;
	assert_int_equal(verdict(), TAKEN);
	assert_int_equal(with(IP + 7, 1), ROUTE_PASS_HEADER);
	make6();
	assert_int_equal(with(IP + 6, 0), ROUTE_PASS_HEADER); // hop by hop
	assert_int_equal(with(IP + 6, 43), TAKEN);            // routing
	for (unsigned type = 128; type < 140; type++) {
		make6();
		frame[IP + 6] = 58;
		assert_int_equal(with(IP + 40, (uint8_t)type),
			type >= 133 && type <= 137 ? ROUTE_PASS_HEADER : TAKEN);
	}
	make6();
	size = IP + 40; // an ICMPv6 header that is not there
	assert_int_equal(with(IP + 6, 58), ROUTE_PASS_HEADER);
	make6();
	assert_int_equal(with(IP, 0x45), ROUTE_PASS_HEADER);
}

static void addresses(void **state)
{
	static const struct {
		const char *addr;
		bool may_send, may_receive;
	} rows[] = {{"0.0.0.0", 0, 0}, {"0.255.255.255", 0, 0}, {"1.0.0.0", 1, 1},
		{"126.255.255.255", 1, 1}, {"127.0.0.1", 0, 0}, {"127.255.255.255", 0, 0},
		{"128.0.0.0", 1, 1}, {"169.253.255.255", 1, 1}, {"169.254.0.1", 1, 0},
		{"169.255.0.0", 1, 1}, {"223.255.255.255", 1, 1}, {"224.0.0.1", 0, 0},
		{"239.255.255.255", 0, 0}, {"240.0.0.1", 0, 0}, {"255.255.255.255", 0, 0},
		{"::", 0, 0}, {"::1", 0, 0}, {"::2", 0, 0}, {"::ffff:10.0.0.1", 0, 0},
		{"64:ff9b::1", 1, 1}, {"0:0:1::", 1, 1}, {"2001:db8::1", 1, 1}, {"fc00::1", 1, 1},
		{"fe7f:ffff::", 1, 1}, {"fe80::1", 0, 0}, {"febf:ffff::1", 0, 0}, {"fec0::1", 1, 1},
		{"feff::1", 1, 1}, {"ff00::", 0, 0}, {"ff02::1", 0, 0}, {"ffff::1", 0, 0}};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *a = rows[i].addr;
		const char *peer = strchr(a, ':') ? "fd00:1::2" : "10.0.1.2";

		assert_int_equal(between(a, peer), rows[i].may_send ? TAKEN : ROUTE_PASS_ADDRESS);
		assert_int_equal(
			between(peer, a), rows[i].may_receive ? TAKEN : ROUTE_PASS_ADDRESS);
	}
}

static void local(const char *text, bool is_there)
{
	struct ip_prefix p;

	assert_true(prefix_parse(text, &p));
	assert_int_equal(admission_local(admission, &p, is_there), 0);
}

static void local_prefixes(void **state)
{
	static const char *const prefixes[] = {
		"10.9.0.1/32", "10.8.0.0/16", "fd09::1/128", "fd08::/16"};

	for (unsigned i = 0; i < 4; i++)
		local(prefixes[i], true);
	local(prefixes[0], true); // twice is once
	assert_int_equal(between("10.0.1.2", "10.9.0.1"), ROUTE_PASS_LOCAL);
	assert_int_equal(between("10.0.1.2", "10.9.0.2"), TAKEN);
	assert_int_equal(between("10.0.1.2", "10.8.255.255"), ROUTE_PASS_LOCAL);
	assert_int_equal(between("10.9.0.1", "10.0.1.2"), TAKEN); // the worker judges sources
	assert_int_equal(between("fd00::2", "fd09::1"), ROUTE_PASS_LOCAL);
	assert_int_equal(between("fd00::2", "fd09::2"), TAKEN);
	assert_int_equal(between("fd00::2", "fd08:1::2"), ROUTE_PASS_LOCAL);
	for (unsigned i = 0; i < 4; i++)
		local(prefixes[i], false);
	local(prefixes[0], false);
	assert_int_equal(between("10.0.1.2", "10.9.0.1"), TAKEN);
	assert_int_equal(between("fd00::2", "fd08:1::2"), TAKEN);
}

static void local_prefixes_have_a_limit(void **state)
{
	struct ip_prefix p = {.addr = {.family = AF_INET, .b = {10, 7}}, .len = 32};
	int err = 0;
	unsigned n;

	for (n = 0; n <= ADMISSION_LOCAL_MAX && !err; n++) {
		p.addr.b[2] = (uint8_t)(n >> 8);
		p.addr.b[3] = (uint8_t)n;
		err = admission_local(admission, &p, true);
	}
	assert_int_equal(err, -ENOSPC);
	assert_in_range(n, ADMISSION_LOCAL_MAX / 2, ADMISSION_LOCAL_MAX + 1);
	assert_int_equal(between("10.0.1.2", "10.7.0.77"), ROUTE_PASS_LOCAL);
	print_message("with %u local prefixes: %u ns\n", n - 1, run(100000));
	while (n-- > 0) {
		p.addr.b[2] = (uint8_t)(n >> 8);
		p.addr.b[3] = (uint8_t)n;
		assert_int_equal(admission_local(admission, &p, false), 0);
	}
	assert_int_equal(between("10.0.1.2", "10.7.0.77"), TAKEN);
	p.len = 33;
	assert_int_equal(admission_local(admission, &p, true), -EINVAL);
}

static void leave(const char *text)
{
	struct ip_addr a = addr(text);

	assert_int_equal(admission_leave(admission, &a, admission_generation(admission)), 0);
}

static void left_to_the_kernel(void **state)
{
	uint32_t old = admission_generation(admission);
	struct ip_addr late = addr("10.0.3.3");
	struct route_left_key key = {.family = AF_INET};
	struct route_left value;

	leave("10.0.3.2");
	leave("fd00:3::2");
	assert_int_equal(between("10.0.1.2", "10.0.3.2"), ROUTE_PASS_LEFT);
	assert_int_equal(between("10.0.1.2", "10.0.3.3"), TAKEN);
	assert_int_equal(between("fd00:1::2", "fd00:3::2"), ROUTE_PASS_LEFT);
	assert_int_equal(between("fd00:1::2", "fd00:3::3"), TAKEN);
	admission_forget(admission);
	assert_int_equal(between("10.0.1.2", "10.0.3.2"), TAKEN);
	// What was decided before is not believed after.
	assert_int_equal(admission_leave(admission, &late, old), 0);
	assert_int_equal(between("10.0.1.2", "10.0.3.3"), TAKEN);
	leave("10.0.3.3");
	assert_int_equal(between("10.0.1.2", "10.0.3.3"), ROUTE_PASS_LEFT);
	assert_int_equal(between("10.0.1.2", "10.0.3.2"), TAKEN); // of the old generation
	// After its time.
	memcpy(key.addr, late.b, 4);
	assert_int_equal(bpf_map_lookup_elem(admission_maps(admission)->left, &key, &value), 0);
	assert_in_range(value.until - clock_now_ns(), (ADMISSION_LEFT_S - 5) * NS_PER_SEC,
		ADMISSION_LEFT_S * NS_PER_SEC);
	value.until = clock_now_ns() - 10 * NS_PER_MS;
	assert_int_equal(
		bpf_map_update_elem(admission_maps(admission)->left, &key, &value, BPF_ANY), 0);
	assert_int_equal(between("10.0.1.2", "10.0.3.3"), TAKEN);
}

static void a_stalled_worker(void **state)
{
	uint64_t now = clock_now_ns(), let;

	make4();
	watch[0].first_pending = now - STALL_NS / 2;
	assert_int_equal(verdict(), TAKEN);
	watch[0].first_pending = now - 2 * STALL_NS;
	watch[0].let_through = 0;
	assert_int_equal(verdict(), TAKEN); // one, to wake it
	let = watch[0].let_through;
	assert_true(let >= now - 10 * NS_PER_MS);
	watch[0].first_pending = now - 2 * STALL_NS;
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(verdict(), STALLED);
	watch[0].let_through = let - 11 * STALL_NS;
	assert_int_equal(verdict(), TAKEN);
	watch[0].first_pending = 0;
	assert_int_equal(verdict(), TAKEN);
	assert_int_equal(watch[0].first_pending, 0); // no socket: nobody owes anything
}

// A child shares the maps, and dies with the mutex.
static void a_dead_process(void **state)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		admission_live(admission);
		kill(getpid(), SIGKILL);
	}
	assert_true(pid > 0);
	make4();
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(verdict(), ROUTE_PASS_OFF);
	admission_live(admission); // its successor
	assert_int_equal(verdict(), TAKEN);
	admission_end(admission);
	assert_int_equal(verdict(), TAKEN);
}

static void cost(void **state)
{
	local("10.0.2.1/32", true);
	local("fd00:2::1/128", true);
	make4();
	print_message("taken, IPv4: %u ns\n", run(1000000));
	make6();
	print_message("taken, IPv6: %u ns\n", run(1000000));
	make("10.0.1.2", "10.0.2.1");
	print_message("local, IPv4: %u ns\n", run(1000000));
	leave("10.0.3.3");
	make("10.0.1.2", "10.0.3.3");
	print_message("left, IPv4: %u ns\n", run(1000000));
	store_be16(frame + 12, ETHERTYPE_ARP);
	print_message("ARP: %u ns\n", run(1000000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(switches), // the first: the others find them on
		cmocka_unit_test(ethernet),
		cmocka_unit_test(headers),
		cmocka_unit_test(addresses),
		cmocka_unit_test(local_prefixes),
		cmocka_unit_test(local_prefixes_have_a_limit),
		cmocka_unit_test(left_to_the_kernel),
		cmocka_unit_test(a_stalled_worker),
		cmocka_unit_test(a_dead_process),
		cmocka_unit_test(cost),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
