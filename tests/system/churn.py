#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Adds and removes ports in turn and compares what the daemon holds before and after.

    churn.py SOCKET CYCLES PORT...      PORT is the JSON of port.add's parameters

Every cycle adds one of the ports and removes it again; the first round of each is not measured.
Prints one JSON object: cycles, seconds, slowest call in ms, and of fds, rss (KiB), frames (free),
quarantined frames and ports what there is "before" and "after".
"""
import json
import os
import sys
import time

from rpc import Rpc


def held(rpc):
    system = rpc.call("system.show")
    pid = system["pid"]
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        rss = next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))
    return {
        "fds": len(os.listdir(f"/proc/{pid}/fd")),
        "rss": rss,
        "frames": system["memory"]["frames_free"],
        "quarantined": system["memory"]["frames_quarantined"],
        "ports": len(rpc.call("port.list")["ports"]),
    }


def settled(rpc, wanted=None):
    """What is held when nothing is being closed any more; waits at most 3 s for `wanted`."""
    until = time.monotonic() + 3
    while True:
        now = held(rpc)
        if wanted and all(now[k] == wanted[k] for k in ("fds", "frames")):
            return now
        if time.monotonic() > until:
            return now
        time.sleep(0.1)


def main():
    rpc = Rpc(sys.argv[1])
    cycles = int(sys.argv[2])
    ports = [json.loads(p) for p in sys.argv[3:]]
    slowest = 0

    def cycle(port):
        nonlocal slowest
        for method, params in (("port.add", port), ("port.del", {"name": port["name"]})):
            took, _ = rpc.timed(method, **params)
            slowest = max(slowest, took)

    for port in ports:
        cycle(port)
    time.sleep(0.5)
    before = settled(rpc)
    slowest = 0
    began = time.monotonic()
    for i in range(cycles):
        cycle(ports[i % len(ports)])
    seconds = time.monotonic() - began
    print(json.dumps({"cycles": cycles, "seconds": round(seconds, 2),
                      "slowest_ms": round(slowest * 1000, 1),
                      "before": before, "after": settled(rpc, before)}))


if __name__ == "__main__":
    main()
