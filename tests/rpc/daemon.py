# SPDX-License-Identifier: BSD-3-Clause
"""The fake daemon and a JSON-RPC client, for the tests beside this file."""

import json
import os
import socket
import subprocess
import tempfile


class Daemon:
    def __init__(self, program, group="", max_clients=0):
        self.dir = tempfile.TemporaryDirectory(prefix="garuda-rpc-")
        os.chmod(self.dir.name, 0o755)
        self.path = os.path.join(self.dir.name, "sock")
        self.program, self.args = program, [self.path, group, str(max_clients)]
        with open(program, "rb") as f:
            code = f.read()
        # The sanitizers' shadow memory counts too.
        self.shadow = 8 if b"__tsan_init" in code else 2 if b"__asan_init" in code else 1
        self.start()

    def start(self):
        # Memory is measured: AddressSanitizer must not hold back what was freed.
        asan = os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1"
        self.process = subprocess.Popen([self.program, *self.args], stdout=subprocess.PIPE,
                                        env={**os.environ, "ASAN_OPTIONS": asan})
        assert self.process.stdout.readline() == b"ready\n"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        status = self.process.wait(10)
        self.process.stdout.close()
        self.dir.cleanup()
        assert status in (0, -9, -15), f"the daemon ended with {status}"

    def connect(self, timeout=10):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(timeout)
        s.connect(self.path)
        return s

    def client(self):
        return Client(self.connect())

    def n_fds(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def rss_kib(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as f:
            kib = next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))
        return kib // self.shadow


class Client:
    def __init__(self, sock):
        self.sock, self.file, self.id = sock, sock.makefile("rb"), 0

    def send(self, message):
        self.sock.sendall(json.dumps(message).encode() + b"\n")

    def receive(self):
        line = self.file.readline()
        return json.loads(line) if line else None

    def call(self, method, **params):
        self.id += 1
        self.send({"jsonrpc": "2.0", "id": self.id, "method": method, "params": params})
        reply = self.receive()
        assert reply["id"] == self.id and reply["jsonrpc"] == "2.0", reply
        return reply

    def close(self):
        self.file.close()
        self.sock.close()


def run_all(namespace):
    """Every function test_* in its order; the name of each is printed."""
    for name, test in list(namespace.items()):
        if name.startswith("test_") and callable(test):
            print(name, flush=True)
            test()
