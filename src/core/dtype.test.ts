import { describe, expect, it } from 'vitest';
import { allocate, dtypeFromOnnx, dtypeInfo, dtypes, integerRange, isBigInt, isDType, isFloat, isInteger } from './dtype.ts';
import { FlagosError } from './errors.ts';

describe('element types', () => {
  it('have the numbers ONNX gives them', () => {
    // TensorProto.DataType of ONNX 1.23, 1 … 26.
    const inOrder = [
      'float32',
      'uint8',
      'int8',
      'uint16',
      'int16',
      'int32',
      'int64',
      'string',
      'bool',
      'float16',
      'float64',
      'uint32',
      'uint64',
      'complex64',
      'complex128',
      'bfloat16',
      'float8e4m3fn',
      'float8e4m3fnuz',
      'float8e5m2',
      'float8e5m2fnuz',
      'uint4',
      'int4',
      'float4e2m1',
      'float8e8m0',
      'uint2',
      'int2',
    ];
    expect(dtypes).toEqual(inOrder);
    expect(dtypes.map((d) => dtypeInfo(d).onnx)).toEqual(inOrder.map((_, i) => i + 1));
    expect(dtypes.map((_, i) => dtypeFromOnnx(i + 1))).toEqual(inOrder);
    expect([dtypeFromOnnx(0), dtypeFromOnnx(99), dtypeFromOnnx(-1)]).toEqual([undefined, undefined, undefined]);
  });

  it('take whole bytes in memory', () => {
    const bytes = Object.fromEntries(dtypes.map((d) => [d, dtypeInfo(d).bytes]));
    expect(bytes).toMatchObject({
      float32: 4,
      float64: 8,
      float16: 2,
      bfloat16: 2,
      float8e5m2: 1,
      int4: 1,
      uint2: 1,
      bool: 1,
      string: 0,
      complex64: 8,
      complex128: 16,
      int64: 8,
    });
    expect([dtypeInfo('int4').bits, dtypeInfo('uint2').bits, dtypeInfo('float4e2m1').bits, dtypeInfo('complex64').bits]).toEqual([
      4, 2, 4, 64,
    ]);
  });

  it('are sorted by what arithmetic they know', () => {
    expect(dtypes.filter(isFloat)).toHaveLength(10);
    expect(dtypes.filter(isInteger)).toHaveLength(12);
    expect(dtypes.filter(isBigInt)).toEqual(['int64', 'uint64']);
    expect([isDType('float32'), isDType('float'), isDType('toString')]).toEqual([true, false, false]);
  });

  it('have ranges', () => {
    expect(integerRange('int8')).toEqual([-128n, 127n]);
    expect(integerRange('uint4')).toEqual([0n, 15n]);
    expect(integerRange('int2')).toEqual([-2n, 1n]);
    expect(integerRange('bool')).toEqual([0n, 1n]);
    expect(integerRange('int64')).toEqual([-(2n ** 63n), 2n ** 63n - 1n]);
    expect(integerRange('uint64')).toEqual([0n, 2n ** 64n - 1n]);
  });
});

describe('storage', () => {
  it('is zeroed, of the type’s array, with two lanes for complex numbers', () => {
    expect(allocate('float16', 2)).toEqual(new Uint16Array(2));
    expect(allocate('int4', 2)).toEqual(new Int8Array(2));
    expect(allocate('uint64', 1)).toEqual(new BigUint64Array(1));
    expect(allocate('complex128', 2)).toEqual(new Float64Array(4));
    expect(allocate('string', 2)).toEqual(['', '']);
  });

  it.each(['float64', 'uint8', 'string'] as const)('of impossible size is a typed error (%s)', (dtype) => {
    const make = (): unknown => allocate(dtype, 2 ** 52);
    expect(make).toThrow(FlagosError);
    expect(make).toThrow(`FLAGOS_E_LIMIT: cannot hold ${2 ** 52} elements of ${dtype}`);
  });
});
