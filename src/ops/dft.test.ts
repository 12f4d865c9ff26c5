import { describe, expect, it } from 'vitest';
import type { Tensor } from '../core/tensor.ts';
import { DFT, STFT } from './dft.ts';
import { MelWeightMatrix } from './mel.ts';
import { call, errorOf, f32, i32, i64, int, tensor } from './testing.ts';

const signal = (n: number): number[] => Array.from({ length: n }, (_, i) => Math.sin(i * i + 1));
/** The definition: Σ x·exp(−2πi·kn/N). */
const plain = (x: readonly number[]): number[] =>
  x.flatMap((_, k) => [
    x.reduce((s, v, n) => s + v * Math.cos((2 * Math.PI * k * n) / x.length), 0),
    x.reduce((s, v, n) => s - v * Math.sin((2 * Math.PI * k * n) / x.length), 0),
  ]);
const expectClose = (actual: Tensor, expected: readonly number[]): void => {
  const values = actual.toNumbers();
  expect(values.length).toBe(expected.length);
  values.forEach((v, i) => expect(Math.abs(v - expected[i]!)).toBeLessThan(1e-9));
};
const column = (x: readonly number[], parts = 1): Tensor => tensor('float64', x, [1, x.length / parts, parts]);

describe('DFT', () => {
  it('is the plain sum for every length: powers, composites, primes', () => {
    for (const n of [1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 15, 16, 18, 25, 31, 60]) expectClose(call(DFT, [column(signal(n))]), plain(signal(n)));
  });
  it('comes back, from the whole spectrum and from half of it', () => {
    for (const n of [1, 2, 5, 8, 12]) {
      const x = column(signal(n));
      const back = call(DFT, [call(DFT, [x])], { inverse: int(1) });
      expectClose(
        back,
        signal(n).flatMap((v) => [v, 0]),
      );
      const half = call(DFT, [x], { onesided: int(1) });
      expect(half.dims).toEqual([1, Math.floor(n / 2) + 1, 2]);
      expectClose(call(DFT, [half, i64(n)], { inverse: int(1), onesided: int(1) }), signal(n));
    }
  });
  it('pads and cuts to dft_length', () => {
    expectClose(call(DFT, [column([1, 2, 3]), i64(5)]), plain([1, 2, 3, 0, 0]));
    expectClose(call(DFT, [column([1, 2, 3]), i32(2)]), plain([1, 2]));
  });
  it('says what does not fit', () => {
    expect(errorOf(() => call(DFT, [f32(1, 2, 3)]))).toBe("FLAGOS_E_SHAPE: 'input' has shape [3], it must have at least 2 axes");
    expect(errorOf(() => call(DFT, [column([1, 2, 3], 3)]))).toBe(
      "FLAGOS_E_SHAPE: 'input' has shape [1, 1, 3], its last axis must be 1 (real) or 2 (complex)",
    );
    expect(errorOf(() => call(DFT, [column([1]), undefined, i64(-1)]))).toBe(
      'FLAGOS_E_VALUE: axis 2 holds the parts of the numbers, it cannot be transformed',
    );
    expect(errorOf(() => call(DFT, [column([1]), i64(0)]))).toBe('FLAGOS_E_VALUE: dft_length is 0, it must be at least 1');
  });
});

describe('STFT', () => {
  it('transforms windowed frames', () => {
    const y = call(STFT, [column([1, 2, 3, 4, 5]), i64(2), tensor('float64', [1, 0.5, 0])], { onesided: int(0) });
    expect(y.dims).toEqual([1, 2, 3, 2]);
    expectClose(y, [...plain([1, 1, 0]), ...plain([3, 2, 0])]);
  });
  it('says what does not fit', () => {
    expect(errorOf(() => call(STFT, [column([1, 2]), i64(1), undefined, i64(3)]))).toBe(
      'FLAGOS_E_SHAPE: frames of 3 are longer than the signal of 2',
    );
    expect(errorOf(() => call(STFT, [column([1, 2]), i64(0)]))).toBe('FLAGOS_E_VALUE: frame_step 0 and frame_length 2 must be at least 1');
  });
});

it('MelWeightMatrix casts to integers by cutting', () => {
  const y = call(MelWeightMatrix, [i64(3), i64(16), i64(8192), f32(0), f32(4096)], { output_datatype: int(6) });
  expect([y.dtype, y.dims, Math.max(...y.toNumbers())]).toEqual(['int32', [9, 3], 1]);
});
