/** Elementary functions on lanes, over the whole range, in units in the last place of float32. */
import { describe, expect, it } from 'vitest';
import { erf, exp, log, sigmoid, tanh, type Expr } from '../../compiler/expr.ts';
import { erf as exactErf } from '../../compiler/render/js-runtime.ts';
import { InputTensor, map } from '../../compiler/tensor-expr.ts';
import { runWasm } from './wasm.test-util.ts';

/** What a function gives for numbers; their count is a multiple of four plus one, so that single values are calculated too. */
const valuesOf = async (f: (x: Expr) => Expr, xs: readonly number[]): Promise<Float32Array> => {
  const x = new InputTensor('x', 'float32', [xs.length]);
  const { results } = await runWasm({ inputs: [x], data: [Float32Array.from(xs)], outputs: [map(x, f)] });
  return results[0] as Float32Array;
};

/** Distance of neighbours of a float32, that of the smallest normal numbers at least as far down as subnormals go. */
const ulp = (y: number): number => 2 ** Math.max(-149, Math.floor(Math.log2(Math.abs(y) || 2 ** -149)) - 23);

const worst = async (f: (x: Expr) => Expr, exact: (x: number) => number, lo: number, hi: number): Promise<number> => {
  const xs = Float32Array.from({ length: 40_001 }, (_, i) => lo + ((hi - lo) * i) / 40_000);
  const ys = await valuesOf(f, [...xs]);
  return xs.reduce((most, x, i) => Math.max(most, Math.abs(ys[i]! - exact(x)) / ulp(exact(x))), 0);
};

describe('elementary functions of generated WebAssembly', () => {
  it('are as accurate as they say', async () => {
    expect(await worst(exp, Math.exp, -104, 88.7)).toBeLessThan(1.2);
    expect(await worst(exp, Math.exp, -0.4, 0.4)).toBeLessThan(1.2);
    expect(await worst(log, Math.log, 1e-30, 10)).toBeLessThan(1.8);
    expect(await worst(log, Math.log, 1e-44, 1e-37)).toBeLessThan(1.8);
    expect(await worst(tanh, Math.tanh, -10, 10)).toBeLessThan(2.1);
    expect(await worst(sigmoid, (x) => 1 / (1 + Math.exp(-x)), -104, 80)).toBeLessThan(2.6);
    expect(await worst(erf, exactErf, -5, 5)).toBeLessThan(2.3);
  });

  it('keep limits and NaN', async () => {
    const xs = [-Infinity, Infinity, NaN, -1000, 1000];
    expect([...(await valuesOf(exp, xs))]).toEqual([0, Infinity, NaN, 0, Infinity]);
    expect([...(await valuesOf(sigmoid, xs))]).toEqual([0, 1, NaN, 0, 1]);
    expect([...(await valuesOf(tanh, xs))]).toEqual([-1, 1, NaN, -1, 1]);
    expect([...(await valuesOf(erf, xs))]).toEqual([-1, 1, NaN, -1, 1]);
    expect([...(await valuesOf(log, [0, Infinity, NaN, -1, 1]))]).toEqual([-Infinity, Infinity, NaN, NaN, 0]);
  });
});
