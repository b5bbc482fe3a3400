# SPDX-License-Identifier: BSD-3-Clause
"""Random packets into a router: good ones, and what RFC 1812 and RFC 8200 say about the others.

A packet carries its number where everything that comes of it shows it: in the identification of
IPv4 (kept by fragments, quoted by ICMP), in the flow label of IPv6, in the source port or the
identifier of an echo, and in the payload.
"""
import ipaddress
import re
import struct

import frames
from oracle_operations import host4, host6
from oracle_topology import ETH_IP, ETH_IP6, PORTS, router_mac

MARK = b"gtoracle"
SIZES = (1280, 1300, 1400, 1499, 1500, 1501, 2000)
MARTIANS4 = ("127.0.0.1", "0.0.0.0", "0.1.2.3", "224.0.0.1", "224.0.0.9", "239.1.2.3", "240.0.0.1",
             "255.255.255.255", "169.254.1.1")
MARTIANS6 = ("::1", "::", "ff02::1", "ff02::2", "ff05::2", "fe80::1234", "fec0::1", "::ffff:10.1.0.2",
             "2002:a00:1::1", "100::1", "fd00::1", "::10.1.0.2")
STRANGE = {ipaddress.ip_address(a).packed for a in MARTIANS4 + MARTIANS6}


class Packet:
    """What is sent into a port, and what of it matters for judging what came of it."""

    def __init__(self, port, number):
        self.port, self.number = port, number
        self.family, self.source, self.destination = 4, b"", b""
        self.frame, self.note = b"", ""
        self.has_options = False  # record route fills in where it left
        self.is_local = False  # meant for the router itself
        self.is_plain = False  # for the router's MAC, untagged, with nothing that calls for the kernel

    def __str__(self):
        addresses = [str(ipaddress.ip_address(a)) for a in (self.source, self.destination) if a]
        return "packet %d into p%d: %s (%s) %s" % (
            self.number, self.port, " > ".join(addresses), self.note.strip(), shown(self.frame))


