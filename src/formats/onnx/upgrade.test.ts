/**
 * Each old form, run by onnxruntime as it stands and after reading, upgrading and writing: the outputs
 * must be the same. Where onnxruntime does not have the old form, or departs from its text, the values
 * expected are written out.
 */
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import type { Node } from '../../core/graph.ts';
import { Tensor } from '../../core/tensor.ts';
import { lowestOpset } from './lowest-opset.ts';
import { opForms } from './op-forms.ts';
import { readModel } from './read.ts';
import {
  failure,
  float,
  floats,
  floatTensor,
  graphAttr,
  int,
  ints,
  model,
  modelBytes,
  node,
  string,
  strings,
  value,
  type AttributeInit,
  type GraphPart,
  type NodeInit,
} from './testing.ts';
import { upgradeSteps } from './upgrade.ts';
import { opVersions } from './upgrade/op-versions.ts';
import { writeModel } from './write.ts';

interface Case {
  readonly opset: number;
  readonly nodes: NodeInit[];
  /** Inputs by name. */
  readonly feeds: Readonly<Record<string, Tensor>>;
  readonly initializer?: GraphPart['initializer'];
  /** Outputs, default `y`. */
  readonly outputs?: readonly string[];
  /** Leave the input's shape out of the file, so that its rank is not known. */
  readonly rankless?: boolean;
  readonly ml?: number;
  /** Ops after upgrading. */
  readonly ops: readonly string[];
  /** Where onnxruntime cannot be asked. */
  readonly expected?: readonly number[];
}

const range = (...dims: number[]): Tensor =>
  Tensor.from(
    'float32',
    dims,
    Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, i) => ((i * 7919) % 31) / 5 - 3),
  );
const f32 = (dims: number[], values: number[]): Tensor => Tensor.from('float32', dims, values);
const i64 = (dims: number[], values: number[]): Tensor => Tensor.from('int64', dims, values);
const onnxType: Record<string, number> = { float32: 1, int64: 7, string: 8, bool: 9 };
const initial = (name: string, t: Tensor): NonNullable<GraphPart['initializer']>[number] =>
  t.dtype === 'int64'
    ? { name, dataType: 7, dims: t.dims.map(BigInt), int64Data: Array.from(t.data as BigInt64Array) }
    : floatTensor(name, t.dims, [...t.toNumbers()]);

const bytesOf = (c: Case): Uint8Array =>
  modelBytes({
    opset: c.opset,
    opsets: c.ml ? { 'ai.onnx.ml': c.ml } : {},
    graph: {
      input: Object.entries(c.feeds).map(([name, t]) => value(name, c.rankless ? undefined : t.dims, onnxType[t.dtype]!)),
      initializer: c.initializer ?? [],
      node: c.nodes,
      output: (c.outputs ?? ['y']).map((name) => ({ name })),
    },
  });

const run = async (bytes: Uint8Array, feeds: Case['feeds']): Promise<Record<string, { dims: readonly number[]; data: unknown[] }>> => {
  const session = await InferenceSession.create(bytes, { logSeverityLevel: 4 });
  const found = await session.run(
    Object.fromEntries(
      Object.entries(feeds).map(([name, t]) => [name, new OrtTensor(t.dtype as 'float32', t.data as Float32Array, t.dims)]),
    ),
  );
  return Object.fromEntries(Object.entries(found).map(([name, t]) => [name, { dims: t.dims, data: [...(t.data as Float32Array)] }]));
};

const one = (
  op: string,
  opset: number,
  attrs: AttributeInit[],
  feeds: Case['feeds'],
  ops: readonly string[],
  more: Partial<Case> = {},
): Case => ({
  opset,
  feeds,
  ops,
  nodes: [
    node(
      op,
      [...Object.keys(feeds), ...(more.initializer ?? []).map((t) => t.name ?? '')],
      more.outputs ?? ['y'],
      attrs,
      more.ml ? { domain: 'ai.onnx.ml' } : {},
    ),
  ],
  ...more,
});

const x234 = { x: range(2, 3, 4) };
const image = { x: range(1, 2, 4, 6) };
const folded = ['Flatten', 'Softmax', 'Shape', 'Reshape'];

