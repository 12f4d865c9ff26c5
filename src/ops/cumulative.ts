/** Running sums and products along an axis, as a recurrence: one combination per element. */
import { add, cast, mul, sub, type Expr } from '../compiler/expr.ts';
import { compute, fill, scan, type TensorExpr } from '../compiler/tensor-expr.ts';
import { dtypeInfo } from '../core/dtype.ts';
import { flag } from './attrs.ts';
import { defineOp, value, type OpRecord } from './define.ts';
import { floats, indices } from './types.ts';
import { expectRank, insertAt, normalizeAxis, removeAt, scalarOf, workingType } from './util.ts';

interface Running {
  readonly exclusive: boolean;
  readonly reverse: boolean;
}

const running = (
  x: TensorExpr,
  axis: number,
  { exclusive, reverse }: Running,
  start: number,
  combine: (a: Expr, b: Expr) => Expr,
): TensorExpr => {
  const n = x.shape[axis]!;
  // Narrow floats are gathered in float32, or every step would round.
  const type = dtypeInfo(x.dtype).kind === 'float' ? workingType(x.dtype) : x.dtype;
  const order = (t: Expr): Expr => (reverse ? sub(n - 1, t) : t);
  const steps = scan(n, [fill(removeAt(x.shape, axis), start, type)], (t, [before]) => {
    const after = compute(before!.shape, (...i) => combine(before!.at(...i), cast(x.at(...insertAt(i, axis, order(t))), type)));
    return { state: [after], out: [exclusive ? before! : after] };
  });
  // Steps are stacked first; their axis goes back to its place.
  return compute(x.shape, (...i) => cast(steps.out[0]!.at(order(i[axis]!), ...removeAt(i, axis)), x.dtype));
};

const cumulative = (name: string, since: number, start: number, combine: (a: Expr, b: Expr) => Expr): OpRecord =>
  defineOp({
    name,
    since,
    inputs: { x: [...floats, 'int32', 'int64', 'uint32', 'uint64'], axis: value(indices) },
    outputs: { y: 'x' },
    attrs: { exclusive: flag(false), reverse: flag(false) },
    compute: ({ x, axis }, how) => {
      expectRank(x.shape, 1, 'x');
      return running(x, normalizeAxis(scalarOf(axis, 'axis'), x.rank), how, start, combine);
    },
  });

export const CumSum = cumulative('CumSum', 11, 0, add);
export const CumProd = cumulative('CumProd', 26, 1, mul);
