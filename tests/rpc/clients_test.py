# SPDX-License-Identifier: BSD-3-Clause
"""Clients that misbehave, and what the others notice of it: nothing.

usage: clients_test.py FAKE_DAEMON
"""

import json
import os
import pwd
import socket
import subprocess
import sys
import time

sys.dont_write_bytecode = True
from daemon import Client, Daemon, run_all  # noqa: E402

PROGRAM = sys.argv[1]
CALL = b'{"jsonrpc":"2.0","id":1,"method":"system.version"}\n'


def assert_serves(daemon, within=1.0):
    start = time.monotonic()
    client = daemon.client()
    assert client.call("system.version")["result"]["version"] == "0.0-fake"
    client.close()
    took = time.monotonic() - start
    # Sanitizers cost some times the work.
    assert took < within * (1 if daemon.shadow == 1 else 5), f"an honest client waited {took:.3f} s"


def test_framing():
    with Daemon(PROGRAM) as d:
        s = d.connect()
        for byte in CALL:  # byte by byte
            s.sendall(bytes([byte]))
        client = Client(s)
        assert client.receive()["id"] == 1
        s.sendall(CALL * 500)  # many in one piece, each answered
        for _ in range(500):
            assert "result" in client.receive()
        s.sendall(b"\n\r\n  \n" + CALL)  # blank lines are nothing
        assert "result" in client.receive()
        s.sendall(CALL.rstrip())  # the end of the stream ends a line
        s.shutdown(socket.SHUT_WR)
        assert "result" in client.receive()
        assert client.receive() is None
        client.close()


def test_batch_order():
    with Daemon(PROGRAM) as d:
        client = d.client()
        client.send([{"jsonrpc": "2.0", "id": i, "method": "system.version"} for i in range(1024)])
        client.send({"jsonrpc": "2.0", "id": "after", "method": "system.version"})
        assert [r["id"] for r in client.receive()] == list(range(1024))
        assert client.receive()["id"] == "after"
        client.close()


def test_ten_megabytes():
    with Daemon(PROGRAM) as d:
        for piece in (b"x" * 65536, b"[" * 65536, b'"' + b"\\" * 65535):
            s = d.connect()
            for _ in range(160):
                s.sendall(piece)
            s.shutdown(socket.SHUT_WR)
            client = Client(s)
            reply = client.receive()
            assert reply["error"]["code"] == -32700 and "1048576 bytes" in reply["error"]["message"], reply
            assert client.receive() is None
            client.close()
            assert_serves(d)
        s = d.connect()  # just within the limit
        s.sendall(b" " * (1048576 - len(CALL) + 1) + CALL)
        client = Client(s)
        assert "result" in client.receive()
        client.close()
        assert d.rss_kib() < 40000, d.rss_kib()


def test_thousand_connections():
    with Daemon(PROGRAM) as d:
        honest = d.client()
        honest.call("system.version")
        crowd = []
        for i in range(1000):
            s = socket.socket(socket.AF_UNIX)
            s.setblocking(False)
            while True:
                try:
                    s.connect(d.path)
                    break
                except BlockingIOError:
                    time.sleep(0.001)
            if i % 2:
                try:
                    s.send(b'{"half": ')
                except (BrokenPipeError, ConnectionResetError):
                    pass
            crowd.append(s)
            if i % 100 == 0:
                assert_serves(d)
        assert_serves(d)
        assert honest.call("system.version")["result"]  # who asked before is not the one to go
        assert d.n_fds() < 300, d.n_fds()
        for s in crowd:
            s.close()
        assert_serves(d)
        deadline = time.monotonic() + 5
        while d.n_fds() > 12 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert d.n_fds() <= 12, d.n_fds()
        honest.close()


def test_all_busy_refuses():
    with Daemon(PROGRAM, max_clients=2) as d:
        busy = [d.connect(), d.connect()]
        # Replies that nobody reads make a client busy.
        line = b'{"jsonrpc":"2.0","id":1,"method":"fdb.list","params":{"limit":1000}}\n'
        for s in busy:
            s.sendall(line * 20)
        time.sleep(0.3)
        newcomer = Client(d.connect())
        reply = newcomer.receive()
        assert reply["error"]["code"] == 3 and "Too many clients" in reply["error"]["message"], reply
        assert newcomer.receive() is None
        newcomer.close()
        readers = [Client(s) for s in busy]
        for reader in readers:
            for _ in range(20):
                assert len(reader.receive()["result"]["entries"]) == 1000
            reader.close()
        assert_serves(d)


