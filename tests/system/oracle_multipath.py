# SPDX-License-Identifier: BSD-3-Clause
"""Many flows over weighted multipath routes: each stays with one member, and the members get their
shares. In both twins; the hash is the router's own business."""
import collections
import ipaddress
import random
import struct

import frames
import oracle_compare
from oracle_operations import host4, host6, port_addresses
from oracle_packets import MARK, Packet, l4_checksum
from oracle_topology import ETH_IP, ETH_IP6, PORTS, router_mac

FLOWS, BURST, TOLERANCE = 2400, 150, 0.05
# prefix -> (family, [(port, weight)]); all come in by p0.
ROUTES = {
    "20.1.0.0/16": (4, [(1, 1), (2, 1)]),
    "20.2.0.0/16": (4, [(1, 1), (2, 2), (3, 5)]),
    "2001:db8:21::/48": (6, [(1, 1), (2, 1), (3, 1)]),
    "2001:db8:22::/48": (6, [(1, 3), (3, 1)]),
}


def commands():
    operations = [o for port in range(PORTS) for o in port_addresses(port)]
    for number, (prefix, (family, members)) in enumerate(ROUTES.items()):
        gateway, command = (host4, "route") if family == 4 else (host6, "-6 route")
        if number % 2:  # the second of each family by nexthop objects, as FRR makes them
            base = 100 * (number + 1)
            for port, _ in members:
                operations.append(("ip", "nexthop add id %d via %s dev p%d" % (base + port, gateway(port, 2), port)))
            group = "/".join("%d,%d" % (base + port, weight) for port, weight in members)
            operations.append(("ip", "nexthop add id %d group %s" % (base, group)))
            operations.append(("ip", "%s add %s nhid %d" % (command, prefix, base)))
        else:
            hops = " ".join("nexthop via %s dev p%d weight %d" % (gateway(p, 2), p, w) for p, w in members)
            operations.append(("ip", "%s add %s %s" % (command, prefix, hops)))
    return operations


def datagram(number, family, source, destination, sport, fragment=None):
    """fragment: None, or 0 and 1 for the halves of one."""
    packet = Packet(0, number)
    packet.family, packet.source, packet.destination = family, source, destination
    data = struct.pack("!HHHH", sport, 53, 28 + (8 if fragment is not None else 0), 0) + MARK + bytes(12)
    value = l4_checksum(source, destination, 17, data) or 0xFFFF
    data = data[:6] + struct.pack("!H", value) + data[8:]
    if fragment:
        data = bytes(8)
    if family == 4:
        bits = 0x4000 if fragment is None else (0x2000, 3)[fragment]
        if fragment == 0:
            data = data[:24]
        header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(data), number, bits, 64, 17, 0) + source + destination
        value = frames.checksum(header) ^ 0xFFFF
        data = header[:10] + struct.pack("!H", value) + header[12:] + data
    else:
        data = struct.pack("!IHBB", 6 << 28 | number, len(data), 17, 64) + source + destination + data
    packet.frame = router_mac(0) + b"\x02\x99\0\0\0\0" + struct.pack("!H", ETH_IP if family == 4 else ETH_IP6) + data
    return packet


def flows(dice, prefix, family):
    """[(source, destination, source port)], all different. In IPv6 the flow label of a packet of
    ours is its number, so a flow keeps its number."""
    network = ipaddress.ip_network(prefix)
    for number in range(1, FLOWS + 1):
        yield (number, ipaddress.ip_address(host4(0, 2) if family == 4 else host6(0, 2)).packed,
               network[dice.randrange(min(network.num_addresses, 1 << 40))].packed, dice.randrange(1024, 65535))


def egress(sequence, packets, quiet=0.03):
    """[{number: port} for a and b] of what was forwarded."""
    return [{number: outcomes[0].port for number, outcomes in side.items()
             if number is not None and len(outcomes) == 1 and outcomes[0].what == "forward"}
            for side in sequence.exchange(packets, quiet)]


def check(args, sequence_class):
    """True when shares and stability are right in both twins."""
    dice, complaints = random.Random(7), []
    with sequence_class(args) as sequence:
        complaints += sequence.apply(commands())
        sequence.wires.settle({"a": [], "b": []}, 0.3, 1)
        before = sequence.garuda.counters() if sequence.garuda else 0
        for prefix, (family, members) in ROUTES.items():
            complaints += check_route(sequence, prefix, family, members, list(flows(dice, prefix, family)))
        if sequence.garuda and sequence.garuda.counters() - before < len(ROUTES) * FLOWS:
            complaints.append("the fast path forwarded %d packets only" % (sequence.garuda.counters() - before))
    for complaint in complaints:
        print("MULTIPATH: " + complaint)
    return not complaints


def check_route(sequence, prefix, family, members, all_flows):
    complaints = []
    total = sum(weight for _, weight in members)
    taken = [{}, {}]
    for at in range(0, len(all_flows), BURST):
        burst = [datagram(n, family, *flow) for n, *flow in all_flows[at:at + BURST]]
        if at == 0:  # the neighbours of all members
            egress(sequence, burst)
        for side, ports in zip(taken, egress(sequence, burst)):
            side.update(ports)
    # What a busy machine held up, or lost: once more, with patience.
    late = [flow for flow in all_flows if flow[0] not in taken[0] or flow[0] not in taken[1]]
    for at in range(0, len(late), BURST):
        burst = [datagram(n, family, *flow) for n, *flow in late[at:at + BURST]]
        for side, ports in zip(taken, egress(sequence, burst, 0.3)):
            side.update(ports)
    again = [{}, {}]
    for at in range(0, len(all_flows), BURST * 4):
        burst = [datagram(n, family, *flow) for n, *flow in all_flows[at:at + BURST]]
        for side, ports in zip(again, egress(sequence, burst)):
            side.update(ports)
    for name, ports, repeated in zip("ab", taken, again):
        lost = len(all_flows) - len(ports)
        if lost:
            complaints.append("%s: %s: %d of %d packets did not come out" % (name, prefix, lost, len(all_flows)))
        moved = [n for n, port in repeated.items() if ports.get(n, port) != port]
        if moved:
            complaints.append("%s: %s: %d of %d flows changed their way" % (name, prefix, len(moved), len(repeated)))
        counted = collections.Counter(ports.values())
        for port in set(counted) | {p for p, _ in members}:
            want = dict(members).get(port, 0) / total
            share = counted[port] / max(1, len(ports))
            if abs(share - want) > TOLERANCE:
                complaints.append("%s: %s: p%d got %.1f %% of the flows instead of %.1f" % (
                    name, prefix, port, 100 * share, 100 * want))
    if family == 4:
        complaints += check_fragments(sequence, prefix, all_flows[:64])
    return complaints


def check_fragments(sequence, prefix, some_flows):
    """All fragments of a datagram take one way, though only the first has ports."""
    ways = []
    for half in (0, 1):
        ways.append(egress(sequence, [datagram(n, 4, *flow, fragment=half) for n, *flow in some_flows], 0.3))
    complaints = []
    for side, name in enumerate("ab"):
        first, second = ways[0][side], ways[1][side]
        torn = [n for n in first if first[n] != second.get(n)]
        if torn or len(first) != len(some_flows):
            complaints.append("%s: %s: of %d fragmented datagrams %d were torn apart, %d did not come out" % (
                name, prefix, len(some_flows), len(torn), len(some_flows) - len(first)))
    return complaints
