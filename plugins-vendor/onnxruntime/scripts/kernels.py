"""Writes src/kernels.ts: what onnxruntime's CPU provider implements, as data.

    python -m venv v && v/bin/pip install onnxruntime==1.30.0 onnx==1.23.2
    v/bin/python scripts/kernels.py

Three sources, all of them machine-readable:
  - the kernels registered in onnxruntime's binary (op, version range, element types per type variable);
  - the operator schemas of onnx, which is newer than onnxruntime's own copy, so that forms of later versions
    can be told apart, and for com.microsoft those of onnxruntime;
  - trial loads of one-node models, for ops that onnxruntime expands as ONNX functions.

What the file holds is described in src/support.ts.
"""
import itertools
import json
import pathlib
from collections import defaultdict

import onnx
import onnx.defs
import onnxruntime
import onnxruntime.capi.onnxruntime_pybind11_state as native
from onnx import TensorProto, helper

OPEN = 2147483647
# Operator sets a region may be written in: below ai.onnx 13 many ops still had other forms.
LOWEST = {'': 13, 'ai.onnx.ml': 1, 'com.microsoft': 1}
HIGHEST = {'': 26, 'ai.onnx.ml': 5, 'com.microsoft': 1}

# Versions from which an op means something else, or takes attribute values it did not take before, though
# nothing in its list of inputs and attributes shows it. Nodes are never rewritten across them.
MEANING = {
    'BatchNormalization': [14], 'DFT': [20], 'GridSample': [20], 'GroupNormalization': [21], 'Pad': [19], 'Resize': [19],
    'RoiAlign': [16], 'ScatterElements': [18], 'ScatterND': [18], 'Split': [18],
}

PLAIN = {'float': 'float32', 'double': 'float64'}
NUMBER = {'float32': TensorProto.FLOAT, 'float64': TensorProto.DOUBLE}
for name in ('bool', 'string', 'float16', 'bfloat16', 'float8e4m3fn', 'float8e4m3fnuz', 'float8e5m2', 'float8e5m2fnuz',
             'int4', 'uint4', 'int8', 'uint8', 'int16', 'uint16', 'int32', 'uint32', 'int64', 'uint64'):
    NUMBER[name] = getattr(TensorProto, name.upper())


def type_name(text: str) -> str:
    """'seq(tensor(float))' → 'seq(float32)'."""
    head, _, rest = text.partition('(')
    if head == 'tensor':
        return PLAIN.get(rest[:-1], rest[:-1])
    if head in ('seq', 'optional'):
        return f'{head}({type_name(rest[:-1])})'
    if head == 'map':
        key, _, value = rest[:-1].partition(',')
        return f'map({key},{type_name(value.strip())})'
    return text


def variable(formal) -> str:
    """The type variable of a formal argument, or its fixed type."""
    text = formal.type_str if hasattr(formal, 'type_str') else formal.typeStr
    return type_name(text) if '(' in text else text


def is_kind(formal, kind: str) -> bool:
    return str(formal.option).endswith(kind)


def variables(formals) -> str:
    """One word per formal argument: its variable or fixed type, '*' after one that repeats, '?' after one that may be left out."""
    return ' '.join(variable(f) + ('*' if is_kind(f, 'Variadic') else '?' if is_kind(f, 'Optional') else '') for f in formals)


def constraints(schema) -> dict[str, set[str]]:
    return {t.type_param_str: {type_name(x) for x in t.allowed_type_strs} for t in schema.type_constraints}


def default_of(attribute):
    value = attribute.default_value
    if value is None or not getattr(value, 'type', 0):
        return None
    value = helper.get_attribute_value(value)
    return value.decode() if isinstance(value, bytes) else value


def is_function(schema) -> bool:
    return getattr(schema, 'has_function', False) or getattr(schema, 'has_context_dependent_function', False)


def merge(rects):
    """Joins rectangles {variable: types} that differ in one variable."""
    while True:
        for a, b in itertools.combinations(rects, 2):
            if a.keys() == b.keys() and sum(a[v] != b[v] for v in a) <= 1:
                rects = [r for r in rects if r is not a and r is not b] + [{v: a[v] | b[v] for v in a}]
                break
        else:
            return rects


