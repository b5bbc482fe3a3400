# SPDX-License-Identifier: BSD-3-Clause
"""The twin routers of route_oracle.py, their hosts, and what both are told.

Each twin is a namespace with PORTS veth interfaces p0.. whose other ends h0.. lie in a second one,
without addresses: a host is no kernel, but a raw socket of this process, which sends what it
likes, sees every byte that the router sends, and answers ARP and neighbour solicitations. Names,
MACs and settings of the twins are the same, so that their frames compare byte for byte.
"""
import ipaddress
import json
import os
import select
import socket
import struct
import subprocess
import time

import frames

PORTS = 4
ETH_IP, ETH_ARP, ETH_IP6 = 0x0800, 0x0806, 0x86DD
TIMERS = (b"\x33\x33\0\0\0\x16", b"\x01\0\x5e\0\0\x16")  # reports of multicast groups
RETRANS_MS = 20  # a neighbour that does not answer is given up after three of these
# What makes outcomes comparable: no limit that depends on time, no random label, no probing of
# duplicates, neighbours that stay and that fail soon.
SETTINGS = {
    "net/ipv6/conf/default/accept_dad": 0, "net/ipv6/conf/default/router_solicitations": 0,
    "net/ipv6/conf/default/accept_ra": 0, "net/ipv6/auto_flowlabels": 0,
    "net/ipv6/conf/default/addr_gen_mode": 0,
    "net/ipv4/icmp_ratelimit": 0, "net/ipv6/icmp/ratelimit": 0,
    "net/ipv4/icmp_msgs_per_sec": 1000000, "net/ipv4/icmp_msgs_burst": 1000000,
    "net/ipv4/conf/all/rp_filter": 0, "net/ipv4/conf/default/rp_filter": 0,
    "net/ipv4/conf/all/forwarding": 1, "net/ipv4/conf/default/forwarding": 1,
    "net/ipv6/conf/all/forwarding": 1, "net/ipv6/conf/default/forwarding": 1,
    "net/ipv4/fib_multipath_hash_policy": 1, "net/ipv6/fib_multipath_hash_policy": 1,
}
# Of each interface: in a namespace these have no default.
PORT_SETTINGS = {
    "net/%s/neigh/%s/retrans_time_ms": RETRANS_MS,
    "net/%s/neigh/%s/base_reachable_time_ms": 3600000,
}


def router_mac(port):
    return bytes((2, 0, 0, 0, 1, port))


class Hosts:
    """Who lives behind which port, the same for both twins. Of the addresses in a prefix those
    with a last octet of 2 to 9 answer, beyond that the odd ones."""

    def __init__(self):
        self.moved = {}  # (port, address) -> how often it changed its MAC

    def mac(self, port, address):
        last = address[-1]
        if not (2 <= last <= 9 or (last > 9 and last % 2)):
            return None
        folded = sum(address[i] << 8 * (i % 2) for i in range(len(address))) & 0xFFFF
        return struct.pack("!BBBBH", 2, 0x10 + port, len(address), self.moved.get((port, address), 0),
                           folded)

    def move(self, port, address):
        """The host has another MAC from now on and says so: the frame that it broadcasts."""
        self.moved[port, address] = (self.moved.get((port, address), 0) + 1) & 0xFF
        mac = self.mac(port, address)
        if len(address) == 4:
            return arp(2, mac, address, b"\xff" * 6, address)
        return advertisement(mac, address, b"\x33\x33\0\0\0\1", frames_multicast_all(), 0x20)

    def answer(self, port, frame):
        """The frame that answers a request for a host's address, or None."""
        kind = frame[12:14]
        if kind == b"\x08\x06" and len(frame) >= 42 and frame[20:22] == b"\0\1":
            mac = self.mac(port, frame[38:42])
            return arp(2, mac, frame[38:42], frame[6:12], frame[28:32]) if mac else None
        if is_neighbour_discovery(frame) and frame[54] == 135:
            target, sender = frame[62:78], frame[22:38]
            mac = self.mac(port, target)
            if mac and any(sender):
                return advertisement(mac, target, frame[6:12], sender, 0x60)
        return None


def frames_multicast_all():
    return ipaddress.IPv6Address("ff02::1").packed


