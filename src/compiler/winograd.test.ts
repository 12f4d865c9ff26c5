import { describe, expect, it } from 'vitest';
import { matricesOf, WINDOW, winogradMatrices, winogradPoints } from './winograd.ts';

const multiply = (a: readonly (readonly number[])[], x: readonly number[]): number[] =>
  a.map((row) => row.reduce((s, k, i) => s + k * x[i]!, 0));

describe('matrices of Winograd convolution', () => {
  it('are those of Lavin and Gray, up to signs and scales that cancel', () => {
    expect(winogradMatrices[2].results).toEqual([
      [1, 1, 1, 0],
      [0, 1, -1, 1],
    ]);
    const { patch, results } = matricesOf(4, [0, 1, -1, 2, -2]);
    expect(patch[0]).toEqual([4, 0, -5, 0, 1, 0]);
    expect(patch[5]).toEqual([0, 4, 0, -5, 0, 1]);
    expect(results[3]).toEqual([0, 1, -1, 8, -8, 1]);
  });

  it.each([2, 4] as const)('give the results of a window of 3 points: F(%i, 3)', (m) => {
    const { n, results, weights, patch } = winogradMatrices[m];
    const d = Array.from({ length: n }, (_, i) => ((i * 7) % 5) - 2);
    const g = [3, -1, 2];
    const products = multiply(weights, g).map((x, q) => x * multiply(patch, d)[q]!);
    multiply(results, products).forEach((y, i) => expect(y).toBeCloseTo(g[0]! * d[i]! + g[1]! * d[i + 1]! + g[2]! * d[i + 2]!, 12));
  });

  it.each([2, 4] as const)('take every window point from its own point of the patch: F(%i, 3)', (m) => {
    const { n, results, weights, patch } = winogradMatrices[m];
    for (let i = 0; i < m; i++)
      for (let k = 0; k < WINDOW; k++)
        for (let u = 0; u < n; u++) {
          const terms = weights.map((_, q) => results[i]![q]! * weights[q]![k]! * patch[q]![u]!);
          expect(terms.reduce((s, t) => s + t, 0)).toBeCloseTo(u === i + k ? 1 : 0, 12);
        }
  });

  it('have points of opposite sign side by side, whose rows share sums', () => {
    for (const m of [2, 4] as const) winogradPoints[m].slice(1).forEach((p, i, all) => i % 2 === 0 && expect(all[i + 1]).toBe(-p));
  });
});