const cases: Record<string, Case> = {
  'Softmax over the last axis': one('Softmax', 9, [int('axis', 2)], x234, ['Softmax']),
  'Softmax over axes of which one is not 1': one('Softmax', 9, [], { x: range(2, 5, 1, 1) }, ['Softmax']),
  'Softmax over several axes': one('Softmax', 9, [], x234, folded),
  'Softmax of unknown rank': one('Softmax', 9, [], x234, folded, { rankless: true }),
  'Softmax of a rank that can be worked out': {
    opset: 9,
    feeds: image,
    ops: ['GlobalAveragePool', 'Softmax'],
    nodes: [node('GlobalAveragePool', ['x'], ['t']), node('Softmax', ['t'], ['y'])],
  },
  'LogSoftmax at a negative axis': one('LogSoftmax', 11, [int('axis', -2)], x234, ['Flatten', 'LogSoftmax', 'Shape', 'Reshape']),
  'Hardmax over several axes': one('Hardmax', 9, [int('axis', 0)], x234, ['Flatten', 'Hardmax', 'Shape', 'Reshape']),
  "LayerNormalization of onnxruntime's optimizer, before ONNX had it": one(
    'LayerNormalization',
    14,
    [float('epsilon', 1e-5)],
    { ...x234, s: f32([4], [1, 2, 3, 4]), b: f32([4], [0, 1, 0, -1]) },
    ['LayerNormalization'],
  ),
  "SimplifiedLayerNormalization in ONNX's domain": one(
    'SimplifiedLayerNormalization',
    20,
    [float('epsilon', 1e-5), int('axis', -1), int('stash_type', 1)],
    { ...x234, s: f32([4], [1, 2, 3, 4]) },
    ['SimplifiedLayerNormalization'],
  ),
  'Slice with axes': one('Slice', 9, [ints('starts', [1, -3]), ints('ends', [3, 2147483647]), ints('axes', [1, 2])], x234, ['Slice']),
  'Slice without axes': one('Slice', 9, [ints('starts', [0, 1]), ints('ends', [1, 3])], x234, ['Slice']),
  'Squeeze with axes': one('Squeeze', 11, [ints('axes', [-1])], { x: range(2, 3, 1) }, ['Squeeze']),
  'Squeeze without axes': one('Squeeze', 7, [], { x: range(2, 1, 3, 1) }, ['Squeeze']),
  Unsqueeze: one('Unsqueeze', 11, [ints('axes', [0, -1])], x234, ['Unsqueeze']),
  'ReduceMean with axes': one('ReduceMean', 13, [ints('axes', [0, 2]), int('keepdims', 0)], x234, ['ReduceMean']),
  'ReduceMax without axes': one('ReduceMax', 12, [], x234, ['ReduceMax']),
  'ReduceSum with axes': one('ReduceSum', 11, [ints('axes', [1])], x234, ['ReduceSum']),
  'Split into given sizes': one('Split', 11, [int('axis', 2), ints('split', [1, 3])], x234, ['Split'], { outputs: ['y', 'z'] }),
  'Split into equal parts': one('Split', 13, [int('axis', -1)], x234, ['Split'], { outputs: ['y', 'z'] }),
  'TopK with k as an attribute': one('TopK', 9, [int('k', 2)], x234, ['TopK'], { outputs: ['y', 'z'] }),
  'Pad with a value': one('Pad', 10, [ints('pads', [0, 1, 0, 0, 0, 2]), float('value', 1.5)], x234, ['Pad']),
  'Pad with a value, type not known': {
    opset: 10,
    feeds: x234,
    ops: ['Foo', 'Cast', 'CastLike', 'Pad'],
    expected: [],
    nodes: [
      node('Foo', ['x'], ['s'], [], { domain: 'ai.onnx.ml' }),
      node('Cast', ['x'], ['y'], [int('to', 1)]),
      node('Pad', ['s'], ['z'], [ints('pads', [1, 1]), float('value', 1)]),
    ],
    ml: 1,
  },
  'Pad reflected': one('Pad', 9, [string('mode', 'reflect'), ints('pads', [0, 1, 1, 0, 1, 2])], x234, ['Pad']),
  'Clip from below': one('Clip', 9, [float('min', -0.5)], x234, ['Clip']),
  'Clip from above': one('Clip', 9, [float('max', 0.5)], x234, ['Clip']),
  'Clip at neither': one('Clip', 6, [], x234, ['Clip']),
  'Clip at both': one('Clip', 10, [float('max', 0.5), float('min', -0.5)], x234, ['Clip']),
  Dropout: one('Dropout', 9, [float('ratio', 0.3)], x234, ['Dropout']),
  'Dropout with a mask': one('Dropout', 10, [], x234, ['Dropout'], {
    outputs: ['y', 'm'],
    expected: [...range(2, 3, 4).toNumbers(), ...new Array<number>(24).fill(1)],
  }),
  'Dropout with a mask of the data’s type': one('Dropout', 7, [], { x: range(2) }, ['Dropout', 'CastLike'], {
    outputs: ['y', 'm'],
    expected: [...range(2).toNumbers(), 1, 1],
  }),
  'Upsample with scales as an attribute': one('Upsample', 8, [floats('scales', [1, 1, 2, 3])], image, ['Resize']),
  'Upsample linear': one('Upsample', 9, [string('mode', 'linear')], image, ['Resize'], {
    initializer: [initial('s', f32([4], [1, 1, 2, 1.5]))],
  }),
  'Upsample of version 9, nearest': one('Upsample', 9, [], image, ['Resize'], { initializer: [initial('s', f32([4], [1, 1, 2.5, 2]))] }),
  'Upsample where it was obsolete already': one('Upsample', 10, [], { x: f32([1, 2], [1, 2]) }, ['Resize'], {
    initializer: [initial('s', f32([2], [1, 2]))],
    expected: [1, 1, 2, 2],
  }),
  'Resize 10 grows': one('Resize', 10, [], image, ['Resize'], { initializer: [initial('s', f32([4], [1, 1, 2, 2]))] }),
  'Resize 10 shrinks': one('Resize', 10, [], image, ['Resize'], { initializer: [initial('s', f32([4], [1, 1, 0.6, 0.5]))] }),
  'Resize 10 grows and shrinks': one('Resize', 10, [], image, ['Resize', 'Resize'], {
    initializer: [initial('s', f32([4], [1, 1, 1.7, 0.6]))],
  }),
  'Resize 10 linear': one('Resize', 10, [string('mode', 'linear')], image, ['Resize'], {
    initializer: [initial('s', f32([4], [1, 1, 0.8, 2]))],
  }),
  'Resize 11 to sizes, the rest empty': {
    opset: 11,
    feeds: image,
    ops: ['Resize'],
    initializer: [initial('e', f32([0], [])), initial('s', i64([4], [1, 2, 3, 3]))],
    nodes: [node('Resize', ['x', 'e', 'e', 's'], ['y'], [string('mode', 'linear')])],
  },
  'Resize 11 as TensorFlow did it for nearest': {
    opset: 11,
    feeds: image,
    ops: ['Resize'],
    initializer: [initial('e', f32([0], [])), initial('s', f32([4], [1, 1, 2, 0.5]))],
    nodes: [
      node(
        'Resize',
        ['x', 'e', 's'],
        ['y'],
        [string('mode', 'nearest'), string('nearest_mode', 'floor'), string('coordinate_transformation_mode', 'tf_half_pixel_for_nn')],
      ),
    ],
  },
  Scatter: {
    opset: 9,
    feeds: { x: range(3, 3) },
    ops: ['ScatterElements'],
    initializer: [initial('i', i64([2, 3], [1, 0, 2, 0, 2, 1])), initial('u', f32([2, 3], [1, 2, 3, 4, 5, 6]))],
    nodes: [node('Scatter', ['x', 'i', 'u'], ['y'])],
  },
  'RoiAlign before half_pixel': {
    opset: 10,
    feeds: image,
    ops: ['RoiAlign'],
    initializer: [initial('r', f32([1, 4], [0, 0, 5, 3])), initial('b', i64([1], [0]))],
    nodes: [node('RoiAlign', ['x', 'r', 'b'], ['y'], [int('output_height', 2), int('output_width', 3), int('sampling_ratio', 2)])],
  },
  'GridSample modes': one('GridSample', 16, [string('mode', 'bicubic')], image, ['GridSample'], {
    initializer: [initial('g', f32([1, 1, 2, 2], [0.1, -0.4, 0.7, 0.2]))],
  }),
  'GridSample default': one('GridSample', 16, [], image, ['GridSample'], {
    initializer: [initial('g', f32([1, 1, 2, 2], [0.1, -0.4, 0.7, 0.2]))],
  }),
  'DFT along an attribute axis': one('DFT', 17, [int('axis', 2)], { x: range(1, 3, 4, 1) }, ['DFT']),
  'DFT along the old default axis': one('DFT', 17, [], { x: range(1, 4, 3, 1) }, ['DFT']),
  OneHot: {
    opset: 9,
    feeds: { x: i64([3], [0, 2, 5]) },
    ops: ['Cast', 'Less', 'Where', 'OneHot'],
    initializer: [initial('d', i64([1], [3])), initial('v', f32([2], [0, 1]))],
    nodes: [node('OneHot', ['x', 'd', 'v'], ['y'])],
  },
  'OneHot of negative indices, which named nothing': {
    opset: 9,
    feeds: { x: i64([2], [-1, 2]) },
    ops: ['Cast', 'Less', 'Where', 'OneHot'],
    initializer: [initial('d', i64([1], [3])), initial('v', f32([2], [0, 1]))],
    nodes: [node('OneHot', ['x', 'd', 'v'], ['y'])],
    expected: [0, 0, 0, 0, 0, 1],
  },
  'OneHot of constants': {
    opset: 9,
    feeds: { x: f32([2], [0, 1]) },
    ops: ['OneHot'],
    initializer: [initial('d', i64([1], [3])), initial('i', i64([2], [2, 1]))],
    nodes: [node('OneHot', ['i', 'd', 'x'], ['y'])],
  },
  BatchNormalization: one('BatchNormalization', 7, [float('epsilon', 1e-3)], image, ['BatchNormalization'], {
    initializer: ['s', 'b', 'm', 'v'].map((n, i) => initial(n, f32([2], [1 + i, 2 - i / 2]))),
  }),
  'BatchNormalization for each element': one(
    'BatchNormalization',
    7,
    [int('spatial', 0)],
    { x: range(2, 2, 2) },
    ['Sub', 'Add', 'Sqrt', 'Div', 'Mul', 'Add'],
    {
      initializer: ['s', 'b', 'm', 'v'].map((n, i) => initial(n, f32([2, 2], [1 + i, 2 - i / 2, i / 4 + 0.5, 1]))),
    },
  ),
  'GroupNormalization with a scale for each group': one(
    'GroupNormalization',
    18,
    [int('num_groups', 2)],
    { x: range(1, 4, 2) },
    ['Shape', 'Div', 'Concat', 'Unsqueeze', 'Expand', 'Reshape', 'Unsqueeze', 'Expand', 'Reshape', 'GroupNormalization'],
    {
      initializer: [initial('s', f32([2], [1, 2])), initial('b', f32([2], [0.5, -0.5]))],
    },
  ),
  'LabelEncoder of strings': one(
    'LabelEncoder',
    9,
    [strings('classes_strings', ['a', 'b']), int('default_int64', -5)],
    { x: Tensor.from('string', [3], ['b', 'z', 'a']) },
    ['LabelEncoder'],
    { ml: 1 },
  ),
  'LabelEncoder of numbers': one(
    'LabelEncoder',
    9,
    [strings('classes_strings', ['a', 'b']), string('default_string', 'none')],
    { x: i64([3], [1, 7, 0]) },
    ['LabelEncoder'],
    { ml: 1 },
  ),
  'Gemm and Dropout in a subgraph': {
    opset: 9,
    feeds: { c: Tensor.from('bool', [], [true]), ...x234 },
    ops: ['If'],
    nodes: [
      node(
        'If',
        ['c'],
        ['y'],
        [
          graphAttr('then_branch', {
            name: 't',
            node: [node('Unsqueeze', ['x'], ['p'], [ints('axes', [0])]), node('Squeeze', ['p'], ['q'], [ints('axes', [0])])],
            output: [value('q', [2, 3, 4])],
          }),
          graphAttr('else_branch', { name: 'e', node: [node('Clip', ['x'], ['r'], [float('min', 0)])], output: [value('r', [2, 3, 4])] }),
        ],
      ),
    ],
  },
  // Forms before version 7, which onnxruntime has no kernels for.
  'Add broadcast from the last axis': one('Add', 6, [int('broadcast', 1)], { x: range(2, 2), b: f32([2], [10, 20]) }, ['Add'], {
    expected: [...range(2, 2).toNumbers()].map((v, i) => v + [10, 20][i % 2]!),
  }),
  'Mul broadcast at an axis': one(
    'Mul',
    6,
    [int('broadcast', 1), int('axis', 0)],
    { x: f32([2, 2], [1, 2, 3, 4]), b: f32([2], [10, 20]) },
    ['Unsqueeze', 'Mul'],
    { expected: [10, 20, 60, 80] },
  ),
  'PRelu with a slope for each channel': one(
    'PRelu',
    6,
    [],
    { x: f32([1, 2, 2], [-1, 1, -2, 2]), s: f32([2], [0.5, 0.25]) },
    ['Unsqueeze', 'PRelu'],
    { expected: [-0.5, 1, -0.5, 2] },
  ),
  'Reshape with an attribute': one(
    'Reshape',
    1,
    [ints('shape', [0, -1]), ints('consumed_inputs', [0])],
    { x: range(2, 2, 2) },
    ['Reshape'],
    { expected: [...range(2, 2, 2).toNumbers()] },
  ),
  'Cast to a name': one('Cast', 1, [string('to', 'INT64')], { x: f32([2], [1, -2]) }, ['Cast'], { expected: [1, -2] }),
  'Concat without axis': one('Concat', 1, [], { x: f32([1, 1], [1]), z: f32([1, 1], [2]) }, ['Concat'], { expected: [1, 2] }),
  'Pad with paddings': one('Pad', 1, [ints('paddings', [1, 0])], { x: f32([1], [3]) }, ['Pad'], { expected: [0, 3] }),
  'Split with an input': one('Split', 1, [], { x: f32([3], [1, 2, 3]) }, ['Split'], {
    initializer: [initial('s', i64([2], [1, 2]))],
    outputs: ['y', 'z'],
    expected: [1, 2, 3],
  }),
  'GlobalLpPool with a float': one('GlobalLpPool', 1, [float('p', 1)], { x: f32([1, 1, 2, 1], [3, -4]) }, ['GlobalLpPool'], {
    expected: [7],
  }),
  'Selu with rounded defaults': one('Selu', 1, [], { x: f32([1], [2]) }, ['Selu'], { expected: [2 * Math.fround(1.0507)] }),
  'Upsample with a factor for each side': one(
    'Upsample',
    1,
    [float('height_scale', 1), float('width_scale', 2)],
    { x: f32([1, 1, 1, 2], [5, 6]) },
    ['Resize'],
    { expected: [5, 5, 6, 6] },
  ),
  'BatchNormalization said to be for inference': one(
    'BatchNormalization',
    6,
    [int('is_test', 1)],
    { x: f32([1, 1], [3]) },
    ['BatchNormalization'],
    { initializer: ['s', 'b', 'm', 'v'].map((n) => initial(n, f32([1], [1]))), expected: [1 + 2 / Math.sqrt(1 + 1e-5)] },
  ),
};

