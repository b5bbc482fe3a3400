# SPDX-License-Identifier: BSD-3-Clause
"""docs/rpc.md: the reference for people."""

import json

from .cli import value_word


def type_text(api, f):
    if f.kind == "integer":
        return f"integer {f.min}..{f.max}" + (f" {f.unit}" if f.unit else "")
    if f.kind == "array":
        return f"array of {f.items.type_name}" + (f", at most {f.max}" if f.max is not None else "")
    if f.kind == "bool":
        return "boolean"
    if f.kind in ("enum", "object"):
        return f"[{f.type_name}](#{f.type_name})"
    return f.type_name + (f", at most {f.max_length} bytes" if f.kind == "string" else "")


def field_table(api, fields, is_param):
    out = ["| name | type | " + ("default | " if is_param else "") + "meaning |",
           "|---|---|" + ("---|" if is_param else "") + "---|"]
    for f in fields:
        if is_param:
            default = "required" if f.required else json.dumps(f.default) if f.has_default else ""
            out.append(f"| `{f.name}` | {type_text(api, f)} | {default} | {f.text} |")
        else:
            out.append(f"| `{f.name}` | {type_text(api, f)}{'' if f.required else ', optional'} | {f.text} |")
    return out + [""]


def usage(api, m):
    words = ["garuda", m.noun, m.verb]
    words += [f"{n.upper()}" for n in m.positional]
    for p in m.params:
        if p.name not in m.positional:
            word = f"--{p.name.replace('_', '-')} {value_word(api, p)}"
            words.append(word if p.required else f"[{word}]")
    return " ".join(words)


def text(api):
    out = ["<!-- Made by schemas/generate.py from schemas/*.json: do not edit. -->", "# The RPCs of Garuda", "",
           api.info["text"] + f" The socket is {api.info['socket']} unless another is named.", "", f"API version {api.info['api_version']}. {api.info['compatibility']}", "",
           "A method marked *write* is for root and the operator group (`garuda`); *read* is for everybody on the machine.",
           "Parameters are given by name. An error's `data` holds `name` (from the list below), `errno` if the",
           "system gave one, and `param` if one parameter is to blame.", ""]
    for noun, noun_text in api.nouns.items():
        out += [f"## {noun}", "", noun_text, ""]
        for m in (m for m in api.methods if m.noun == noun):
            out += [f"### {m.name}", "", f"{m.summary} *{m.access}*", ""]
            if m.text:
                out += [m.text, ""]
            out += [f"`{usage(api, m)}`", ""]
            if m.params:
                out += ["Parameters:", ""] + field_table(api, m.params, True)
            if m.bare_result:
                out += [f"Result: {m.result[0].text}", ""]
            elif m.result:
                out += ["Result:", ""] + field_table(api, m.result, False)
            else:
                out += ["Result: an empty object.", ""]
            if m.errors:
                out += ["Errors: " + ", ".join(m.errors) + ".", ""]
            request = {"jsonrpc": "2.0", "id": 1, "method": m.name, "params": m.example["params"]}
            out += ["```json", json.dumps(request)]
            if not m.bare_result:
                out += [json.dumps({"jsonrpc": "2.0", "id": 1, "result": m.example["result"]})]
            out += ["```", ""]
    out += ["## Objects", ""]
    for name, obj in api.objects.items():
        out += [f"### {name}", "", obj.text, ""] + field_table(api, obj.fields, False)
    out += ["## Values", ""]
    for name, enum in api.enums.items():
        out += [f"### {name}", "", enum["text"], ""]
        out += [f"- `{v}`: {t}" for v, t in enum["values"].items()] + [""]
    out += ["## Text forms", ""]
    out += [f"- `{n}`: {t['text']}" for n, t in api.types.items() if t["kind"] not in ("integer", "document")] + [""]
    out += ["## Errors", "", "| code | name | meaning |", "|---|---|---|"]
    out += [f"| {e['code']} | {n} | {e['text']} |" for n, e in api.errors.items()]
    return "\n".join(out) + "\n"
