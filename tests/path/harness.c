// SPDX-License-Identifier: BSD-3-Clause
#include "tests/path/harness.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "dataplane/path/ethernet.h"

#define DEFAULT_FLAGS                                                                              \
	(PORT_LEARN | PORT_FLOOD_BROADCAST | PORT_FLOOD_UNKNOWN | PORT_FLOOD_MULTICAST |           \
		PORT_EGRESS)

bool exception_push(struct exception *e, unsigned worker, struct packet *p, port_id_t in_port,
	enum exception_reason reason, uint64_t now)
{
	if (e->n == e->limit)
		return false;
	e->held[e->n].packet = p;
	e->held[e->n].in_port = in_port;
	e->held[e->n++].reason = reason;
	return true;
}

static void fill_routed_port(const struct port_setup *u, struct snapshot_port *p, unsigned i)
{
	p->flags =
		(uint16_t)(((PORT_ROUTED | PORT_ROUTED_EGRESS | PORT_TAKES_IPV4 | PORT_TAKES_IPV6) |
				   u->set) &
			   ~u->clear);
	p->rp_filter = (uint8_t)u->rp_filter;
	p->mac = router_mac(i);
}

static void fill_port(struct net *net, struct snapshot *s, unsigned i)
{
	const struct port_setup *u = &net->setup[i];
	struct snapshot_port *p = &s->port[i];

	snapshot_attach(s, net->port[i]);
	if (u->routed) {
		fill_routed_port(u, p, i);
		return;
	}
	p->state = u->state == PORT_STATE_OFF ? PORT_DISABLED
		   : u->state                 ? u->state
					      : PORT_FORWARDING;
	p->flags = (uint16_t)((DEFAULT_FLAGS | u->set) & ~u->clear);
	if (p->state != PORT_FORWARDING)
		p->flags &= (uint16_t)~PORT_EGRESS;
	memcpy(p->storm_rate, u->storm, sizeof(p->storm_rate));
	if (u->storm[0] | u->storm[1] | u->storm[2])
		p->flags |= PORT_STORM;
	p->pvid = u->tagged ? u->native : u->access ? u->access : 1;
	for (const vlan_id_t *v = u->tagged; v && *v; v++)
		vlan_table_add(s->vlans, *v, (port_id_t)i, false);
	if (p->pvid)
		vlan_table_add(s->vlans, p->pvid, (port_id_t)i, true);
	snapshot_index(s, (port_id_t)i);
}

void net_publish(struct net *net)
{
	struct snapshot *s = snapshot_new(net->n, 1);

	assert_non_null(s);
	s->fdb = net->fdb;
	s->fib = net->fib;
	s->nexthops = net->nexthops;
	s->neigh = net->neigh;
	s->exception = &net->exception;
	s->flow_secret = 0x12345678;
	if (net->own)
		snapshot_set_own(s, net->own, net->n_own);
	memcpy(s->vlans->flags, net->vlan_flags, sizeof(s->vlans->flags));
	for (unsigned i = 0; i < net->n; i++)
		fill_port(net, s, i);
	dataplane_publish(net->dp, s);
}

void net_open(struct net *net, const struct port_setup *setup, unsigned n, uint32_t n_frames)
{
	struct dataplane_config dc = {.n_frames = n_frames ? n_frames : 4096, .mode = WORKER_POLL};
	struct fdb_config fc = {.max_entries = 65536};
	char error[PORT_ERROR_SIZE];

	memset(net, 0, sizeof(*net));
	clock_freeze();
	assert_int_equal(dataplane_create(&net->dp, &dc), 0);
	assert_int_equal(fdb_create(&net->fdb, &fc), 0);
	net->w = dataplane_worker(net->dp, 0);
	net->n = n;
	net->learn = true;
	net->exception.limit = EXCEPTIONS_MAX;
	packet_cache_init(&net->cache, dataplane_pool(net->dp));
	for (unsigned i = 0; i < n; i++) {
		char name[16];
		struct port_config pc = {
			.name = name, .mtu = setup[i].mtu, .pool = dataplane_pool(net->dp)};

		snprintf(name, sizeof(name), "p%u", i);
		net->setup[i] = setup[i];
		assert_int_equal(port_open(&net->port[i], "memory", (port_id_t)i, &pc, error), 0);
		assert_int_equal(dataplane_add_port(net->dp, (port_id_t)i), 0);
		memory_port_set_caps(net->port[i], setup[i].caps);
		memory_port_keep(net->port[i], true);
	}
	net_publish(net);
}

static void assert_conservation(struct net *net)
{
	uint64_t forwarded = 0, transmitted = 0;

	for (unsigned i = 0; i < net->n; i++) {
		struct port_counters c = net_counters(net, i);
		uint64_t dropped = 0;

		for (unsigned r = 0; r < N_DROP_REASONS; r++)
			dropped += c.drop[r];
		assert_int_equal(c.rx_packets + c.copies + c.segments,
			c.forwarded + port_counters_exceptions(&c) + dropped);
		forwarded += c.forwarded;
		transmitted += c.tx_packets;
	}
	assert_int_equal(forwarded, transmitted);
}

