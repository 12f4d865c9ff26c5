import { describe, expect, it } from 'vitest';
import { Tensor } from '../core/tensor.ts';
import { metrics } from './metrics.ts';
import { precisionOf, roundTo, spacingAt } from './precision.ts';

const t = (...values: number[]): Tensor => Tensor.from('float32', [values.length], values);

describe('metrics', () => {
  it('by hand', () => {
    // Differences 0, 1, −2: Σd² = 5, golden² = 1 + 4 + 16 = 21.
    const m = metrics(t(1, 3, 2), t(1, 2, 4));
    expect(m).toMatchObject({ elements: 3, compared: 3, maxAbs: 2, meanAbs: 1, maxRel: 0.5, bias: -1 / 3, classMismatches: 0 });
    expect(m.meanRel).toBeCloseTo((0 + 0.5 + 0.5) / 3);
    expect(m.rmse).toBeCloseTo(Math.sqrt(5 / 3));
    expect(m.cosine).toBeCloseTo((1 + 6 + 8) / Math.sqrt(14 * 21));
    expect(m.sqnr).toBeCloseTo(10 * Math.log10(21 / 5));
    expect(m.psnr).toBeCloseTo(10 * Math.log10((3 * 9) / 5));
    expect(m.maxUlp).toBe(2 / 2 ** -21);
    expect(m.topK).toEqual({ 1: 0 });
  });

  it('equal tensors', () => {
    const m = metrics(t(1, 2), t(1, 2));
    expect(m).toMatchObject({ maxAbs: 0, maxUlp: 0, cosine: 1, sqnr: Infinity });
    // 24 bits: half a spacing of 2^−23 relative to 1 (and 2): 10·log10(12·2^46).
    expect(m.sqnrCeiling).toBeCloseTo(10 * Math.log10(12 * 2 ** 46));
  });

  it('counts classes apart', () => {
    const m = metrics(t(NaN, Infinity, 1, -Infinity), t(NaN, 1, 1, -Infinity));
    expect(m).toMatchObject({ compared: 1, classMismatches: 1, maxAbs: 0 });
    expect(m.actual).toEqual({ nan: 1, posInf: 1, negInf: 1 });
    expect(m.golden).toEqual({ nan: 1, posInf: 0, negInf: 1 });
  });
});

describe('precision', () => {
  it('spacing of neighbours', () => {
    const f32 = precisionOf('float32')!;
    expect(spacingAt(1, f32)).toBe(2 ** -23);
    expect(spacingAt(-3, f32)).toBe(2 ** -22);
    expect(spacingAt(0, f32)).toBe(2 ** -149);
    expect(spacingAt(2 ** -140, f32)).toBe(2 ** -149);
    expect(spacingAt(1, precisionOf('bfloat16')!)).toBe(2 ** -7);
    expect(f32.max).toBe(3.4028234663852886e38);
    expect(roundTo('bfloat16')(1 + 2 ** -9)).toBe(1);
  });
});
