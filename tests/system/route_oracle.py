#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Two routers are told the same and sent the same packets: what comes out of them must be equal.

    route_oracle.py [--twin kernel|garuda] [--seed N...] [--seconds S] [--steps N] [--packets N]
                    [--plant NAME] [--no-shrink] [--build DIR] [--prefix NAME] [--verbose]

Router b is the kernel alone. Router a is the kernel with garudad and four routed ports (--twin
garuda), or another kernel: that proves this program. Without --seed the fixed seeds come first
and then fresh ones, until the time is over; a seed that is printed replays its sequence. A
difference that stays is reported with its seed, its packet and the fewest operations that still
show it, exit status 1. --plant makes router a wrong in one way: it must be found.
"""
import argparse
import collections
import json
import os
import random
import sys
import time

import oracle_compare
import oracle_multipath
from oracle_compare import is_own
from oracle_operations import Operations
from oracle_packets import Packets
from oracle_router import Garuda, plant, PLANTS
from oracle_topology import Hosts, Twin, Wires

FIXED_SEEDS = (1, 2, 3, 4)
QUIET = 0.09  # longer than a neighbour is waited for: RETRANS_MS, three times and a margin
PATIENCE = (0.1, 0.2, 0.4, 0.8)  # a router may take about a second to follow

Difference = collections.namedtuple("Difference", "packet a b why")


class Sequence:
    """Fresh twins and what they are told. Used by `with`."""

    def __init__(self, args):
        self.args = args
        self.counts = collections.Counter()
        self.hosts = Hosts()
        self.uses, self.fresh = collections.Counter(), set()
        self.garuda = None
        self.twins = [Twin(args.prefix, "a"), Twin(args.prefix, "b")]

    def __enter__(self):
        try:
            for twin in self.twins:
                twin.start()
            if self.args.twin == "garuda":
                self.garuda = Garuda(self.args.build, self.twins[0].router, self.args.verbose)
                self.garuda.start()
        except BaseException:
            self.__exit__()
            raise
        self.wires = Wires(self.twins, self.hosts)
        self.multipath = [oracle_compare.Multipath(twin.router, self.hosts) for twin in self.twins]
        self.wires.settle({"a": [], "b": []}, 0.05)
        return self

    def __exit__(self, *_):
        if self.garuda:
            self.garuda.stop()
        for twin in self.twins:
            twin.stop()

    def apply(self, operations):
        """Both twins refuse the same: what differs, or nothing."""
        concrete = [("announce", o[1], self.hosts.move(o[1], o[2])) if o[0] == "move" else o for o in operations]
        answers = [twin.apply(concrete) for twin in self.twins]
        self.counts["operations"] += len(operations)
        self.counts["refused"] += len(answers[1])
        return [] if answers[0] == answers[1] else ["operations: a says %s, b says %s" % tuple(answers)]

    def exchange(self, packets, quiet=QUIET):
        received = self.wires.exchange([(p.port, p.frame) for p in packets], quiet)
        sorter = oracle_compare.Sorter(packets)
        return sorter.sort(received["a"]), sorter.sort(received["b"])

    def judge(self, packet, a, b):
        """Why the outcomes of a packet do not agree, or None."""
        if packet not in self.fresh:
            a, b = ([o for o in side if o.what != "redirect"] for side in (a, b))
        if a == b:
            return None
        if not packet:
            return "differs"
        if is_own(a + b) and not self.judge_own(packet, a, b):
            return None
        hops = self.multipath[1].hops(packet)
        if not hops:
            return "differs"
        self.counts["multipath"] += 1
        for multipath, name, outcomes in zip(self.multipath, "ab", (a, b)):
            members = hops if name == "b" else multipath.hops(packet)
            why = oracle_compare.Multipath.verdict(packet, members or [], outcomes)
            if why:
                return "multipath: %s: %s" % (name, why)
        return None

    def judge_own(self, packet, a, b):
        """The same for what the routers say themselves: if the route back has several members, each
        takes its own, and the address that goes with it."""
        hops = self.multipath[1].hops_back(packet, (a + b)[0])
        if not hops:
            return "differs"
        if not (a and b):
            if all(h.is_up and h.mac for h in hops):
                return "differs"
        elif [oracle_compare.message(o) for o in a] != [oracle_compare.message(o) for o in b]:
            return "differs"
        self.counts["multipath back"] += 1
        members = {(h.port, h.mac) for h in hops}
        strays = [o for o in a + b if (o.port, o.frame[:6]) not in members]
        return "by no member of the route back" if strays else None

    def note_fresh(self, packets):
        """Packets whose addresses no other packet of the sequence has: their redirects are below the
        limits that the kernel keeps by time, in IPv4 per source, in IPv6 per destination too."""
        for packet in packets:
            self.uses.update({packet.source, packet.destination})
        self.fresh = {p for p in packets if self.uses[p.source] == 1 and
                      (p.family == 4 or self.uses[p.destination] == 1)}

    def compare(self, packets):
        """The differences that stay. Once to settle the neighbours, once to be compared, and what
        differs again after a while."""
        self.note_fresh(packets)
        self.exchange(packets)
        before = self.garuda.counters() if self.garuda else None
        a, b = self.exchange(packets)
        if self.garuda:
            self.garuda.account(before, packets, b, self.counts)
        self.counts["packets"] += len(packets)
        self.counts["answered"] += len([1 for n, o in b.items() if n and o and o[0].what != "forward"])
        self.counts["redirects"] += len([1 for p in self.fresh for o in b.get(p.number, []) if o.what == "redirect"])
        self.counts["forwarded"] += len([1 for n, o in b.items() if n and o and o[0].what == "forward"])
        found = self.differences(packets, a, b)
        for pause in PATIENCE[:1] if self.args.plant else PATIENCE:
            if not found:
                break
            self.counts["repeated"] += len(found)
            self.wires.settle({"a": [], "b": []}, pause, pause)
            # What cannot be told to a packet: all of them again.
            again = packets if any(d.packet is None for d in found) else [d.packet for d in found]
            found = self.differences(again, *self.exchange(again, QUIET + pause / 4))
        return found

    def differences(self, packets, a, b):
        found = []
        for packet in packets + [None]:
            number = packet.number if packet else None
            why = self.judge(packet, a[number], b[number])
            if why:
                found.append(Difference(packet, a[number], b[number], why))
        return found


def report(seed, step, differences):
    print("DIFFERENCE: seed %d, step %d: %d packets" % (seed, step, len(differences)))
    for difference in differences[:5]:
        print("  %s: %s" % (difference.why, difference.packet or "what no packet accounts for"))
        for name in "ab":
            for line in oracle_compare.describe(getattr(difference, name)):
                print("    %s: %s" % (name, line))


def still_differs(args, operations, packet):
    """The packet, in fresh twins that were told just these operations, comes out differently."""
    with Sequence(args) as sequence:
        if args.plant:
            plant(sequence.twins[0], args.plant)
        sequence.apply(operations)
        sequence.wires.settle({"a": [], "b": []}, 0.15, 0.5)
        return bool(sequence.compare([packet]))


def shrink(args, operations, packet, seconds=45):
    """Bisects the operations: takes halves, quarters ... away as long as the difference stays."""
    deadline = time.monotonic() + seconds
    if not still_differs(args, operations, packet):
        print("  it does not show when its operations are given at once")
        return
    size = max(1, len(operations) // 2)
    while time.monotonic() < deadline:
        at, removed = 0, False
        while at < len(operations) and time.monotonic() < deadline:
            less = operations[:at] + operations[at + size:]
            if less and still_differs(args, less, packet):
                operations, removed = less, True
            else:
                at += size
        if size == 1 and not removed:
            break
        size = max(1, size // 2)
    print("  %d operations still show it:" % len(operations))
    for operation in operations:
        print("    " + " ".join(str(word) for word in operation))


def run_sequence(args, seed, counts, deadline):
    """True when both did the same."""
    dice = random.Random(seed)
    operations = Operations(dice)
    packets = Packets(dice, operations)
    history = []
    with Sequence(args) as sequence:
        sequence.counts = counts
        if args.plant:
            plant(sequence.twins[0], args.plant)
        counts["sequences"] += 1
        for step in range(args.steps):
            if time.monotonic() > deadline:
                break
            counts["steps"] += 1
            now = operations.next() if step else operations.first()
            history += now
            if args.verbose:
                print("step %d" % step, *(" ".join(str(w) for w in o) for o in now), sep="\n    ")
            refused = sequence.apply(now)
            sequence.wires.settle({"a": [], "b": []}, 0.03, 0.3)
            differences = sequence.compare(packets.some(args.packets))
            if refused or differences:
                print(*refused, sep="\n")
                report(seed, step, differences)
                print("  the operations of the step: %s" % "; ".join(" ".join(str(w) for w in o) for o in now))
                break
        else:
            return True
    if not refused and not differences:
        return True
    packets_found = [d.packet for d in differences if d.packet]
    if packets_found and args.shrink:
        shrink(args, history, packets_found[0])
    return False


def seeds(args):
    if args.seed:
        yield from args.seed
        return
    yield from FIXED_SEEDS
    while True:
        yield int.from_bytes(os.urandom(4))


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--twin", choices=("kernel", "garuda"), default="garuda")
    parser.add_argument("--seed", type=int, nargs="*", default=[])
    parser.add_argument("--seconds", type=float, default=40)
    parser.add_argument("--steps", type=int, default=25)
    parser.add_argument("--packets", type=int, default=48)
    parser.add_argument("--plant", choices=PLANTS)
    parser.add_argument("--no-shrink", dest="shrink", action="store_false")
    parser.add_argument("--no-multipath", dest="multipath", action="store_false")
    parser.add_argument("--build", default="build")
    parser.add_argument("--prefix", default="gt%d" % os.getpid())
    parser.add_argument("--verbose", action="store_true")
    return parser.parse_args()


def main():
    args = parse_arguments()
    counts, failed = collections.Counter(), 0
    deadline = time.monotonic() + args.seconds
    if args.multipath and not args.plant:
        failed += not oracle_multipath.check(args, Sequence)
    for seed in seeds(args):
        if time.monotonic() > deadline and not args.seed:
            break
        print("seed %d" % seed, flush=True)
        if not run_sequence(args, seed, counts, deadline + (1e9 if args.seed else 0)):
            failed += 1
            break
    print(json.dumps(counts))
    if args.twin == "garuda" and not args.plant:
        share = counts["fast"] / max(1, counts["eligible"])
        print("fast path: %d of %d eligible packets, %.0f %%" % (counts["fast"], counts["eligible"], 100 * share))
        failed += share < 0.8
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
