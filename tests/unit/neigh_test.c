// SPDX-License-Identifier: BSD-3-Clause
#include "tests/unit/test.h"

#include <errno.h>
#include <linux/neighbour.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "base/mem.h"
#include "base/rcu.h"
#include "dataplane/table/neigh.h"
#include "tests/unit/operations.h"

static const uint64_t secret[2] = {0x123456789abcdef1, 0xfedcba9876543211};
static const struct mac host = {{2, 0, 0, 0, 0, 9}}, own = {{2, 0xaa, 0xbb, 0xcc, 0xdd, 0xee}};

static struct neigh *make(uint32_t max)
{
	struct neigh_config c = {max, secret};
	struct neigh *t;

	assert_int_equal(neigh_create(&t, &c), 0);
	return t;
}

static struct ip_addr v4(uint32_t i)
{
	return (struct ip_addr){AF_INET, {10, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i}};
}

static struct rewrite read_line(const struct neigh *t, uint32_t i)
{
	return adjacency_read(&neigh_lines(t)[i]);
}

static void rewrites_headers(void **state)
{
	static const uint8_t plain[14] = {2, 0, 0, 0, 0, 9, 2, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 8, 0};
	static const uint8_t tagged[18] = {
		2, 0, 0, 0, 0, 9, 2, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0x81, 0, 0x0f, 0xfe, 0x86, 0xdd};
	struct adjacency a = {0};
	struct adjacency_config c = {host, own, false, 7, 4000, 9000};
	uint8_t packet[64];
	struct rewrite r;

	assert_false(rewrite_can_forward(adjacency_read(&a)));
	adjacency_write(&a, &c);
	r = adjacency_read(&a);
	assert_true(rewrite_can_forward(r));
	assert_int_equal(rewrite_port(r), 4000);
	assert_int_equal(rewrite_vlan(r), 7);
	assert_int_equal(rewrite_mtu(r), 9000);
	assert_int_equal(rewrite_length(r), 14);
	memset(packet, 0x55, sizeof(packet));
	assert_ptr_equal(rewrite_apply(r, packet + 32, 0x0800), packet + 18);
	assert_memory_equal(packet + 18, plain, 14);
	for (unsigned i = 0; i < sizeof(packet); i++) // nothing else but the room
		assert_true(packet[i] == 0x55 || (i >= 32 - REWRITE_ROOM && i < 32));
	c.is_tagged = true;
	c.vlan = 4094;
	c.port = 65534;
	c.mtu = 65535;
	adjacency_write(&a, &c);
	r = adjacency_read(&a);
	assert_int_equal(rewrite_port(r), 65534);
	assert_int_equal(rewrite_vlan(r), 4094);
	assert_int_equal(rewrite_mtu(r), 65535);
	assert_ptr_equal(rewrite_apply(r, packet + 32, 0x86dd), packet + 14);
	assert_memory_equal(packet + 14, tagged, 18);
	for (unsigned i = 0; i < 100; i++) { // each write is the one that is read
		c.port = (port_id_t)i;
		adjacency_write(&a, i % 3 ? &c : NULL);
		r = adjacency_read(&a);
		assert_int_equal(rewrite_can_forward(r), i % 3 != 0);
		assert_true(i % 3 == 0 || rewrite_port(r) == i);
	}
}

