# SPDX-License-Identifier: BSD-3-Clause
"""cli_gen.c: the command's grammar and help (struct cli_command in cli/command.h)."""

from .c import quote


def value_word(api, field):
    """What stands for the value in a usage line."""
    if field.kind == "bool":
        return "on|off"
    if field.kind == "enum":
        return "|".join(api.enums[field.type_name]["values"])
    if field.type_name == "vlan_id":
        return "VLAN"
    return {"integer": "NUMBER", "mac": "MAC", "vlan_list": "VLANS", "container": "NETNS|PID[:IFNAME]",
            "array": "ITEM,..."}.get(field.kind) or \
        {"port_name": "PORT", "netdev": "IFNAME", "netns": "NETNS"}.get(field.type_name, "TEXT")


def notes(field):
    """Range, unit and default, in brackets after the sentence."""
    out = []
    if field.kind == "integer":
        out.append(f"{field.min}..{field.max}" + (f" {field.unit}" if field.unit else ""))
    if field.required:
        out.append("required")
    if field.has_default:
        value = {True: "on", False: "off"}[field.default] if field.kind == "bool" else field.default
        out.append(f"default {value}")
    return f" ({', '.join(out)})" if out else ""


def column_text(api, m, column):
    """The sentence on the member that a table's column shows."""
    rows = next(f for f in m.result if f.name == m.table["rows"])
    field, fields = None, api.objects[rows.items.type_name].fields
    for name in column.split("."):
        field = next(f for f in fields if f.name == name)
        fields = api.objects[field.type_name].fields if field.kind == "object" else []
    says_unit = not field.unit or field.unit in field.text.lower().split()
    return field.text + ("" if says_unit else f" ({field.unit})")


def source(api):
    out = ["// Made by schemas/generate.py from schemas/*.json: do not edit.",
           '#include "cli/command.h"', "", "#include <stddef.h>", ""]
    out += [f"const char cli_socket_path[] = {quote(api.info['socket'])};"]
    out += ["const struct cli_noun cli_nouns[] = {"]
    out += [f"\t{{{quote(n)}, {quote(t)}}}," for n, t in api.nouns.items()]
    out += ["};", f"const unsigned cli_n_nouns = {len(api.nouns)};", ""]
    table = []
    for m in api.methods:
        if m.params:
            out += [f"static const struct cli_option {m.c_name}_options[] = {{"]
            ordered = sorted(m.params, key=lambda p: p.name not in m.positional)
            for p in ordered:
                kind = {"bool": "CLI_BOOL", "integer": "CLI_INTEGER", "array": "CLI_LIST"}.get(p.kind, "CLI_TEXT")
                out += [f"\t{{{quote(p.name)}, {quote(value_word(api, p))}, {quote(p.text + notes(p))}, {kind}, "
                        f"{'true' if p.required else 'false'}, {'true' if p.name in m.positional else 'false'}}},"]
            out += ["};"]
        columns = "NULL, NULL"
        if m.table:
            columns = f"{m.c_name}_columns, {m.c_name}_column_texts"
            texts = [column_text(api, m, c) for c in m.table["columns"]]
            out += [f"static const char *const {m.c_name}_{name}[] = {{{', '.join(map(quote, words))}, NULL}};"
                    for name, words in (("columns", m.table["columns"]), ("column_texts", texts))]
        paged = any(p.name == "cursor" for p in m.params) and any(f.name == "next" for f in m.result)
        table += [f"\t{{{quote(m.noun)}, {quote(m.verb)}, {quote(m.name)}, {quote(m.summary)}, {quote(m.text)}, "
                  f"{m.c_name + '_options' if m.params else 'NULL'}, {len(m.params)}, "
                  f"{quote(m.table['rows']) if m.table else 'NULL'}, {columns}, "
                  f"{quote(m.table.get('total')) if m.table else 'NULL'}, "
                  f"{'true' if paged else 'false'}}},"]
    out += ["", "const struct cli_command cli_commands[] = {"] + table + ["};"]
    out += [f"const unsigned cli_n_commands = {len(api.methods)};"]
    return "\n".join(out) + "\n"
