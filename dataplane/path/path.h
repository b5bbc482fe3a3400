// SPDX-License-Identifier: BSD-3-Clause
// A packet's way, stage by stage, in order. Read pipeline.c next.
//
// A stage consumes its input: every packet goes on to a later stage or ends in
// packet_drop(). Stages see whole bursts, so that one packet's cache miss
// overlaps the next one's.
#pragma once

#include "dataplane/drop.h"
#include "dataplane/worker.h"

// A burst of one ingress queue. Arrays beside the packets hold what the stages
// compute per packet, so that the packets' own lines are touched once.
struct burst {
	unsigned n;
	port_id_t in_port;
	const struct snapshot_port *in; // the ingress port's view
	struct port_counters *counters; // the ingress port's
	struct packet *packet[BURST_MAX];
	fdb_key_t dst[BURST_MAX]; // parse: VLAN bits zero; classify adds the VLAN
	fdb_key_t src[BURST_MAX];
	fdb_hit_t hit[BURST_MAX];    // l2: what the FDB says of the destination
	port_id_t egress[BURST_MAX]; // l3: where it leaves
	uint64_t refused;            // packets that the stage at work will drop, by bit
	uint8_t reason[BURST_MAX];   // why
};

static fast_inline void burst_refuse(struct burst *b, unsigned i, enum drop_reason reason)
{
	b->refused |= 1ull << i;
	b->reason[i] = (uint8_t)reason;
}

// pipeline.c: drops what was refused and closes the gaps, in order. For the end of a stage.
void burst_drop_refused(struct worker *, struct burst *);

static fast_inline void burst_settle(struct worker *w, struct burst *b)
{
	if (unlikely(b->refused))
		burst_drop_refused(w, b);
}

static fast_inline bool key_is_group(fdb_key_t key)
{
	return key >> 56 & 1;
}

// The class of a frame that is flooded, by its destination.
static fast_inline enum bum_class key_bum_class(fdb_key_t dst)
{
	if (!key_is_group(dst))
		return BUM_UNKNOWN;
	return dst >> 16 == 0xffffffffffffull ? BUM_BROADCAST : BUM_MULTICAST;
}

// rx.c: up to BURST_MAX packets from a queue; stamps the ingress port.
void rx(struct worker *, const struct snapshot *, struct port_queue *, struct burst *);

// parse.c: Ethernet and VLAN headers -> packet fields and keys; completes what is
// known of unfinished checksums; drops runts and oversize.
void parse(struct worker *, struct burst *);

// classify.c: the port's state, reserved addresses, IEEE 802.1Q ingress rules -> VLAN.
void classify(struct worker *, const struct snapshot *, struct burst *);

// l2.c: learns sources, finds destinations.
void l2(struct worker *, const struct snapshot *, struct burst *);

// l3.c: of a routed port: IP header checks, route, next hop, rewrite; to the kernel what it must
// see itself.
void l3(struct worker *, const struct snapshot *, struct burst *);

// output.c: to the egress ports' queues: membership, tag, MTU, checksums and
// segmentation for ports that need them, copies for flooding.
void output(struct worker *, const struct snapshot *, struct burst *);
void output_routed(struct worker *, const struct snapshot *, struct burst *);

// tx.c: hands the queues of all ports to their transmit rings, once per loop.
void tx(struct worker *, const struct snapshot *);
void tx_port(struct worker *, const struct snapshot *, port_id_t);

// pipeline.c: rx to output for one queue. Returns packets received.
unsigned pipeline_run(struct worker *, const struct snapshot *, struct port_queue *);

// pipeline.c: the one end of a packet that is not sent. Counted at its ingress port.
void packet_drop(struct worker *, struct packet *, enum drop_reason);
