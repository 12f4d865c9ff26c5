import { describe, expect, it } from 'vitest';
import { dtypeInfo, type DType } from '../core/dtype.ts';
import type { Tensor } from '../core/tensor.ts';
import { DequantizeLinear, DynamicQuantizeLinear, QuantizeLinear } from './quantize.ts';
import { call, callAll, errorOf, f32, i32, inferred, int, tensor, valuesOf } from './testing.ts';

const out = (dtype: DType): { output_dtype: ReturnType<typeof int> } => ({ output_dtype: int(dtypeInfo(dtype).onnx) });
const scalar = (v: number): Tensor => tensor('float32', [v], []);
const grid = (rows: number, columns: number, dtype: DType = 'float32'): Tensor =>
  tensor(
    dtype,
    Array.from({ length: rows * columns }, (_, i) => i % 8),
    [rows, columns],
  );

describe('QuantizeLinear', () => {
  it('rounds half to even before it adds the zero point', () => {
    expect(valuesOf(QuantizeLinear, [f32(0.5, 1.5, 2.5, -0.5, -1.5), scalar(1), tensor('uint8', [1], [])])).toEqual([1, 3, 3, 1, 0]);
  });
  it('saturates to the range of each type', () => {
    for (const [dtype, lo, hi] of [
      ['int8', -128, 127],
      ['uint16', 0, 65535],
      ['int4', -8, 7],
      ['uint2', 0, 3],
      ['float8e4m3fn', -448, 448],
      ['float4e2m1', -6, 6],
    ] as const) {
      expect([dtype, ...valuesOf(QuantizeLinear, [f32(-1e9, 1e9), scalar(1)], out(dtype))]).toEqual([dtype, lo, hi]);
    }
    expect(valuesOf(QuantizeLinear, [f32(1e9), scalar(1)], { ...out('float8e5m2'), saturate: int(0) })).toEqual([Infinity]);
  });
  it('divides in float32, as its scale is', () => {
    // float32 1.05 / float32 0.7 is 1.49999996; the nearest float32 is 1.5, which goes to 2.
    expect(valuesOf(QuantizeLinear, [f32(1.05), scalar(0.7)])).toEqual([2]);
  });
  it('divides in another type if asked', () => {
    const x = tensor('float32', [2049]);
    expect(valuesOf(QuantizeLinear, [x, scalar(1)], out('int16'))).toEqual([2049]);
    expect(valuesOf(QuantizeLinear, [x, scalar(1)], { ...out('int16'), precision: int(10) })).toEqual([2048]);
  });
  it('has a scale per axis or per block, the last block shorter', () => {
    const x = tensor('float32', [1, 1, 1, 1, 1, 2, 2, 2, 2, 2], [2, 5]);
    expect(valuesOf(QuantizeLinear, [x, f32(1, 0.5)], { axis: int(0) })).toEqual([1, 1, 1, 1, 1, 4, 4, 4, 4, 4]);
    expect(valuesOf(QuantizeLinear, [x, f32(1, 2, 1, 1, 1)], { axis: int(-1) })).toEqual([1, 0, 1, 1, 1, 2, 1, 2, 2, 2]);
    const scales = tensor('float32', [1, 0.5, 0.25, 1, 1, 2], [2, 3]);
    expect(valuesOf(QuantizeLinear, [x, scales], { block_size: int(2) })).toEqual([1, 1, 2, 2, 4, 2, 2, 2, 2, 1]);
    expect(valuesOf(QuantizeLinear, [f32(1, 2), f32(1, 2)], { axis: int(1) })).toEqual([1, 1]);
  });
  it('infers its output type', () => {
    expect(inferred(QuantizeLinear, [f32(1), scalar(1)])).toEqual([{ kind: 'tensor', dtype: 'uint8', shape: [1] }]);
    expect(inferred(QuantizeLinear, [f32(1), scalar(1), tensor('int4', [0], [])])).toEqual([{ kind: 'tensor', dtype: 'int4', shape: [1] }]);
    expect(inferred(QuantizeLinear, [f32(1), scalar(1)], out('int16'))).toEqual([{ kind: 'tensor', dtype: 'int16', shape: [1] }]);
  });
  it('says what does not fit', () => {
    const x = grid(2, 3);
    const fails = (...args: Parameters<typeof call>): string => errorOf(() => call(...args));
    expect(fails(QuantizeLinear, [x, f32(1, 1)])).toBe(
      'FLAGOS_E_SHAPE: the scale has shape [2]; for a tensor of shape [2, 3] and one scale along axis 1 it must be [3]',
    );
    expect(fails(QuantizeLinear, [x, grid(2, 3)], { block_size: int(2) })).toBe(
      'FLAGOS_E_SHAPE: the scale has shape [2, 3]; for a tensor of shape [2, 3] and blocks of 2 along axis 1 it must be [2, 2]',
    );
    expect(fails(QuantizeLinear, [x, f32(1, 1, 1), tensor('uint8', [0], [])])).toBe(
      'FLAGOS_E_SHAPE: the zero point has shape [], the scale [3]; they must be alike',
    );
    expect(fails(QuantizeLinear, [x, f32(1, 1, 1)], { axis: int(2) })).toBe('FLAGOS_E_VALUE: axis 2 is outside a tensor of rank 2');
    expect(fails(QuantizeLinear, [x, f32(1, 1, 1)], { block_size: int(-1) })).toBe(
      "FLAGOS_E_ATTRIBUTE: attribute 'block_size' is -1, it must not be negative",
    );
    expect(fails(QuantizeLinear, [x, scalar(1), tensor('int8', [0], [])], out('uint8'))).toBe(
      "FLAGOS_E_DTYPE: attribute 'output_dtype' is uint8, but 'y_zero_point' is int8; they must be alike",
    );
    expect(fails(QuantizeLinear, [x, scalar(1)], out('float32'))).toContain(
      "FLAGOS_E_ATTRIBUTE: attribute 'output_dtype' is float32, it must be one of int8",
    );
    expect(fails(QuantizeLinear, [x, scalar(1)], { precision: int(6) })).toBe(
      "FLAGOS_E_ATTRIBUTE: attribute 'precision' is int32, it must be a float type",
    );
  });
});

