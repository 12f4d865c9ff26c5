/**
 * For tests: random programs of every kind that schedules treat in a way of its own, reproducible by
 * seed, and the comparison of a renderer's results with those of the reference (float64 JavaScript).
 */
import type { DType, NumericData } from '../core/dtype.ts';
import { dtypeInfo } from '../core/dtype.ts';
import { Tensor } from '../core/tensor.ts';
import { channelsFirst, conv } from '../ops/conv.ts';
import { einsum } from '../ops/einsum.ts';
import { gemm, matmul } from '../ops/matmul.ts';
import { transposed } from '../ops/readable.ts';
import * as x from './expr.ts';
import type { Expr } from './expr.ts';
import { lower } from './lower.ts';
import { renderJs } from './render/js.ts';
import { compute, concat, InputTensor, map, mapBroadcast, reshape, scan, type TensorExpr } from './tensor-expr.ts';

/** Reproducible choices. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = (seed * 2654435761) >>> 0 || 1;
  }

  /** In [0, 1). */
  next(): number {
    let s = this.#state;
    s ^= s << 13;
    s >>>= 0;
    s ^= s >>> 17;
    s ^= s << 5;
    this.#state = s >>>= 0;
    return s / 2 ** 32;
  }
  below(n: number): number {
    return Math.floor(this.next() * n);
  }
  pick<X>(list: readonly X[]): X {
    return list[this.below(list.length)]!;
  }
  times<X>(n: number, f: () => X): X[] {
    return Array.from({ length: n }, f);
  }
}

/** Numbers in (−1, 1) of a type; small integers for integer types. */
export const randomData = (dtype: DType, shape: readonly number[], r: Random): NumericData => {
  const { kind } = dtypeInfo(dtype);
  const value = (): number => {
    const u = r.next() * 2 - 1;
    return kind === 'float' ? u : kind === 'uint' ? Math.floor((u + 1) * 8) : kind === 'bool' ? Number(u > 0) : Math.round(u * 8);
  };
  return Tensor.from(
    dtype,
    shape,
    r.times(
      shape.reduce((a, b) => a * b, 1),
      value,
    ),
  ).data as NumericData;
};

export interface RandomProgram {
  /** For messages. */
  readonly what: string;
  readonly inputs: readonly InputTensor[];
  readonly data: readonly NumericData[];
  readonly outputs: readonly TensorExpr[];
}

const extents = [1, 2, 3, 5, 6, 7, 8, 13, 15, 16, 17, 31, 33, 40, 65];
const floats = ['float32', 'float32', 'float32', 'float64', 'float16', 'bfloat16'] as const;
const numbers = [...floats, 'int32', 'uint32', 'int64', 'int16', 'uint8'] as const;

/** Inputs of one program, some of them weights. */
class Inputs {
  readonly tensors: InputTensor[] = [];
  readonly data: NumericData[] = [];
  readonly r: Random;

  constructor(r: Random) {
    this.r = r;
  }

  make(dtype: DType, shape: readonly number[], constant = this.r.below(3) === 0): InputTensor {
    const data = randomData(dtype, shape, this.r);
    const name = `x${this.tensors.length}`;
    const t = constant ? new InputTensor(name, dtype, shape, new Tensor(dtype, shape, data)) : new InputTensor(name, dtype, shape);
    this.tensors.push(t);
    this.data.push(data);
    return t;
  }
  /** A program that reads these inputs. */
  program(what: string, outputs: readonly TensorExpr[]): RandomProgram {
    const shapes = this.tensors.map((t) => `${t.dtype}[${t.shape.join(',')}]${t.value ? ' constant' : ''}`);
    return { what: `${what} of ${shapes.join(', ')}`, inputs: this.tensors, data: this.data, outputs };
  }
}

/** What may follow a sum. */
const activation = (r: Random): ((e: Expr) => Expr) => {
  const which = r.below(4);
  return (e) => {
    if (e.type !== 'float32') return e;
    if (which === 0) return x.max(e, 0);
    return which === 1 ? x.mul(x.mul(e, 0.5), x.add(1, x.erf(x.mul(e, Math.SQRT1_2)))) : e;
  };
};