const allNewest = (nodes: readonly Node[]): boolean =>
  nodes.every((n) => n.version === (opVersions[n.domain === '' ? n.op : `${n.domain}.${n.op}`]?.at(-1) ?? n.version));

describe('old forms mean the same in the newest', () => {
  it.each(Object.entries(cases))('%s', async (_, c) => {
    const bytes = bytesOf(c);
    const { graph } = readModel(bytes, { name: 'old' });
    expect(graph.nodes.map((n) => n.op)).toEqual(c.ops);
    expect(allNewest(graph.nodes)).toBe(true);
    if (c.expected?.length === 0) return;
    const written = await run(writeModel({ graph, name: 'new', opsets: { '': lowestOpset(graph), 'ai.onnx.ml': 4 } }), c.feeds);
    const original = c.expected ? undefined : await run(bytes, c.feeds);
    const outputs = c.outputs ?? ['y'];
    if (original) for (const name of outputs) expect(written[name]!.dims).toEqual(original[name]!.dims);
    const expected = c.expected ?? outputs.flatMap((name) => original![name]!.data);
    const values = outputs.flatMap((name) => written[name]!.data);
    expect(values).toHaveLength(expected.length);
    values.forEach((v, i) =>
      typeof v === 'number' ? expect(v).toBeCloseTo(Number(expected[i]), 5) : expect(String(v)).toBe(String(expected[i])),
    );
  });
});

