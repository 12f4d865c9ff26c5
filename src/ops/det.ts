/** Determinants of square matrices. */
import { abs, and, cast, constant, div, eq, ge, gt, index, maxOf, minOf, mul, ne, neg, select, sub, type Expr } from '../compiler/expr.ts';
import { compute, map, reshape, scan, type TensorExpr } from '../compiler/tensor-expr.ts';
import { sizeOf } from '../core/tensor.ts';
import { contraction, defineOp } from './define.ts';
import { floats } from './types.ts';
import { expectRank, shapeError, showShape, widest } from './util.ts';

/**
 * Determinants by Gaussian elimination with row pivoting: one step for each column exchanges the row
 * of the largest element with the current one, multiplies it into the result and clears the column below.
 * @param a [batch, n, n] @returns [batch]; 1 for n = 0.
 */
export const determinants = (a: TensorExpr): TensorExpr => {
  const [batch, n] = a.shape as [number, number, number];
  const ones = compute([batch], () => constant(1, a.dtype));
  const { state } = scan(n, [a, ones], (t, [m, product]) => {
    const largest = compute([batch], (b) => maxOf(n, (r) => select(ge(r, t), abs(m!.at(b, r, t)), 0)));
    // NaN equals nothing: then the last row is taken, and NaN spreads from it.
    const pivotRow = compute([batch], (b) => minOf(n, (r) => select(and(ge(r, t), eq(abs(m!.at(b, r, t)), largest.at(b))), r, n - 1)));
    const swapped = compute([batch, n, n], (b, i, j) => {
      const p = index(pivotRow.at(b));
      return m!.at(b, select(eq(i, t), p, select(eq(i, p), t, i)), j);
    });
    const pivot = (b: Expr): Expr => swapped.at(b, t, t);
    const cleared = compute([batch, n, n], (b, i, j) => {
      const x = swapped.at(b, i, j);
      return select(and(gt(i, t), ne(pivot(b), 0)), sub(x, mul(div(swapped.at(b, i, t), pivot(b)), swapped.at(b, t, j))), x);
    });
    const next = compute([batch], (b) => {
      const factor = mul(product!.at(b), pivot(b));
      return select(eq(index(pivotRow.at(b)), t), factor, neg(factor));
    });
    return { state: [cleared, next] };
  });
  return state[1]!;
};

export const Det = defineOp({
  name: 'Det',
  since: 11,
  inputs: { X: floats },
  outputs: { Y: 'X' },
  compute: ({ X }) => {
    expectRank(X.shape, 2, 'X');
    const lead = X.shape.slice(0, -2);
    const [rows, columns] = X.shape.slice(-2) as [number, number];
    if (rows !== columns) throw shapeError(`'X' has shape ${showShape(X.shape)}, its last two axes must be equal`);
    const type = widest(X.dtype, 'float32');
    const wide = type === X.dtype ? X : map(X, (x) => cast(x, type));
    return reshape(determinants(reshape(wide, [sizeOf(lead), rows, rows])), lead);
  },
  accuracy: contraction,
});
