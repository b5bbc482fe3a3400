# SPDX-License-Identifier: BSD-3-Clause
"""Random configuration of a router, as `ip` commands, sysctls and things that happen to its hosts.

An operation is a tuple: ("ip", COMMAND) | ("sysctl", PATH, VALUE) | ("host_link", PORT, up|down) |
("move", PORT, ADDRESS BYTES): the host has a new MAC and announces it. Operations need not succeed:
both twins must then refuse them alike. The generator remembers little of what it did: enough that
removals hit and that packets find the routes.
"""
import ipaddress

from oracle_topology import PORTS

BYTES = (0, 1, 127, 128, 255)
LENGTHS4 = (0, 6, 8, 9, 12, 15, 16, 17, 20, 23, 24, 25, 28, 30, 31, 32)
LENGTHS6 = (0, 28, 32, 44, 47, 48, 49, 56, 60, 63, 64, 65, 80, 96, 112, 126, 127, 128)
MTUS = (1280, 1400, 1500, 2000, 9000)
ROUTE_MTUS = (600, 1280, 1300, 1499, 1501)
SPECIAL = ("blackhole", "unreachable", "prohibit", "throw")
RESTORE = 4  # steps after which what stops all forwarding is undone


def host4(port, number):
    return "10.%d.0.%d" % (port + 1, number)


def host6(port, number):
    return "2001:db8:%x::%x" % (port + 1, number)


def port_addresses(port):
    """The first address of each family, which comes back after the link was down."""
    return [("ip", "addr replace 10.%d.0.1/16 dev p%d" % (port + 1, port)),
            ("ip", "-6 addr replace 2001:db8:%x::1/64 dev p%d nodad" % (port + 1, port))]