static void every_valid_state_forwards(void **state)
{
	static const uint16_t valid =
		NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT | NUD_NOARP;
	struct neigh_interface is = {.port = 3, .mtu = 1500, .mac = own};
	struct mac group = {{1, 0, 0x5e, 0, 0, 1}}, zero = {{0}};
	struct neigh *t = make(10);
	struct ip_addr a = v4(1);
	uint32_t line;

	assert_int_equal(neigh_set_interface(t, 5, &is), 0);
	assert_int_equal(neigh_hold(t, 5, &a, &line), 0);
	assert_false(rewrite_can_forward(read_line(t, line)));
	for (unsigned bit = 0; bit < 8; bit++) {
		bool forwards = valid >> bit & 1;

		assert_int_equal(neigh_update(t, 5, &a, (uint16_t)(1 << bit), &host), 0);
		assert_int_equal(rewrite_can_forward(read_line(t, line)), forwards);
	}
	assert_int_equal(neigh_update(t, 5, &a, NUD_REACHABLE, &group), 0);
	assert_false(rewrite_can_forward(read_line(t, line)));
	assert_int_equal(neigh_update(t, 5, &a, NUD_REACHABLE, &zero), 0);
	assert_false(rewrite_can_forward(read_line(t, line)));
	assert_int_equal(neigh_update(t, 5, &a, NUD_REACHABLE, NULL), 0);
	assert_false(rewrite_can_forward(read_line(t, line)));
	assert_int_equal(neigh_update(t, 5, &a, NUD_REACHABLE, &host), 0);
	assert_true(rewrite_can_forward(read_line(t, line)));
	assert_int_equal(neigh_set_interface(t, 5, NULL), 0);
	assert_false(rewrite_can_forward(read_line(t, line)));
	assert_int_equal(neigh_set_interface(t, 5, &is), 0);
	assert_true(rewrite_can_forward(read_line(t, line)));
	assert_int_equal(neigh_remove(t, 5, &a), 0);
	assert_false(rewrite_can_forward(read_line(t, line)));
	assert_int_equal(neigh_remove(t, 5, &a), -ENOENT);
	neigh_destroy(t);
}

// What no packet can be sent to yet still says by which port it would go.
static void the_port_is_known_before_the_neighbour(void **state)
{
	struct neigh_interface is = {.port = 3, .mtu = 1500, .mac = own};
	struct ip_addr a = v4(1), link = {.family = AF_INET}, link6 = {.family = AF_INET6};
	struct neigh *t = make(10);
	uint32_t line[3];

	assert_int_equal(neigh_hold(t, 5, &a, &line[0]), 0);
	assert_false(rewrite_has_port(read_line(t, line[0])));
	assert_int_equal(neigh_set_interface(t, 5, &is), 0);
	assert_int_equal(neigh_hold(t, 5, &link, &line[1]), 0);
	assert_int_equal(neigh_hold(t, 5, &link6, &line[2]), 0);
	assert_true(line[1] != line[2]);
	assert_int_equal(neigh_update(t, 5, &link, NUD_REACHABLE, &host), -EINVAL);
	assert_int_equal(neigh_remove(t, 5, &link), -ENOENT);
	for (unsigned i = 0; i < 3; i++) {
		struct rewrite r = read_line(t, line[i]);

		assert_false(rewrite_can_forward(r));
		assert_true(rewrite_has_port(r));
		assert_int_equal(rewrite_port(r), 3);
	}
	assert_int_equal(neigh_set_interface(t, 5, NULL), 0);
	for (unsigned i = 0; i < 3; i++) {
		assert_false(rewrite_has_port(read_line(t, line[i])));
		neigh_put(t, line[i]);
	}
	neigh_destroy(t);
}

static void bad_input(void **state)
{
	struct neigh_config c = {.max_entries = NEIGH_MAX + 1};
	struct neigh_interface good = {.port = 3, .mtu = 1500, .mac = own}, is;
	struct ip_addr bad[] = {{0}, {AF_UNIX, {1}}, {AF_INET, {224, 0, 0, 1}},
		{AF_INET6, {0xff, 2}}, {AF_INET, {255, 255, 255, 255}}};
	struct ip_addr a = v4(1);
	struct neigh_entry e;
	struct neigh *t;
	uint32_t line;

	assert_int_equal(neigh_create(&t, &c), -EINVAL);
	neigh_destroy(NULL);
	t = make(10);
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(neigh_hold(t, 1, &bad[i], &line), -EINVAL);
		assert_int_equal(neigh_update(t, 1, &bad[i], NUD_STALE, &host), -EINVAL);
		assert_int_equal(neigh_remove(t, 1, &bad[i]), -ENOENT);
		assert_int_equal(neigh_find(t, 1, &bad[i], &e), -ENOENT);
	}
	assert_int_equal(neigh_hold(t, NEIGH_MAX_INTERFACES, &a, &line), -EINVAL);
	assert_int_equal(neigh_set_interface(t, NEIGH_MAX_INTERFACES, NULL), -EINVAL);
	for (unsigned what = 0; what < 6; what++) {
		is = good;
		if (what == 0)
			is.mtu = 0;
		else if (what == 1)
			is.port = PORT_NONE;
		else if (what == 2)
			is.mac = (struct mac){{0}};
		else if (what == 3)
			is.mac.b[0] |= 1;
		else if (what == 4)
			is.vlan = 4095;
		else
			is.is_tagged = true; // without a VLAN
		assert_int_equal(neigh_set_interface(t, 1, &is), -EINVAL);
	}
	assert_int_equal(neigh_set_interface(t, 1, &good), 0);
	assert_int_equal(neigh_set_interface(t, NEIGH_MAX_INTERFACES - 1, NULL), 0);
	neigh_destroy(t);
}

