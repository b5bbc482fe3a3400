# SPDX-License-Identifier: BSD-3-Clause
"""The garuda command against the fake daemon: words, tables, JSON, exit status.

usage: cli_test.py FAKE_DAEMON GARUDA
"""

import json
import os
import signal
import socket
import subprocess
import sys

sys.dont_write_bytecode = True
from daemon import Daemon, run_all  # noqa: E402

PROGRAM, GARUDA = sys.argv[1:3]
ENV = {k: v for k, v in os.environ.items() if k != "GARUDA_SOCKET"}


def garuda(d, *words, status=0):
    where = ["--socket", d.path] if d else []
    done = subprocess.run([GARUDA, *words, *where], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          env=ENV, timeout=30)
    assert done.returncode == status, f"{words}: status {done.returncode}, {done.stdout}{done.stderr}"
    return done.stderr if status else done.stdout


def test_ports():
    with Daemon(PROGRAM) as d:
        out = garuda(d, "port", "add", "web", "--container", "web:eth0", "--vlan", "10", "--mac", "02:00:00:00:00:01",
                     "--learning", "off", "--isolated", "--fdb-limit", "5", "--storm_unknown=100")
        assert "oper: up" in out, out
        garuda(d, "port", "add", "--name", "up", "--trunk", "10,20-29,4000", "--kind", "tap")
        lines = garuda(d, "port", "list").splitlines()
        assert lines[0].split() == ["NAME", "KIND", "OPER", "STATE", "VLAN", "TRUNK", "NATIVE", "ROUTED", "MTU", "MAC",
                                    "RX-PACKETS", "TX-PACKETS", "DROPS", "REASON"]
        assert lines[1].split()[:5] == ["web", "af_xdp", "up", "forwarding", "10"]
        assert lines[2].split()[5] == "10,20-29,4000"
        assert all(line == line.rstrip() for line in lines)
        port = json.loads(garuda(d, "port", "show", "web", "--json"))["port"]
        assert port["learning"] is False and port["container"] == "web:eth0" and port["vlan"] == 10
        assert "container:       web:eth0" in garuda(d, "port", "show", "web")
        garuda(d, "port", "set", "web", "--learning", "on")
        assert json.loads(garuda(d, "--json", "port", "show", "web"))["port"]["learning"] is True
        assert garuda(d, "port", "del", "web") == ""
        assert "there is no port 'web'" in garuda(d, "port", "show", "web", status=1)


def test_refusals():
    with Daemon(PROGRAM) as d:
        err = garuda(d, "port", "add", "a", "--vlan", "4095", status=1)
        assert err == "garuda: port.add: parameter 'vlan' must be between 1 and 4094, not 4095\n", err
        done = subprocess.run([GARUDA, "--json", "--socket", d.path, "port", "del", "nix"], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL)
        assert done.returncode == 1
        assert json.loads(done.stdout)["error"]["data"] == {"name": "not_found", "errno": "ENOENT"}


def test_usage():
    for words, expected in (
            (["prt"], "nouns are bridge, fdb, interface, neigh, port, route, router, rpc, stats, system, vlan, worker"),
            (["port", "lst"], "verbs are add, del, list, set, show"),
            (["port", "del", "a", "--force"], "port del has no option --force; options are --name"),
            (["worker", "list", "--force"], "it takes none"),
            (["port", "del"], "port del needs a PORT"),
            (["worker", "set"], "worker set needs --mode poll|adaptive|interrupt"),
            (["port", "add", "a", "--vlan"], "--vlan needs a value"),
            (["port", "add", "a", "--vlan", "ten"], "vlan must be a number, not 'ten'"),
            (["port", "add", "a", "--vlan", "99999999999999999999"], "vlan must be a number"),
            (["port", "add", "a", "--learning=maybe"], "--learning must be on or off"),
            (["port", "add", "a", "--fdb_limit=x"], "garuda: --fdb-limit must be a number, not 'x': Most MAC"),
            (["vlan", "set", "x"], "garuda: vlan must be a number, not 'x': VLAN id"),
            (["port", "add", "a", "b"], "what is 'b'"),
            (["port", "add", "a", "--vlan", "1", "--vlan", "2"], "vlan is given twice"),
            (["port", "add", "a", "--netns", "\udcff"], "not UTF-8"),
            (["--socket"], "--socket needs a path"),
            (["port"], "usage: garuda port VERB"),
            ([], "usage: garuda NOUN VERB")):
        err = garuda(None, *words, status=2)
        assert expected in err, f"{words}: {err}"


