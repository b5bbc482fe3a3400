#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The VLAN leak matrix: every kind of frame into every kind of port, seen from all other ports.

    leak_matrix.py ports PROFILE                     lines "NAME OPTIONS" for host_add
    leak_matrix.py run PROFILE NETNS_PREFIX [FILE]   sends, compares with 802.1Q; results to FILE
    leak_matrix.py compare FILE FILE                 two devices did the same

What must arrive is computed from the table PORTS alone (IEEE 802.1Q 8.6: ingress classification,
ingress filtering, egress by member set and untagged set; all frame types admitted).
"""
import json
import sys

import frames

# name -> (options for the port, PVID or None, {VLAN: leaves tagged})
PORTS = {
    "acc10": ("--vlan 10", 10, {10: False}),
    "acc10b": ("--vlan 10", 10, {10: False}),
    "acc20": ("--vlan 20", 20, {20: False}),
    "trunk": ("--trunk 10,20", None, {10: True, 20: True}),
    "trunk20": ("--trunk 20,30-32", None, {20: True, 30: True, 31: True, 32: True}),
    "nat10": ("--trunk 20 --native 10", 10, {20: True, 10: False}),
    "nat20": ("--trunk 10,31 --native 20", 20, {10: True, 31: True, 20: False}),
    "plain": ("", 1, {1: False}),
    "plainb": ("", 1, {1: False}),
}
# name -> (tag in the kernel's metadata, tags in the frame), as frames.py wants them. VLAN 40 is
# nobody's, 4095 is reserved; a service tag (0x88a8) is payload to a bridge of customer VLANs.
KINDS = {
    "untagged": ("", ""),
    "priority": ("", "0:5"),
    "tag 10": ("", "10:3"),
    "tag 20": ("", "20"),
    "tag 31": ("", "31:7"),
    "tag 40": ("", "40"),
    "tag 1": ("", "1"),
    "tag 4095": ("", "4095"),
    "double 10,20": ("", "10,20:2"),
    "double 20,10": ("", "20:1,10"),
    "double 40,10": ("", "40,10"),
    "double 0,10": ("", "0:6,10"),
    "service 10": ("", "10:0:0x88a8"),
    "service 10,20": ("", "10:0:0x88a8,20"),
    "metadata 10": ("10:4", ""),
    "metadata 20": ("20", ""),
    "metadata 40": ("40", ""),
    "metadata 0": ("0:5", ""),
    "metadata 10,20": ("10", "20"),
    "metadata 0,10": ("0:1", "10"),
    "metadata 20,10,31": ("20", "10,31"),
}
# A bridge that knows no VLANs can only be asked about what has none.
PROFILES = {
    "full": (list(PORTS), list(KINDS)),
    "flat": (["plain", "plainb"], ["untagged"]),
}


def classify(port, kind):
    """(VLAN, tags that leave behind it, priority), or None when the port does not admit the frame."""
    _, pvid, members = PORTS[port]
    meta, tags = KINDS[kind]
    tags = frames.tag_list(meta) + frames.tag_list(tags)
    vlan, priority = pvid, 0
    if tags and tags[0][0] == 0x8100:
        vlan, priority = tags[0][1] & 0xFFF or pvid, tags[0][1] >> 13
        tags = tags[1:]
    return (vlan, tags, priority) if vlan in members else None


def expected(sender, kind, ports, target=None, learned=()):
    """{port: tags on its wire}. target: the port at which the destination lives; None = flood."""
    admitted = classify(sender, kind)
    if not admitted:
        return {}
    vlan, inner, priority = admitted
    out = {}
    for port in ports:
        members = PORTS[port][2]
        known = target is not None and (vlan, target) in learned
        if port == sender or vlan not in members or (known and port != target):
            continue
        outer = [(0x8100, priority << 13 | vlan)] if members[vlan] else []
        out[port] = [frames.tag_text(t) for t in outer + inner]
    return out


def frame(kind, dst):
    meta, tags = KINDS[kind]
    return "raw dst=%s" % dst + (" meta=" + meta if meta else "") + (" tags=" + tags if tags else "")


def run(profile, prefix):
    ports, kinds = PROFILES[profile]
    hosts = {p: {"netns": "%s-%s" % (prefix, p), "dev": "eth0"} for p in ports}
    macs, learned = {}, {(c[0], p) for p in ports for k in kinds if (c := classify(p, k))}
    home = "/proc/self/ns/net"
    with open(home) as here:
        for port, host in hosts.items():
            frames.enter(host["netns"])
            macs[port] = frames.Port("eth0").mac
            frames.enter("/proc/self/fd/%d" % here.fileno())

    # Broadcast: every host is heard in all of its VLANs. Then, once the device has learned that,
    # unicast to every host; in a VLAN where it was not heard it must be flooded, and only there.
    steps, wanted, names = [], [], []

    def send(sender, kind, target):
        steps.append({"from": sender, "frame": frame(kind, macs.get(target, "ff:ff:ff:ff:ff:ff"))})
        wanted.append(expected(sender, kind, ports, target, learned))
        names.append("%s sends %s to %s" % (sender, kind, target or "all"))

    for sender in ports:
        for kind in kinds:
            send(sender, kind, None)
    steps.append({"sleep": 1.0})
    wanted.append({})
    names.append("")
    for sender in ports:
        for kind in kinds:
            for target in ports:
                if target != sender:
                    send(sender, kind, target)

    result = frames.play({"hosts": hosts, "steps": steps, "settle": 1.0})
    got = []
    for frames_of_step in result["received"]:
        step = {}
        for f in frames_of_step:
            step.setdefault(f["host"], []).append(f["tags"])
        got.append(step)
    return names, wanted, got, result["strays"]


def judge(names, wanted, got, strays):
    bad = ["a frame that nobody sent: %s" % s for s in strays]
    arrivals = 0
    for name, want, have in zip(names, wanted, got):
        for port in sorted(set(want) | set(have)):
            times = have.get(port, [])
            arrivals += len(times)
            if port not in want:
                bad.append("LEAK: %s: %s got it with tags %s" % (name, port, times))
            elif not times:
                bad.append("LOST: %s: nothing at %s" % (name, port))
            elif len(times) > 1 or times[0] != want[port]:
                bad.append("%s: %s got tags %s, should be %s" % (name, port, times, want[port]))
    for line in bad[:40]:
        print(line)
    print("%d frames, %d arrivals, %d of them wrong" % (len([n for n in names if n]), arrivals, len(bad)))
    return 1 if bad else 0


def main(command, *args):
    if command == "ports":
        for port in PROFILES[args[0]][0]:
            print(port, PORTS[port][0])
        return 0
    if command == "run":
        results = run(args[0], args[1])
        if len(args) > 2:
            with open(args[2], "w") as f:
                json.dump(dict(zip(results[0], results[2])), f, indent=0, sort_keys=True)
        return judge(*results)
    if command == "compare":
        with open(args[0]) as a, open(args[1]) as b:
            first, second = json.load(a), json.load(b)
        bad = [n for n in first | second if first.get(n) != second.get(n)]
        for name in bad[:40]:
            print("%s: %s against %s" % (name, first.get(name), second.get(name)))
        return 1 if bad or not first else 0
    return "leak_matrix.py: no command " + command


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