def kernels_at(registered, version, schema):
    """Rectangles of element types for which onnxruntime has a kernel of a schema version."""
    allowed = constraints(schema)
    formal = {f.name: variable(f) for f in [*schema.inputs, *schema.outputs]}
    found = []
    for (first, last), types in registered:
        # A kernel without an end serves only its first version: a later one may mean something else.
        if not (first == version or (first < version <= last and last != OPEN)):
            continue
        rect = {}
        for key, texts in types.items():
            var = key if key in allowed else formal.get(key, key)
            if var not in allowed:
                continue  # a fixed type: nothing to choose
            names = {type_name(t) for t in texts}
            # float16 without a kernel of its own is computed by the float32 kernel, between two casts.
            # Not so where the op is a function: that is expanded instead, see `expanded`.
            if 'float32' in names and not is_function(schema):
                names.add('float16')
            rect[var] = frozenset(names & allowed[var])
        if all(rect.values()) and rect not in found:
            found.append(rect)
    return merge(found)


def complete(rect, schema):
    """With what the schema allows for variables a kernel says nothing of."""
    used = {variable(f) for f in [*schema.inputs, *schema.outputs]}
    return {v: rect.get(v, frozenset(types)) for v, types in constraints(schema).items() if v in used}


SHAPES = {
    'AffineGrid': [[1, 2, 3], [4]], 'Attention': [[1, 2, 4, 8]] * 3, 'BlackmanWindow': [[]], 'CenterCropPad': [[2, 4], [2]], 'Clip': [[2, 4]],
    'GroupNormalization': [[3, 4, 2, 2], [4], [4]], 'HammingWindow': [[]], 'HannWindow': [[]], 'LayerNormalization': [[2, 4], [4]],
    'MeanVarianceNormalization': [[1, 2, 3, 4]], 'NegativeLogLikelihoodLoss': [[3, 5], [3]], 'RMSNormalization': [[2, 4], [4]],
    'Range': [[], [], []], 'RotaryEmbedding': [[2, 3, 4, 8], [2, 4, 4], [2, 4, 4]], 'SoftmaxCrossEntropyLoss': [[3, 5], [3]],
}
ATTRIBUTES = {'GroupNormalization': {'num_groups': 2}}


def loads(op, version, schema, binding) -> bool:
    """Whether onnxruntime takes a model of one such node with its required inputs."""
    inputs = []
    for i, f in enumerate(f for f in schema.inputs if is_kind(f, 'Single')):
        dtype = binding.get(variable(f), variable(f))
        inputs.append(helper.make_tensor_value_info(f'x{i}', NUMBER[dtype], SHAPES[op][i] if op in SHAPES else [2, 4]))
    node = helper.make_node(op, [x.name for x in inputs], ['y'], **ATTRIBUTES.get(op, {}))
    graph = helper.make_graph([node], 'g', inputs, [onnx.ValueInfoProto(name='y')])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', max(version, LOWEST['']))], ir_version=10)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        onnxruntime.InferenceSession(model.SerializeToString(), options, providers=['CPUExecutionProvider'])
        return True
    except Exception:  # noqa: BLE001  a refusal, of whatever kind
        return False


def expanded(op, version, schema):
    """Rectangles of types for which an op that is a function is taken."""
    if op == 'SequenceMap':
        return [{}]
    allowed = constraints(schema)
    used = sorted({variable(f) for f in schema.inputs if is_kind(f, 'Single')} & allowed.keys())
    choices = [[t for t in sorted(allowed[v]) if t in NUMBER] for v in used]
    return merge([
        {v: frozenset([t]) for v, t in zip(used, types)}
        for types in itertools.product(*choices) if loads(op, version, schema, dict(zip(used, types)))
    ])


def covered(rects, extra) -> bool:
    return any(all(v not in r or extra[v] <= r[v] for v in extra) for r in rects)


def rows_of(domain, op, history, registered):
    """[[since, inputs, outputs, rectangles], …]: the newest version of the lowest operator set written, and all after it."""
    versions = sorted(history)
    first = max((v for v in versions if v <= LOWEST[domain]), default=versions[0])
    rows = []
    for version in (v for v in versions if v >= first):
        schema = history[version]
        rects = []
        if version <= HIGHEST[domain] and not schema.deprecated:
            rects = kernels_at(registered, version, schema)
            if is_function(schema):
                rects += [r for r in expanded(op, version, schema) if not covered(rects, r)]
        rows.append([version, variables(schema.inputs), variables(schema.outputs), merge([complete(r, schema) for r in rects])])
    return rows


