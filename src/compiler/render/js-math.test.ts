import { describe, expect, it } from 'vitest';
import * as math from './js-math.ts';
import { erf } from './js-runtime.ts';

/** Largest relative error over an interval. */
const worst = (f: (x: number) => number, exact: (x: number) => number, lo: number, hi: number): number => {
  let most = 0;
  for (let i = 0; i <= 20_000; i++) {
    const x = lo + ((hi - lo) * i) / 20_000;
    const y = exact(x);
    most = Math.max(most, Math.abs(f(x) - y) / Math.max(Math.abs(y), 1e-300));
  }
  return most;
};

describe('elementary functions of generated JavaScript', () => {
  it('are accurate far beyond float32', () => {
    expect(worst(math.exp, Math.exp, -700, 700)).toBeLessThan(1e-13);
    expect(worst(math.exp, Math.exp, -1, 1)).toBeLessThan(3e-15);
    expect(worst(math.tanh, Math.tanh, -20, 20)).toBeLessThan(1e-14);
    expect(worst(math.tanh, Math.tanh, -0.2, 0.2)).toBeLessThan(1e-14);
    expect(worst(math.sigmoid, (x) => 1 / (1 + Math.exp(-x)), -50, 50)).toBeLessThan(1e-14);
    expect(worst(math.erf, erf, -6, 6)).toBeLessThan(3e-15);
    // 1 + erf(x), as in GELU: what is left after cancelling. erfc(3) and erfc(5), Abramowitz & Stegun table 7.1 and DLMF 7.12.
    expect(1 + math.erf(-3)).toBeCloseTo(2.209049699858544e-5, 15);
    expect(1 - math.erf(5)).toBeCloseTo(1.5374597944280349e-12, 15);
  });

  it('keep limits, NaN and signs of zero', () => {
    expect([math.exp(-Infinity), math.exp(Infinity), math.exp(1000), math.exp(-1000), math.exp(NaN)]).toEqual([
      0,
      Infinity,
      Infinity,
      0,
      NaN,
    ]);
    expect([math.tanh(Infinity), math.tanh(-Infinity), math.tanh(NaN), math.tanh(-0)]).toEqual([1, -1, NaN, -0]);
    expect([math.sigmoid(Infinity), math.sigmoid(-Infinity), math.sigmoid(NaN)]).toEqual([1, 0, NaN]);
    expect([math.erf(Infinity), math.erf(-Infinity), math.erf(NaN), math.erf(-0)]).toEqual([1, -1, NaN, -0]);
  });
});
