#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Sends and receives single Ethernet frames for the system tests (AF_PACKET, standard library only).

    frames.py [--netns N] send    DEV [--count N] [--gap S] FRAME...
    frames.py [--netns N] receive DEV [--seconds S] [--count N] [--all]
    frames.py [--netns N] expect  DEV [--seconds S] [--none] [--count N] KEY=VALUE...
    frames.py play FILE           several hosts at once: see play() below; FILE may be -
    frames.py show FRAME...       what the words below build, as hex

A FRAME is hex, or a kind with words, quoted as one argument:

    raw | arp | udp | udp6        raw carries ethertype 0x88b5 unless type= says otherwise
    src= dst= id= size=           MACs (default: own, broadcast), a number that comes back, bytes
    tags=10 tags=20:5,10          802.1Q tags, outermost first: VID[:PCP[:TPID]], VID 0 = priority
    meta=10:5                     a tag that travels beside the frame in the kernel: needs vlan_push
    sip= dip= sport= dport=       addresses, ports
    csum=good|bad|zero|partial    UDP checksum; partial = pseudo header only, as unfinished

Frames of ours carry a marker with their id: receive, expect and play look only at those unless
--all is given. A tag that the kernel took out of the frame (it does on every reception) is put
back: "tags" is what was on the wire. Output is one JSON object per frame.
"""
import argparse
import ctypes
import json
import os
import select
import socket
import struct
import sys
import time

MARKER = b"garuda-frame"
ETH_P_ALL, SOL_PACKET, PACKET_AUXDATA, PACKET_IGNORE_OUTGOING = 3, 263, 8, 23
SO_RCVBUFFORCE, SO_MARK, PACKET_ADD_MEMBERSHIP = 33, 36, 1
TP_STATUS_CSUMNOTREADY, TP_STATUS_VLAN_VALID, TP_STATUS_VLAN_TPID_VALID = 1 << 3, 1 << 4, 1 << 6
TPIDS = (0x8100, 0x88A8)
PUSH_TAG = 1 << 16  # in the socket's mark: vlan_push.bpf.c takes the tag from the low 16 bits
KINDS = ("raw", "arp", "udp", "udp6")
WORDS = "kind src dst id size tags meta sip dip sport dport csum type".split()


# -- bytes --------------------------------------------------------------------
def mac_bytes(text):
    return bytes(int(x, 16) for x in text.split(":"))


def mac_text(data):
    return ":".join("%02x" % x for x in data)


def checksum(data):
    """The sum of RFC 1071, not inverted."""
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def tag_list(text):
    """'20:5,10' -> [(tpid, tci), ...]"""
    tags = []
    for word in text.split(",") if text else []:
        vid, pcp, tpid = (word.split(":") + ["0", "0x8100"][word.count(":"):])[:3]
        tags.append((int(tpid, 16), int(pcp) << 13 | int(vid)))
    return tags


def tag_text(tag):
    tpid, tci = tag
    return "%d:%d" % (tci & 0xFFF, tci >> 13) + ("" if tpid == 0x8100 else ":%#x" % tpid)


def marker(number):
    return MARKER + struct.pack("!I", number)


def pseudo_header(addresses, length):
    return addresses + struct.pack("!HH" if len(addresses) == 8 else "!IHH",
                                   *((17, length) if len(addresses) == 8 else (length, 0, 17)))


def build_udp(words, number, size):
    six = words["kind"] == "udp6"
    family, header_size = (socket.AF_INET6, 40) if six else (socket.AF_INET, 20)
    addresses = socket.inet_pton(family, words.get("sip", "fd00::1" if six else "10.0.0.1"))
    addresses += socket.inet_pton(family, words.get("dip", "fd00::2" if six else "10.0.0.2"))
    payload = marker(number)
    payload += bytes(max(0, size - 14 - header_size - 8 - len(payload)))
    length = 8 + len(payload)
    ports = struct.pack("!HHH", int(words.get("sport", 4001)), int(words.get("dport", 4002)), length)
    pseudo = pseudo_header(addresses, length)
    full = checksum(pseudo + ports + b"\0\0" + payload) ^ 0xFFFF or 0xFFFF
    values = {"good": full, "bad": (full ^ 0x5555) or 1, "zero": 0, "partial": checksum(pseudo)}
    segment = ports + struct.pack("!H", values[words.get("csum", "good")]) + payload
    if six:
        return 0x86DD, struct.pack("!IHBB", 6 << 28, length, 17, 64) + addresses + segment
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + length, 0, 0, 64, 17, 0) + addresses
    return 0x0800, ip[:10] + struct.pack("!H", checksum(ip) ^ 0xFFFF) + ip[12:] + segment


def build(text, own_mac=None):
    """A FRAME -> (bytes, mark for the socket or 0)"""
    words = text.split()
    if len(words) == 1 and words[0] not in KINDS:
        return bytes.fromhex(words[0].replace(":", "")), 0
    words = dict(w.split("=", 1) for w in words[1:]) | {"kind": words[0]}
    for word in words:
        if word not in WORDS or words["kind"] not in KINDS:
            raise ValueError("no such word: %s=%s in '%s'" % (word, words[word], text))
    number, size = int(words.get("id", 0)), int(words.get("size", 60))
    src = mac_bytes(words.get("src") or own_mac or "02:00:00:00:00:01")
    dst = mac_bytes(words.get("dst", "ff:ff:ff:ff:ff:ff"))
    if words["kind"] == "arp":
        sip = socket.inet_aton(words.get("sip", "10.0.0.1"))
        dip = socket.inet_aton(words.get("dip", "10.0.0.2"))
        payload = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1) + src + sip + bytes(6) + dip
        ethertype, payload = 0x0806, payload + marker(number)
    elif words["kind"] == "raw":
        ethertype, payload = int(words.get("type", "0x88b5"), 16), marker(number)
    else:
        ethertype, payload = build_udp(words, number, size)
    tags = b"".join(struct.pack("!HH", *t) for t in tag_list(words.get("tags")))
    frame = dst + src + tags + struct.pack("!H", ethertype) + payload
    mark = PUSH_TAG | tag_list(words["meta"])[0][1] if "meta" in words else 0
    return frame + bytes(max(0, size + len(tags) - len(frame))), mark


def udp_verdict(ethertype, packet, status):
    """good | bad | none (no checksum) | unfinished (left to a device that will not come)"""
    if ethertype == 0x0800 and len(packet) >= 28 and packet[9] == 17:
        addresses, segment = packet[12:20], packet[20:]
    elif ethertype == 0x86DD and len(packet) >= 48 and packet[6] == 17:
        addresses, segment = packet[8:40], packet[40:]
    else:
        return None
    length = struct.unpack("!H", segment[4:6])[0]
    pseudo = pseudo_header(addresses, length)
    if status & TP_STATUS_CSUMNOTREADY:
        return "good"  # the receiving kernel knows it as unfinished and accepts it
    if segment[6:8] == b"\0\0":
        return "none"
    if checksum(pseudo + segment[:length]) == 0xFFFF:
        return "good"
    return "unfinished" if checksum(pseudo) == struct.unpack("!H", segment[6:8])[0] else "bad"


def parse(data, status=0, tci=0, tpid=0):
    """Received bytes and what the kernel says beside them -> dict"""
    tags, offset = [], 12
    if status & TP_STATUS_VLAN_VALID:
        tags.append((tpid if status & TP_STATUS_VLAN_TPID_VALID else 0x8100, tci))
    while len(data) >= offset + 6 and struct.unpack_from("!H", data, offset)[0] in TPIDS:
        tags.append(struct.unpack_from("!HH", data, offset))
        offset += 4
    ethertype = struct.unpack_from("!H", data, offset)[0] if len(data) >= offset + 2 else 0
    at = data.find(MARKER)
    frame = {
        "id": struct.unpack_from("!I", data, at + 12)[0] if 0 <= at <= len(data) - 16 else None,
        "dst": mac_text(data[:6]), "src": mac_text(data[6:12]),
        "tags": [tag_text(t) for t in tags], "type": "%#06x" % ethertype,
        "size": len(data) + (4 if status & TP_STATUS_VLAN_VALID else 0),
    }
    verdict = udp_verdict(ethertype, data[offset + 2:], status)
    return frame | ({"csum": verdict} if verdict else {})


# -- sockets ------------------------------------------------------------------
def enter(netns):
    """This process becomes part of a network namespace: sockets opened from now on are."""
    libc = ctypes.CDLL(None, use_errno=True)
    path = netns if "/" in netns else "/run/netns/" + netns
    fd = os.open(path, os.O_RDONLY)
    if libc.setns(fd, 0x40000000):  # CLONE_NEWNET
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), path)
    os.close(fd)


class Port:
    """One netdev: sends frames as they are, receives those that others sent."""

    def __init__(self, dev):
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self.socket.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
        self.socket.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
        try:
            self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 8 << 20)
        except OSError:
            pass  # fewer frames fit; the tests' bursts are small
        promiscuous = struct.pack("iHH8s", socket.if_nametoindex(dev), 1, 0, b"")
        self.socket.setsockopt(SOL_PACKET, PACKET_ADD_MEMBERSHIP, promiscuous)
        self.socket.bind((dev, ETH_P_ALL))
        self.socket.setblocking(False)
        self.mac = mac_text(self.socket.getsockname()[4])
        self.mark = 0

    def send(self, text):
        frame, mark = build(text, self.mac)
        if mark != self.mark:
            self.socket.setsockopt(socket.SOL_SOCKET, SO_MARK, mark)
            self.mark = mark
        for _ in range(100):
            try:
                return self.socket.send(frame)
            except BlockingIOError:
                time.sleep(0.002)
        raise TimeoutError("the device takes no frames")

    def receive(self):
        """The next waiting frame or None."""
        try:
            data, ancillary, _, _ = self.socket.recvmsg(70000, socket.CMSG_SPACE(20))
        except BlockingIOError:
            return None
        for level, kind, value in ancillary:
            if (level, kind) == (SOL_PACKET, PACKET_AUXDATA):
                status, _, _, _, _, tci, tpid = struct.unpack("IIIHHHH", value[:20])
                return parse(data, status, tci, tpid)
        return parse(data)


def frames_until(ports, deadline, everything=False):
    """Yields (name, frame) from a dict of ports until the time is over."""
    poller, by_fd = select.poll(), {}
    for name, port in ports.items():
        poller.register(port.socket, select.POLLIN)
        by_fd[port.socket.fileno()] = name
    while True:
        left = deadline - time.monotonic()
        for fd, _ in poller.poll(max(0, left) * 1000):
            while frame := ports[by_fd[fd]].receive():
                if everything or frame["id"] is not None:
                    yield by_fd[fd], frame
        if left <= 0:
            return


# -- commands -----------------------------------------------------------------
def command_send(args):
    port = Port(args.dev)
    for _ in range(args.count or 1):
        for text in args.words:
            port.send(text)
            time.sleep(args.gap)
    return 0


def command_receive(args):
    ports, n = {"": Port(args.dev)}, 0
    print("listening", file=sys.stderr, flush=True)
    for _, frame in frames_until(ports, time.monotonic() + args.seconds, args.all):
        print(json.dumps(frame), flush=True)
        n += 1
        if n == args.count:
            break
    return 0


def command_expect(args):
    """A frame that has all the values given comes (or, with --none, does not)."""
    wanted = dict(w.split("=", 1) for w in args.words)
    ports, seen, n = {"": Port(args.dev)}, [], 0
    print("listening", file=sys.stderr, flush=True)  # a script may send now
    for _, frame in frames_until(ports, time.monotonic() + args.seconds, args.all):
        flat = {k: ",".join(v) if isinstance(v, list) else str(v) for k, v in frame.items()}
        if all(flat.get(k) == v for k, v in wanted.items()):
            print(json.dumps(frame))
            n += 1
            if args.none or n >= (args.count or 1):
                break
        else:
            seen.append(frame)
    if n == 0 if args.none else n >= (args.count or 1):
        return 0
    print("frames.py: %s: %s; also seen: %s" % ("came, but must not" if args.none else "did not come",
                                                " ".join(args.words), json.dumps(seen)), file=sys.stderr)
    return 1


def play(script):
    """{"hosts": {NAME: {"netns": N, "dev": D}}, "steps": [{"from": NAME, "frame": FRAME}], "settle": S}

    Sends step by step while all hosts listen; a FRAME without id= gets the step's index. A step
    {"sleep": S} only waits. The answer {"received": [[FRAME...]...], "strays": [FRAME...]} has
    one list per step, each frame with its "host", and the frames that no step sent.
    """
    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    ports = {}
    for name, host in script["hosts"].items():
        enter(host.get("netns", "/proc/self/ns/net"))
        ports[name] = Port(host.get("dev", "eth0"))
        enter("/proc/self/fd/%d" % home)
    received, strays = [[] for _ in script["steps"]], []

    def collect(seconds):
        for name, frame in frames_until(ports, time.monotonic() + seconds):
            number = frame["id"]
            (received[number] if number < len(received) else strays).append({"host": name} | frame)

    for number, step in enumerate(script["steps"]):
        if "sleep" in step:
            collect(step["sleep"])
            continue
        text = step["frame"]
        ports[step["from"]].send(text if " id=" in text else "%s id=%d" % (text, number))
        collect(0.001 if number % 8 == 7 else 0)
    collect(script.get("settle", 0.5))
    return {"received": received, "strays": strays}


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--netns", help="network namespace to work in")
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("send", "receive", "expect"):
        sub = commands.add_parser(name)
        sub.add_argument("dev")
        sub.add_argument("--count", type=int, default=0)
        sub.add_argument("--gap", type=float, default=0.0)
        sub.add_argument("--seconds", type=float, default=2.0)
        sub.add_argument("--none", action="store_true")
        sub.add_argument("--all", action="store_true")
        sub.add_argument("words", nargs="*")
    commands.add_parser("play").add_argument("file")
    commands.add_parser("show").add_argument("words", nargs="+")
    # Words behind an option that stands behind DEV are "unknown" to argparse.
    args, more = parser.parse_known_args()
    if [word for word in more if word.startswith("-")] or more and not hasattr(args, "dev"):
        parser.error("unrecognized arguments: " + " ".join(more))
    args.words = getattr(args, "words", []) + more
    if args.netns:
        enter(args.netns)
    if args.command == "play":
        with sys.stdin if args.file == "-" else open(args.file) as f:
            print(json.dumps(play(json.load(f))))
        return 0
    if args.command == "show":
        for text in args.words:
            print(build(text)[0].hex())
        return 0
    return {"send": command_send, "receive": command_receive,
            "expect": command_expect}[args.command](args)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (OSError, ValueError) as error:
        sys.exit("frames.py: %s" % error)