def other_form(before, after) -> bool:
    """Whether a node in one version's form may mean something else, or nothing, in the other's."""
    a, b = before.attributes, after.attributes
    names = [(x.name, y.name) for x, y in zip(before.inputs, after.inputs)]
    return any(x != y for x, y in names) or any(default_of(a[n]) != default_of(b[n]) for n in a.keys() & b.keys())


def changes(op, history, rows):
    """From the first row on: attributes that came {name: [since, default]} and went {name: since}, and versions across
    which no node is rewritten. And the oldest version whose form is the first row's."""
    added, removed, cuts = {}, {}, set(MEANING.get(op, []))
    for before, after in itertools.pairwise(row[0] for row in rows):
        a, b = history[before], history[after]
        added.update({n: [after, default_of(b.attributes[n])] for n in sorted(b.attributes.keys() - a.attributes.keys())})
        removed.update({n: after for n in sorted(a.attributes.keys() - b.attributes.keys())})
        if other_form(a, b):
            cuts.add(after)
    oldest = rows[0][0]
    for version in sorted((v for v in history if v < oldest), reverse=True):
        a, b = history[version], history[oldest]
        if other_form(a, b) or a.attributes.keys() - b.attributes.keys() or oldest in cuts:
            break
        oldest = version
    return added, removed, sorted(cuts), oldest


def main():
    official, own, registered = defaultdict(dict), defaultdict(dict), defaultdict(list)
    for s in onnx.defs.get_all_schemas_with_history():
        official[s.domain, s.name][s.since_version] = s
    for s in native.get_all_operator_schema():
        own[s.domain, s.name][s.since_version] = s
    for k in native.get_all_opkernel_def():
        if k.provider == 'CPUExecutionProvider':
            registered[k.domain, k.op_name].append((tuple(k.version_range), dict(k.type_constraints)))

    sets, ops = {}, defaultdict(dict)

    def encode(rects) -> str:
        """'T=3,U=1 T=4': sets by their number."""
        words = []
        for r in rects:
            pairs = ((v, sets.setdefault(' '.join(sorted(t)), len(sets))) for v, t in sorted(r.items()))
            words.append(','.join(f'{v}={n}' for v, n in pairs) or '*')
        return ' '.join(words)

    for domain, op in sorted({*official, *own}):
        if domain not in HIGHEST:
            continue
        history = official.get((domain, op)) or own[domain, op]
        rows = rows_of(domain, op, history, registered[domain, op])
        if not any(rects for *_, rects in rows):
            continue
        rows = [[v, i, o, encode(rects)] for v, i, o, rects in rows]
        entry = {'rows': rows}
        if (domain, op) in official:
            added, removed, cuts, oldest = changes(op if domain == '' else '', history, rows)
            given = {'oldest': oldest if oldest != rows[0][0] else None, 'added': added, 'removed': removed, 'cuts': cuts}
            entry.update({k: v for k, v in given.items() if v})
        ops[domain][op] = entry

    compact = {'ensure_ascii': False, 'separators': (',', ':')}
    lines = [
        f'/** Generated by scripts/kernels.py from onnxruntime {onnxruntime.__version__} and onnx {onnx.__version__}: do not edit. What it means: support.ts. */',
        "import type { OpEntry } from './support.ts';", '',
        f"export const onnxruntimeVersion = '{onnxruntime.__version__}';",
        f'export const lowestVersion: Readonly<Record<string, number>> = {json.dumps(LOWEST)};',
        f'export const highestVersion: Readonly<Record<string, number>> = {json.dumps(HIGHEST)};',
        'export const typeSets: readonly string[] = [', *(f'  {json.dumps(s)},' for s in sets), '];',
        'export const ops: Readonly<Record<string, Readonly<Record<string, OpEntry>>>> = {',
    ]
    for domain, table in ops.items():
        lines += [f'  {json.dumps(domain)}: {{', *(f'    {op}: {json.dumps(entry, **compact)},' for op, entry in table.items()), '  },']
    lines.append('};')
    (pathlib.Path(__file__).parent.parent / 'src' / 'kernels.ts').write_text('\n'.join(lines) + '\n')


main()