const convolution = (r: Random, depthwise: boolean): RandomProgram | undefined => {
  const inputs = new Inputs(r);
  const dtype = r.pick(['float32', 'float32', 'float32', 'float16', 'float64'] as const);
  const rank = depthwise ? 2 : r.pick([1, 2, 2, 2, 3]);
  const group = depthwise ? r.pick([3, 8, 16, 24, 33]) : r.pick([1, 1, 1, 2]);
  const [perGroup, made] = depthwise ? [1, r.pick([1, 1, 2])] : [r.pick([1, 3, 4, 8, 17]), r.pick([1, 2, 3, 8, 16, 33])];
  const each = (list: readonly number[]): number[] => r.times(rank, () => r.pick(list));
  const [kernel, strides, dilations] = [each([1, 2, 3, 3, 5]), each([1, 1, 2]), each([1, 1, 1, 2])];
  const pads = [...each([0, 1, 2]), ...each([0, 1, 2])];
  const image = kernel.map((k, d) => Math.max(1, (k - 1) * dilations[d]! + 1 - pads[d]!) + r.below(rank === 3 ? 4 : 14));
  const last = r.below(3) === 0;
  const batch = r.pick([1, 1, 2]);
  const image_ = inputs.make(dtype, last ? [batch, ...image, perGroup * group] : [batch, perGroup * group, ...image]);
  const weights = inputs.make(dtype, [made * group, perGroup, ...kernel], r.below(2) === 0);
  const bias = inputs.make(dtype, [made * group]);
  const attributes = { auto_pad: 'NOTSET' as const, dilations, pads, strides, group, kernel_shape: undefined };
  return inputs.program(`conv, strides ${strides}, dilations ${dilations}, pads ${pads}, groups ${group}, ${last ? 'channels last' : ''}`, [
    conv(last ? channelsFirst(image_) : image_, weights, bias, attributes, activation(r), last),
  ]);
};

const unary = [
  x.neg,
  x.abs,
  x.sqrt,
  x.floor,
  x.ceil,
  x.round,
  x.trunc,
  x.sign,
  x.exp,
  x.log,
  x.tanh,
  x.sigmoid,
  x.erf,
  x.reciprocal,
  x.rsqrt,
  x.sin,
  x.atan,
  x.log1p,
];

