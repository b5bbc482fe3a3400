# SPDX-License-Identifier: BSD-3-Clause
"""What came out of a router, told apart by the packet that caused it, and whether two routers agree.

Left out of the comparison, because a kernel beside a kernel differs in them too:
  ARP requests, neighbour discovery, MLD, IGMP     sent by timers and when a neighbour is first used
  time exceeded during reassembly                  comes after a timeout
  redirects between addresses seen before          limited per address by time
  the identification of what the router sends      a hash with a secret (and with it the header sum)
  the way of fragments that the router itself makes  their cause does not show in them
  the order of frames of different packets         two wires
  the member of a multipath route                  a hash with a secret: any member of the route, see
                                                   Multipath
"""
import collections
import ipaddress
import json
import struct
import subprocess

import frames
from oracle_packets import shown
from oracle_topology import router_mac

Outcome = collections.namedtuple("Outcome", "what port frame")  # what: forward | error | reply | ...
ND_AND_MLD = (130, 131, 132, 133, 134, 135, 136, 143)


def ip4_header(data):
    """(header length, total length) of a header that holds water, else None."""
    if len(data) < 20 or data[0] >> 4 != 4 or data[0] & 15 < 5:
        return None
    size, total = (data[0] & 15) * 4, struct.unpack_from("!H", data, 2)[0]
    return (size, total) if size <= total <= len(data) else None


def normal4(frame):
    """Sent by the router itself: without what differs between kernels; a wrong sum stays visible."""
    data = frame[14:]
    size = (data[0] & 15) * 4
    right = frames.checksum(data[:size]) == 0xFFFF
    return frame[:18] + b"\0\0" + frame[20:24] + (b"\0\0" if right else b"bad") + frame[26:]


class Sorter:
    """The packets of one batch, to find the cause of what comes out."""

    def __init__(self, packets):
        self.by_number = {p.number: p for p in packets}

    def quoted(self, data):
        """The number of the packet that an ICMP error quotes, or None."""
        if len(data) >= 20 and data[0] >> 4 == 4:
            number, addresses = struct.unpack_from("!H", data, 4)[0], data[12:20]
        elif len(data) >= 40 and data[0] >> 4 == 6:
            number, addresses = struct.unpack_from("!I", data)[0] & 0xFFFFF, data[8:40]
        else:
            return None
        packet = self.by_number.get(number)
        return number if packet and addresses == packet.source + packet.destination else None

    def cause4(self, frame):
        data = frame[14:]
        header = ip4_header(data)
        if not header:
            return None, "strange", frame
        number = self.quoted(data)
        if number is not None:
            return number, "forward", frame
        body = data[header[0]:]
        if struct.unpack_from("!H", data, 6)[0] & 0x1FFF:
            return None, "fragment", data[6:8] + data[16:20] + body
        if data[9] == 2:
            return None, "noise", frame
        if data[9] == 1 and len(body) >= 8:
            if body[0] in (3, 11, 12, 5):
                if body[:2] == b"\x0b\x01":
                    return None, "noise", frame
                what = "redirect" if body[0] == 5 else "error %d/%d" % (body[0], body[1])
                return self.quoted(body[8:]), what, normal4(frame)
            if body[0] == 0:
                return struct.unpack_from("!H", body, 4)[0], "reply", normal4(frame)
        if data[9] == 6 and len(body) >= 20:
            return struct.unpack_from("!H", body, 2)[0], "reset", normal4(frame)
        return None, "strange", normal4(frame)

    def cause6(self, frame):
        data = frame[14:]
        if len(data) < 40 or data[0] >> 4 != 6:
            return None, "strange", frame
        number = self.quoted(data)
        if number is not None:
            return number, "forward", frame
        body, protocol = data[40:], data[6]
        if protocol == 44 and len(body) >= 8:
            return None, "fragment", data[24:40] + body[:4] + body[8:]
        if protocol == 0 and len(body) > 8:  # MLD carries a router alert
            protocol, body = body[0], body[(body[1] + 1) * 8:]
        if protocol == 58 and len(body) >= 8:
            if body[0] in ND_AND_MLD:
                return None, "noise", frame
            if body[0] == 137:
                inner = body.find(b"\x04", 40)  # the redirected header option
                return self.quoted(body[inner + 8:]) if inner >= 0 else None, "redirect", frame
            if body[0] < 128:
                if body[:2] == b"\x03\x01":
                    return None, "noise", frame
                return self.quoted(body[8:]), "error %d/%d" % (body[0], body[1]), frame
            if body[0] == 129:
                return struct.unpack_from("!H", body, 4)[0], "reply", frame
        if protocol == 6 and len(body) >= 20:
            return struct.unpack_from("!H", body, 2)[0], "reset", frame
        return None, "strange", frame

    def sort(self, received):
        """[(port, frame)] -> {number or None: [Outcome]}, noise left out."""
        out = collections.defaultdict(list)
        for port, frame in received:
            kind = frame[12:14]
            if kind == b"\x08\x06":
                if frame[20:22] == b"\0\1":
                    continue
                number, what = None, "arp reply"
            elif kind == b"\x08\0":
                number, what, frame = self.cause4(frame)
            elif kind == b"\x86\xdd":
                number, what, frame = self.cause6(frame)
            else:
                number, what = None, "strange"
            # Of what a router says in fragments only the first can be told to a packet, and in IPv6
            # not even that; they may leave by any member of the route back.
            port = -1 if what == "fragment" else port
            if what != "noise":
                out[number if number in self.by_number else None].append(Outcome(what, port, frame))
        for outcomes in out.values():
            outcomes.sort()
        return out