void net_close(struct net *net)
{
	struct pool_stats stats;

	net_run(net);
	assert_conservation(net);
	for (unsigned i = 0; i < net->exception.n; i++)
		packet_free(&net->cache, net->exception.held[i].packet);
	for (unsigned i = 0; i < net->n; i++)
		port_close(net->port[i]);
	packet_cache_flush(&net->cache);
	packet_cache_flush(&net->w->cache);
	packet_pool_stats(dataplane_pool(net->dp), &stats);
	assert_int_equal(stats.frames_free, stats.frames);
	rcu_barrier_reclaim();
	dataplane_destroy(net->dp);
	fdb_destroy(net->fdb);
	clock_unfreeze();
}

// Cuts the frame into a chain as a driver would.
static struct packet *packet_of(struct net *net, const struct frame *f)
{
	unsigned n = f->len <= FRAME_CAPACITY
			     ? 1
			     : 1 + (f->len - FRAME_CAPACITY + FRAME_PART - 1) / FRAME_PART;
	struct packet *frames[64];
	uint32_t done = 0;

	assert_true(packet_alloc_bulk(&net->cache, frames, n));
	for (unsigned i = 0; i < n; i++) {
		uint32_t room = i ? FRAME_PART : FRAME_CAPACITY;

		if (i) {
			frames[i]->data -= FRAME_HEADROOM - FRAME_LEAD;
			frames[i - 1]->next = frames[i];
		}
		frames[i]->len = (uint16_t)MIN(room, f->len - done);
		memcpy(frames[i]->data, f->b + done, frames[i]->len);
		done += frames[i]->len;
	}
	frames[0]->n_frames = (uint16_t)n;
	frames[0]->total_len = f->len;
	return frames[0];
}

void net_send(struct net *net, unsigned port, const struct frame *f, const struct packet *offload)
{
	struct packet *p = packet_of(net, f);

	if (offload) {
		p->flags = offload->flags;
		p->gso_type = offload->gso_type;
		p->gso_size = offload->gso_size;
		p->hdr_len = offload->hdr_len;
		p->csum_start = offload->csum_start;
		p->csum_offset = offload->csum_offset;
	}
	assert_true(memory_port_inject(net->port[port], 0, p));
}

static bool learn_events(struct net *net)
{
	struct event e[64];
	unsigned n = dataplane_events(net->dp, e, 64);

	for (unsigned i = 0; i < n; i++) {
		net->last_event = e[i];
		net->n_events++;
		if (net->learn && e[i].type == EVENT_MAC_SEEN)
			fdb_learn(net->fdb, fdb_key(e[i].vlan, e[i].mac), e[i].port, NULL);
	}
	return n;
}

void net_run(struct net *net)
{
	rcu_reader_register();
	while (worker_run_once(net->w))
		rcu_quiescent();
	while (learn_events(net))
		;
	rcu_reader_unregister();
	rcu_reclaim(0);
}

static void take(struct net *net, struct packet *p, struct frame *f, struct packet *offload)
{
	f->len = p->total_len;
	packet_read(p, 0, f->b, p->total_len);
	if (offload)
		*offload = *p;
	packet_free(&net->cache, p);
}

bool net_exception(struct net *net, struct frame *f, struct packet *offload, unsigned *port,
	enum exception_reason *reason)
{
	struct exception *e = &net->exception;

	if (!e->n)
		return false;
	*port = e->held[0].in_port;
	*reason = e->held[0].reason;
	take(net, e->held[0].packet, f, offload);
	memmove(e->held, e->held + 1, --e->n * sizeof(e->held[0]));
	return true;
}

bool net_receive(struct net *net, unsigned port, struct frame *f, struct packet *offload)
{
	struct packet *p = memory_port_collect(net->port[port], 0);

	if (!p)
		return false;
	take(net, p, f, offload);
	return true;
}

void net_expect_silence(struct net *net)
{
	for (unsigned i = 0; i < net->n; i++)
		assert_null(memory_port_collect(net->port[i], 0));
	assert_int_equal(net->exception.n, 0);
}

struct port_counters net_counters(struct net *net, unsigned port)
{
	struct port_counters c;

	dataplane_counters(net->dp, -1, (port_id_t)port, &c);
	return c;
}

uint64_t net_drops(struct net *net, unsigned port, enum drop_reason reason)
{
	return net_counters(net, port).drop[reason];
}

struct mac host_mac(unsigned number)
{
	if (number == MAC_BROADCAST)
		return (struct mac){{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
	return (struct mac){{2, 0, 0, 0, (uint8_t)(number >> 8), (uint8_t)number}};
}

struct mac router_mac(unsigned port)
{
	return (struct mac){{2, 0, 0, 0, 0xee, (uint8_t)port}};
}

struct frame frame_of(unsigned dst, unsigned src, int tci, uint32_t len)
{
	struct frame f = {.len = len};
	struct mac d = host_mac(dst), s = host_mac(src);
	uint32_t at = 12;

	memcpy(f.b, &d, 6);
	memcpy(f.b + 6, &s, 6);
	if (tci != UNTAGGED) {
		store_be16(f.b + 12, ETHERTYPE_VLAN);
		store_be16(f.b + 14, (uint16_t)tci);
		at = 16;
	}
	store_be16(f.b + at, 0x88b5); // IEEE 802 local experimental
	for (uint32_t i = at + 2; i < len; i++)
		f.b[i] = (uint8_t)(i * 7 + src);
	return f;
}
