#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Turns schemas/*.json into everything that is derived from them.

  generate.py --out DIR    write rpc_gen.h, rpc_gen.c, cli_gen.c and openrpc.json to DIR
  generate.py --docs       rewrite docs/rpc.md
  generate.py --check      fail if docs/rpc.md is stale
"""

import argparse
import json
import pathlib
import sys

sys.dont_write_bytecode = True  # the source tree stays as it is

from gen import c, cli, docs, openrpc  # noqa: E402
from gen.schema import Api, SchemaError  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--schemas", type=pathlib.Path, default=HERE, help="directory of the schemas")
    parser.add_argument("--out", type=pathlib.Path, help="directory for the generated sources")
    parser.add_argument("--docs", action="store_true", help="rewrite docs/rpc.md")
    parser.add_argument("--check", action="store_true", help="fail if docs/rpc.md is stale")
    args = parser.parse_args()
    try:
        api = Api(args.schemas)
    except SchemaError as e:
        sys.exit(f"schemas: {e}")
    reference = HERE.parent / "docs" / "rpc.md"
    if args.out:
        for name, text in (("rpc_gen.h", c.header(api)), ("rpc_gen.c", c.source(api)),
                           ("cli_gen.c", cli.source(api)),
                           ("openrpc.json", json.dumps(openrpc.document(api), indent=1) + "\n")):
            (args.out / name).write_text(text, encoding="utf-8")
    if args.docs:
        reference.parent.mkdir(exist_ok=True)
        reference.write_text(docs.text(api), encoding="utf-8")
    if args.check and (not reference.exists() or reference.read_text(encoding="utf-8") != docs.text(api)):
        sys.exit("docs/rpc.md is stale: run schemas/generate.py --docs")


main()
