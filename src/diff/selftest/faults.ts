/**
 * Faults planted into single calls: what kernels get wrong in practice, and three differences that are
 * none. Each has the call, and what a faulty kernel makes of it; the right values are the error model's.
 */
import { floatCodec } from '../../core/codec.ts';
import type { Attribute, Node } from '../../core/graph.ts';
import { Tensor } from '../../core/tensor.ts';
import { errorModel } from '../../accuracy/index.ts';
import { opSet } from '../../ops/index.ts';

/** What a chip did with a call, as a comparison sees it. */
export interface Observation {
  readonly outputs: readonly Tensor[];
  /** Further runs on the same inputs. */
  readonly again?: readonly (readonly Tensor[])[];
  readonly last?: Tensor;
  readonly inputModified?: boolean;
  readonly otherChip?: boolean;
}

export interface Planted {
  readonly name: string;
  /** Whether a comparison ought to object. */
  readonly wrong: boolean;
  readonly node: Node;
  readonly inputs: readonly Tensor[];
  observe(): Observation;
}

const call = (op: string, inputs: number, attrs: Readonly<Record<string, Attribute>> = {}, outputs = 1): Node => ({
  name: op,
  op,
  domain: '',
  version: 21,
  inputs: Array.from({ length: inputs }, (_, i) => `x${i}`),
  outputs: Array.from({ length: outputs }, (_, i) => `y${i}`),
  attrs,
});
const int = (value: number): Attribute => ({ type: 'int', value });
const ints = (...value: number[]): Attribute => ({ type: 'ints', value });
const float = (value: number): Attribute => ({ type: 'float', value });

/** A small generator of its own, so that the table is the same everywhere. Source: mulberry32, T. Ettinger, 2017. */
const uniform = (seed: number): (() => number) => {
  let s = seed;
  return () => {
    s = (s + 0x6d2b79f5) | 0;
    let t = Math.imul(s ^ (s >>> 15), 1 | s);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
};
const normal = (seed: number, ...dims: number[]): Tensor => {
  const next = uniform(seed);
  const n = dims.reduce((a, b) => a * b, 1);
  const values = Array.from({ length: n }, () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next()));
  return Tensor.from('float32', dims, values);
};
const f32 = (...values: number[]): Tensor => Tensor.from('float32', [values.length], values);

/** Right values, each rounded once. */
const right = (node: Node, inputs: readonly Tensor[]): Tensor[] =>
  errorModel(opSet.find(node.domain, node.op)!, node, inputs, {
    numerics: { inputs: 'same', accumulate: 'same', notes: [] },
    levels: ['standard'],
  }).map((b) => b!.golden as Tensor);

const changed = (t: Tensor, change: (v: number, i: number) => number): Tensor => Tensor.from(t.dtype, t.dims, t.toNumbers().map(change));

