#!/usr/bin/env python3
"""Writes test/onnx/schemas.json: what the `onnx` package says every op is.

The op records (src/ops) are held against this file by test/onnx/schemas.test.ts. It is data, made
again only when a new ONNX release is taken up:

    pip install onnx && python3 scripts/dump-onnx-schemas.py

One line an op, newest version: inputs and outputs as [name, option, type parameter, index into
`typeSets`, least number, homogeneous], attributes as name -> [type, required, default]. `versions`
are all the op has had; `formSince` is the oldest whose nodes, types and meaning aside, are all nodes
of the newest form: later ones only added what may be left out.
"""

import json
import pathlib

import onnx
from onnx import defs

OUT = pathlib.Path(__file__).resolve().parent.parent / "test" / "onnx" / "schemas.json"


def plain(proto):
    """An attribute's default as plain data; None where it has none."""
    if proto.type == onnx.AttributeProto.UNDEFINED:
        return None
    value = onnx.helper.get_attribute_value(proto)
    if isinstance(value, onnx.TensorProto):
        return onnx.numpy_helper.to_array(value).tolist()
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, (int, float)):
        return value
    return [v.decode() if isinstance(v, bytes) else v for v in value]


def attributes(schema):
    return {
        name: [a.type.name.lower().removesuffix("_proto"), a.required, plain(a.default_value)]
        for name, a in sorted(schema.attributes.items())
    }


def ports_fit(old, new):
    """Whether arguments that fit the old list of inputs (outputs) fit the new one, by position."""
    if len(old) > len(new):
        return False
    for was, now in zip(old, new):
        if (was.option.name == "Variadic") != (now.option.name == "Variadic"):
            return False
        if was.option.name == "Optional" and now.option.name == "Single":
            return False
        if was.option.name == "Variadic" and now.min_arity > was.min_arity:
            return False
    return all(p.option.name == "Optional" or p.min_arity == 0 for p in new[len(old) :])


def fits(old, new):
    """Whether every node of the old form is a node of the new one, with the same defaults."""
    was, now = attributes(old), attributes(new)
    return (
        ports_fit(old.inputs, new.inputs)
        and ports_fit(old.outputs, new.outputs)
        and all(name in now and was[name][0] == now[name][0] for name in was)
        and all(was[name][1] or was[name][2] == now[name][2] for name in was)
        and all(not now[name][1] or was.get(name, [None, False])[1] for name in now)
    )


def main():
    history = {}
    for schema in defs.get_all_schemas_with_history():
        history.setdefault((schema.domain, schema.name), []).append(schema)
    sets, lines = [], []

    def set_index(types):
        types = sorted(types)
        if types not in sets:
            sets.append(types)
        return sets.index(types)

    def ports(side):
        return [
            [p.name, p.option.name.lower(), p.type_str, set_index(p.types), p.min_arity, p.is_homogeneous] for p in side
        ]

    for (domain, name), versions in sorted(history.items()):
        versions.sort(key=lambda s: s.since_version)
        newest = versions[-1]
        since = newest.since_version
        for older in reversed(versions):
            if not fits(older, newest):
                break
            since = older.since_version
        lines.append(
            json.dumps(
                {
                    "domain": domain,
                    "name": name,
                    "versions": [s.since_version for s in versions],
                    "formSince": since,
                    "deprecated": newest.deprecated,
                    "inputs": ports(newest.inputs),
                    "outputs": ports(newest.outputs),
                    "attributes": attributes(newest),
                },
                separators=(",", ":"),
            )
        )
    head = f'{{"onnx":{json.dumps(onnx.__version__)},"typeSets":[\n'
    body = ",\n".join(json.dumps(s, separators=(",", ":")) for s in sets)
    OUT.write_text(head + body + '\n],"ops":[\n' + ",\n".join(lines) + "\n]}\n")
    print(f"{OUT}: {len(lines)} ops, {OUT.stat().st_size} bytes")


main()