def is_neighbour_discovery(frame):
    return (len(frame) >= 78 and frame[12:14] == b"\x86\xdd" and frame[20] == 58 and frame[21] == 255 and
            133 <= frame[54] <= 137)


def arp(operation, mac, address, to_mac, to_address):
    return (to_mac + mac + struct.pack("!HHHBBH", ETH_ARP, 1, ETH_IP, 6, 4, operation) + mac + address +
            (to_mac if operation == 2 else bytes(6)) + to_address)


def icmp6(source, destination, kind, code, body, hop_limit=255):
    message = struct.pack("!BBH", kind, code, 0) + body
    pseudo = source + destination + struct.pack("!II", len(message), 58)
    value = frames.checksum(pseudo + message) ^ 0xFFFF
    message = message[:2] + struct.pack("!H", value) + message[4:]
    return struct.pack("!IHBB", 6 << 28, len(message), 58, hop_limit) + source + destination + message


def advertisement(mac, target, to_mac, to_address, flags):
    body = struct.pack("!I", flags << 24) + target + b"\x02\x01" + mac
    return to_mac + mac + b"\x86\xdd" + icmp6(target, to_address, 136, 0, body)


def in_netns(name, function, *arguments):
    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    try:
        frames.enter(name)
        return function(*arguments)
    finally:
        frames.enter("/proc/self/fd/%d" % home)
        os.close(home)


def write_settings(settings):
    """What went wrong, a line each."""
    errors = []
    for path, value in settings.items():
        try:
            with open("/proc/sys/" + path, "w") as file:
                file.write(str(value))
        except OSError as error:
            errors.append("%s: %s" % (path, error.strerror))
    return errors


def ip_batch(netns, lines):
    """`ip -batch`: what it complains of, a line each. A batch is of one family: "-6" makes another
    one, but where the address says the family anyhow."""
    batches = []
    for line in lines:
        six = line.startswith("-6 ")
        line = line[3:] if six else line
        six = six and line.split()[0] not in ("addr", "route")
        if not batches or batches[-1][0] != six:
            batches.append((six, []))
        batches[-1][1].append(line)
    complaints = []
    for six, batch in batches:
        command = ["ip", "-n", netns, *(["-6"] if six else []), "-force", "-batch", "-"]
        result = subprocess.run(command, input="\n".join(batch) + "\n", text=True, capture_output=True, check=False)
        complaints += [line for line in (result.stdout + result.stderr).splitlines() if line.strip()]
    return complaints


def open_socket(dev):
    raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    raw.setsockopt(frames.SOL_PACKET, frames.PACKET_IGNORE_OUTGOING, 1)
    raw.setsockopt(socket.SOL_SOCKET, frames.SO_RCVBUFFORCE, 16 << 20)
    raw.bind((dev, frames.ETH_P_ALL))
    raw.setblocking(False)
    return raw