interface Call {
  readonly node: Node;
  readonly inputs: readonly Tensor[];
}
const matmul: Call = { node: call('MatMul', 2), inputs: [normal(1, 16, 256), normal(2, 256, 16)] };
const square: Call = { node: call('MatMul', 2), inputs: [normal(3, 16, 16), normal(4, 16, 16)] };
const gemm: Call = { node: call('Gemm', 3), inputs: [normal(5, 8, 32), normal(6, 32, 24), changed(normal(7, 24), (v) => v / 50)] };
const softmax: Call = { node: call('Softmax', 1, { axis: int(1) }), inputs: [normal(8, 12, 12)] };
const conv: Call = {
  node: call('Conv', 2, { pads: ints(1, 1, 0, 0), kernel_shape: ints(2, 2) }),
  inputs: [normal(9, 1, 4, 9, 9), normal(10, 8, 4, 2, 2)],
};
const multiply: Call = { node: call('Mul', 2), inputs: [normal(11, 4096), normal(12, 4096)] };
const tiny: Call = { node: call('Mul', 2), inputs: [f32(1e-20, 3e-20, 1, 2), f32(1e-20, 1e-19, 1, 3)] };
const huge: Call = { node: call('Mul', 2), inputs: [f32(1e30, 2, -1e30, 3), f32(1e30, 2, 1e30, 3)] };
const relu: Call = { node: call('Relu', 1), inputs: [f32(1, NaN, -2, 3)] };
const exp: Call = { node: call('Exp', 1), inputs: [normal(13, 1000)] };
const add64: Call = {
  node: call('Add', 2),
  inputs: [Tensor.from('int64', [3], [2 ** 31 - 1, 5, 7]), Tensor.from('int64', [3], [1, 6, 8])],
};
const round: Call = { node: call('Round', 1), inputs: [f32(0.5, 1.5, 2.5, -0.5, 3.2)] };
const sigmoid: Call = { node: call('Sigmoid', 1), inputs: [normal(14, 500)] };
const norm: Call = {
  node: call('LayerNormalization', 2, { epsilon: float(1e-5) }),
  inputs: [changed(normal(15, 8, 64), (v) => v / 20), changed(normal(16, 64), (v) => 1 + v / 10)],
};
const sum: Call = { node: call('ReduceSum', 1, { keepdims: int(0) }), inputs: [normal(17, 100_000)] };
const negate: Call = { node: call('Neg', 1), inputs: [f32(0, 1, 2)] };
const topk: Call = {
  node: call('TopK', 2, {}, 2),
  inputs: [f32(3, 1, 3, 2), Tensor.from('int64', [1], [2])],
};

const half = floatCodec('float16')!;
const toHalf = (v: number): number => half.decode(half.encode(v));
const brain = floatCodec('bfloat16')!;
const toBrain = (v: number): number => brain.decode(brain.encode(v));

/** A product summed in float32, in an order of its own. */
const product = (a: Tensor, b: Tensor, { read = (v: number) => v, keep = Math.fround, terms = a.dims[1]! } = {}): Tensor => {
  const [m, k] = [a.dims[0]!, a.dims[1]!];
  const n = b.dims[1]!;
  const [x, y] = [a.toNumbers(), b.toNumbers()];
  const out: number[] = [];
  for (let i = 0; i < m; i++)
    for (let j = 0; j < n; j++) {
      let s = 0;
      for (let p = 0; p < terms; p++) s = keep(s + keep(read(x[i * k + p]!) * read(y[p * n + j]!)));
      out.push(s);
    }
  return Tensor.from('float32', [m, n], out);
};

/** Toward zero in float32. */
const cut = (v: number): number => {
  const r = Math.fround(v);
  if (Math.abs(r) <= Math.abs(v)) return r;
  const bits = new Uint32Array(Float32Array.of(r).buffer);
  return new Float32Array(Uint32Array.of(bits[0]! - 1).buffer)[0]!;
};

const plant = (name: string, { node, inputs }: Call, make: (golden: Tensor, inputs: readonly Tensor[]) => Tensor): Planted => ({
  name,
  wrong: true,
  node,
  inputs,
  observe: () => ({ outputs: [make(right(node, inputs)[0]!, inputs)] }),
});
const special = (name: string, { node, inputs }: Call, observe: (golden: Tensor[]) => Observation, wrong = true): Planted => ({
  name,
  wrong,
  node,
  inputs,
  observe: () => observe(right(node, inputs)),
});

