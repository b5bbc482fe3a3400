# SPDX-License-Identifier: BSD-3-Clause
"""Reads schemas/*.json, refuses what is unknown, undocumented or inconsistent, and
gives the emitters one normalised model: Api -> Noun -> Method -> Field."""

import errno
import json
import pathlib
import re

C_KEYWORDS = set("auto break case char const continue default do double else enum extern float for goto if "
                 "inline int long register restrict return short signed sizeof static struct switch typedef "
                 "union unsigned void volatile while bool true false".split())
NAME = re.compile(r"^[a-z][a-z0-9_]*$")
KINDS = ("bool", "integer", "string", "mac", "vlan_list", "container", "document")
TYPE_KEYS = {"kind", "text", "min", "max", "minLength", "maxLength", "pattern", "hint", "unit", "c"}
FIELD_KEYS = {"type", "items", "text", "min", "max", "minLength", "maxLength", "unit"}
PARAM_KEYS = FIELD_KEYS | {"required", "default"}
RESULT_KEYS = FIELD_KEYS | {"optional"}
METHOD_KEYS = {"summary", "text", "access", "cli", "params", "result", "bare_result", "errors", "example"}
MAX_STRING = 1023
MAX_INTEGER = 2**63 - 1


class SchemaError(Exception):
    pass


def require(condition, where, sentence):
    if not condition:
        raise SchemaError(f"{where}: {sentence}")


def check_keys(where, given, allowed, needed=()):
    require(isinstance(given, dict), where, "must be an object")
    for key in given:
        require(key in allowed, where, f"unknown key '{key}'; known: {', '.join(sorted(allowed))}")
    for key in needed:
        require(key in given, where, f"'{key}' is missing")


def check_text(where, text):
    require(isinstance(text, str) and text.strip(), where, "has no description")
    require(text[-1] in ".!?" and text == text.strip(), where, "the description must be a sentence ending in '.'")
    require(text.isascii(), where, "the description must be plain ASCII")


def check_name(where, name):
    require(NAME.match(name), where, "names are lower-case letters, digits and '_'")
    require(name not in C_KEYWORDS, where, "the name is a word of C")


class Field:
    """A parameter, a result member or an array's element, with its type resolved."""

    def __init__(self, api, where, name, spec, is_param):
        self.name, self.where, self.is_param = name, where, is_param
        check_keys(where, spec, PARAM_KEYS if is_param else RESULT_KEYS, ("type",))
        self.text = spec.get("text", "")
        self.required = bool(spec.get("required")) if is_param else not spec.get("optional")
        self.type_name = spec["type"]
        self.items = None
        merged = dict(spec)
        if self.type_name == "array":
            self.kind = "array"
            require("items" in spec, where, "an array needs 'items'")
            self.items = Field(api, where + "[]", "", {"type": spec["items"]}, is_param)
            require(self.items.kind not in ("array", "document", "bool"), where, "no arrays of this type")
            require(not is_param or "max" in spec, where, "an array parameter needs 'max', the most elements")
        elif self.type_name in api.types:
            named = api.types[self.type_name]
            self.kind = named["kind"]
            merged = {**named, **spec}
        elif self.type_name in api.enums:
            self.kind = "enum"
        elif self.type_name in api.objects or self.type_name in api.object_specs or \
                self.type_name in api.objects_open:
            self.kind = "object"
            api.find_object(self.type_name)
        else:
            require(self.type_name in ("bool", "integer", "string"), where, f"unknown type '{self.type_name}'")
            self.kind = self.type_name
        self.unit = merged.get("unit")
        self.min = merged.get("min")
        self.max = merged.get("max")
        self.min_length = merged.get("minLength", 0)
        self.max_length = merged.get("maxLength")
        self.pattern = merged.get("pattern")
        self.hint = merged.get("hint")
        self.c = merged.get("c")
        self.has_default = "default" in spec
        self.default = spec.get("default")
        self.check(api)

    def check(self, api):
        w = self.where
        if self.kind == "integer":
            require(isinstance(self.min, int) and isinstance(self.max, int), w, "an integer needs 'min' and 'max'")
            require(0 <= self.min <= self.max <= MAX_INTEGER, w, "range must lie within 0..2^63-1")
        elif self.kind != "array":
            require(self.min is None and self.max is None, w, "'min' and 'max' are for integers and arrays")
        if self.kind == "string":
            require(isinstance(self.max_length, int), w, "a string needs 'maxLength'")
            require(self.min_length <= self.max_length <= MAX_STRING, w, f"maxLength must be at most {MAX_STRING}")
            require(not self.pattern or self.hint, w, "a pattern needs a 'hint': what to say when it does not match")
        require(not (self.is_param and self.kind == "document"), w, "a document is no parameter")
        require(not (self.required and self.has_default), w, "a required parameter has no default")
        if self.has_default:
            require(self.kind in ("bool", "integer", "enum"), w, "defaults are for bool, integer and enum")
            api.check_value(self, self.default, w + ": default")


