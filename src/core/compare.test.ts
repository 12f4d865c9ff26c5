import { describe, expect, it } from 'vitest';
import { compareValues } from './compare.ts';
import { MapValue, Sequence, Tensor, type Value } from './tensor.ts';
import type { DType } from './dtype.ts';

const t = (values: readonly (number | bigint | string)[], dtype: DType = 'float32'): Tensor => Tensor.from(dtype, [values.length], values);
const problem = (a: Value | undefined, e: Value): string | undefined => compareValues(a, e).problem;

describe('comparing', () => {
  it('allows 1e-7 + 1e-3 · |expected|', () => {
    expect(compareValues(t([1.0009]), t([1])).ok).toBe(true);
    expect(compareValues(t([1.0011]), t([1])).ok).toBe(false);
    expect(compareValues(t([0.9e-7]), t([0])).ok).toBe(true);
    expect(compareValues(t([2]), t([1]), { rtol: 0, atol: 2 })).toMatchObject({ ok: true, maxAbs: 1, worst: 0.5 });
  });

  it('allows bfloat16 two units in the last place, unless asked otherwise', () => {
    const [a, b, c] = [1, 1 + 2 ** -6, 1 + 3 * 2 ** -7].map((x) => t([x], 'bfloat16'));
    expect([compareValues(b, a!).ok, compareValues(c, a!).ok]).toEqual([true, false]);
    expect(compareValues(b, a!, { rtol: 1e-3, atol: 0 }).ok).toBe(false);
  });

  it('wants NaN and infinities in the same places', () => {
    expect(compareValues(t([NaN, Infinity, -Infinity]), t([NaN, Infinity, -Infinity])).ok).toBe(true);
    expect(problem(t([NaN]), t([1]))).toBe('differs at [0]: NaN, expected 1');
    expect(problem(t([Infinity]), t([-Infinity]))).toBe('differs at [0]: Infinity, expected -Infinity');
    expect(problem(t([1e30]), t([Infinity]))).toBe('differs at [0]: 1.0000000150474662e+30, expected Infinity');
  });

  it('is exact for everything that is not a float', () => {
    expect(problem(t([1000, 7], 'int32'), t([1000, 8], 'int32'))).toBe('differs at [1]: 7, expected 8');
    expect(problem(t([2n ** 60n], 'int64'), t([2n ** 60n + 1n], 'int64'))).toBe(`differs at [0]: ${2n ** 60n}, expected ${2n ** 60n + 1n}`);
    expect(problem(t(['a', 'b'], 'string'), t(['a', 'c'], 'string'))).toBe('differs at [1]: b, expected c');
  });

  it('finds the worst element, and says where it stands', () => {
    const a = Tensor.from('float32', [2, 2], [1, 2.1, 3, 5]);
    const e = Tensor.from('float32', [2, 2], [1, 2, 3, 4]);
    expect(compareValues(a, e).at).toEqual({ index: [1, 1], actual: 5, expected: 4 });
    const complex = (re: number): Tensor => new Tensor('complex64', [2], Float32Array.of(0, 0, 1, re));
    expect(compareValues(complex(1), complex(2)).at!.index).toEqual([1]);
  });

  it('tells types, shapes and kinds apart', () => {
    expect(problem(t([1]), t([1], 'float64'))).toBe('is float32, expected float64');
    expect(problem(t([1, 1]), t([1]))).toBe('has shape [2], expected [1]');
    expect(problem(undefined, t([1]))).toBe('is missing');
    expect(problem(null, t([1]))).toBe('is empty optional, expected float32[1]');
    expect(problem(null, null)).toBeUndefined();
    expect(problem(new Sequence([]), t([1]))).toBe('is sequence of 0, expected float32[1]');
  });

  it('goes into sequences and maps', () => {
    expect(problem(new Sequence([t([1]), t([2])]), new Sequence([t([1]), t([3])]))).toBe('item 1 differs at [0]: 2, expected 3');
    expect(problem(new Sequence([]), new Sequence([null]))).toBe('has 0 items, expected 1');
    const map = (v: number): MapValue => new MapValue(new Map([['k', t([v])]]));
    expect(compareValues(map(1), map(1))).toMatchObject({ ok: true, compared: 1 });
    expect(problem(map(1), map(2))).toBe('item 0 differs at [0]: 1, expected 2');
    expect(problem(new MapValue(new Map([['other', t([1])]])), map(1))).toBe('item 0 is missing');
  });
});
