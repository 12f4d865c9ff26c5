import { describe, expect, it } from 'vitest';
import { Add, Clip, Div, Max, Mean, Mod, Mul, Pow, Shrink, Sub, Sum } from './arithmetic.ts';
import { call, errorOf, f32, float, i32, i64, inferred, int, tensor, valuesOf } from './testing.ts';

describe('arithmetic', () => {
  it('wraps integers', () => {
    expect(valuesOf(Add, [tensor('uint8', [250]), tensor('uint8', [10])])).toEqual([4]);
    expect(valuesOf(Sub, [tensor('uint32', [0]), tensor('uint32', [1])])).toEqual([2 ** 32 - 1]);
    expect(valuesOf(Mul, [i32(2 ** 30), i32(6)])).toEqual([-(2 ** 31)]);
    expect(valuesOf(Mul, [i64(2n ** 62n), i64(2)])).toEqual([-(2n ** 63n)]);
  });

  it('truncates integer quotients toward zero; by zero gives zero', () => {
    expect(valuesOf(Div, [i32(7, -7, 7, -7, 5), i32(2, 2, -2, -2, 0)])).toEqual([3, -3, -3, 3, 0]);
    expect(valuesOf(Div, [i32(-(2 ** 31)), i32(-1)])).toEqual([-(2 ** 31)]);
    expect(valuesOf(Div, [i64(-7, 1), i64(2, 0)])).toEqual([-3n, 0n]);
  });

  it('broadcasts', () => {
    const y = call(Add, [tensor('float32', [1, 2], [2, 1]), tensor('float32', [10, 20, 30], [1, 1, 3])]);
    expect([y.dims, y.toValues()]).toEqual([
      [1, 2, 3],
      [11, 21, 31, 12, 22, 32],
    ]);
    expect(inferred(Add, [tensor('int8', [], [0, 3]), tensor('int8', [1])])).toEqual([{ kind: 'tensor', dtype: 'int8', shape: [0, 3] }]);
    expect(errorOf(() => call(Add, [f32(1, 2), f32(1, 2, 3)]))).toBe('FLAGOS_E_SHAPE: shapes [2] and [3] do not broadcast');
    expect(errorOf(() => call(Add, [f32(1), i32(1)]))).toBe("FLAGOS_E_DTYPE: input 'B' is int32, but 'A' is float32");
  });

  it('folds any number of arguments', () => {
    expect(valuesOf(Max, [i64(1, 9), i64(5), i64(3, 12)])).toEqual([5n, 12n]);
    expect(valuesOf(Max, [f32(NaN, 1), f32(1, NaN)])).toEqual([NaN, NaN]);
    expect(valuesOf(Sum, [f32(1, 2)])).toEqual([1, 2]);
    expect(valuesOf(Mean, [f32(1, 2), f32(2), f32(6)])).toEqual([3, 10 / 3].map(Math.fround));
    expect(errorOf(() => call(Sum, []))).toBe("FLAGOS_E_MODEL_INVALID: input 'data_0' is missing");
    expect(errorOf(() => call(Max, [f32(1), i32(1)]))).toBe(
      "FLAGOS_E_DTYPE: arguments of 'data_0' are float32 and int32, they must be alike",
    );
  });
});

describe('Mod', () => {
  it('takes the sign of the divisor, with fmod of the dividend', () => {
    const [a, b] = [i32(-7, 7, -7, 7), i32(3, -3, -3, 0)];
    expect(valuesOf(Mod, [a, b])).toEqual([2, -2, -1, 0]);
    expect(valuesOf(Mod, [a, b], { fmod: int(1) })).toEqual([-1, 1, -1, 0]);
    expect(valuesOf(Mod, [f32(5, -5, 5, Infinity, 1), f32(Infinity, Infinity, -Infinity, 2, 0)])).toEqual([
      5,
      Infinity,
      -Infinity,
      NaN,
      NaN,
    ]);
  });
  it('knows two ways only', () => {
    expect(errorOf(() => call(Mod, [f32(1), f32(1)], { fmod: int(2) }))).toBe(
      "FLAGOS_E_ATTRIBUTE: attribute 'fmod' is 2, it must be 0 or 1",
    );
  });
});

describe('Pow', () => {
  it('keeps the type of the base', () => {
    expect(valuesOf(Pow, [i32(2, 3), f32(0.5, 2)])).toEqual([1, 9]);
    expect(valuesOf(Pow, [f32(2, 3), i64(10, -1)])).toEqual([1024, Math.fround(1 / 3)]);
    expect(valuesOf(Pow, [f32(-1, -1), i32(2 ** 24 + 1, 2 ** 24)])).toEqual([-1, 1]);
  });
  it('is exact modulo the width for integers', () => {
    expect(valuesOf(Pow, [i32(3, 7), i32(200, 31)])).toEqual([Number(BigInt.asIntN(32, 3n ** 200n)), Number(BigInt.asIntN(32, 7n ** 31n))]);
    expect(valuesOf(Pow, [i64(-5), tensor('uint8', [177])])).toEqual([BigInt.asIntN(64, (-5n) ** 177n)]);
    // The order of 3 modulo 2^64 divides 2^62.
    expect(valuesOf(Pow, [i64(3), tensor('uint64', [2n ** 63n + 5n])])).toEqual([3n ** 5n]);
  });
  it('of a negative exponent is 0, except for ±1', () => {
    expect(valuesOf(Pow, [i32(2, 1, -1, -1), i32(-1, -5, -3, -2)])).toEqual([0, 1, -1, 1]);
  });
});

describe('Clip', () => {
  it('takes either bound, the upper one last', () => {
    expect(valuesOf(Clip, [i32(1, 5, 9), undefined, tensor('int32', [4], [])])).toEqual([1, 4, 4]);
    expect(valuesOf(Clip, [i32(1, 5, 9), tensor('int32', [4], [])])).toEqual([4, 5, 9]);
    expect(valuesOf(Clip, [i32(1, 5, 9), i32(6), i32(3)])).toEqual([3, 3, 3]);
    expect(valuesOf(Clip, [f32(NaN, 5)])).toEqual([NaN, 5]);
  });
  it('wants one value as a bound', () => {
    expect(errorOf(() => call(Clip, [f32(1), f32(1, 2)]))).toBe("FLAGOS_E_SHAPE: 'min' must hold one value, its shape is [2]");
  });
});

describe('Shrink', () => {
  it('works on real numbers and cuts integers', () => {
    expect(valuesOf(Shrink, [f32(-2, -1, 0, 1, 2)], { lambd: float(1.5), bias: float(0.5) })).toEqual([-1.5, 0, 0, 0, 1.5]);
    expect(valuesOf(Shrink, [i32(-3, -1, 2, 3)], { lambd: float(1.5), bias: float(1.5) })).toEqual([-1, 0, 0, 1]);
    expect(valuesOf(Shrink, [i64(2n ** 62n + 1n)], { bias: float(1) })).toEqual([2n ** 62n]);
    expect(valuesOf(Shrink, [tensor('uint8', [3, 0])])).toEqual([3, 0]);
  });
});
