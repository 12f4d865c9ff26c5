/** Whether two libraries computed the same: a time means nothing otherwise. */
import type { NumericData } from '../../src/core/dtype.ts';

/** Largest difference of floats, relative to the largest value. */
export const FLOAT_LIMIT = 1e-3;

export interface Agreement {
  readonly ok: boolean;
  /** Relative to the largest expected value for floats, absolute for integers. */
  readonly error: number;
}

/** @param levels by which integers may differ. */
export const agree = (got: NumericData, expected: NumericData, levels = 0): Agreement => {
  if (got.length !== expected.length) return { ok: false, error: Infinity };
  const float = expected instanceof Float32Array || expected instanceof Float64Array;
  let [worst, scale] = [0, 0];
  for (let i = 0; i < expected.length; i++) {
    const [a, b] = [Number(got[i]), Number(expected[i])];
    const difference = Math.abs(a - b);
    // Not a number is never equal, and must not pass for a difference of nothing.
    if (!(difference <= worst)) worst = Number.isNaN(difference) ? (Number.isNaN(a) && Number.isNaN(b) ? worst : Infinity) : difference;
    scale = Math.max(scale, Math.abs(b));
  }
  const error = float ? worst / (scale || 1) : worst;
  return { ok: error <= (float ? FLOAT_LIMIT : levels), error };
};
