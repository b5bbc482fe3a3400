// SPDX-License-Identifier: BSD-3-Clause
// The learning bridge: sources are looked up and, when new or moved, told to
// control; destinations are looked up for output(). What is not found is
// flooded there, if the ingress port's storm limits let it pass.
#include "dataplane/path/path.h"

#include <string.h>

#include "base/clock.h"

#define LEARN_REPEAT_NS (5 * NS_PER_MS) // the same observation is posted again after this

// Whether the same observation was posted a moment ago. If not, it counts as posted now.
static bool is_repeated(struct worker *w, fdb_key_t key, uint64_t stamp)
{
	struct learn_recent *r = &w->recent[(key * 0x9e3779b97f4a7c15ull) >> 54];

	if (r->key == key && r->port_and_time == stamp)
		return true;
	r->key = key;
	r->port_and_time = stamp;
	return false;
}

// Tells control of the sources that are news to the FDB.
static void learn_sources(struct worker *w, const struct snapshot *s, const struct burst *b,
	uint64_t news, const fdb_hit_t *hit)
{
	uint64_t stamp = w->now / LEARN_REPEAT_NS << 16 | b->in_port;
	struct event seen[BURST_MAX];
	unsigned n = 0;

	for (; news; news &= news - 1) {
		unsigned i = (unsigned)__builtin_ctzll(news);

		if (hit[i] != FDB_MISS && hit[i] & (FDB_STATIC | FDB_STICKY))
			continue; // pinned by the user: frames elsewhere do not move it
		if (s->vlans->flags[b->packet[i]->vlan] & VLAN_NO_LEARNING)
			continue;
		if (is_repeated(w, b->src[i], stamp))
			continue;
		seen[n++] = (struct event){.type = EVENT_MAC_SEEN,
			.port = b->in_port,
			.vlan = fdb_key_vlan(b->src[i]),
			.mac = fdb_key_mac(b->src[i])};
	}
	worker_post(w, seen, n);
}

static bool storm_passes(struct worker *w, const struct burst *b, enum bum_class class)
{
	struct storm_bucket *t = &w->storm[b->in_port][class];
	uint64_t rate = b->in->storm_rate[class];
	uint64_t depth = rate / 10 + 1; // a burst of 100 ms
	uint64_t elapsed = w->now - t->filled_at;

	if (!rate)
		return true;
	if (elapsed > NS_PER_SEC) {
		t->tokens = depth;
		t->filled_at = w->now;
	} else if (elapsed * rate >= NS_PER_SEC) {
		uint64_t earned = elapsed * rate / NS_PER_SEC;

		t->tokens = MIN(t->tokens + earned, depth);
		t->filled_at += earned * NS_PER_SEC / rate;
	}
	if (!t->tokens)
		return false;
	t->tokens--;
	return true;
}

static void police_floods(struct worker *w, struct burst *b)
{
	for (unsigned i = 0; i < b->n; i++) {
		enum bum_class class = key_bum_class(b->dst[i]);

		if (b->hit[i] == FDB_MISS && !storm_passes(w, b, class))
			burst_refuse(b, i, DROP_l2_storm_broadcast + class);
	}
	burst_settle(w, b);
}

static_assert(DROP_l2_storm_broadcast + BUM_UNKNOWN == DROP_l2_storm_unknown &&
		      DROP_l2_storm_broadcast + BUM_MULTICAST == DROP_l2_storm_multicast,
	"drop reasons in the order of enum bum_class");

void l2(struct worker *w, const struct snapshot *s, struct burst *b)
{
	fdb_hit_t hit[BURST_MAX];
	uint64_t news;

	if (!b->n)
		return;
	if (b->in->flags & PORT_LEARN) {
		news = fdb_both_bulk(s->fdb, b->src, b->in_port, hit, b->dst, b->hit, b->n);
		if (unlikely(news))
			learn_sources(w, s, b, news, hit);
	} else {
		fdb_lookup_bulk(s->fdb, b->dst, b->hit, b->n);
	}
	if (unlikely(b->in->state != PORT_FORWARDING)) {
		for (unsigned i = 0; i < b->n; i++)
			burst_refuse(b, i, DROP_l2_learning_state);
		burst_settle(w, b);
		return;
	}
	if (unlikely(b->in->flags & PORT_STORM))
		police_floods(w, b);
}
