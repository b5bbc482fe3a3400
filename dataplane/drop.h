// SPDX-License-Identifier: BSD-3-Clause
// The one list of reasons for which a packet is dropped, named <stage>_<reason>,
// with the sentence that the command shows. Every drop is counted, by the port
// that the packet came in on and by worker. Names are part of the API: append.
#pragma once

#define DROP_REASONS(X)                                                                            \
	X(rx_stale, "waited in the receive ring while the worker was stopped")                     \
	X(parse_runt, "shorter than an Ethernet header")                                           \
	X(parse_oversize, "longer than the ingress port's MTU allows")                             \
	X(parse_bad_offload, "the sender's offload request does not fit the frame")                \
	X(classify_port_state, "the ingress port is not in the forwarding or learning state")      \
	X(classify_source_invalid, "the source MAC is zero or a group address")                    \
	X(classify_reserved, "sent to 01-80-C2-00-00-0x, which no bridge forwards")                \
	X(classify_bpdu_guard, "a BPDU came in on a port with BPDU guard")                         \
	X(classify_untagged, "untagged, and the ingress port has no PVID")                         \
	X(classify_vlan, "tagged with a VLAN that the ingress port is not a member of")            \
	X(l2_learning_state, "the ingress port is learning, not forwarding yet")                   \
	X(l2_same_port, "the destination is behind the ingress port")                              \
	X(l2_isolated, "both ports are isolated")                                                  \
	X(l2_storm_broadcast, "over the ingress port's broadcast rate")                            \
	X(l2_storm_unknown, "over the ingress port's unknown-unicast rate")                        \
	X(l2_storm_multicast, "over the ingress port's multicast rate")                            \
	X(l2_no_egress, "flooded, and no other port of the VLAN takes it")                         \
	X(l2_to_switch, "addressed to a MAC of the switch itself that takes no such frame")        \
	X(output_port_gone, "the egress port was removed, is down or is not forwarding")           \
	X(output_vlan, "the egress port is not a member of the VLAN")                              \
	X(output_mtu, "longer than the egress port's MTU")                                         \
	X(output_segment, "the sender's segmentation request cannot be carried out")               \
	X(output_no_frame, "no free frame for a copy, a tag or a segment")                         \
	X(tx_full, "the egress port's transmit ring was full")                                     \
	X(l3_header, "the version or length of an IP header that cannot be")                       \
	X(l3_checksum, "the checksum of the IPv4 header is wrong")                                 \
	X(l3_truncated, "shorter than its IP header says")                                         \
	X(l3_offload, "an offload request that reaches beyond the IP packet")                      \
	X(l3_blackhole, "the route says blackhole")                                                \
	X(exception_full, "for the kernel, and over the port's rate or no room left")

enum drop_reason {
#define DROP_ENUM(name, text) DROP_##name,
	DROP_REASONS(DROP_ENUM)
#undef DROP_ENUM
		N_DROP_REASONS
};

const char *drop_name(enum drop_reason); // "rx_stale"
const char *drop_text(enum drop_reason); // its sentence
