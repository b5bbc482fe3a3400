#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Calls of all kinds while a worker stands still; prints {call: milliseconds}, the slowest last.

    stalled_calls.py SOCKET CONTAINER NETDEV GONE...    removes the ports GONE and leaves them so
"""
import json
import sys

from rpc import Rpc


def main():
    path, container, netdev, *gone = sys.argv[1:]
    rpc = Rpc(path)
    took = {}

    def call(method, **params):
        seconds, result = rpc.timed(method, **params)
        took[method] = max(took.get(method, 0), round(seconds * 1000, 1))
        return result

    for i in range(10):
        call("system.show")
        call("worker.list")
        call("port.list")
        call("stats.show")
        call("fdb.list")
        call("fdb.add", mac=f"02:00:00:00:77:{i:02x}", vlan=1, port=gone[0])
        call("fdb.flush", all=True)
        call("bridge.set", ageing_time=300 + i)
        call("port.set", name=gone[0], isolated=bool(i % 2))
    call("port.add", name="new", container=container)
    call("port.add", name="newer", netdev=netdev)
    for name in gone + ["new", "newer"]:
        call("port.del", name=name)
    call("port.list")
    print(json.dumps(dict(sorted(took.items(), key=lambda x: x[1]))))


if __name__ == "__main__":
    main()