def test_help():
    assert "port     add " in garuda(None, "--help")
    assert "Exit status: 0 done" in garuda(None, "-h")
    assert "port     add " in garuda(None, "port", "--help")
    text = garuda(None, "port", "add", "--help")
    assert "--vlan VLAN\n        Access port: an untagged member of this VLAN. (1..4094)" in text, text
    assert "--learning on|off\n        Learn source addresses. (default on)" in text, text
    assert max(map(len, text.splitlines())) < 100
    for words in (["help", "port", "add"], ["port", "help", "add"]):
        assert garuda(None, *words) == text, words
    assert garuda(None, "help") == garuda(None, "--help")
    assert garuda(None, "port", "help") == garuda(None, "port", "--help")
    assert "options are --name" in garuda(None, "port", "add", "help", "--no", status=2)  # a port of that name


def test_columns_are_explained():
    text = garuda(None, "port", "list", "--help").split("Columns:\n")[1]
    with Daemon(PROGRAM) as d:
        for title in garuda(d, "port", "list").splitlines()[0].split():
            assert f"\n  {title} " in "\n" + text, title
    assert "\n  AGE               Time since it was last seen" in garuda(None, "fdb", "list", "--help")
    assert "  CPU-TIME          CPU time used. (ns)\n" in garuda(None, "worker", "list", "--help")


def test_version():
    assert garuda(None, "--version").split()[0] == "garuda"
    assert garuda(None, "port", "list", "--version") == garuda(None, "--version")


def test_pages():
    with Daemon(PROGRAM) as d:
        lines = garuda(d, "fdb", "list").splitlines()
        assert len(lines) == 1201 and lines[-1].split() == ["1", "02:00:00:00:04:af", "p0", "learned", "1199"]
        whole = json.loads(garuda(d, "fdb", "list", "--json"))
        assert len(whole["entries"]) == 1200 and "next" not in whole
        page = json.loads(garuda(d, "fdb", "list", "--json", "--limit", "7"))
        assert len(page["entries"]) == 7 and page["next"] == "7"


def test_totals_and_sub_tables():
    with Daemon(PROGRAM) as d:
        lines = garuda(d, "stats", "show").splitlines()
        assert lines[1].split()[:2] == ["p0", "7"] and lines[2].split()[:2] == ["total", "7"]
        assert lines[4] == "drops:" and lines[6].startswith("p0    l2_hairpin        7  The destination")
        assert "flushed: 1\n" == garuda(d, "fdb", "flush", "--port", "p0")
        assert "9223372036854775807" in garuda(d, "fdb", "flush", "--all")


def test_no_daemon():
    err = garuda(None, "port", "list", "--socket", "/nonexistent/sock", status=3)
    assert "no garudad answers on /nonexistent/sock; start it" in err, err
    with Daemon(PROGRAM) as d:
        d.process.kill()
        d.process.wait()
        assert "no garudad answers" in garuda(d, "port", "list", status=3)
        assert "too long" in garuda(None, "port", "list", "--socket", "/" + "x" * 200, status=3)
        os.unlink(d.path)
        mute = socket.socket(socket.AF_UNIX)  # takes the call and goes away
        mute.bind(d.path)
        mute.listen()
        child = subprocess.Popen([GARUDA, "port", "list", "--socket", d.path], stderr=subprocess.PIPE, text=True)
        connection, _ = mute.accept()
        connection.recv(65536)
        connection.close()
        assert "closed the connection" in child.communicate(timeout=20)[1] and child.returncode == 3
        mute.close()


def test_stopped_daemon():
    with Daemon(PROGRAM) as d:
        d.process.send_signal(signal.SIGSTOP)
        try:
            assert "does not answer" in garuda(d, "port", "list", status=3)
        finally:
            d.process.send_signal(signal.SIGCONT)


def test_output():
    with Daemon(PROGRAM) as d:
        read_end, write_end = os.pipe()
        os.close(read_end)  # head had enough
        done = subprocess.run([GARUDA, "fdb", "list", "--socket", d.path], stdout=write_end, stderr=subprocess.PIPE)
        os.close(write_end)
        assert done.returncode == 0 and not done.stderr, done
        with open("/dev/full", "w", encoding="ascii") as full:
            done = subprocess.run([GARUDA, "fdb", "list", "--socket", d.path], stdout=full, stderr=subprocess.PIPE,
                                  text=True)
        assert done.returncode == 1 and "cannot write the output" in done.stderr, done
        done = subprocess.run([GARUDA, "system", "version"], env={**ENV, "GARUDA_SOCKET": d.path},
                              stdout=subprocess.PIPE, text=True)
        assert done.returncode == 0 and "0.0-fake" in done.stdout


run_all(globals())
