#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""An even flow of numbered UDP datagrams, and what of it arrived.

    flow.py send ADDRESS PORT --rate PPS --seconds S
    flow.py receive ADDRESS PORT [--quiet S]

The receiver ends when nothing has come for --quiet seconds. It prints JSON: "sent" and "lost" (up
to the last one that arrived), "gap_ms": the longest time, by the sender's clock, between two that
arrived while those between them did not, "repeated", and "late_ms": the longest way of a datagram.
"""
import argparse
import json
import socket
import struct
import sys
import time

SO_TIMESTAMPNS, RECORD = 35, struct.Struct("!Id")


def socket_for(address):
    return socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)


def send(args):
    s = socket_for(args.address)
    s.connect((args.address, args.port))
    began, number = time.time(), 0
    while time.time() < began + args.seconds:
        due = int((time.time() - began) * args.rate)
        while number < due:
            try:
                s.send(RECORD.pack(number, time.time()))
            except OSError:
                pass
            number += 1
        time.sleep(0.0005)
    return 0


def receive(args):
    s = socket_for(args.address)
    s.setsockopt(socket.SOL_SOCKET, 33, 32 << 20)  # SO_RCVBUFFORCE
    s.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    s.bind((args.address, args.port))
    print("listening", file=sys.stderr, flush=True)
    times, repeated, late = {}, 0, 0
    s.settimeout(20)
    while True:
        try:
            data, ancillary, _, _ = s.recvmsg(2048, 128)
        except socket.timeout:
            break
        s.settimeout(args.quiet)
        number, sent = RECORD.unpack_from(data)
        seconds, ns = struct.unpack("qq", ancillary[0][2])
        repeated += number in times
        times[number] = sent
        late = max(late, seconds + ns / 1e9 - sent)
    order = sorted(times)
    gap = max((times[b] - times[a] for a, b in zip(order, order[1:]) if b > a + 1),
              default=0)
    total = order[-1] + 1 if order else 0
    print(json.dumps({"sent": total, "lost": total - len(order), "repeated": repeated,
                      "gap_ms": round(gap * 1000, 1), "late_ms": round(late * 1000, 1)}))
    return 0


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("command", choices=("send", "receive"))
    p.add_argument("address")
    p.add_argument("port", type=int)
    p.add_argument("--rate", type=float, default=1000)
    p.add_argument("--seconds", type=float, default=1)
    p.add_argument("--quiet", type=float, default=1.5)
    args = p.parse_args()
    return {"send": send, "receive": receive}[args.command](args)


if __name__ == "__main__":
    sys.exit(main())