def shown(data):
    """Hex, with long runs of zeros in short."""
    return re.sub("(00){16,}", lambda run: "[%d*00]" % (len(run[0]) // 2), data.hex())


def l4_checksum(source, destination, protocol, segment):
    if len(source) == 4:
        pseudo = source + destination + struct.pack("!BBH", 0, protocol, len(segment))
    else:
        pseudo = source + destination + struct.pack("!II", len(segment), protocol)
    return frames.checksum(pseudo + segment) ^ 0xFFFF


class Packets:
    """dice: random.Random; operations: whose routes the packets shall find."""

    def __init__(self, dice, operations):
        self.dice, self.operations = dice, operations
        self.number = 0

    # -- addresses -----------------------------------------------------------------
    def in_network(self, network):
        dice = self.dice
        kind = dice.random()
        size = network.num_addresses
        base = int(network.network_address)
        if kind < 0.15:
            value = base
        elif kind < 0.3:
            value = base + size - 1
        elif kind < 0.35:
            value = base + size
        elif kind < 0.4:
            value = base - 1
        else:
            value = base + dice.randrange(min(size, 1 << 63))
        return (value % (1 << network.max_prefixlen)).to_bytes(network.max_prefixlen // 8)

    def local(self, family):
        """An address of the router, or what it takes for one."""
        dice, port = self.dice, self.dice.randrange(PORTS)
        own = [a for c, a in self.operations.addresses if (c == "-6 ") == (family == 6)]
        if own and dice.random() < 0.4:
            return ipaddress.ip_address(dice.choice(own).split("/")[0]).packed
        if family == 4:
            text = dice.choice(("10.%d.0.1", "10.%d.0.1", "10.%d.0.0", "10.%d.255.255")) % (port + 1)
        else:
            text = dice.choice(("2001:db8:%x::1", "2001:db8:%x::1", "2001:db8:%x::")) % (port + 1)
        return ipaddress.ip_address(text).packed

    def address(self, family, is_source, port):
        dice, kind = self.dice, self.dice.random()
        if is_source:
            if kind < 0.15:  # a host of its own
                number = dice.randrange(0x100, 0xFF00)
                return ipaddress.ip_address("10.%d.%d.%d" % (port + 1, number >> 8, number & 255) if family == 4 else
                                            host6(port, number)).packed
            if kind < 0.55:
                number = dice.choice((2, 3, 4, 5, 6, 7, 8, 9, 11, 13))
                return ipaddress.ip_address((host4, host6)[family == 6](port, number)).packed
            if kind < 0.6:
                return ipaddress.ip_address((host4, host6)[family == 6](dice.randrange(PORTS), 3)).packed
        elif kind < 0.15:
            number = dice.choice((2, 3, 4, 5, 6, 7, 8, 9, 11, 13, 20, 22))
            return ipaddress.ip_address((host4, host6)[family == 6](dice.randrange(PORTS), number)).packed
        if kind > 0.96:
            text = dice.choice(MARTIANS4 if family == 4 else MARTIANS6)
            return ipaddress.ip_address(text).packed
        if is_source and kind > 0.94:
            return self.local(family)
        prefixes = [p for p in self.operations.prefixes[family] if p.prefixlen >= 6]
        if prefixes:
            return self.in_network(dice.choice(prefixes))
        return ipaddress.ip_address("20.1.2.3" if family == 4 else "2001:db8:20::3").packed

    # -- layers ----------------------------------------------------------------------
    def segment(self, packet, size):
        """Transport header and payload of about that size -> (protocol, bytes)"""
        dice, number = self.dice, packet.number
        payload = MARK + struct.pack("!I", number)
        kind = dice.choices(("udp", "tcp", "echo", "error", "other"), (50, 20, 20, 5, 5))[0]
        packet.note += kind + " "
        port = dice.choice((7, 53, 80, 179, 4789, 33434, 65535))
        if kind == "udp":
            payload += bytes(max(0, size - 8 - len(payload)))
            protocol, at = 17, 6
            data = struct.pack("!HHHH", number, port, 8 + len(payload), 0) + payload
        elif kind == "tcp":
            payload += bytes(max(0, size - 20 - len(payload)))
            protocol, at = 6, 16
            flags = dice.choice((0x02, 0x10, 0x18, 0x12))
            data = struct.pack("!HHIIBBHHH", number, port, dice.getrandbits(32), dice.getrandbits(32), 0x50,
                               flags, 8192, 0, 0) + payload
        elif kind == "echo":
            payload += bytes(max(0, size - 8 - len(payload)))
            protocol, at = (1, 2) if packet.family == 4 else (58, 2)
            data = struct.pack("!BBHHH", 8 if packet.family == 4 else 128, 0, 0, number, 1) + payload
        elif kind == "error":  # of a packet that somebody sent through here
            protocol, at = (1, 2) if packet.family == 4 else (58, 2)
            inner = struct.pack("!BBHHHBBH", 0x45, 0, 48, number ^ 0x5555, 0, 3, 17, 0) + \
                packet.destination[:4] + packet.source[:4] if packet.family == 4 else \
                struct.pack("!IHBB", 6 << 28, 8, 17, 3) + packet.destination + packet.source
            data = struct.pack("!BBHI", 11 if packet.family == 4 else 3, 0, 0, 0) + inner + \
                struct.pack("!HHHH", 33434, number, 8, 0) + payload
        else:
            protocol = dice.choice((47, 50, 89, 132, 253, 4, 41))
            return protocol, payload + bytes(max(0, size - len(payload)))
        if protocol == 1:
            value = frames.checksum(data) ^ 0xFFFF
        else:
            value = l4_checksum(packet.source, packet.destination, protocol, data)
        wrong = dice.random()
        if wrong < 0.06:
            value ^= 0x1111
            packet.note += "bad L4 checksum "
        elif wrong < 0.09 and kind == "udp":
            value = 0
            packet.note += "no UDP checksum "
        elif value == 0 and kind == "udp":
            value = 0xFFFF
        return protocol, data[:at] + struct.pack("!H", value) + data[at + 2:]

    def size(self, packet):
        dice = self.dice
        if packet.is_local:  # an answer in fragments could not be told from others
            return dice.choice((0, 64, 500))
        return dice.choice(SIZES) + dice.choice((-8, -1, 0, 0, 1, 8)) if dice.random() < 0.25 else \
            dice.choice((0, 0, 46, 64, 128, 300, 576, 577))

    def ttl(self, packet):
        ttl = self.dice.choices((0, 1, 2, 64, 255), (1, 4, 6, 60, 10))[0]
        if ttl < 2:
            packet.is_plain = False
        packet.note += "ttl %d " % ttl
        return ttl

    def ip4(self, packet):
        dice = self.dice
        size = self.size(packet)
        options = b""
        if dice.random() < 0.05:
            options = dice.choice((b"\x01\x01\x01\x00", b"\x07\x07\x04" + bytes(5), b"\x94\x04\0\0",
                                   b"\x83\x07\x04\x14\x01\x00\x01\x00", b"\x44\x08\x05\0\0\0\0\0", b"\x07\x03\xff\0"))
            packet.note += "options %s " % options.hex()
            packet.has_options = True
            packet.is_plain = False
        protocol, segment = self.segment(packet, max(0, size - 20 - len(options)))
        fragment = dice.choices((0x0000, 0x4000, 0x2000, 0x00B9, 0x20B9, 0x8000), (45, 45, 4, 4, 1, 1))[0]
        if fragment & 0x1FFF or fragment & 0x2000:
            packet.note += "fragment "
            segment = segment[:len(segment) & ~7] or segment
        packet.note += "flags %#x " % fragment
        tos = dice.choice((0, 0, 0, 0x10, 0xB8, 0x03))
        header = bytearray(struct.pack("!BBHHHBBH", 0x45 + len(options) // 4, tos, 20 + len(options) + len(segment),
                                       packet.number, fragment, self.ttl(packet), protocol, 0))
        header += packet.source + packet.destination + options
        broken = dice.random()
        if broken < 0.05:
            packet.is_plain = False
            kind = dice.choice(("version", "ihl", "long ihl", "total long", "total short", "checksum"))
            packet.note += "broken " + kind + " "
            if kind == "version":
                header[0] ^= 0x20
            elif kind == "ihl":
                header[0] = 0x40 | dice.randrange(5)
            elif kind == "long ihl":
                header[0] = 0x4F
            elif kind == "total long":
                struct.pack_into("!H", header, 2, len(header) + len(segment) + dice.choice((1, 8, 1000)))
            elif kind == "total short":
                struct.pack_into("!H", header, 2, dice.choice((0, 19, 20, 27)))
        struct.pack_into("!H", header, 10, frames.checksum(bytes(header)) ^ 0xFFFF)
        if "checksum" in packet.note and "broken checksum" in packet.note:
            header[10] ^= 0x40
        return ETH_IP, bytes(header) + segment

    def ip6(self, packet):
        dice = self.dice
        protocol, segment = self.segment(packet, max(0, self.size(packet) - 40))
        extension = dice.random()
        if extension < 0.1:
            packet.is_plain = False
            kind = dice.choice(("hop-by-hop", "alert", "destination", "routing", "fragment", "unknown option"))
            packet.note += kind + " "
            number, body = {
                "hop-by-hop": (0, b"\x01\x04\0\0\0\0"), "alert": (0, b"\x05\x02\0\0\x01\0"),
                "destination": (60, b"\x01\x04\0\0\0\0"), "routing": (43, b"\x00\x01\0\0\0\0" + bytes(16)),
                "unknown option": (0, b"\x9e\x04\0\0\0\0"), "fragment": (44, b"")}[kind]
            if kind == "fragment":
                segment = segment[:len(segment) & ~7]
                segment = struct.pack("!BBHI", protocol, 0, dice.choice((1, 0x5B8, 0x5B9)), packet.number) + segment
            else:
                segment = bytes((protocol, (len(body) + 2) // 8 - 1)) + body + segment
            protocol = number
        header = bytearray(struct.pack("!IHBB", 6 << 28 | dice.choice((0, 0, 0xB8, 3)) << 20 | packet.number,
                                       len(segment), protocol, self.ttl(packet)))
        header += packet.source + packet.destination
        if dice.random() < 0.04:
            packet.is_plain = False
            kind = dice.choice(("version", "payload long", "payload short"))
            packet.note += "broken " + kind + " "
            if kind == "version":
                header[0] ^= 0x20
            else:
                length = len(segment) + dice.choice((1, 8, 1000)) if kind == "payload long" else \
                    dice.choice((0, 4, len(segment) // 2))
                struct.pack_into("!H", header, 4, length)
        return ETH_IP6, bytes(header) + segment

    def one(self):
        dice = self.dice
        self.number = self.number % 60000 + 1
        packet = Packet(dice.randrange(PORTS), self.number)
        packet.is_plain = True
        packet.family = dice.choice((4, 4, 6))
        packet.source = self.address(packet.family, True, packet.port)
        packet.is_local = dice.random() < 0.1
        packet.destination = self.local(packet.family) if packet.is_local else \
            self.address(packet.family, False, packet.port)
        if {packet.source, packet.destination} & STRANGE:
            packet.is_plain = False
        ethertype, data = self.ip4(packet) if packet.family == 4 else self.ip6(packet)
        mac, tag = router_mac(packet.port), b""
        sender = bytes((2, 0x99, 0, 0, 0, packet.port))
        kind = dice.random()
        if kind < 0.06:
            packet.is_plain = False
            mac = dice.choice((b"\xff" * 6, router_mac((packet.port + 1) % PORTS), b"\x02\x55\0\0\0\1",
                               b"\x01\x00\x5e\0\0\1", b"\x33\x33\0\0\0\1"))
            packet.note += "to MAC %s " % frames.mac_text(mac)
        elif kind < 0.1:
            packet.is_plain = False
            tag = struct.pack("!HH", dice.choice((0x8100, 0x8100, 0x88A8)), dice.choice((0, 10, 0xA000, 0xFFF)))
            packet.note += "tagged %s " % tag.hex()
        elif kind < 0.12:
            sender = dice.choice((router_mac(packet.port), b"\x01\0\0\0\0\1", bytes(6)))
            packet.note += "from MAC %s " % frames.mac_text(sender)
        frame = mac + sender + tag + struct.pack("!H", ethertype) + data
        if dice.random() < 0.3:
            packet.note += "padded "
            frame += bytes(dice.randrange(256) for _ in range(dice.choice((1, 4, 7, 18))))
        elif dice.random() < 0.02:
            packet.is_plain = False
            packet.note += "cut short "
            frame = frame[:dice.randrange(14, 14 + 48)]
        packet.frame = frame
        return packet

    def some(self, number):
        return [self.one() for _ in range(number)]