class Operations:
    """The state behind one random sequence. dice: random.Random."""

    def __init__(self, dice):
        self.dice = dice
        self.prefixes = {4: [], 6: []}
        self.routes, self.nexthops, self.rules, self.addresses, self.neighbours = [], [], [], [], []
        self.later = []  # (step, operations) that undo
        self.step = 0

    # -- words ---------------------------------------------------------------
    def prefix(self, family):
        dice, lengths = self.dice, LENGTHS4 if family == 4 else LENGTHS6
        if self.prefixes[family] and dice.random() < 0.4:
            network = dice.choice(self.prefixes[family])
            length = min(network.max_prefixlen, max(0, network.prefixlen + dice.randint(-2, 9)))
            address = int(network.network_address) | dice.getrandbits(network.max_prefixlen) & int(network.hostmask)
        elif family == 4:
            length = dice.choice(lengths)
            address = int.from_bytes(bytes((20, dice.choice((0, 1, 2, 3)), dice.choice(BYTES), dice.choice(BYTES))))
        else:
            length = dice.choice(lengths)
            address = 0x20010DB8 << 96 | dice.choice((0x20, 0x21, 0x22)) << 80 | dice.choice((0, 1, 0x8000)) << 64
            address |= dice.choice((0, 1, 0xFFFF)) << 48 | dice.choice((0, 1, 2, 255))
        base = ipaddress.IPv4Network if family == 4 else ipaddress.IPv6Network
        network = base((address, length), strict=False)
        # Of a random host route's supernets only those of our own ranges: no 0.0.0.0/2 that is no default.
        if 0 < network.prefixlen < (6 if family == 4 else 28):
            network = base((0, 0))
        self.prefixes[family] = (self.prefixes[family] + [network])[-24:]
        return network

    def port(self):
        return self.dice.randrange(PORTS)

    def gateway(self, family, port):
        """Mostly a host that lives; an even one above 9 does not."""
        number = self.dice.choice((2, 3, 4, 5, 6, 7, 13)) if self.dice.random() < 0.93 else 20
        return host4(port, number) if family == 4 else host6(port, number)

    def hop(self, family):
        port = self.port()
        kind = self.dice.random()
        if family == 4 and kind < 0.06:
            return "via inet6 %s dev p%d" % (self.gateway(6, port), port)
        if kind < 0.1:
            return "via %s dev p%d onlink" % (self.gateway(family, port), port)
        return "via %s dev p%d" % (self.gateway(family, port), port)

    def target(self, family, verb):
        dice, kind = self.dice, self.dice.random()
        if kind < 0.16:
            hops = [self.hop(family) for _ in range(dice.choice((2, 2, 3, 4)))]
            return " ".join("nexthop %s weight %d" % (h, dice.choice((1, 1, 2, 5))) for h in hops)
        if kind < 0.28 and self.nexthops:
            return "nhid %d" % dice.choice(self.nexthops)
        if kind < 0.34 and not (family == 6 and verb == "append"):
            return "dev p%d" % self.port()
        return self.hop(family)

    # -- operations, each a list -----------------------------------------------
    def route(self):
        dice = self.dice
        family = dice.choice((4, 4, 6))
        command = "-6 route" if family == 6 else "route"
        if self.routes and dice.random() < 0.25:
            command, key, table = dice.choice(self.routes)
            self.routes.remove((command, key, table))
            return [("ip", "%s del %s%s" % (command, key, table))]
        network = self.prefix(family)
        if family == 6 and network.prefixlen == 0:
            network = ipaddress.IPv6Network("::/0")
        verb = dice.choices(("add", "replace", "append"), (6, 9, 1))[0]
        table = " table 100" if self.rules and dice.random() < 0.4 else ""
        metric = " metric %d" % dice.choice((10, 20, 100)) if dice.random() < 0.25 else ""
        kind = dice.choices(SPECIAL, (3, 3, 3, 1))[0] + " " if dice.random() < 0.12 else ""
        key = kind + str(network) + metric
        rest = ""
        if not kind:
            rest = " " + self.target(family, verb)
            if "nexthop" not in rest and dice.random() < 0.05:
                rest += " mtu %d" % dice.choice(ROUTE_MTUS[1 if family == 6 else 0:])
            if family == 4 and dice.random() < 0.02:
                rest = " tos 0x10" + rest
        self.routes.append((command, str(network) + metric, table))
        return [("ip", "%s %s %s%s%s" % (command, verb, key, rest, table))]

    def nexthop(self):
        dice = self.dice
        if self.nexthops and dice.random() < 0.2:
            number = self.nexthops.pop(dice.randrange(len(self.nexthops)))
            return [("ip", "nexthop del id %d" % number)]
        singles = [n for n in self.nexthops if n < 100]
        if len(singles) >= 2 and dice.random() < 0.4:
            number = 100 + dice.randrange(6)
            parity = dice.randrange(2)  # odd ones are IPv6: a group is of one family
            members = [n for n in singles if n % 2 == parity][:4]
            what = "group " + "/".join("%d,%d" % (n, dice.choice((1, 1, 3))) for n in members)
            if not members:
                return []
        else:
            number = 1 + dice.randrange(12)
            what = self.hop(6 if number % 2 else 4).replace("inet6 ", "") if dice.random() < 0.9 else "blackhole"
        if number not in self.nexthops:
            self.nexthops.append(number)
        return [("ip", "%snexthop replace id %d %s" % ("-6 " if number % 2 and what == "blackhole" else "",
                                                       number, what))]

    def address(self):
        dice = self.dice
        if self.addresses and dice.random() < 0.45:
            command, what = self.addresses.pop(dice.randrange(len(self.addresses)))
            return [("ip", "%s addr del %s" % (command, what))]
        port = self.port()
        if dice.random() < 0.6:
            command = ""
            what = "%s/%d dev p%d" % (dice.choice((
                "10.%d.0.%d" % (port + 1, 100 + dice.randrange(3)), "10.%d.7.1" % (port + 1),
                "172.16.%d.1" % port, "20.1.0.%d" % (1 + port), "192.0.2.%d" % (1 + 16 * port))),
                dice.choice((16, 24, 28, 32)), port)
        else:
            command = "-6 "
            what = "%s dev p%d" % (dice.choice((
                "2001:db8:%x::%x/64" % (port + 1, 0x100 + dice.randrange(3)),
                "2001:db8:%x00::1/56" % (port + 1), "2001:db8:20::%x/128" % (1 + port))), port)
        self.addresses.append((command, what))
        return [("ip", "%saddr add %s%s" % (command, what, " nodad" if command else ""))]

    def neighbour(self):
        dice = self.dice
        if self.neighbours and dice.random() < 0.3:
            what = self.neighbours.pop(dice.randrange(len(self.neighbours)))
            return [("ip", "neigh del " + what)]
        if dice.random() < 0.15:
            return [("ip", "neigh flush dev p%d" % self.port())]
        port, number = self.port(), dice.choice((2, 3, 4, 5, 20, 22))
        what = "%s dev p%d" % (dice.choice((host4, host6))(port, number), port)
        if dice.random() < 0.5:
            self.neighbours.append(what)
            return [("ip", "neigh replace %s lladdr 02:77:00:00:%02x:%02x nud permanent" %
                     (what, port, dice.randrange(256)))]
        if number > 9:  # nobody there
            return []
        return [("move", port, ipaddress.ip_address(what.split()[0]).packed)]

    def link(self):
        dice, port = self.dice, self.port()
        kind = dice.random()
        if kind < 0.55:
            self.undo([("ip", "link set p%d mtu 1500" % port)], RESTORE * 2)
            return [("ip", "link set p%d mtu %d" % (port, dice.choice(MTUS)))]
        up = [("ip", "link set p%d up" % port)] + port_addresses(port)
        if kind < 0.75:
            self.undo(up)
            return [("ip", "link set p%d down" % port)]
        if kind < 0.85:
            return [("ip", "link set p%d down" % port)] + up
        self.undo([("host_link", port, "up")])
        return [("host_link", port, "down")]

    def rule(self):
        dice = self.dice
        if len(self.rules) > 2:
            return []
        command = dice.choice(("", "-6 "))
        network = self.prefix(6 if command else 4)
        what = dice.choice(("from %s" % (host6 if command else host4)(self.port(), dice.randrange(2, 10)),
                            "to %s" % network, "iif p%d" % self.port(),
                            "from all to %s iif p%d" % (network, self.port())))
        action = dice.choice(("lookup 100", "lookup 100", "blackhole", "unreachable", "prohibit"))
        rule = "pref %d %s %s" % (1000 + dice.randrange(100), what, action)
        self.rules.append(rule)
        self.undo([("ip", "%srule del %s" % (command, rule))], dice.randint(1, 3), lambda: self.rules.remove(rule))
        routes = [("ip", "%sroute replace %s %s table 100" % (command, self.prefix(6 if command else 4),
                                                            self.hop(6 if command else 4)))
                  for _ in range(dice.randrange(3))]
        return routes + [("ip", "%srule add %s" % (command, rule))]

    def sysctl(self):
        dice, port = self.dice, self.port()
        kind = dice.random()
        if kind < 0.5:
            path = "net/ipv4/conf/p%d/rp_filter" % port
            self.undo([("sysctl", path, 0)], RESTORE * 2)
            return [("sysctl", path, dice.choice((0, 1, 1, 2)))]
        if kind < 0.65:
            path = "net/ipv4/conf/p%d/forwarding" % port
        elif kind < 0.75:
            path = "net/ipv6/conf/all/forwarding"
        elif kind < 0.85:
            path = "net/ipv4/conf/p%d/send_redirects" % port
        elif kind < 0.95:
            path = "net/ipv4/conf/p%d/accept_local" % port
            self.undo([("sysctl", path, 0)])
            return [("sysctl", path, 1)]
        else:
            path = "net/ipv4/conf/all/forwarding"
        self.undo([("sysctl", path, 1)], 2)
        return [("sysctl", path, 0)]

    # -- sequences ---------------------------------------------------------------
    def undo(self, operations, steps=RESTORE, forget=None):
        self.later.append((self.step + self.dice.randint(1, steps), operations, forget))

    def first(self):
        """What every sequence begins with: a router with routes."""
        operations = []
        for port in range(PORTS):
            operations += port_addresses(port)
        for number in range(1, 7):
            family = 6 if number % 2 else 4
            operations.append(("ip", "nexthop add id %d via %s dev p%d" % (
                number, self.gateway(family, number % PORTS), number % PORTS)))
            self.nexthops.append(number)
        for _ in range(25):
            operations += self.route()
        return operations

    def next(self):
        """The operations of the next step: what is due to be undone, and one to four new ones."""
        self.step += 1
        operations = []
        for due in [entry for entry in self.later if entry[0] <= self.step]:
            self.later.remove(due)
            operations += due[1]
            if due[2]:
                due[2]()
        kinds = (self.route, self.nexthop, self.address, self.neighbour, self.link, self.rule, self.sysctl)
        for _ in range(self.dice.randint(1, 4)):
            operations += self.dice.choices(kinds, (50, 12, 8, 12, 7, 3, 8))[0]()
        return operations
