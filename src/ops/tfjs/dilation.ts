/** Grey-scale dilation of [N, H, W, C] by a filter [h, w, C], and its gradients. */
import { add, and, cast, constant, eq, maxOf, minOf, select, sum, type Expr } from '../../compiler/expr.ts';
import { compute, ravel, type TensorExpr } from '../../compiler/tensor-expr.ts';
import { defineOp } from '../define.ts';
import { expectRank, expectShape } from '../util.ts';
import { windowPoint, type Windows } from '../windows.ts';
import { gatherFromWindows, imageOf, spatialAttrs, windowsOf, type SpatialAttrs } from './spatial.ts';

const types = ['float32', 'int32'] as const;
/** What tfjs starts a maximum from: the result of a window that sees nothing. */
const LOWEST = Number.MIN_SAFE_INTEGER;

const plan = (x: TensorExpr, w: TensorExpr, attrs: SpatialAttrs): Windows => {
  expectRank(x.shape, 4, 'X');
  expectShape([w.rank, w.shape.at(-1)!], [x.rank - 1, x.shape.at(-1)!], 'the axes and channels of W');
  return windowsOf(x.shape.slice(1, -1), w.shape.slice(0, -1), attrs);
};

const sums = (x: TensorExpr, w: TensorExpr, windows: Windows, n: Expr, p: readonly Expr[], k: readonly Expr[], c: Expr) => {
  const { inside, at } = windowPoint(windows, p, k);
  // In float64, as tfjs: sums that differ only beyond float32 are no tie.
  const wide = (e: Expr): Expr => cast(e, x.dtype === 'int32' ? 'int32' : 'float64');
  return { inside, value: add(wide(x.at(n, ...at, c)), wide(w.at(...k, c))) };
};

const dilated = (x: TensorExpr, w: TensorExpr, windows: Windows): TensorExpr =>
  imageOf(x.shape[0]!, windows.count, x.shape.at(-1)!, false, (n, p, c) =>
    maxOf(windows.kernel, (...k) => {
      const { inside, value } = sums(x, w, windows, n, p, k, c);
      return select(inside, value, x.dtype === 'int32' ? constant(-(2 ** 31), 'int32') : constant(LOWEST, 'float64'));
    }),
  );

/** Which point of the filter each window took its largest sum from: the first such. */
const chosen = (x: TensorExpr, w: TensorExpr, windows: Windows): TensorExpr => {
  const y = dilated(x, w, windows);
  const points = windows.kernel.reduce((p, d) => p * d, 1);
  return imageOf(x.shape[0]!, windows.count, x.shape.at(-1)!, false, (n, p, c) => {
    const found = minOf(windows.kernel, (...k) => {
      const { inside, value } = sums(x, w, windows, n, p, k, c);
      return select(and(inside, eq(value, y.at(n, ...p, c))), cast(ravel(k, windows.kernel), 'int32'), constant(points, 'int32'));
    });
    return select(eq(found, points), constant(0, 'int32'), found);
  });
};

export const Dilation2D = defineOp({
  name: 'Dilation2D',
  domain: 'tfjs',
  since: 1,
  inputs: { X: types, W: 'X' },
  outputs: { Y: 'X' },
  attrs: spatialAttrs,
  compute: ({ X, W }, attrs) => dilated(X, W, plan(X, W, attrs)),
  source: 'TensorFlow.js API, tf.dilation2d',
});

export const Dilation2DInputGrad = defineOp({
  name: 'Dilation2DInputGrad',
  domain: 'tfjs',
  since: 1,
  inputs: { X: types, W: 'X', dY: 'X' },
  outputs: { dX: 'X' },
  attrs: spatialAttrs,
  compute: ({ X, W, dY }, attrs) => {
    const windows = plan(X, W, attrs);
    const from = chosen(X, W, windows);
    expectShape(dY.shape, from.shape, 'dY');
    const shape = { batch: X.shape[0]!, channels: X.shape.at(-1)!, first: false };
    return gatherFromWindows(shape, windows, [], X.dtype, (n, _, w, k, c) =>
      select(eq(from.at(n, ...w, c), cast(ravel(k, windows.kernel), 'int32')), dY.at(n, ...w, c), constant(0, X.dtype)),
    );
  },
});

export const Dilation2DFilterGrad = defineOp({
  name: 'Dilation2DFilterGrad',
  domain: 'tfjs',
  since: 1,
  inputs: { X: types, W: 'X', dY: 'X' },
  outputs: { dW: 'X' },
  attrs: spatialAttrs,
  compute: ({ X, W, dY }, attrs) => {
    const windows = plan(X, W, attrs);
    const from = chosen(X, W, windows);
    expectShape(dY.shape, from.shape, 'dY');
    return compute(W.shape, (...i) => {
      const [k, c] = [i.slice(0, -1), i.at(-1)!];
      return sum([X.shape[0]!, ...windows.count], (n, ...w) =>
        select(eq(from.at(n!, ...w, c), cast(ravel(k, windows.kernel), 'int32')), dY.at(n!, ...w, c), constant(0, X.dtype)),
      );
    });
  },
});