describe('BatchNormalization with more outputs than one', () => {
  const batch = (output: string[], read: string): GraphPart => ({
    input: ['x', 's', 'b', 'm', 'v'].map((name) => value(name)),
    node: [node('BatchNormalization', ['x', 's', 'b', 'm', 'v'], output)],
    output: [{ name: read }],
  });

  it('was training, and says so now', () => {
    const [n] = model({ opset: 9, graph: batch(['y', 'mean', '', 'saved_mean'], 'y') }).graph.nodes;
    expect(n!.attrs).toEqual({ training_mode: { type: 'int', value: 1 } });
    expect(n!.outputs).toEqual(['y', 'mean', 'BatchNormalization_0/running_var']);
  });

  it('that are all omitted is inference', () => {
    const [n] = model({ opset: 9, graph: batch(['y', '', ''], 'y') }).graph.nodes;
    expect(n).toMatchObject({ attrs: {}, outputs: ['y'] });
  });

  it('of which a saved one is read is refused', () => {
    expect(failure(() => model({ opset: 9, graph: batch(['y', 'm2', 'v2', 'saved'], 'saved') }))).toContain('saved mean and variance');
  });
});

describe('the oldest version a graph can be written in', () => {
  const lowest = (n: NodeInit, opset = 28): number =>
    lowestOpset(model({ opset, graph: { input: [value('x', [2, 3]), value('i', [1], 7)], node: [n], output: [{ name: 'y' }] } }).graph);

  it('is that of the newest form, attribute or input it uses', () => {
    expect(lowest(node('Relu', ['x'], ['y']))).toBe(13);
    expect(lowest(node('RoiAlign', ['x', 'x', 'i'], ['y'], [string('coordinate_transformation_mode', 'half_pixel')]))).toBe(16);
    expect(lowest(node('Pad', ['x', 'i'], ['y']))).toBe(13);
    expect(lowest(node('Pad', ['x', 'i', '', 'i'], ['y']))).toBe(18);
    expect(lowest(node('Range', ['i', 'i', 'i'], ['y'], [int('stash_type', 1)]))).toBe(27);
    expect(lowest(node('OptionalHasElement', [], ['y']))).toBe(18);
    expect(lowest(node('ReduceMax', ['x'], ['y'], [ints('axes', [0])]), 13)).toBe(18);
  });

  it('is never older than the last step that changes the form', () => {
    for (const [op, byVersion] of upgradeSteps) {
      const last = Math.max(...byVersion.keys());
      // Split is written with sizes or with the attribute that came with version 18; BatchNormalization likewise.
      const attr = Object.values(opForms[op]?.attrs ?? {});
      if (last > 13) expect([op, opForms[op]?.since === last || attr.includes(last)]).toEqual([op, true]);
    }
  });
});

