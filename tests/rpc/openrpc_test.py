# SPDX-License-Identifier: BSD-3-Clause
"""The OpenRPC document: its structure, its examples, and a client that drives every method from it.

usage: openrpc_test.py FAKE_DAEMON OPENRPC_JSON
"""

import json
import pathlib
import re
import sys

sys.dont_write_bytecode = True
from daemon import Daemon, run_all  # noqa: E402

PROGRAM = sys.argv[1]
DOC = json.loads(pathlib.Path(sys.argv[2]).read_text(encoding="utf-8"))
REFERENCE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "rpc.md"

KEYWORDS = {"type", "properties", "required", "items", "maxItems", "minimum", "maximum", "minLength", "maxLength",
            "pattern", "enum", "default", "description", "allOf", "$ref", "x-unit"}
TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int}


def resolve(schema):
    if "$ref" not in schema:
        return schema
    node = DOC
    assert schema["$ref"].startswith("#/"), schema
    for part in schema["$ref"][2:].split("/"):
        node = node[part]
    return node


def check_schema(schema, where):
    """The schema is one that a validator understands."""
    assert set(schema) <= KEYWORDS, f"{where}: {set(schema) - KEYWORDS}"
    assert "$ref" not in schema or len(schema) == 1, f"{where}: siblings of $ref are ignored"
    resolve(schema)
    if "type" in schema:
        assert schema["type"] in TYPES, where
    if "pattern" in schema:
        re.compile(schema["pattern"])
    assert set(schema.get("required", [])) <= set(schema.get("properties", {})), where
    for name, inner in schema.get("properties", {}).items():
        check_schema(inner, f"{where}.{name}")
    for inner in schema.get("allOf", []):
        check_schema(inner, where)
    if "items" in schema:
        check_schema(schema["items"], where + "[]")


def check_value(schema, value, where):
    schema = resolve(schema)
    for inner in schema.get("allOf", []):
        check_value(inner, value, where)
    if "enum" in schema:
        assert value in schema["enum"], f"{where}: {value}"
    if "type" in schema:
        assert isinstance(value, TYPES[schema["type"]]), f"{where}: {value!r} is no {schema['type']}"
        assert schema["type"] != "integer" or not isinstance(value, bool), where
    if "minimum" in schema:
        assert schema["minimum"] <= value <= schema["maximum"], f"{where}: {value}"
    if isinstance(value, str):
        assert schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)), f"{where}: {value}"
        assert "pattern" not in schema or re.search(schema["pattern"], value), f"{where}: {value}"
    if isinstance(value, list) and "items" in schema:
        for element in value:
            check_value(schema["items"], element, where + "[]")
    if isinstance(value, dict) and "properties" in schema:
        for name in schema.get("required", []):
            assert name in value, f"{where}: '{name}' is missing"
        for name, member in value.items():
            assert name in schema["properties"], f"{where}: '{name}' is not described"
            check_value(schema["properties"][name], member, f"{where}.{name}")


def test_structure():
    assert set(DOC) == {"openrpc", "info", "methods", "components"}
    assert re.fullmatch(r"1\.\d+\.\d+", DOC["openrpc"])
    assert DOC["info"]["title"] and re.fullmatch(r"\d+\.\d+", DOC["info"]["version"])
    names = [m["name"] for m in DOC["methods"]]
    assert len(names) == len(set(names)) and names
    for name, schema in DOC["components"]["schemas"].items():
        check_schema(schema, name)
        assert schema["description"]
    for m in DOC["methods"]:
        assert set(m) <= {"name", "tags", "summary", "description", "paramStructure", "params", "result", "errors",
                          "examples", "x-access"}, m["name"]
        assert m["paramStructure"] == "by-name" and m["summary"] and m["x-access"] in ("read", "write")
        params = [p["name"] for p in m["params"]]
        assert len(params) == len(set(params))
        required = [p["required"] for p in m["params"]]
        assert required == sorted(required, reverse=True), f"{m['name']}: required parameters come first"
        for p in m["params"]:
            assert set(p) == {"name", "description", "required", "schema"} and p["description"]
            check_schema(p["schema"], f"{m['name']} {p['name']}")
        assert set(m["result"]) == {"name", "schema"}
        check_schema(m["result"]["schema"], m["name"] + " result")
        for e in m["errors"]:
            assert isinstance(e["code"], int) and isinstance(e["message"], str)
        assert len({e["code"] for e in m["errors"]}) == len(m["errors"])


def test_examples():
    for m in DOC["methods"]:
        schemas = {p["name"]: p["schema"] for p in m["params"]}
        assert m["examples"], m["name"]
        for example in m["examples"]:
            assert example["name"]
            for p in example["params"]:
                check_value(schemas[p["name"]], p["value"], f"{m['name']} {p['name']}")
            assert {p["name"] for p in m["params"] if p["required"]} <= {p["name"] for p in example["params"]}
            check_value(m["result"]["schema"], example["result"]["value"], m["name"] + " result")


def test_reference():
    """The examples in docs/rpc.md are JSON, and every method has some."""
    text = REFERENCE.read_text(encoding="utf-8")
    calls = set()
    for block in re.findall(r"```json\n(.*?)```", text, re.S):
        for line in block.splitlines():
            calls.add(json.loads(line).get("method"))
    assert calls - {None} == {m["name"] for m in DOC["methods"]}


def test_served():
    with Daemon(PROGRAM) as d:
        client = d.client()
        assert client.call("rpc.discover")["result"] == DOC
        client.close()


def test_every_method():
    """Only what the document says is used here."""
    n_results = 0
    with Daemon(PROGRAM) as d:
        client = d.client()
        for m in DOC["methods"]:
            params = {p["name"]: p["value"] for p in m["examples"][0]["params"]}
            reply = client.call(m["name"], **params)
            if "error" in reply:
                assert reply["error"]["code"] in [e["code"] for e in m["errors"]], f"{m['name']}: {reply}"
            elif m["name"] != "rpc.discover":
                check_value(m["result"]["schema"], reply["result"], m["name"])
                n_results += 1
            reply = client.call(m["name"], **params, no_such_parameter=1)
            assert reply["error"]["code"] == -32602 and reply["error"]["data"]["param"] == "no_such_parameter"
            for p in m["params"]:
                wrong = client.call(m["name"], **{**params, p["name"]: {"a": 1}})
                assert wrong["error"]["code"] == -32602 and wrong["error"]["data"]["param"] == p["name"], wrong
                assert f"{m['name']}: parameter '{p['name']}' must be" in wrong["error"]["message"], wrong
                if p["required"]:
                    rest = {k: v for k, v in params.items() if k != p["name"]}
                    wrong = client.call(m["name"], **rest)
                    assert "is missing" in wrong["error"]["message"], wrong
                check_limits(client, m["name"], params, p)
        client.close()
    assert n_results >= 15, n_results


def check_limits(client, method, params, p):
    schema = p["schema"]
    beyond = []
    if "maximum" in schema:
        beyond += [schema["maximum"] + 1] if schema["maximum"] < 2**63 - 1 else []
        beyond += [schema["minimum"] - 1]
    if "maxLength" in schema:
        beyond += ["1" * (schema["maxLength"] + 1)]
    for value in beyond:
        wrong = client.call(method, **{**params, p["name"]: value})
        assert wrong["error"]["code"] == -32602, f"{method} {p['name']} = {value}: {wrong}"
        assert wrong["error"]["data"]["param"] == p["name"], wrong


run_all(globals())
