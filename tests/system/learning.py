#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""How soon a new address is learned: from its first frame to the first reply that is not flooded.

    learning.py A B C MACS        namespaces of three hosts, each with an eth0

For each of MACS new addresses, one after another with 10 ms of silence between: A sends a frame
from it to B; B replies to it at once and every 250 us for 6 ms; C hears those replies that were
flooded. The time of an address is that from A's sending to the sending of the first reply from
which on C heard none. Prints one JSON object with p50, p99 and max in ms, and the number of
addresses of which the very first reply was unflooded.
"""
import ctypes
import json
import os
import socket
import struct
import sys
import time

ETHERTYPE = 0x88B5
REPLIES, REPLY_GAP, SILENCE = 24, 250e-6, 0.01
CLONE_NEWNET = 0x40000000


def open_in(namespace):
    """A packet socket on eth0 there, which hears frames to anybody."""
    libc = ctypes.CDLL(None, use_errno=True)
    fd = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
    if libc.setns(fd, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")
    os.close(fd)
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETHERTYPE))
    s.bind(("eth0", ETHERTYPE))
    membership = struct.pack("IHH8s", socket.if_nametoindex("eth0"), 1, 0, b"")  # promiscuous
    s.setsockopt(263, 1, membership)
    s.setsockopt(263, 23, 1)  # PACKET_IGNORE_OUTGOING
    s.setblocking(False)
    return s


def frame(dst, src, number, reply):
    return dst + src + struct.pack("!HII", ETHERTYPE, number, reply) + bytes(40)


def heard(sock):
    """(number, reply) of all frames that wait."""
    found = []
    while True:
        try:
            data = sock.recv(2048)
        except BlockingIOError:
            return found
        found.append(struct.unpack("!II", data[14:22]))


def wait_until(when):
    left = when - time.monotonic()
    if left > 0:
        time.sleep(left)  # not a busy wait: the switch may need this core


def one(number, a, b):
    """Sends the first frame and the replies; (when sent, [when each reply was])"""
    src = b"\x02\x99" + struct.pack("!I", number)
    own = b"\x02\x00\x00\x00\x00\xbb"
    heard(b)
    first = time.monotonic()
    a.send(frame(own, src, number, 0))
    while not any(n == number for n, _ in heard(b)):
        if time.monotonic() > first + 1:
            sys.exit(f"the first frame of address {number} did not arrive")
    times = []
    start = time.monotonic()
    for i in range(REPLIES):
        wait_until(start + i * REPLY_GAP)
        times.append(time.monotonic())
        b.send(frame(src, own, number, i + 1))
    return first, times


def main():
    a, b, c = (open_in(n) for n in sys.argv[1:4])
    took, at_once, never = [], 0, 0
    for number in range(int(sys.argv[4])):
        time.sleep(SILENCE)
        first, times = one(number, a, b)
        arrived, until = set(), time.monotonic() + 1
        while len(arrived) < REPLIES:
            if time.monotonic() > until:
                sys.exit(f"of {REPLIES} replies to address {number}, {len(arrived)} arrived")
            time.sleep(0.001)
            arrived |= {reply for n, reply in heard(a) if n == number}
        flooded = [reply for n, reply in heard(c) if n == number and reply]
        learned = max(flooded, default=0)
        at_once += learned == 0
        if learned == REPLIES:
            never += 1
        took.append((times[min(learned, REPLIES - 1)] - first) * 1000)
    took.sort()
    print(json.dumps({"addresses": len(took), "p50_ms": round(took[len(took) // 2], 3),
                      "p99_ms": round(took[len(took) * 99 // 100], 3),
                      "max_ms": round(took[-1], 3), "first_reply_unflooded": at_once,
                      "not_within_6_ms": never}))


if __name__ == "__main__":
    main()
