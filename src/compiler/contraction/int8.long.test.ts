/** Integer contractions of bytes less zero points, four at a time: the same numbers, to the last bit. */
import { describe, expect, it } from 'vitest';
import type { DType } from '../../core/dtype.ts';
import { conv, type ConvAttrs } from '../../ops/conv.ts';
import { matmul } from '../../ops/matmul.ts';
import { centered, type Readable } from '../../ops/readable.ts';
import { InputTensor, type TensorExpr } from '../tensor-expr.ts';
import { randomData, runJs, testCompiler } from './compile.test-util.ts';

const found = await testCompiler();
const kinds = typeof found === 'string' ? [] : found.int8;

/** Bytes over their whole range, the ends included. */
const bytes = (t: InputTensor, seed: number): ReturnType<typeof randomData> => {
  const data = randomData(t, seed) as Uint8Array;
  data.forEach((_, i) => (data[i] = (i * 97 + seed * 31 + (i >> 3)) % 256));
  return data;
};

type Zero = 'none' | 'one' | 'each';
type Build = (a: Readable, b: Readable) => TensorExpr;

/** `axis`: along which side b has zero points of its own. */
const check = (kind: 'dot' | 'amx', a: InputTensor, b: InputTensor, [za, zb]: readonly [Zero, Zero], axis: number, build: Build): void => {
  if (typeof found === 'string') throw new Error(found);
  const inputs = [a, b];
  const side = (t: InputTensor, zero: Zero, along: number): Readable => {
    if (zero === 'none') return centered(t, undefined);
    const z = new InputTensor(`z${inputs.length}`, t.dtype, zero === 'one' ? [] : [t.shape[along]!]);
    inputs.push(z);
    return centered(t, (...i) => (zero === 'one' ? z.at() : z.at(i[along]!)));
  };
  const y = build(side(a, za, 0), side(b, zb, axis));
  const data = inputs.map((t, i) => bytes(t, i + 1));
  const compiled = found.compile(inputs, [y], { int8: kind });
  expect(compiled.source).toContain(kind === 'amx' ? '_tile_dpbusd(1, 2, 4)' : 'mkb_14x2');
  expect(compiled.run(data)).toEqual(runJs(inputs, [y], data));
};

const types: readonly (readonly [DType, DType])[] = [
  ['uint8', 'int8'],
  ['int8', 'int8'],
  ['uint8', 'uint8'],
  ['int8', 'uint8'],
];
const sizes = [
  [5, 64, 64],
  [14, 33, 32],
  [17, 100, 45],
  [40, 257, 70],
] as const;
const attrs = (more: Partial<ConvAttrs> = {}): ConvAttrs => ({
  auto_pad: 'NOTSET',
  dilations: undefined,
  pads: [1, 1, 1, 1],
  strides: [1, 1],
  group: 1,
  kernel_shape: undefined,
  ...more,
});

describe.each(kinds)('contractions of bytes by %s', (kind) => {
  // Every pair of types at a size of its own: each program is compiled, which takes time.
  it.each(types.map((pair, i) => [...pair, ...sizes[i]!] as const))('%s × %s, %i × %i × %i', (ta, tb, m, k, n) => {
    const [a, b] = [new InputTensor('a', ta, [m, k]), new InputTensor('b', tb, [k, n])];
    check(kind, a, b, ['one', 'one'], 1, matmul);
    check(kind, a, b, ['each', 'each'], 1, matmul);
  });
  it.each(types)('convolution of %s by %s', (ta, tb) => {
    const x = new InputTensor('x', ta, [1, 16, 9, 9]);
    const w = new InputTensor('w', tb, [33, 16, 3, 3]);
    check(kind, x, w, ['one', 'each'], 0, (p, q) => conv(p, q, undefined, attrs({ strides: [2, 1], pads: [0, 1, 2, 1] })));
  });
  it('convolution in groups', () => {
    const [x, w] = [new InputTensor('x', 'uint8', [1, 16, 9, 9]), new InputTensor('w', 'int8', [40, 8, 3, 3])];
    check(kind, x, w, ['one', 'none'], 0, (p, q) => conv(p, q, undefined, attrs({ group: 2, dilations: [2, 2] })));
  });
  it('sums that do not fit 32 bits come round as they should', () => {
    const [a, b] = [new InputTensor('a', 'uint8', [8, 40_000]), new InputTensor('b', 'uint8', [40_000, 33])];
    check(kind, a, b, ['none', 'one'], 1, matmul);
  });
});

it.skipIf(kinds.length > 0)(`this processor or compiler has no products of bytes${typeof found === 'string' ? `: ${found}` : ''}`, () => {
  expect(kinds).toEqual([]);
});