def rewritten(packet):
    """What RFC 1812 and 8200 make of a packet: the bytes behind the Ethernet header."""
    data = bytearray(packet.frame[14:])
    if packet.frame[12:14] in (b"\x81\0", b"\x88\xa8"):
        del data[:4]
    if packet.family == 4:
        size, total = ip4_header(bytes(data)) or (20, len(data))
        del data[total:]
        data[8] -= 1
        data[10:12] = b"\0\0"
        struct.pack_into("!H", data, 10, frames.checksum(bytes(data[:size])) ^ 0xFFFF)
    else:
        del data[40 + struct.unpack_from("!H", data, 4)[0]:]
        data[7] -= 1
    return bytes(data)


Hop = collections.namedtuple("Hop", "port mac mtu is_up")


class Multipath:
    """The routes of the router `netns` that have several next hops, and what they allow."""

    def __init__(self, netns, hosts):
        self.netns, self.hosts = netns, hosts

    def ask(self, *command):
        result = subprocess.run(["ip", "-n", self.netns, "-j", "-d", *command], text=True, capture_output=True,
                                check=False)
        try:
            return json.loads(result.stdout)
        except ValueError:
            return []

    def hops(self, packet):
        """The next hops that a packet may take when its route has several, else None."""
        more = ["tos", "%#x" % (packet.frame[15] & 0xFC)] if packet.frame[12:14] == b"\x08\0" else []
        hops = self.members(packet.family, packet.destination, "from", text(packet.source), "iif",
                            "p%d" % packet.port, *more)
        # A source that is refused by one member only: the kernel asked for that one.
        return hops or self.members(packet.family, packet.destination, *more)

    def hops_back(self, packet, outcome):
        """The same for what the router sent to the packet's source."""
        more = ["tos", "%#x" % (outcome.frame[15] & 0xFC)] if packet.family == 4 else []
        return self.members(packet.family, packet.source, *more)

    def members(self, family, destination, *more):
        found = self.ask(*(["-6"] if family == 6 else []), "route", "get", "fibmatch", text(destination), *more)
        if not found or "nexthops" not in found[0]:
            return None
        return [self.hop(destination, member) for member in found[0]["nexthops"] if member.get("dev", "-")[0] == "p"]

    def hop(self, destination, member):
        port = int(member["dev"][1:])
        via = member.get("gateway") or member.get("via", {}).get("host")
        address = ipaddress.ip_address(via).packed if via else destination
        known = [n for n in self.ask("neigh", "show", "to", text(address), "dev", "p%d" % port, "nud", "all")
                 if "lladdr" in n]
        mac = frames.mac_bytes(known[0]["lladdr"]) if known else self.hosts.mac(port, address)
        link = (self.ask("link", "show", "p%d" % port) or [{}])[0]
        return Hop(port, mac, link.get("mtu", 1500),
                   link.get("operstate") == "UP" and "linkdown" not in member.get("flags", []))

    @staticmethod
    def verdict(packet, hops, outcomes):
        """Why these outcomes cannot come from the route, or None."""
        forwarded = [o for o in outcomes if o.what == "forward"]
        allowed = {(h.port, h.mac) for h in hops}
        for outcome in forwarded:
            if (outcome.port, outcome.frame[:6]) not in allowed or outcome.frame[6:12] != router_mac(outcome.port):
                return "left by p%d to %s, which is no member" % (outcome.port, frames.mac_text(outcome.frame[:6]))
        if len({o.port for o in forwarded}) > 1:
            return "one packet left by several ports"
        if len(forwarded) == 1 and not packet.has_options and forwarded[0].frame[14:] != rewritten(packet):
            return "rewritten as %s instead of %s" % (shown(forwarded[0].frame[14:]), shown(rewritten(packet)))
        size = len(rewritten(packet))
        if len(forwarded) > 1 and not any(h.mtu < size for h in hops):
            return "in %d pieces without need" % len(forwarded)
        if packet.family == 6 and packet.source[:2] in (b"\xfe\x80", b"\0\0") and not forwarded:
            return None  # link-local or unspecified: may not leave its link, so it depends on the member
        errors = [o.what for o in outcomes if o.what.startswith("error")]
        for error in errors:
            too_big = error in ("error 3/4", "error 2/0") and packet.family == (4 if error == "error 3/4" else 6)
            if too_big and not any(h.mtu < size for h in hops):
                return "too big for no member"
            if not too_big and all(h.mac and h.is_up for h in hops):
                return "%s, but every member works" % error
        # With rp_filter off the kernel looks at the source only if the packet leaves as it came in.
        if not outcomes and packet.family == 4 and packet.port in {h.port for h in hops}:
            return None
        # An error about one member may have no way back.
        if not outcomes and all(h.is_up and h.mac and h.mtu >= size for h in hops):
            return "nothing came out"
        return None


def text(address):
    return str(ipaddress.ip_address(address))


def is_own(outcomes):
    """All of it was sent by the router itself."""
    return bool(outcomes) and all(o.what.split()[0] in ("error", "reply", "reset") for o in outcomes)


def message(outcome):
    """What a router says, whatever way and with which of its addresses: kind and ICMP message."""
    data = outcome.frame[14:]
    body = data[(data[0] & 15) * 4:] if data[0] >> 4 == 4 else data[40:]
    if outcome.what == "reset":
        return outcome.what, body[:16]
    return outcome.what, body[:2], body[2:4] if data[0] >> 4 == 4 else b"", body[4:]


def describe(outcomes):
    return ["%s p%d %s" % (o.what, o.port, shown(o.frame)) for o in outcomes] or ["nothing"]
