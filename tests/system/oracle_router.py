# SPDX-License-Identifier: BSD-3-Clause
"""What makes router a another one than router b: garudad with its routed ports, or a fault."""
import json
import os
import subprocess
import tempfile
import time

import frames
from oracle_topology import PORTS, in_netns, ip_batch, write_settings

# Faults, each of one kind: (nft rule | ip command | sysctl) in router a alone.
PLANTS = {
    "ttl": ("nft", "forward", "ip ttl set 9"),
    "traffic class": ("nft", "forward", "ip dscp set 9"),
    "loss": ("nft", "forward", "meta length gt 1200 drop"),
    "silent": ("nft", "output", "icmp type time-exceeded drop"),
    "silent IPv6": ("nft", "output", "icmpv6 type destination-unreachable drop"),
    "neighbour": ("ip", "neigh replace 10.2.0.2 dev p1 lladdr 02:de:ad:00:00:01 nud permanent"),
    "mtu": ("ip", "link set p2 mtu 1300"),
    "route": ("ip", "-6 route replace blackhole 2001:db8:20::/49 metric 1"),
    "source check": ("sysctl", "net/ipv4/conf/p0/rp_filter", 1),
    "no echo": ("sysctl", "net/ipv4/icmp_echo_ignore_all", 1),
}


def plant(twin, name):
    kind, *what = PLANTS[name]
    if kind == "ip":
        complaints = ip_batch(twin.router, what)
    elif kind == "sysctl":
        complaints = in_netns(twin.router, write_settings, {what[0]: what[1]})
    else:
        script = "table inet fault {\n chain c {\n type filter hook %s priority 0;\n %s\n }\n}\n" % tuple(what)
        result = subprocess.run(["nsenter", "--net=/run/netns/" + twin.router, "nft", "-f", "-"], input=script,
                                text=True, capture_output=True, check=False)
        complaints = result.stderr
    if complaints:
        raise RuntimeError("plant %s: %s" % (name, complaints))


class Garuda:
    """garudad in router a's namespace, with all of its interfaces as routed ports."""

    def __init__(self, build, netns, is_verbose=False):
        self.build, self.netns, self.is_verbose = build, netns, is_verbose
        self.directory = tempfile.TemporaryDirectory(prefix=netns + ".")
        self.socket = os.path.join(self.directory.name, "garuda.sock")
        self.log = os.path.join(self.directory.name, "garudad.log")
        self.daemon = None

    def call(self, *words, check=True):
        result = subprocess.run([self.build + "/cli/garuda", "--socket", self.socket, *words], text=True,
                                capture_output=True, check=False, timeout=20)
        if result.returncode and check:
            raise RuntimeError("garuda %s: %s" % (" ".join(words), result.stderr or result.stdout))
        return result

    def start(self):
        with open(self.log, "w") as log:
            self.daemon = subprocess.Popen(
                ["nsenter", "--net=/run/netns/" + self.netns, self.build + "/control/garudad", "--socket",
                 self.socket], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        end = time.monotonic() + 10
        while self.call("system", "show", check=False).returncode:
            if time.monotonic() > end or self.daemon.poll() is not None:
                raise RuntimeError("garudad does not answer: " + self.tail())
            time.sleep(0.05)
        for port in range(PORTS):
            self.call("port", "add", "p%d" % port, "--routed")
        end = time.monotonic() + 3
        while any(families != {4, 6} for families in self.accelerated().values()):
            if time.monotonic() > end:
                raise RuntimeError("no fast path after 3 s: " + self.call("router", "show").stdout)
            time.sleep(0.02)

    def tail(self):
        with open(self.log) as log:
            return "".join(log.readlines()[-20:])

    def stop(self):
        if self.daemon:
            status = self.daemon.poll()
            if status is not None:
                print("garudad ended with status %d: %s" % (status, self.tail()))
            else:
                self.daemon.terminate()
                try:
                    self.daemon.wait(5)
                except subprocess.TimeoutExpired:
                    self.daemon.kill()
                    self.daemon.wait()
        self.directory.cleanup()

    def counters(self):
        """Packets that the fast path forwarded, over all ports."""
        if self.daemon.poll() is not None:
            raise RuntimeError("garudad ended: " + self.tail())
        return json.loads(self.call("stats", "show", "--json").stdout)["total"]["forwarded"]

    def accelerated(self):
        """{port number: families in which the fast path takes its packets}"""
        shown = json.loads(self.call("router", "show", "--json").stdout)
        return {int(i["interface"][1:]): {f for f, key in ((4, "ipv4"), (6, "ipv6")) if i[key] == "fast_path"}
                for i in shown["interfaces"] if i["interface"][0] == "p"}

    def account(self, before, packets, outcomes, counts):
        """Counts what the fast path should have forwarded, and what it did."""
        fast, accelerated = self.counters() - before, self.accelerated()
        eligible = 0
        for packet in packets:
            came = outcomes.get(packet.number, [])
            if not packet.is_plain or packet.family not in accelerated.get(packet.port, ()):
                continue
            if len(came) == 1 and came[0].what == "forward" and came[0].port != packet.port:
                eligible += 1
        if self.is_verbose:
            shown = json.loads(self.call("stats", "show", "--json").stdout)
            print("  eligible %d, fast %d; so far %s" % (eligible, fast, {
                key: shown[key] for key in ("exceptions", "passed") if key in shown}))
        counts["eligible"] += eligible
        counts["fast"] += min(fast, eligible)