static void limit_and_reuse(void **state)
{
	struct neigh_interface is = {.port = 3, .mtu = 1500, .mac = own};
	struct neigh *t = make(10);
	struct neigh_stats s;
	struct neigh_entry e;
	struct ip_addr a;
	uint32_t line, first = 0;

	assert_int_equal(neigh_set_interface(t, 1, &is), 0);
	for (unsigned i = 0; i < 10; i++) {
		a = v4(i);
		assert_int_equal(neigh_update(t, 1, &a, NUD_STALE, &host), 0);
	}
	a = v4(10);
	assert_int_equal(neigh_update(t, 1, &a, NUD_STALE, &host), -ENOSPC);
	assert_int_equal(neigh_hold(t, 1, &a, &line), -ENOSPC);
	for (unsigned i = 0; i < 10; i++) {
		a = v4(i);
		assert_int_equal(neigh_find(t, 1, &a, &e), 0);
		assert_true(rewrite_can_forward(read_line(t, e.adjacency)));
		first = i ? first : e.adjacency;
	}
	neigh_stats(t, &s);
	assert_int_equal(s.full, 2);
	assert_int_equal(s.entries, 10);
	a = v4(0);
	assert_int_equal(neigh_remove(t, 1, &a), 0);
	a = v4(11); // the number still waits
	assert_int_equal(neigh_hold(t, 1, &a, &line), -ENOSPC);
	rcu_barrier_reclaim();
	assert_int_equal(neigh_hold(t, 1, &a, &line), 0);
	assert_int_equal(line, first);
	assert_false(rewrite_can_forward(read_line(t, line)));
	neigh_put(t, line);
	neigh_destroy(t); // while one waits
	rcu_barrier_reclaim();
}

static void changes_an_interface_in_steps(void **state)
{
	struct neigh_interface is = {.port = 3, .mtu = 1500, .mac = own};
	struct neigh *t = make(50000);
	unsigned steps = 1;
	struct neigh_entry e;
	struct ip_addr a;

	assert_int_equal(neigh_set_interface(t, 1, &is), 0);
	for (unsigned i = 0; i < 50000; i++) {
		a = v4(i);
		assert_int_equal(neigh_update(t, 1, &a, NUD_STALE, &host), 0);
	}
	is.port = 4;
	assert_int_equal(neigh_set_interface(t, 1, &is), 0);
	while (neigh_step(t)) {
		// The very next one goes, and its line serves a neighbour elsewhere.
		a = v4(49999 - 1024 * ++steps);
		assert_int_equal(neigh_remove(t, 1, &a), 0);
		a = v4(50000 - 100 * steps);
		assert_int_equal(neigh_remove(t, 1, &a), 0);
		if (steps > 4)
			continue;
		rcu_barrier_reclaim();
		for (unsigned i = 0; i < 2; i++) {
			a = v4(2 * steps + i);
			assert_int_equal(neigh_update(t, 2, &a, NUD_STALE, &host), 0);
		}
	}
	assert_true(steps > 10);
	for (unsigned i = 0; i < 50000; i++) {
		a = v4(i);
		if (!neigh_find(t, 1, &a, &e))
			assert_int_equal(rewrite_port(read_line(t, e.adjacency)), 4);
	}
	neigh_destroy(t);
	rcu_barrier_reclaim();
}