describe('DequantizeLinear', () => {
  it('subtracts integers exactly', () => {
    expect(valuesOf(DequantizeLinear, [i32(2 ** 24 + 1), scalar(1), i32(2 ** 24)])).toEqual([1]);
    expect(valuesOf(DequantizeLinear, [tensor('uint4', [0, 15]), scalar(0.5), tensor('uint4', [8], [])])).toEqual([-4, 3.5]);
  });
  it('gives the scale’s type, or another', () => {
    const q = tensor('int8', [3]);
    expect(call(DequantizeLinear, [q, tensor('float16', [0.5], [])]).dtype).toBe('float16');
    expect(call(DequantizeLinear, [q, scalar(0.5)], out('bfloat16')).dtype).toBe('bfloat16');
    const e8m0 = tensor('float8e8m0', [0.25], []);
    expect(valuesOf(DequantizeLinear, [q, e8m0], out('float32'))).toEqual([0.75]);
    expect(errorOf(() => call(DequantizeLinear, [q, e8m0]))).toBe(
      'FLAGOS_E_ATTRIBUTE: the output would be float8e8m0, it must be one of float32, float16, bfloat16',
    );
  });
  it('works on empty tensors', () => {
    expect(call(DequantizeLinear, [tensor('int8', [], [0, 2]), f32(1, 2)]).dims).toEqual([0, 2]);
  });
});

describe('DynamicQuantizeLinear', () => {
  const run = (x: Tensor): unknown[] => callAll(DynamicQuantizeLinear, [x]).map((t) => (t as Tensor).toValues());
  it('covers 0 and the data', () => {
    expect(run(f32(0, 255))).toEqual([[0, 255], [1], [0]]);
    expect(run(f32(-255, -100))).toEqual([[0, 155], [1], [255]]);
    expect(run(f32(1, 2.55))).toEqual([[100, 255], [Math.fround(Math.fround(2.55) / 255)], [0]]);
  });
  it('gives scale 1 to zeros and to nothing', () => {
    expect(run(f32(0, 0))).toEqual([[0, 0], [1], [0]]);
    expect(run(tensor('float32', [], [0]))).toEqual([[], [1], [0]]);
    expect(run(tensor('float32', [3], []))).toEqual([[255], [Math.fround(3 / 255)], [0]]);
  });
});
