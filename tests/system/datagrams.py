#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""UDP datagrams whose every byte is known, sent one by one or in bulk by UDP GSO.

    datagrams.py send ADDRESS PORT --number N --size BYTES [--segment BYTES]
    datagrams.py receive ADDRESS PORT --number N [--seconds S]
    datagrams.py inspect DEV PORT --number N [--seconds S]

With --segment each buffer of --size bytes is given to the kernel at once, to be cut into
datagrams of at most --segment (UDP_SEGMENT). The receiver wants --number datagrams and gives up
when none has come for --seconds; it prints how many came, how long they were, and what was wrong
with them, as JSON. Status 0: all of them, whole. inspect looks at what the kernel believes of the
packets to that port as they come in: their checksum is valid, or unfinished and to be completed
just there where UDP's is. A socket would not notice: the kernel trusts what is unfinished.
"""
import argparse
import hashlib
import json
import socket
import struct
import sys
import time

UDP_SEGMENT = 103
ETH_P_ALL, SOL_PACKET, PACKET_VNET_HDR, PACKET_IGNORE_OUTGOING = 3, 263, 15, 23
NEEDS_CSUM, DATA_VALID = 1, 2  # in a virtio_net_hdr


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


def ones_sum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def fault_of(header, frame, at, addresses):
    """What is wrong with the checksum of the UDP header at that offset, or None."""
    flags, gso, _, _, start, offset = struct.unpack("=BBHHHH", header)
    segment = frame[at:at + struct.unpack_from("!H", frame, at + 4)[0]]
    if flags & NEEDS_CSUM and (start, offset) != (at, 6):
        return "to be completed from %d at %d, should be %d at 6" % (start, offset, at)
    if gso or flags & DATA_VALID:
        return None
    pseudo = addresses + struct.pack("!HH", 17, len(segment))
    if flags & NEEDS_CSUM:
        # The field is the sum of the pseudo header, which the rest is added to.
        right = ones_sum(pseudo) == struct.unpack_from("!H", segment, 6)[0]
        return None if right else "unfinished, and not the pseudo header's sum"
    return None if ones_sum(pseudo + segment) == 0xFFFF else "wrong"


def inspect(args):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    s.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    s.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    s.bind((args.address, ETH_P_ALL))
    s.settimeout(args.seconds)
    print("listening", file=sys.stderr, flush=True)
    seen, unfinished, faults = 0, 0, []
    while seen < args.number:
        try:
            data = s.recv(70000)
        except TimeoutError:
            break
        header, frame = data[:10], data[10:]
        ethertype = struct.unpack_from("!H", frame, 12)[0]
        if ethertype == 0x0800 and frame[23] == 17 and not frame[20] & 0x3F:
            at, addresses = 34, frame[26:34]
        elif ethertype == 0x86DD and frame[20] == 17:
            at, addresses = 54, frame[22:54]
        else:
            continue
        if struct.unpack_from("!H", frame, at + 2)[0] != args.port:
            continue
        seen += 1
        unfinished += header[0] & NEEDS_CSUM
        fault = fault_of(header, frame, at, addresses)
        if fault:
            faults.append(fault)
    print(json.dumps({"packets": seen, "unfinished": unfinished, "faults": faults[:3]}))
    return 0 if seen == args.number and not faults else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["send", "receive", "inspect"])
    parser.add_argument("address")
    parser.add_argument("port", type=int)
    parser.add_argument("--number", type=int, default=1)
    parser.add_argument("--size", type=int, default=1000)
    parser.add_argument("--segment", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=5.0)
    args = parser.parse_args()
    return {"send": send, "receive": receive, "inspect": inspect}[args.command](args)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except OSError as error:
        sys.exit("datagrams.py: %s" % error)