static void remembers_who_was_used(void **state)
{
	struct neigh *t = make(100);
	struct ip_addr a = v4(1), b = v4(2);
	uint32_t first, second;

	assert_int_equal(neigh_hold(t, 1, &a, &first), 0);
	assert_int_equal(neigh_hold(t, 1, &b, &second), 0);
	assert_false(neigh_take_used(t, first));
	neigh_mark_used(neigh_used(t), first);
	neigh_mark_used(neigh_used(t), first);
	assert_false(neigh_take_used(t, second));
	assert_true(neigh_take_used(t, first));
	assert_false(neigh_take_used(t, first));
	neigh_put(t, first);
	neigh_put(t, second);
	neigh_destroy(t);
	rcu_barrier_reclaim();
}

static void survives_lack_of_memory(void **state)
{
	struct neigh_config c = {100, secret};
	struct neigh *t = NULL;

	for (uint64_t at = 1; at <= 8; at++) {
		mem_fail_at(at);
		assert_int_equal(neigh_create(&t, &c), -ENOMEM);
		assert_null(t);
	}
	mem_fail_at(0);
	t = make(100);
	assert_int_equal(mem_alloc_count(), 8); // none was left out
	mem_fail_at(1);
	for (unsigned i = 0; i < 100; i++) { // and it never allocates again
		struct ip_addr a = v4(i);

		assert_int_equal(neigh_update(t, 1, &a, NUD_STALE, &host), 0);
		assert_int_equal(neigh_remove(t, 1, &a), 0);
	}
	assert_int_equal(mem_alloc_count(), 0);
	mem_fail_at(0);
	neigh_destroy(t);
	rcu_barrier_reclaim();
}

// -- the twin --------------------------------------------------------------------------------
#define N_INTERFACES 4
#define N_ADDRESSES  48 // both families
#define N_PLACES     (N_INTERFACES * N_ADDRESSES)

static const uint16_t interfaces[N_INTERFACES] = {0, 1, 77, NEIGH_MAX_INTERFACES - 1};

struct naive {
	bool is_known;
	uint16_t nud;
	struct mac mac;
	uint32_t n_holds, line;
};

struct twin {
	struct neigh *table;
	struct operations *o;
	struct naive at[N_PLACES];
	bool is_up[N_INTERFACES];
	struct neigh_interface is[N_INTERFACES];
	unsigned n, waiting, max;
	uint64_t full, resolved;
};

static unsigned pick(struct twin *t, unsigned below)
{
	return operations_pick(t->o, below);
}

static uint16_t interface_of(unsigned place)
{
	return interfaces[place % N_INTERFACES];
}

// An IPv6 address begins as an IPv4 one does.
static struct ip_addr addr_of(unsigned place)
{
	unsigned i = place / N_INTERFACES;
	struct ip_addr a = {
		.family = i & 1 ? AF_INET6 : AF_INET, .b = {10, 0, 0, (uint8_t)(i / 2)}};

	if (i & 1)
		a.b[15] = 1;
	return a;
}

static bool there(const struct naive *e)
{
	return e->is_known || e->n_holds;
}

