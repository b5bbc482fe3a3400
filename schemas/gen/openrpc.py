# SPDX-License-Identifier: BSD-3-Clause
"""The OpenRPC document that rpc.discover answers with."""


def limits(field, schema):
    for key, value in (("minimum", field.min), ("maximum", field.max)):
        if value is not None and field.kind == "integer":
            schema[key] = value
    if field.kind != "integer" and field.kind != "array":
        if field.min_length:
            schema["minLength"] = field.min_length
        if field.max_length is not None:
            schema["maxLength"] = field.max_length
        if field.pattern:
            schema["pattern"] = field.pattern
    if field.has_default:
        schema["default"] = field.default
    if field.unit:
        schema["x-unit"] = field.unit
    return schema


def schema_of(field):
    kind = field.kind
    if kind in ("enum", "object"):
        ref = {"$ref": f"#/components/schemas/{field.type_name}"}
        # Siblings of $ref are ignored in draft 7: a default needs a wrapper.
        return {"allOf": [ref], "default": field.default} if field.has_default else ref
    if kind == "array":
        schema = {"type": "array", "items": schema_of(field.items)}
        if field.max is not None:
            schema["maxItems"] = field.max
        return schema
    if kind == "document":
        return {"type": "object"}
    return limits(field, {"type": {"bool": "boolean", "integer": "integer"}.get(kind, "string")})


def object_schema(fields, text=None):
    schema = {"type": "object"}
    if text:
        schema["description"] = text
    schema["properties"] = {}
    for f in fields:
        inner = schema_of(f)
        schema["properties"][f.name] = ({"allOf": [inner], "description": f.text} if "$ref" in inner
                                        else {**inner, "description": f.text})
    required = [f.name for f in fields if f.required]
    if required:
        schema["required"] = required
    return schema


def method(api, m):
    result = schema_of(m.result[0]) if m.bare_result else object_schema(m.result)
    out = {"name": m.name, "tags": [{"name": m.noun}], "summary": m.summary}
    if m.text:
        out["description"] = m.text
    out["paramStructure"] = "by-name"
    out["params"] = [{"name": p.name, "description": p.text, "required": p.required, "schema": schema_of(p)}
                     for p in m.params]
    out["result"] = {"name": m.c_name + "_result", "schema": result}
    out["errors"] = [{"code": api.errors[e]["code"], "message": e, "data": api.errors[e]["text"]}
                     for e in ["invalid_params"] + m.errors]
    out["examples"] = [{"name": m.c_name + "_example",
                        "params": [{"name": k, "value": v} for k, v in m.example["params"].items()],
                        "result": {"name": "result", "value": m.example["result"]}}]
    out["x-access"] = m.access
    return out


def document(api):
    schemas = {name: {"type": "string", "enum": list(e["values"]),
                      "description": e["text"] + "".join(f" {v}: {t}" for v, t in e["values"].items())}
               for name, e in api.enums.items()}
    schemas.update({name: object_schema(o.fields, o.text) for name, o in api.objects.items()})
    return {"openrpc": api.info["openrpc"],
            "info": {"title": api.info["title"], "version": api.info["api_version"],
                     "description": f"{api.info['text']} {api.info['compatibility']}",
                     "license": {"name": "BSD-3-Clause"}},
            "methods": [method(api, m) for m in api.methods],
            "components": {"schemas": schemas}}
