/** Where the largest or smallest element is. */
import { dtypeInfo } from '../core/dtype.ts';
import { constant, eq, isnan, maxOf, minOf, or, select, type Expr } from '../compiler/expr.ts';
import type { Schedule } from '../compiler/explicit/schedule.ts';
import type { TensorExpr } from '../compiler/tensor-expr.ts';
import { flag, int } from './attrs.ts';
import { defineOp, exact, type OpRecord } from './define.ts';
import { overAxes } from './reduce.ts';
import { numeric } from './types.ts';
import { expectRank, normalizeAxis, shapeError, showShape } from './util.ts';

/**
 * Index of the first (or last) extreme element along an axis, int64. The extreme is found first, then
 * the place it stands at: two plain reductions. NaN counts as extreme, as in numpy.
 */
export const argOf = (x: TensorExpr, axis: number, keep: boolean, which: 'max' | 'min', last = false): TensorExpr => {
  const n = x.shape[axis]!;
  if (n === 0) throw shapeError(`axis ${axis} of shape ${showShape(x.shape)} is empty, it has no largest or smallest element`);
  const extreme = overAxes(x, [axis], true, ({ extents, read }) => (which === 'max' ? maxOf : minOf)(extents, read));
  const isFloat = dtypeInfo(x.dtype).kind === 'float';
  return overAxes(x, [axis], keep, ({ extents, read, at }) => {
    const found = (k: Expr): Expr => {
      const e = read(k);
      const same = eq(e, extreme.at(...at));
      return isFloat ? or(same, isnan(e)) : same;
    };
    const index = (n: number): Expr => constant(n, 'index');
    return last ? maxOf(extents, (k) => select(found(k!), k!, index(0))) : minOf(extents, (k) => select(found(k!), k!, index(n - 1)));
  });
};

/** Positions that are looked at together. */
const TOGETHER = 512;

/**
 * Where the axis that is searched is not the last, elements that follow it in memory are searched
 * together, row by row: one by one, each would touch all rows.
 */
const rowByRow = (s: Schedule, { axis, keepdims }: { readonly axis: number; readonly keepdims: boolean }): void => {
  // The schedule is the output's, which may lack the axis.
  const rank = s.shape.length + (keepdims ? 0 : 1);
  if (normalizeAxis(axis, rank) === rank - 1) return;
  const [tiles, inside] = s.tile(s.axis(-1), TOGETHER);
  s.order(...s.axes.slice(0, -1), tiles, s.reductions, inside);
};

const argOp = (name: string, which: 'max' | 'min'): OpRecord =>
  defineOp({
    name,
    since: 1,
    accuracy: exact,
    inputs: { data: numeric },
    outputs: { reduced: 'int64' },
    attrs: { axis: int(0), keepdims: flag(true), select_last_index: flag(false) },
    compute: ({ data }, { axis, keepdims, select_last_index: last }) => {
      expectRank(data.shape, 1, 'data');
      return argOf(data, normalizeAxis(axis, data.rank), keepdims, which, last);
    },
    schedules: { cpu: rowByRow, wasm: rowByRow },
  });

export const ArgMax = argOp('ArgMax', 'max');
export const ArgMin = argOp('ArgMin', 'min');
