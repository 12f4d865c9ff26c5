import { describe, expect, it } from 'vitest';
import { Tensor } from '../core/tensor.ts';
import { And, Equal, Greater, LessOrEqual, Or, Where, Xor } from './logic.ts';
import { call, errorOf, f32, i64, inferred, tensor, valuesOf } from './testing.ts';

const bools = (...values: boolean[]): Tensor => tensor('bool', values);
const strings = (values: string[], dims?: readonly number[]): Tensor => tensor('string', values, dims);

describe('logic', () => {
  it('connects truth values', () => {
    const [a, b] = [bools(false, false, true, true), bools(false, true, false, true)];
    expect([And, Or, Xor].map((op) => valuesOf(op, [a, b]))).toEqual([
      [false, false, false, true],
      [false, true, true, true],
      [false, true, true, false],
    ]);
    expect(errorOf(() => call(And, [f32(1), f32(1)]))).toContain("FLAGOS_E_DTYPE: input 'A' is float32");
  });

  it('compares, NaN with nothing', () => {
    expect(valuesOf(Greater, [f32(NaN, 2), f32(1, 1)])).toEqual([false, true]);
    expect(valuesOf(LessOrEqual, [f32(NaN, 1), f32(1, 1)])).toEqual([false, true]);
    expect(valuesOf(Equal, [f32(NaN, 0), f32(NaN, -0)])).toEqual([false, true]);
    expect(valuesOf(Equal, [i64(2n ** 60n), i64(2n ** 60n + 1n)])).toEqual([false]);
    expect(valuesOf(Equal, [bools(true, false), bools(true)])).toEqual([true, false]);
  });

  it('compares strings, broadcast', () => {
    const y = call(Equal, [strings(['a', 'b', 'é'], [1, 3]), strings(['b', 'é'], [2, 1])]);
    expect([y.dtype, y.dims, y.toValues()]).toEqual(['bool', [2, 3], [false, true, false, false, false, true]]);
    expect(call(Equal, [strings([], [0, 2]), strings(['a'])]).dims).toEqual([0, 2]);
    expect(valuesOf(Equal, [strings(['a'], []), strings(['a'], [])])).toEqual([true]);
    expect(inferred(Equal, [strings(['a', 'b']), strings(['c'])])).toEqual([{ kind: 'tensor', dtype: 'bool', shape: [2] }]);
    expect(errorOf(() => call(Equal, [strings(['a', 'b']), strings(['a', 'b', 'c'])]))).toBe(
      'FLAGOS_E_SHAPE: shapes [2] and [3] do not broadcast',
    );
  });
});

describe('Where', () => {
  it('chooses elements of any type', () => {
    const c = bools(true, false);
    expect(valuesOf(Where, [c, strings(['a', 'b']), strings(['c'])])).toEqual(['a', 'c']);
    expect(valuesOf(Where, [c, i64(1), i64(2)])).toEqual([1n, 2n]);
    const complex = (...lanes: number[]): Tensor => new Tensor('complex64', [lanes.length / 2], Float32Array.from(lanes));
    expect(call(Where, [c, complex(1, 2), complex(3, 4, 5, 6)]).data).toEqual(Float32Array.of(1, 2, 5, 6));
  });
  it('broadcasts all three', () => {
    expect(call(Where, [tensor('bool', [true, false], [2, 1, 1]), f32(1, 2, 3), tensor('float32', [4, 5], [2, 1])]).dims).toEqual([
      2, 2, 3,
    ]);
  });
});
