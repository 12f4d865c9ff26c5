import { describe, expect, it } from 'vitest';
import { MaxRoiPool, RoiAlign } from './roi-pool.ts';
import { call, errorOf, i64, int, ints, tensor, text, valuesOf } from './testing.ts';

const picture = tensor(
  'float32',
  Array.from({ length: 16 }, (_, i) => i),
  [1, 1, 4, 4],
);

// Values from onnxruntime 1.32.
describe('RoiAlign', () => {
  // The second region is far larger than the picture: most of its samples lie outside.
  const regions = tensor('float32', [0, 0, 3, 3, -8, -8, 40, 40], [2, 4]);
  const attrs = { output_width: int(2) };
  it('takes as many samples as bins are wide', () => {
    expect(valuesOf(RoiAlign, [picture, regions, i64(0, 0)], attrs)).toEqual([4.3125, 5.75, 0.234375, 0]);
    expect(valuesOf(RoiAlign, [picture, regions, i64(0, 0)], { ...attrs, mode: text('max') })).toEqual([8, 8.75, 15, 0]);
  });
  it('gives zero for regions without extent', () => {
    expect(valuesOf(RoiAlign, [picture, tensor('float32', [2, 2, 1, 1], [1, 4]), i64(0)])).toEqual([0]);
  });
  it('refuses images the batch does not have', () => {
    expect(errorOf(() => call(RoiAlign, [picture, regions, i64(0, 1)]))).toBe(
      "FLAGOS_E_VALUE: 'batch_indices' names image 1 of a batch of 1",
    );
  });
  it('says what does not fit', () => {
    expect(errorOf(() => call(RoiAlign, [picture, regions, i64(0)]))).toBe("FLAGOS_E_SHAPE: 'batch_indices' has shape [1], it must be [2]");
    expect(errorOf(() => call(RoiAlign, [regions, regions, i64(0)]))).toBe("FLAGOS_E_SHAPE: 'X' has shape [2, 4], it must be [N, C, H, W]");
  });
});

describe('MaxRoiPool', () => {
  const attrs = { pooled_shape: ints(2, 1) };
  it('gives zero for bins outside of the picture', () => {
    const regions = tensor('float32', [0, 1, 1, 2, 3, 0, 10, 10, 12, 12], [2, 5]);
    expect(valuesOf(MaxRoiPool, [picture, regions], attrs)).toEqual([10, 14, 0, 0]);
  });
  it('refuses images the batch does not have', () => {
    expect(errorOf(() => call(MaxRoiPool, [picture, tensor('float32', [-1, 0, 0, 1, 1], [1, 5])], attrs))).toBe(
      "FLAGOS_E_VALUE: 'rois' names image -1 of a batch of 1",
    );
  });
});
