import { describe, expect, it } from 'vitest';
import type { Tensor } from '../core/tensor.ts';
import { GlobalLpPool } from './global-pool.ts';
import { MaxUnpool } from './max-unpool.ts';
import { AveragePool, LpPool, MaxPool } from './pool.ts';
import { call, callAll, errorOf, f32, i64, int, ints, tensor, valuesOf } from './testing.ts';

const line = tensor('float32', [1, 2, 3, 4, 5], [1, 1, 5]);

describe('MaxPool', () => {
  const x = tensor('float32', [1, 5, 2, 3, 5, 9, 7, 0, 9], [1, 1, 3, 3]);
  const places = (attrs: Parameters<typeof callAll>[2]): unknown[] =>
    callAll(MaxPool, [x], { kernel_shape: ints(2, 2), ...attrs }).map((t) => (t as Tensor).toValues());

  // Values from onnxruntime 1.32.
  it('names the first of equal elements, in either order of storage', () => {
    expect(places({})).toEqual([
      [5, 9, 7, 9],
      [1n, 5n, 6n, 5n],
    ]);
    expect(places({ storage_order: int(1) })).toEqual([
      [5, 9, 7, 9],
      [3n, 7n, 2n, 7n],
    ]);
  });
  it('leaves padding out, even of integers below zero', () => {
    const attrs = { kernel_shape: ints(3), pads: ints(1, 1) };
    expect(valuesOf(MaxPool, [tensor('int8', [-3, -2, -9], [1, 1, 3])], attrs)).toEqual([-2, -2, -2]);
  });
  it('finds NaN', () => {
    const [y, at] = callAll(MaxPool, [tensor('float32', [1, NaN, 3], [1, 1, 3])], { kernel_shape: ints(2) });
    expect([y, at].map((t) => (t as Tensor).toValues())).toEqual([
      [NaN, NaN],
      [1n, 1n],
    ]);
  });
  it('has no window that starts after the image', () => {
    expect(call(MaxPool, [line], { kernel_shape: ints(1), strides: ints(3), pads: ints(0, 0), ceil_mode: int(1) }).dims).toEqual([1, 1, 2]);
    expect(call(MaxPool, [line], { kernel_shape: ints(2), strides: ints(3), ceil_mode: int(1) }).dims).toEqual([1, 1, 2]);
  });
});

describe('AveragePool', () => {
  const attrs = { kernel_shape: ints(3), strides: ints(2), pads: ints(1, 0), ceil_mode: int(1) };
  // Values from onnxruntime 1.32.
  it('counts padding if asked, but never what only rounding up adds', () => {
    expect(valuesOf(AveragePool, [line], attrs)).toEqual([1.5, 3, 4.5]);
    expect(valuesOf(AveragePool, [line], { ...attrs, count_include_pad: int(1) })).toEqual([1, 3, 4.5]);
  });
  it('counts points of dilated windows', () => {
    expect(valuesOf(AveragePool, [line], { kernel_shape: ints(2), dilations: ints(3), pads: ints(2, 2) })).toEqual([2, 3, 2.5, 3.5, 3, 4]);
  });
});

it('Lp norms', () => {
  const x = tensor('float32', [3, -4, 0], [1, 1, 3]);
  expect(valuesOf(LpPool, [x], { kernel_shape: ints(2) })).toEqual([5, 4]);
  expect(valuesOf(LpPool, [x], { kernel_shape: ints(2), p: int(1) })).toEqual([7, 4]);
  expect(valuesOf(GlobalLpPool, [x], { p: int(3) })).toEqual([Math.fround(91 ** (1 / 3))]);
  expect(errorOf(() => call(LpPool, [x], { kernel_shape: ints(2), p: int(0) }))).toBe(
    "FLAGOS_E_ATTRIBUTE: attribute 'p' is 0, it must be at least 1",
  );
});

describe('MaxUnpool', () => {
  const [x, at] = [tensor('float32', [1, 2, 3, 4], [1, 1, 2, 2]), tensor('int64', [5, 7, 13, 15], [1, 1, 2, 2])];
  const attrs = { kernel_shape: ints(2, 2), strides: ints(2, 2) };
  it('puts the shape of the windows at the beginning of a larger one', () => {
    const y = call(MaxUnpool, [x, at, i64(1, 1, 5, 5)], attrs);
    expect(y.dims).toEqual([1, 1, 5, 5]);
    expect(y.toValues()).toEqual([0, 0, 0, 0, 0, 0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 3, 0, 4, 0, 0, 0, 0, 0, 0]);
  });
  it('refuses a smaller one', () => {
    expect(errorOf(() => call(MaxUnpool, [x, at, i64(1, 1, 3, 4)], attrs))).toBe(
      "FLAGOS_E_SHAPE: 'output_shape' is [1, 1, 3, 4], the windows need at least [1, 1, 4, 4]",
    );
  });
  it('needs a place for each element', () => {
    expect(errorOf(() => call(MaxUnpool, [x, i64(1)], attrs))).toBe("FLAGOS_E_SHAPE: 'I' has shape [1], it must be [1, 1, 2, 2]");
    expect(errorOf(() => call(MaxPool, [f32(1)], { kernel_shape: ints(1) }))).toBe(
      "FLAGOS_E_SHAPE: 'X' has shape [1], it must have at least 3 axes",
    );
  });
});
