# SPDX-License-Identifier: BSD-3-Clause
"""What the generator must refuse: each case breaks the schemas in one place."""

import json
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
GENERATE = ROOT / "schemas" / "generate.py"


def generate(change, *options):
    """Standard error of the generator over schemas that `change` was applied to, or None if it was content."""
    with tempfile.TemporaryDirectory() as directory:
        docs = {p.name: json.loads(p.read_text()) for p in (ROOT / "schemas").glob("*.json")}
        change(docs)
        for name, doc in docs.items():
            (pathlib.Path(directory) / name).write_text(doc if isinstance(doc, str) else json.dumps(doc))
        done = subprocess.run([str(GENERATE), "--schemas", directory, "--out", directory, *options],
                              stderr=subprocess.PIPE, text=True)
        assert "Traceback" not in done.stderr, done.stderr
        return done.stderr if done.returncode else None


def add(docs):
    return docs["port.json"]["methods"]["add"]


CASES = [
    ("'vlan': has no description", lambda d: add(d)["params"]["vlan"].pop("text")),
    ("'vlan': the description must be a sentence", lambda d: add(d)["params"]["vlan"].update(text="VLAN")),
    ("unknown key 'maximum'", lambda d: add(d)["params"]["vlan"].update(maximum=1)),
    ("unknown type 'vlanid'", lambda d: add(d)["params"]["vlan"].update(type="vlanid")),
    ("unknown key 'sumary'", lambda d: add(d).update(sumary="x")),
    ("'summary' is missing", lambda d: add(d).pop("summary")),
    ("'access' must be read or write", lambda d: add(d).update(access="any")),
    ("unknown error 'oops'", lambda d: add(d)["errors"].append("oops")),
    ("needs no mention", lambda d: add(d)["errors"].append("failed")),
    ("default: is no number in the range", lambda d: add(d)["params"]["native"].update(default=4095)),
    ("default: must be true or false", lambda d: add(d)["params"]["learning"].update(default=1)),
    ("a required parameter has no default",
     lambda d: d["vlan.json"]["methods"]["set"]["params"]["vlan"].update(default=1)),
    ("example params: 'name' is missing", lambda d: add(d)["example"]["params"].pop("name")),
    ("example params: 'vlan': is no number", lambda d: add(d)["example"]["params"].update(vlan=0)),
    ("example params: unknown key 'colour'", lambda d: add(d)["example"]["params"].update(colour="red")),
    ("example result: 'oper': is not among", lambda d: add(d)["example"]["result"].update(oper="on")),
    ("positional 'title' is not a parameter", lambda d: add(d)["cli"].update(positional=["title"])),
    ("no member 'colour' in a row",
     lambda d: d["port.json"]["methods"]["list"]["cli"]["table"]["columns"].append("colour")),
    ("an integer needs 'min' and 'max'",
     lambda d: add(d)["params"].update(x={"type": "integer", "text": "A number."})),
    ("a string needs 'maxLength'", lambda d: add(d)["params"].update(x={"type": "string", "text": "A text."})),
    ("an array parameter needs 'max'",
     lambda d: add(d)["params"].update(x={"type": "array", "items": "mac", "text": "Some."})),
    ("the name is a word of C", lambda d: add(d)["params"].update({"static": {"type": "bool", "text": "A switch."}})),
    ("names are lower-case", lambda d: add(d)["params"].update({"Vlan": {"type": "bool", "text": "A switch."}})),
    ("is defined but not used",
     lambda d: d["types.json"]["types"].update(x={"kind": "mac", "text": "Another."})),
    ("the code is taken", lambda d: d["types.json"]["errors"]["busy"].update(code=1)),
    ("errno EEXIST unknown or taken", lambda d: d["types.json"]["errors"]["busy"]["errno"].append("EEXIST")),
    ("contains itself", lambda d: d["vlan.json"]["objects"]["vlan"]["fields"].update(
        x={"type": "vlan", "text": "A loop."})),
    ("a file is named after its noun", lambda d: d["vlan.json"].update(noun="lan")),
    ("key 'noun' twice", lambda d: d.update({"vlan.json": '{"noun": "vlan", "noun": "vlan"}'})),
    ("Expecting", lambda d: d.update({"vlan.json": "{"})),
]

assert generate(lambda d: None, "--check") is None
for words, change in CASES:
    error = generate(change)
    assert error is not None, f"accepted: {words}"
    assert words in error, f"expected '{words}', got: {error}"
stale = generate(lambda d: add(d).update(summary="Another sentence."), "--check")
assert stale and "docs/rpc.md is stale" in stale, stale
print(f"{len(CASES)} faults refused")
