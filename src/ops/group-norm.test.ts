import { describe, expect, it } from 'vitest';
import { compute, reshape, type TensorExpr } from '../compiler/tensor-expr.ts';
import { Tensor } from '../core/tensor.ts';
import { groupNorm } from './group-norm.ts';
import { runExpression } from './run-expression.ts';

const numbers = (dims: readonly number[], of: (i: number) => number): Tensor =>
  Tensor.from(
    'float32',
    dims,
    Array.from({ length: dims.reduce((n, d) => n * d, 1) }, (_, i) => of(i)),
  );
const [N, C, H, W, GROUPS, EPSILON] = [2, 6, 3, 4, 3, 1e-3];
const x = numbers([N, C, H, W], (i) => ((i * 7919) % 61) / 10 - 3);
const scale = numbers([C], (i) => 1 + i / 4);
const bias = numbers([C], (i) => i - 2);

/** Element by element, from the definition. */
const plainly = (scaleOf: (c: number) => number, biasOf: (c: number) => number): number[] => {
  const [data, size] = [[...x.toNumbers()], (C / GROUPS) * H * W];
  return data.map((v, i) => {
    const start = Math.floor(i / size) * size;
    const group = data.slice(start, start + size);
    const mean = group.reduce((a, b) => a + b, 0) / size;
    const variance = group.reduce((a, b) => a + (b - mean) ** 2, 0) / size;
    const c = Math.floor(i / (H * W)) % C;
    return ((v - mean) / Math.sqrt(variance + EPSILON)) * scaleOf(c) + biasOf(c);
  });
};
const expectClose = (actual: Tensor, dims: readonly number[], expected: readonly number[]): void => {
  expect(actual.dims).toEqual(dims);
  [...actual.toNumbers()].forEach((v, i) => expect(v).toBeCloseTo(expected[i]!, 5));
};
const s = scale.toNumbers();
const b = bias.toNumbers();

describe('group norm', () => {
  it('takes statistics of the channels of a group together', () => {
    const y = runExpression([x, scale, bias], (...t) => groupNorm(t[0]!, t[1]!, t[2]!, GROUPS, EPSILON, 'float32'));
    expectClose(
      y,
      [N, C, H, W],
      plainly(
        (c) => s[c]!,
        (c) => b[c]!,
      ),
    );
  });

  it('written as an instance norm of a view is the same, with a scale for each group', () => {
    const [few, shift] = [numbers([GROUPS], (i) => 2 - i), numbers([GROUPS], (i) => i)];
    const expected = plainly(
      (c) => 2 - Math.floor((c * GROUPS) / C),
      (c) => Math.floor((c * GROUPS) / C),
    );
    const viewed = (t: readonly TensorExpr[], source: TensorExpr): TensorExpr =>
      groupNorm(reshape(source, [N, GROUPS, (C / GROUPS) * H * W]), t[1]!, t[2]!, GROUPS, EPSILON, 'float32');
    const inputs = [x, few, shift];
    expectClose(
      runExpression(inputs, (...t) => viewed(t, t[0]!)),
      [N, GROUPS, (C / GROUPS) * H * W],
      expected,
    );
    const back = runExpression(inputs, (...t) =>
      reshape(
        viewed(
          t,
          compute([N, C, H, W], (...i) => t[0]!.at(...i)),
        ),
        [N, C, H, W],
      ),
    );
    expectClose(back, [N, C, H, W], expected);
  });

  it('looks through no view that mixes instances, or splits a channel', () => {
    const one = numbers([1], () => 1);
    // All of both instances as one: the view's first axis is not the tensor's.
    const mixed = runExpression([x, one, numbers([1], () => 0)], (...t) =>
      groupNorm(reshape(t[0]!, [1, 1, N * C * H * W]), t[1]!, t[2]!, 1, EPSILON, 'float32'),
    );
    const all = [...x.toNumbers()];
    const mean = all.reduce((p, q) => p + q, 0) / all.length;
    const deviation = Math.sqrt(all.reduce((p, q) => p + (q - mean) ** 2, 0) / all.length + EPSILON);
    expectClose(
      mixed,
      [1, 1, N * C * H * W],
      all.map((v) => (v - mean) / deviation),
    );
    // Two groups of each channel: more groups than the tensor behind has channels.
    const split = runExpression([x, numbers([12], () => 1), numbers([12], () => 0)], (...t) =>
      groupNorm(reshape(t[0]!, [N, 12, (H * W) / 2]), t[1]!, t[2]!, 12, EPSILON, 'float32'),
    );
    const first = all.slice(0, 6);
    const m = first.reduce((p, q) => p + q, 0) / 6;
    expect(split.toNumbers()[0]).toBeCloseTo((all[0]! - m) / Math.sqrt(first.reduce((p, q) => p + (q - m) ** 2, 0) / 6 + EPSILON), 5);
  });
});
