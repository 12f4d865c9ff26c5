/** Softmax, its logarithm and its limit, along one axis. */
import { cast, eq, exp, log, maxOf, mul, reciprocal, sub, sum } from '../compiler/expr.ts';
import { atBroadcast, compute, map, type TensorExpr } from '../compiler/tensor-expr.ts';
import { argOf } from './arg-reduce.ts';
import { int } from './attrs.ts';
import { contraction, defineOp, exact, type Accuracy, type OpRecord } from './define.ts';
import { overAxes } from './reduce.ts';
import { floats } from './types.ts';
import { expectRank, normalizeAxis, workingType } from './util.ts';

/** x less the largest element of its row, which is what keeps exp from overflowing; in float32 at least. */
const shifted = (x: TensorExpr, axis: number): TensorExpr => {
  const type = workingType(x.dtype);
  const largest = overAxes(x, [axis], true, ({ extents, read }) => maxOf(extents, read));
  return compute(x.shape, (...i) => sub(cast(x.at(...i), type), cast(atBroadcast(largest, i), type)));
};

/** exp(x) / Σ exp(x) along a normalized axis. */
export const softmax = (x: TensorExpr, axis: number): TensorExpr => {
  const e = map(shifted(x, axis), exp);
  // One division per row: the sum is at least 1, so its reciprocal is as good as any number.
  const share = overAxes(e, [axis], true, ({ extents, read }) => reciprocal(sum(extents, read)));
  return compute(x.shape, (...i) => cast(mul(e.at(...i), atBroadcast(share, i)), x.dtype));
};

/** log(softmax(x)), without the rounding of a softmax near 0. */
export const logSoftmax = (x: TensorExpr, axis: number): TensorExpr => {
  const s = shifted(x, axis);
  const logTotal = overAxes(s, [axis], true, ({ extents, read }) => log(sum(extents, (...k) => exp(read(...k)))));
  return compute(x.shape, (...i) => cast(sub(s.at(...i), atBroadcast(logTotal, i)), x.dtype));
};

/** 1 at the first largest element, 0 elsewhere. */
const hardmax = (x: TensorExpr, axis: number): TensorExpr => {
  if (x.size === 0) return x;
  const where = argOf(x, axis, true, 'max');
  return compute(x.shape, (...i) => cast(eq(cast(i[axis]!, 'int64'), atBroadcast(where, i)), x.dtype));
};

const rowWise = (name: string, f: (x: TensorExpr, axis: number) => TensorExpr, accuracy: Accuracy = contraction): OpRecord =>
  defineOp({
    name,
    since: 13,
    accuracy,
    inputs: { input: floats },
    outputs: { output: 'input' },
    attrs: { axis: int(-1) },
    compute: ({ input }, { axis }) => {
      expectRank(input.shape, 1, 'input');
      return f(input, normalizeAxis(axis, input.rank));
    },
  });

export const Softmax = rowWise('Softmax', softmax);
export const LogSoftmax = rowWise('LogSoftmax', logSoftmax);
export const Hardmax = rowWise('Hardmax', hardmax, exact);
