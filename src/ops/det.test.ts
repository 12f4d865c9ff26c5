import { describe, expect, it } from 'vitest';
import { Det } from './det.ts';
import { call, errorOf, f32, tensor, valuesOf } from './testing.ts';

describe('Det', () => {
  it('pivots', () => {
    expect(valuesOf(Det, [tensor('float64', [0, 1, 1, 0], [2, 2])])).toEqual([-1]);
    expect(valuesOf(Det, [tensor('float64', [0, 0, 2, 3, 0, 0, 0, 5, 0], [3, 3])])).toEqual([30]);
    expect(valuesOf(Det, [tensor('float64', [1e-20, 1, 1, 1], [2, 2])])).toEqual([-1]);
  });
  it('is 0 for singular matrices, and never NaN for them', () => {
    const size = (values: number[], n: number): number => Math.abs(call(Det, [tensor('float64', values, [n, n])]).toNumbers()[0]!);
    expect(size([1, 2, 2, 4], 2)).toBe(0);
    expect(size([0, 0, 0, 0, 0, 0, 0, 0, 0], 3)).toBe(0);
  });
  it('passes NaN on', () => {
    expect(valuesOf(Det, [tensor('float64', [NaN, 1, 1, 1], [2, 2])])).toEqual([NaN]);
    expect(valuesOf(Det, [tensor('float64', [1, 1, 1, NaN], [2, 2])])).toEqual([NaN]);
  });
  it('takes batches, empty ones and empty matrices', () => {
    const y = call(Det, [tensor('float32', [2, 0, 0, 3, 1, 2, 3, 4], [2, 1, 2, 2])]);
    expect([y.dims, y.toValues()]).toEqual([
      [2, 1],
      [6, -2],
    ]);
    expect(call(Det, [tensor('float32', [], [0, 2, 2])]).dims).toEqual([0]);
    expect(valuesOf(Det, [tensor('float32', [], [0, 0])])).toEqual([1]);
    expect(valuesOf(Det, [tensor('float32', [], [2, 0, 0])])).toEqual([1, 1]);
    expect(valuesOf(Det, [tensor('float16', [3], [1, 1])])).toEqual([3]);
  });
  it('wants square matrices', () => {
    expect(errorOf(() => call(Det, [tensor('float32', [1, 2], [1, 2])]))).toBe(
      "FLAGOS_E_SHAPE: 'X' has shape [1, 2], its last two axes must be equal",
    );
    expect(errorOf(() => call(Det, [f32(1)]))).toBe("FLAGOS_E_SHAPE: 'X' has shape [1], it must have at least 2 axes");
  });
});
