// SPDX-License-Identifier: BSD-3-Clause
// What the kernel would do to forwarded packets beside forwarding them: firewalls, NAT, traffic
// control, IPsec, load balancing. The fast path does none of that, so while there is any of it the
// kernel must forward; policy says where, for which family and why, in words that name the
// culprit: "nft: inet filter forward", "tc: shaper tbf on eth1".
//
// One network namespace. What cannot be read counts as acting ("cannot read nft rules: ..."), and
// so does what was not read yet; what this kernel does not have at all does not.
//
// A thread of its own reads: asking the kernel may wait for a lock that somebody holds long.
// nftables, tc and xfrm tell of changes; those and what tells nothing are looked at again every
// POLICY_POLL_MS. Something new is known at once, or within that time where nothing tells; what
// went is gone one such time later at most.
//
// Not policy's: routing rules, sysctls that netconf tells, masters (bridge, bond, VRF), lightweight
// tunnels: control/router. Not seen by anybody: labels of security modules (SECMARK, NetLabel).
//
// Control thread only; no call takes longer than a few hundred microseconds.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define POLICY_POLL_MS     500
#define POLICY_REASON_SIZE 128 // with the final zero

// The kinds: constant, name (as in the setting that overrides them), what is read.
// clang-format off
#define POLICY_KINDS(X) \
	X(NFT,      "nft",      "nft rules")             /* nftables, iptables-nft, flowtables */ \
	X(IPTABLES, "iptables", "iptables rules")        /* iptables-legacy, ip6tables-legacy */ \
	X(TC,       "tc",       "tc qdiscs and filters") /* also tcx programs */ \
	X(XFRM,     "xfrm",     "xfrm policies")         /* IPsec */ \
	X(IPVS,     "ipvs",     "ipvs services") \
	X(BPF,      "bpf",      "BPF links")             /* netfilter programs, of any namespace */ \
	X(SYSCTL,   "sysctl",   "sysctls")               /* those that netconf does not tell */
// clang-format on

enum policy_kind {
#define X(id, name, what) POLICY_##id,
	POLICY_KINDS(X)
#undef X
		N_POLICY_KINDS
};

const char *policy_kind_name(enum policy_kind);
int policy_kind_by_name(const char *name); // enum policy_kind, or -ENOENT

struct policy;

struct policy_config {
	int netns_fd; // -1 = our own; good as long as the policy
	// A reason came, went or changed for this interface, or for all (ifindex 0). Called by
	// policy_on_readable() only. May ask for reasons, watch and unwatch.
	void (*changed)(void *arg, int ifindex);
	void *arg;
};

// 0 or negative errno. Every kind is unknown, so there is a reason, until it was read: soon.
// NULL is fine for destroy.
int policy_create(struct policy **out, const struct policy_config *);
void policy_destroy(struct policy *);

int policy_fd(const struct policy *); // readable: call on_readable
void policy_on_readable(struct policy *);

// The interfaces that are asked about. -ENOMEM, and then it stays unwatched.
int policy_watch(struct policy *, int ifindex);
void policy_unwatch(struct policy *, int ifindex); // also of one that is not watched

// The kinds that shall be no reason, whatever they do: bits 1 << enum policy_kind. The operator's
// explicit word only. Takes effect as a change does: by on_readable, soon.
void policy_set_ignored(struct policy *, uint32_t kinds);

// Why packets of the family (AF_INET, AF_INET6) that come in by the interface (in) or leave by it
// (out) belong to the kernel; "" = for no reason. ifindex 0: by any interface, and to be asked
// besides the interface's own. One that is not watched: "not watched". Good until the next call
// of a function that is not const.
const char *policy_in(const struct policy *, int ifindex, int family);
const char *policy_out(const struct policy *, int ifindex, int family);

// True once every kind was read, or found unreadable.
bool policy_is_complete(const struct policy *);

struct policy_stats {
	uint64_t polls, dumps;
	uint64_t resyncs; // times that the kernel could not tell us all: looked at again
	uint64_t last_poll_ns, max_poll_ns; // of the thread's time, waiting for locks included
};
void policy_stats(struct policy *, struct policy_stats *);
