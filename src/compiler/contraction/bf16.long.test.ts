/**
 * Contractions in bfloat16 keep to what they declare: inputs rounded to bfloat16, sums in float32. By the
 * error model an element may differ by (2 u_in + γ) · Σ|a||b|, with u_in = 2⁻⁹ and γ that of float32 sums.
 */
import { describe, expect, it } from 'vitest';
import { conv } from '../../ops/conv.ts';
import { matmul } from '../../ops/matmul.ts';
import { transposed } from '../../ops/readable.ts';
import { abs, max, mul } from '../expr.ts';
import { compute, InputTensor, map, type TensorExpr } from '../tensor-expr.ts';
import { randomData, runJs, testCompiler } from './compile.test-util.ts';

const found = await testCompiler();
const ways = typeof found === 'string' ? [] : found.bf16;

type Build = (a: TensorExpr, b: TensorExpr) => TensorExpr;

const magnitude = (t: TensorExpr): TensorExpr => map(t, (e) => abs(e));

const check = (way: 'dot' | 'amx', a: InputTensor, b: InputTensor, steps: number, build: Build): void => {
  if (typeof found === 'string') throw new Error(found);
  const data = [randomData(a, 1), randomData(b, 2)];
  const [actual] = found.compile([a, b], [build(a, b)], { bf16: way }, 'bf16').run(data);
  const [exact, sizes] = [build(a, b), build(magnitude(a), magnitude(b))].map((t) => runJs([a, b], [t], data)[0]!);
  const gamma = Math.min(steps, 6 * Math.sqrt(steps)) * 2 ** -24;
  let narrowed = false;
  for (let i = 0; i < exact!.length; i++) {
    const difference = Math.abs(Number(actual![i]) - Number(exact![i]));
    narrowed ||= difference > gamma * Number(sizes![i]);
    const allowed = (2 * 2 ** -9 + gamma) * Number(sizes![i]) + 1e-30;
    if (!(difference <= allowed)) expect.fail(`element ${i} is ${actual![i]}, not ${exact![i]}: off by ${difference}, allowed ${allowed}`);
  }
  // Else the test would say nothing of bfloat16.
  if (steps >= 16 && exact!.length > 64) expect(narrowed).toBe(true);
};

const tensor = (name: string, ...dims: number[]): InputTensor => new InputTensor(name, 'float32', dims);

describe.skipIf(ways.length === 0)('bfloat16 contractions', () => {
  for (const way of ways) {
    for (const [m, k, n] of [
      [1, 64, 64],
      [3, 5, 70],
      [13, 31, 33],
      [14, 32, 32],
      [16, 33, 15],
      [17, 64, 65],
      [40, 100, 48],
      [65, 257, 31],
    ] as const) {
      it(`${way}: ${m} × ${k} × ${n}`, () => check(way, tensor('a', m, k), tensor('b', k, n), k, (a, b) => matmul(a, b)));
    }
    it(`${way}: transposed sides`, () => {
      check(way, tensor('a', 40, 50), tensor('b', 33, 40), 40, (a, b) => matmul(transposed(a), transposed(b)));
    });
    it(`${way}: something after the sum`, () => {
      check(way, tensor('a', 20, 64), tensor('b', 64, 48), 64, (a, b) => matmul(a, b, (e) => mul(e, 0.5)));
    });
    for (const [c, h, m, kernel, stride, pad, group] of [
      [16, 9, 32, 3, 1, 1, 1],
      [8, 12, 24, 3, 2, 0, 1],
      [64, 7, 40, 1, 1, 0, 1],
      [12, 8, 32, 5, 1, 2, 2],
    ] as const) {
      it(`${way}: convolution ${c} → ${m}, ${kernel}×${kernel}/${stride}, ${group} groups`, () => {
        const attrs = {
          auto_pad: 'NOTSET' as const,
          dilations: undefined,
          pads: [pad, pad, pad, pad],
          strides: [stride, stride],
          group,
          kernel_shape: undefined,
        };
        check(way, tensor('x', 1, c, h, h), tensor('w', m, c / group, kernel, kernel), (c / group) * kernel * kernel, (x, w) =>
          conv(x, w, undefined, attrs),
        );
      });
    }
    it(`${way}: what is no product is as ever`, () => {
      if (typeof found === 'string') throw new Error(found);
      const x = tensor('x', 33, 40);
      const y = compute([33, 40], (i, j) => max(x.at(i!, j!), 0));
      const data = [randomData(x, 3)];
      expect(found.compile([x], [y], { bf16: way }, 'bf16').run(data)).toEqual(runJs([x], [y], data));
    });
  }
});
