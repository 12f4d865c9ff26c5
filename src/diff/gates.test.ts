/** Other people's rules against what their own libraries said of the same numbers, and what no sample covers by hand. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { DType } from '../core/dtype.ts';
import { Tensor } from '../core/tensor.ts';
import { parseGate } from './gates.ts';

const judge = (gate: string, dtype: DType, actual: readonly number[], golden: readonly number[], to = dtype): boolean | undefined =>
  parseGate(gate).judge(Tensor.from(dtype, [actual.length], actual), Tensor.from(to, [golden.length], golden)).ok;

/**
 * Element type, actual, golden; then what NumPy 2 says to rtol 1e-3, atol 1e-7 (ONNX's tolerances) and to rtol 1e-5, atol 1e-6,
 * and Polygraphy 0.53 by default: 1 passes. Most stand at a tolerance and at the numbers next to it.
 */
type Sample = readonly [dtype: DType, actual: number | string, golden: number | string, onnx: number, numpy: number, polygraphy: number];
const samples = JSON.parse(readFileSync(join(import.meta.dirname, 'gates-samples.json'), 'utf8')) as readonly Sample[];

describe('gates', () => {
  it.each([
    ['onnx', 3],
    ['numpy:1e-5,1e-6', 4],
    ['polygraphy', 5],
  ] as const)('%s says what the library says', (gate, column) => {
    const wrong = samples.filter(([dtype, a, g, ...said]) => judge(gate, dtype, [Number(a)], [Number(g)]) !== (said[column - 3] === 1));
    expect(wrong).toEqual([]);
    expect(samples.some((s) => s[column] === 1) && samples.some((s) => s[column] === 0)).toBe(true);
  });

  it('pytorch: its table, types that must be the same, NaN that equals nothing', () => {
    const passes = (dtype: DType, a: number, g: number): boolean | undefined => judge('pytorch', dtype, [a], [g]);
    // atol + rtol · 1 is 1.13e-5 in float32, 1.01e-3 in float16, 1.601e-2 in bfloat16, 2e-7 in float64.
    expect([passes('float32', 1 + 1.12e-5, 1), passes('float32', 1 + 1.14e-5, 1)]).toEqual([true, false]);
    expect([passes('float16', 1 + 2 ** -10, 1), passes('float16', 1 + 2 ** -9, 1)]).toEqual([true, false]);
    expect([passes('bfloat16', 1 + 2 ** -6, 1), passes('bfloat16', 1 + 3 * 2 ** -7, 1)]).toEqual([true, false]);
    expect([passes('float64', 1 + 1.9e-7, 1), passes('float64', 1 + 2.1e-7, 1)]).toEqual([true, false]);
    expect([passes('int32', 1, 1), passes('int32', 1000001, 1000000)]).toEqual([true, false]);
    expect([passes('float32', NaN, NaN), passes('float32', Infinity, Infinity), passes('float32', Infinity, 1)]).toEqual([
      false,
      true,
      false,
    ]);
    expect(judge('pytorch', 'float64', [1], [1], 'float32')).toBe(false);
    // |(3 + 4i) · 1e-7| + 1e-7 is 6e-7: parts alone would be refused.
    const complex = (re: number, im: number): Tensor => new Tensor('complex128', [1], Float64Array.of(re, im));
    expect(parseGate('pytorch').judge(complex(3, 4 + 5.9e-7), complex(3, 4)).ok).toBe(true);
    expect(parseGate('pytorch').judge(complex(3, 4 + 6.1e-7), complex(3, 4)).ok).toBe(false);
  });

  it('onnx: equal where NumPy has no such number', () => {
    expect([judge('onnx', 'bfloat16', [1], [1]), judge('onnx', 'bfloat16', [1], [1 + 2 ** -7])]).toEqual([true, false]);
    expect([judge('onnx', 'bfloat16', [NaN], [NaN]), judge('onnx', 'float32', [NaN], [NaN])]).toEqual([false, true]);
    expect(judge('onnx', 'bool', [1, 0], [1, 1])).toBe(false);
  });

  it('polygraphy looks at no types', () => expect(judge('polygraphy', 'float32', [1, 2], [1, 2], 'float64')).toBe(true));

  it('msprobe: cosine and largest error together, no verdict on single numbers', () => {
    const says = (a: readonly number[], g: readonly number[]): boolean | undefined => judge('msprobe:L1', 'float32', a, g);
    expect(says([1, 2, 3], [1, 2, 3.9])).toBe(true);
    expect(says([1, 2, 3], [1, 2, 4.5])).toBe(false);
    // Cosine 0.95 alone is not enough, with an error below 0.001 it passes, below 0.9 never.
    expect(says([1e-3, 3e-4], [1e-3, 0])).toBe(true);
    expect(says([1, 0.33], [1, 0])).toBe(false);
    expect(says([1e-4, 1e-4], [1e-4, 0])).toBe(false);
    expect([says([5], [1]), says([0, 0], [0, 0]), says([0, 0], [1e-4, 0]), says([0, 0], [2, 0])]).toEqual([undefined, true, true, false]);
    expect([says([NaN, 1], [NaN, 1]), says([Infinity, 1], [-Infinity, 1]), says([NaN, 1], [1, 1])]).toEqual([true, true, false]);
  });
});
