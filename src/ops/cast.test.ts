import { describe, expect, it } from 'vitest';
import { dtypeInfo, type DType } from '../core/dtype.ts';
import { Tensor } from '../core/tensor.ts';
import { Cast, CastLike } from './cast.ts';
import { call, errorOf, f32, i64, inferred, int, tensor, text, valuesOf } from './testing.ts';

const to = (dtype: DType): { to: ReturnType<typeof int> } => ({ to: int(dtypeInfo(dtype).onnx) });
const plain = { saturate: int(0) };

describe('Cast between numbers', () => {
  it('truncates floats, wraps integers, tests for truth', () => {
    expect(valuesOf(Cast, [f32(1.9, -1.9, 300)], to('uint8'))).toEqual([1, 255, 44]);
    expect(valuesOf(Cast, [tensor('int16', [200, -300])], to('int8'))).toEqual([-56, -44]);
    expect(valuesOf(Cast, [f32(0, -0, NaN, 0.1)], to('bool'))).toEqual([false, false, true, true]);
    expect(valuesOf(Cast, [tensor('bool', [true, false])], to('float16'))).toEqual([1, 0]);
    expect(valuesOf(Cast, [f32(1e18)], to('int64'))).toEqual([BigInt(Math.fround(1e18))]);
    expect(valuesOf(Cast, [i64(-1)], to('uint32'))).toEqual([2 ** 32 - 1]);
  });

  it('rounds once, 64-bit integers too', () => {
    // Rounding to float64 first would make a tie of it, and the wrong one of its two sides.
    const hard = 2n ** 53n + 2n ** 29n + 1n;
    expect(valuesOf(Cast, [i64(hard, -hard)], to('float32'))).toEqual([2 ** 53 + 2 ** 30, -(2 ** 53) - 2 ** 30]);
    expect(valuesOf(Cast, [i64(hard)], to('bfloat16'))).toEqual([2 ** 53]);
    expect(valuesOf(Cast, [tensor('uint64', [2n ** 64n - 1n])], to('float32'))).toEqual([2 ** 64]);
    expect(valuesOf(Cast, [tensor('float64', [1 + 2 ** -11 + 2 ** -40])], to('float16'))).toEqual([1 + 2 ** -10]);
  });

  it('narrows to 4 and 2 bits', () => {
    expect(valuesOf(Cast, [f32(7.9, -8, 8, 15)], to('int4'))).toEqual([7, -8, -8, -1]);
    expect(valuesOf(Cast, [tensor('int8', [17, -1])], to('uint4'))).toEqual([1, 15]);
    expect(valuesOf(Cast, [tensor('int4', [-2, 1])], to('int2'))).toEqual([-2, 1]);
    expect(valuesOf(Cast, [f32(0.7, 2.5, 100, -100)], to('float4e2m1'))).toEqual([0.5, 2, 6, -6]);
  });

  it('saturates float8 unless told otherwise, and nothing else', () => {
    const x = f32(1e6, -Infinity, NaN);
    expect(valuesOf(Cast, [x], to('float8e4m3fn'))).toEqual([448, -448, NaN]);
    expect(valuesOf(Cast, [x], { ...to('float8e4m3fn'), ...plain })).toEqual([NaN, NaN, NaN]);
    expect(valuesOf(Cast, [x], to('float8e5m2'))).toEqual([57344, -57344, NaN]);
    expect(valuesOf(Cast, [x], { ...to('float8e5m2'), ...plain })).toEqual([Infinity, -Infinity, NaN]);
    expect(valuesOf(Cast, [x], to('float16'))).toEqual([Infinity, -Infinity, NaN]);
  });

  it('rounds to powers of two in three ways', () => {
    const x = f32(1, 1.25, 1.5, 1.75, 3 * 2 ** -128, 5 * 2 ** -129);
    const cast = (mode: string): unknown => valuesOf(Cast, [x], { ...to('float8e8m0'), round_mode: text(mode) });
    expect(cast('up')).toEqual([1, 2, 2, 2, 2 ** -126, 2 ** -126]);
    expect(cast('down')).toEqual([1, 1, 1, 1, 2 ** -127, 2 ** -127]);
    expect(cast('nearest')).toEqual([1, 1, 2, 2, 2 ** -126, 2 ** -127]);
    expect(valuesOf(Cast, [x], to('float8e8m0'))).toEqual(cast('up'));
    // ONNX's table of special values.
    const special = f32(0, NaN, Infinity, 1.5 * 2 ** 127, 2 ** -140);
    expect(valuesOf(Cast, [special], to('float8e8m0'))).toEqual([2 ** -127, NaN, 2 ** 127, 2 ** 127, 2 ** -127]);
    expect(valuesOf(Cast, [special], { ...to('float8e8m0'), ...plain, round_mode: text('nearest') })).toEqual([NaN, NaN, NaN, NaN, NaN]);
  });

  it('converts every pair of types', () => {
    const types = Object.values(Cast.inputs[0]!.types) as DType[];
    expect(types).toHaveLength(24);
    for (const from of types) {
      for (const target of types) {
        const one = from === 'string' ? tensor('string', ['1']) : Tensor.from(from, [1], [1]);
        const y = call(Cast, [one], to(target));
        const expected = target === 'bool' ? true : target === 'int64' || target === 'uint64' ? 1n : 1;
        if (target !== 'string') expect([from, target, y.toValues()]).toEqual([from, target, [expected]]);
        else expect([from, y.dtype, Number((y.data as string[])[0] === 'True' ? 1 : y.data[0])]).toEqual([from, 'string', 1]);
        expect(inferred(Cast, [one], to(target))).toEqual([{ kind: 'tensor', dtype: target, shape: [1] }]);
        expect(call(CastLike, [one, Tensor.zeros(target, [0])]).data).toEqual(y.data);
      }
    }
  });
});

