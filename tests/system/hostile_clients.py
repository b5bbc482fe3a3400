#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Clients of the control socket that misbehave, against the real daemon.

    hostile_clients.py watch SOCKET   honest calls, a new connection for every second one, until
                                      standard input ends; prints how many, how many took more
                                      than 100 ms, and the slowest in ms
    hostile_clients.py NAME SOCKET    one of the test_* below; prints nothing when all is well
"""
import json
import os
import select
import socket
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "rpc"))
from daemon import Client  # noqa: E402

PATH = sys.argv[2]
CALL = b'{"jsonrpc":"2.0","id":1,"method":"port.list"}\n'


def connect(timeout=10):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(timeout)
    s.connect(PATH)
    return s


def ask(line):
    """The reply to one line, on a connection of its own; None when it is hung up."""
    s = connect()
    s.sendall(line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n")
    client = Client(s)
    reply = client.receive()
    client.close()
    return reply


def call(method, **params):
    return ask({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})


def watch():
    client, times = Client(connect()), []
    while not select.select([sys.stdin], [], [], 0.01)[0]:
        start = time.monotonic()
        if len(times) % 2:
            client.close()
            client = Client(connect())
        assert "result" in client.call("system.show")
        times.append(time.monotonic() - start)
    print(len(times), len([t for t in times if t > 0.1]), round(max(times) * 1000))


def test_malformed():
    for line in (b"{\n", b"[1,\n", b"\xff\xfe\n", b'{"a":1}}\n', b'"\\ud800"\n', b"nul\n", b"\x00\n",
                 b'{"jsonrpc":"2.0","id":1,"method":"port.list","params":{"vlan":%d}}\n' % (1 << 70),
                 b"[" * 5000 + b"\n", b'{"jsonrpc":"2.0","jsonrpc":"2.0","id":1,"method":"port.list"}\n'):
        reply = ask(line)
        assert reply["error"]["code"] in (-32700, -32600) and reply["id"] is None, (line[:40], reply)
    for request in (1, "x", None, [], {}, {"jsonrpc": "1.0", "id": 1, "method": "port.list"},
                    {"jsonrpc": "2.0", "id": {}, "method": "port.list"}, {"jsonrpc": "2.0", "id": 1, "method": 5},
                    {"jsonrpc": "2.0", "id": 1, "method": "port.list", "params": 7}):
        assert ask(request)["error"]["code"] in (-32600, -32602), request
    assert ask({"jsonrpc": "2.0", "id": 1, "method": "no.such"})["error"]["code"] == -32601


def test_parameters():
    """A bad parameter is named."""
    cases = [("port.list", {"colour": 1}, "colour"), ("port.add", {"name": "x", "nmae": 1}, "nmae"),
             ("port.add", {"name": 5}, "name"), ("port.add", {"name": "x", "vlan": "ten"}, "vlan"),
             ("port.add", {"name": "x", "vlan": 0}, "vlan"), ("port.add", {"name": "x", "vlan": 4095}, "vlan"),
             ("port.add", {"name": "x", "vlan": 1.5}, "vlan"), ("port.add", {"name": "x", "trunk": "10,,20"}, "trunk"),
             ("port.add", {"name": "x", "trunk": "20-10"}, "trunk"), ("port.add", {"name": "x", "trunk": "1-4095"}, "trunk"),
             ("port.add", {"name": "x" * 32}, "name"), ("port.add", {"name": "a b"}, "name"), ("port.add", {"name": ""}, "name"),
             ("port.add", {"name": "x", "learning": "yes"}, "learning"), ("port.add", {"name": "x", "mac": "02:00"}, "mac"),
             ("port.add", {"name": "x", "state": "open"}, "state"), ("port.add", {"name": "x", "mtu": 1 << 40}, "mtu"),
             ("port.add", {"name": "x", "mtu": -1}, "mtu"), ("port.add", {"name": None}, "name"), ("port.add", {}, "name"),
             ("fdb.add", {"mac": [], "port": "a"}, "mac"), ("fdb.list", {"limit": 0}, "limit"),
             ("fdb.list", {"cursor": "zz"}, "cursor"), ("bridge.set", {"ageing_time": "1"}, "ageing_time"),
             ("stats.show", {"worker": -1}, "worker"), ("vlan.set", {"vlan": 4095}, "vlan")]
    for method, params, name in cases:
        error = call(method, **params)["error"]
        assert error["code"] == -32602 and name in error["message"], (method, params, error)


def test_batch():
    batch = [{"jsonrpc": "2.0", "id": 1, "method": "system.version"}, {"jsonrpc": "2.0", "method": "system.version"},
             7, {"jsonrpc": "2.0", "id": 2, "method": "no.such"}, {"jsonrpc": "2.0", "id": 3, "method": "port.list"}]
    reply = ask(batch)
    assert [r["id"] for r in reply] == [1, None, 2, 3], reply
    assert "result" in reply[0] and reply[1]["error"]["code"] == -32600 and reply[2]["error"]["code"] == -32601
    assert ask([])["error"]["code"] == -32600


def test_ten_megabytes():
    for piece in (b"x" * 65536, b"[" * 65536, b'"' + b"\\" * 65535):
        s = connect()
        for _ in range(160):
            s.sendall(piece)
        s.shutdown(socket.SHUT_WR)
        client = Client(s)
        assert client.receive()["error"]["code"] == -32700
        assert client.receive() is None
        client.close()


def test_thousand_connections():
    crowd = []
    for i in range(1000):
        s = socket.socket(socket.AF_UNIX)
        s.setblocking(False)
        while True:
            try:
                s.connect(PATH)
                break
            except BlockingIOError:
                time.sleep(0.001)
        if i % 2:
            try:
                s.send(b'{"half": ')  # half-open
            except (BrokenPipeError, ConnectionResetError):
                pass
        crowd.append(s)
    assert "result" in call("port.list")
    for s in crowd:
        s.close()


def test_slow_readers():
    crowd = []
    for _ in range(20):
        s = connect()
        s.setblocking(False)
        for _ in range(5000):  # replies that nobody fetches
            try:
                s.send(CALL)
            except (BlockingIOError, BrokenPipeError):
                break
        crowd.append(s)
    for _ in range(20):
        assert "result" in call("port.list")
        time.sleep(0.05)
    for s in crowd:
        s.close()


if __name__ == "__main__":
    watch() if sys.argv[1] == "watch" else globals()["test_" + sys.argv[1]]()
