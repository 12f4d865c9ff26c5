import { describe, expect, it } from 'vitest';
import { Sequence, Tensor } from '../core/tensor.ts';
import { Abs, Erf, Identity, IsInf, IsNaN, Neg, Reciprocal, Round, Sign, Sqrt } from './elementwise.ts';
import { call, callAll, errorOf, f32, i64, inferred, int, tensor, valuesOf } from './testing.ts';

describe('element-wise ops', () => {
  it('wrap at the width of integers', () => {
    expect(valuesOf(Abs, [tensor('int8', [-128, -1, 5])])).toEqual([-128, 1, 5]);
    expect(valuesOf(Neg, [tensor('int16', [-32768, 7])])).toEqual([-32768, -7]);
    expect(valuesOf(Neg, [i64(-(2n ** 63n), 3)])).toEqual([-(2n ** 63n), -3n]);
    expect(valuesOf(Abs, [tensor('uint64', [2n ** 64n - 1n])])).toEqual([2n ** 64n - 1n]);
    expect(valuesOf(Sign, [i64(-5, 0, 9)])).toEqual([-1n, 0n, 1n]);
  });

  it('round halves to even', () => {
    expect(valuesOf(Round, [f32(-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 0.49999997, NaN, Infinity)])).toEqual([
      -2,
      -2,
      -0,
      0,
      2,
      2,
      0,
      NaN,
      Infinity,
    ]);
  });

  it('follow IEEE outside the domain', () => {
    expect(valuesOf(Sqrt, [f32(-1, -0)])).toEqual([NaN, -0]);
    expect(valuesOf(Reciprocal, [f32(0, -0, Infinity)])).toEqual([Infinity, -Infinity, 0]);
  });

  it('give erf to full precision', () => {
    // mpmath, to float64.
    const [a, b, c, d] = valuesOf(Erf, [tensor('float64', [0.5, 1e-10, 3, -6.5])]) as number[];
    expect(a).toBeCloseTo(0.5204998778130465, 15);
    expect(b! / 1.1283791670955126e-10).toBeCloseTo(1, 14);
    expect(c).toBeCloseTo(0.9999779095030014, 15);
    expect(d).toBe(-1);
  });

  it('work on scalars and empty tensors', () => {
    expect(call(Abs, [tensor('float32', [-1], [])]).dims).toEqual([]);
    expect(call(Abs, [tensor('float32', [], [2, 0])]).dims).toEqual([2, 0]);
  });

  it('refuse other element types', () => {
    expect(errorOf(() => call(Sqrt, [i64(4)]))).toBe("FLAGOS_E_DTYPE: input 'X' is int64, allowed are float32, float64, float16, bfloat16");
    expect(errorOf(() => call(Sqrt, []))).toBe("FLAGOS_E_MODEL_INVALID: input 'X' is missing");
    expect(errorOf(() => call(Sqrt, [f32(1)], { alpha: int(1) }))).toBe("FLAGOS_E_ATTRIBUTE: attribute 'alpha' is unknown");
  });
});

describe('IsInf and IsNaN', () => {
  const x = f32(-Infinity, Infinity, NaN, 1);
  it('look for one sign, both or neither', () => {
    expect(valuesOf(IsInf, [x])).toEqual([true, true, false, false]);
    expect(valuesOf(IsInf, [x], { detect_positive: int(0) })).toEqual([true, false, false, false]);
    expect(valuesOf(IsInf, [x], { detect_negative: int(0) })).toEqual([false, true, false, false]);
    expect(valuesOf(IsInf, [x], { detect_negative: int(0), detect_positive: int(0) })).toEqual([false, false, false, false]);
    expect(valuesOf(IsNaN, [x])).toEqual([false, false, true, false]);
  });

  it('know which float8 types have infinities', () => {
    expect(valuesOf(IsInf, [new Tensor('float8e5m2', [3], Uint8Array.of(0x7c, 0xfc, 0x7b))])).toEqual([true, true, false]);
    expect(valuesOf(IsInf, [new Tensor('float8e4m3fn', [2], Uint8Array.of(0x7f, 0x7e))])).toEqual([false, false]);
    expect(valuesOf(IsNaN, [new Tensor('float8e4m3fnuz', [2], Uint8Array.of(0x80, 0x7f))])).toEqual([true, false]);
  });
});

describe('Identity', () => {
  it('passes on values of every kind', () => {
    const complex = new Tensor('complex64', [1], Float32Array.of(1, 2));
    const sequence = new Sequence([f32(1)]);
    expect(callAll(Identity, [complex])).toEqual([complex]);
    expect(callAll(Identity, [sequence])).toEqual([sequence]);
    expect(callAll(Identity, [null])).toEqual([null]);
    expect(valuesOf(Identity, [tensor('string', ['a'])])).toEqual(['a']);
    expect(valuesOf(Identity, [tensor('int4', [-8])])).toEqual([-8]);
  });

  it('infers the types of tensors', () => {
    expect(inferred(Identity, [f32(1, 2)])).toEqual([{ kind: 'tensor', dtype: 'float32', shape: [2] }]);
  });
});