static void compare_place(struct twin *t, unsigned place)
{
	const struct naive *e = &t->at[place];
	const struct neigh_interface *is = &t->is[place % N_INTERFACES];
	struct ip_addr a = addr_of(place);
	struct neigh_entry got;
	struct rewrite r;
	uint8_t room[32], want[18] = {0};
	bool forwards = t->is_up[place % N_INTERFACES] && e->is_known && e->nud & ~0x21u &&
			!mac_is_zero(e->mac) && !mac_is_group(e->mac);

	must(t->o, neigh_find(t->table, interface_of(place), &a, &got) == (there(e) ? 0 : -ENOENT));
	if (!there(e))
		return;
	must(t->o, got.is_known == e->is_known && got.n_holds == e->n_holds);
	must(t->o, got.adjacency && got.nud == e->nud && mac_equal(got.mac, e->mac));
	must(t->o, !e->line || e->line == got.adjacency);
	r = read_line(t->table, got.adjacency);
	must(t->o, rewrite_can_forward(r) == forwards);
	if (!forwards)
		return;
	t->resolved++;
	must(t->o, rewrite_port(r) == is->port && rewrite_vlan(r) == is->vlan);
	must(t->o, rewrite_mtu(r) == is->mtu && rewrite_length(r) == (is->is_tagged ? 18 : 14));
	memcpy(want, e->mac.b, 6);
	memcpy(want + 6, is->mac.b, 6);
	if (is->is_tagged) {
		want[12] = 0x81;
		want[14] = (uint8_t)(is->vlan >> 8);
		want[15] = (uint8_t)is->vlan;
	}
	want[rewrite_length(r) - 2] = 0x12;
	want[rewrite_length(r) - 1] = 0x34;
	must(t->o, !memcmp(rewrite_apply(r, room + 32, 0x1234), want, rewrite_length(r)));
}

// After a change: those who are gone give up their line.
static void settle(struct twin *t, unsigned place, bool was_there)
{
	struct ip_addr a = addr_of(place);
	struct neigh_entry got;

	if (was_there && !there(&t->at[place])) {
		t->n--;
		t->waiting++;
		t->at[place].line = 0;
	}
	if (!was_there && there(&t->at[place])) {
		t->n++;
		must(t->o, !neigh_find(t->table, interface_of(place), &a, &got));
		for (unsigned i = 0; i < N_PLACES; i++)
			must(t->o, t->at[i].line != got.adjacency);
		t->at[place].line = got.adjacency;
	}
	compare_place(t, place);
}

static void set_interface(struct twin *t)
{
	unsigned i = pick(t, N_INTERFACES);
	struct neigh_interface is = {.port = (port_id_t)pick(t, 60000),
		.is_tagged = pick(t, 2),
		.vlan = (vlan_id_t)(1 + pick(t, 4094)),
		.mtu = (uint16_t)(1 + pick(t, 65535)),
		.mac = mac_from_u64(0x020000000000 | pick(t, 1 << 20))};

	t->is_up[i] = pick(t, 3);
	t->is[i] = is;
	must(t->o, !neigh_set_interface(t->table, interfaces[i], t->is_up[i] ? &is : NULL));
	for (unsigned k = i; k < N_PLACES; k += N_INTERFACES)
		compare_place(t, k);
}

static void update(struct twin *t, unsigned place)
{
	struct mac mac = mac_from_u64(pick(t, 20) ? 0x020000000000 | pick(t, 9) : pick(t, 2));
	uint16_t nud = (uint16_t)(1 << pick(t, 8));
	bool no_mac = pick(t, 8) == 0, was = there(&t->at[place]);
	struct ip_addr a = addr_of(place);
	int want = was || t->n + t->waiting < t->max ? 0 : -ENOSPC;

	if (pick(t, 20) == 0)
		mac.b[0] |= 1;
	must(t->o,
		neigh_update(t->table, interface_of(place), &a, nud, no_mac ? NULL : &mac) == want);
	t->full += want != 0;
	if (want)
		return;
	t->at[place].is_known = true;
	t->at[place].nud = nud;
	t->at[place].mac = no_mac ? (struct mac){{0}} : mac;
	settle(t, place, was);
}

static void hold(struct twin *t, unsigned place)
{
	bool was = there(&t->at[place]);
	struct ip_addr a = addr_of(place);
	uint32_t line = 0;
	int want = was || t->n + t->waiting < t->max ? 0 : -ENOSPC;

	must(t->o, neigh_hold(t->table, interface_of(place), &a, &line) == want);
	t->full += want != 0;
	if (want)
		return;
	must(t->o, !was || line == t->at[place].line);
	t->at[place].n_holds++;
	settle(t, place, was);
}

