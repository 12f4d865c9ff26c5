import { describe, expect, it } from 'vitest';
import type { Tensor } from '../core/tensor.ts';
import { QLinearAdd, QLinearLeakyRelu, QLinearMul, QLinearSigmoid, QLinearSoftmax, QLinearWhere } from './qlinear.ts';
import { call, errorOf, f32, float, int, tensor, valuesOf } from './testing.ts';

const u8 = (...values: number[]): Tensor => tensor('uint8', values);
const byte = (value: number): Tensor => tensor('uint8', [value], []);
const scale = (value: number): Tensor => tensor('float32', [value], []);

// Expected values are onnxruntime 1.32's.
describe('ops on quantized tensors', () => {
  const x = u8(0, 50, 128, 255);
  const pair = [x, scale(0.1), byte(10), u8(200, 3, 200, 3), scale(0.2), byte(100)];

  it('QLinearAdd', () => {
    expect(valuesOf(QLinearAdd, [...pair, scale(0.15), byte(90)])).toEqual([217, 0, 255, 124]);
  });
  it('QLinearMul', () => {
    expect(valuesOf(QLinearMul, [...pair, scale(3), byte(90)])).toEqual([83, 64, 169, 0]);
  });
  it('QLinearSigmoid', () => {
    expect(valuesOf(QLinearSigmoid, [x, scale(0.1), byte(128), scale(1 / 256), byte(0)])).toEqual([0, 0, 128, 255]);
  });
  it('QLinearLeakyRelu', () => {
    expect(valuesOf(QLinearLeakyRelu, [x, scale(0.1), byte(128), scale(0.07), byte(60)], { alpha: float(0.25) })).toEqual([
      14, 32, 60, 241,
    ]);
  });
  it('QLinearSoftmax, over one axis, or as before version 13 over all behind it', () => {
    const rows = tensor('uint8', [3, 200, 17, 3, 200, 17, 90, 91, 255, 90, 91, 255], [2, 2, 3]);
    const inputs = [rows, scale(0.05), byte(10), scale(1 / 256), byte(0)];
    expect(valuesOf(QLinearSoftmax, inputs, { axis: int(-1), opset: int(13) })).toEqual([0, 255, 0, 0, 255, 0, 0, 0, 255, 0, 0, 255]);
    expect(valuesOf(QLinearSoftmax, inputs, { axis: int(1), opset: int(12) })).toEqual([0, 128, 0, 0, 128, 0, 0, 0, 128, 0, 0, 128]);
  });
  it('QLinearWhere', () => {
    const i8 = (...values: number[]): Tensor => tensor('int8', values);
    const where = [
      tensor('bool', [true, false, true, false]),
      i8(-100, 5, 3, 127),
      scale(0.1),
      i8(3),
      i8(7, -7, 9, 100),
      scale(0.2),
      i8(-4),
    ];
    expect(valuesOf(QLinearWhere, [...where, scale(0.15), i8(1)])).toEqual([-68, -3, 1, 127]);
  });
  it('take omitted zero points for 0', () => {
    expect(valuesOf(QLinearMul, [u8(2, 3), scale(1), undefined, u8(5), scale(1), undefined, scale(1)])).toEqual([10, 15]);
  });
  it('want one scale', () => {
    expect(errorOf(() => call(QLinearSigmoid, [x, f32(1, 2), byte(0), scale(1)]))).toBe(
      "FLAGOS_E_SHAPE: 'X_scale' must hold one value, its shape is [2]",
    );
  });
});