/** Every planted fault, and three that are none. */
export const faults: readonly Planted[] = [
  plant('wrong axis', softmax, (_, x) => right({ ...softmax.node, attrs: { axis: int(0) } }, x)[0]!),
  plant('transposed weight', square, (_, [a, b]) => {
    const w = b!.toNumbers();
    return product(
      a!,
      Tensor.from(
        'float32',
        b!.dims,
        w.map((_v, i) => w[(i % 16) * 16 + Math.floor(i / 16)]!),
      ),
    );
  }),
  plant('missing bias', gemm, (_, [a, b]) => product(a!, b!)),
  plant('padding on the other side', conv, (_, x) => right({ ...conv.node, attrs: { ...conv.node.attrs, pads: ints(0, 0, 1, 1) } }, x)[0]!),
  plant('tail of a tile not computed', matmul, (g) => changed(g, (v, i) => (i % 16 >= 13 ? 0 : v))),
  plant('uninitialized block', matmul, (g) => changed(g, (v, i) => (i >= 64 && i < 96 ? 1e-38 * i : v))),
  special('stale output', matmul, () => {
    const stale = right(matmul.node, [normal(21, 16, 256), matmul.inputs[1]!])[0]!;
    return { outputs: [stale], last: stale };
  }),
  plant('float16 accumulation', matmul, (_, [a, b]) => product(a!, b!, { keep: toHalf })),
  plant('bfloat16 inputs', matmul, (_, [a, b]) => product(a!, b!, { read: toBrain })),
  plant('cut off, not rounded', multiply, (g, [a, b]) => {
    const [x, y] = [a!.toNumbers(), b!.toNumbers()];
    return changed(g, (_v, i) => cut(x[i]! * y[i]!));
  }),
  plant('denormals flushed', tiny, (g) => changed(g, (v) => (Math.abs(v) < 2 ** -126 ? 0 : v))),
  plant('largest number for infinity', huge, (g) =>
    changed(g, (v) => Math.max(-3.4028234663852886e38, Math.min(3.4028234663852886e38, v))),
  ),
  plant('NaN lost', relu, (g) => changed(g, (v) => (v !== v ? 0 : v))),
  plant('exp of 11 bits', exp, (g) => changed(g, toHalf)),
  plant(
    'sum wraps at 32 bits',
    add64,
    (g) =>
      new Tensor(
        'int64',
        g.dims,
        (g.data as BigInt64Array).map((v) => BigInt.asIntN(32, v)),
      ),
  ),
  plant('halves rounded up', round, (g, [x]) => {
    const v = x!.toNumbers();
    return changed(g, (_v, i) => Math.floor(v[i]! + 0.5));
  }),
  plant('scaled by 1.001', matmul, (g) => changed(g, (v) => v * 1.001)),
  plant('a single element', matmul, (g) => changed(g, (v, i) => (i === 77 ? v + 0.01 : v))),
  plant('last term of a sum missing', matmul, (_, [a, b]) => product(a!, b!, { terms: 255 })),
  plant('shifted by 0.001', sigmoid, (g) => changed(g, (v) => v + 1e-3)),
  plant('channels in reverse', softmax, (g) => {
    const v = g.toNumbers();
    return changed(g, (_v, i) => v[Math.floor(i / 12) * 12 + 11 - (i % 12)]!);
  }),
  plant('copy of an input', sigmoid, (_, [x]) => x!.clone()),
  plant('constant output', sigmoid, (g) => changed(g, () => 0.5)),
  plant('epsilon of 1e-3', norm, (_, x) => right({ ...norm.node, attrs: { epsilon: float(1e-3) } }, x)[0]!),
  special('input modified', sigmoid, (g) => ({ outputs: g, inputModified: true })),
  special('silent fallback', matmul, (g) => ({ outputs: g, otherChip: true })),
  special('race', matmul, (g) => ({ outputs: g, again: [[changed(g[0]!, (v, i) => (i === 200 ? 0 : v))], g] })),
  special('−0 for 0', negate, () => ({ outputs: [f32(0, -1, -2)] }), false),
  special('order of ties', topk, ([values]) => ({ outputs: [values!, Tensor.from('int64', [2], [2, 0])] }), false),
  special(
    'sum in another order',
    sum,
    () => {
      const x = sum.inputs[0]!.toNumbers();
      const lanes = new Float32Array(8);
      for (let i = 0; i < x.length; i++) lanes[i % 8] = lanes[i % 8]! + x[i]!;
      return { outputs: [Tensor.from('float32', [], [lanes.reduce((s, v) => Math.fround(s + v), 0)])] };
    },
    false,
  ),
];
