import { describe, expect, it } from 'vitest';
import type { Tensor } from '../core/tensor.ts';
import { Adagrad, Adam, Momentum } from './optimizers.ts';
import { callAll, errorOf, f32, float, i64, tensor, text } from './testing.ts';

const R = tensor('float64', [0.5], []);
const T = (n: number): Tensor => tensor('int64', [n], []);
const d = (...values: number[]): Tensor => tensor('float64', values);
const numbers = (values: readonly unknown[]): number[][] => values.map((v) => [...(v as Tensor).toNumbers()]);

describe('optimizers', () => {
  it('Momentum ignores beta in the first step', () => {
    const attrs = { alpha: float(0.5), beta: float(0.25), norm_coefficient: float(0), mode: text('standard') };
    expect(numbers(callAll(Momentum, [R, T(0), d(1), d(4), d(2)], attrs, 2))).toEqual([[-1.5], [5]]);
    expect(numbers(callAll(Momentum, [R, T(1), d(1), d(4), d(2)], attrs, 2))).toEqual([[0], [2]]);
    expect(numbers(callAll(Momentum, [R, T(1), d(1), d(4), d(2)], { ...attrs, mode: text('nesterov') }, 2))).toEqual([[-1.5], [2]]);
  });
  it('Adagrad decays the rate', () => {
    const attrs = { decay_factor: float(0.5), epsilon: float(1) };
    // r = 0.5 / (1 + 2·0.5) = 0.25; H = 7 + 9 = 16; X = 1 − 0.25·3 / (4 + 1).
    expect(numbers(callAll(Adagrad, [R, T(2), d(1), d(3), d(7)], attrs, 2))).toEqual([[1 - 0.75 / 5], [16]]);
  });
  it('Adam corrects its bias only after the first step', () => {
    const attrs = { alpha: float(0.5), beta: float(0.75), epsilon: float(0) };
    // V = 0.5·2 + 0.5·4 = 3; H = 0.75·16 + 0.25·16 = 16; X = 1 − 0.5·3/4.
    expect(numbers(callAll(Adam, [R, T(0), d(1), d(4), d(2), d(16)], attrs, 3))).toEqual([[0.625], [3], [16]]);
    const rate = (0.5 * Math.sqrt(1 - 0.75 ** 2)) / (1 - 0.5 ** 2);
    expect(numbers(callAll(Adam, [R, T(2), d(1), d(4), d(2), d(16)], attrs, 3))[0]![0]).toBeCloseTo(1 - rate * 0.75, 14);
  });
  it('update each variable in its own type', () => {
    const attrs = { alpha: float(1), beta: float(1), norm_coefficient: float(0), mode: text('standard') };
    const results = callAll(Momentum, [R, T(0), d(1), f32(2, 3), d(1), f32(1, 1), d(0), f32(0, 0)], attrs, 4) as Tensor[];
    expect(results.map((t) => t.dtype)).toEqual(['float64', 'float32', 'float64', 'float32']);
    expect(numbers(results)).toEqual([[0.5], [1.5, 2.5], [1], [1, 1]]);
  });
  it('say what does not fit', () => {
    expect(errorOf(() => callAll(Adagrad, [R, T(0), d(1), d(1), d(1), d(1)], {}, 2))).toBe(
      "FLAGOS_E_MODEL_INVALID: 'inputs' holds 4 tensors, there must be 3 for each variable",
    );
    expect(errorOf(() => callAll(Adagrad, [R, T(0), d(1), d(1, 2), d(1)], {}, 2))).toBe(
      "FLAGOS_E_SHAPE: 'inputs' has shape [2], it must be [1]",
    );
    expect(errorOf(() => callAll(Adagrad, [R, i64(1, 2), d(1), d(1), d(1)], {}, 2))).toBe(
      "FLAGOS_E_SHAPE: 'T' must hold one value, its shape is [2]",
    );
  });
});
