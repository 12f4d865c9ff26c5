import { describe, expect, it } from 'vitest';
import { NhwcConv } from './conv-fused.ts';
import { ConvTranspose } from './conv-transpose.ts';
import { Conv } from './conv.ts';
import { call, errorOf, ints, int, tensor, text, valuesOf } from './testing.ts';

const counted = (...dims: number[]): ReturnType<typeof tensor> =>
  tensor(
    'float32',
    Array.from({ length: dims.reduce((n, d) => n * d, 1) }, (_, i) => i + 1),
    dims,
  );

describe('Conv', () => {
  it('pads with zeros as the automatic padding asks', () => {
    const [x, w] = [counted(1, 1, 4), tensor('float32', [1, 10], [1, 1, 2])];
    expect(valuesOf(Conv, [x, w], { auto_pad: text('SAME_UPPER') })).toEqual([21, 32, 43, 4]);
    expect(valuesOf(Conv, [x, w], { auto_pad: text('SAME_LOWER') })).toEqual([10, 21, 32, 43]);
    expect(valuesOf(Conv, [x, w], { auto_pad: text('VALID'), strides: ints(2) })).toEqual([21, 43]);
  });

  it('keeps groups apart', () => {
    const w = tensor('float32', [1, 10, 100, 1000], [4, 1, 1]);
    expect(valuesOf(Conv, [counted(1, 2, 1), w, tensor('float32', [0, 0, 0, 5])], { group: int(2) })).toEqual([1, 10, 200, 2005]);
  });

  it('works on empty batches and channels', () => {
    expect(call(Conv, [counted(0, 2, 3), counted(1, 2, 2)]).dims).toEqual([0, 1, 2]);
    expect(valuesOf(Conv, [counted(1, 0, 2), counted(1, 0, 1), tensor('float32', [7])])).toEqual([7, 7]);
  });

  it('says what does not fit', () => {
    const x = counted(1, 2, 3);
    expect(errorOf(() => call(Conv, [x, counted(1, 3, 2)]))).toBe(
      "FLAGOS_E_SHAPE: 'X' has 2 channels, 'W' of shape [1, 3, 2] with 1 groups takes 3",
    );
    expect(errorOf(() => call(Conv, [x, counted(1, 2, 2, 2)]))).toBe(
      "FLAGOS_E_SHAPE: 'W' has shape [1, 2, 2, 2], it must have as many axes as 'X' of shape [1, 2, 3]",
    );
    expect(errorOf(() => call(Conv, [x, counted(3, 1, 2)], { group: int(2) }))).toBe(
      "FLAGOS_E_SHAPE: 'W' has 3 feature maps, which is not a multiple of 2 groups",
    );
    expect(errorOf(() => call(Conv, [x, counted(1, 2, 5)]))).toBe(
      'FLAGOS_E_SHAPE: a window of 5 does not fit into axis 2 of 3 with padding 0 and 0',
    );
    expect(errorOf(() => call(Conv, [x, counted(1, 2, 2)], { pads: ints(1) }))).toBe(
      "FLAGOS_E_ATTRIBUTE: attribute 'pads' is [1], it must have 2 numbers",
    );
    expect(errorOf(() => call(Conv, [x, counted(1, 2, 2)], { strides: ints(0) }))).toBe(
      "FLAGOS_E_ATTRIBUTE: attribute 'strides' is [0], 0 is below 1",
    );
    expect(errorOf(() => call(Conv, [x, counted(1, 2, 2), counted(2)]))).toBe("FLAGOS_E_SHAPE: 'B' has shape [2], it must be [1]");
  });
});

it('NhwcConv is Conv with channels last', () => {
  const x = tensor('float32', [1, 10, 2, 20, 3, 30], [1, 3, 2]);
  const w = tensor('float32', [1, 0, 0, 1, 0, 1, 1, 0], [2, 2, 2]);
  expect(call(NhwcConv, [x, w]).dims).toEqual([1, 2, 2]);
  expect(valuesOf(NhwcConv, [x, w])).toEqual([21, 12, 32, 23]);
  expect(valuesOf(NhwcConv, [x, tensor('float32', [1, 2, 3, 4], [4, 1, 1])], { group: int(2) })).toEqual([
    1, 2, 30, 40, 2, 4, 60, 80, 3, 6, 90, 120,
  ]);
});

describe('ConvTranspose', () => {
  // Values of the first two from onnxruntime 1.32.
  it('gathers what each output needs, with strides', () => {
    const y = call(ConvTranspose, [counted(1, 1, 2, 2), counted(1, 1, 3, 3)], {
      strides: ints(2, 2),
      pads: ints(1, 0, 0, 1),
      output_padding: ints(1, 0),
    });
    expect([y.dims, y.toValues()]).toEqual([
      [1, 1, 5, 4],
      [4, 5, 14, 10, 10, 14, 36, 24, 12, 15, 34, 20, 21, 24, 55, 32, 0, 0, 0, 0],
    ]);
  });
  it('and with dilations', () => {
    const y = call(ConvTranspose, [counted(1, 1, 3), counted(1, 2, 2)], { strides: ints(2), dilations: ints(3) });
    expect([y.dims, y.toValues()]).toEqual([
      [1, 2, 8],
      [1, 0, 2, 2, 3, 4, 0, 6, 3, 0, 6, 4, 9, 8, 0, 12],
    ]);
  });
  it('fills an output shape that is longer than all products with zeros', () => {
    expect(valuesOf(ConvTranspose, [counted(1, 1, 2), counted(1, 1, 1)], { strides: ints(3), auto_pad: text('SAME_UPPER') })).toEqual([
      1, 0, 0, 2, 0, 0,
    ]);
    expect(valuesOf(ConvTranspose, [counted(1, 1, 2), counted(1, 1, 2)], { output_shape: ints(5) })).toEqual([1, 4, 4, 0, 0]);
  });
  it('says what does not fit', () => {
    expect(errorOf(() => call(ConvTranspose, [counted(1, 2, 3), counted(1, 1, 2)]))).toBe(
      "FLAGOS_E_SHAPE: 'X' has 2 channels in 1 groups, 'W' of shape [1, 1, 2] takes 1",
    );
    expect(errorOf(() => call(ConvTranspose, [counted(1, 1, 1), counted(1, 1, 2)], { pads: ints(1, 1) }))).toBe(
      'FLAGOS_E_SHAPE: axis 2 of the output would have extent 0: padding 1 and 1 of 2',
    );
  });
});