class Method:
    def __init__(self, api, noun, verb, spec):
        self.noun, self.verb = noun, verb
        self.name = f"{noun}.{verb}"
        self.c_name = f"{noun}_{verb}"
        where = self.name
        require(NAME.match(verb), where, "verbs are lower-case letters, digits and '_'")
        check_keys(where, spec, METHOD_KEYS, ("summary", "access", "params", "result", "errors", "example"))
        check_text(where, spec["summary"])
        self.summary, self.text = spec["summary"], spec.get("text", "")
        if self.text:
            check_text(where, self.text)
        require(spec["access"] in ("read", "write"), where, "'access' must be read or write")
        self.access = spec["access"]
        self.params = api.read_fields(where, spec["params"], True)
        self.params.sort(key=lambda f: not f.required)
        self.result = api.read_fields(where + " result", spec["result"], False)
        self.bare_result = spec.get("bare_result")
        require(self.bare_result is None or [f.name for f in self.result] == [self.bare_result], where,
                "'bare_result' must name the only result member")
        self.errors = spec["errors"]
        for name in self.errors:
            require(name in api.errors, where, f"unknown error '{name}'")
        self.read_cli(api, spec.get("cli", {}))
        self.example = spec["example"]
        check_keys(where + " example", self.example, {"params", "result"}, ("params", "result"))
        api.check_members(self.params, self.example["params"], where + " example params")
        if not self.bare_result:
            api.check_members(self.result, self.example["result"], where + " example result")

    def read_cli(self, api, cli):
        where = self.name + " cli"
        check_keys(where, cli, {"positional", "table"})
        names = {f.name: f for f in self.params}
        self.positional = cli.get("positional", [])
        for name in self.positional:
            require(name in names, where, f"positional '{name}' is not a parameter")
        require(len(self.positional) <= 1, where, "at most one positional word")
        self.table = cli.get("table")
        if self.table is None:
            return
        check_keys(where, self.table, {"rows", "columns", "total"}, ("rows", "columns"))
        rows = [f for f in self.result if f.name == self.table["rows"]]
        require(rows and rows[0].kind == "array" and rows[0].items.kind == "object", where,
                "'rows' must name an array of objects in the result")
        total = self.table.get("total")
        require(total is None or any(f.name == total and f.type_name == rows[0].items.type_name
                                     for f in self.result), where, "'total' must be a member like the rows")
        for column in self.table["columns"]:
            fields = api.objects[rows[0].items.type_name].fields
            for part in column.split("."):
                found = [f for f in fields if f.name == part]
                require(found, where, f"no member '{column}' in a row")
                fields = api.objects[found[0].type_name].fields if found[0].kind == "object" else []


class Object:
    def __init__(self, api, name, spec):
        check_keys(f"object {name}", spec, {"text", "fields"}, ("text", "fields"))
        check_text(f"object {name}", spec["text"])
        self.name, self.text = name, spec["text"]
        self.fields = api.read_fields(f"object {name}", spec["fields"], False)
        require(self.fields, f"object {name}", "has no fields")