class Twin:
    """One router and the ends of its wires. start() and stop() go around everything."""

    def __init__(self, prefix, name):
        self.name = name
        self.router, self.hosts_netns = "%s-r%s" % (prefix, name), "%s-h%s" % (prefix, name)
        self.sockets, self.made = [], []

    def start(self):
        for netns in (self.router, self.hosts_netns):
            subprocess.run(["ip", "netns", "add", netns], check=True)
            self.made.append(netns)
        # Two kernels of one machine hash alike; here not even these agree on the member of a route.
        secret = {"net/ipv4/fib_multipath_hash_seed": ord(self.name)}
        complaints = in_netns(self.router, write_settings, SETTINGS | secret)
        complaints += in_netns(self.hosts_netns, write_settings,
                 {"net/ipv6/conf/all/disable_ipv6": 1, "net/ipv6/conf/default/disable_ipv6": 1})
        lines = ["link set lo up"]
        for port in range(PORTS):
            lines += ["link add p%d address %s mtu 1500 type veth peer name h%d mtu 9500 netns %s" %
                      (port, frames.mac_text(router_mac(port)), port, self.hosts_netns)]
        complaints += ip_batch(self.router, lines)
        complaints += in_netns(self.router, write_settings, {
            path % (family, "p%d" % port): value for path, value in PORT_SETTINGS.items()
            for family in ("ipv4", "ipv6") for port in range(PORTS)})
        ups = ["link set h%d arp off up" % port for port in range(PORTS)]
        complaints += ip_batch(self.hosts_netns, ups)
        complaints += ip_batch(self.router, [line.replace("h%d arp off" % i, "p%d" % i)
                                             for i, line in enumerate(ups)])
        if complaints:
            raise RuntimeError("%s: %s" % (self.router, complaints))
        self.sockets = in_netns(self.hosts_netns,
                                lambda: [open_socket("h%d" % port) for port in range(PORTS)])

    def stop(self):
        for raw in self.sockets:
            raw.close()
        for netns in self.made:
            subprocess.run(["ip", "netns", "del", netns], check=False)
        self.sockets, self.made = [], []

    def send(self, port, frame):
        """False: its link is down."""
        for _ in range(200):
            try:
                self.sockets[port].send(frame)
                return True
            except (BlockingIOError, InterruptedError):
                time.sleep(0.001)
            except OSError:
                return False
        raise TimeoutError("%s: p%d takes no frames" % (self.router, port))

    def wait_for_link(self, port):
        """The kernel has done what comes with a carrier that came or went: it takes its time."""
        for _ in range(150):
            link, host = (json.loads(subprocess.run(
                ["ip", "-n", netns, "-j", "link", "show", dev], text=True, capture_output=True, check=True).stdout)[0]
                for netns, dev in ((self.router, "p%d" % port), (self.hosts_netns, "h%d" % port)))
            is_up = "UP" in link["flags"] and "UP" in host["flags"]
            if link["operstate"] in (("UP",) if is_up else ("DOWN", "LOWERLAYERDOWN")):
                return
            time.sleep(0.02)
        raise TimeoutError("%s: p%d: %s" % (self.router, port, link))

    def apply(self, operations):
        """In their order; returns what was refused, without what numbers the line."""
        errors, lines = [], []

        def flush(netns=None):
            if lines:
                errors.extend(e for e in ip_batch(netns or self.router, lines)
                              if not e.startswith("Command failed"))
                lines.clear()

        for operation in operations:
            kind, what = operation[0], operation[1:]
            if kind == "ip":
                lines.append(what[0])
                words = what[0].split()
                if words[:2] == ["link", "set"] and words[3] in ("up", "down"):
                    flush()
                    self.wait_for_link(int(words[2][1:]))
                continue
            flush()
            if kind == "sysctl":
                errors.extend(in_netns(self.router, write_settings, {what[0]: what[1]}))
            elif kind == "host_link":
                lines.append("link set h%d %s" % what)
                flush(self.hosts_netns)
                self.wait_for_link(what[0])
            elif kind == "announce":
                self.send(*what)
            else:
                raise ValueError(kind)
        flush()
        return errors


class Wires:
    """Sends into both twins and collects what comes out of them, answering as the hosts do."""

    def __init__(self, twins, hosts):
        self.twins, self.hosts = twins, hosts
        self.poller, self.by_fd = select.poll(), {}
        for twin in twins:
            for port, raw in enumerate(twin.sockets):
                self.poller.register(raw, select.POLLIN)
                self.by_fd[raw.fileno()] = (twin, port)

    def read(self, out, timeout):
        """What waits, or comes within the timeout; True if there was anything."""
        any_came = False
        for fd, _ in self.poller.poll(timeout * 1000):
            twin, port = self.by_fd[fd]
            while True:
                try:
                    frame = twin.sockets[port].recv(70000)
                except OSError:  # nothing more; or the link went down
                    break
                any_came |= frame[:6] not in TIMERS
                answer = self.hosts.answer(port, frame)
                if answer:
                    twin.send(port, answer)
                out[twin.name].append((port, frame))
        return any_came

    def settle(self, out, quiet, limit=3.0):
        """Until nothing came for a while."""
        end = time.monotonic() + limit
        last = time.monotonic()
        while (now := time.monotonic()) < min(end, last + quiet):
            if self.read(out, min(end, last + quiet) - now):
                last = time.monotonic()

    def exchange(self, packets, quiet):
        """Sends all of [(port, frame)] to both; {twin's name: [(port, frame)]} that came out."""
        out = {twin.name: [] for twin in self.twins}
        for number, (port, frame) in enumerate(packets):
            for twin in self.twins:
                twin.send(port, frame)
            if number % 16 == 15:
                self.read(out, 0)
        self.settle(out, quiet)
        return out
