/** Pooling of whole images: one element per image and channel. */
import { div, maxOf, sum, type Expr } from '../compiler/expr.ts';
import type { TensorExpr } from '../compiler/tensor-expr.ts';
import { int } from './attrs.ts';
import { contraction, defineOp, exact, type Accuracy, type OpRecord } from './define.ts';
import { checkNorm, lpNorm } from './pool.ts';
import { overAxes, type Reduced } from './reduce.ts';
import { floats } from './types.ts';
import { expectRank, range } from './util.ts';

/** Over all axes after [N, C], which stay with extent 1. */
const overImage = (x: TensorExpr, element: (r: Reduced) => Expr): TensorExpr => {
  expectRank(x.shape, 2, 'X');
  return overAxes(x, range(x.rank).slice(2), true, element);
};

const globalPool = (name: string, element: (r: Reduced) => Expr, accuracy: Accuracy): OpRecord =>
  defineOp({
    name,
    since: 1,
    accuracy,
    inputs: { X: floats },
    outputs: { Y: 'X' },
    compute: ({ X }) => overImage(X, element),
  });

export const GlobalAveragePool = globalPool('GlobalAveragePool', ({ extents, count, read }) => div(sum(extents, read), count), contraction);
export const GlobalMaxPool = globalPool('GlobalMaxPool', ({ extents, read }) => maxOf(extents, read), exact);

export const GlobalLpPool = defineOp({
  name: 'GlobalLpPool',
  since: 2,
  inputs: { X: floats },
  outputs: { Y: 'X' },
  attrs: { p: int(2) },
  compute: ({ X }, { p }) => {
    checkNorm(p);
    return overImage(X, ({ extents, read }) => lpNorm(p, (f) => sum(extents, (...k) => f(read(...k)))));
  },
});