class Api:
    def __init__(self, directory):
        docs = {p.name: load(p) for p in sorted(pathlib.Path(directory).glob("*.json"))}
        types = docs.pop("types.json")
        check_keys("types.json", types, {"openrpc", "api_version", "title", "text", "compatibility", "socket",
                                         "group", "types", "enums", "errors"},
                   ("openrpc", "api_version", "title", "text", "compatibility", "socket", "group", "types", "enums",
                    "errors"))
        self.info = types
        self.types, self.enums, self.errors = types["types"], types["enums"], types["errors"]
        self.check_types()
        self.objects, self.nouns, self.methods = {}, {}, []
        self.object_specs, self.objects_open = {}, set()
        for file, doc in docs.items():
            check_keys(file, doc, {"noun", "text", "objects", "methods"}, ("noun", "text", "methods"))
            check_name(file, doc["noun"])
            require(file == doc["noun"] + ".json", file, "a file is named after its noun")
            check_text(file, doc["text"])
            self.nouns[doc["noun"]] = doc["text"]
            for name, spec in doc.get("objects", {}).items():
                check_name(f"object {name}", name)
                require(name not in self.object_specs and name not in self.types and name not in self.enums,
                        f"object {name}", "the name is taken")
                self.object_specs[name] = spec
        for name in list(self.object_specs):
            self.find_object(name)
        for doc in docs.values():
            for verb, spec in doc["methods"].items():
                self.methods.append(Method(self, doc["noun"], verb, spec))
        self.methods.sort(key=lambda m: m.name)
        used = {f.items.type_name if f.items else f.type_name
                for fields in [o.fields for o in self.objects.values()] + [m.result for m in self.methods] +
                [m.params for m in self.methods] for f in fields}
        for name in [*self.objects, *self.enums, *self.types]:
            require(name in used, name, "is defined but not used")

    def find_object(self, name):
        """An object's members first, so that self.objects is in the order of C declarations."""
        if name not in self.objects:
            require(name in self.object_specs, f"object {name}", "contains itself")
            spec = self.object_specs.pop(name)
            self.objects_open.add(name)
            self.objects[name] = Object(self, name, spec)
        return self.objects[name]

    def check_types(self):
        for name, spec in self.types.items():
            check_name(f"type {name}", name)
            check_keys(f"type {name}", spec, TYPE_KEYS, ("kind", "text"))
            check_text(f"type {name}", spec["text"])
            require(spec["kind"] in KINDS, f"type {name}", f"unknown kind '{spec['kind']}'")
        for name, spec in self.enums.items():
            check_name(f"enum {name}", name)
            check_keys(f"enum {name}", spec, {"text", "values"}, ("text", "values"))
            check_text(f"enum {name}", spec["text"])
            for value, text in spec["values"].items():
                require(NAME.match(value), f"enum {name}", f"bad value '{value}'")
                check_text(f"enum {name} value {value}", text)
        codes, errnos = set(), set()
        for name, spec in self.errors.items():
            check_keys(f"error {name}", spec, {"code", "errno", "text"}, ("code", "text"))
            check_text(f"error {name}", spec["text"])
            require(spec["code"] not in codes, f"error {name}", "the code is taken")
            codes.add(spec["code"])
            for e in spec.get("errno", []):
                require(hasattr(errno, e) and e not in errnos, f"error {name}", f"errno {e} unknown or taken")
                errnos.add(e)

    def read_fields(self, where, specs, is_param):
        require(isinstance(specs, dict), where, "must be an object of members")
        fields = []
        for name, spec in specs.items():
            w = f"{where}: '{name}'"
            check_name(w, name)
            field = Field(self, w, name, spec, is_param)
            check_text(w, field.text)
            fields.append(field)
        return fields

    def check_members(self, fields, value, where):
        check_keys(where, value, {f.name for f in fields}, [f.name for f in fields if f.required])
        for field in fields:
            if field.name in value:
                self.check_value(field, value[field.name], f"{where}: '{field.name}'")

    def check_value(self, field, value, where):
        kind = field.kind
        if kind == "bool":
            require(isinstance(value, bool), where, "must be true or false")
        elif kind == "integer":
            require(type(value) is int and field.min <= value <= field.max, where, "is no number in the range")
        elif kind == "enum":
            require(value in self.enums[field.type_name]["values"], where, "is not among the values")
        elif kind == "array":
            require(isinstance(value, list), where, "must be an array")
            for element in value:
                self.check_value(field.items, element, where + "[]")
        elif kind == "object":
            self.check_members(self.objects[field.type_name].fields, value, where)
        else:
            require(isinstance(value, str), where, "must be a string")
            longest = MAX_STRING if field.max_length is None else field.max_length
            require(field.min_length <= len(value) <= longest, where, "has a wrong length")
            require(not field.pattern or re.search(field.pattern, value), where, "does not match the pattern")


def load(path):
    def no_duplicates(pairs):
        keys = [k for k, _ in pairs]
        for key in keys:
            require(keys.count(key) == 1, path.name, f"key '{key}' twice in one object")
        return dict(pairs)

    try:
        return json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=no_duplicates)
    except ValueError as e:
        raise SchemaError(f"{path.name}: {e}") from e
