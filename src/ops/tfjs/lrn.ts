/** Local response normalization across the channels of [N, H, W, C], and its gradient. */
import { add, and, constant, div, ge, lt, mul, pow, select, sub, sum, type Expr } from '../../compiler/expr.ts';
import { compute, map, type TensorExpr } from '../../compiler/tensor-expr.ts';
import { float, int } from '../attrs.ts';
import { defineOp } from '../define.ts';

const types = ['float32', 'float64'] as const;
const attrs = { depth_radius: int(5), bias: float(1), alpha: float(1), beta: float(0.5) };

/** Σ over the channels within a radius of one, of what `term` gives for their number. */
const near = (channels: number, radius: number, c: Expr, term: (k: Expr) => Expr): Expr =>
  sum(2 * radius + 1, (j) => {
    // One past the radius, so that no number of a channel is below zero.
    const shifted = add(c, j!);
    const k = sub(shifted, radius);
    const inside = and(ge(shifted, radius), lt(shifted, channels + radius));
    const value = term(k);
    return select(inside, value, constant(0, value.type));
  });

const norms = (x: TensorExpr, radius: number, alpha: number, bias: number): TensorExpr =>
  compute(x.shape, (...i) => {
    const squares = near(x.shape.at(-1)!, radius, i.at(-1)!, (k) => {
      const e = x.at(...i.slice(0, -1), k);
      return mul(e, e);
    });
    return add(mul(squares, alpha), bias);
  });

export const LRN = defineOp({
  name: 'LRN',
  domain: 'tfjs',
  since: 1,
  inputs: { X: types },
  outputs: { Y: 'X' },
  attrs,
  compute: ({ X }, { depth_radius: radius, bias, alpha, beta }) => {
    const norm = norms(X, radius, alpha, bias);
    return compute(X.shape, (...i) => mul(X.at(...i), pow(norm.at(...i), -beta)));
  },
  source: 'TensorFlow.js API, tf.localResponseNormalization',
});

export const LRNGrad = defineOp({
  name: 'LRNGrad',
  domain: 'tfjs',
  since: 1,
  inputs: { X: types, Y: 'X', dY: 'X' },
  outputs: { dX: 'X' },
  attrs,
  compute: ({ X, Y, dY }, { depth_radius: radius, bias, alpha, beta }) => {
    const norm = norms(X, radius, alpha, bias);
    // What each output sends to every input near it: the same factor, times that input.
    const factor = compute(X.shape, (...i) => div(mul(mul(Y.at(...i), dY.at(...i)), -2 * alpha * beta), norm.at(...i)));
    const own = map(norm, (e) => pow(e, -beta));
    return compute(X.shape, (...i) => {
      const sent = near(X.shape.at(-1)!, radius, i.at(-1)!, (k) => factor.at(...i.slice(0, -1), k));
      return add(mul(X.at(...i), sent), mul(own.at(...i), dY.at(...i)));
    });
  },
});