describe('Cast to strings', () => {
  it('writes the fewest digits that give the number back', () => {
    expect(valuesOf(Cast, [f32(0.1, 1 / 3, 1, -0, 100, 123456.789)], to('string'))).toEqual([
      '0.1',
      '0.33333334',
      '1.0',
      '-0.0',
      '100.0',
      '123456.79',
    ]);
    expect(valuesOf(Cast, [tensor('float64', [0.1, 1 / 3, 5e-324, 1.7976931348623157e308])], to('string'))).toEqual([
      '0.1',
      '0.3333333333333333',
      '5e-324',
      '1.7976931348623157e+308',
    ]);
    expect(valuesOf(Cast, [tensor('float16', [0.1, 65504])], to('string'))).toEqual(['0.1', '65500.0']);
  });
  it('is scientific for the very large and small', () => {
    expect(valuesOf(Cast, [tensor('float64', [1e-4, 9.9e-5, 1e15, 1e16, -1.5e20])], to('string'))).toEqual([
      '0.0001',
      '9.9e-05',
      '1000000000000000.0',
      '1e+16',
      '-1.5e+20',
    ]);
  });
  it('writes other values as words', () => {
    expect(valuesOf(Cast, [f32(NaN, Infinity, -Infinity)], to('string'))).toEqual(['nan', 'inf', '-inf']);
    expect(valuesOf(Cast, [tensor('bool', [true, false])], to('string'))).toEqual(['True', 'False']);
    expect(valuesOf(Cast, [i64(-(2n ** 63n))], to('string'))).toEqual([`${-(2n ** 63n)}`]);
  });
});

describe('Cast from strings', () => {
  const strings = (...values: string[]): Tensor => tensor('string', values);
  it('reads plain and scientific decimals, infinities and NaN in any case', () => {
    expect(valuesOf(Cast, [strings('3.14', '1e-5', '1E8', ' -2 ', '.5', '7.')], to('float64'))).toEqual([3.14, 1e-5, 1e8, -2, 0.5, 7]);
    expect(valuesOf(Cast, [strings('+INF', 'inf', '-Inf', 'NaN')], to('float32'))).toEqual([Infinity, Infinity, -Infinity, NaN]);
  });
  it('reads integers exactly and cuts fractions', () => {
    expect(valuesOf(Cast, [strings(`${2n ** 64n - 1n}`, '+5')], to('uint64'))).toEqual([2n ** 64n - 1n, 5n]);
    expect(valuesOf(Cast, [strings('100.5', '-2.7', '1e3')], to('int32'))).toEqual([100, -2, 1000]);
    expect(valuesOf(Cast, [strings('true', 'False', '0', '2')], to('bool'))).toEqual([true, false, false, true]);
  });
  it('follows saturate and round_mode', () => {
    expect(valuesOf(Cast, [strings('1e6')], to('float8e4m3fn'))).toEqual([448]);
    expect(valuesOf(Cast, [strings('1e6')], { ...to('float8e4m3fn'), ...plain })).toEqual([NaN]);
    expect(valuesOf(Cast, [strings('1.25', '1.75', '1e99')], to('float8e8m0'))).toEqual([2, 2, 2 ** 127]);
    expect(valuesOf(Cast, [strings('1.25', '1.75')], { ...to('float8e8m0'), round_mode: text('down') })).toEqual([1, 1]);
  });
  it('says which text is no number', () => {
    expect(errorOf(() => call(Cast, [strings('1', 'Hello World!')], to('float32')))).toBe("FLAGOS_E_VALUE: 'Hello World!' is not a number");
    expect(errorOf(() => call(Cast, [strings('0x10')], to('int32')))).toBe("FLAGOS_E_VALUE: '0x10' is not a number");
    expect(errorOf(() => call(Cast, [strings('')], to('int32')))).toBe("FLAGOS_E_VALUE: '' is not a number");
    expect(errorOf(() => call(Cast, [strings('300')], to('uint8')))).toBe("FLAGOS_E_VALUE: '300' does not fit uint8");
    expect(errorOf(() => call(Cast, [strings('inf')], to('int64')))).toBe("FLAGOS_E_VALUE: 'inf' does not fit int64");
    expect(errorOf(() => call(Cast, [strings('9'.repeat(99))], to('int64')))).toBe(
      `FLAGOS_E_VALUE: '${'9'.repeat(40)}…' does not fit int64`,
    );
  });
  it('leaves complex numbers alone', () => {
    expect(errorOf(() => call(Cast, [strings('1')], to('complex64')))).toBe('FLAGOS_E_ATTRIBUTE: cannot cast to complex64');
    expect(errorOf(() => call(Cast, [f32(1)], to('complex64')))).toBe('FLAGOS_E_ATTRIBUTE: cannot cast to complex64');
  });
});
