import { describe, expect, it } from 'vitest';
import { BlackmanWindow, EyeLike, HammingWindow, HannWindow, Range } from './generate.ts';
import { dtypeInfo, type DType } from '../core/dtype.ts';
import type { Tensor } from '../core/tensor.ts';
import { call, errorOf, f32, i64, inferred, int, tensor, valuesOf } from './testing.ts';

const scalars = (dtype: DType, ...values: (number | bigint)[]): Tensor[] => values.map((v) => tensor(dtype, [v], []));

describe('Range', () => {
  it('counts up and down', () => {
    expect(valuesOf(Range, scalars('int32', 3, 9, 3))).toEqual([3, 6]);
    expect(valuesOf(Range, scalars('int16', 10, 4, -2))).toEqual([10, 8, 6]);
    expect(valuesOf(Range, scalars('int64', 5, 5, 1))).toEqual([]);
    expect(valuesOf(Range, scalars('int64', 5, 1, 1))).toEqual([]);
    expect(valuesOf(Range, scalars('float32', 0, 1, 0.25))).toEqual([0, 0.25, 0.5, 0.75]);
    expect(valuesOf(Range, scalars('float32', 1, 0, -0.4))).toEqual([1, 1 - Math.fround(0.4), 1 - 2 * Math.fround(0.4)].map(Math.fround));
  });
  it('is exact for the largest integers', () => {
    const top = 2n ** 63n - 1n;
    expect(valuesOf(Range, scalars('int64', top - 2n, top, 1))).toEqual([top - 2n, top - 1n]);
    expect(valuesOf(Range, scalars('int64', -top, top, top))).toEqual([-top, 0n]);
  });
  it('does not lose steps in narrow floats', () => {
    const values = valuesOf(Range, scalars('float16', 2040, 2060, 1));
    expect(values).toHaveLength(20);
    // float16 holds even integers only from 2048 on: 2057 and 2059 go to the nearest with an even code.
    expect(values.slice(-3)).toEqual([2056, 2058, 2060]);
  });
  it('refuses ranges without an end', () => {
    expect(errorOf(() => call(Range, scalars('int32', 0, 5, 0)))).toBe("FLAGOS_E_VALUE: 'delta' is 0, a range needs a step");
    expect(errorOf(() => call(Range, scalars('float32', NaN, 5, 1)))).toBe('FLAGOS_E_VALUE: there is no range from NaN to 5 in steps of 1');
    expect(errorOf(() => call(Range, scalars('float32', 0, Infinity, 1)))).toBe(
      'FLAGOS_E_LIMIT: the output would have Infinity elements, the limit is 2147483647',
    );
    expect(errorOf(() => call(Range, scalars('int64', 0, 2n ** 62n, 1)))).toBe(
      `FLAGOS_E_LIMIT: the output would have ${2 ** 62} elements, the limit is 2147483647`,
    );
    expect(errorOf(() => call(Range, [f32(1, 2), f32(3), f32(1)]))).toBe("FLAGOS_E_SHAPE: 'start' must hold one value, its shape is [2]");
    expect(errorOf(() => call(Range, scalars('float16', 0, 1, 1), { stash_type: int(6) }))).toBe(
      "FLAGOS_E_ATTRIBUTE: attribute 'stash_type' is int32, it must be float32 or float64",
    );
  });
});

describe('window functions', () => {
  const windows = [HannWindow, HammingWindow, BlackmanWindow];
  it('are 1 in the middle, periodic or symmetric', () => {
    for (const op of windows) {
      expect(call(op, [tensor('int64', [8], [])]).toNumbers()[4]).toBe(1);
      const symmetric = call(op, [tensor('int32', [9], [])], { periodic: int(0) }).toNumbers();
      expect(symmetric[4]).toBe(1);
      symmetric.forEach((v, i) => expect(Math.abs(v - symmetric[8 - i]!)).toBeLessThan(1e-7));
    }
  });
  it('come in every numeric type', () => {
    expect(valuesOf(BlackmanWindow, [tensor('int64', [10], [])], { output_datatype: int(6) })).toEqual([0, 0, 0, 0, 0, 1, 0, 0, 0, 0]);
    expect(inferred(HannWindow, [tensor('int64', [3], [])], { output_datatype: int(dtypeInfo('float16').onnx) })).toEqual([
      { kind: 'tensor', dtype: 'float16', shape: [3] },
    ]);
    expect(errorOf(() => call(HannWindow, [tensor('int64', [3], [])], { output_datatype: int(9) }))).toContain(
      "FLAGOS_E_ATTRIBUTE: attribute 'output_datatype' is bool",
    );
  });
  it('may be empty or of one point, not less', () => {
    for (const op of windows) {
      expect(valuesOf(op, [tensor('int64', [0], [])])).toEqual([]);
      expect(valuesOf(op, [tensor('int64', [1], [])], { periodic: int(0) })).toEqual([NaN]);
      expect(errorOf(() => call(op, [tensor('int64', [-1], [])]))).toBe("FLAGOS_E_VALUE: 'size' is -1, it must not be negative");
    }
  });
});

describe('EyeLike', () => {
  const x = tensor('int32', [1, 2, 3, 4, 5, 6], [2, 3]);
  it('has its ones on any diagonal', () => {
    expect(valuesOf(EyeLike, [x])).toEqual([1, 0, 0, 0, 1, 0]);
    expect(valuesOf(EyeLike, [x], { k: int(1) })).toEqual([0, 1, 0, 0, 0, 1]);
    expect(valuesOf(EyeLike, [x], { k: int(-1) })).toEqual([0, 0, 0, 1, 0, 0]);
    expect(valuesOf(EyeLike, [x], { k: int(7), dtype: int(9) })).toEqual([false, false, false, false, false, false]);
  });
  it('is a matrix', () => {
    expect(errorOf(() => call(EyeLike, [i64(1, 2)]))).toBe("FLAGOS_E_SHAPE: 'input' has shape [2], it must be a matrix");
    expect(errorOf(() => call(EyeLike, [x], { dtype: int(8) }))).toContain("FLAGOS_E_ATTRIBUTE: attribute 'dtype' is string");
  });
});
