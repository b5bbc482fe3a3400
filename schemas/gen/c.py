# SPDX-License-Identifier: BSD-3-Clause
"""rpc_gen.h and rpc_gen.c: enums, structs, descriptors for control/rpc/codec.c and the method table."""

import json

from . import openrpc

INT64_MAX = 2**63 - 1


def quote(text):
    """A C string literal; JSON's escapes for plain ASCII are C's."""
    return json.dumps(text) if text is not None else "NULL"


def upper(*parts):
    return "_".join(parts).upper()


def c_scalar(field):
    """(declaration with %s for the name, sizeof expression)"""
    kind = field.kind
    if kind == "bool":
        return "bool %s"
    if kind == "integer":
        c = field.c or ("uint32_t" if field.max <= 0xFFFFFFFF else "uint64_t")
        return c + " %s"
    if kind == "string":
        return "char %s" + f"[{field.max_length + 1}]"
    if kind == "enum":
        return f"enum rpc_{field.type_name} %s"
    if kind == "object":
        return f"struct rpc_{field.type_name} %s"
    if kind == "array":
        return f"struct {array_struct(field)} %s"
    return {"mac": "struct mac %s", "vlan_list": "struct vlan_set %s",
            "container": "struct rpc_container %s", "document": "const char *%s"}[kind]


def element_type(items):
    """The C type of an array's element; strings are wrapped in a struct."""
    if items.kind == "string":
        return f"struct rpc_{items.type_name}"
    return c_scalar(items).replace(" %s", "")


def array_struct(field):
    return f"rpc_{field.items.type_name}_array"


def all_arrays(api):
    """Element fields of every array, once, elements' objects known before."""
    seen = {}
    for fields in [o.fields for o in api.objects.values()] + [m.params for m in api.methods] + \
            [m.result for m in api.methods]:
        for f in fields:
            if f.kind == "array":
                seen.setdefault(f.items.type_name, f)
    return seen


def limits(field):
    notes = []
    if field.unit:
        notes.append(field.unit)
    if field.kind == "integer" and field.max != INT64_MAX:
        notes.append(f"{field.min}..{field.max}")
    if field.has_default:
        notes.append("default " + json.dumps(field.default).strip('"'))
    return f" ({', '.join(notes)})" if notes else ""


def members(fields):
    out = []
    for f in fields:
        out.append(f"\t// {f.text}{limits(f)}")
        if not f.required:
            out.append(f"\tbool has_{f.name};")
        out.append("\t" + c_scalar(f) % f.name + ";")
    return out or ["\tchar nothing; // no members"]


def array_definition(items):
    name = f"rpc_{items.type_name}_array"
    element = element_type(items)
    out = []
    if items.kind == "string":
        out += [f"struct rpc_{items.type_name} {{", f"\tchar text[{items.max_length + 1}];", "};", ""]
    return out + [
        f"struct {name} {{", f"\t{element} *items;", "\tuint32_t n, cap;", "};", "",
        f"static inline {element} *{name}_append(struct {name} *a)", "{",
        f"\treturn rpc_array_append(a, sizeof({element}));", "}", ""]


def header(api):
    out = ["// Made by schemas/generate.py from schemas/*.json: do not edit.",
           "//",
           "// Per method NOUN.VERB: struct rpc_NOUN_VERB_params, struct rpc_NOUN_VERB_result and the",
           "// prototype of its handler, which the daemon must define. In params an optional member",
           "// has has_NAME; when that is false the member holds its default, if it has one, else zero.",
           "// In results an optional member is sent if has_NAME is set. A handler finds the result",
           "// zeroed, fills it by plain assignment, snprintf and *_array_append() (which returns a",
           "// zeroed element, or NULL: return -ENOMEM then), and never frees anything of either.",
           "// It returns 0, or a negative errno by rpc_error() (control/rpc/dispatch.h).",
           "#pragma once", "",
           "#include <stdbool.h>", "#include <stdint.h>", "",
           '#include "base/net.h"', '#include "base/vlan_set.h"', '#include "control/rpc/dispatch.h"', "",
           f"#define RPC_API_VERSION {quote(api.info['api_version'])}",
           f"#define RPC_SOCKET_PATH {quote(api.info['socket'])} // if the user names no other",
           f"#define RPC_GROUP {quote(api.info['group'])} // may write, if there is such a group",
           f"#define RPC_COMPATIBILITY {quote(api.info['compatibility'])}", ""]
    for name, enum in api.enums.items():
        out += [f"// {enum['text']}", f"enum rpc_{name} {{"]
        out += [f"\t{upper('rpc', name, v)}, // {t}" for v, t in enum["values"].items()]
        out += ["};", f"#define {upper('rpc', name, 'n')} {len(enum['values'])}",
                f"const char *rpc_{name}_name(enum rpc_{name});", ""]
    arrays = all_arrays(api)
    for name, field in arrays.items():
        if name not in api.objects:
            out += array_definition(field.items)
    for name, obj in api.objects.items():
        out += [f"// {obj.text}", f"struct rpc_{name} {{"] + members(obj.fields) + ["};", ""]
        if name in arrays:
            out += array_definition(arrays[name].items)
    out += [""]
    for m in api.methods:
        out += [f"// {m.name} ({m.access}): {m.summary}"]
        if m.text:
            out += [f"// {m.text}"]
        out += [f"struct rpc_{m.c_name}_params {{"] + members(m.params) + ["};"]
        out += [f"struct rpc_{m.c_name}_result {{"] + members(m.result) + ["};"]
        out += [f"int rpc_{m.c_name}(struct rpc_call *, const struct rpc_{m.c_name}_params *,",
                f"\tstruct rpc_{m.c_name}_result *);", ""]
    out += ["// -- for control/rpc only -------------------------------------------------",
            "extern const struct rpc_method rpc_methods[]; // sorted by name",
            "extern const unsigned rpc_n_methods;",
            "extern const struct rpc_error_kind rpc_error_kinds[]; // ends with name NULL",
            "extern const char rpc_openrpc_text[]; // the OpenRPC document", ""]
    for name, spec in api.errors.items():
        out += [f"#define {upper('rpc', name)} ({spec['code']})"]
    return "\n".join(out) + "\n"