static void walk(struct twin *t)
{
	unsigned i = pick(t, N_INTERFACES + 1), n = 0, want = 0, max = 1 + pick(t, 40);
	uint16_t interface = i < N_INTERFACES ? interfaces[i] : NEIGH_MAX_INTERFACES;
	struct neigh_entry page[40];
	uint32_t cursor = 0;

	for (unsigned k = 0; k < N_PLACES; k++)
		want += there(&t->at[k]) && (i == N_INTERFACES || k % N_INTERFACES == i);
	while (cursor != NEIGH_WALK_END) {
		size_t got = neigh_walk(t->table, interface, &cursor, page, max);

		must(t->o, got <= max);
		for (size_t k = 0; k < got; k++) {
			unsigned place = 0;

			while (place < N_PLACES && t->at[place].line != page[k].adjacency)
				place++;
			must(t->o, place < N_PLACES && interface_of(place) == page[k].interface);
		}
		n += got;
	}
	must(t->o, n == want);
}

static void operate(struct twin *t)
{
	unsigned what = pick(t, 256), place = pick(t, N_PLACES);
	struct naive *e = &t->at[place];
	struct ip_addr a = addr_of(place);
	bool was = there(e);

	if (what < 90) {
		update(t, place);
	} else if (what < 130) {
		must(t->o, neigh_remove(t->table, interface_of(place), &a) ==
				   (e->is_known ? 0 : -ENOENT));
		e->is_known = false;
		e->nud = 0;
		e->mac = (struct mac){{0}};
		settle(t, place, was);
	} else if (what < 170) {
		hold(t, place);
	} else if (what < 215) {
		if (!e->n_holds)
			return;
		neigh_put(t->table, e->line);
		e->n_holds--;
		settle(t, place, was);
	} else if (what < 230) {
		set_interface(t);
	} else if (what < 240) {
		walk(t);
	} else if (what < 245) {
		if (pick(t, 20)) // it takes milliseconds
			return;
		rcu_barrier_reclaim();
		t->waiting = 0;
	} else {
		compare_place(t, place);
	}
}

static void same_as_twin(uint64_t seed, size_t operations, uint32_t max)
{
	struct operations o = {.state = seed, .left = operations};
	struct twin *t = calloc(1, sizeof(*t));
	struct neigh_stats s;

	printf("NEIGH_SEED=%llu, %zu operations, at most %u: ", (unsigned long long)seed,
		operations, max);
	fflush(stdout);
	t->table = make(max);
	t->o = &o;
	t->max = max;
	while (operations_more(&o))
		operate(t);
	for (unsigned i = 0; i < N_PLACES; i++)
		compare_place(t, i);
	neigh_stats(t->table, &s);
	assert_int_equal(s.full, t->full);
	printf("%llu at the limit, %llu times resolved\n", (unsigned long long)t->full,
		(unsigned long long)t->resolved);
	assert_true(t->resolved && (t->full || max > 100));
	neigh_destroy(t->table);
	free(t);
	rcu_barrier_reclaim();
}

static void behaves_like_its_twin(void **state)
{
	const char *replay = getenv("NEIGH_SEED"), *how_many = getenv("NEIGH_OPERATIONS");
	size_t operations = how_many ? strtoull(how_many, NULL, 0) : 50000;
	uint64_t fresh = replay ? strtoull(replay, NULL, 0) : (uint64_t)time(NULL);

	if (!replay)
		same_as_twin(1, operations, 1000);
	if (!replay)
		same_as_twin(2, operations, 40);
	same_as_twin(fresh, operations, 1000);
	same_as_twin(fresh, operations, 60);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rewrites_headers),
		cmocka_unit_test(every_valid_state_forwards),
		cmocka_unit_test(the_port_is_known_before_the_neighbour),
		cmocka_unit_test(bad_input),
		cmocka_unit_test(limit_and_reuse),
		cmocka_unit_test(changes_an_interface_in_steps),
		cmocka_unit_test(remembers_who_was_used),
		cmocka_unit_test(survives_lack_of_memory),
		cmocka_unit_test(behaves_like_its_twin),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
