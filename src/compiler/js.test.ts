import { describe, expect, it } from 'vitest';
import { add, div, exp, floormod, index, lt, maxOf, mul, select, sub, sum, tanh } from './expr.ts';
import { compute, concat, InputTensor, map, reshape, scan, scatter, type TensorExpr } from './tensor-expr.ts';
import { lower } from './lower.ts';
import { renderJs } from './render/js.ts';

const run = (inputs: readonly InputTensor[], outputs: readonly TensorExpr[], data: readonly number[][]): number[][] => {
  const kernel = renderJs(lower(inputs, outputs));
  const out = outputs.map((o) => new Float32Array(o.size));
  kernel.run(
    data.map((d) => Float32Array.from(d)),
    out,
  );
  return out.map((o) => [...o]);
};
const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

describe('generated JavaScript', () => {
  it('multiplies matrices', () => {
    const a = new InputTensor('a', 'float32', [2, 3]);
    const b = new InputTensor('b', 'float32', [3, 2]);
    const c = compute([2, 2], (i, j) => sum(3, (k) => mul(a.at(i, k), b.at(k, j))));
    expect(run([a, b], [c], [range(6), range(6)])).toEqual([[10, 13, 28, 40]]);
  });

  it('shares one text between shapes of one structure', () => {
    const text = (n: number): string => {
      const x = new InputTensor('x', 'float32', [n, n + 1]);
      return renderJs(lower([x], [compute([n + 1, n], (i, j) => x.at(j, i))])).source;
    };
    expect(text(5)).toBe(text(17));
  });

  it('computes softmax, keeping the maximum and the sum out of the element loop', () => {
    const x = new InputTensor('x', 'float32', [2, 3]);
    const m = compute([2], (i) => maxOf(3, (k) => x.at(i, k)));
    const e = compute([2, 3], (i, j) => exp(sub(x.at(i, j), m.at(i))));
    const s = compute([2], (i) => sum(3, (k) => e.at(i, k)));
    const [y] = run([x], [compute([2, 3], (i, j) => div(e.at(i, j), s.at(i)))], [[1, 2, 3, 1000, 1000, 1000]]);
    expect(y!.slice(3)).toEqual([1 / 3, 1 / 3, 1 / 3].map(Math.fround));
    expect(y![2]).toBeCloseTo(0.66524, 5);
  });

  it('evaluates only the chosen side of a select, reductions included', () => {
    const x = new InputTensor('x', 'float32', [4]);
    const shifted = compute([4], (i) => select(lt(i, 2), 0, x.at(sub(i, 2))));
    const rows = compute([4], (i) =>
      select(
        lt(i, 2),
        sum(2, (k) => x.at(add(i, k))),
        -1,
      ),
    );
    expect(run([x], [shifted, rows], [[1, 2, 3, 4]])).toEqual([
      [0, 0, 1, 2],
      [3, 5, -1, -1],
    ]);
  });

  it('reshapes, concatenates and scatters', () => {
    const x = new InputTensor('x', 'float32', [2, 3]);
    const t = reshape(
      compute([3, 2], (i, j) => x.at(j, i)),
      [6],
    );
    const c = concat([t, map(t, (v) => mul(v, 10))], 0);
    const s = scatter(c, [6], (i) => ({ at: [floormod(mul(i, 2), 12)], value: index(i).type === 'index' ? 7 : 0 }), 'add');
    expect(run([x], [c, s], [range(6)])).toEqual([
      [0, 3, 1, 4, 2, 5, 0, 30, 10, 40, 20, 50],
      [7, 3, 8, 4, 9, 5, 7, 30, 17, 40, 27, 50],
    ]);
  });

  it('runs recurrences, hoisting what does not depend on the step', () => {
    const x = new InputTensor('x', 'float32', [4, 2]);
    const h0 = new InputTensor('h', 'float32', [2]);
    const doubled = compute([4, 2], (i, j) => sum(2, (k) => mul(x.at(i, j), add(mul(0, x.at(i, k)), 1))));
    const { state, out } = scan(4, [h0], (t, [h]) => {
      const next = compute([2], (j) => add(h!.at(j), doubled.at(t, j)));
      return { state: [next], out: [map(next, (v) => mul(v, 2))] };
    });
    expect(run([x, h0], [state[0]!, out[0]!], [range(8), [100, 200]])).toEqual([
      [124, 232],
      [200, 404, 208, 416, 224, 436, 248, 464],
    ]);
  });

  it('handles empty extents', () => {
    const x = new InputTensor('x', 'float32', [2, 0]);
    expect(run([x], [compute([2], (i) => sum(0, (k) => x.at(i, k))), map(x, tanh)], [[]])).toEqual([[0, 0], []]);
  });
});