describe('old forms without a counterpart', () => {
  const fail = (nodes: NodeInit[], opset: number, more: GraphPart = {}): string =>
    failure(() => model({ opset, graph: { input: [value('x'), value('z')], output: [{ name: 'y' }], node: nodes, ...more } }));

  it.each<[string, NodeInit, number, string]>([
    ['training', node('BatchNormalization', ['x', 'z', 'z', 'z', 'z'], ['y']), 6, 'BatchNormalization is in training form (is_test = 0)'],
    [
      'broadcast at an axis of unknown ranks',
      node('Add', ['x', 'z'], ['y'], [int('broadcast', 1), int('axis', 1)]),
      6,
      'Add broadcasts at axis 1, but the file does not say',
    ],
    ['PRelu of unknown rank', node('PRelu', ['x', 'z'], ['y']), 6, 'PRelu has a slope per channel, but the file does not say'],
    ['a p that is no whole number', node('LpPool', ['x'], ['y'], [float('p', 1.5)]), 1, 'LpPool has p = 1.5'],
    ['Tile 1', node('Tile', ['x', 'z', 'z'], ['y']), 1, 'Tile of a version before 6'],
    ['Scan 8 with lengths', node('Scan', ['x', 'z'], ['y'], [int('num_scan_inputs', 1)]), 8, 'Scan of version 8 with sequence_lens'],
    [
      'a coordinate mode that is gone',
      node('Resize', ['x', '', 'z'], ['y'], [string('mode', 'linear'), string('coordinate_transformation_mode', 'tf_half_pixel_for_nn')]),
      11,
      'tf_half_pixel_for_nn',
    ],
  ])('%s', (_, old, opset, reason) => {
    expect(fail([old], opset)).toContain(`FLAGOS_E_MODEL_UNSUPPORTED`);
    expect(fail([old], opset)).toContain(reason);
  });

  it('attributes of the wrong type, or missing', () => {
    expect(fail([node('Squeeze', ['x'], ['y'], [int('axes', 0)])], 9)).toBe(
      "FLAGOS_E_MODEL_INVALID attribute 'axes' is of type int, not ints",
    );
    expect(fail([node('Unsqueeze', ['x'], ['y'])], 9)).toBe("FLAGOS_E_MODEL_INVALID attribute 'axes' is missing");
    expect(fail([node('TopK', ['x'], ['y'])], 9)).toBe("FLAGOS_E_MODEL_INVALID attribute 'k' is missing");
    expect(fail([node('Slice', ['x'], ['y'], [ints('starts', [1])])], 9)).toBe("FLAGOS_E_MODEL_INVALID attribute 'ends' is missing");
  });
});
