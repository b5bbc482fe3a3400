#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""UDP datagrams whose every byte is known, sent one by one or in bulk by UDP GSO.

    datagrams.py send ADDRESS PORT --number N --size BYTES [--segment BYTES]
    datagrams.py receive ADDRESS PORT --number N [--seconds S]

With --segment each buffer of --size bytes is given to the kernel at once, to be cut into
datagrams of at most --segment (UDP_SEGMENT). The receiver wants --number datagrams and gives up
when none has come for --seconds; it prints how many came, how long they were, and what was wrong
with them, as JSON. Status 0: all of them, whole.
"""
import argparse
import hashlib
import json
import socket
import struct
import sys
import time

UDP_SEGMENT = 103


def payload(number, size):
    """Starts with its number; the rest follows from that."""
    head = struct.pack("!I", number)
    block = hashlib.sha256(head).digest()
    return (head + block * (size // len(block) + 1))[:size]


def socket_for(address):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return socket.socket(family, socket.SOCK_DGRAM)


def send(args):
    s, number = socket_for(args.address), 0
    if args.segment:
        s.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, args.segment)
    while number < args.number:
        data = b""
        while len(data) < args.size and number < args.number:
            data += payload(number, min(args.segment or args.size, args.size - len(data)))
            number += 1
        s.sendto(data, (args.address, args.port))
        time.sleep(0.002)
    return 0


def receive(args):
    s = socket_for(args.address)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    s.bind((args.address, args.port))
    print("listening", file=sys.stderr, flush=True)
    numbers, wrong, sizes = set(), 0, {}
    s.settimeout(args.seconds)
    while len(numbers) < args.number:
        try:
            data = s.recv(70000)
        except TimeoutError:
            break
        number = struct.unpack("!I", data[:4])[0] if len(data) >= 4 else -1
        wrong += data != payload(number, len(data)) or number in numbers
        numbers.add(number)
        sizes[len(data)] = sizes.get(len(data), 0) + 1
    print(json.dumps({"datagrams": len(numbers), "wrong": wrong, "sizes": sizes}))
    return 0 if len(numbers) == args.number and not wrong else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["send", "receive"])
    parser.add_argument("address")
    parser.add_argument("port", type=int)
    parser.add_argument("--number", type=int, default=1)
    parser.add_argument("--size", type=int, default=1000)
    parser.add_argument("--segment", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=5.0)
    args = parser.parse_args()
    return {"send": send, "receive": receive}[args.command](args)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except OSError as error:
        sys.exit("datagrams.py: %s" % error)