def test_slow_reader():
    with Daemon(PROGRAM) as d:
        before = d.rss_kib()
        slow = [d.connect() for _ in range(20)]
        line = b'{"jsonrpc":"2.0","id":1,"method":"fdb.list","params":{"limit":1000}}\n'
        for s in slow:
            s.setblocking(False)
            for _ in range(2000):  # 140 MB of replies each, if anybody were so kind
                try:
                    s.send(line)
                except BlockingIOError:
                    break
        for _ in range(10):
            assert_serves(d)
            time.sleep(0.05)
        grown = d.rss_kib() - before
        assert grown < 30000, f"slow readers cost {grown} KiB"
        start = time.monotonic()
        while d.n_fds() > 15 and time.monotonic() - start < 15:
            time.sleep(0.2)
        assert d.n_fds() <= 15, "slow readers are kept for ever"
        assert time.monotonic() - start > 5, "slow readers get time"
        for s in slow:
            s.close()


def test_big_batches_at_once():
    batch = json.dumps([{"jsonrpc": "2.0", "id": i, "method": "fdb.list", "params": {"limit": 500}}
                        for i in range(1000)]).encode() + b"\n"
    with Daemon(PROGRAM) as d:
        crowd = [d.connect() for _ in range(30)]
        for s in crowd:
            s.sendall(batch)
        for _ in range(10):
            assert_serves(d)
        assert d.rss_kib() < 120000, d.rss_kib()
        for s in crowd:
            s.close()


def test_credentials():
    if os.geteuid():
        print("  skipped: needs root to be somebody else")
        return
    with Daemon(PROGRAM, group="daemon") as d:
        nobody, group = pwd.getpwnam("nobody"), pwd.getpwnam("daemon").pw_gid

        def ask(method, gid, extra):
            """As another user, in a child: privileges are not to be had back."""
            read_end, write_end = os.pipe()
            child = os.fork()
            if not child:
                os.setgroups(extra)
                os.setgid(gid)
                os.setuid(nobody.pw_uid)
                os.write(write_end, json.dumps(d.client().call(method)).encode())
                os._exit(0)
            os.close(write_end)
            with open(read_end, "rb") as pipe:
                reply = json.load(pipe)
            assert os.waitpid(child, 0)[1] == 0
            return reply

        reply = ask("stats.clear", nobody.pw_gid, [])
        assert reply["error"]["code"] == 4 and str(nobody.pw_uid) in reply["error"]["message"], reply
        assert "result" in ask("stats.show", nobody.pw_gid, [])
        assert "result" in ask("stats.clear", group, [])
        assert "result" in ask("stats.clear", nobody.pw_gid, [group])
        # More groups than fit into the first attempt to read them.
        assert "result" in ask("stats.clear", nobody.pw_gid, list(range(10000, 10300)) + [group])


def test_socket_file():
    with Daemon(PROGRAM) as d:
        second = subprocess.run([PROGRAM, d.path], stderr=subprocess.PIPE, text=True)
        assert second.returncode == 1
        assert f"Another garudad (process {d.process.pid})" in second.stderr, second.stderr
        assert_serves(d)
        d.process.kill()
        d.process.wait()
        d.process.stdout.close()
        assert os.path.exists(d.path)
        d.start()  # over the stale file
        assert_serves(d)
        d.process.terminate()
        d.process.wait()
        d.process.stdout.close()
        assert os.listdir(d.dir.name) == []
        with open(d.path, "w", encoding="ascii"):
            pass
        refused = subprocess.run([PROGRAM, d.path], stderr=subprocess.PIPE, text=True)
        assert refused.returncode == 1 and "is not a socket" in refused.stderr, refused.stderr
        os.unlink(d.path)
        foreign = socket.socket(socket.AF_UNIX)  # lives, but holds no lock
        foreign.bind(d.path)
        foreign.listen()
        refused = subprocess.run([PROGRAM, d.path], stderr=subprocess.PIPE, text=True)
        assert refused.returncode == 1 and "Another program answers" in refused.stderr, refused.stderr
        foreign.close()
        for path, words in ((d.dir.name + "/" + "x" * 200, "1 to 107 bytes"), ("/proc/no/sock", "cannot be made")):
            refused = subprocess.run([PROGRAM, path], stderr=subprocess.PIPE, text=True)
            assert refused.returncode == 1 and words in refused.stderr, refused.stderr
        refused = subprocess.run([PROGRAM, d.path, "no-such-group"], stderr=subprocess.PIPE, text=True)
        assert refused.returncode == 1 and "no group 'no-such-group'" in refused.stderr, refused.stderr
        d.start()


def test_start_race():
    """Of many daemons that start over a stale file, exactly one serves."""
    with Daemon(PROGRAM) as d:
        for _ in range(5):
            d.process.kill()
            d.process.wait()
            d.process.stdout.close()
            many = [subprocess.Popen([PROGRAM, d.path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
                    for _ in range(8)]
            until = time.monotonic() + 10
            while len(alive := [p for p in many if p.poll() is None]) > 1 and time.monotonic() < until:
                time.sleep(0.05)
            time.sleep(0.2)
            alive = [p for p in many if p.poll() is None]
            assert len(alive) == 1, f"{len(alive)} daemons on one socket"
            assert_serves(d)
            for p in many:
                if p is not alive[0]:
                    p.stdout.close()
            d.process = alive[0]


run_all(globals())
