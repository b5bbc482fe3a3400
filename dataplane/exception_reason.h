// SPDX-License-Identifier: BSD-3-Clause
// The one list of reasons for which a packet of a routed port is handed to the kernel, which then
// does with it what it would have done without us: forwards, answers, drops, counts. Names are
// part of the API: append.
#pragma once

#define EXCEPTION_REASONS(X)                                                                       \
	X(not_ip, "no untagged unicast IP packet for the port's own MAC")                          \
	X(not_taken, "the kernel is to forward what comes in here")                                \
	X(header, "an IP header or offload request that the kernel must judge")                    \
	X(options, "IPv4 options or IPv6 hop-by-hop options")                                      \
	X(ttl, "the TTL or hop limit is used up")                                                  \
	X(martian, "no router takes this source or destination from a link")                       \
	X(rp_filter, "the route to the source does not leave by the ingress port")                 \
	X(local, "for the router itself")                                                          \
	X(leave, "the route leaves by an interface that is not ours")                              \
	X(no_neighbour, "the neighbour is not resolved yet")                                       \
	X(unreachable, "no route, or one that says unreachable")                                   \
	X(prohibit, "the route says prohibited")                                                   \
	X(too_big, "longer than the MTU of the way out")                                           \
	X(redirect, "would leave by the port that it came in on")

enum exception_reason {
#define EXCEPTION_ENUM(name, text) EXCEPTION_##name,
	EXCEPTION_REASONS(EXCEPTION_ENUM)
#undef EXCEPTION_ENUM
		N_EXCEPTION_REASONS
};

const char *exception_name(enum exception_reason); // "ttl"
const char *exception_text(enum exception_reason); // its sentence
