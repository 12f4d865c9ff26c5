import { describe, expect, it } from 'vitest';
import { GridSample } from './grid-sample.ts';
import { Resize } from './resize.ts';
import { call, errorOf, f32, float, i64, inferred, int, ints, tensor, text, valuesOf } from './testing.ts';

const line = tensor('float32', [1, 2, 4, 8]);
const sized = (x: ReturnType<typeof tensor>, attrs: Parameters<typeof call>[2], ...sizes: number[]): unknown[] =>
  valuesOf(Resize, [x, undefined, undefined, i64(...sizes)], attrs);

describe('Resize', () => {
  it('takes every type by the nearest element', () => {
    expect(sized(tensor('string', ['a', 'b']), { mode: text('nearest') }, 4)).toEqual(['a', 'a', 'b', 'b']);
    expect(sized(tensor('bool', [true, false]), {}, 1)).toEqual([true]);
    expect(errorOf(() => sized(tensor('string', ['a', 'b']), { mode: text('linear') }, 4))).toBe(
      "FLAGOS_E_DTYPE: input 'X' is string, mode 'linear' needs numbers",
    );
    expect(errorOf(() => sized(tensor('bool', [true, false]), { mode: text('cubic') }, 4))).toBe(
      "FLAGOS_E_DTYPE: input 'X' is bool, mode 'cubic' needs numbers",
    );
  });
  // Values of the second from onnx.reference 1.23.
  it('rounds integers half to even and keeps them in range', () => {
    const attrs = { mode: text('linear'), coordinate_transformation_mode: text('align_corners') };
    expect(sized(tensor('uint8', [0, 1, 2, 255]), attrs, 7)).toEqual([0, 0, 1, 2, 2, 128, 255]);
    expect(sized(tensor('uint8', [0, 255, 255, 0]), { mode: text('cubic') }, 8)).toEqual([0, 58, 197, 255, 255, 197, 58, 0]);
  });
  it('keeps the aspect ratio inside or outside of the sizes', () => {
    const x = tensor('float32', new Array<number>(12).fill(0), [3, 4]);
    const shape = (policy: string): unknown =>
      call(Resize, [x, undefined, undefined, i64(7, 6)], { keep_aspect_ratio_policy: text(policy) }).dims;
    expect([shape('stretch'), shape('not_larger'), shape('not_smaller')]).toEqual([
      [7, 6],
      [5, 6],
      [7, 9],
    ]);
  });
  it('shows a fixed value outside of a cropped region', () => {
    const attrs = { mode: text('linear'), coordinate_transformation_mode: text('tf_crop_and_resize'), extrapolation_value: float(-1) };
    expect(valuesOf(Resize, [line, f32(-1 / 3, 2 / 3), undefined, i64(4)], attrs)).toEqual([-1, 1, 2, 4]);
  });
  it('takes an empty tensor for one that is left out', () => {
    expect(valuesOf(Resize, [line, f32(), f32(), i64(2)], { coordinate_transformation_mode: text('asymmetric') })).toEqual([1, 4]);
  });
  it('says what does not fit', () => {
    expect(errorOf(() => call(Resize, [line]))).toBe("FLAGOS_E_MODEL_INVALID: has none of 'scales' and 'sizes', it must have one");
    expect(errorOf(() => call(Resize, [line, undefined, f32(1), i64(4)]))).toBe(
      "FLAGOS_E_MODEL_INVALID: has both of 'scales' and 'sizes', it must have one",
    );
    expect(errorOf(() => call(Resize, [line, undefined, f32(0)]))).toBe('FLAGOS_E_VALUE: scales [0] must be above 0');
    expect(errorOf(() => call(Resize, [line, undefined, f32(1, 2)]))).toBe("FLAGOS_E_SHAPE: 'scales' has 2 numbers, it must have 1");
    expect(errorOf(() => sized(tensor('float32', []), {}, 2))).toBe(
      'FLAGOS_E_SHAPE: axis 0 of shape [0] is empty, there is nothing to resize to 2',
    );
    expect(errorOf(() => sized(line, { antialias: int(1) }, 2))).toBe(
      "FLAGOS_E_ATTRIBUTE: attribute 'antialias' is for modes 'linear' and 'cubic', not 'nearest'",
    );
  });
  it('infers huge extents without building them', () => {
    expect(inferred(Resize, [line, undefined, undefined, i64(2 ** 40)])).toEqual([{ kind: 'tensor', dtype: 'float32', shape: [2 ** 40] }]);
  });
});

describe('GridSample', () => {
  const sample = (x: ReturnType<typeof tensor>, places: readonly number[], attrs: Parameters<typeof call>[2]): unknown[] =>
    valuesOf(GridSample, [x, tensor('float32', places, [1, places.length, 1])], attrs);
  const x = tensor('float32', [1, 2, 3, 4], [1, 1, 4]);
  it('treats places outside of the picture as the padding says', () => {
    const places = [-3, -1, 0, 1, 2];
    const attrs = { align_corners: int(1) };
    expect(sample(x, places, attrs)).toEqual([0, 1, 2.5, 4, 0]);
    expect(sample(x, places, { ...attrs, padding_mode: text('border') })).toEqual([1, 1, 2.5, 4, 4]);
    expect(sample(x, places, { ...attrs, padding_mode: text('reflection') })).toEqual([4, 1, 2.5, 4, 2.5]);
  });
  it('stays within memory for places that are no numbers', () => {
    for (const padding of ['zeros', 'border', 'reflection']) {
      for (const mode of ['nearest', 'linear', 'cubic']) {
        const values = sample(x, [NaN, Infinity, -Infinity], { mode: text(mode), padding_mode: text(padding) });
        expect(values.every((v) => typeof v === 'number')).toBe(true);
      }
    }
  });
  it('reads elements of every type at the nearest place', () => {
    const words = tensor('string', ['a', 'b'], [1, 1, 2]);
    expect(sample(words, [-0.5, 0.5, 3], { mode: text('nearest') })).toEqual(['a', 'b', '']);
    expect(errorOf(() => sample(words, [0], {}))).toBe("FLAGOS_E_DTYPE: input 'X' is string, mode 'linear' needs numbers");
  });
  it('says what does not fit', () => {
    expect(errorOf(() => call(GridSample, [x, f32(1)]))).toBe(
      "FLAGOS_E_SHAPE: 'grid' has shape [1], for 'X' of shape [1, 1, 4] it must be [1, …, 1]",
    );
  });
  it('keeps to the axes it is given', () =>
    expect(errorOf(() => call(Resize, [x], { axes: ints(3) }))).toBe('FLAGOS_E_VALUE: axes 3 is outside a tensor of rank 3'));
});
