/** Integer contractions of bytes less zero points that are no byte of their kind, by 16-bit pairs: the same numbers, to the last bit. */
import { describe, expect, it } from 'vitest';
import type { DType } from '../../core/dtype.ts';
import { conv } from '../../ops/conv.ts';
import { matmul } from '../../ops/matmul.ts';
import type { Readable } from '../../ops/readable.ts';
import { add, cast, mul } from '../expr.ts';
import { InputTensor, type TensorExpr } from '../tensor-expr.ts';
import { magnitudeOf } from './int16.ts';
import { randomData, runJs, testCompiler } from './compile.test-util.ts';

const found = await testCompiler();
const able = typeof found !== 'string' && found.int8.length > 0;

/** Bytes less a zero point, in 32 bits, where they are read. */
const centered = (x: TensorExpr, zero: TensorExpr): Readable => ({
  shape: x.shape,
  at: (...i) => add(cast(x.at(...i), 'int32'), mul(-1, cast(zero.at(), 'int32'))),
});

/** Bytes over their whole range, the ends included. */
const bytes = (t: InputTensor, seed: number): ReturnType<typeof randomData> => {
  const data = randomData(t, seed) as Uint8Array;
  data.forEach((_, i) => (data[i] = (i * 97 + seed * 31) % 256));
  return data;
};

const check = (a: InputTensor, b: InputTensor, build: (a: Readable, b: Readable) => TensorExpr): void => {
  if (typeof found === 'string') throw new Error(found);
  const other = (t: InputTensor): DType => (t.dtype === 'uint8' ? 'int8' : 'uint8');
  const zeros = [new InputTensor('za', other(a), []), new InputTensor('zb', other(b), [])];
  const y = build(centered(a, zeros[0]!), centered(b, zeros[1]!));
  const data = [bytes(a, 1), bytes(b, 2), bytes(zeros[0]!, 7), bytes(zeros[1]!, 9)];
  const compiled = found.compile([a, b, ...zeros], [y], { int8: 'dot' });
  expect(compiled.source).toContain('_mm512_dpwssd_epi32');
  expect(compiled.run(data)).toEqual(runJs([a, b, ...zeros], [y], data));
};

describe.skipIf(!able)('contractions of bytes', () => {
  const pairs: readonly (readonly [DType, DType])[] = [
    ['uint8', 'int8'],
    ['int8', 'int8'],
    ['uint8', 'uint8'],
    ['int8', 'uint8'],
  ];
  for (const [ta, tb] of pairs) {
    for (const [m, k, n] of [
      [3, 64, 64],
      [14, 33, 32],
      [17, 100, 45],
      [40, 257, 70],
    ] as const) {
      it(`${ta} × ${tb}, ${m} × ${k} × ${n}`, () =>
        check(new InputTensor('a', ta, [m, k]), new InputTensor('b', tb, [k, n]), (a, b) => matmul(a, b)));
    }
  }
  it('convolutions', () => {
    const attrs = {
      auto_pad: 'NOTSET' as const,
      dilations: undefined,
      pads: [1, 1, 1, 1],
      strides: [1, 1],
      group: 1,
      kernel_shape: undefined,
    };
    check(new InputTensor('x', 'uint8', [1, 8, 9, 9]), new InputTensor('w', 'int8', [32, 8, 3, 3]), (x, w) => conv(x, w, undefined, attrs));
  });
});

describe('the largest magnitude of an integer expression', () => {
  const read = (dtype: DType) =>
    ({
      kind: 'read',
      type: dtype,
      buffer: { name: 'b', dtype, size: 1, role: 'input' },
      at: { kind: 'const', type: 'index', value: 0 },
    }) as const;
  const wide = (dtype: DType) => ({ kind: 'cast', type: 'int32', x: read(dtype), saturate: false }) as const;
  it('is known of bytes and what is added to them', () => {
    expect([magnitudeOf(wide('uint8')), magnitudeOf(wide('int8')), magnitudeOf(wide('int4'))]).toEqual([255, 128, 8]);
    expect(magnitudeOf({ kind: 'binary', type: 'int32', op: 'sub', a: wide('uint8'), b: wide('int8') })).toBe(383);
  });
  it('is not known of wider numbers and of floats', () => {
    expect([magnitudeOf(wide('int32')), magnitudeOf(wide('float32'))]).toEqual([Infinity, Infinity]);
  });
});