/** Kinds of programs by name. Undefined: that choice makes none. */
export const programKinds: Readonly<Record<string, (r: Random) => RandomProgram | undefined>> = {
  matmul: (r) => {
    const inputs = new Inputs(r);
    const dtype = r.pick(numbers);
    const [m, n, k] = r.times(3, () => r.pick(extents)) as [number, number, number];
    const batch = r.pick([[], [], [2], [3, 2]]);
    const [ta, tb] = [r.below(3) === 0, r.below(3) === 0];
    const a = inputs.make(dtype, [...batch, ...(ta ? [k, m] : [m, k])]);
    const b = inputs.make(dtype, [...r.pick([batch, []]), ...(tb ? [n, k] : [k, n])]);
    return inputs.program('matmul', [matmul(ta ? transposed(a) : a, tb ? transposed(b) : b, activation(r))]);
  },
  gemm: (r) => {
    const inputs = new Inputs(r);
    const [m, n, k] = r.times(3, () => r.pick(extents)) as [number, number, number];
    const [a, b] = [inputs.make('float32', [m, k]), inputs.make('float32', [n, k])];
    const c = inputs.make('float32', r.pick([[n], [m, 1], [1], [m, n], [1, n]]));
    return inputs.program('gemm', [gemm(a, transposed(b), c, { alpha: 0.5, beta: 2 })]);
  },
  /** One or two rows times a matrix that is known beforehand. */
  'few rows': (r) => {
    const inputs = new Inputs(r);
    const dtype = r.pick(numbers);
    const [m, n, k] = [1 + r.below(2), 30 + r.below(60), 4 + r.below(80)];
    const [a, b] = [inputs.make(dtype, [m, k], false), inputs.make(dtype, r.below(2) ? [k, n] : [n, k], true)];
    return inputs.program('few rows', [matmul(a, b.shape[0] === k && b.shape[1] === n ? b : transposed(b), activation(r))]);
  },
  conv: (r) => convolution(r, false),
  depthwise: (r) => convolution(r, true),
  pool: (r) => {
    const inputs = new Inputs(r);
    const dtype = r.pick(['float32', 'float32', 'float16', 'int32', 'uint8'] as const);
    const [channels, h, w, k, s, pad] = [
      r.pick([1, 3, 8, 20]),
      4 + r.below(12),
      4 + r.below(14),
      r.pick([2, 3]),
      r.pick([1, 2]),
      r.below(2),
    ];
    const image = inputs.make(dtype, [1, channels, h, w], false);
    const out = (d: number): number => Math.floor((d + 2 * pad - k) / s) + 1;
    const op = r.pick([x.maxOf, x.minOf, x.sum]);
    const type = dtype === 'int32' || dtype === 'uint8' ? dtype : undefined;
    const outside = op === x.sum ? 0 : op === x.maxOf ? (type ? 0 : -Infinity) : type ? 127 : Infinity;
    const pooled = compute([1, channels, out(h), out(w)], (b, c, i, j) =>
      op([k, k], (p, q) => {
        const [row, column] = [x.sub(x.add(x.mul(i!, s), p!), pad), x.sub(x.add(x.mul(j!, s), q!), pad)];
        const inside = x.and(x.and(x.ge(row, 0), x.lt(row, h)), x.and(x.ge(column, 0), x.lt(column, w)));
        return x.select(inside, image.at(b!, c!, row, column), x.constant(outside, dtype));
      }),
    );
    return inputs.program(`pool ${k}/${s}, pad ${pad}`, [pooled]);
  },
  einsum: (r) => {
    const inputs = new Inputs(r);
    const equation = r.pick(['ij,jk->ik', 'ij,kj->ki', 'bij,bjk->bik', 'bhqd,bhkd->bhqk', 'ijk,lkj->li', 'ab,cd->acbd', 'ijkl,klm->mij']);
    const sizes: Record<string, number> = {};
    const [left, right] = equation.split('->')[0]!.split(',');
    const [a, b] = [left, right].map((s) =>
      inputs.make(
        'float32',
        [...s!].map((c) => (sizes[c] ??= r.pick([2, 3, 5, 8, 17]))),
      ),
    );
    return inputs.program(`einsum ${equation}`, [einsum(equation, [a!, b!])]);
  },
  scan: (r) => {
    const inputs = new Inputs(r);
    const [batch, h, length] = [r.pick([1, 2, 9]), r.pick([8, 17]), 3];
    const [input, w] = [inputs.make('float32', [length, batch, h]), inputs.make('float32', [h, h])];
    const [recurrent, start] = [inputs.make('float32', [h, h]), inputs.make('float32', [batch, h])];
    const { state, out } = scan(length, [start], (t, [s]) => {
      const own = compute([batch, h], (i, j) => x.sum(h, (k) => x.mul(input.at(t, i!, k!), w.at(k!, j!))));
      const both = compute([batch, h], (i, j) =>
        x.add(
          own.at(i!, j!),
          x.sum(h, (k) => x.mul(s!.at(i!, k!), recurrent.at(k!, j!))),
        ),
      );
      const next = map(both, (e) => x.tanh(e));
      return { state: [next], out: [next] };
    });
    return inputs.program('scan', [state[0]!, out[0]!]);
  },
  reduce: (r) => {
    const inputs = new Inputs(r);
    const dtype = r.pick(numbers);
    const [a, b, c] = r.times(3, () => r.pick(extents)) as [number, number, number];
    const t = inputs.make(dtype, [a, b, c]);
    const op = r.pick([x.sum, x.maxOf, x.minOf]);
    return inputs.program('reduce', [
      compute([a, c], (i, j) => op(b, (k) => t.at(i!, k!, j!))),
      compute([a, b], (i, j) => op(c, (k) => t.at(i!, j!, k!))),
      compute([c], (j) => op([a, b], (i, k) => t.at(i!, k!, j!))),
    ]);
  },
  softmax: (r) => {
    const inputs = new Inputs(r);
    const [rows, n] = [r.pick(extents), r.pick([1, 3, 8, 17, 100])];
    const t = inputs.make(r.pick(['float32', 'float32', 'float16', 'float64'] as const), [rows, n], false);
    const most = compute([rows], (i) => x.maxOf(n, (k) => t.at(i!, k!)));
    const e = compute([rows, n], (i, j) => x.exp(x.sub(t.at(i!, j!), most.at(i!))));
    const total = compute([rows], (i) => x.sum(n, (k) => e.at(i!, k!)));
    return inputs.program('softmax', [compute([rows, n], (i, j) => x.div(e.at(i!, j!), total.at(i!)))]);
  },
  layerNorm: (r) => {
    const inputs = new Inputs(r);
    const [rows, n] = [r.pick(extents), r.pick([2, 8, 17, 100])];
    const [t, scale] = [inputs.make('float32', [rows, n], false), inputs.make('float32', [n])];
    const mean = compute([rows], (i) =>
      x.div(
        x.sum(n, (k) => t.at(i!, k!)),
        n,
      ),
    );
    const off = compute([rows, n], (i, j) => x.sub(t.at(i!, j!), mean.at(i!)));
    const variance = compute([rows], (i) =>
      x.div(
        x.sum(n, (k) => x.mul(off.at(i!, k!), off.at(i!, k!))),
        n,
      ),
    );
    const made = compute([rows, n], (i, j) => x.mul(x.mul(off.at(i!, j!), x.rsqrt(x.add(variance.at(i!), 1e-3))), scale.at(j!)));
    return inputs.program('layer norm', r.pick([[made], [made, mean]]));
  },
  elementwise: (r) => {
    const inputs = new Inputs(r);
    const dtype = r.pick(floats);
    const shape = r.times(r.pick([1, 2, 3]), () => r.pick(extents));
    const [a, b] = [inputs.make(dtype, shape), inputs.make(dtype, r.pick([shape, shape.slice(1), shape.map((d, i) => (i === 0 ? d : 1))]))];
    const [f, g] = [r.pick(unary), r.pick(unary)];
    const positive = (e: Expr): Expr => x.add(x.abs(e), x.constant(0.25, dtype));
    const combine = r.pick([x.add, x.sub, x.mul, x.div, x.max, x.min]);
    const both = mapBroadcast([a, b], (p, q) => g(positive(combine(f(positive(p!)), positive(q!)))));
    return inputs.program('elementwise', [both]);
  },
  integers: (r) => {
    const inputs = new Inputs(r);
    const dtype = r.pick(['int32', 'uint32', 'int64', 'uint64', 'int16', 'uint8', 'int8'] as const);
    const shape = r.times(r.pick([1, 2]), () => r.pick(extents));
    const [a, b] = [inputs.make(dtype, shape), inputs.make(dtype, shape)];
    const combine = r.pick([x.add, x.sub, x.mul, x.max, x.min, x.floordiv, x.floormod, x.bitand, x.bitor]);
    const to = r.pick(numbers);
    return inputs.program(`integers as ${to}`, [mapBroadcast([a, b], (p, q) => x.cast(combine(p!, q!), to))]);
  },
  transpose: (r) => {
    const inputs = new Inputs(r);
    const shape = r.times(r.pick([2, 3, 4]), () => r.pick([1, 3, 8, 17, 32, 40]));
    const order = shape.map((_, i) => i);
    for (let i = order.length - 1; i > 0; i--) {
      const j = r.below(i + 1);
      [order[i], order[j]] = [order[j]!, order[i]!];
    }
    const t = inputs.make(r.pick(numbers), shape);
    const out = order.map((o) => shape[o]!);
    const turned = compute(out, (...at) => t.at(...order.map((_, d) => at[order.indexOf(d)]!)));
    const more = inputs.make(t.dtype, out);
    return inputs.program(`transpose ${order}`, [r.below(2) ? turned : mapBroadcast([turned, more], (p, q) => x.add(p!, q!))]);
  },
  movement: (r) => {
    const inputs = new Inputs(r);
    const dtype = r.pick(numbers);
    const [rows, n, count] = [r.pick(extents), r.pick(extents), r.pick([1, 4, 9])];
    const table = inputs.make(dtype, [rows, n]);
    const gathered = compute([count, n], (i, j) => table.at(x.floormod(x.mul(i!, 7), rows), j!));
    const back = compute([rows, n], (i, j) => table.at(i!, x.sub(n - 1, j!)));
    return inputs.program('gather, reverse, concat, reshape', [reshape(concat([gathered, back, table], 0), [n * (count + 2 * rows)])]);
  },
  net: (r) => {
    const inputs = new Inputs(r);
    const [c, m, h] = [r.pick([3, 8]), r.pick([8, 12, 16]), r.pick([7, 12])];
    const attributes = (pad: number, stride: number, group = 1): Parameters<typeof conv>[3] => ({
      auto_pad: 'NOTSET',
      dilations: undefined,
      pads: [pad, pad, pad, pad],
      strides: [stride, stride],
      group,
      kernel_shape: undefined,
    });
    const image = inputs.make('float32', [1, c, h, h], false);
    const [w1, w2, w3] = [
      inputs.make('float32', [m, c, 3, 3], true),
      inputs.make('float32', [m, m, 1, 1], true),
      inputs.make('float32', [m, 1, 3, 3], true),
    ];
    const [scale, fc] = [inputs.make('float32', [m], true), inputs.make('float32', [m, 10], true)];
    const relu = (t: TensorExpr): TensorExpr => map(t, (e) => x.max(e, 0));
    const c1 = relu(conv(image, w1, undefined, attributes(1, r.pick([1, 2]))));
    const scaled = compute(c1.shape, (b, k, i, j) => x.add(x.mul(c1.at(b!, k!, i!, j!), scale.at(k!)), 0.1));
    const c2 = conv(scaled, w2, undefined, attributes(0, 1));
    const sum = relu(mapBroadcast([c2, c1], (p, q) => x.add(p!, q!)));
    const c3 = relu(conv(sum, w3, undefined, attributes(1, 1, m)));
    const both = concat([sum, c3], 1);
    const [, , rows, columns] = c3.shape as [number, number, number, number];
    const mean = compute([1, m], (b, k) =>
      x.div(
        x.sum([rows, columns], (i, j) => c3.at(b!, k!, i!, j!)),
        rows * columns,
      ),
    );
    const y = matmul(mean, fc);
    return inputs.program('net', r.pick([[y], [y, c1], [both], [both, y], [sum, y], [reshape(both, [2 * m, rows * columns])]]));
  },
};