KIND = {"bool": "RPC_BOOL", "integer": "RPC_INTEGER", "string": "RPC_STRING", "enum": "RPC_ENUM",
        "mac": "RPC_MAC", "vlan_list": "RPC_VLAN_LIST", "container": "RPC_CONTAINER",
        "object": "RPC_OBJECT", "array": "RPC_ARRAY", "document": "RPC_DOCUMENT"}


def default_number(api, field):
    if field.kind == "enum":
        return list(api.enums[field.type_name]["values"]).index(field.default)
    return int(field.default)


def descriptor(api, field, struct):
    """One struct rpc_field; struct None: an array's element."""
    parts = [f".name = {quote(field.name)}", f".type = {KIND[field.kind]}"]
    if struct:
        parts += [f".offset = offsetof(struct {struct}, {field.name})",
                  f".size = sizeof(((struct {struct} *)0)->{field.name})"]
    else:
        parts += [f".size = sizeof({element_type(field)})"]
    if struct and not field.required:
        parts += [f".has = offsetof(struct {struct}, has_{field.name})", ".optional = true"]
    if field.kind == "integer":
        parts += [f".min = {field.min}u", f".max = {field.max}u"]
    if field.kind == "string":
        parts += [f".min = {field.min_length}", f".max = {field.max_length}"]
    if field.kind == "array":
        parts += [f".max = {field.max if field.max is not None else 'UINT32_MAX'}"]
        parts += [f".items = &{field.items.type_name}_item"]
    if field.kind == "string" and field.pattern:
        parts += [f".pattern = {quote(field.pattern)}", f".hint = {quote(field.hint)}"]
    if field.kind == "enum":
        parts += [f".names = &{field.type_name}_enum"]
    if field.kind == "object":
        parts += [f".object = &{field.type_name}_object"]
    if field.has_default:
        parts += [".has_default = true", f".def = {default_number(api, field)}u"]
    if field.unit:
        parts += [f".unit = {quote(field.unit)}"]
    return "{" + ", ".join(parts) + "}"


def object_definition(api, name, struct, fields, label):
    out = []
    if fields:
        out += [f"static const struct rpc_field {name}_fields[] = {{"]
        out += ["\t" + descriptor(api, f, struct) + "," for f in fields]
        out += ["};"]
    out += [f"static const struct rpc_object {name}_object = {{{quote(label)}, sizeof(struct {struct}), "
            f"{name + '_fields' if fields else 'NULL'}, {len(fields)}}};", ""]
    return out


def source(api):
    out = ["// Made by schemas/generate.py from schemas/*.json: do not edit.",
           '#include "schemas/rpc_gen.h"', "", "#include <errno.h>", "#include <stddef.h>", ""]
    for name, enum in api.enums.items():
        out += [f"static const char *const {name}_names[] = {{{', '.join(map(quote, enum['values']))}}};",
                f"static const struct rpc_enum {name}_enum = {{{name}_names, {len(enum['values'])}}};", "",
                f"const char *rpc_{name}_name(enum rpc_{name} v)", "{",
                f"\treturn (unsigned)v < {len(enum['values'])} ? {name}_names[v] : \"?\";", "}", ""]
    arrays = all_arrays(api)
    for name, field in arrays.items():
        if name not in api.objects:
            out += [f"static const struct rpc_field {name}_item = {descriptor(api, field.items, None)};", ""]
    for name, obj in api.objects.items():
        out += object_definition(api, name, f"rpc_{name}", obj.fields, name)
        if name in arrays:
            out += [f"static const struct rpc_field {name}_item = {descriptor(api, arrays[name].items, None)};", ""]
    table = []
    for m in api.methods:
        n = m.c_name
        out += object_definition(api, n + "_params", f"rpc_{n}_params", m.params, m.name)
        out += object_definition(api, n + "_result", f"rpc_{n}_result", m.result, m.name)
        out += [f"static int call_{n}(struct rpc_call *call, const void *params, void *result)", "{",
                f"\treturn rpc_{n}(call, params, result);", "}", ""]
        table += [f"\t{{{quote(m.name)}, {'true' if m.access == 'write' else 'false'}, "
                  f"{'true' if m.bare_result else 'false'}, &{n}_params_object, &{n}_result_object, call_{n}}},"]
    out += ["const struct rpc_method rpc_methods[] = {"] + table + ["};",
            f"const unsigned rpc_n_methods = {len(api.methods)};", ""]
    out += ["const struct rpc_error_kind rpc_error_kinds[] = {"]
    for name, spec in api.errors.items():
        numbers = ", ".join(spec.get("errno", []) + ["0"])
        out += [f"\t{{{quote(name)}, {spec['code']}, {{{numbers}}}}},"]
    out += ["\t{NULL, 0, {0}},", "};", ""]
    text = json.dumps(openrpc.document(api), separators=(",", ":"))
    out += ["const char rpc_openrpc_text[] ="]
    out += ["\t" + quote(text[i:i + 80]) for i in range(0, len(text), 80)]
    return "\n".join(out) + ";\n"
