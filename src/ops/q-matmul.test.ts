import { describe, expect, it } from 'vitest';
import { ConvInteger, MsQLinearConv, QLinearConv } from './q-conv.ts';
import { MatMulInteger, QGemm, QLinearMatMul } from './q-matmul.ts';
import { QLinearConcat, QLinearGlobalAveragePool } from './q-pool.ts';
import { call, errorOf, f32, i32, int, ints, tensor, valuesOf } from './testing.ts';

const u8 = (values: number[], ...dims: number[]): ReturnType<typeof tensor> =>
  tensor('uint8', values, dims.length ? dims : [values.length]);

describe('MatMulInteger', () => {
  const [a, b] = [u8([1, 2, 3, 4], 2, 2), u8([5, 6, 7, 8], 2, 2)];
  it('takes zero points off rows and columns', () => {
    expect(valuesOf(MatMulInteger, [a, b, u8([1, 3]), u8([5, 6])])).toEqual([2, 2, 2, 2]);
    expect(valuesOf(MatMulInteger, [a, b, u8([1], 1)])).toEqual([7, 8, 31, 36]);
  });
  it('says what does not fit', () => {
    expect(errorOf(() => call(MatMulInteger, [a, b, u8([1, 2, 3])]))).toBe(
      "FLAGOS_E_SHAPE: 'a_zero_point' has shape [3], it must hold one value or 2 values along axis 0 of [2, 2]",
    );
  });
});

describe('QLinearMatMul', () => {
  const matrices = (y: number, scale = 1): unknown[] =>
    valuesOf(QLinearMatMul, [u8([5], 1, 1), f32(1), u8([0]), u8([1], 1, 1), f32(1), u8([0]), f32(scale), u8([y])]);
  it('rounds half to even before the zero point comes in, and stays in range', () => {
    expect([matrices(1, 2), matrices(0, 2), matrices(253), matrices(0, 0.01)]).toEqual([[3], [2], [255], [255]]);
  });
  it('calculates float8 in float32', () => {
    const f8 = (v: number): ReturnType<typeof tensor> => tensor('float8e4m3fn', [v], [1, 1]);
    const zero = tensor('float8e4m3fn', [0]);
    expect(valuesOf(QLinearMatMul, [f8(3), f32(2), zero, f8(-1.5), f32(1), zero, f32(0.5), zero])).toEqual([-18]);
  });
});

it('QGemm without an output scale gives float32', () => {
  const y = call(QGemm, [u8([3, 4], 1, 2), f32(0.5), u8([1]), u8([1, 2], 2, 1), f32(2), u8([0]), i32(10)]);
  expect([y.dtype, y.toValues()]).toEqual(['float32', [18]]);
});

describe('quantized convolution', () => {
  const [x, w] = [u8([3, 3, 3], 1, 1, 3), u8([2, 2], 1, 1, 2)];
  it('adds nothing for padding', () => {
    expect(valuesOf(ConvInteger, [x, w, u8([1])], { pads: ints(1, 1) })).toEqual([4, 8, 8, 4]);
  });
  it('has a scale per feature map', () => {
    const maps = u8([1, 1], 2, 1, 1);
    const inputs = [x, f32(1), u8([0]), maps, f32(1, 10), u8([0, 0]), f32(1), u8([5]), i32(1, 2)];
    expect(valuesOf(QLinearConv, inputs)).toEqual([9, 9, 9, 55, 55, 55]);
    const last = [u8([3, 3, 3], 1, 3, 1), ...inputs.slice(1)];
    expect(valuesOf(MsQLinearConv, last, { channels_last: int(1) })).toEqual([9, 55, 9, 55, 9, 55]);
  });
});

describe('quantized pooling and concatenation', () => {
  it('brings every part to the output’s scale', () => {
    const y = call(QLinearConcat, [f32(1), u8([10]), u8([1, 2]), f32(2), u8([0]), u8([7]), f32(1), u8([3])], { axis: int(-1) });
    expect(y.toValues()).toEqual([12, 14, 14]);
    expect(errorOf(() => call(QLinearConcat, [f32(1), u8([10]), u8([1]), f32(2), u8([0]), u8([1])], { axis: int(0) }))).toBe(
      'FLAGOS_E_MODEL_INVALID: has 4 tensors, scales and zero points to concatenate, which is not a multiple of 3',
    );
  });
  it('averages in integers', () => {
    expect(valuesOf(QLinearGlobalAveragePool, [u8([1, 2, 4, 5], 1, 1, 4), f32(1), u8([1]), f32(0.5), u8([100])])).toEqual([104]);
  });
});