/** What the reference makes of a program. */
export const expectedOf = ({ inputs, data, outputs }: RandomProgram): NumericData[] => {
  const out = outputs.map((o) => new (dtypeInfo(o.dtype).storage!)(o.size) as NumericData);
  renderJs(lower(inputs, outputs)).run([...data], out);
  return out;
};

/** How far a result may be off, by type: sums are of numbers below 1, in float32. */
const tolerance = (dtype: DType): number =>
  dtype === 'float64' ? 1e-11 : dtype === 'float32' ? 2e-5 : dtype === 'float16' ? 4e-3 : dtype === 'bfloat16' ? 4e-2 : 0;

/** The first element that is wrong, in words; undefined if none is. */
export const difference = (program: RandomProgram, got: readonly NumericData[], want = expectedOf(program)): string | undefined => {
  for (const [o, { dtype, shape }] of program.outputs.entries()) {
    const [g, w] = [got[o]!, want[o]!].map((data) => new Tensor(dtype, shape, data).toValues());
    for (let i = 0; i < w!.length; i++) {
      const [a, b] = [Number(g![i]), Number(w![i])];
      const fine = Object.is(a, b) || a === b || Math.abs(a - b) <= tolerance(dtype) * (1 + Math.abs(b));
      if (!fine) return `${program.what}: element ${i} of output ${o} is ${a}, not ${b}`;
    }
  }
  return undefined;
};
