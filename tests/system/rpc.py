#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""garudad's control socket, for tests that call more often than a command can be started.

As a program: rpc.py SOCKET METHOD [NAME=JSON...] prints the result; an error goes to stderr,
with exit status 1.
"""
import json
import socket
import sys
import time


class RpcError(Exception):
    pass


class Rpc:
    def __init__(self, path, timeout=30):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(timeout)
        self.sock.connect(path)
        self.file = self.sock.makefile("rb")
        self.id = 0

    def _request(self, method, params):
        self.id += 1
        return {"jsonrpc": "2.0", "id": self.id, "method": method, "params": params}

    def _exchange(self, message):
        self.sock.sendall(json.dumps(message).encode() + b"\n")
        line = self.file.readline()
        if not line:
            raise ConnectionError("the daemon closed the connection")
        return json.loads(line)

    def call(self, method, **params):
        answer = self._exchange(self._request(method, params))
        if "error" in answer:
            raise RpcError(answer["error"]["message"])
        return answer["result"]

    def batch(self, calls):
        """calls: [(method, {params})]; the results, in that order. Raises for the first error."""
        requests = [self._request(*c) for c in calls]
        answers = {a["id"]: a for a in self._exchange(requests)}
        for r in requests:
            if "error" in answers[r["id"]]:
                raise RpcError(answers[r["id"]]["error"]["message"])
        return [answers[r["id"]]["result"] for r in requests]

    def timed(self, method, **params):
        """(seconds, result)"""
        began = time.monotonic()
        result = self.call(method, **params)
        return time.monotonic() - began, result


def main():
    rpc = Rpc(sys.argv[1])
    params = dict(word.split("=", 1) for word in sys.argv[3:])
    try:
        print(json.dumps(rpc.call(sys.argv[2], **{k: json.loads(v) for k, v in params.items()})))
    except RpcError as e:
        sys.exit(str(e))


if __name__ == "__main__":
    main()
